"""The course's own corpus is what it says it is, and tiny models learn from it."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch

from authoring.data.make_scaling_runs import BATCH, SIZES, STEPS
from authoring.data.make_stories import MAX_TOKENS, TEMPERATURE
from llmlib import data, pretrained, training
from llmlib.generation import chat_prompt

pytestmark = [pytest.mark.unit, pytest.mark.slow]


@pytest.fixture(scope="module")
def held_out():
    return data.stories("held_out")


def test_its_parts(held_out):
    train = data.stories("train")
    texts = [{story.text for story in part} for part in (held_out, train)]
    assert len(held_out) == data.HELD_OUT and not texts[0] & texts[1]
    assert all(len(story.ids) == len(story.logprobs) <= MAX_TOKENS for story in train + held_out)
    assert all(story.ended or len(story.ids) == MAX_TOKENS for story in train + held_out)
    with pytest.raises(ValueError, match="no part 'test'"):
        data.stories("test")


@pytest.mark.proof
def test_recorded_log_probabilities_are_the_models(held_out):
    """The engine in float32 gives, within bfloat16's rounding, what was recorded."""
    model = pretrained.load("smollm2")
    prompt = model.tokenizer.encode(chat_prompt(model, data.STORIES_PROMPT))
    differences = []
    for story in held_out[:6]:
        logits = model(prompt + story.ids[:-1])[0, len(prompt) - 1 :]
        logprobs = torch.log_softmax(logits / TEMPERATURE, dim=-1).gather(
            1, torch.tensor(story.ids)[:, None]
        )[:, 0]
        differences.append(logprobs - torch.tensor(story.logprobs))
    differences = torch.cat(differences)
    assert differences.abs().median() < 0.05
    assert abs(differences.mean()) < 0.03


def test_training_learns_and_stays_above_the_floor(held_out):
    tokenizer = training.story_tokenizer(held_out)
    tokens = training.as_tokens(held_out[:64], tokenizer)
    assert held_out[0].text.startswith(tokenizer.decode(tokens.ids[1:50].tolist()))
    config = training.tiny_config(32)
    weights = training.new_weights(config, seed=0)
    before = training.nats_per_byte(weights, config, tokens)
    assert before == pytest.approx(
        math.log(training.VOCAB_SIZE) * (tokens.targets >= 0).sum().item() / tokens.n_bytes,
        rel=0.02,
    )
    run = training.train(weights, config, tokens, 60, seed=0, peak=0.01)
    losses = [loss for _, loss in run]
    assert losses[0] == pytest.approx(math.log(training.VOCAB_SIZE), rel=0.02)
    assert data.floor(held_out) < training.nats_per_byte(weights, config, tokens) < 0.8 * before
    trained = training.as_model(weights, config, tokenizer)
    fused = training.forward(tokens.ids[None, :40], weights, config, training.PARTS)
    assert torch.allclose(trained(tokens.ids[:40]), fused, atol=1e-4)


@pytest.mark.parametrize("length", [1, 20, 63, 64, 65, 94, 95, 96, 97, 130])
def test_the_loss_counts_each_token_once_however_short_the_text(length):
    config = training.tiny_config(16)
    weights = training.new_weights(config, seed=0)
    ids = torch.arange(length)
    data = training.Tokens(ids, ids + 200, length)
    untrained = training.nats_per_byte(weights, config, data)
    assert untrained == pytest.approx(math.log(training.VOCAB_SIZE), rel=0.02)
    odd = replace(config, context=config.context + 1)
    assert training.nats_per_byte(weights, odd, data) == pytest.approx(untrained, rel=0.02)


def test_a_cut_story_has_no_known_end(held_out):
    tokenizer = training.story_tokenizer(held_out)
    between = tokenizer.special_tokens[training.BETWEEN]
    for story, target in (
        (replace(held_out[0], ended=False), training.IGNORED),
        (replace(held_out[0], ended=True), between),
    ):
        assert training.as_tokens([story], tokenizer).targets[-1] == target


def test_recorded_runs(held_out):
    runs, floor = data.scaling_runs(), data.floor(held_out)
    keys = {(run["d_model"], run["tokens"], run["rate"], run["seed"]) for run in runs}
    assert len(runs) == len(keys) > 0
    budgets = {steps * BATCH * training.CONTEXT for steps in STEPS}
    assert {(d, tokens) for d, tokens, _, _ in keys} == set(product(SIZES, budgets))
    for run in runs:
        weights = training.new_weights(training.tiny_config(run["d_model"]), run["seed"])
        assert run["parameters"] == training.non_embedding_parameters(weights)
        assert run["loss"] > floor
