"""Drawings of notebook 5."""

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from llmlib.plots import (
    BLANK,
    BLUE,
    CENTRE,
    GREEN,
    GREY,
    GROUND,
    ORANGE,
    RED,
    SKY,
    YELLOW,
    arrow,
    box,
    canvas,
    figure,
    note,
)
from llmlib.plots.output_head import logits_to_loss


def from_vector_to_loss() -> Figure:
    """Draw logits, the probabilities that softmax makes of them, and -ln p of the token that
    came."""
    logits = [4.0, 2.5, 2.0, 0.5]
    shares = torch.softmax(torch.tensor(logits), -1).tolist()
    return logits_to_loss(["blue", "grey", "clear", "green"], logits, shares)


def one_row_per_token() -> Figure:
    """Draw the vector x among rows of the table, and the dot products that are its logits."""
    fig, (left, right) = figure(columns=2, rows=1, width=6.0, height=3.0)
    x = (1.4, 1.1)
    rows = {
        "' star'": (1.5, 1.3),
        "' moon'": (1.7, 0.1),
        "' baby'": (-0.4, 1.4),
        "' the'": (-1.1, 0.1),
    }
    for word, (a, b) in rows.items():
        arrow(left, (0, 0), (a, b), color=BLUE)
        left.text(1.3 * a, 1.16 * b + 0.02, word, color=BLUE, fontsize=10, **CENTRE)
    arrow(left, (0, 0), x, color=ORANGE, linewidth=3)
    left.text(0.72, 0.94, "x", color="black", fontsize=13, **CENTRE)
    left.set(xlim=(-1.9, 2.6), ylim=(-0.4, 1.9), title="x and the rows of the table")
    left.set_aspect("equal")
    left.axis("off")
    left.text(-1.9, -0.4, "a sketch", fontsize=10)
    logits = [x[0] * a + x[1] * b for a, b in rows.values()]
    drawn = right.barh(range(4), logits, color=BLUE, edgecolor="black")
    right.bar_label(drawn, fmt="%.1f", padding=4)
    right.set_yticks(range(4), rows)
    right.tick_params(axis="y", pad=8)
    right.axvline(0, color="black", linewidth=1)
    right.set(xlim=(-3.2, 4.9), xticks=[], title="x · row = logit")
    right.invert_yaxis()
    right.grid(visible=False)
    return fig


def surprise_of_a_probability() -> Figure:
    """Draw −ln p against p."""
    fig, ax = figure(width=6.0, height=3.0)
    p = np.linspace(0.004, 1, 400)
    ax.plot(p, -np.log(p), color=BLUE, marker="")
    for at, words in (
        (1.0, "sure and right: 0"),
        (0.5, "0.5: 0.69"),
        (0.1, "0.1: 2.3"),
        (0.01, "0.01: 4.6"),
    ):
        ax.plot(at, -np.log(at), "D", color=ORANGE, markeredgecolor="black", markersize=8)
        note(ax, words, (at, -np.log(at)), (-88, 14) if at == 1 else (10, 5), fontsize=10)
    ax.set(xlim=(-0.02, 1.06), ylim=(0, 5.6), title="What a token costs: −ln p")
    ax.set(xlabel="probability p that the model gave to what came", ylabel="loss (nats)")
    return fig


def shifted_pair() -> Figure:
    """Draw a row of ids, cut twice: inputs, and targets one place ahead."""
    fig, ax = canvas(6.0, 2.1, 10.4, 3.6)
    words = ["The", " fox", " looked", " at", " the"]
    for row, (name, some) in enumerate((("inputs", words[:-1]), ("targets", words[1:]))):
        y = 2.4 - 1.8 * row
        ax.text(0.1, y + 0.4, name, fontsize=12, va="center")
        for i, word in enumerate(some):
            box(ax, 2 + 2.1 * i, y, 1.7, 0.8, word.strip(), (SKY, YELLOW)[row])
    for i in range(4):
        arrow(ax, (2.85 + 2.1 * i, 2.3), (2.85 + 2.1 * i, 1.5))
    ax.text(2.95, 1.9, "then comes", fontsize=9, va="center")
    return fig


def nested_line() -> Figure:
    """Draw arithmetic coding: the stretch of a token, cut by what may come next."""
    fig, ax = canvas(6.0, 3.3, 10.6, 6.4)
    levels = (
        (("The", 0.3), ("A", 0.2), ("One", 0.5)),
        (("fox", 0.2), ("cat", 0.3), ("old", 0.5)),
        (("ran", 0.5), ("sat", 0.4), ("and", 0.1)),
    )
    left, width = 0.2, 10.0
    for row, level in enumerate(levels):
        y, at = 5.2 - 2.1 * row, left
        for i, (word, p) in enumerate(level):
            colour = ORANGE if i == 0 else "#ececec"
            hatch = "" if i else "//"
            stretch = Rectangle((at, y), width * p, 0.8, fc=colour, ec="black", hatch=hatch)
            ax.add_patch(stretch)
            words = {"fontsize": 11, "bbox": GROUND} if i == 0 else {"fontsize": 11}
            ax.text(
                at + width * p / 2, y + 0.4, word if p < 0.2 else f"{word} {p}", **words, **CENTRE
            )
            at += width * p
        if row < 2:
            for start, end in ((left, left), (left + width * level[0][1], left + width)):
                ax.plot((start, end), (y, y - 1.3), "--", color=GREY, marker="", linewidth=1)
    ax.text(0.2, 0.35, "The fox ran: 0.3 · 0.2 · 0.5 = 0.03, about 5 bits", fontsize=11)
    return fig


def two_cuts() -> Figure:
    """Draw one text in long tokens and in short ones: other perplexities, the same bits per
    byte."""
    fig, ax = canvas(6.0, 2.2, 10.6, 4.2)
    cuts = (
        (["The", " old", " fox", " looked", " around"], "5 tokens · 2.4 nats", "perplexity 11"),
        (
            ["Th", "e", " old", " f", "ox", " loo", "ked", " around"],
            "8 tokens · 1.5 nats",
            "perplexity 4.5",
        ),
    )
    for row, (pieces, cost, perplexity) in enumerate(cuts):
        y, at = 3.1 - 1.3 * row, 0.1
        for i, piece in enumerate(pieces):
            wide = 0.25 * len(piece)
            box(ax, at + 0.03, y, wide - 0.06, 0.8, piece.replace(" ", BLANK), (SKY, YELLOW)[row])
            at += wide
        ax.text(6.5, y + 0.62, cost, va="center")
        ax.text(6.5, y + 0.12, perplexity, va="center", weight="bold")
    ax.text(0.1, 0.5, "a sketch: both are 12 nats for the same 25 bytes, 0.69 bits per byte")
    return fig


def said_minus_true() -> Figure:
    """Draw the probabilities, minus 1 at what came, are the gradient at the logits."""
    fig, axes = figure(columns=3, rows=1, width=6.2, height=2.9)
    words, said, true = ["Paris", "the", "London", "Lyon"], [0.77, 0.06, 0.01, 0.00], [0, 0, 0, 1]
    columns = (
        ("what it said", said, BLUE, ""),
        ("− what was true", true, ORANGE, "///"),
        ("= the gradient", [a - b for a, b in zip(said, true)], GREEN, "..."),
    )
    for ax, (title, values, colour, hatch) in zip(axes, columns):
        drawn = ax.barh(range(4), values, color=colour, hatch=hatch, edgecolor="black")
        ax.bar_label(drawn, fmt="%.2f", padding=3)
        ax.set_yticks(range(4), words if ax is axes[0] else [""] * 4)
        ax.axvline(0, color="black", linewidth=1)
        ax.set(title=title, xlim=(-2.0, 1.6), xticks=[])
        ax.invert_yaxis()
        ax.grid(visible=False)
    return fig


def backward_walk() -> Figure:
    """Draw two layers: the values on the way up, the gradients on the way back."""
    fig, ax = canvas(6.6, 3.4, 16, 7.2)
    boxes = (
        (0.2, "x", SKY),
        (3.3, "before\nthe gate", SKY),
        (6.5, "h", SKY),
        (9.7, "logits z", SKY),
        (12.9, "loss", YELLOW),
    )
    for x, text, colour in boxes:
        box(ax, x, 4.2, 2.0, 1.2, text, colour)
    up = ("× W_in", "max(0, ·)", "× W_out", "softmax,\n−ln p")
    back = ("", "only where\n> 0", "× W_out", "p − one-hot")
    for i, (forth, home) in enumerate(zip(up, back)):
        a, b = boxes[i][0] + 2.1, boxes[i + 1][0] - 0.1
        middle = (a + b) / 2
        arrow(ax, (a, 4.8), (b, 4.8))
        ax.text(middle, 5.75, forth, fontsize=10, ha="center", va="bottom")
        if home:
            arrow(
                ax, (boxes[i + 1][0] + 0.8, 3.4), (boxes[i][0] + 1.2, 3.4), color=RED, linewidth=2
            )
            ax.text(middle, 3.1, home, fontsize=10, color=RED, ha="center", va="top")
    for x, text, ground in (
        (1.7, "gradient of W_in:\nwhat comes back, with x", 4.3),
        (8.1, "gradient of W_out:\nwhat comes back, with h", 10.7),
    ):
        box(ax, x, 0.2, 4.9, 1.3, text, "#ececec")
    arrow(ax, (1.2, 4.1), (2.4, 1.6), linestyle="--")
    arrow(ax, (4.3, 3.2), (4.3, 1.6), color=RED, linestyle="--")
    arrow(ax, (7.17, 4.1), (8.3, 1.6), linestyle="--")
    arrow(ax, (10.9, 3.2), (11.0, 1.6), color=RED, linestyle="--")
    ax.text(0.2, 6.7, "forward →", fontsize=11)
    ax.text(13.9, 3.4, "← back", fontsize=11, color=RED, va="center")
    return fig


def seven_of_ten() -> Figure:
    """Draw ten forecasts of 70 %: calibrated, and overconfident."""
    fig, ax = canvas(6.0, 1.6, 14.6, 3.4)
    for row, (name, came) in enumerate((("calibrated", 7), ("overconfident", 5))):
        y = 2.0 - 1.5 * row
        ax.text(0.1, y + 0.4, name, fontsize=11, va="center")
        for i in range(10):
            true = i < came
            box(ax, 3.4 + 0.95 * i, y, 0.72, 0.8, "✓" if true else "–", GREEN if true else "white")
        ax.text(13.1, y + 0.4, f"{came} of 10", fontsize=11, va="center")
    return fig
