"""The course's sliders. Each returns an ipywidget; `plots.show(fig, alt, widget)` puts a figure in its place where no kernel runs."""

from functools import lru_cache
from html import escape

import ipywidgets

from llmlib.attention import attention_maps
from llmlib.output_head import softmax
from llmlib.sampling import filter_logits


def attention_explorer(model, text, layer=0, head=0, token=-1):
    """Pick a layer, a head and a token of `text`, and see where that token looks."""
    ids = model.tokenizer.encode(text)
    words = [model.tokenizer.decode([i]) for i in ids]
    maps = attention_maps(model, ids)  # n_layer n_head seq seq
    pick_layer = ipywidgets.IntSlider(layer, 0, maps.shape[0] - 1, description="layer")
    pick_head = ipywidgets.IntSlider(head, 0, maps.shape[1] - 1, description="head")
    pick_token = ipywidgets.Dropdown(
        options=[(f"{i}: {word!r}", i) for i, word in enumerate(words)],
        value=range(len(ids))[token],
        description="token",
    )
    picture = ipywidgets.HTML()

    def draw(_=None):
        picture.value = _strip(
            words,
            maps[pick_layer.value, pick_head.value, pick_token.value].tolist(),
            pick_token.value,
        )

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
        f'<div style="border:2px solid {"#D55E00" if i == at else "transparent"};white-space:pre;font-family:monospace">'
        f"{escape(word)}</div>"
        f'<div style="font-size:85%">{f"{100 * share:.0f} %" if i <= at else "hidden"}</div></div>'
        for i, (word, share) in enumerate(zip(words, shares))
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:2px">{"".join(columns)}</div>'


def sampling_sliders(model, prompts):
    """Slide temperature, top-k, top-p and min-p, and see which next tokens of a prompt survive."""
    style = {"description_width": "6em"}
    half = {"style": style, "layout": {"width": "47%"}}
    prompt = ipywidgets.Combobox(
        value=prompts[0],
        options=prompts,
        ensure_option=False,
        continuous_update=False,
        description="prompt",
        style=style,
        layout={"width": "95%"},
    )
    temperature = ipywidgets.FloatSlider(
        value=1, min=0, max=3, step=0.05, description="temperature", **half
    )
    top_k = ipywidgets.IntSlider(value=0, min=0, max=50, description="top-k (0: off)", **half)
    top_p = ipywidgets.FloatSlider(value=1, min=0.01, max=1, step=0.01, description="top-p", **half)
    min_p = ipywidgets.FloatSlider(value=0, min=0, max=1, step=0.01, description="min-p", **half)
    picture = ipywidgets.HTML()
    logits_of = lru_cache(maxsize=16)(lambda text: model(model.tokenizer.encode(text))[0, -1])

    def draw(_=None):
        if prompt.value:
            logits = logits_of(prompt.value)
            left = filter_logits(
                logits, temperature.value, top_k.value or None, top_p.value, min_p.value
            )
            picture.value = _survivors(model.tokenizer, softmax(logits), softmax(left))

    for control in (prompt, temperature, top_k, top_p, min_p):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox(
        [prompt, ipywidgets.HBox([temperature, top_k]), ipywidgets.HBox([top_p, min_p]), picture]
    )


def _survivors(tokenizer, before, after, n=15):
    """The n likeliest tokens as HTML: grey bars for the model, blue for what is left; cut ones struck out."""
    kept = after > 0
    rows = []
    for i in before.topk(n).indices.tolist():
        crossed = "" if kept[i] else "text-decoration:line-through;opacity:0.55;"
        bars = "".join(
            f'<div style="width:{100 * share:.2f}%;height:7px;background:{colour}"></div>'
            for share, colour in ((before[i], "#9a9a9a"), (after[i], "#0072B2"))
        )
        word = escape(repr(tokenizer.decode([i])))
        rows.append(
            f'<tr><td style="{crossed}font-family:monospace;white-space:pre;text-align:right">{word}</td>'
            f'<td style="width:60%;padding:0 8px">{bars}</td>'
            f'<td style="text-align:right">{before[i]:.3f} → {f"{after[i]:.3f}" if kept[i] else "cut"}</td>'
            "</tr>"
        )
    return (
        f"<p><b>{int(kept.sum()):,}</b> of {len(kept):,} tokens survive; the model gave them "
        f"<b>{before[kept].sum():.1%}</b> of the probability. Grey: the model. Blue: what is left.</p>"
        f'<table style="width:95%;line-height:1.2">{"".join(rows)}</table>'
    )
