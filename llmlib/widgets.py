"""The course's sliders. Each returns an ipywidget; `plots.show(fig, alt, widget)` puts a figure in its place where no kernel runs."""
from html import escape

import ipywidgets

from llmlib.attention import attention_maps


def attention_explorer(model, text, layer=0, head=0, token=-1):
    """Pick a layer, a head and a token of `text`, and see where that token looks."""
    ids = model.tokenizer.encode(text)
    words = [model.tokenizer.decode([i]) for i in ids]
    maps = attention_maps(model, ids)                                   # n_layer n_head seq seq
    pick_layer = ipywidgets.IntSlider(layer, 0, maps.shape[0] - 1, description="layer")
    pick_head = ipywidgets.IntSlider(head, 0, maps.shape[1] - 1, description="head")
    pick_token = ipywidgets.Dropdown(options=[(f"{i}: {word!r}", i) for i, word in enumerate(words)], value=range(len(ids))[token], description="token")
    picture = ipywidgets.HTML()

    def draw(_=None):
        picture.value = _strip(words, maps[pick_layer.value, pick_head.value, pick_token.value].tolist(), pick_token.value)

    for control in (pick_layer, pick_head, pick_token):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([ipywidgets.HBox([pick_layer, pick_head, pick_token]), picture])


def _strip(words, shares, at):
    """The text as HTML: each token over a bar as high as its share; the token that looks is framed, those after it are pale."""
    columns = [
        f'<div style="text-align:center;min-width:3.2em;opacity:{1 if i <= at else 0.4}">'
        f'<div style="height:90px;display:flex;align-items:flex-end;justify-content:center">'
        f'<div style="width:70%;height:{88 * share:.0f}px;background:#0072B2"></div></div>'
        f'<div style="border:2px solid {"#D55E00" if i == at else "transparent"};white-space:pre;font-family:monospace">{escape(word)}</div>'
        f'<div style="font-size:85%">{f"{100 * share:.0f} %" if i <= at else "hidden"}</div></div>'
        for i, (word, share) in enumerate(zip(words, shares))
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:2px">{"".join(columns)}</div>'
