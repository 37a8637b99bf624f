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
    """Draw the model from ids to logits, one layer of it opened."""
    return layers.whole_stack(SimpleNamespace(n_layer=30))


def add_or_replace() -> Figure:
    """Draw layers that replace the vector, and below them layers that add to it."""
    fig, ax = plots.canvas(7.5, 3.6, 15, 7.2)
    _say(ax, 0.2, 6.7, "replace: only what the layer makes of it goes on", ha="left")
    for i in range(3):
        plots.arrow(ax, (4.6 * i - 0.1 if i else 0.6, 5.2), (2.1 + 4.6 * i, 5.2))
        _box(ax, 3.3 + 4.6 * i, 5.2, 2.2, 1.0, f"layer {i}", plots.SKY)
    plots.arrow(ax, (13.7, 5.2), (14.8, 5.2))
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


def norm_copy() -> Figure:
    """Draw a stream that grows, and the copies of one size that its norms hand out."""
    fig, ax = plots.canvas(7.5, 3.8, 15, 7.6)
    for i, (x, length) in enumerate(((2.6, 0.6), (7.2, 1.5), (11.6, 3.0))):
        name = ("after the table", "in the middle", "near the end")[i]
        turn = math.radians((5, 145, 80)[i])
        across, up = math.cos(turn), math.sin(turn)
        plots.arrow(ax, (x, 4.1), (x + length * across, 4.1 + length * up), linewidth=4)
        plots.arrow(ax, (x, 4.1), (x, 3.75), color=plots.GREY)
        _box(ax, x, 3.3, 1.8, 0.85, "norm", plots.GREEN)
        plots.arrow(ax, (x, 2.85), (x, 2.45), color=plots.GREY)
        foot, tip = (x - across / 2, 1.6 - up / 2), (x + across / 2, 1.6 + up / 2)
        plots.arrow(ax, foot, tip, linewidth=4, color=plots.BLUE)
        _say(ax, x, 0.5, name)
    _say(ax, 0.2, 7.1, "the stream", ha="left")
    _say(ax, 14.8, 7.1, "a sketch", 12, ha="right")
    _say(ax, 3.3, 1.6, "the copy\nthat is read", 12, ha="left", color=plots.BLUE)
    return fig


def patching() -> Figure:
    """Draw two runs of the model; one vector of the first replaces one of the second."""
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
    """Draw pre-norm and post-norm, side by side: where the norm stands."""
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


def three_bends() -> Figure:
    """Draw ReLU, GELU and SiLU; and SwiGLU's gate with three numbers that may pass."""
    z, up = np.linspace(-5, 5, 201), (-1, 0.5, 2)
    gelu = 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    silu = z / (1 + np.exp(-z))
    curves = {"ReLU": np.maximum(z, 0), "GELU": gelu, "SiLU": silu}
    return layers.activations(z, curves, up, [silu * u for u in up])


def one_neuron() -> Figure:
    """Draw one neuron of SwiGLU: two dot products make its activation, which multiplies its
    column."""
    fig, ax = plots.canvas(7.5, 3.6, 15, 7.2)
    _box(ax, 1.7, 3.6, 2.8, 1.3, "the token's\ncopy", plots.SKY)
    for y, name, then in ((5.3, "row of w_gate", "SiLU"), (1.9, "row of w_up", "")):
        plots.arrow(ax, (3.2, 3.6), (4.3, y))
        _box(ax, 5.9, y, 3.2, 1.1, name, plots.YELLOW, 13)
        _say(ax, 5.9, y - 0.95, "dot product", 12)
        if then:
            plots.arrow(ax, (7.5, y), (8.1, y))
            _box(ax, 8.9, y, 1.5, 0.9, then, plots.GREEN)
        plots.arrow(ax, (9.7 if then else 7.5, y), (9.9, 4.1 if then else 3.1))
    _say(ax, 10.2, 3.6, "×", 20)
    _say(ax, 10.3, 2.4, "its activation,\na number", 12, ha="left")
    plots.arrow(ax, (10.6, 3.6), (11.5, 3.6))
    _box(ax, 12.8, 3.6, 2.6, 1.3, "column of\nw_down", plots.ORANGE, 13)
    plots.arrow(ax, (12.8, 4.3), (12.8, 5.6))
    _say(ax, 12.8, 6.2, "added to the stream", 12)
    return fig


def weights_to_scale() -> Figure:
    """Draw SmolLM2's matrices as areas: the table, and thirty layers of attention and
    feed-forward."""
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


def three_blocks() -> Figure:
    """Draw one layer of three models, from the bottom up."""
    return layers.three_blocks()


def the_loop() -> Figure:
    """Draw the whole model as a loop: look up, the block for each layer, last norm, table."""
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
