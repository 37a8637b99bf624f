"""What the library's functions were not made for: refused in words that say what was wrong, or
computed as it was meant; never something else, silently.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_engine import llama, pretrained

from llmlib import attention, embeddings, generation, kv_cache, output_head, sampling, training
from llmlib.pretokenizer import split
from llmlib.tokens import Tokenizer, count_pairs

pytestmark = [pytest.mark.unit, pytest.mark.verdict()]

IDS = [1, 2, 3]
ONES, U = torch.ones(2, 3), torch.zeros(2)


@pytest.fixture(scope="module", params=["float32", "bfloat16", "int8"])
def any_model(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("llama")
    llama(folder)
    return pretrained.load(folder, request.param)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    llama(folder)
    return pretrained.load(folder)


def written(model, **settings):
    return list(generation.generate(model, IDS, **{"max_new_tokens": 2} | settings))


BESIDE_A_MODEL = {
    "the mask is torch.float32 [3, 3]: it must be a bool tensor [3, 3]": lambda model: model.using(
        mask=lambda seq, start: torch.ones(seq, start + seq).tril()
    )(IDS),
    "the mask is <class 'numpy.ndarray'>: it must be a bool tensor": lambda model: model.using(
        mask=lambda seq, start: attention.causal_mask(seq, start).numpy()
    )(IDS),
    "the mask is torch.bool [3, 2]: it must be a bool tensor [3, 3]": lambda model: model.using(
        mask=lambda seq, start: attention.causal_mask(seq, start)[:, 1:]
    )(IDS),
    "the cache is one of 2 texts, and the ids are 1": lambda model: model(IDS, model.new_cache(2)),
    "the KV cache holds 0 positions": lambda model: model(IDS, model.new_cache(context=0)),
    "2 texts: attention_maps takes one": lambda model: attention.attention_maps(model, [IDS, IDS]),
    "temperature is '1': it must be a number": lambda model: written(model, temperature="1"),
    "temperature is None: it must be": lambda model: written(model, temperature=None),
    "top_p is '0.9': it must be a number": lambda model: written(model, top_p="0.9"),
    "top_k is 2.5: it must be a whole number": lambda model: written(model, top_k=2.5),
    "max_new_tokens is 2.5: it must be a whole": lambda model: written(model, max_new_tokens=2.5),
    "one of stop_ids is '.': it must be a whole": lambda model: written(model, stop_ids=["."]),
    "stop_ids is 5: it must be a list of ids": lambda model: written(model, stop_ids=5),
    "context holds": lambda model: sampling.beam_search(model, IDS * 9000, 3, 2),
    "width is 0: it must be at least 1": lambda model: sampling.beam_search(model, IDS, 3, 0),
}
ALONE = {
    "x is [3, 4]: it must be [batch, seq,": lambda: attention.split_heads(torch.ones(3, 4), 2),
    "cut into 0 heads": lambda: attention.split_heads(torch.ones(1, 3, 4), 0),
    "u is [1]: probabilities [2, 3] need": lambda: sampling.draw(ONES, U[:1]),
    "u is [2]: probabilities [1, 3] need": lambda: sampling.sample(ONES[:1], U, 1.0),
    "each row needs a text": lambda: sampling.repetition_penalty(ONES, torch.tensor([[1]]), 1.1),
    "temperature is 1e+39": lambda: sampling.apply_temperature(ONES, 1e39),
    "x is torch.int64": lambda: embeddings.apply_rope(torch.ones(3, 4).long(), torch.arange(3)),
    "positions [1, 3]: they": lambda: embeddings.apply_rope(torch.ones(3, 4), [[0, 1, 2]]),
    "positions [2]: they": lambda: embeddings.apply_rope(torch.ones(3, 4), [0, 1]),
    "merges must be pairs of bytes": lambda: Tokenizer([(97, 98)]),
    "patterns is '.', one str: give a list": lambda: Tokenizer([], patterns="."),
    "leave some of the text out": lambda: Tokenizer([], patterns=[r"\w+"]).encode("a b"),
    "and have no groups": lambda: split("ab", [r"(a)|(b)"]),
    "1.7 is no id: ids are whole numbers": lambda: Tokenizer([]).decode([1.7]),
    "'1' is no id": lambda: Tokenizer([]).decode("123"),
    "the batches hold no token": lambda: output_head.corpus_perplexity([1.0], [0]),
    "batch is 0 and the data are 200 tokens": lambda: windows(200, 0),
    "batch is 8 and the data are 64 tokens": lambda: windows(64, 8),
}


def windows(n_tokens, batch):
    ids = torch.zeros(n_tokens, dtype=torch.long)
    config = training.tiny_config(16)
    return training.window_starts(training.Tokens(ids, ids, 1), config, 3, seed=0, batch=batch)


@pytest.mark.parametrize("says", BESIDE_A_MODEL)
def test_what_a_model_is_asked_amiss_is_named(model, says):
    with pytest.raises(ValueError) as refused:
        BESIDE_A_MODEL[says](model)
    assert says in str(refused.value)


@pytest.mark.parametrize("says", ALONE)
def test_what_a_function_is_asked_amiss_is_named(says):
    with pytest.raises(ValueError) as refused:
        ALONE[says]()
    assert says in str(refused.value)


def test_a_part_of_another_width_is_named_by_both_shapes(any_model):
    narrow = any_model.using(norm=lambda x, *rest: x[..., :-8])
    wide = any_model.config.d_model
    for ids in ([1], list(range(20))):
        with pytest.raises(
            RuntimeError, match=rf"shapes cannot be multiplied .*x{wide - 8} and {wide}x"
        ):
            narrow(ids)


def test_what_is_asked_as_it_is_meant_is_answered(model):
    """The controls of the refusals above."""
    mine = model.using(mask=lambda seq, start: torch.ones(seq, start + seq).tril(start).bool())
    assert torch.allclose(mine(IDS), model(IDS), atol=1e-5)
    assert model([IDS, IDS], model.new_cache(2)).shape[:2] == (2, 3)
    assert attention.attention_maps(model, [IDS]).shape[-2:] == (3, 3)
    numbers = {"temperature": np.float32(0.7), "top_k": torch.tensor(3), "top_p": 1}
    assert len(written(model, **numbers, seed=0, stop_ids=())) == 2
    [first, *_] = written(model)
    for stop in (first, np.int64(first), torch.tensor(first)):
        assert written(model, max_new_tokens=9, stop_ids=[stop]) == [first]
    assert len(split("a b", [r"\w+|\W+"])) == 3
    assert windows(65, 8).tolist() == [[0] * 8] * 3


def test_small_numbers_and_small_types_are_computed_as_large_ones():
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    for p in (1e-50, 1e-300):
        assert sampling.top_p(logits, p).tolist() == [[-math.inf, 3.0, -math.inf]]
    few = torch.tensor([-100, 100, 0], dtype=torch.int8)
    assert torch.equal(output_head.softmax(few), torch.softmax(few.float(), -1))
    assert torch.equal(output_head.log_softmax(few), torch.log_softmax(few.float(), -1))
    table = torch.eye(3)
    for ids in ([[0, 2], [2, 1]], torch.tensor([1, 0, 1], dtype=torch.uint8)):
        assert torch.equal(embeddings.embed(ids, table), table[torch.as_tensor(ids).long()])
    for ids in (torch.tensor([1, 1, 1]), np.array([1, 1, 1])):
        assert count_pairs(ids) == [((1, 1), 2)]


def test_no_draft_has_the_id_minus_1():
    p, u = torch.full((1, 3), 1 / 3), torch.zeros(1)
    assert kv_cache.accept_draft(torch.tensor([2]), p, p, u, u).tolist() == [2]
    with pytest.raises(RuntimeError, match="index -1 is out of bounds"):
        kv_cache.accept_draft(torch.tensor([-1]), p, p, u, u)


def test_new_weights_are_of_the_vocabulary_that_was_asked_for():
    config = replace(training.tiny_config(16), vocab_size=300)
    assert training.new_weights(config, seed=0).embedding.shape == (300, 16)
