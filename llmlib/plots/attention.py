"""The charts of notebook 3: shares of attention, gradients, softmax, masks, maps of heads."""

import numpy as np
import torch
from matplotlib.patches import Rectangle

from llmlib import plots


def row(tokens, shares, title="", future=None):
    """Where one token looks: a bar a token, in percent; from index `future` on, it may not look."""
    fig, ax = plots.figure(height=2.9)
    percent = [100 * share for share in shares]
    plots.bars(ax, plots.labels(tokens), percent, fmt=lambda s: f"{s:.1f}" if s >= 1 else "")
    if future is not None:
        hidden = {"facecolor": "none", "edgecolor": plots.GREY, "hatch": "//", "linewidth": 0}
        ax.axvspan(future - 0.5, len(tokens) - 0.5, alpha=0.45, **hidden)
        middle, top = (future + len(tokens) - 1) / 2, ax.get_xaxis_transform()
        ax.text(middle, 0.92, "the future", ha="center", va="top", transform=top, bbox=plots.GROUND)
    ax.set(xlabel="token that is looked at", ylabel="share of attention (%)", title=title)
    ax.set_ylim(0, 1.18 * max(*percent, 5))
    ax.tick_params(axis="x", rotation=45 if len(tokens) > 10 else 0)
    return fig


def grids(panels, tokens):
    """Shares side by side: panels {title: [seq, seq]}, rows look at columns; NaN (masked) is white.
    The sum of each row stands at its right: of shares it is 1."""
    fig, axes = plots.figure(1, len(panels), height=1.3 + 7.2 / max(len(panels), 2))
    names = plots.labels(tokens)
    for ax, (title, shares) in zip(axes, panels.items()):
        shares = np.asarray(torch.as_tensor(shares).float())
        rows = names if ax is axes[0] else [""] * len(tokens)
        plots.heat(ax, shares, ".2f", (rows, names), vmin=0, vmax=1)
        for i, total in enumerate(np.nansum(shares, axis=1)):
            ax.text(len(tokens) - 0.4, i, f"Σ {total:.2f}", va="center", fontsize=9)
        ax.set(xlabel="looked at (key)", title=title)
        ax.tick_params(axis="x", rotation=45)
    axes[0].set_ylabel("looks (query)")
    return fig


def gradients(curves):
    """How much of the last step's gradient reaches each earlier one: {name: [steps back]}."""
    ax = plots.chart(0, curves, every=5, height=3.8, legend="lower left", yscale="log")
    ax.set(xlabel="steps back from the last one", ylabel="norm of the gradient (log scale)")
    ax.set_title("How loudly the last output still hears an early input")
    return ax.figure


def by_layer(curves, ylabel):
    """A value of each layer: {name: [n_layer]}."""
    return plots.chart(0, curves, xlabel="layer (0 is the first)", ylabel=ylabel).figure


def scaling(head_dims, deviations, largest):
    """By head_dim: spread of the scores, and the largest share of 10; each {name: values}."""
    fig, axes = plots.figure(1, 2, height=3.4)
    what = ("standard deviation of the scores", "mean of the largest of 10 shares")
    for ax, curves, ylabel in zip(axes, (deviations, largest), what):
        plots.lines(ax, head_dims, curves, legend="upper left" if ax is axes[0] else None)
        ax.set(xlabel="head_dim (log scale)", ylabel=ylabel, xscale="log", ylim=(0, None))
        plots.plain(ax.xaxis, head_dims)
    plots.mark(axes[1], "all equal", y=0.1, color=plots.GREY)
    return fig


def mixtures(values, outputs, names):
    """Values [n, 2] as points, and the outputs [n, 2], which lie inside what the values span."""
    fig, ax = plots.figure(width=5.6, height=4.2)
    ax.fill(*values.T.tolist(), facecolor=plots.GREY, alpha=0.12, edgecolor=plots.GREY)
    for points, kind, label, colour, marker, offset in (
        (values, "v", "values v", plots.ORANGE, "s", (9, 7)),
        (outputs, "out", "outputs: mixtures of values", plots.BLUE, "o", (9, -13)),
    ):
        style = {"color": colour, "marker": marker, "edgecolor": "black", "zorder": 3}
        ax.scatter(*points.T.tolist(), s=100, label=label, **style)
        for place, name in zip(points.tolist(), names):
            plots.note(ax, f"{kind}({name})", place, offset, fontsize=10)
    ax.margins(0.18)
    ax.set(xlabel="column 0", ylabel="column 1")
    ax.legend(loc="lower left", fontsize=9)
    return fig


def head_maps(maps, best=3):
    """Score of every head by layer and head: maps {title: [n_layer, n_head]}; `best` are framed."""
    fig, axes = plots.figure(1, len(maps), height=6.2, sharey=True)
    for ax, (title, scores) in zip(axes, maps.items()):
        picture = plots.heat(ax, scores, vmin=0, vmax=1, aspect="auto", origin="lower")
        for place in scores.flatten().topk(best).indices.tolist():
            layer, head = divmod(place, scores.shape[1])
            corner = (head - 0.5, layer - 0.5)
            for width, colour in ((3.5, "black"), (1.5, "white")):
                frame = {"lw": width, "ec": colour, "zorder": 3, "clip_on": False}
                ax.add_patch(Rectangle(corner, 1, 1, fill=False, **frame))
        ax.set(xlabel="head", title=title, xticks=range(scores.shape[1]))
    axes[0].set_ylabel("layer (0 is the first)")
    fig.colorbar(picture, ax=axes, label="mean share of attention", shrink=0.6)
    return fig


def losses_by_position(curves, repeat_from, chance):
    """Loss at each position, from 1, of a text that repeats from `repeat_from` on: {name: losses};
    `chance` is the loss of guessing."""
    ax = plots.chart(1, curves, every=2, legend=None)
    ax.legend(loc="lower left", fontsize=9)  # left of the mark
    plots.mark(ax, "from here on, a repetition", x=repeat_from, color=plots.GREY)
    plots.mark(ax, "guessing", y=chance, color=plots.GREY)
    ax.set(xlabel="position of the predicted token", ylabel="loss (nats)", ylim=(0, None))
    ax.set_xlim(
        0, 1.13 * len(next(iter(curves.values())))
    )  # room for "guessing" next to the curves
    return ax.figure


def ablation(marks, dots, chance):
    """Loss with heads switched off: marks {name: loss} as bars, dots {name: [loss of each draw]}
    as the controls, `chance` the loss of guessing."""
    names = [*marks, *dots]
    fig, ax = plots.figure(height=1.0 + 0.36 * len(names))
    plots.bars(ax, names, [*marks.values(), *[0] * len(dots)], across=True)
    for y, loss in enumerate(marks.values()):
        plots.note(ax, f"{loss:.1f}", (loss, y), (4, 0), va="center")
    for y, losses in enumerate(dots.values(), len(marks)):
        ax.scatter(losses, [y] * len(losses), color=plots.ORANGE, edgecolor="black", zorder=3)
    plots.mark(ax, "guessing", x=chance, color=plots.GREY)
    ax.set_xlabel("mean loss on the repetition (nats); a dot is one draw")
    ax.set_ylabel("heads that are off")
    ax.set_xlim(0, 1.12 * max(chance, *marks.values()))
    return fig


def learning(curves, chance):
    """Loss by training step, {name: losses}, in means of ten; `chance` is that of guessing."""
    smooth = {name: np.reshape(losses, (-1, 10)).mean(1) for name, losses in curves.items()}
    ax = plots.chart(np.arange(len(next(iter(smooth.values())))) * 10 + 5, smooth, every=3)
    plots.mark(ax, "guessing", y=chance, color=plots.GREY)
    ax.set(xlabel="training step", ylabel="loss on the repetition (nats)", ylim=(0, None))
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.38))
    return ax.figure
