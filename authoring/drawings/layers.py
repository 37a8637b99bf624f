"""The drawings of notebook 4."""

import math
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure

from llmlib import plots
from llmlib.plots import layers
from llmlib.plots.layers import box as _box
from llmlib.plots.layers import line as _line
from llmlib.plots.layers import plus as _plus
from llmlib.plots.layers import say as _say


def whole_stack() -> Figure:
    """The model from ids to logits, one layer of it opened."""
    return layers.whole_stack(SimpleNamespace(n_layer=30))


def add_or_replace() -> Figure:
    """Above, layers that replace the vector; below, layers that add to it."""
    fig, ax = plots.canvas(7.5, 3.6, 15, 7.2)
    _say(ax, 0.2, 6.7, "replace: what came in is gone", ha="left")
    for i in range(3):
        plots.arrow(ax, (0.6 + 4.6 * i, 5.2), (2.1 + 4.6 * i, 5.2))
        _box(ax, 3.3 + 4.6 * i, 5.2, 2.2, 1.0, f"layer {i}", plots.SKY)
    plots.arrow(ax, (13.8, 5.2), (14.8, 5.2))
    _say(ax, 0.2, 3.6, "add: the line runs through", ha="left")
    _line(ax, (0.6, 2.6), (14.1, 2.6), width=6)
    plots.arrow(ax, (14.0, 2.6), (14.8, 2.6), linewidth=4)
    for i in range(3):
        x = 3.0 + 4.6 * i
        _line(ax, (x - 1.7, 2.6), (x - 1.7, 0.9), (x + 1.6, 0.9), (x + 1.6, 2.3))
        plots.arrow(ax, (x + 1.6, 1.5), (x + 1.6, 2.25))
        _box(ax, x, 0.9, 2.2, 1.0, f"layer {i}", plots.SKY)
        _plus(ax, x + 1.6, 2.6)
    return fig


def tokens_collapse() -> Figure:
    """Six tokens as arrows, deeper and deeper in a stack without "+", and in one with it."""
    fig, axes = plots.figure(2, 4, width=7.5, height=4.2)
    angles = np.radians([12, 75, 130, 195, 250, 320])
    rows = (("without “+”", (1.0, 0.42, 0.12, 0.02)), ("with “+”", (1.0, 0.9, 0.82, 0.75)))
    for row, (name, spreads) in enumerate(rows):
        for column, spread in enumerate(spreads):
            ax = axes[4 * row + column]
            for angle in angles:
                turned = math.radians(100) + spread * (angle - math.radians(160))
                tip = (math.cos(turned), math.sin(turned))
                plots.arrow(ax, (0, 0), tip, linewidth=2, color=plots.BLUE)
            ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal", xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set_visible(False)
            if not row:
                ax.set_title(("6 tokens", "layer 2", "layer 6", "layer 12")[column], fontsize=13)
            if not column:
                ax.set_ylabel(name, fontsize=13)
    return fig


def norm_copy() -> Figure:
    """A stream that grows, and the copies of one size that its norms hand out."""
    fig, ax = plots.canvas(7.5, 3.8, 15, 7.6)
    for i, (x, length) in enumerate(((2.6, 0.6), (7.2, 1.5), (11.6, 3.0))):
        name = ("after the table", "in the middle", "near the end")[i]
        plots.arrow(ax, (x, 4.6), (x + 0.62 * length, 4.6 + 0.78 * length), linewidth=4)
        plots.arrow(ax, (x, 4.6), (x, 3.75), color=plots.GREY)
        _box(ax, x, 3.3, 1.8, 0.85, "norm", plots.GREEN)
        plots.arrow(ax, (x, 2.85), (x, 2.25), color=plots.GREY)
        plots.arrow(ax, (x - 0.3, 1.2), (x + 0.36, 2.05), linewidth=4, color=plots.BLUE)
        _say(ax, x, 0.5, name)
    _say(ax, 0.2, 7.1, "the stream", ha="left")
    _say(ax, 3.3, 1.6, "the copy\nthat is read", 12, ha="left", color=plots.BLUE)
    return fig


def receipt() -> Figure:
    """A logit as a receipt: each write with its amount, and the sum."""
    fig, ax = plots.canvas(7.2, 3.4, 14.4, 6.8)
    rows = ("the table", "attention 0", "feed-forward 0", "…", "feed-forward 29")
    amounts = (0.6, -0.5, 1.1, None, 2.4)
    for i, (name, amount) in enumerate(zip(rows, amounts)):
        y = 6.2 - i
        _say(ax, 4.6, y, name, 13, ha="right")
        if amount is None:
            continue
        colour, sign = (plots.BLUE, "+") if amount > 0 else (plots.ORANGE, "−")
        ax.barh(y, amount, 0.55, left=6.2, color=colour, ec="black", lw=0.8)
        _say(ax, 9.3, y, sign, 15)
    ax.plot([6.2, 6.2], [1.8, 6.6], color="black", lw=1)
    _line(ax, (0.6, 1.55), (13.8, 1.55))
    _say(ax, 4.6, 0.9, "one logit", 13, ha="right", fontweight="bold")
    ax.barh(0.9, 5.2, 0.6, left=6.2, color=plots.GREEN, ec="black", lw=0.8)
    _say(ax, 12.6, 0.9, "the sum", 12)
    return fig


def patching() -> Figure:
    """Two runs of the model; one vector of the first replaces one of the second."""
    fig, ax = plots.canvas(7.5, 4.4, 15, 8.8)
    runs = ((6.7, "France", "clean", plots.SKY), (2.3, "Italy", "corrupted", "white"))
    for y, country, name, colour in runs:
        _say(ax, 0.3, y + 1.6, f"{name}: “The capital of {country} is”", ha="left")
        for i, word in enumerate(("The", "capital", "of", country, "is")):
            x = 1.5 + 2.2 * i
            for level in range(3):
                patched = name == "corrupted" and (i, level) == (3, 1)
                fill = plots.SKY if patched else colour
                _box(ax, x, y - 0.6 + 0.75 * level, 1.7, 0.55, "", fill)
            _say(ax, x, y - 1.4, word)
    _say(ax, 11.8, 6.7, "layers\nupwards", 12, ha="left")
    plots.arrow(ax, (11.5, 6.0), (11.5, 7.9), color=plots.GREY)
    bent = {"connectionstyle": "arc3,rad=-0.35", "linewidth": 3, "color": plots.RED}
    plots.arrow(ax, (9.0, 6.85), (9.0, 2.55), **bent)
    _say(ax, 10.4, 4.55, "copy one vector", 12, ha="left", color=plots.RED)
    _say(ax, 11.4, 2.45, "then run on:\nParis or Rome?", 12, ha="left")
    return fig


def norm_off_or_on() -> Figure:
    """Pre-norm and post-norm, side by side: where the norm stands."""
    fig, axes = plots.figure(1, 2, width=7.5, height=3.9)
    for ax, title, on in zip(axes, ("pre-norm: off the stream", "post-norm: on it"), (False, True)):
        ax.set(xlim=(-2, 5), ylim=(0, 9), title=title)
        ax.title.set_fontsize(13)
        ax.axis("off")
        _line(ax, (0, 0.3), (0, 8.4), width=6)
        plots.arrow(ax, (0, 8.2), (0, 9.0), linewidth=4)
        _line(ax, (0, 1.2), (2.8, 1.2), (2.8, 5.8), (0.4, 5.8))
        plots.arrow(ax, (1.2, 5.8), (0.4, 5.8))
        _box(ax, 2.8, 4.2, 2.9, 1.1, "sublayer", plots.ORANGE, 13)
        _box(ax, 0 if on else 2.8, 7.2 if on else 2.4, 2.0, 1.0, "norm", plots.GREEN, 13)
        _plus(ax, 0, 5.8)
    return fig


def mixing_desk() -> Figure:
    """The feed-forward as a mixing desk: a channel a neuron, a fixed sound each, one mix."""
    fig, ax = plots.canvas(7.5, 4.3, 15, 8.6)
    ax.set_aspect("equal")
    _say(ax, 7.5, 8.2, "the token's copy moves the faders", 13)
    levels = (0.25, 0.9, 0.05, 0.6, 0.0, 0.35)
    for i, level in enumerate(levels):
        x = 1.4 + 2.0 * i + (1.4 if i == 5 else 0)
        plots.arrow(ax, (x, 7.8), (x, 7.1), color=plots.GREY)
        _line(ax, (x, 4.4), (x, 6.9), width=3, color=plots.GREY)
        _box(ax, x, 4.6 + 2.1 * level, 1.0, 0.45, "", plots.ORANGE)
        heights = np.random.default_rng(i).normal(size=7)
        bars = x - 0.66 + 0.22 * np.arange(7)
        ax.bar(bars, 0.33 * heights, 0.19, 3.1, color=plots.COLOURS[i], ec="black", lw=0.4)
        plots.arrow(ax, (x, 2.1), (x, 1.5), linewidth=0.4 + 4 * level, color="black")
    _say(ax, 11.1, 5.6, "…", 18)
    _say(ax, 11.1, 3.1, "…", 18)
    _say(ax, 14.7, 5.7, "how\nloud", 12, ha="right")
    _box(ax, 7.5, 0.9, 13.6, 0.95, "the mix is added to the stream", plots.SKY, 13)
    return fig


def three_bends() -> Figure:
    """ReLU, GELU and SiLU; and SwiGLU's gate with three numbers that may pass."""
    z, up = np.linspace(-5, 5, 201), (-1, 0.5, 2)
    gelu = 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    silu = z / (1 + np.exp(-z))
    curves = {"ReLU": np.maximum(z, 0), "GELU": gelu, "SiLU": silu}
    return layers.activations(z, curves, up, [silu * u for u in up])


def one_channel() -> Figure:
    """One neuron: its key reads, its number says how loud, its value is what it says."""
    fig, ax = plots.canvas(7.5, 2.6, 15, 5.2)
    _box(ax, 1.9, 2.4, 3.0, 1.2, "the token's\ncopy", plots.SKY)
    plots.arrow(ax, (3.5, 2.4), (4.6, 2.4))
    _box(ax, 6.2, 2.4, 3.0, 1.6, "key\ndoes it fit?", plots.YELLOW, 13)
    plots.arrow(ax, (7.8, 2.4), (9.6, 2.4))
    _say(ax, 8.7, 2.95, "a number", 12)
    _box(ax, 11.4, 2.4, 3.4, 1.6, "value\na fixed vector", plots.ORANGE, 13)
    plots.arrow(ax, (13.2, 2.4), (14.7, 2.4))
    _say(ax, 11.4, 0.9, "written that loud", 12)
    _say(ax, 6.2, 0.9, "a row of w_gate\nand of w_up", 12)
    _say(ax, 11.4, 3.85, "a column of w_down", 12)
    return fig


def weights_to_scale() -> Figure:
    """SmolLM2's matrices as areas: the table, and thirty layers of attention and feed-forward."""
    fig, ax = plots.canvas(7.5, 3.4, 15, 6.8)
    scale = 10.2 * 5.0 / 134.5  # area units a million parameters
    table, attention, mlp = (scale * n for n in (28.3, 26.5, 79.6))
    height = 5.0
    x = 0.4
    parts = (("table", table, plots.YELLOW),)
    for name, area, colour in parts:
        _box(ax, x + area / height / 2, 3.2, area / height, height, name, colour, 13)
        x += area / height + 0.6
    width, share = (attention + mlp) / height / 30, attention / (attention + mlp)
    for i in range(30):
        left, gap = x + i * (width + 0.08), 0.0
        low = {"ec": "black", "lw": 0.5}
        ax.bar(left, height * share, width, 0.7, color=plots.SKY, align="edge", **low)
        ax.bar(
            left,
            height * (1 - share),
            width,
            0.7 + height * share + gap,
            color=plots.ORANGE,
            align="edge",
            hatch="//",
            **low,
        )
    middle = x + 15 * (width + 0.08)
    _say(ax, middle, 0.7 + height * share / 2, "attention", 13, bbox=plots.GROUND, zorder=5)
    place = 0.7 + height * (1 + share) / 2
    _say(ax, middle, place, "feed-forward", 13, bbox=plots.GROUND, zorder=5)
    _say(ax, middle, 6.3, "30 layers", 13)
    return fig


def router() -> Figure:
    """A mixture of experts: a router sends each token to two of many feed-forwards."""
    fig, ax = plots.canvas(7.5, 3.0, 15, 6.0)
    for y, name in ((4.4, "token A"), (1.6, "token B")):
        _box(ax, 1.4, y, 2.2, 0.9, name, plots.SKY)
        plots.arrow(ax, (2.6, y), (4.1, 3.2 if y > 3 else 2.8))
    _box(ax, 5.2, 3.0, 2.0, 1.4, "router", plots.YELLOW, 13)
    for i in range(6):
        y = 5.4 - 0.97 * i
        asked = {0: plots.BLUE, 3: plots.BLUE, 2: plots.RED, 4: plots.RED}.get(i)
        _box(ax, 12.0, y, 4.2, 0.72, f"feed-forward {i}", plots.ORANGE if asked else "white", 12)
        if asked:
            dashes = "-" if asked == plots.BLUE else "--"
            plots.arrow(ax, (6.3, 3.0), (9.8, y), color=asked, linestyle=dashes, linewidth=2)
    return fig


def layer_left_out() -> Figure:
    """Layers on the stream, one of them taken out: the line runs on."""
    fig, ax = plots.canvas(7.5, 2.4, 15, 4.8)
    _line(ax, (0.3, 3.4), (14.1, 3.4), width=6)
    plots.arrow(ax, (14.0, 3.4), (14.8, 3.4), linewidth=4)
    for i in range(4):
        x, out = 2.2 + 3.6 * i, i == 2
        style = {"color": plots.GREY, "ls": ":"} if out else {}
        _line(ax, (x - 1.2, 3.4), (x - 1.2, 1.1), (x + 1.2, 1.1), (x + 1.2, 3.1), **style)
        _box(
            ax, x, 1.1, 1.9, 0.9, "left out" if out else f"layer {i}", "white" if out else plots.SKY
        )
        if not out:
            _plus(ax, x + 1.2, 3.4)
    return fig


def three_blocks() -> Figure:
    """One layer of three models, from the bottom up."""
    return layers.three_blocks()


def the_loop() -> Figure:
    """The whole model as a loop: look up, the block for each layer, last norm, table."""
    fig, ax = plots.canvas(7.3, 2.8, 15, 5.6)
    _line(ax, (0.8, 2.2), (14.2, 2.2))
    for x, width, name, colour in (
        (1.0, 1.3, "ids", "white"),
        (3.1, 1.8, "embed", plots.YELLOW),
        (6.7, 3.2, "pre_norm_block", plots.SKY),
        (10.1, 1.9, "rms_norm", plots.GREEN),
        (12.4, 1.8, "unembed", plots.YELLOW),
        (14.3, 1.2, "logits", "white"),
    ):
        _box(ax, x, 2.2, width, 1.1, name, colour)
    back = {"connectionstyle": "arc3,rad=0.9", "linewidth": 2.5, "color": plots.BLUE}
    plots.arrow(ax, (8.0, 2.85), (5.4, 2.85), **back)
    _say(ax, 6.7, 4.9, "for every layer, with its own weights", 12)
    return fig
