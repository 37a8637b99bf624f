"""Texts that join and leave a running batch come out as if each were alone, and in company their
logits are the same bit for bit, whoever the company is."""

import random

import pytest
import torch
from test_families import checkpoint
from test_pretrained import gpt2, llama3

from llmlib import data, generate, pretrained
from llmlib.continuous_batching import MOST_TEXTS, PIECE, ContinuousBatch
from llmlib.fast.quantized import KINDS

pytestmark = pytest.mark.unit


def written(model, texts, joins, leaves=()):
    """(new ids, their logits) of each of `texts` (ids, arguments of `add`), which joins the batch
    before the step of that number in `joins`; those in `leaves` leave after their second token.
    """
    batch, number, found = ContinuousBatch(model), {}, [([], []) for _ in texts]
    step = 0
    while len(batch) or step <= max(joins):
        for i, (ids, arguments) in enumerate(texts):
            if joins[i] == step:
                number[batch.add(ids, **arguments)] = i
        for text, new, logits in batch.step():
            i = number[text]
            found[i][0].append(new)
            found[i][1].append(logits.clone())
            if i in leaves and len(found[i][0]) == 2:
                batch.remove(text)
        step += 1
    return found


def assert_as_if_alone(model, texts, joins, leaves=(), near=1e-4):
    """`near`: how far logits may be from those of the text alone, whose products have one row."""
    together = written(model, texts, joins, leaves)
    for i, text in enumerate(texts):
        ids, logits = written(model, [text], [0])[0]
        if i in leaves:
            assert together[i][0] == ids[:2]
        else:
            assert together[i][0] == ids
            assert torch.allclose(torch.stack(together[i][1]), torch.stack(logits), atol=near)


@pytest.mark.parametrize("others", [1, 3, MOST_TEXTS - 1])
def test_in_company_the_logits_are_the_same_bit_for_bit(tmp_path, others):
    llama3(tmp_path)
    model = pretrained.load(tmp_path)
    text = ([5, 6, 7], {"max_new_tokens": 12, "stop_ids": (), "temperature": 0.0})
    long = {"max_new_tokens": 30, "stop_ids": (), "temperature": 0.0}
    found = []
    for company in ([([9], long)], [([i + 1, 8], long) for i in range(others)]):
        found.append(written(model, [*company, text], [0] * len(company) + [2])[-1])
    assert found[0][0] == found[1][0]
    assert torch.equal(*(torch.stack(logits) for _, logits in found))


@pytest.mark.parametrize("make", [gpt2, llama3])
def test_random_texts_that_join_and_leave(tmp_path, make):
    make(tmp_path)
    model, chance = pretrained.load(tmp_path), random.Random(0)
    vocab = model.config.vocab_size
    for _ in range(3):
        texts = []
        for i in range(MOST_TEXTS):
            ids = [chance.randrange(vocab) for _ in range(chance.randrange(1, PIECE + 20))]
            ids = ids[: model.config.context - 2]
            arguments = {"max_new_tokens": chance.randrange(1, 20), "temperature": float(i % 2)}
            texts.append((ids, arguments | {"seed": i, "stop_ids": (chance.randrange(vocab),)}))
        joins = [chance.randrange(12) for _ in texts]
        assert_as_if_alone(model, texts, joins, leaves={1, 4})


def test_a_text_is_what_generate_writes(tmp_path):
    llama3(tmp_path)
    model = pretrained.load(tmp_path)
    for settings in ({"temperature": 0.0}, {"temperature": 1.0, "seed": 3}):
        arguments = {"max_new_tokens": 12, **settings}
        ids = [5, 6, 7]
        assert written(model, [(ids, arguments)], [0])[0][0] == list(
            generate(model, ids, **arguments)
        )


@pytest.mark.parametrize("name", ["Mistral, window", "Ministral", "OLMo 3", "Gemma 3", "SmolLM3"])
def test_each_layer_has_its_own_window_and_its_own_rope(tmp_path, name):
    checkpoint(tmp_path, name)
    model = pretrained.load(tmp_path)
    texts = [(list(range(3, 3 + n)), {"max_new_tokens": 24}) for n in (4, 17, 30)]
    for (ids, _), (new, logits) in zip(texts, written(model, texts, [0, 2, 5])):
        assert new == list(generate(model, ids, 24))
        assert torch.allclose(logits[-1], model([*ids, *new[:-1]])[0, -1], atol=1e-4)


def test_a_long_prompt_is_read_between_the_steps_of_the_others(tmp_path):
    llama3(tmp_path)
    model = pretrained.load(tmp_path)
    batch = ContinuousBatch(model)
    quick = batch.add([1], 20, stop_ids=(), temperature=0.0)
    batch.step()
    long = batch.add([2] * (3 * PIECE), 2, stop_ids=(), temperature=0.0)
    came = [[text for text, *_ in batch.step()] for _ in range(3)]
    assert came == [[quick], [quick], [quick, long]]


def test_what_generate_refuses_is_refused_and_a_full_batch_takes_no_more(tmp_path):
    llama3(tmp_path)
    batch = ContinuousBatch(pretrained.load(tmp_path))
    with pytest.raises(ValueError, match="temperature is -1"):
        batch.add([1], 2, temperature=-1.0)
    texts = [batch.add([1], 2, temperature=0.0) for _ in range(MOST_TEXTS)]
    with pytest.raises(RuntimeError, match="the batch is full"):
        batch.add([1], 2, temperature=0.0)
    batch.remove(texts[0])
    batch.add([1], 2, temperature=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_eight_texts_of_smollm2(kind):
    model = pretrained.load("smollm2", kind)
    stories = data.stories("held_out")
    lengths = (20, 60, 150, 200, 240, 300, 340, 400)  # letters
    prompts = [
        model.tokenizer.encode(story.text[:length]) for story, length in zip(stories, lengths)
    ]
    new = 64 if kind == "float32" else 16
    arguments = {"max_new_tokens": new, "stop_ids": (), "temperature": 0.0}
    texts = [(ids, arguments) for ids in prompts]
    assert_as_if_alone(model, texts, joins=[0, 3, 3, 7, 9, 12, 13, 20])
    if kind == "float32":
        for ids, (made, _) in zip(prompts, written(model, texts, [0] * 8)):
            assert made == list(generate(model, ids, new, stop_ids=()))
