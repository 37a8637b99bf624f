"""Drawings of notebook 6."""

import math

from matplotlib.figure import Figure

from llmlib.plots import BLUE, CENTRE, GREEN, ORANGE, PINK, SKY, figure, ink

TOKENS = ["a", "the", "cat", "moon", "zebra"]
LOGITS = [2.0, 1.4, 0.9, 0.2, -0.8]
COLOURS = [BLUE, ORANGE, GREEN, SKY, PINK]
U = 0.82


def strips() -> Figure:
    """One number u draws a token from three strips: the same logits at three temperatures."""
    fig, ax = figure(width=8.0, height=2.6)
    for row, temperature in enumerate((0.4, 1.0, 2.5)):
        parts = [math.exp(each / temperature) for each in LOGITS]
        left = 0.0
        for word, part, colour in zip(TOKENS, parts, COLOURS):
            share = part / sum(parts)
            chosen = left <= U < left + share
            frame = {"edgecolor": "black", "linewidth": 3 if chosen else 0.8}
            ax.barh(row, share, 0.62, left, color=colour, zorder=2 + chosen, **frame)
            if share > 0.05:
                size = {"fontsize": 10, "fontweight": "bold" if chosen else "normal"}
                ax.text(left + share / 2, row, word, color=ink(colour), zorder=4, **size, **CENTRE)
            left += share
    ax.axvline(U, color="black", linestyle="--", zorder=5)
    ax.set_yticks(range(3), ["T = 0.4", "T = 1", "T = 2.5"])
    ax.set(xlim=(0, 1), xlabel=f"one random number, here u = {U}, picks the token (thick frame)")
    ax.invert_yaxis()
    ax.grid(visible=False)
    return fig
