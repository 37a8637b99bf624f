"""The pictures of notebook 4: the residual stream, norms, feed-forwards, and what a stack of layers does."""

import torch

from llmlib.plots import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    HATCHES,
    LINES,
    MARKERS,
    ORANGE,
    PINK,
    RED,
    SKY,
    figure,
)


def _lines(ax, x, curves, every=1, **options):
    """One line for each label of `curves`, told apart by colour, marker and line style."""
    for i, (label, y) in enumerate(curves.items()):
        ax.plot(
            x,
            y,
            label=label,
            color=COLOURS[i],
            marker=MARKERS[i],
            markevery=every,
            ls=LINES[i],
            **options,
        )


def stream_sizes(curves):
    """Lengths of vectors by layer, on a logarithmic axis: {label: one length per layer}."""
    fig, ax = figure(height=3.8)
    for i, (label, sizes) in enumerate(curves.items()):
        start = 31 - len(sizes)
        ax.plot(
            range(start, 31),
            sizes,
            label=label,
            color=COLOURS[i],
            marker=MARKERS[i],
            markevery=3,
            ls=LINES[i],
        )
    ax.set(
        yscale="log",
        xlabel="after layer (0: the embedding)",
        ylabel="length of the vector (L2 norm)",
    )
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return fig


def running_sum(attention, mlp, start, label):
    """Writes add up to one number: `start` from the embedding, then what each layer's two sublayers add."""
    fig, ax = figure(height=3.8)
    layers = torch.arange(1, len(attention) + 1)
    ax.bar(
        layers - 0.2,
        attention,
        0.4,
        color=SKY,
        edgecolor="black",
        lw=0.5,
        label="written by attention",
    )
    ax.bar(
        layers + 0.2,
        mlp,
        0.4,
        color=ORANGE,
        hatch="///",
        edgecolor="black",
        lw=0.5,
        label="written by the feed-forward",
    )
    total = start + torch.cat([torch.zeros(1), (attention + mlp).cumsum(0)])
    ax.plot(range(len(total)), total, color="black", marker="o", ms=4, lw=1.5, label="sum so far")
    ax.axhline(0, color=GREY, lw=1)
    ax.set(xlabel="layer", ylabel=label)
    ax.legend(loc="upper left")
    return fig


def norm_map(points, panels):
    """Points of the plane before and after each norm: {title: points [n, 2]}. The same marker is the same point."""
    fig, axes = figure(1, 1 + len(panels), width=9.0, height=3.4)
    for ax, (title, where) in zip(axes, {"before": points, **panels}.items()):
        for i, (x, y) in enumerate(where.tolist()):
            ax.plot(
                x, y, MARKERS[i % 6], color=COLOURS[i % 6], ms=8, mec="black", mew=0.5, alpha=0.9
            )
        ax.axhline(0, color=GREY, lw=1)
        ax.axvline(0, color=GREY, lw=1)
        limit = 1.1 * points.abs().max().item() if title == "before" else 1.8
        ax.set(
            title=title,
            xlim=(-limit, limit),
            ylim=(-limit, limit),
            aspect="equal",
            xlabel="entry 0",
        )
    axes[0].set_ylabel("entry 1")
    return fig


def signal_and_gradient(measured):
    """Pre- against post-norm: {name: {depth: (signal by layer, gradient by layer)}}; layers as shares of the depth."""
    fig, axes = figure(2, 2, width=9.0, height=5.6, sharex=True, sharey="row")
    for column, (name, depths) in enumerate(measured.items()):
        for i, (depth, rows) in enumerate(depths.items()):
            for ax, row in zip(axes[:, column], rows):
                x = (
                    torch.linspace(0, 1, len(row))
                    if len(row) > depth
                    else torch.arange(1, depth + 1) / depth
                )
                ax.plot(
                    x,
                    row,
                    label=f"{depth} layers",
                    color=COLOURS[i],
                    marker=MARKERS[i],
                    ms=5,
                    ls=LINES[i],
                    markevery=max(1, len(row) // 8),
                )
        axes[0, column].set_title(name)
        axes[1, column].set_xlabel("place in the stack (1: after the last layer)")
    axes[0, 0].set(
        ylabel="size of the stream\n(root mean square)", yscale="log", yticks=[1, 2, 4, 8]
    )
    axes[1, 0].set(
        ylabel="gradient of the layer's\nw_out (L2 norm)", yscale="log", yticks=[0.2, 0.5, 1, 2]
    )
    for ax in axes[:, 0]:
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")
    axes[0, 0].legend(fontsize=9, ncols=2)
    return fig


def activations(x, curves, up, gated):
    """Left: activation functions {label: values}. Right: gated values by gate, one line for each w_up x in `up`."""
    fig, (left, right) = figure(1, 2, width=9.0, height=3.6)
    _lines(left, x, curves, every=20)
    left.set(xlabel="z", ylabel="activation of z", title="One number in, one number out")
    left.legend()
    _lines(right, x, {f"w_up x = {u:g}": y for u, y in zip(up, gated)}, every=20)
    right.set(
        xlabel="gate  z = w_gate x", ylabel="SiLU(z) · w_up x", title="SwiGLU: two numbers meet"
    )
    right.legend()
    return fig


def parameter_shares(models):
    """Where the parameters are: {model: {part: count}} as one stacked bar each, in percent."""
    fig, ax = figure(height=2.6)
    names = list(models)
    left = torch.zeros(len(names))
    for i, part in enumerate(next(iter(models.values()))):
        share = torch.tensor(
            [100 * models[name][part] / sum(models[name].values()) for name in names]
        )
        bars = ax.barh(
            names,
            share,
            left=left,
            color=COLOURS[i],
            hatch=HATCHES[i],
            edgecolor="black",
            lw=0.5,
            label=part,
        )
        ax.bar_label(
            bars,
            [f"{s:.0f} %" if s > 3 else "" for s in share.tolist()],
            label_type="center",
            fontsize=10,
            bbox={"fc": "white", "ec": "none", "pad": 1.5},
        )
        left += share
    ax.set(xlabel="share of the parameters (%)", xlim=(0, 100))
    ax.grid(axis="y", visible=False)
    ax.legend(
        ncols=len(models[names[0]]), loc="lower center", bbox_to_anchor=(0.45, 1.0), fontsize=9.5
    )
    return fig


def flop_shares(lengths, parts, context):
    """Share of the arithmetic by text length, stacked: {part: FLOPs per length}; a line marks the model's context."""
    fig, ax = figure(height=3.8)
    total = sum(parts.values())
    shares = [100 * flops / total for flops in parts.values()]
    bands = ax.stackplot(lengths, *shares, labels=parts, colors=COLOURS, lw=0.5, edgecolor="black")
    for band, hatch in zip(bands, HATCHES):
        band.set_hatch(hatch)
    ax.axvline(context, color="black", ls="--")
    ax.text(
        context * 0.93,
        4,
        "SmolLM2's context",
        rotation=90,
        ha="right",
        va="bottom",
        bbox={"fc": "white", "ec": "none", "pad": 1.5},
    )
    ax.set(
        xscale="log",
        xlim=(lengths[0], lengths[-1]),
        ylim=(0, 100),
        xlabel="length of the text (tokens)",
        ylabel="share of the FLOPs (%)",
    )
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return fig


def lens(curves):
    """Rank of each prompt's final answer by layer, as the logit lens reads it: {label: ranks, 1 is the top}."""
    fig, ax = figure(height=3.8)
    _lines(ax, range(31), curves, every=2)
    ax.set(
        yscale="log",
        xlabel="read after layer (0: the embedding)",
        ylabel="rank of the final answer\n(1 is the top)",
    )
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.97))
    return fig


def layer_costs(removed, swapped, base):
    """Loss with each layer removed, and with each swapped with the next; a line at the whole model's loss."""
    fig, ax = figure(height=3.8)
    ax.plot(range(1, len(removed) + 1), removed, color=BLUE, marker="o", label="layer removed")
    between = [i + 1.5 for i in range(len(swapped))]
    ax.plot(between, swapped, color=RED, marker="s", ls=":", label="two neighbours swapped")
    ax.axhline(base, color="black", ls="--", lw=1.5, label="all layers in their places")
    ax.set(
        yscale="log", xlabel="layer", ylabel="loss (nats per token)", yticks=[3, 4, 5, 6, 8, 10, 13]
    )
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.legend(loc="upper center")
    return fig


def told_apart(curves):
    """How well a property can be read off the stream after each layer: {label: percent right}; a line at chance."""
    fig, ax = figure(height=3.4)
    _lines(ax, range(31), curves, every=2)
    ax.axhline(50, color="black", ls="--", lw=1.5)
    ax.text(30, 51, "chance", ha="right", va="bottom")
    ax.set(xlabel="read after layer (0: the embedding)", ylabel="told apart (%)", ylim=(0, 104))
    ax.legend(loc="lower right")
    return fig


# Each entry is a sublayer (name, colour); the norm's name and place differ from column to column.
_COLUMNS = {
    "2017 decoder\n(Vaswani et al.)": (
        "LayerNorm",
        True,
        [("attention", SKY), ("attention to\nthe encoder", PINK), ("ReLU MLP", ORANGE)],
    ),
    "GPT-2\n(2019)": ("LayerNorm", False, [("attention", SKY), ("GELU MLP", ORANGE)]),
    "Llama\n(2023; SmolLM2)": (
        "RMSNorm",
        False,
        [("attention\nRoPE, grouped", SKY), ("SwiGLU", ORANGE)],
    ),
}


def three_blocks():
    """One layer of three models side by side, bottom to top: the vertical line is the residual stream."""
    fig, axes = figure(1, 3, width=9.5, height=5.6)
    for ax, (title, (norm, after, sublayers)) in zip(axes, _COLUMNS.items()):
        step = 9.0 / len(sublayers)
        ax.plot([0, 0], [-0.8, 10.8], color="black", lw=3, zorder=1)
        ax.annotate("", (0, 11.2), (0, 10.6), arrowprops={"arrowstyle": "-|>", "lw": 3})
        for i, (name, colour) in enumerate(sublayers):
            y = i * step + 0.2
            low, high = (y, y + 0.66 * step) if after else (y, y + 0.86 * step)
            ax.plot([0, 2.2, 2.2, 0.25], [low, low, high, high], color="black", lw=1.5, zorder=1)
            ax.annotate("", (0.2, high), (0.8, high), arrowprops={"arrowstyle": "-|>", "lw": 1.5})
            if after:
                _box(ax, 2.2, (low + high) / 2, name, colour)
                _box(ax, 0, high + 0.2 * step, norm, GREEN)
            else:
                _box(ax, 2.2, low + 0.25 * step, norm, GREEN)
                _box(ax, 2.2, low + 0.56 * step, name, colour)
            ax.text(
                0,
                high,
                "+",
                ha="center",
                va="center",
                fontsize=13,
                zorder=3,
                bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "black"},
            )
        end = (
            "to the next layer"
            if after
            else f"to the next layer;\nafter the last one,\na final {norm}"
        )
        ax.text(0.35, 11.1, end, va="top", fontsize=10)
        ax.set(title=title, xlim=(-1.6, 4.2), ylim=(-1.0, 11.4))
        ax.axis("off")
    return fig


def _box(ax, x, y, text, colour):
    ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=10,
        zorder=3,
        linespacing=0.95,
        bbox={"boxstyle": "round,pad=0.35", "fc": colour, "ec": "black", "alpha": 1.0},
    )
