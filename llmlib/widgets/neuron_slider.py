"""The neuron slider of notebook 4: hold one neuron of a layer, and see what is said next."""

import ipywidgets

from llmlib.output_head import softmax
from llmlib.widgets.controls import CONTROL, WIDE, drawn, table


def neuron_slider(logits_with, tokenizer, text, value):
    """A slider and a text box: `logits_with(ids, value)` are the last token's logits [vocab] with
    the neuron held at `value`, or left alone for None."""
    typed = ipywidgets.Text(text, description="text", continuous_update=False, **WIDE)
    bounds = {"min": -20.0, "max": 20.0, "step": 0.5, "continuous_update": False}
    held = ipywidgets.FloatSlider(value, description="held at", **bounds, **CONTROL)

    def draw():
        ids = tokenizer.encode(typed.value)
        if not ids:
            return None
        free, fixed = (softmax(logits_with(ids, v)) for v in (None, held.value))
        return table(tokenizer.decode, free, fixed, fixed.topk(6).indices.tolist())

    return ipywidgets.VBox([typed, held, drawn((typed, held), draw)])
