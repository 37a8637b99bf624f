"""Texts that join and leave a running batch come out as if each were alone. Among others, a text's
logits are the same bit for bit, whichever texts the others are."""

import random
from dataclasses import replace

import pytest
import torch
from test_families import checkpoint
from test_pretrained import gpt2, llama3

from llmlib import data, generate, pretrained
from llmlib.fast.quantized import KINDS
from llmlib.serve.continuous_batching import BLOCK, MOST_TEXTS, ContinuousBatch
from llmlib.serve.prefix_cache import PrefixCache

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.verdict()]


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


def assert_as_if_alone(model, texts, joins, leaves=()):
    """Bit for bit, but for float32: there a text alone takes the product of one row."""
    together, packed = written(model, texts, joins, leaves), ContinuousBatch(model).packed
    for i, text in enumerate(texts):
        ids, logits = written(model, [text], [0])[0]
        if i in leaves:
            assert together[i][0] == ids[:2]
        else:
            assert together[i][0] == ids
            one, other = torch.stack(together[i][1]), torch.stack(logits)
            assert torch.equal(one, other) if packed else torch.allclose(one, other, atol=1e-4)


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
            ids = [chance.randrange(vocab) for _ in range(chance.randrange(1, BLOCK + 20))]
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


WINDOWS = ["Mistral, window", "Ministral", "OLMo 3", "Gemma 3", "SmolLM3"]  # each layer its own
EXPERTS = ["Mixtral", "Qwen3-MoE"]


@pytest.mark.parametrize("name", [*WINDOWS, *EXPERTS])
def test_texts_of_every_kind_of_layer_are_what_generate_writes(tmp_path, name):
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
    long = batch.add([2] * (3 * BLOCK), 2, stop_ids=(), temperature=0.0)
    came = [[text for text, *_ in batch.step()] for _ in range(3)]
    assert came == [[quick], [quick], [quick, long]]


def reading(model):
    """The model, and a list that gets the length of every block of ids that it sees."""
    lengths, embedding = [], model.parts.embedding

    def watched(ids, table):
        lengths.append(ids.numel())
        return embedding(ids, table)

    return replace(model, parts=replace(model.parts, embedding=watched)), lengths


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_beginning_that_was_read_before_is_copied_bit_for_bit(tmp_path, kind):
    llama3(tmp_path)
    model, lengths = reading(pretrained.load(tmp_path, kind))
    chance = random.Random(0)
    batch, arguments = ContinuousBatch(model), {"max_new_tokens": 1, "temperature": 0.0}

    def logits(batch, ids):
        lengths.clear()
        batch.add(ids, **arguments)
        found = []
        while len(batch):
            found += batch.step()
        return found[0][2]

    first = [chance.randrange(3, 400) for _ in range(2 * BLOCK + 5)]
    for alike in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 4, 2 * BLOCK + 5):
        behind = [(first + [0])[alike] ^ 1, *(chance.randrange(3, 400) for _ in range(10))]
        for ids in (first, first[:alike] + behind, first[:alike] or [7]):
            wanted = logits(ContinuousBatch(model), ids)
            assert sum(lengths) == len(ids)
            assert torch.equal(logits(batch, ids), wanted), (alike, ids)
        again = first[:alike] + behind
        assert torch.equal(logits(batch, again), logits(ContinuousBatch(model), again))
        logits(batch, again)
        assert sum(lengths) == len(again) - (len(again) - 1) // BLOCK * BLOCK


def test_what_is_kept_of_prompts_is_bounded_and_the_oldest_goes(tmp_path):
    llama3(tmp_path)
    model = pretrained.load(tmp_path)
    prompts = [[i] * 16 for i in range(4)]
    one = model.new_cache(context=16).nbytes
    kept = PrefixCache(model, 8, most_bytes=2 * one)

    def known(ids):
        cache = model.new_cache(context=60)
        kept.copy_into(cache, [*ids, 9])
        return cache.length

    def read(ids):
        cache = model.new_cache(context=60)
        model(ids, cache)
        kept.keep(cache, ids)

    for ids in prompts[:2]:
        read(ids)
    assert [known(ids) for ids in prompts] == [16, 16, 0, 0]
    assert known(prompts[0]) == 16  # used: now the other one is the oldest
    read(prompts[2])
    assert [known(ids) for ids in prompts] == [16, 0, 16, 0]
    read([5] * 40)  # more than there is room for
    assert [known([i] * 40) for i in range(6)] == [0, 0, 0, 0, 0, 32]
    for ids in ([1] * 8, [1] * 16, [1] * 12):  # the longest says it all
        read(ids)
    assert [ids for ids, _ in kept.kept] == [[1] * 16]


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


@pytest.mark.proof
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
