"""The neuron slider of notebook 4: fix one neuron of a layer at a value, and see what is said
next."""

from html import escape

import ipywidgets

from llmlib.output_head import softmax


def neuron_slider(logits_with, tokenizer, text, value, lowest=-20.0, highest=20.0, n=6):
    """A slider and a text box: `logits_with(ids, value)` are the last token's logits [vocab] with
    the neuron held at `value`, or left alone for None."""
    wide = {"style": {"description_width": "8em"}, "layout": {"width": "min(36em, 98%)"}}
    typed = ipywidgets.Text(text, description="text", continuous_update=False, **wide)
    held = ipywidgets.FloatSlider(
        value,
        min=lowest,
        max=highest,
        step=0.5,
        description="held at",
        continuous_update=False,
        **wide,
    )
    picture = ipywidgets.HTML()

    def draw(_=None):
        ids = tokenizer.encode(typed.value)
        if not ids:
            return
        try:
            free, fixed = (softmax(logits_with(ids, v)) for v in (None, held.value))
            picture.value = table(tokenizer, free, fixed, n)
        except Exception as error:  # noqa: BLE001 - the learner's own functions
            picture.value = escape(f"{type(error).__name__}: {error}")

    for control in (typed, held):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([typed, held, picture])


def table(tokenizer, free, fixed, n):
    """The n likeliest tokens with the neuron held, as HTML: grey bars without, blue ones with."""
    rows = []
    for i in fixed.topk(n).indices.tolist():
        bars = "".join(
            f'<div style="width:{100 * share:.1f}%;height:7px;background:{colour}"></div>'
            for share, colour in ((free[i], "#9a9a9a"), (fixed[i], "#0072B2"))
        )
        rows.append(
            f'<tr><td style="font-family:monospace;white-space:pre;text-align:right">'
            f"{escape(repr(tokenizer.decode([i])))}</td>"
            f'<td style="width:60%;padding:0 8px">{bars}</td>'
            f'<td style="white-space:nowrap">{free[i]:.3f} → {fixed[i]:.3f}</td></tr>'
        )
    return f'<table style="width:95%;line-height:1.2">{"".join(rows)}</table>'
