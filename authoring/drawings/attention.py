"""The drawings of notebook 3."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from llmlib import plots, pretrained
from llmlib.attention import attention_maps
from llmlib.plots import attention

heads = attention.heads
encoder_decoder = attention.encoder_decoder
SENTENCE = "Mrs. Quill keeps a dragon. Every morning the dragon greets Mrs."


def mosaic() -> Figure:
    """All heads of SmolLM2 on one sentence: a small square a head, layers from left to right."""
    model = pretrained.load("smollm2")
    maps = attention_maps(model, model.tokenizer.encode(SENTENCE))  # layer head seq seq
    n_layer, n_head, seq, _ = maps.shape
    edge = 2
    wall = torch.full((n_head * (seq + edge), n_layer * (seq + edge)), math.nan)
    future = torch.ones(seq, seq).triu(1).bool()
    for layer in range(n_layer):
        for head in range(n_head):
            y, x = head * (seq + edge), layer * (seq + edge)
            square = (maps[layer, head] * 50).round() / 50  # the last bits differ by processor
            wall[y : y + seq, x : x + seq] = square.sqrt().masked_fill(future, 0.0)
    fig, ax = plots.figure(width=6.6, height=2.6)
    plots.heat(ax, wall, vmin=0, vmax=1)
    middle = (seq - 1) / 2
    ax.set_xticks([middle + n * (seq + edge) for n in range(0, n_layer, 2)], range(0, n_layer, 2))
    ax.set_yticks([middle + n * (seq + edge) for n in range(n_head)], range(n_head))
    ax.set(xlabel="layer", ylabel="head")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return fig


def _tokens(ax: Axes, words: Sequence[str], xs: Sequence[float], y: float) -> None:
    for word, x in zip(words, xs):
        plots.box(ax, x - 0.75, y, 1.5, 0.8, word, "white")


def _arc(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float, **style: Any
) -> None:
    line = {"connectionstyle": f"arc3,rad={bend}", "linewidth": 1.8} | style
    plots.arrow(ax, start, end, **line)


def chain() -> Figure:
    """Left, an RNN: the memory goes from token to token. Right, attention: every token reaches
    every earlier one."""
    fig, ax = plots.canvas(6.4, 2.9, 20, 7.5)
    words = ["the", "cat", "sat", "down"]
    left, right = [1.2, 3.6, 6.0, 8.4], [12.0, 14.3, 16.6, 18.9]
    for title, middle in (("RNN: a chain", 4.8), ("attention: all to all", 15.4)):
        ax.text(middle, 7.0, title, fontsize=12, weight="bold", **plots.CENTRE)
    _tokens(ax, words, left, 0.4)
    for i, x in enumerate(left):
        plots.box(ax, x - 0.7, 3.0, 1.4, 1.0, f"h{'₀₁₂₃'[i]}", plots.YELLOW)
        plots.arrow(ax, (x, 1.3), (x, 2.9))
        if i:
            plots.arrow(ax, (left[i - 1] + 0.75, 3.5), (x - 0.75, 3.5), linewidth=2.2)
    ax.text(4.8, 5.2, "memory h waits for the h before it", fontsize=10, **plots.CENTRE)
    _tokens(ax, words, right, 0.4)
    styles = zip((plots.BLUE, plots.GREEN, plots.RED), ("-", "--", "-."))
    for i, (colour, line) in enumerate(styles, 1):
        for j in range(i):
            start, end = (right[i] - 0.1, 1.35), (right[j] + 0.1 + 0.12 * i, 1.35)
            _arc(ax, start, end, 0.55, color=colour, linestyle=line, linewidth=1.6)
    ax.text(15.4, 5.9, "every distance is one step, all at once", fontsize=10, **plots.CENTRE)
    ax.plot([10.2, 10.2], [0.2, 7.2], color=plots.GREY, linewidth=1)
    return fig


def ladder() -> Figure:
    """Three ways to fill the shares of "sat": equal, fixed by us, and from queries and keys."""
    fig, ax = plots.canvas(6.4, 3.7, 20, 10.2)
    steps = (
        ("1  plain average", (1 / 3, 1 / 3, 1 / 3), "equal shares:\nno choice"),
        ("2  weighted average", (0.2, 0.6, 0.2), "shares that\nwe wrote down"),
        ("3  attention", (0.0454, 0.7679, 0.1867), "shares from\nquery · key"),
    )
    colours = (plots.SKY, plots.ORANGE, plots.GREEN)
    hatches = ("", "//", "..")
    for n, (title, shares, how) in enumerate(steps):
        x = 0.6 + 6.7 * n
        ax.text(x + 2.7, 9.7, title, fontsize=12, weight="bold", **plots.CENTRE)
        _tokens(ax, ("the", "cat", "sat"), (x + 0.7, x + 2.7, x + 4.7), 7.6)
        ax.text(x + 2.7, 7.0, "share of each value", fontsize=10, **plots.CENTRE)
        for i, share in enumerate(shares):
            middle, height = x + 0.7 + 2 * i, 4.6 * share
            style: dict[str, Any] = {
                "facecolor": colours[i],
                "hatch": hatches[i],
                "edgecolor": "black",
            }
            ax.add_patch(Rectangle((middle - 0.6, 2.6), 1.2, height, **style))
            ax.text(middle, 2.75 + height, f"{share:.2f}", ha="center", va="bottom", fontsize=10)
        ax.text(x + 2.7, 1.1, how, fontsize=11, **plots.CENTRE)
        if n < 2:
            plots.arrow(ax, (x + 5.65, 4.0), (x + 6.55, 4.0), linewidth=2.2)
    return fig


def no_peeking() -> Figure:
    """Four tokens; the third looks at itself and back, its arrow to the future is crossed out."""
    fig, ax = plots.canvas(6.2, 2.1, 18, 5.6)
    words, xs = ["The", "cat", "sat", "on"], [2.2, 6.4, 10.6, 14.8]
    for word, x in zip(words, xs):
        colour = plots.YELLOW if word == "sat" else "white" if word != "on" else "#DDDDDD"
        plots.box(ax, x - 1.1, 0.5, 2.2, 1.1, word, colour)
    for x in xs[:2]:
        _arc(ax, (xs[2] - 0.2, 1.7), (x, 1.7), 0.42, color=plots.BLUE)
    _arc(ax, (xs[2] + 0.1, 1.7), (xs[2] + 0.9, 1.7), -1.6, color=plots.BLUE)
    _arc(ax, (xs[2] + 0.7, 1.7), (xs[3], 1.7), -0.5, color=plots.RED, linestyle="--")
    ax.text(12.9, 2.62, "✕", color=plots.RED, fontsize=20, weight="bold", **plots.CENTRE)
    ax.text(3.2, 4.6, "the past: allowed", fontsize=11, color=plots.BLUE, **plots.CENTRE)
    ax.text(14.9, 4.0, "the future: hidden", fontsize=11, color=plots.RED, **plots.CENTRE)
    return fig


def grouped() -> Figure:
    """SmolLM2's nine query heads on three key/value heads, between two other ways to share."""
    return attention.grouped(9, 3)


def induction() -> Figure:
    """A B … A: one head notes in B what stood before it, a later head finds that note."""
    fig, ax = plots.canvas(6.4, 3.5, 20, 9.8)
    words = ["A", "B", "C", "…", "A", "?"]
    xs = [1.8, 5.0, 8.2, 11.4, 14.6, 17.9]
    for i, (word, x) in enumerate(zip(words, xs)):
        colour = {"A": plots.SKY, "B": plots.ORANGE, "?": plots.YELLOW}.get(word, "white")
        style = {"linestyle": "--"} if i == 5 else {}
        plots.box(ax, x - 0.9, 3.6, 1.8, 1.3, word, colour, **style)
    plots.box(ax, 3.2, 1.4, 3.6, 1.2, "note: “I come\nafter A”", "white")
    plots.arrow(ax, (5.0, 2.7), (5.0, 3.5), color=plots.GREY, linestyle=":")
    _arc(ax, (1.8, 3.5), (3.1, 2.0), 0.3, color=plots.GREEN, linewidth=2.4)
    ax.text(
        0.2,
        0.6,
        "1  an early head writes into B what stood before it",
        fontsize=11,
        ha="left",
        va="center",
        color="#006B4F",
    )
    _arc(ax, (14.6, 5.0), (5.0, 5.0), 0.36, color=plots.BLUE, linewidth=2.4, linestyle="--")
    ax.text(
        9.8,
        8.9,
        "2  a later head at the second A asks: who comes after A?",
        fontsize=11,
        color=plots.BLUE,
        **plots.CENTRE,
    )
    _arc(ax, (15.0, 3.5), (17.9, 3.5), 0.5, color=plots.RED, linewidth=2.4, linestyle="-.")
    ax.text(15.3, 1.5, "3  and says: B again", fontsize=11, color=plots.RED, **plots.CENTRE)
    return fig


def moving_a_name() -> Figure:
    """Activation patching: one head's output goes from the run with Baker into that with Carter."""
    fig, ax = plots.canvas(6.4, 3.2, 20, 8.2)
    rows = (
        (5.4, "clean", "Mrs. Baker keeps a dragon … Mrs.", "Baker", plots.SKY),
        (0.6, "corrupted", "Mrs. Carter keeps a dragon … Mrs.", "Carter?", plots.ORANGE),
    )
    for y, name, text, says, colour in rows:
        ax.text(0.1, y + 1.95, name, fontsize=11, weight="bold", ha="left", va="center")
        plots.box(ax, 0.1, y, 8.9, 1.4, text, "white")
        for i, x in enumerate((10.4, 12.0, 13.6)):
            plots.box(ax, x - 0.7, y, 1.4, 1.4, f"head\n{i}", colour)
        plots.box(ax, 16.0, y, 3.2, 1.4, says, colour)
        plots.arrow(ax, (9.1, y + 0.7), (9.65, y + 0.7))
        plots.arrow(ax, (14.4, y + 0.7), (15.9, y + 0.7))
    plots.arrow(ax, (12.0, 5.3), (12.0, 2.1), color=plots.RED, linewidth=2.6)
    ax.text(12.5, 3.7, "put one head's output here", fontsize=11, ha="left", color=plots.RED)
    return fig


def engine() -> Figure:
    """Your five functions, in the order in which a layer calls them."""
    fig, ax = plots.canvas(6.4, 1.8, 20, 4.6)
    names = ("split_heads", "repeat_kv", "causal_mask", "attention", "merge_heads")
    for i, name in enumerate(names):
        x = 0.2 + 4.0 * i
        plots.box(ax, x, 1.5, 3.5, 1.4, name, plots.GREEN if i % 2 else plots.SKY)
        if i:
            plots.arrow(ax, (x - 0.45, 2.2), (x - 0.05, 2.2))
    ax.text(10, 3.9, "one layer of SmolLM2, 30 times", fontsize=11, weight="bold", **plots.CENTRE)
    ax.text(10, 0.6, "each of them yours", fontsize=11, **plots.CENTRE)
    return fig
