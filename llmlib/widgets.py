"""The course's sliders, each an ipywidget; `plots.show(fig, alt, widget)` keeps a figure above."""

import math
from html import escape

import ipywidgets
import torch

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


def rope_clock(apply_rope, q, k, theta):
    """Move a query and a key, q and k [head_dim], along a text, turned by the learner's own
    `apply_rope(x, positions, theta)`; lock their distance and the score stays."""
    half, head_dim = len(q) // 2, len(q)
    at_q, at_k, pair = (
        ipywidgets.IntSlider(value, 0, most, description=name, **CONTROL)
        for value, most, name in (
            (5, 60, "q stands at"),
            (4, 60, "k stands at"),
            (0, half - 1, "pair"),
        )
    )
    lock = ipywidgets.Checkbox(True, description="lock the distance", **CONTROL)
    picture, last = ipywidgets.HTML(), [at_q.value, at_k.value]

    def hands(rows, positions):
        return apply_rope(torch.stack(rows), torch.tensor(positions), theta)

    def draw():
        moved = [at_q.value - last[0], at_k.value - last[1]]
        last[:] = at_q.value, at_k.value
        if lock.value and (moved[0] == 0) != (moved[1] == 0):  # the other follows
            follower, step = (at_k, moved[0]) if moved[0] else (at_q, moved[1])
            last[follower is at_k] += step
            follower.value = last[follower is at_k]  # held at an end, it moves the first back
            last[:] = at_q.value, at_k.value
        try:
            unit = torch.zeros(head_dim)
            unit[pair.value] = 1.0  # a hand at 3 o'clock
            arrows = hands([unit, unit], last)[:, [pair.value, pair.value + half]].tolist()
            turned_q, turned_k = hands([q, k], last)
            score = (turned_q @ turned_k / math.sqrt(head_dim)).item()
            picture.value = _clock(arrows, pair.value, last[0] - last[1], score)
        except Exception as error:  # noqa: BLE001 - the learner's own function
            picture.value = escape(f"apply_rope raised {type(error).__name__}: {error}")

    _whenever((at_q, at_k, pair, lock), draw)
    return ipywidgets.VBox([_controls(at_q, at_k, pair, lock), picture])


def _clock(arrows, pair, distance, score):
    """The two hands of one pair as an SVG clock, and in words what the score is."""
    lines = []
    for (x, y), name, colour, dash in zip(arrows, "qk", ("#0072B2", "#D55E00"), ("", "6 4")):
        lines.append(
            f'<line x2="{80 * x:.1f}" y2="{-80 * y:.1f}" stroke="{colour}" stroke-width="4" '
            f'stroke-dasharray="{dash}"/><text x="{96 * x:.1f}" y="{5 - 96 * y:.1f}" '
            f'fill="{colour}" text-anchor="middle">{name}</text>'
        )
    (ax, ay), (bx, by) = arrows
    angle = math.degrees(math.atan2(bx * ay - by * ax, ax * bx + ay * by)) % 360
    return (
        '<div style="display:flex;align-items:center;gap:2em;background:white;color:black">'
        '<svg width="220" height="220" viewBox="-110 -110 220 220"><circle r="80" fill="none" '
        f'stroke="#7F7F7F"/>{"".join(lines)}</svg><div>k stands <b>{distance}</b> back<br>'
        f"from k's hand to q's in pair {pair}: <b>{angle:.0f}°</b><br>"
        f"score of all pairs, q · k / √head_dim: <b>{score:.2f}</b></div></div>"
    )
