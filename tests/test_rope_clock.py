"""The RoPE clock: the learner's own function, a query and a key that move along a text."""

import re

import pytest
import torch

from llmlib.embeddings import apply_rope
from llmlib.widgets import rope_clock

pytestmark = pytest.mark.unit
Q, K = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))


def clock(function=apply_rope):
    controls, picture = rope_clock(function, Q, K, 100.0).children
    return *controls.children, picture


def figures(picture):
    """(how far back, the angle, the score) as the page shows them."""
    return re.findall("<b>(.+?)</b>", picture.value)


def test_a_locked_distance_keeps_angle_and_score():
    at_q, at_k, pair, lock, picture = clock()
    before, hands = figures(picture), picture.value
    at_q.value = 30
    assert at_k.value == 29 and figures(picture) == before and picture.value != hands
    at_k.value = 12
    assert at_q.value == 13 and figures(picture) == before


def test_unlocked_only_one_moves_and_the_score_changes():
    at_q, at_k, pair, lock, picture = clock()
    before, lock.value = figures(picture), False
    at_q.value = 30
    assert at_k.value == 4 and figures(picture)[0] == "26" and figures(picture)[2] != before[2]
    lock.value = True
    at_k.value = 5
    assert at_q.value == 31


def test_at_an_end_of_the_sliders_the_lock_holds():
    at_q, at_k, pair, lock, picture = clock()
    before = figures(picture)
    at_q.value = 0
    assert (at_q.value, at_k.value) == (1, 0) and figures(picture) == before
    at_k.value = 60
    assert (at_q.value, at_k.value) == (60, 59) and figures(picture) == before
    at_k.value = 60  # q stands at its end already
    assert (at_q.value, at_k.value) == (60, 59) and figures(picture) == before


def test_the_angle_is_that_of_the_pair():
    at_q, at_k, pair, lock, picture = clock()
    assert figures(picture)[1] == "57°"  # one radian
    pair.value = 2
    assert figures(picture)[1] == "6°"  # a tenth: 100 ** (-2 * 2 / 8)


def test_what_the_learners_function_raises_is_shown():
    def broken(x, positions, theta):
        raise ValueError("not <today>")

    assert clock(broken)[-1].value == "<p>apply_rope raised ValueError: not &lt;today&gt;</p>"
