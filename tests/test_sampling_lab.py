"""The sampling lab: the learner's filter_logits and sample, any prompt, any settings."""

from types import SimpleNamespace

import pytest
import torch

from llmlib import sampling
from llmlib.kv_cache import KVCache
from llmlib.widgets import sampling_lab

pytestmark = pytest.mark.unit
WORDS = ["red", "<blue>", "green", "stop"]


class Toy:
    """Every token is followed by the same four probabilities."""

    config = SimpleNamespace(stop_ids=(3,))
    tokenizer = SimpleNamespace(
        encode=lambda text: [0] * len(text), decode=lambda ids: " ".join(WORDS[i] for i in ids)
    )

    def new_cache(self, batch=1, context=None):
        return KVCache([torch.zeros(batch, 1, context, 1)], [torch.zeros(batch, 1, context, 1)])

    def __call__(self, ids, cache=None, last=False):
        ids = torch.as_tensor(ids)
        ids = ids[None] if ids.dim() == 1 else ids
        logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(*ids.shape, 4)
        return logits[:, -1:] if last else logits


def controls(filter_logits=sampling.filter_logits, sample=sampling.sample):
    box = sampling_lab(Toy(), ["abc"], filter_logits, sample)
    prompt, temperature, k, p, p_of_largest, u, picture, button, texts = box.children
    names = "prompt temperature k p p_of_largest u picture button texts".split()
    return SimpleNamespace(**dict(zip(names, box.children, strict=True)))


def test_the_strip_says_which_token_u_falls_into():
    lab = controls()
    lab.u.value = 0.6
    assert lab.u.readout_format == ".3f" and lab.u.step == 0.001
    assert "&#x27;&lt;blue&gt;&#x27;" in lab.picture.value and "<blue>" not in lab.picture.value
    lab.temperature.value = 0  # greedy: the likeliest whatever u says
    assert "falls into the stretch of <b><code>&#x27;red&#x27;" in lab.picture.value


def test_filters_cut():
    lab = controls()
    assert "<b>4</b> of 4 tokens survive" in lab.picture.value and "1.14 nats" in lab.picture.value
    lab.k.value = 2
    assert "<b>2</b> of 4" in lab.picture.value and lab.picture.value.count("→ cut") == 2
    lab.k.value, lab.p_of_largest.value = 0, 0.2
    assert "<b>3</b> of 4" in lab.picture.value
    lab.p_of_largest.value, lab.p.value = 0, 0.4
    assert "<b>1</b> of 4" in lab.picture.value


def test_the_button_writes_five_texts_up_to_their_stop_token():
    lab = controls()
    lab.button.click()
    first = lab.texts.value
    assert first.count("<li>abc<b>") == 5 and "<i>(stop)</i>" in first and "stop</b>" not in first
    lab.button.click()
    assert lab.texts.value != first
    lab.temperature.value = 0
    lab.button.click()
    assert lab.texts.value.count("<b>" + " ".join(["red"] * 20) + "</b></li>") == 5


def test_what_the_learners_functions_raise_is_shown():
    def broken(*_):
        raise ValueError("not <yet>")

    lab = controls(sample=broken)
    assert lab.picture.value == "<p>ValueError: not &lt;yet&gt;</p>"
    lab.button.click()
    assert lab.texts.value == "<p>ValueError: not &lt;yet&gt;</p>"
