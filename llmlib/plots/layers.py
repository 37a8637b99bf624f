"""The pictures of notebook 4: norms, feed-forwards, a stack of layers; what single writes do; then
drawings of the stack, the river and three blocks."""

import math
from collections import Counter

import numpy as np
import torch
from matplotlib.patches import Circle

from llmlib import plots


def norm_map(points, rms, centred):
    """Points of the plane [n, 2], and where the two norms send them, each joined to its image."""
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
    """Left: activation functions {label: values}. Right: gated values, a line each w_up x."""
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
    """Where the parameters are: {model: {part: count}} as one stacked bar each, in percent."""
    fig, ax = plots.figure(width=7.2, height=2.6)
    names, left, told = list(models), torch.zeros(len(models)), {}
    for part, _, style in plots.look(models[names[0]]):
        share = [100 * models[name][part] / sum(models[name].values()) for name in names]
        stacked = ax.barh(names, share, left=left, label=part, **style)
        told[part] = share
        words = [f"{s:.1f} %" if s > 3 else "" for s in share]
        ax.bar_label(stacked, words, label_type="center", bbox=plots.GROUND)
        left += torch.tensor(share)
    ax.set(xlabel="share of the parameters (%)", xlim=(0, 100))
    ax.grid(axis="y", visible=False)
    ax.legend(ncols=len(models[names[0]]), loc="lower center", bbox_to_anchor=(0.45, 1.0))
    return plots.described(
        fig,
        f"Stacked bars: share of the parameters in percent, {' and '.join(told)}. "
        f"{plots.listed(dict(zip(names, zip(*told.values()))))}.",
    )


def flop_shares(lengths, parts, context):
    """Share of the arithmetic by text length, stacked: {part: FLOPs per length}."""
    fig, ax = plots.figure(width=7.2, height=3.8)
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
    at = [0, int((torch.as_tensor(lengths) - context).abs().argmin()), -1]
    named = {name: [share[i] for i in at] for name, share in zip(parts, shares)}
    return plots.described(
        fig,
        f"Share of FLOPs by text length, stacked, in percent at {lengths[0]:,.0f}, {context:,} "
        f"(SmolLM2's context) and {lengths[-1]:,.0f} tokens: "
        f"{plots.listed(named, '.0f')}.",
    )


def gradient_lengths(panels):
    """Length of each layer's gradient, a panel a matrix: {matrix: {wiring: one number a layer}}."""
    fig, axes = plots.figure(1, len(panels), width=7.4, height=3.6, sharey=True)
    for ax, (matrix, curves) in zip(axes, panels.items()):
        plots.lines(ax, 0, curves, legend=None)
        n_layer = max(map(len, curves.values()))
        ax.set(title=matrix, xlabel="layer", yscale="log")
        ax.set_xticks(range(0, n_layer, 2 if n_layer < 20 else 10))
    axes[0].set_ylabel("length of the gradient (log scale)")
    axes[-1].legend(loc="lower left")
    told = ". ".join(f"{matrix}: {plots.told(0, curves)}" for matrix, curves in panels.items())
    return plots.described(fig, f"Length of the gradient by layer, logarithmic. {told}.")


def patch_map(recovered, words):
    """How much of the clean answer comes back with one vector patched: recovered [1 + n_layer,
    seq], words: the tokens, each as it should be written."""
    fig, ax = plots.figure(width=7.2, height=2.9)
    values = np.asarray(recovered).T
    drawn = plots.heat(ax, values, vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(range(len(words)), words)
    states = values.shape[1]
    ticks = [*range(0, states - 1, 5), states - 1]
    ax.set_xticks(ticks, ["table", *(f"{n - 1}" for n in ticks[1:])])
    ax.set(xlabel="patched after layer", ylabel="patched token")
    fig.colorbar(drawn, ax=ax, label="recovered")
    names = ["the table", *(f"layer {n}" for n in range(states - 1))]
    told = []
    for word, row in zip(words, values > 0.5):
        if row.any():
            after = np.flatnonzero(row)
            told.append(f"{word} from {names[after[0]]} to {names[after[-1]]}")
    return plots.described(
        fig,
        "A map of recovered answers, tokens by layers. More than half comes back by patching "
        f"{' and '.join(told) or 'no token'}.",
    )


def layer_costs(removed, swapped, base):
    """Loss with each layer removed, and with each swapped with the next; the whole model's loss."""
    fig, ax = plots.figure(width=7.2, height=3.8)
    ax.plot(removed, color=plots.BLUE, marker="o", label="layer removed")
    between = [i + 0.5 for i in range(len(swapped))]
    ax.plot(between, swapped, color=plots.RED, marker="s", ls=":", label="two neighbours swapped")
    ax.axhline(base, color="black", ls="--", lw=1.5, label="all layers in their places")
    ax.set(yscale="log", xlabel="layer", ylabel="loss (nats per token, log scale)")
    plots.plain(ax.yaxis, [3, 4, 5, 6, 8, 10, 13])
    ax.legend(loc="upper center")
    costly = sorted(range(len(removed)), key=lambda i: -removed[i])[:4]
    pairs = sorted(range(len(swapped)), key=lambda i: -swapped[i])[:3]
    return plots.described(
        fig,
        f"Loss after removing each of {len(removed)} layers, on a logarithmic axis; all in their "
        f"places {base:.1f}. The costliest: "
        f"{plots.listed({f'layer {i}': removed[i] for i in costly})}. Swapping costs most at "
        f"{plots.listed({f'{i}-{i + 1}': swapped[i] for i in pairs})}.",
    )


def told_apart(curves, sentences):
    """How well a property can be read off the stream after each layer: {label: percent right}; a
    pale band of one standard error of `sentences` sentences around each."""
    ax = plots.chart(-1, curves, every=2, width=7.2, height=3.8, ylim=(35, 104))
    for name, style, _ in plots.look(curves):
        share = torch.tensor(curves[name]) / 100
        error = 100 * (share * (1 - share) / sentences).sqrt()
        band = range(-1, len(share) - 1), 100 * share - error, 100 * share + error
        ax.fill_between(*band, color=style["color"], alpha=0.2, lw=0)
    ax.set(xlabel="read after layer (−1: the table)", ylabel="told apart (%)")
    plots.mark(ax, "chance", y=50)
    return plots.described(
        ax.figure, f"Percent told apart by layer, chance at 50. {plots.told(-1, curves)}."
    )


def race(curves, chance, words):
    """Loss against training steps, smoothed over five: {label: losses}; `chance` is the
    loss of a model that knows only how common each letter is."""
    smooth = {name: torch.tensor(y).unfold(0, 5, 1).mean(-1) for name, y in curves.items()}
    ax = plots.chart(2, smooth, every=8, width=7.2, height=3.8, ylim=(2.3, 4.3))
    ax.axhline(chance, color="black", ls="--", lw=1.2)
    ax.text(0, chance - 0.04, words, fontsize=10, va="top")
    ax.set(xlabel="training step", ylabel="loss (nats per letter)")
    return plots.described(
        ax.figure,
        f"Loss against training steps, and a dashed line at {chance:.1f}: {words}. "
        f"{plots.told(2, smooth)}.",
    )


def running_sums(panels):
    """What the writes add to one number, for several numbers: {label: [1 + 2 * n_layer] terms}."""
    fig, axes = plots.figure(len(panels), 1, width=7.2, height=6.0, sharex=True)
    told = []
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
        told.append(
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
        f"far. {'. '.join(told)}.",
    )


def one_head(off, others, prompts):
    """Probability of each prompt's answer: whole, without one head, and without each of others.
    off: {label: a value a prompt}; others [n, prompts]: single heads switched off one at a time."""
    fig, ax = plots.figure(width=7.2, height=3.9)
    plots.bars(ax, prompts, off, fmt="%.2f")
    spread = torch.linspace(0.05, 0.36, len(others))  # above the lower bar, clear of the numbers
    for i in range(len(prompts)):
        words = f"without one of {len(others)} other heads" if i == 0 else None
        style = {"color": "white", "mec": "black", "ms": 4, "zorder": 3, "label": words}
        ax.plot(i + spread, others[:, i], "o", **style)
    ax.set(ylabel="probability of the answer", ylim=(0, 1.3))
    ax.legend(loc="upper center", ncols=2)
    told = "; ".join(
        f"{name}: {', '.join(f'{value:.2f}' for value in values)}" for name, values in off.items()
    )
    return plots.described(
        fig,
        f"Bars of the probability of the answer for {', '.join(prompts)}. {told}. Small circles: "
        f"{len(others)} other heads switched off one at a time, in the mean "
        f"{plots.listed(dict(zip(prompts, torch.as_tensor(others).mean(0))), '.2f')}.",
    )


def sink_life(curves, events):
    """Lengths of streams by layer, on a logarithmic axis: {label: one length after the table and
    after each layer}; events: {layer: what happens there}."""
    fig, ax = plots.figure(width=7.2, height=4.2)
    plots.lines(ax, -1, curves, legend="lower right", markersize=4)
    ax.set(xlabel="after layer (−1: the table)", yscale="log", ylim=(1, 200_000))
    ax.set(ylabel="length of the stream\n(log scale)")
    plots.plain(ax.yaxis, [1, 10, 100, 1000, 10_000])
    for i, (layer, words) in enumerate(events.items()):  # at two heights, as neighbours may touch
        ax.axvline(layer, color=plots.GREY, ls=":", lw=1, ymax=0.86)
        ax.text(layer, 55_000 * 1.8 ** (i % 2), words, ha="center", va="bottom", fontsize=10)
    told = ", ".join(f"{words} at {layer:g}".replace("\n", " ") for layer, words in events.items())
    return plots.described(
        fig,
        f"Length of the stream by layer, logarithmic. {plots.told(-1, curves)}. Marked: {told}.",
    )


def neuron_turned(values, curves, natural):
    """Probability of some tokens while one neuron is held at each of `values`: {token: values}."""
    ax = plots.chart(values, curves, 4, width=7.2, height=3.8, legend="center left", ylim=(0, 1))
    low, high = natural
    ax.axvspan(low, high, color=plots.GREY, alpha=0.25, lw=0)
    ax.text((low + high) / 2, 0.97, "its numbers in the story", ha="center", va="top", fontsize=10)
    ax.set(xlabel="the neuron is held at", ylabel="probability of the next token")
    return plots.described(
        ax.figure,
        "Probability of the next token while the neuron is held at a value. "
        f"{plots.told(values, curves)}. A grey band from {low:.0f} to {high:.0f} marks its "
        "numbers in the story.",
    )


STREAM = {"color": "black", "solid_capstyle": "butt", "zorder": 1}


def box(ax, x, y, width, height, text, colour="white", size=12):
    """A box centred on (x, y)."""
    plots.box(ax, x - width / 2, y - height / 2, width, height, "", colour, zorder=2)
    ax.text(x, y, text, fontsize=size, color=plots.ink(colour), zorder=3, **plots.CENTRE)


def say(ax, x, y, text, size=12, **style):
    """Words centred on (x, y)."""
    ax.text(x, y, text, fontsize=size, **plots.CENTRE | style)


def plus(ax, x, y):
    """The ring where a write joins the stream."""
    ring = {"boxstyle": "circle,pad=0.12", "fc": "white", "ec": "black"}
    ax.text(x, y, "+", fontsize=14, zorder=4, bbox=ring, **plots.CENTRE)


def line(ax, *points, width=1.5, **style):
    """A line through some points; the stream is a broad one."""
    ax.plot(*zip(*points), lw=width, **STREAM | style)


def whole_stack(config):
    """The model from ids to logits, one layer of it opened: the thick line is the stream."""
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
    say(ax, 7.0, 9.4, "the residual stream: one vector a token", 12)
    dashed = {"color": plots.GREY, "ls": "--"}
    line(ax, (3.9, 7.75), (0.4, 6.6), (15.2, 6.6), (5.7, 7.75), width=1, **dashed)
    line(ax, (0.4, 6.6), (0.4, 0.2), (15.2, 0.2), (15.2, 6.6), width=1, **dashed)
    line(ax, (0.7, 5.2), (14.4, 5.2), width=6)
    plots.arrow(ax, (14.3, 5.2), (15.0, 5.2), linewidth=4)
    for x, norm, name, what, colour in (
        (1.5, "norm 1", "attention", "tokens look at\nearlier tokens", plots.SKY),
        (8.2, "norm 2", "feed-forward", "each token\nby itself", plots.ORANGE),
    ):
        line(ax, (x, 5.2), (x, 1.6), (x + 5, 1.6), (x + 5, 4.9))
        plots.arrow(ax, (x + 5, 4.0), (x + 5, 4.8))
        box(ax, x, 3.3, 1.7, 0.9, norm, plots.GREEN)
        box(ax, x + 2.5, 1.6, 2.7, 1.0, name, colour)
        say(ax, x + 2.45, 2.85, what)
        plus(ax, x + 5, 5.2)
        say(ax, x + 0.15, 5.75, "a copy is read", ha="left")
        say(ax, x + 4.85, 4.2, "adds", ha="right")
    say(ax, 7.8, 0.55, "one layer, opened", 12)
    return fig


def river(stream, attention, mlp, words, end):
    """The stream of one token as a river that each layer's two writes flow into. stream: its length
    after the embedding and after each layer [1 + n_layer]; attention and mlp: lengths of the writes
    [n_layer]; words: {(sublayer, layer): what that write says}."""
    fig, ax = plots.figure(width=7.4, height=4.4)
    x = np.arange(-1, len(attention))
    half = np.asarray(stream) / 2
    ax.fill_between(x, half, -half, color=plots.SKY, alpha=0.6, lw=0)
    ax.plot(x, half, x, -half, color="black", lw=1)
    sides = {"written by attention": (1, attention), "written by the feed-forward": (-1, mlp)}
    for name, _, style in plots.look(sides):
        side, sizes = sides[name]
        ax.bar(x[1:], side * np.asarray(sizes), 0.55, side * half[1:], label=name, **style)
    thin = {"arrowprops": {"arrowstyle": "-", "lw": 0.8, "shrinkB": 1}, "fontsize": 11}
    for (sublayer, layer), word in words.items():
        side, size = (1, attention) if sublayer == "attention" else (-1, mlp)
        tip = side * (half[layer + 1] + size[layer])
        place = (layer - 1.2, tip + 60 * side)
        ax.annotate(word, (layer, tip), place, ha="right", va="center", **thin)
    ax.annotate("the table", (-1, 0), (-1, 130), ha="left", **thin)
    ax.text(x[-1] + 0.7, 0, end, va="center", fontsize=11, fontweight="bold")
    high = 1.1 * (half[-6:].max() + max(attention[-6:] + mlp[-6:]))
    ax.set(xlim=(-1.6, len(attention) + 2.2), ylim=(-high, high), yticks=[])
    ax.set_xticks([*range(0, len(attention), 5), len(attention) - 1])
    ax.set(xlabel="layer", ylabel="length of the vectors\n(all drawn to one scale)")
    ax.plot([5, 5], [high - 260, high - 60], color="black", lw=2)
    ax.text(5.3, high - 160, "a length\nof 200", va="center", fontsize=10)
    ax.grid(visible=False)
    ax.legend(loc="lower left")
    sums = np.asarray(attention) + np.asarray(mlp)
    largest = " and ".join(map(str, sorted(np.argsort(sums)[-2:].tolist())))
    said = "; ".join(
        f"{sublayer} in layer {layer} says {word}".replace("\n", " ")
        for (sublayer, layer), word in words.items()
    )
    return plots.described(
        fig,
        f"A river that starts as a thread at the table and is {stream[-1]:.0f} broad at layer "
        f"{len(sums) - 1}. Blue bars of attention flow in from above, hatched orange ones of the "
        f"feed-forward from below; the largest come in layers {largest}. {said}.",
    )


# A column: the norm, whether it stands after the sum, and the sublayers from the bottom up.
_MASKED = "masked\nself-attention"
_OF_2017 = (_MASKED, "attention to\nthe encoder", "ReLU MLP")
_COLUMNS = {
    "2017 decoder": ("LayerNorm", True, _OF_2017),
    "GPT-2 (2019)": ("LayerNorm", False, (_MASKED, "GELU MLP")),
    "Llama 3, SmolLM2": ("RMSNorm", False, (f"{_MASKED}\nRoPE, grouped", "SwiGLU")),
}


def three_blocks():
    """One layer of three models, from the bottom up: the vertical line is the residual stream."""
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


def lens(curves):
    """Rank of each final answer in the logit lens, by layer: {label: ranks}, the table's first."""
    ax = plots.chart(-1, curves, every=2, height=3.8, xlabel="read after layer (−1: the table)")
    ax.set(ylabel="rank of the final answer\n(1 is the top, log scale)", yscale="log")
    plots.plain(ax.yaxis, [1, 10, 100, 1000, 10_000])
    ax.invert_yaxis()
    ax.legend(fontsize=9)
    return ax.figure
