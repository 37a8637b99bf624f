"""The charts of notebook 6: distributions over the next token, and what filters leave of them."""

import math
from itertools import cycle

import numpy as np
import torch

from llmlib import plots
from llmlib.output_head import softmax


def _likeliest(tokenizer, logits, n):
    """The n likeliest next tokens: (probabilities, tick labels, ids)."""
    best = softmax(logits).topk(n)
    names = plots.labels([tokenizer.decode([i]) for i in best.indices.tolist()])
    return best.values.tolist(), names, best.indices


def next_tokens(tokenizer, next_logits, n=8):
    """Bars of the n likeliest next tokens, one panel a prompt: next_logits {prompt: [vocab]}."""
    fig, axes = plots.figure(1, len(next_logits), height=3.4, sharex=True)
    for ax, (text, logits) in zip(axes, next_logits.items()):
        shares, names, _ = _likeliest(tokenizer, logits, n)
        plots.bars(ax, names, shares, fmt="%.3f", across=True)
        ax.set(xlabel="probability", title=f"{text} …", xlim=(0, 1))
    return fig


def strips(tokenizer, rows, u, thin=0.006):
    """The interval from 0 to 1, cut into one stretch a token in order of ids, and where u falls.

    rows: {name: [vocab] probabilities}. Neighbouring stretches thinner than `thin` are one grey.
    """
    fig, axes = plots.figure(len(rows), 1, height=0.5 + 1.02 * len(rows), sharex=True)
    for ax, (name, shares) in zip(np.atleast_1d(axes), rows.items()):
        start, colours = 0.0, cycle((plots.BLUE, plots.SKY))
        for i, share in _stretches(shares, thin):
            style = {"facecolor": "#DDDDDD", "edgecolor": "#BBBBBB", "hatch": "////"}
            if i is not None:
                style = {"facecolor": next(colours), "edgecolor": "black", "linewidth": 0.5}
            ax.barh(0, share, 1, left=start, **style)
            if i is not None and share > 0.017:
                _word(ax, tokenizer.decode([i]).strip(), start, share, u, style["facecolor"])
            start += share
        ax.axvline(u, color="black", linewidth=1, linestyle="--")
        ends = {"color": "black", "markersize": 9, "clip_on": False, "linestyle": "none"}
        ax.plot(u, 0.56, "v", **ends)
        ax.plot(u, -0.56, "^", **ends)
        ax.set(xlim=(0, 1), ylim=(-0.5, 0.5), yticks=[])
        ax.set_title(name, loc="left", fontsize=10)
        ax.grid(visible=False)
    axes = np.atleast_1d(axes)
    axes[-1].set_xlabel(f"from 0 to 1, in order of ids; arrows: u = {u}; grey: thin stretches")
    return fig


def _word(ax, word, start, share, u, colour):
    """A token's word in its stretch: level where there is room, else upright, clear of u."""
    place, turned = start + share / 2, share < 0.013 * (len(word) + 1)
    if turned and abs(place - u) < 0.01:
        place -= 0.012
    if place - 0.008 < start or (turned and len(word) > 7):
        return
    text = {"ha": "center", "va": "center", "fontsize": 8.5, "rotation": 90 if turned else 0}
    ax.text(place, 0, word, color=plots.ink(colour), **text)


def _stretches(shares, thin):
    """(id, share) of each thick stretch; (None, share) of the thin ones between two of them."""
    grey, found = 0.0, []
    for i in [*(shares >= thin).nonzero()[:, 0].tolist(), None]:
        before = 0 if not found else found[-1][0] + 1
        grey = shares[before:i].sum().item()
        found.append((i, shares[i].item() if i is not None else 0.0, grey))
    for i, share, grey in found:
        if grey:
            yield None, grey
        if i is not None:
            yield i, share


def draws(panels):
    """Expected against observed counts of each token, with the band of two standard deviations.

    panels: {title: (expected, observed)}.
    """
    fig, axes = plots.figure(1, len(panels), height=4.0, sharex=True, sharey=True)
    for ax, (title, (expected, observed)) in zip(axes, panels.items()):
        line = torch.logspace(math.log10(expected.min()), math.log10(expected.max()), 100)
        low, high = (line - 2 * line.sqrt()).clamp(min=0.5), line + 2 * line.sqrt()
        band = {"color": plots.ORANGE, "alpha": 0.3, "label": "expected ± 2√expected"}
        ax.fill_between(line, low, high, **band)
        ax.plot(line, line, color="black", linestyle="--", linewidth=1.2, label="as expected")
        # a count of 0 has no place on a logarithmic axis: it stands on the lower edge
        ax.plot(expected, observed.clamp(min=0.5), "o", color=plots.BLUE, label="one token")
        ax.lines[-1].set(markersize=3.5)
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
    _, names, ids = _likeliest(tokenizer, logits, n)
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
    for text, colour, marker, line, _ in plots.look(next_logits):
        mass = softmax(next_logits[text]).sort(descending=True).values.cumsum(0)
        ax.plot(range(1, len(mass) + 1), mass, color=colour, linestyle=line, label=f"{text} …")
        edge = (sizes[text], mass[sizes[text] - 1])
        ax.plot(*edge, marker=marker, color=colour, markersize=9)
        ax.annotate(f"{sizes[text]:,} tokens", edge, (7, -14), textcoords="offset points")
    plots.mark(ax, f"p = {p}", y=p, linewidth=1, linestyle=":")
    ax.set(xscale="log", ylim=(0, 1.05), title="One p, two nuclei")
    ax.set_xlabel("number of tokens, likeliest first (log scale)")
    ax.set_ylabel("probability of all of them")
    plots.plain(ax.xaxis, [1, 10, 100, 1000, 10_000])
    ax.legend(loc="lower right")
    return fig


def survivors(tokenizer, logits, filtered, n=12):
    """The model's probabilities and what each setting leaves: {name: [vocab], cut ones -inf}."""
    shares, names, ids = _likeliest(tokenizer, logits, n)
    fig, axes = plots.figure(1, len(filtered), height=4.6, sharex=True)
    style = {"across": True, "colours": ("#BBBBBB", plots.BLUE)}
    for ax, (name, left) in zip(axes, filtered.items()):
        pair = {"the model": shares, "left to draw from": softmax(left)[ids].tolist()}
        for place, share in enumerate(pair["left to draw from"]):
            if share == 0:
                ax.text(0.008, place + 0.22, "× cut", va="center", fontsize=8)
        all_of_them = {key: [*values, 1 - sum(values)] for key, values in pair.items()}
        labels = [*names, "all others"] if ax is axes[0] else [""] * (n + 1)
        plots.bars(ax, labels, all_of_them, **style)
        ax.set(xlabel="probability", title=f"{name}:\n{int(torch.isfinite(left).sum()):,} left")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig
