"""The reader of notebook 5: any text, the learner's softmax, what was expected in each place."""

import math

import pytest
import torch

from llmlib.widgets.surprise_reader import _controls, _read, surprise_reader

pytestmark = pytest.mark.unit


class Letters:
    """A tokenizer whose ids are bytes."""

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        return bytes(ids).decode(errors="replace")


class Model:
    """Says that every byte is followed by itself, with probability nearly 1."""

    tokenizer = Letters()

    def __call__(self, ids):
        return 20.0 * torch.nn.functional.one_hot(torch.tensor([ids]), 256)


def softmax(x):
    return torch.softmax(x, -1)


def test_it_shows_the_loss_of_each_token_and_what_was_expected():
    html, plain = _read(Model(), softmax, "aab")
    assert "20.0 nats for 2 tokens, 10.00 each" in plain and "'b' 20.00" in plain
    assert "20.00 nats for &#x27;b&#x27;&#10;expected:&#10;1.000  &#x27;a&#x27;" in html
    assert "0.00 nats for &#x27;a&#x27;" in html
    assert html.count("<li>") == 2  # the same for who has no mouse


@pytest.mark.parametrize("before", [[98], [97, 98]])
def test_what_stands_before_a_text_is_not_shown_and_its_first_token_has_a_loss(before):
    html, plain = _read(Model(), softmax, "aab", before)
    assert "40.0 nats for 3 tokens" in plain and html.count("<li>") == 3
    assert "nothing stands before it" not in html


def test_a_probability_of_0_stays_finite_and_html_is_escaped():
    def rounded(x):
        return (softmax(x) > 0.5).float()

    html, plain = _read(Model(), rounded, "<b>")
    assert "&lt;" in html and "<b>" not in html and "inf" not in plain
    assert f"{-math.log(1e-45):.2f}"[:3] in plain


def test_the_box_takes_any_text():
    typed, picture = _controls(Model(), softmax, "aab").children
    typed.value = "a"
    assert picture.value == "Type two words or more."
    typed.value = "zzz"
    assert "0.0 nats for 2 tokens" in picture.value

    def broken(x):
        raise ValueError("not <yet>")

    _, picture = _controls(Model(), broken, "aab").children
    assert picture.value == "<p>softmax raised ValueError: not &lt;yet&gt;</p>"


def test_the_text_stands_where_no_kernel_runs(capsys):
    surprise_reader(Model(), softmax, "aab")
    assert "most surprising: 'b' 20.00" in capsys.readouterr().out
