"""The loss lab: logits on sliders, the learner's softmax, the loss of what came."""

import math
import re

import pytest
import torch

from llmlib.output_head import softmax
from llmlib.widgets import loss_lab

pytestmark = pytest.mark.unit
TOKENS, LOGITS = ["blue", "<grey>"], [math.log(3), 0.0]


def lab(function=softmax):
    *sliders, came, picture = loss_lab(function, TOKENS, LOGITS).children
    return sliders, came, picture


def loss(picture):
    return float(re.search(r"= (\S+) nats", picture.value)[1])


def test_the_loss_is_that_of_the_token_that_came():
    sliders, came, picture = lab()
    sliders[0].value = 1.1  # the step of a slider is 0.1
    p = softmax(torch.tensor([1.1, 0.0]))[0].item()
    assert loss(picture) == pytest.approx(-math.log(p), abs=6e-4)
    came.value = "<grey>"
    assert loss(picture) == pytest.approx(-math.log(1 - p), abs=6e-4)
    assert "<grey>" not in picture.value and "&lt;grey&gt; ← came" in picture.value


def test_a_higher_logit_of_another_token_costs_and_a_shift_of_both_does_not():
    sliders, _, picture = lab()
    before = loss(picture)
    sliders[1].value += 2
    assert loss(picture) > before
    sliders[0].value += 2
    assert loss(picture) == pytest.approx(before, abs=2e-3)


def test_the_gradients_sum_to_0_and_are_those_of_torch():
    _, _, picture = lab()
    logits = torch.tensor(LOGITS, requires_grad=True)
    torch.nn.functional.cross_entropy(logits[None], torch.tensor([0])).backward()
    shown = re.findall(r"<td>([+-]\d\.\d{3})</td>", picture.value)
    assert shown == [f"{each:+.3f}" for each in logits.grad.tolist()]
    assert sum(map(float, shown)) == 0


def test_what_the_learners_softmax_raises_is_shown_and_a_share_of_0_costs_infinity():
    def broken(_):
        raise ValueError("not <yet>")

    assert lab(broken)[2].value == "<p>softmax raised ValueError: not &lt;yet&gt;</p>"
    _, _, picture = lab(lambda logits: torch.tensor([0.0, 1.0]))
    assert "infinite nats" in picture.value
