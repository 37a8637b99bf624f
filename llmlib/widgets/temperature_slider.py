"""Temperature in motion: the bars of the next token, while a slider moves or plays by itself."""

import math
from functools import lru_cache
from html import escape

import ipywidgets
import torch

from llmlib.output_head import softmax
from llmlib.widgets.controls import WIDE, beside, drawn

SHOWN = 10
TENTHS = {"min": 0, "max": 30, "step": 1}  # of a temperature


def temperature_slider(model, prompts, apply_temperature):
    """Bars of the likeliest next tokens and of all others together, under a slider that can play.
    `apply_temperature` is the learner's."""
    prompt = ipywidgets.Dropdown(options=list(prompts), description="prompt", **WIDE)
    slider = ipywidgets.FloatSlider(1, min=0, max=3, step=0.1, description="temperature", **WIDE)
    play = ipywidgets.Play(value=10, interval=400, description="play the temperature", **TENTHS)
    play.observe(lambda change: setattr(slider, "value", change["new"] / 10), names="value")
    slider.observe(lambda change: setattr(play, "value", round(change["new"] * 10)), names="value")
    logits_of = lru_cache(maxsize=8)(lambda text: model(model.tokenizer.encode(text))[0, -1])

    def look():
        logits = logits_of(prompt.value)
        shares = softmax(apply_temperature(logits, slider.value))
        ids = logits.topk(min(SHOWN, len(logits))).indices.tolist()
        return _bars([repr(model.tokenizer.decode([i])) for i in ids], shares, ids)

    picture = drawn((prompt, slider), look, "apply_temperature")
    return ipywidgets.VBox([prompt, beside(play), slider, picture])


def _bars(words, shares, ids):
    """The tokens' shares, that of all others, and the entropy, as HTML."""
    rest = max(0.0, 1 - shares[ids].sum().item())
    rows = [(word, share, "#0072B2") for word, share in zip(words, shares[ids].tolist())]
    rows.append(("all others together", rest, "#E69F00"))
    cells = "".join(
        f'<tr><td style="text-align:right;white-space:pre">{escape(word)}</td>'
        f'<td style="width:65%"><div style="width:{100 * share:.1f}%;height:14px;'
        f'background:{colour}"></div></td><td>{share:.3f}</td></tr>'
        for word, share, colour in rows
    )
    entropy = torch.special.entr(shares).sum().item()
    return (
        f'<table style="width:95%;line-height:1.2">{cells}</table>'
        f"<p>Entropy: {entropy:.2f} nats, as varied as {math.exp(entropy):,.0f} equally likely "
        "tokens.</p>"
    )
