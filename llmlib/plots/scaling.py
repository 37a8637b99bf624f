"""Pictures of notebook 7's second half: a loss curve that grows, scaling laws, emergence."""

import numpy as np
from IPython.display import display

from llmlib import plots


def loss_curve(steps, losses, held_out, floor, total):
    """Training loss so far, held-out (step, loss) pairs, and the floor, all in nats a byte."""
    fig, ax = plots.figure(height=3.6, width=7)
    ax.plot(steps, losses, color=plots.BLUE, linewidth=1, label="training")
    if held_out:
        style = {"color": plots.ORANGE, "markeredgecolor": "black", "label": "held-out stories"}
        ax.plot(*zip(*held_out), "o", **style)
    plots.mark(ax, "floor: the source's own entropy", y=floor, linestyle=":")
    ax.set(xscale="log", xlim=(1, total), ylim=(0, None))
    ax.set(xlabel="step (log scale)", ylabel="loss (nats a byte)")
    plots.plain(ax.xaxis)
    ax.legend(loc="upper right")
    return fig


def scaling_law(runs, fits, floor=None, label="one run", held_back=()):
    """Loss against size: runs, two arrays (n, loss); fits, {name: function of n}; held_back, pairs
    (n, loss) that no fit has seen."""
    fig, ax = plots.figure(height=3.9, width=7.5)
    n, loss = runs
    ax.plot(n, loss, "o", color=plots.BLUE, markerfacecolor="none", label=label)
    if len(held_back):
        ax.plot(*zip(*held_back), "D", color=plots.RED, markersize=8, label="held back")
    x = np.geomspace(min(n) / 1.3, max([*n, *(m for m, _ in held_back)]) * 1.6, 200)
    for (name, law), colour, style in zip(fits.items(), plots.COLOURS[1:], plots.LINES):
        ax.plot(x, law(x), linestyle=style, color=colour, label=name)
    if floor is not None:
        plots.mark(ax, "known floor", y=floor, linestyle=":")
    ax.set(xscale="log", ylabel="held-out loss (nats a byte)")
    ax.set_xlabel("parameters without embeddings, N (log scale)")
    plots.plain(ax.xaxis)
    ax.legend(fontsize=9)
    return fig


def emergence(accuracy, lengths):
    """The same models under two metrics: accuracy a token, and exact match of k tokens."""
    fig, axes = plots.figure(1, 2, height=3.4)
    plots.lines(axes[0], None, {"one token": accuracy})
    plots.lines(axes[1], None, {f"{k} tokens": np.asarray(accuracy) ** k for k in lengths})
    axes[0].set(ylabel="chance that one token is right", title="a smooth metric")
    axes[1].set(ylabel="chance that all are right", title="an all-or-nothing metric")
    for ax in axes:
        ax.set(xlabel="model, small to large", ylim=(0, 1))
    axes[1].legend()
    return fig


def growing(alt):
    """A place in the notebook for a figure that is drawn again and again -> what draws it."""
    handle = display({"text/plain": alt}, raw=True, display_id=True)
    return lambda fig: handle.update(plots.image(fig, alt), raw=True)
