"""The course's sliders, each an ipywidget; `plots.show(fig, alt, widget)` keeps a figure above."""

from html import escape

import ipywidgets

from llmlib.attention import attention_maps

# A control is as wide as its page allows, up to 26em.
CONTROL = {"style": {"description_width": "8em"}, "layout": {"width": "min(26em, 98%)"}}


def _controls(*controls):
    """Controls side by side, in as many rows as the page needs."""
    return ipywidgets.Box(controls, layout={"display": "flex", "flex_flow": "row wrap"})


def _whenever(controls, draw):
    """Draw now, and each time one of the controls is moved."""
    for control in controls:
        control.observe(lambda _: draw(), names="value")
    draw()


def attention_explorer(model, text, layer=0, head=0, token=-1):
    """Pick a layer, a head and a token of `text`, and see where that token looks."""
    ids = model.tokenizer.encode(text)
    words = [model.tokenizer.decode([i]) for i in ids]
    maps = attention_maps(model, ids)  # n_layer n_head seq seq
    pick_layer = ipywidgets.IntSlider(layer, 0, maps.shape[0] - 1, description="layer", **CONTROL)
    pick_head = ipywidgets.IntSlider(head, 0, maps.shape[1] - 1, description="head", **CONTROL)
    pick_token = ipywidgets.Dropdown(
        options=[(f"{i}: {word!r}", i) for i, word in enumerate(words)],
        value=range(len(ids))[token],
        description="token",
        **CONTROL,
    )
    picture, controls = ipywidgets.HTML(), (pick_layer, pick_head, pick_token)

    def draw():
        layer, head, at = (control.value for control in controls)
        picture.value = _strip(words, maps[layer, head, at].tolist(), at)

    _whenever(controls, draw)
    return ipywidgets.VBox([_controls(*controls), picture])


def _strip(words, shares, at):
    """The text as HTML: each token below a bar as high as its share.

    The token that looks is framed; those after it, which it may not see, are pale.
    """
    columns = []
    for i, (word, share) in enumerate(zip(words, shares)):
        frame = "#D55E00" if i == at else "transparent"
        columns.append(
            f'<div style="text-align:center;min-width:3.2em;opacity:{1 if i <= at else 0.4}">'
            '<div style="height:60px;display:flex;align-items:flex-end;justify-content:center">'
            f'<div style="width:70%;height:{58 * share:.0f}px;background:#0072B2"></div></div>'
            f'<div style="border:2px solid {frame};white-space:pre;font-family:monospace">'
            f"{escape(word)}</div>"
            f'<div style="font-size:85%">{f"{100 * share:.0f} %" if i <= at else "hidden"}</div>'
            "</div>"
        )
    return f'<div style="display:flex;flex-wrap:wrap;gap:2px">{"".join(columns)}</div>'
