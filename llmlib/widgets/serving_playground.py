"""The serving calculator of notebook 7: the learner's own `step_seconds` behind sliders."""

import math

import ipywidgets

from llmlib.widgets.controls import CONTROL, drawn

MODELS = {  # parameters, layers, key/value heads, head_dim
    "SmolLM2-135M": (134_515_008, 30, 3, 64),
    "Llama 3.1 8B": (8_030_261_248, 32, 8, 128),
    "GPT-3's shape, 175B": (175_000_000_000, 96, 96, 128),
}


def serving_playground(step_seconds, cache_bytes, card):
    """Pick a model, the bits of its weights, cards, texts and their length, and see what a step
    takes. `card` has bytes, bytes_per_second and flops_per_second."""
    model = ipywidgets.Dropdown(options=list(MODELS), description="model", **CONTROL)
    bits = ipywidgets.ToggleButtons(options=[16, 8, 4], description="bits a weight")
    cards = ipywidgets.IntSlider(1, 1, 16, description="cards", **CONTROL)
    powers = [2**i for i in range(18)]
    batch = ipywidgets.SelectionSlider(options=powers[:11], description="texts at once", **CONTROL)
    each = {"options": powers[7:], "value": 1024, "description": "tokens each"}
    context = ipywidgets.SelectionSlider(**each, **CONTROL)
    controls = (model, bits, cards, batch, context)

    def draw():
        parameters, *shape = MODELS[model.value]
        weights, kv = parameters * bits.value / 8, cache_bytes(*shape, 1, 2)
        rates = ("bytes", "bytes_per_second", "flops_per_second")
        memory, bandwidth, speed = (cards.value * card[each] for each in rates)
        asked = (batch.value, context.value, weights, kv, 2 * parameters)
        step = step_seconds(*asked, memory, bandwidth, speed)
        return _answer(step, batch.value, weights, batch.value * context.value * kv, memory)

    return ipywidgets.VBox([*controls, drawn(controls, draw, "step_seconds")])


def _answer(step, batch, weights, caches, memory):
    """The result as HTML: memory as a bar, then what a step takes."""
    bars = "".join(
        f'<div style="width:{min(100, 100 * part / memory):.1f}%;background:{colour};height:16px">'
        "</div>"
        for part, colour in ((weights, "#0072B2"), (caches, "#E69F00"))
    )
    frame = "display:flex;width:95%;border:1px solid #7F7F7F;overflow:hidden"
    bar = f'<div style="{frame}">{bars}</div>'
    parts = f"weights (blue) {weights / 1e9:,.1f} GB, caches (orange) {caches / 1e9:,.1f} GB"
    held = f"{parts}, of {memory / 1e9:,.0f} GB"
    if step == math.inf:
        return f"{bar}<p>{held}: <b>does not fit</b></p>"
    each = f"{1000 * step:,.1f} ms" if step > 1e-3 else f"{1000 * step:.2g} ms"
    told = f"<b>{each}</b> a token for each reader, <b>{batch / step:,.0f}</b> tokens a second"
    return f"{bar}<p>{held}.<br>{told}</p>"
