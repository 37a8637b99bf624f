"""The pictures of notebook 5: logits and probabilities, loss on a text, logit lens, calibration."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from llmlib import plots

SURPRISE = ScalarMappable(
    Normalize(0, 10, clip=True),
    LinearSegmentedColormap.from_list("loss", ["#FFFFFF", "#9ecae1", "#08306b"]),
)


def grouped_bars(labels, series, ylabel, title):
    """Bars side by side with their values: `series` is {name: one value per label}."""
    fig, ax = plots.figure(height=3.2)
    plots.bars(ax, labels, series, fmt="%.2g")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set(ylabel=ylabel, title=title)
    ax.legend()
    return fig


def loss_on_text(pieces, losses, title, width=78):
    """A text whose tokens are shaded by their loss in nats: dark where the model is surprised.

    The first piece has no loss (None).
    """
    lines, column = [[]], 0
    for piece, loss in zip(pieces, losses):
        if column + len(piece) > width:
            lines, column, piece = [*lines, []], 0, piece.lstrip(" ")
        lines[-1].append((piece, loss, column))
        column += len(piece)
    fig, ax = plots.figure(height=0.5 + 0.34 * len(lines))
    ax.set(xlim=(-0.3, width + 0.3), ylim=(len(lines), 0), title=title)
    ax.axis("off")
    for row, line in enumerate(lines):
        for piece, loss, start in line:
            colour = SURPRISE.to_rgba(loss or 0)
            corner = (start + 0.04, row + 0.08)
            ax.add_patch(Rectangle(corner, len(piece) - 0.08, 0.84, color=colour, linewidth=0))
            style = {"family": "monospace", "fontsize": 8.5, "ha": "center", "va": "center"}
            for i, character in enumerate(piece):
                place = (start + i + 0.5, row + 0.5)
                ax.text(*place, character, color=plots.ink(colour), **style)
    shape = {"orientation": "horizontal", "fraction": 0.04, "pad": 0.02, "aspect": 50}
    bar = fig.colorbar(SURPRISE, ax=ax, **shape)
    bar.set_label("loss in nats (10 and more are drawn alike)", fontsize=9)
    return fig


def by_layer(series, ylabel, title):
    """Lines over the layers: `series` is {name: one value per layer, the embedding's first}."""
    return plots.by_layer(series, ylabel, title, xlabel="layers done (0 = embedding only)")


def calibration(confidence, right, n_bins=10):
    """How often the likeliest token was the right one, by how likely the model said it was."""
    fig, ax = plots.figure(width=6.5, height=4.4)
    ax.plot([0, 1], [0, 1], "--", color=plots.GREY, label="perfectly calibrated")
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    said, true, error, label = [], [], [], "this model, ± 2 standard errors"
    for here in (bins == b for b in range(n_bins)):
        if here.sum() < 5:
            continue
        said.append(confidence[here].mean())
        true.append(right[here].mean())
        error.append(2 * np.sqrt(true[-1] * (1 - true[-1]) / here.sum()))
        at = {"xytext": (7, -11), "textcoords": "offset points", "fontsize": 9}
        ax.annotate(f"{here.sum()}", (said[-1], true[-1]), **at)
    ax.errorbar(said, true, error, color=plots.BLUE, fmt="o", capsize=3, label=label)
    ax.set(xlabel="probability of the likeliest token", ylabel="share of times it was right")
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.set_title(f"Calibration, in {n_bins} bins (number of tokens beside each)")
    ax.legend(loc="upper left")
    return fig
