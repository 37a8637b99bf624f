"""The loss lab of notebook 5: logits on sliders become probabilities, and the loss of the token
that came."""

import math
from html import escape

import ipywidgets
import torch

from llmlib.widgets.controls import CONTROL, drawn

LOWEST, HIGHEST = -4.0, 8.0  # logits


def loss_lab(softmax, tokens, logits):
    """A slider for the logit of each of `tokens`, a choice which of them came, and below what
    `softmax`, the learner's, makes of it: shares, -ln p, and the gradient of each logit."""
    numbers = {"min": LOWEST, "max": HIGHEST, "step": 0.1}
    sliders = [
        ipywidgets.FloatSlider(logit, description=token, **numbers, **CONTROL)
        for token, logit in zip(tokens, logits, strict=True)
    ]
    came = ipywidgets.Dropdown(options=list(tokens), description="what came", **CONTROL)

    def look():
        shares = softmax(torch.tensor([each.value for each in sliders])).tolist()
        return _table(tokens, [each.value for each in sliders], shares, came.value)

    return ipywidgets.VBox([*sliders, came, drawn((*sliders, came), look, "softmax")])


def _table(tokens, logits, shares, came):
    p = shares[tokens.index(came)]
    loss = "infinite" if p <= 0 else f"{-math.log(p):.3f}".replace("-0.000", "0.000")
    rows = []
    for token, logit, share in zip(tokens, logits, shares):
        pull = share - (token == came)
        word = f"<b>{escape(token)} ← came</b>" if token == came else escape(token)
        bar = f'<div style="width:{100 * share:.1f}%;height:14px;background:#0072B2"></div>'
        rows.append(
            f'<tr><td style="text-align:right">{word}</td><td>{logit:.1f}</td>'
            f'<td style="width:45%">{bar}</td><td>{share:.3f}</td><td>{pull:+.3f}</td></tr>'
        )
    heads = ("token", "logit", "", "probability", "gradient")
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return (
        f'<table style="width:95%"><tr>{head}</tr>{"".join(rows)}</table>'
        f"<p><b>loss = −ln {p:.3f} = {loss} nats</b>. The gradient is the probability, minus 1 for "
        "what came: a step of training raises that logit and lowers the others.</p>"
    )
