"""The charts of notebook 6: distributions over the next token, and what filters leave of them."""

import math
from itertools import cycle

import torch

from llmlib import plots
from llmlib.output_head import softmax


def next_tokens(tokenizer, next_logits, n=8):
    """Bars of the n likeliest next tokens, one panel a prompt: next_logits {prompt: [vocab]}."""
    fig, axes = plots.figure(1, len(next_logits), height=3.4, sharex=True)
    for ax, (text, logits) in zip(axes, next_logits.items()):
        best = softmax(logits).topk(n)
        names = plots.labels([tokenizer.decode([i]) for i in best.indices.tolist()])
        plots.bars(ax, names, best.values.tolist(), fmt="%.3f", across=True)
        ax.set(xlabel="probability", title=f"{text} …", xlim=(0, 1))
    return fig


def strips(tokenizer, rows, u, thin=0.006):
    """The interval from 0 to 1, cut into one stretch a token in order of ids, and where u falls.
    rows: {name: [vocab] probabilities}. Neighbouring stretches thinner than `thin` are one grey."""
    fig, axes = plots.figure(len(rows), height=0.5 + 1.02 * len(rows), sharex=True)
    for ax, (name, shares) in zip(axes, rows.items()):
        start, colours = 0.0, cycle((plots.BLUE, plots.SKY))
        for i, share in stretches(shares, thin):
            style = {"facecolor": "#DDDDDD", "edgecolor": "#BBBBBB", "hatch": "////"}
            if i is not None:
                style = {"facecolor": next(colours)} | plots.EDGED
            ax.barh(0, share, 1, left=start, **style)
            if i is not None and share > 0.017:
                _word(ax, tokenizer.decode([i]).strip(), start, share, u, style["facecolor"])
            start += share
        ax.axvline(u, color="black", linewidth=1, linestyle="--")
        ends = {"color": "black", "markersize": 9, "clip_on": False, "linestyle": "none"}
        ax.plot(u, 0.56, "v", u, -0.56, "^", **ends)
        ax.set(xlim=(0, 1), ylim=(-0.5, 0.5), yticks=[])
        ax.set_title(name, loc="left", fontsize=10)
        ax.grid(visible=False)
    ax.set_xlabel(f"from 0 to 1, in order of ids; arrows: u = {u}; grey: thin stretches")
    ax.tick_params(axis="x", pad=8)  # below the arrow
    return fig


def _word(ax, word, start, share, u, colour):
    """A token's word in its stretch: level where there is room, else upright, clear of u."""
    place, turned = start + share / 2, share < 0.013 * (len(word) + 1)
    room = 0.012 if turned else 0.006 + 0.004 * len(word)  # from its centre to a line beside it
    if abs(place - u) < room:
        place = u - room if start + 0.008 < u - room else u + room
    if not start + 0.008 < place < start + share - 0.008 or (turned and len(word) > 7):
        return
    style = {"fontsize": 8.5, "rotation": 90 if turned else 0} | plots.CENTRE
    ax.text(place, 0, word, color=plots.ink(colour), **style)


def stretches(shares, thin):
    """(id, share) of each thick stretch; (None, share) of the thin ones between two of them."""
    start = 0
    for i in [*(shares >= thin).nonzero()[:, 0].tolist(), len(shares)]:
        if grey := shares[start:i].sum().item():
            yield None, grey
        if i < len(shares):
            yield i, shares[i].item()
        start = i + 1


def draws(panels):
    """Counts {title: (expected, observed)} of each token, in a band of two standard deviations."""
    fig, axes = plots.figure(1, len(panels), height=4.0, sharex=True, sharey=True)
    for ax, (title, (expected, observed)) in zip(axes, panels.items()):
        line = torch.logspace(math.log10(expected.min()), math.log10(expected.max()), 100)
        low, high = (line - 2 * line.sqrt()).clamp(min=0.5), line + 2 * line.sqrt()
        band = {"color": plots.ORANGE, "alpha": 0.3, "label": "expected ± 2√expected"}
        ax.fill_between(line, low, high, **band)
        ax.plot(line, line, color="black", linestyle="--", linewidth=1.2, label="as expected")
        # a count of 0 has no place on a logarithmic axis: it stands on the lower edge
        dots = {"color": plots.BLUE, "markersize": 3.5, "label": "one token"}
        ax.plot(expected, observed.clamp(min=0.5), "o", **dots)
        ax.set(xscale="log", yscale="log", title=title, xlabel="expected count (log scale)")
        plots.plain(ax.xaxis, [5, 20, 100, 500])
        ax.yaxis.set_ticks([0.5, 5, 20, 100, 500], ["0", "5", "20", "100", "500"])
        ax.yaxis.set_tick_params(which="minor", size=0)
    axes[0].set_ylabel("observed count (log scale)")
    axes[0].legend(loc="upper left")
    return fig


def temperatures(tokenizer, logits, ts, n=10):
    """Bars of the n likeliest next tokens and of all others together, one panel a temperature."""
    fig, axes = plots.figure(1, len(ts), height=4.2, sharex=True)
    ids = softmax(logits).topk(n).indices
    names = plots.labels([tokenizer.decode([i]) for i in ids.tolist()])
    for ax, t in zip(axes, ts):
        shares = softmax(logits / t)[ids].tolist()
        labels = [*names, "all others"] if ax is axes[0] else [""] * (n + 1)
        plots.bars(ax, labels, [*shares, 1 - sum(shares)], fmt="%.3f", across=True)
        ax.patches[-1].set(facecolor=plots.ORANGE, hatch="///")
        ax.set(xlabel="probability", title=f"T = {t}", xlim=(0, 1.2), xticks=(0, 0.5, 1))
    return fig


def nucleus(next_logits, sizes, p):
    """Mass of the n likeliest tokens, the nucleus marked: {prompt: [vocab]}, sizes {prompt: n}."""
    fig, ax = plots.figure(height=3.6)
    for text, style, _ in plots.look(next_logits):
        mass = softmax(next_logits[text]).sort(descending=True).values.cumsum(0)
        edge = (sizes[text], mass[sizes[text] - 1])
        ax.plot(range(1, len(mass) + 1), mass, label=f"{text} …", **style | {"marker": None})
        ax.plot(*edge, markersize=9, **style)
        plots.note(ax, f"{sizes[text]:,} tokens", edge, (7, -14))
    plots.mark(ax, f"p = {p}", y=p, linewidth=1, linestyle=":")
    ax.set(xlabel="number of tokens, likeliest first (log scale)", title="One p, two nuclei")
    ax.set(ylabel="probability of all of them", xscale="log", ylim=(0, 1.05))
    plots.plain(ax.xaxis, [1, 10, 100, 1000, 10_000])
    ax.legend(loc="lower right")
    return fig
