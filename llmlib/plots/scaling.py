"""Pictures of notebook 7's second half: a loss curve that grows while a model trains, scaling laws, emergence."""

import numpy as np
from IPython.display import display

from llmlib.plots import BLUE, COLOURS, GREEN, GREY, LINES, MARKERS, ORANGE, RED, figure, image


def loss_curve(steps, losses, held_out, floor, total):
    """Training loss so far, held-out losses as (step, loss) pairs, and the floor, all in nats a byte."""
    fig, axis = figure(height=3.6, width=7)
    axis.plot(steps, losses, color=BLUE, linewidth=1, label="training")
    if held_out:
        axis.plot(
            *zip(*held_out), "o--", color=ORANGE, markeredgecolor="black", label="held-out stories"
        )
    axis.axhline(floor, color="black", linestyle=":")
    axis.text(total, floor, "floor: the source's own entropy", va="bottom", ha="right")
    axis.set(xlabel="step", ylabel="loss (nats a byte)", xlim=(0, total), ylim=(0, None))
    axis.legend(loc="upper right")
    return fig


def scaling_law(runs, fits, floor=None, label="one run", held_back=()):
    """Loss against size. runs: (n, loss) arrays; fits: name -> function of n; held_back: (n, loss) pairs that no fit has seen."""
    fig, axis = figure(height=3.9, width=7.5)
    n, loss = runs
    axis.plot(n, loss, "o", color=BLUE, markerfacecolor="none", label=label)
    if len(held_back):
        axis.plot(*zip(*held_back), "D", color=RED, markersize=8, label="held back")
    x = np.geomspace(min(n) / 1.3, max([*n, *(m for m, _ in held_back)]) * 1.6, 200)
    for (name, law), colour, style in zip(fits.items(), (GREEN, ORANGE, GREY), LINES):
        axis.plot(x, law(x), linestyle=style, color=colour, label=name)
    if floor is not None:
        axis.axhline(floor, color="black", linestyle=":", label="known floor")
    axis.set(
        xscale="log",
        xlabel="parameters without embeddings, N",
        ylabel="held-out loss (nats a byte)",
    )
    axis.legend(fontsize=9)
    return fig


def emergence(accuracy, lengths):
    """The same models under two metrics: accuracy a token, and exact match of k tokens."""
    fig, axes = figure(1, 2, height=3.4)
    sizes = np.arange(len(accuracy))
    axes[0].plot(sizes, accuracy, "o-", color=BLUE)
    axes[0].set(
        xlabel="model, small to large",
        ylabel="chance that one token is right",
        ylim=(0, 1),
        title="a smooth metric",
    )
    for k, colour, marker, style in zip(lengths, COLOURS, MARKERS, LINES):
        axes[1].plot(
            sizes,
            np.asarray(accuracy) ** k,
            marker=marker,
            linestyle=style,
            color=colour,
            label=f"{k} tokens",
        )
    axes[1].set(
        xlabel="model, small to large",
        ylabel="chance that all are right",
        ylim=(0, 1),
        title="an all-or-nothing metric",
    )
    axes[1].legend()
    return fig


def growing(alt):
    """A place in the notebook for a figure that is drawn again and again: returns the function that draws one there."""
    handle = display({"text/plain": alt}, raw=True, display_id=True)
    return lambda fig: handle.update(image(fig, alt), raw=True)
