"""The pictures of notebook 4: norms, feed-forwards, a stack of layers. Its drawings stand
in `layer_diagrams`, what single writes do in `layer_writes`."""

import math
from collections import Counter

import torch
from matplotlib.patches import Circle

from llmlib import plots


def norm_map(points, rms, centred):
    """Points of the plane [n, 2], and where the two norms send them, each joined to its image."""
    fig, axes = plots.figure(1, 2, width=9.0, height=4.6, sharex=True, sharey=True)
    limit = 1.08 * points.abs().max().item()
    panels = (("RMSNorm: along the ray, onto the circle", rms), ("LayerNorm: two places", centred))
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
    for (x, y), n in Counter((round(x, 2), round(y, 2)) for x, y in centred.tolist()).items():
        offset = (0, 22 if y > 0 else -32)
        plots.note(axes[1], f"{n} points", (x, y), offset, ha="center", bbox=plots.GROUND)
    axes[0].set_ylabel("entry 1")
    for ax in axes:
        ax.legend(loc="lower right", fontsize=9)
    return fig


def signal_and_gradient(measured):
    """Pre- against post-norm: {name: {depth: (signal, gradient by layer)}}, by share of depth."""
    fig, axes = plots.figure(2, 2, width=9.0, height=5.6, sharex=True, sharey="row")
    axes = axes.reshape(2, 2)
    for column, (name, depths) in enumerate(measured.items()):
        for depth, style, _ in plots.look(depths):
            for ax, row in zip(axes[:, column], depths[depth]):
                x = torch.arange(depth + 1 - len(row), depth + 1) / depth
                ax.plot(x, row, label=f"{depth} layers", markevery=max(1, len(row) // 8), **style)
        if all(abs(size - 1) < 0.02 for signal, _ in depths.values() for size in signal):
            axes[0, column].text(0.5, 1.15, "all of them lie on 1", ha="center")
        axes[0, column].set_title(name)
        axes[1, column].set_xlabel("place in the stack (1: after the last layer)")
    axes[0, 0].set(ylabel="size of the stream\n(root mean square, log scale)", yscale="log")
    axes[1, 0].set(ylabel="gradient of the layer's\nw_out (length, log scale)", yscale="log")
    for ax in axes[:, 0]:
        plots.plain(ax.yaxis)
    axes[0, 0].legend(fontsize=9, ncols=2)
    return fig


def activations(x, curves, up, gated):
    """Left: activation functions {label: values}. Right: gated values, a line each w_up x."""
    fig, (left, right) = plots.figure(1, 2, width=9.0, height=3.6)
    plots.lines(left, x, curves, every=10)
    left.set(xlim=(-4, 2), ylim=(-0.45, 1.5), xlabel="z", ylabel="activation of z")
    left.set_title("One number in, one number out")
    plots.lines(right, x, {f"w_up x = {u:g}": y for u, y in zip(up, gated)}, every=20)
    right.set(xlabel="gate  z = w_gate x", ylabel="SiLU(z) · w_up x")
    right.set_title("SwiGLU: two numbers meet")
    return fig


def parameter_shares(models):
    """Where the parameters are: {model: {part: count}} as one stacked bar each, in percent."""
    fig, ax = plots.figure(height=2.6)
    names, left = list(models), torch.zeros(len(models))
    for part, _, style in plots.look(models[names[0]]):
        share = [100 * models[name][part] / sum(models[name].values()) for name in names]
        stacked = ax.barh(names, share, left=left, label=part, **style)
        words = [f"{s:.1f} %" if s > 3 else "" for s in share]
        ax.bar_label(stacked, words, label_type="center", bbox=plots.GROUND)
        left += torch.tensor(share)
    ax.set(xlabel="share of the parameters (%)", xlim=(0, 100))
    ax.grid(axis="y", visible=False)
    ax.legend(ncols=len(models[names[0]]), loc="lower center", bbox_to_anchor=(0.45, 1.0))
    return fig


def flop_shares(lengths, parts, context):
    """Share of the arithmetic by text length, stacked: {part: FLOPs per length}."""
    fig, ax = plots.figure(height=3.8)
    shares = [100 * flops / sum(parts.values()) for flops in parts.values()]
    bands = ax.stackplot(lengths, *shares, colors=plots.COLOURS, lw=0.5, edgecolor="black")
    base = torch.zeros(len(lengths))
    for name, share, band in zip(parts, shares, bands):
        band.set(alpha=0.3)
        widest = int(torch.as_tensor(share[2:-2]).argmax()) + 2  # where its name has most room
        place = {"ha": "left" if widest < len(lengths) / 2 else "right", "va": "center"}
        ax.text(lengths[widest], base[widest] + share[widest] / 2, name, bbox=plots.GROUND, **place)
        base = base + share
    plots.mark(ax, f"SmolLM2's context\n({context:,} tokens)", x=context)
    ax.set(xscale="log", xlim=(lengths[0], lengths[-1]), ylim=(0, 100))
    ax.set(xlabel="length of the text (tokens, log scale)", ylabel="share of the FLOPs (%)")
    plots.plain(ax.xaxis, [100, 1000, 10_000, 100_000])
    return fig


def lens(curves):
    """Rank of each final answer in the logit lens, by layer: {label: ranks}, the table's first."""
    ax = plots.chart(-1, curves, every=2, height=3.8, xlabel="read after layer (−1: the table)")
    ax.set(ylabel="rank of the final answer\n(1 is the top, log scale)", yscale="log")
    plots.plain(ax.yaxis, [1, 10, 100, 1000, 10_000])
    ax.invert_yaxis()
    ax.legend(fontsize=9)
    return ax.figure


def layer_costs(removed, swapped, base):
    """Loss with each layer removed, and with each swapped with the next; the whole model's loss."""
    fig, ax = plots.figure(height=3.8)
    ax.plot(removed, color=plots.BLUE, marker="o", label="layer removed")
    between = [i + 0.5 for i in range(len(swapped))]
    ax.plot(between, swapped, color=plots.RED, marker="s", ls=":", label="two neighbours swapped")
    ax.axhline(base, color="black", ls="--", lw=1.5, label="all layers in their places")
    ax.set(yscale="log", xlabel="layer", ylabel="loss (nats per token, log scale)")
    plots.plain(ax.yaxis, [3, 4, 5, 6, 8, 10, 13])
    ax.legend(loc="upper center")
    return fig


def told_apart(curves, sentences):
    """How well a property can be read off the stream after each layer: {label: percent right}; a
    pale band of one standard error of `sentences` sentences around each."""
    ax = plots.chart(-1, curves, every=2, height=3.8, legend="center right", ylim=(35, 104))
    for name, style, _ in plots.look(curves):
        share = torch.tensor(curves[name]) / 100
        error = 100 * (share * (1 - share) / sentences).sqrt()
        band = range(-1, len(share) - 1), 100 * share - error, 100 * share + error
        ax.fill_between(*band, color=style["color"], alpha=0.2, lw=0)
    ax.set(xlabel="read after layer (−1: the table)", ylabel="told apart (%)")
    plots.mark(ax, "chance", y=50)
    return ax.figure


def race(curves, chance, words):
    """Loss against training steps, smoothed over five: {label: losses}; `chance` is the
    loss of a model that knows only how common each letter is."""
    smooth = {name: torch.tensor(y).unfold(0, 5, 1).mean(-1) for name, y in curves.items()}
    ax = plots.chart(2, smooth, every=8, height=3.8, ylim=(2.3, 4.3))
    ax.axhline(chance, color="black", ls="--", lw=1.2)
    ax.text(0, chance - 0.04, words, fontsize=9, va="top")
    ax.set(xlabel="training step", ylabel="loss (nats per letter)")
    return ax.figure
