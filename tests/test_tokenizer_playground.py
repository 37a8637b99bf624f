"""The tokenizer playground: the learner's encode, any text, any number of merges."""

import pytest

from llmlib.widgets.tokenizer_playground import _controls, _cutter, tokenizer_playground

pytestmark = pytest.mark.unit
MERGES = [(97, 98), (256, 99)]


def encode(text, merges):
    """abc in one token, ab in one, all else in bytes: what two merges would give."""
    if text == "boom":
        raise ValueError("not <today>")
    known = {0: {}, 1: {"ab": 256}, 2: {"abc": 257}}[len(merges)]
    return [known[text]] if text in known else list(text.encode())


def controls():
    cut = _cutter(encode, {"mine": MERGES, "none": []})
    box = _controls(cut, {"mine": MERGES, "none": []}, "abc")
    return box.children


def test_the_slider_sets_how_many_merges_encode_may_use():
    typed, which, count, picture = controls()
    assert "mine, 2 merges: 1 tokens, 3.00 bytes a token" in picture.value
    assert 'title="id 257"' in picture.value
    count.value = 0
    assert "mine, 0 merges: 3 tokens, 1.00 bytes a token" in picture.value
    count.value, which.value = 50000, "none"
    assert "none, 0 merges: 3 tokens" in picture.value


def test_any_text_may_be_typed():
    typed, which, count, picture = controls()
    typed.value = "<b>é"
    assert "&lt;" in picture.value and "<b>é" not in picture.value and "‹c3›" in picture.value
    typed.value = ""
    assert "0 tokens" in picture.value
    typed.value = "boom"
    assert picture.value == "<p>encode raised ValueError: not &lt;today&gt;</p>"


def test_the_picture_stands_where_no_kernel_runs(capsys):
    tokenizer_playground(encode, {"mine": MERGES}, "xyz")
    assert "mine, 0 merges: 3 tokens" in capsys.readouterr().out
