"""The course's sliders, each an ipywidget; `plots.show(fig, alt, widget)` keeps a figure above."""

from functools import lru_cache
from html import escape

import ipywidgets

from llmlib.attention import attention_maps
from llmlib.output_head import softmax
from llmlib.sampling import filter_logits

# A label has room for "top-k (0: off)"; a control is as wide as its page allows, up to 26em.
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


def sampling_sliders(model, prompts):
    """Slide temperature, top-k, top-p and min-p, and see which next tokens of a prompt survive."""
    prompt = ipywidgets.Combobox(
        value=prompts[0],
        options=prompts,
        ensure_option=False,
        continuous_update=False,
        description="prompt",
        **CONTROL | {"layout": {"width": "98%"}},
    )

    def slider(value, lowest, highest, step, description):
        return ipywidgets.FloatSlider(
            value, min=lowest, max=highest, step=step, description=description, **CONTROL
        )

    settings = (
        slider(1, 0, 3, 0.05, "temperature"),
        ipywidgets.IntSlider(0, 0, 50, description="top-k (0: off)", **CONTROL),
        slider(1, 0.01, 1, 0.01, "top-p"),
        slider(0, 0, 1, 0.01, "min-p"),
    )
    picture = ipywidgets.HTML()
    logits_of = lru_cache(maxsize=16)(lambda text: model(model.tokenizer.encode(text))[0, -1])

    def draw():
        if prompt.value:
            logits = logits_of(prompt.value)
            temperature, top_k, top_p, min_p = (setting.value for setting in settings)
            left = filter_logits(logits, temperature, top_k or None, top_p, min_p)
            picture.value = _survivors(model.tokenizer, softmax(logits), softmax(left))

    _whenever((prompt, *settings), draw)
    return ipywidgets.VBox([prompt, _controls(*settings), picture])


def _survivors(tokenizer, before, after, n=15):
    """The n likeliest tokens as HTML: grey bars for the model, blue for what is left.

    What is cut is struck out.
    """
    kept, rows = after > 0, []
    for i in before.topk(n).indices.tolist():
        crossed = "" if kept[i] else "text-decoration:line-through;opacity:0.55;"
        bars = "".join(
            f'<div style="width:{100 * share:.2f}%;height:7px;background:{colour}"></div>'
            for share, colour in ((before[i], "#9a9a9a"), (after[i], "#0072B2"))
        )
        left = f"{after[i]:.3f}" if kept[i] else "cut"
        rows.append(
            f'<tr><td style="{crossed}font-family:monospace;white-space:pre;text-align:right">'
            f"{escape(repr(tokenizer.decode([i])))}</td>"
            f'<td style="width:60%;padding:0 8px">{bars}</td>'
            f'<td style="text-align:right;white-space:nowrap">{before[i]:.3f} → {left}</td></tr>'
        )
    return (
        f"<p><b>{int(kept.sum()):,}</b> of {len(kept):,} tokens survive; the model gave them "
        f"<b>{before[kept].sum():.1%}</b> of the probability. Grey: the model. Blue: what is "
        f'left.</p><table style="width:95%;line-height:1.2">{"".join(rows)}</table>'
    )
