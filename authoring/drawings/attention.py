"""The drawings of notebook 3."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llmlib import plots, pretrained
from llmlib.attention import attention_maps
from llmlib.plots import attention

heads = attention.heads
encoder_decoder = attention.encoder_decoder
SENTENCE = "Mrs. Quill keeps a dragon. The dragon greets Mrs."
THREE = ((16, 0), (13, 8), (18, 6))


def three_heads() -> Figure:
    """Draw three heads of SmolLM2 on two sentences."""
    model = pretrained.load("smollm2")
    ids = model.tokenizer.encode(SENTENCE)
    maps = attention_maps(model, ids)  # layer head seq seq
    maps = (maps * 50).round() / 50  # the last bits differ by processor
    panels = {f"layer {n}, head {h}": maps[n, h] for n, h in THREE}
    words = [model.tokenizer.decode([i]) for i in ids]
    return attention.maps(panels, words, columns=3, numbers=False)


def _tokens(ax: Axes, words: Sequence[str], xs: Sequence[float], y: float) -> None:
    for word, x in zip(words, xs):
        plots.box(ax, x - 0.75, y, 1.5, 0.8, word, "white")


def _arc(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float, **style: Any
) -> None:
    line = {"connectionstyle": f"arc3,rad={bend}", "linewidth": 1.8} | style
    plots.arrow(ax, start, end, **line)


def chain() -> Figure:
    """Draw, left, an RNN: the memory goes from token to token. Right, attention: every token
    reaches every earlier one."""
    fig, ax = plots.canvas(6.4, 2.9, 20, 7.5)
    words = ["the", "cat", "sat", "down"]
    left, right = [1.2, 3.6, 6.0, 8.4], [12.0, 14.3, 16.6, 18.9]
    for title, middle in (("RNN: a chain", 4.8), ("attention: each looks back at all", 15.4)):
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


def grouped() -> Figure:
    """Draw SmolLM2's nine query heads on three key/value heads, between two other ways to share."""
    return attention.grouped(9, 3)


def induction() -> Figure:
    """Draw A B … A: one head notes in B what stood before it, a later head finds that note."""
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
        "1  an earlier head writes into B what stood before it",
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
