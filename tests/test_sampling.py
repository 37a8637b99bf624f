"""The filters against `transformers`' logits processors and the papers; draws against the
distribution; the generate loop's stops.
"""

import math

import numpy as np
import pytest
import torch
from test_engine import llama, pretrained
from transformers import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from llmlib import complete, generate, sampling
from llmlib.generation import side_by_side

pytestmark = [pytest.mark.unit, pytest.mark.verdict()]


def random_logits(seed=0, batch=50, vocab=40):
    return torch.randn(batch, vocab, generator=torch.Generator().manual_seed(seed)) * 3


def test_temperature():
    logits = random_logits()
    assert torch.allclose(
        sampling.apply_temperature(logits, 0.7), TemperatureLogitsWarper(0.7)(None, logits)
    )
    for near_zero in (1e-29, 1e-31, 1e-40, 1e-300):  # with no infinity less infinity
        drawn = sampling.sample(logits * 10, torch.full((50,), 0.999), near_zero, top_p=0.9)
        assert torch.equal(drawn, logits.argmax(-1))
    frozen = sampling.apply_temperature(torch.tensor([1.0, 3.0, 3.0]), 0)
    assert frozen.tolist() == [-math.inf, 3.0, -math.inf]
    for bad in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature"):
            sampling.apply_temperature(logits, bad)


@pytest.mark.parametrize("k", [1, 5, 39, 40, 100])
def test_top_k(k):
    logits = random_logits()
    assert torch.equal(sampling.top_k(logits, k), TopKLogitsWarper(k)(None, logits))


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_top_p(p):
    logits = random_logits()
    assert torch.equal(sampling.top_p(logits, p), TopPLogitsWarper(p)(None, logits))


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 1.0])
def test_min_p(p):
    logits = random_logits()
    assert torch.equal(sampling.min_p(logits, p), MinPLogitsWarper(p)(None, logits))


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_row_without_a_largest_number_is_refused(odd, temperature):
    u, row = torch.zeros(2), torch.tensor([-math.inf, 1.0, -math.inf])
    assert sampling.sample(row.expand(2, 3), u, temperature).tolist() == [1, 1]
    for last in (row.where(row != 1, odd), torch.full((3,), -math.inf)):
        with pytest.raises(ValueError, match="largest logit of a row is (nan|inf|-inf): it must"):
            sampling.sample(torch.stack([row, last]), u, temperature)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    llama(folder)
    return pretrained.load(folder)


def test_three_stops(model):
    assert len(list(generate(model, [1, 2, 3], 10, stop_ids=()))) == 10
    assert len(list(generate(model, [1] * 60, 10, stop_ids=()))) == 4  # the context holds 64
    ids = list(generate(model, [1, 2, 3], 10, stop_ids=()))
    stop = ids[2]
    assert list(generate(model, [1, 2, 3], 10, stop_ids=(stop,))) == ids[: ids.index(stop) + 1]
    assert list(generate(model, [1, 2, 3], 0)) == []


def test_a_seed_makes_a_draw_repeatable(model):
    settings = dict(temperature=1.0, top_k=50, top_p=0.9, min_p=0.01, stop_ids=())
    first = list(generate(model, [1, 2], 30, seed=7, **settings))
    torch.rand(3)
    assert list(generate(model, [1, 2], 30, seed=7, **settings)) == first
    assert list(generate(model, [1, 2], 30, seed=8, **settings)) != first
    assert (
        list(generate(model, torch.tensor([[1, 2]]), 30, seed=7, use_cache=False, **settings))
        == first
    )

    assert list(generate(model, [1, 2], 30, seed=np.int64(7), **settings)) == first


@pytest.mark.parametrize("width", ["uint8", "int16", "uint16", "int32", "uint32", "uint64"])
def test_ids_of_any_width(model, width):
    ids = np.array([1, 200, 3], dtype=width)
    assert torch.equal(model(ids), model([1, 200, 3]))
    assert torch.equal(model(torch.tensor(ids)), model([1, 200, 3]))


def test_texts_side_by_side_are_what_each_would_be_alone(model):
    alone = list(generate(model, [1, 2, 3], 6, stop_ids=()))
    rows = side_by_side(model, [1, 2, 3], 3, 6, lambda logits: logits.argmax(-1))
    assert rows.tolist() == [alone] * 3
    none = side_by_side(model, [1, 2, 3], 3, 0, lambda logits: logits.argmax(-1))
    assert none.shape == (3, 0) and none.dtype == rows.dtype
    first = iter([torch.tensor([5, 9])])

    def pick(logits):  # two different beginnings, then greedy
        return next(first, logits.argmax(-1))

    for row in side_by_side(model, [1, 2], 2, 5, pick).tolist():
        assert row[1:] == list(generate(model, [1, 2, row[0]], 4, stop_ids=()))

    def banned(logits):  # by the second text alone
        logits[1, alone[0]] = -math.inf
        return logits.argmax(-1)

    first, second = side_by_side(model, [1, 2, 3], 2, 1, banned).flatten().tolist()
    assert first == alone[0] != second


@pytest.mark.parametrize(
    "ids, options, message",
    [
        ([], {}, "is the text empty"),
        ([1, 211], {}, "id 211 is not in this model's vocabulary of 211"),
        ([-1], {}, "id -1"),
        ([1.5], {}, "whole numbers"),
        ([True, False], {}, "whole numbers"),
        ("text", {}, "whole numbers.*the model's tokenizer first"),
        ([1], {"seed": 1.5}, "seed is 1.5: it must be a whole number"),
        ([[1], [2]], {}, "not a batch of 2"),
        ([1] * 65, {}, "the context|context holds 64"),
        ([1], {"temperature": -0.5}, "temperature"),
        ([1], {"top_k": 0}, "top_k"),
        ([1], {"top_p": 0}, "top_p"),
        ([1], {"min_p": 3}, "min_p"),
        ([1], {"max_new_tokens": -1}, "max_new_tokens"),
    ],
)
def test_bad_input_is_refused_before_the_model_runs(model, ids, options, message):
    with pytest.raises(ValueError, match=message):
        generate(model, ids, **{"max_new_tokens": 3, **options})


@pytest.mark.slow
def test_completing_text():
    model = pretrained.load("smollm2")
    text = complete(model, "The capital of France is", 4)
    assert text.startswith(" Paris.")
    stop = model.tokenizer.encode(text)[1]  # "." stops, and is no text
    assert complete(model, "The capital of France is", 4, stop_ids=[stop]) == " Paris"
    with pytest.raises(ValueError, match="prompt is empty"):
        complete(model, "")
