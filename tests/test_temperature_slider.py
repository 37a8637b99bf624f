"""Temperature in motion: the learner's apply_temperature under a slider that can play."""

from types import SimpleNamespace

import pytest
import torch

from llmlib import sampling
from llmlib.widgets.temperature_slider import temperature_slider

pytestmark = pytest.mark.unit


class Toy:
    """The same four logits after any text."""

    tokenizer = SimpleNamespace(
        encode=lambda text: [0] * len(text), decode=lambda ids: ["a", "<b>", "c", "d"][ids[0]]
    )

    def __call__(self, ids):
        return torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, len(ids), 4)


def parts(function=sampling.apply_temperature):
    prompt, playing, slider, picture = temperature_slider(Toy(), ["one", "two"], function).children
    return prompt, playing.children[0], slider, picture


def test_the_bars_follow_the_slider():
    _, _, slider, picture = parts()
    assert "0.500" in picture.value and "&#x27;&lt;b&gt;&#x27;" in picture.value
    slider.value = 0.5  # squares, scaled: 0.25 of 0.365
    assert "0.685" in picture.value
    slider.value = 0
    assert "1.000" in picture.value and "as varied as 1 equally" in picture.value


def test_playing_moves_the_slider_and_the_slider_what_is_played():
    _, play, slider, picture = parts()
    play.value = 20
    assert slider.value == 2 and "0.379" in picture.value
    slider.value = 0.3
    assert play.value == 3


def test_what_the_learners_function_raises_is_said():
    def broken(logits, t):
        raise ValueError("no <t>")

    *_, picture = parts(broken)
    assert "apply_temperature raised ValueError: no &lt;t&gt;" in picture.value
