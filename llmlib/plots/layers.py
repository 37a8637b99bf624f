"""The pictures of notebook 4: the residual stream, norms, feed-forwards, a stack of layers."""

import math

import torch
from matplotlib.patches import Circle

from llmlib import plots

AFTER = "after layer (0: the embedding)"


def stream_sizes(curves):
    """Lengths of vectors by layer, on a logarithmic axis: {label: one length per layer}."""
    ylabel = "length of the vector\n(L2 norm, log scale)"
    fig = plots.by_layer(curves, ylabel, xlabel=AFTER, every=3, yscale="log")
    plots.plain(fig.axes[0].yaxis, [1, 10, 100, 1000, 10_000])
    fig.axes[0].legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return fig


def running_sum(attention, mlp, start, label):
    """Writes add up to one number: `start` from the embedding, then what each sublayer adds."""
    fig, ax = plots.figure(height=3.8)
    layers = range(len(attention) + 1)
    added = {"written by attention": attention, "written by the feed-forward": mlp}
    plots.bars(ax, layers, {name: [0, *values] for name, values in added.items()})
    total = start + torch.cat([torch.zeros(1), (attention + mlp).cumsum(0)])
    ax.plot(layers, total, color="black", marker="o", ms=4, lw=1.5, label="sum so far")
    ax.axhline(0, color=plots.GREY, lw=1)
    ax.set(xlabel=AFTER, ylabel=label, xticks=layers[::5])
    ax.legend(loc="upper left")
    return fig


def norm_map(points, panels):
    """Points of the plane before and after each norm: {title: points [n, 2]}.

    A line joins each point to where it goes; the circle is that of vectors of mean square 1.
    """
    fig, axes = plots.figure(1, 1 + len(panels), width=9.0, height=3.5, sharex=True, sharey=True)
    limit = 1.1 * points.abs().max().item()
    for ax, (title, where) in zip(axes, {"before": points, **panels}.items()):
        for line in (ax.axhline, ax.axvline):
            line(0, color=plots.GREY, lw=1)
        if title != "before":
            ax.plot(*torch.stack([points, where]).unbind(-1), color=plots.SKY, lw=0.8)
            ax.add_patch(Circle((0, 0), math.sqrt(2), fill=False, ls="--", lw=1))
        places, counts = where.round(decimals=3).unique(dim=0, return_counts=True)
        ax.plot(*places.T, "o", color=plots.BLUE, mec="black", mew=0.5)
        for (x, y), n in zip(places.tolist(), counts.tolist()):
            if n > 1:
                at = {"xytext": (7, 7), "textcoords": "offset points", "fontsize": 9}
                ax.annotate(f"{n} points", (x, y), **at, bbox=plots.GROUND)
        limits = (-limit, limit)
        ax.set(title=title, xlim=limits, ylim=limits, aspect="equal", xlabel="entry 0")
    axes[0].set_ylabel("entry 1")
    return fig


def signal_and_gradient(measured):
    """Pre- against post-norm: {name: {depth: (signal, gradient by layer)}}, by share of depth."""
    fig, axes = plots.figure(2, 2, width=9.0, height=5.6, sharex=True, sharey="row")
    for column, (name, depths) in enumerate(measured.items()):
        for depth, colour, marker, line, _ in plots.look(depths):
            for ax, row in zip(axes[:, column], depths[depth]):
                start = 0 if len(row) > depth else 1
                x = torch.arange(start, depth + 1) / depth
                style = {"color": colour, "marker": marker, "ls": line}
                every = max(1, len(row) // 8)
                ax.plot(x, row, label=f"{depth} layers", markevery=every, **style)
        if all(abs(size - 1) < 0.02 for signal, _ in depths.values() for size in signal):
            axes[0, column].text(0.5, 1.15, "all of them lie on 1", ha="center")
        axes[0, column].set_title(name)
        axes[1, column].set_xlabel("place in the stack (1: after the last layer)")
    axes[0, 0].set(ylabel="size of the stream\n(root mean square, log scale)", yscale="log")
    axes[1, 0].set(ylabel="gradient of the layer's\nw_out (L2 norm, log scale)", yscale="log")
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
    for ax in (left, right):
        ax.legend()
    return fig


def parameter_shares(models):
    """Where the parameters are: {model: {part: count}} as one stacked bar each, in percent."""
    fig, ax = plots.figure(height=2.6)
    names, left = list(models), torch.zeros(len(models))
    for part, colour, _, _, hatch in plots.look(models[names[0]]):
        share = [100 * models[name][part] / sum(models[name].values()) for name in names]
        style = {"color": colour, "hatch": hatch, "edgecolor": "black", "lw": 0.5}
        stacked = ax.barh(names, share, left=left, label=part, **style)
        words = [f"{s:.0f} %" if s > 3 else "" for s in share]
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
    for name, share, band, hatch, colour in zip(parts, shares, bands, plots.HATCHES, plots.COLOURS):
        band.set(hatch=hatch, alpha=0.45)
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
    """Rank of each prompt's final answer by layer, as the logit lens reads it: {label: ranks}."""
    ylabel = "rank of the final answer\n(1 is the top, log scale)"
    fig = plots.by_layer(curves, ylabel, xlabel=f"read {AFTER}", every=2, yscale="log")
    plots.plain(fig.axes[0].yaxis, [1, 10, 100, 1000, 10_000])
    fig.axes[0].invert_yaxis()
    return fig


def layer_costs(removed, swapped, base):
    """Loss with each layer removed, and with each swapped with the next; the whole model's loss."""
    fig, ax = plots.figure(height=3.8)
    ax.plot(
        range(1, len(removed) + 1), removed, color=plots.BLUE, marker="o", label="layer removed"
    )
    between = [i + 1.5 for i in range(len(swapped))]
    ax.plot(between, swapped, color=plots.RED, marker="s", ls=":", label="two neighbours swapped")
    ax.axhline(base, color="black", ls="--", lw=1.5, label="all layers in their places")
    ax.set(yscale="log", xlabel="layer", ylabel="loss (nats per token, log scale)")
    plots.plain(ax.yaxis, [3, 4, 5, 6, 8, 10, 13])
    ax.legend(loc="upper center")
    return fig


def told_apart(curves):
    """How well a property can be read off the stream after each layer: {label: percent right}."""
    fig = plots.by_layer(curves, "told apart (%)", xlabel=f"read {AFTER}", every=2, ylim=(40, 104))
    plots.mark(fig.axes[0], "chance", y=50)
    return fig


# A column: the norm, whether it stands after the sum, and the sublayers from the bottom up.
_COLUMNS = {
    "2017 decoder\n(Vaswani et al.)": (
        "LayerNorm",
        True,
        ("masked attention", "attention to\nthe encoder", "ReLU MLP"),
    ),
    "GPT-2\n(2019)": ("LayerNorm", False, ("masked attention", "GELU MLP")),
    "Llama\n(2023; SmolLM2)": ("RMSNorm", False, ("masked attention\nRoPE, grouped", "SwiGLU")),
}


def three_blocks():
    """One layer of three models, from the bottom up: the vertical line is the residual stream."""
    fig, axes = plots.figure(1, 3, width=9.5, height=6.0)
    for ax, (title, (norm, after, sublayers)) in zip(axes, _COLUMNS.items()):
        step = 9.0 / len(sublayers)
        ax.plot([0, 0], [-0.8, 10.8], color="black", lw=3, zorder=1)
        plots.arrow(ax, (0, 10.6), (0, 11.4), linewidth=3)
        _part(ax, 0, -0.9, "token vectors", plots.YELLOW)
        for i, name in enumerate(sublayers):
            colour = plots.SKY if i == 0 else plots.PINK if "encoder" in name else plots.ORANGE
            y = i * step + 0.2
            low, high = (y, y + 0.66 * step) if after else (y, y + 0.86 * step)
            ax.plot([0, 2.2, 2.2, 0.3], [low, low, high, high], color="black", lw=1.5, zorder=1)
            plots.arrow(ax, (1.0, high), (0.25, high))
            if after:
                _part(ax, 2.2, (low + high) / 2, name, colour)
                _part(ax, 0, high + 0.2 * step, norm, plots.GREEN)
            else:
                _part(ax, 2.2, low + 0.25 * step, norm, plots.GREEN)
                _part(ax, 2.2, low + 0.56 * step, name, colour)
            if "encoder" in name:
                ax.text(4.6, low - 0.35, "the encoder's\noutput", ha="right", va="top", fontsize=9)
                plots.arrow(ax, (3.9, low - 0.3), (2.7, (low + high) / 2 - 0.5), linestyle="--")
            ring = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "black"}
            ax.text(0, high, "+", ha="center", va="center", fontsize=13, zorder=3, bbox=ring)
        last = "the head" if after else f"a final\n{norm} and the head"
        end = f"to the next layer;\nafter the last one: {last}"
        ax.text(0.4, 11.4, end, va="top", fontsize=9)
        ax.set(title=title, xlim=(-1.6, 4.6), ylim=(-1.4, 11.6))
        ax.axis("off")
    return fig


def _part(ax, x, y, text, colour):
    ground = {"boxstyle": "round,pad=0.35", "fc": colour, "ec": "black"}
    style = {
        "ha": "center",
        "va": "center",
        "fontsize": 10,
        "zorder": 3,
        "color": plots.ink(colour),
    }
    ax.text(x, y, text, linespacing=0.95, bbox=ground, **style)
