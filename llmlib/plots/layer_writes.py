"""The pictures of notebook 4 about single writes: their sums, one head, one neuron, the sink."""

import torch

from llmlib import plots


def running_sums(panels):
    """What the writes add to one number, for several numbers: {label: [1 + 2 * n_layer] terms}."""
    fig, axes = plots.figure(len(panels), 1, height=6.2, sharex=True)
    for ax, (label, terms) in zip(axes, panels.items()):
        attention, mlp = terms[1::2], terms[2::2]
        layers = range(-1, len(attention))
        added = {"written by attention": attention, "written by the feed-forward": mlp}
        for shift, (name, _, style) in zip((-0.2, 0.2), plots.look(added)):
            ax.bar([i + shift for i in layers[1:]], added[name], 0.38, label=name, **style)
        total = terms[0] + torch.cat([torch.zeros(1), (attention + mlp).cumsum(0)])
        ax.plot(layers, total, color="black", marker="o", ms=3, lw=1.5, label="sum so far")
        ax.axhline(0, color=plots.GREY, lw=1)
        ax.set(ylabel=label, xticks=[-1, *range(0, len(attention), 5), len(attention) - 1])
    axes[-1].set_xlabel("layer (−1: the table)")
    axes[0].legend(loc="upper left")
    return fig


def one_head(off, others, prompts):
    """Probability of each prompt's answer: whole, without one head, and without each of others.
    off: {label: a value a prompt}; others [n, prompts]: single heads switched off one at a time."""
    fig, ax = plots.figure(height=3.8)
    plots.bars(ax, prompts, off, fmt="%.2f")
    spread = torch.linspace(0.05, 0.36, len(others))  # above the lower bar, clear of the numbers
    for i in range(len(prompts)):
        words = f"without one of {len(others)} other heads" if i == 0 else None
        style = {"color": "white", "mec": "black", "ms": 4, "zorder": 3, "label": words}
        ax.plot(i + spread, others[:, i], "o", **style)
    ax.set(ylabel="probability of the answer", ylim=(0, 1.12))
    ax.legend(loc="upper center", ncols=3, fontsize=9)
    return fig


def sink_life(curves, events):
    """Lengths of streams by layer, on a logarithmic axis: {label: one length after the table and
    after each layer}; events: {layer: what happens there}."""
    fig, ax = plots.figure(height=4.2)
    plots.lines(ax, -1, curves, legend="lower right", markersize=4)
    ax.set(xlabel="after layer (−1: the table)", yscale="log", ylim=(1, 200_000))
    ax.set(ylabel="length of the stream\n(log scale)")
    plots.plain(ax.yaxis, [1, 10, 100, 1000, 10_000])
    for i, (layer, words) in enumerate(events.items()):  # at two heights, as neighbours may touch
        ax.axvline(layer, color=plots.GREY, ls=":", lw=1, ymax=0.86)
        ax.text(layer, 55_000 * 1.8 ** (i % 2), words, ha="center", va="bottom", fontsize=9)
    return fig


def neuron_turned(values, curves, natural):
    """Probability of some tokens while one neuron is held at each of `values`: {token: values}."""
    ax = plots.chart(values, curves, every=4, height=3.8, legend="center left", ylim=(0, 1))
    low, high = natural
    ax.axvspan(low, high, color=plots.GREY, alpha=0.25, lw=0)
    ax.text((low + high) / 2, 0.97, "its numbers in the story", ha="center", va="top", fontsize=9)
    ax.set(xlabel="the neuron is held at", ylabel="probability of the next token")
    return ax.figure
