"""The pictures of notebook 4: norms, feed-forwards, a stack of layers; what single writes do; then
drawings of the stack and three blocks."""

import math
from collections import Counter

import numpy as np
import torch
from matplotlib.patches import Circle

from llmlib import plots


def norm_map(points, rms, centred):
    """Draw points of the plane [n, 2], and where the two norms send them, each joined to its
    image."""
    fig, axes = plots.figure(1, 2, width=7.4, height=4.4, sharex=True, sharey=True)
    limit = 1.08 * points.abs().max().item()
    panels = (("RMSNorm: onto the circle", rms), ("LayerNorm: two places", centred))
    for ax, (title, image) in zip(axes, panels):
        for line in (ax.axhline, ax.axvline):
            line(0, color=plots.GREY, lw=1)
        ax.add_patch(Circle((0, 0), math.sqrt(2), fill=False, ls="--", lw=1.2))
        for start, end in zip(points.tolist(), image.tolist()):
            plots.arrow(ax, start, end, linewidth=0.8, color=plots.GREY)
        ax.plot(*points.T, "o", color="white", mec="black", label="a point")
        ax.plot(*image.T, "s", color=plots.RED, mec="black", label="after the norm", zorder=5)
        ax.set(title=title, aspect="equal", xlabel="entry 0")
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    axes[1].axline((0, 0), slope=1, color=plots.BLUE, ls=":", label="both entries equal")
    places = []
    for (x, y), n in Counter((round(x, 2), round(y, 2)) for x, y in centred.tolist()).items():
        offset = (0, 22 if y > 0 else -32)
        places.append(f"{n} land on ({x:z.2g}, {y:z.2g})")
        plots.note(axes[1], f"{n} points", (x, y), offset, ha="center", bbox=plots.GROUND)
    axes[0].set_ylabel("entry 1")
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return plots.described(
        fig,
        f"{len(points)} points, each joined to its image. Left, RMSNorm: every point moves along "
        f"its ray onto the circle of radius {math.sqrt(2):.2f}. Right, LayerNorm: "
        f"{' and '.join(places)}, on either side of the diagonal of equal entries.",
    )


def activations(x, curves, up, gated):
    """Draw activation functions {label: values}, and right of them gated values, a line each w_up
    x."""
    fig, (left, right) = plots.figure(1, 2, width=7.2, height=3.7)
    plots.lines(left, x, curves, every=10, legend=None)
    left.set(xlim=(-4, 2), ylim=(-0.45, 1.5), title="one number bent", xlabel="z")
    plots.lines(right, x, {f"up = {u:g}": y for u, y in zip(up, gated)}, every=20, legend=None)
    right.set(title="SwiGLU: SiLU(gate) · up", xlabel="gate")
    for ax in (left, right):
        ax.legend(loc="upper left", fontsize=12, frameon=False)
        ax.title.set_fontsize(13)
        ax.xaxis.label.set_fontsize(13)
        ax.tick_params(labelsize=12)
    left.set(xticks=[-4, -2, 0, 2], yticks=[0, 0.5, 1, 1.5])
    right.set(xticks=[-4, -2, 0, 2, 4], yticks=[-5, 0, 5, 10])
    return fig


def parameter_shares(models):
    """Draw where the parameters are: {model: {part: count}} as one stacked bar each, in percent."""
    fig, ax = plots.figure(width=7.2, height=2.6)
    names, left, summary = list(models), torch.zeros(len(models)), {}
    for part, _, style in plots.look(models[names[0]]):
        share = [100 * models[name][part] / sum(models[name].values()) for name in names]
        stacked = ax.barh(names, share, left=left, label=part, **style)
        summary[part] = share
        words = [f"{s:.1f} %" if s > 3 else "" for s in share]
        ax.bar_label(stacked, words, label_type="center", bbox=plots.GROUND)
        left += torch.tensor(share)
    ax.set(xlabel="share of the parameters (%)", xlim=(0, 100))
    ax.grid(axis="y", visible=False)
    ax.legend(ncols=len(models[names[0]]), loc="lower center", bbox_to_anchor=(0.45, 1.0))
    return plots.described(
        fig,
        f"Stacked bars: share of the parameters in percent, {' and '.join(summary)}. "
        f"{plots.listed(dict(zip(names, zip(*summary.values()))))}.",
    )


def alike(curves):
    """Draw how alike the tokens of a text are after each layer: {wiring: mean cosine, the start's
    first}."""
    ax = plots.chart(0, curves, 6, width=7.2, height=3.4, legend="lower right", ylim=(-0.05, 1.05))
    ax.set(xlabel="layers run through", ylabel="mean cosine between\ntwo tokens of a text")
    ends = {name: [curve[2], curve[12], curve[-1]] for name, curve in curves.items()}
    return plots.described(
        ax.figure,
        "Mean cosine between two tokens of a text against the number of layers, from 0 to "
        f"{len(next(iter(curves.values()))) - 1}. After 2, 12 and all layers: "
        f"{plots.listed(ends, '.2f')}.",
    )


def gradient_lengths(panels):
    """Draw the length of each layer's gradient, a panel a matrix: {matrix: {wiring: one number a
    layer}}."""
    fig, axes = plots.figure(1, len(panels), width=7.4, height=3.6, sharey=True)
    for ax, (matrix, curves) in zip(axes, panels.items()):
        plots.lines(ax, 0, curves, legend=None)
        n_layer = max(map(len, curves.values()))
        ax.set(title=matrix, xlabel="layer", yscale="log")
        ax.set_xticks(range(0, n_layer, 2 if n_layer < 20 else 10))
    axes[0].set_ylabel("length of the gradient (log scale)")
    axes[-1].legend(loc="lower left")
    summary = ". ".join(f"{matrix}: {plots.told(0, curves)}" for matrix, curves in panels.items())
    return plots.described(fig, f"Length of the gradient by layer, logarithmic. {summary}.")


def patch_map(recovered, words):
    """Draw how much of the clean answer comes back with one vector patched: recovered [1 + n_layer,
    seq], words: the tokens, each as it should be written."""
    fig, ax = plots.figure(width=7.2, height=2.9)
    values = np.asarray(recovered).T
    image = plots.heat(ax, values, vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(range(len(words)), words)
    states = values.shape[1]
    ticks = [*range(0, states - 1, 5), states - 1]
    ax.set_xticks(ticks, ["table", *(f"{n - 1}" for n in ticks[1:])])
    ax.set(xlabel="patched after layer", ylabel="patched token")
    fig.colorbar(image, ax=ax, label="recovered")
    carriers = []
    for word, row in zip(words, values):
        layers = np.flatnonzero(row > 0.5) - 1
        span = f"after layers {layers[0]} to {layers[-1]}" if len(layers) else "nowhere"
        carriers.append(f"{word} {span}")
    return plots.described(
        fig,
        "A map of recovered answers, tokens by layers; layer -1 is the table. More than half comes "
        f"back: {', '.join(carriers)}.",
    )


def layer_costs(costs):
    """Draw what leaving out each layer adds to the loss: {text: nats per token, a number a
    layer}."""
    ax = plots.chart(0, costs, 3, width=7.2, height=3.8, legend="upper center", ylim=(-0.3, 12))
    ax.set(
        xlabel="layer left out", ylabel="added to the loss (nats\nper token; from 1 on, log scale)"
    )
    ax.set_yscale("symlog", linthresh=1)
    plots.plain(ax.yaxis, [0, 0.5, 1, 2, 5, 10])
    summary = {name: [curve[i] for i in (0, 1, 11, 23)] for name, curve in costs.items()}
    return plots.described(
        ax.figure,
        "What each layer adds to the loss when it is left out, for several texts. Layers 0, 1, 11 "
        f"and 23: {plots.listed(summary, '.2f')}.",
    )


def told_apart(curves):
    """Draw how often a probe is right that reads the stream after each layer: {label: percent}."""
    ax = plots.chart(-1, curves, every=4, width=7.2, height=3.8, ylim=(-4, 104))
    ax.set(xlabel="read after layer (−1: the table)", ylabel="right (%)")
    plots.mark(ax, "chance", y=50)
    summary = {name: [curve[1], curve[6], curve[13], curve[-1]] for name, curve in curves.items()}
    return plots.described(
        ax.figure,
        "Percent right by layer; chance is 50. After layers 0, 5, 12 and the last: "
        f"{plots.listed(summary, '.0f')}.",
    )


def learning(curves, tables):
    """Draw the loss against training steps, smoothed over ten: {label: losses}; tables {name: the
    loss of a model that is only this table}."""
    smooth = {name: torch.tensor(y).unfold(0, 10, 1).mean(-1) for name, y in curves.items()}
    ax = plots.chart(5, smooth, every=50, width=7.2, height=3.6, ylim=(1.7, 4.2))
    losses = next(iter(curves.values()))
    for name, loss in tables.items():
        ax.axhline(loss, color="black", ls="--", lw=1.2)
        ax.text(len(losses), loss - 0.04, name, fontsize=10, ha="right", va="top")
    ax.set(xlabel="training step", ylabel="loss (nats per letter)")
    ends = {name: curve[-1] for name, curve in smooth.items()}
    return plots.described(
        ax.figure,
        f"Loss against training steps. At the end: {plots.listed(ends, '.2f')}. Dashed lines: "
        f"{plots.listed(tables, '.2f')}.",
    )


def running_sums(panels):
    """Draw what the writes add to a number, for several: {label: [1 + 2 * n_layer] terms}."""
    fig, axes = plots.figure(len(panels), 1, width=7.2, height=6.0, sharex=True)
    summary = []
    for ax, (label, terms) in zip(axes, panels.items()):
        attention, mlp = terms[1::2], terms[2::2]
        layers = range(-1, len(attention))
        added = {"written by attention": attention, "written by the feed-forward": mlp}
        for shift, (name, _, style) in zip((-0.2, 0.2), plots.look(added)):
            ax.bar([i + shift for i in layers[1:]], added[name], 0.38, label=name, **style)
        total = terms[0] + torch.cat([torch.zeros(1), (attention + mlp).cumsum(0)])
        ax.plot(layers, total, color="black", marker="o", ms=3, lw=1.5, label="sum so far")
        most = max(range(len(attention)), key=lambda i: attention[i])
        name = label.replace("\n", " ")
        summary.append(
            f"{name}: from {terms[0]:z.1f} to {total[-1]:z.1f}; attention adds most in layer "
            f"{most}, {attention[most]:.1f}"
        )
        ax.axhline(0, color=plots.GREY, lw=1)
        ax.set(ylabel=label, xticks=[-1, *range(5, len(attention), 5), len(attention) - 1])
    axes[-1].set_xlabel("layer (−1: the table)")
    axes[0].legend(loc="upper left")
    return plots.described(
        fig,
        f"{len(panels)} panels by layer: bars of what each sublayer adds, and a line of the sum so "
        f"far. {'. '.join(summary)}.",
    )


def neuron_turned(values, curves, natural):
    """Draw the probability of some tokens, {token: values}, with a neuron held at each of
    `values`."""
    ax = plots.chart(values, curves, 4, width=7.2, height=3.8, legend="center left", ylim=(0, 1))
    low, high = natural
    ax.axvspan(low, high, color=plots.GREY, alpha=0.25, lw=0)
    ax.text(
        (low + high) / 2, 0.97, "its activations in the story", ha="center", va="top", fontsize=10
    )
    ax.set(xlabel="the neuron is held at", ylabel="probability of the next token")
    return plots.described(
        ax.figure,
        "Probability of the next token while the neuron is held at a value. "
        f"{plots.told(values, curves)}. A grey band from {low:.0f} to {high:.0f} marks its "
        "activations in the story.",
    )


STREAM = {"color": "black", "solid_capstyle": "butt", "zorder": 1}


def box(ax, x, y, width, height, text, colour="white", size=12):
    """Draw a box centred on (x, y)."""
    plots.box(ax, x - width / 2, y - height / 2, width, height, "", colour, zorder=2)
    ax.text(x, y, text, fontsize=size, color=plots.ink(colour), zorder=3, **plots.CENTRE)


def say(ax, x, y, text, size=12, **style):
    """Write words centred on (x, y)."""
    ax.text(x, y, text, fontsize=size, **plots.CENTRE | style)


def plus(ax, x, y):
    """Draw the ring where a write joins the stream."""
    ring = {"boxstyle": "circle,pad=0.12", "fc": "white", "ec": "black"}
    ax.text(x, y, "+", fontsize=14, zorder=4, bbox=ring, **plots.CENTRE)


def line(ax, *points, width=1.5, **style):
    """Draw a line through some points; the stream is a broad one."""
    ax.plot(*zip(*points), lw=width, **STREAM | style)


def whole_stack(config):
    """Draw the model from ids to logits, one layer of it opened: the thick line is the stream."""
    fig, ax = plots.canvas(7.2, 4.7, 15.6, 9.8)
    line(ax, (0.9, 8.3), (14.4, 8.3))
    line(ax, (3.0, 8.3), (11.0, 8.3), width=6)
    for x, width, name, colour in (
        (0.9, 1.3, "ids", "white"),
        (2.7, 1.4, "table", plots.YELLOW),
        (4.8, 1.8, "layer 0", plots.SKY),
        (6.9, 1.8, "layer 1", plots.SKY),
        (8.4, 0.6, "…", plots.SKY),
        (9.9, 1.9, f"layer {config.n_layer - 1}", plots.SKY),
        (11.8, 1.3, "norm", plots.GREEN),
        (13.3, 1.2, "table", plots.YELLOW),
        (14.7, 1.3, "logits", "white"),
    ):
        box(ax, x, 8.3, width, 1.0, name, colour)
    say(ax, 7.0, 9.4, "the residual stream: one vector per token", 12)
    dashed = {"color": plots.GREY, "ls": "--"}
    line(ax, (3.9, 7.75), (0.4, 6.6), (15.2, 6.6), (5.7, 7.75), width=1, **dashed)
    line(ax, (0.4, 6.6), (0.4, 0.2), (15.2, 0.2), (15.2, 6.6), width=1, **dashed)
    line(ax, (0.7, 5.2), (14.4, 5.2), width=6)
    plots.arrow(ax, (14.3, 5.2), (15.0, 5.2), linewidth=4)
    for x, norm, name, caption, colour in (
        (1.5, "norm 1", "attention", "tokens look at\nearlier tokens", plots.SKY),
        (8.2, "norm 2", "feed-forward", "each token\nby itself", plots.ORANGE),
    ):
        line(ax, (x, 5.2), (x, 1.6), (x + 5, 1.6), (x + 5, 4.9))
        plots.arrow(ax, (x + 5, 4.0), (x + 5, 4.8))
        box(ax, x, 3.3, 1.7, 0.9, norm, plots.GREEN)
        box(ax, x + 2.5, 1.6, 2.7, 1.0, name, colour)
        say(ax, x + 2.45, 2.85, caption)
        plus(ax, x + 5, 5.2)
        say(ax, x + 0.15, 5.75, "a copy is read", ha="left")
        say(ax, x + 4.85, 4.2, "adds", ha="right")
    say(ax, 7.8, 0.55, "one layer, opened", 12)
    return fig


# A column: the norm, whether it stands after the sum, and the sublayers from the bottom up.
_MASKED = "masked\nself-attention"
_OF_2017 = (_MASKED, "attention to\nthe encoder", "ReLU MLP")
_COLUMNS = {
    "2017 decoder": ("LayerNorm", True, _OF_2017),
    "GPT-2 (2019)": ("LayerNorm", False, (_MASKED, "GELU MLP")),
    "Llama 3, SmolLM2": ("RMSNorm", False, (f"{_MASKED}\nRoPE, grouped", "SwiGLU")),
}


def three_blocks():
    """Draw one layer of three models, from the bottom up: the vertical line is the residual
    stream."""
    fig, axes = plots.figure(1, 3, width=7.2, height=5.8)
    for ax, (title, (norm, after, sublayers)) in zip(axes, _COLUMNS.items()):
        step = 9.6 / len(sublayers)
        line(ax, (0, -0.6), (0, 10.6), width=5)
        plots.arrow(ax, (0, 10.4), (0, 11.3), linewidth=3)
        for i, name in enumerate(sublayers):
            colour = plots.SKY if i == 0 else plots.PINK if "encoder" in name else plots.ORANGE
            y = i * step + 0.2
            low, high = (y, y + 0.62 * step) if after else (y, y + 0.86 * step)
            line(ax, (0, low), (2.4, low), (2.4, high), (0.3, high))
            plots.arrow(ax, (1.0, high), (0.35, high))
            lines = 1 + name.count("\n")
            if after:
                box(ax, 2.5, (low + high) / 2, 3.9, 0.6 * lines + 0.2, name, colour)
                box(ax, 0.1, high + 0.22 * step, 2.9, 0.8, norm, plots.GREEN)
            else:
                box(ax, 2.5, low + 0.2 * step, 2.9, 0.8, norm, plots.GREEN)
                box(ax, 2.5, low + 0.56 * step, 3.9, 0.6 * lines + 0.2, name, colour)
            plus(ax, 0, high)
        ax.set(xlim=(-1.4, 4.5), ylim=(-0.8, 11.5))
        ax.set_title(title, fontsize=13)
        ax.axis("off")
    return fig
