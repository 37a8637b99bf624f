"""The pictures of notebook 5: logits and probabilities, loss on a text, the logit lens, calibration."""

import numpy as np

from llmlib.plots import BLUE, COLOURS, GREY, HATCHES, LINES, MARKERS, ORANGE, RED, figure


def grouped_bars(labels, series, ylabel, title):
    """Bars side by side: `series` is {name: one value per label}; hatches repeat what the colours say."""
    fig, ax = figure(height=3.2)
    width = 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        at = np.arange(len(labels)) + (i - (len(series) - 1) / 2) * width
        ax.bar(
            at,
            values,
            width * 0.92,
            color=COLOURS[i],
            hatch=HATCHES[i],
            edgecolor="white",
            label=name,
        )
    ax.set_xticks(range(len(labels)), labels)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.grid(axis="x", visible=False)
    ax.set(ylabel=ylabel, title=title)
    ax.legend()
    return fig


def loss_on_text(pieces, losses, title, width=78):
    """A text whose tokens are shaded by their loss in nats: the darker, the more surprised the model.

    The first piece has no loss (None).
    """
    lines, column = [[]], 0
    for piece, loss in zip(pieces, losses):
        if column + len(piece) > width:
            lines.append([])
            column = 0
        lines[-1].append((piece, loss, column))
        column += len(piece)
    fig, ax = figure(height=0.5 + 0.34 * len(lines))
    ax.set(xlim=(0, width), ylim=(len(lines), 0), title=title)
    ax.axis("off")
    for row, line in enumerate(lines):
        for piece, loss, start in line:
            shade = 0.0 if loss is None else min(loss / 10, 1.0)
            ax.add_patch(
                _box(start, row, len(piece), 1 - 0.75 * shade if loss is not None else 1.0)
            )
            for i, character in enumerate(piece):
                ax.text(
                    start + i + 0.5,
                    row + 0.5,
                    character,
                    family="monospace",
                    fontsize=8.5,
                    ha="center",
                    va="center",
                    color="white" if shade > 0.6 else "black",
                )
    bar = fig.colorbar(
        _scale(), ax=ax, orientation="horizontal", fraction=0.04, pad=0.02, aspect=50
    )
    bar.set_label("loss in nats (10 and more are drawn alike)", fontsize=9)
    return fig


def _box(start, row, length, lightness):
    from matplotlib.patches import Rectangle

    return Rectangle(
        (start + 0.04, row + 0.08),
        length - 0.08,
        0.84,
        color=_map()(1 - (lightness - 0.25) / 0.75),
        linewidth=0,
    )


def _map():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("loss", ["#FFFFFF", "#9ecae1", "#08306b"])


def _scale():
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(0, 10), _map())


def by_layer(series, ylabel, title):
    """Lines over the layers: `series` is {name: one value per layer}, drawn with markers and line styles of their own."""
    fig, ax = figure(height=3.4)
    for i, (name, values) in enumerate(series.items()):
        ax.plot(
            range(len(values)),
            values,
            LINES[i],
            color=COLOURS[i],
            marker=MARKERS[i],
            markersize=4,
            label=name,
        )
    ax.set(xlabel="layers done (0 = embedding only)", ylabel=ylabel, title=title)
    ax.legend()
    return fig


def calibration(confidence, right, n_bins=10):
    """How often the likeliest token was the right one, by how likely the model said it was; bars are ± 2 standard errors."""
    fig, ax = figure(width=6.5, height=4.4)
    ax.plot([0, 1], [0, 1], "--", color=GREY, label="perfectly calibrated")
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    for b in range(n_bins):
        here = bins == b
        if here.sum() < 5:
            continue
        share = right[here].mean()
        error = 2 * np.sqrt(share * (1 - share) / here.sum())
        ax.errorbar(
            confidence[here].mean(),
            share,
            error,
            color=BLUE,
            marker="o",
            capsize=3,
            label="this model" if b == 0 else None,
        )
        ax.annotate(
            f"{here.sum()}",
            (confidence[here].mean(), share),
            xytext=(7, -11),
            textcoords="offset points",
            fontsize=9,
            color=RED,
        )
    ax.set(
        xlabel="probability of the likeliest token",
        ylabel="share of times it was right",
        xlim=(0, 1),
        ylim=(0, 1.02),
        title="Calibration, in ten bins (number of tokens beside each)",
    )
    ax.legend(loc="upper left")
    return fig


def losses_by_position(losses, floor, label):
    """Loss at each position of one text, with a line for guessing uniformly."""
    fig, ax = figure(height=3.0)
    ax.plot(losses, color=BLUE, marker="o", markersize=3, linewidth=1)
    ax.axhline(floor, color=ORANGE, linestyle="--", label=label)
    ax.set(xlabel="position", ylabel="loss (nats)")
    ax.legend()
    return fig
