"""The charts of notebook 6: distributions over the next token, and what filters leave of them."""

import math
from itertools import pairwise

import numpy as np
import torch

from llmlib import plots
from llmlib.output_head import softmax
from llmlib.plots.placing import words


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


def draws(expected, observed):
    """Expected against observed counts of each token, with the band of two standard deviations."""
    fig, ax = plots.figure(width=6.4, height=4.0)
    line = torch.logspace(math.log10(expected.min()), math.log10(expected.max()), 100)
    low, high = (line - 2 * line.sqrt()).clamp(min=0.5), line + 2 * line.sqrt()
    band = {"color": plots.ORANGE, "alpha": 0.3, "label": "expected ± 2√expected"}
    ax.fill_between(line, low, high, **band)
    ax.plot(line, line, color="black", linestyle="--", linewidth=1.2, label="exactly as expected")
    ax.plot(expected, observed, "o", color=plots.BLUE, markersize=4, label="one token")
    ax.set(xscale="log", yscale="log", title="How often each common token was drawn")
    ax.set(xlabel="expected count (log scale)", ylabel="observed count (log scale)")
    for axis in (ax.xaxis, ax.yaxis):
        plots.plain(axis)
    ax.legend()
    return fig


def temperatures(sorted_p):
    """Probability against rank, one curve a temperature: sorted_p {T: [vocab], falling}."""
    fig, ax = plots.figure(height=3.8)
    size = len(next(iter(sorted_p.values())))
    ranks = torch.logspace(0, math.log10(size), 25).long().clamp(1, size).unique()
    plots.lines(ax, ranks, {f"T = {t}": row[ranks - 1] for t, row in sorted_p.items()})
    plots.mark(ax, "rank 100", x=100, color=plots.GREY, linestyle=":")
    ax.set(xscale="log", yscale="log", ylim=(1e-9, 1), title="Temperature lifts the tail")
    ax.set(xlabel="rank of the token (1 = likeliest, log scale)", ylabel="probability (log scale)")
    plots.plain(ax.xaxis, [1, 10, 100, 1000, 10_000])
    ax.legend(loc="lower left")
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


def likelihoods(texts):
    """Probability of each token along several texts: {name: [seq] log-probabilities in nats}."""
    fig, axes = plots.figure(
        len(texts), 1, height=1.2 + 1.25 * len(texts), sharex=True, sharey=True
    )
    for ax, (name, colour, marker, _, _) in zip(axes, plots.look(texts)):
        places, p = range(1, len(texts[name]) + 1), texts[name].exp()
        ax.vlines(places, p, 1, color=colour)  # the longer, the more surprised
        ax.plot(places, p, marker, color=colour, markersize=7)
        mean = f"{name}: {texts[name].mean():.2f} nats a token on average"
        ax.set_title(mean, loc="left", fontsize=10)
        ax.set(yscale="log", ylim=(1e-6, 2))
        plots.plain(ax.yaxis, [1e-4, 1e-2, 1])
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    axes[-1].set_xlabel("position in the text (tokens)")
    fig.supylabel("probability the model gave the token (log scale)", fontsize=10)
    return fig


def quality_diversity(curves):
    """Quality against diversity: {name: [(T, mean log-probability, share of different pairs)]}."""
    fig, ax = plots.figure(height=4.4)
    for name, colour, marker, line, _ in plots.look(curves):
        _, quality, diversity = zip(*curves[name])
        style = {"color": colour, "linestyle": line, "marker": marker}
        ax.plot(diversity, quality, label=name, **style)
    ax.set_xlabel("diversity: share of different token pairs in the texts")
    ax.set_ylabel("quality: mean log-probability\nof a token (nats)")
    ax.set_title("What temperature buys, and what it costs")
    ax.margins(0.1, 0.14)
    ax.legend(loc="lower left")
    points = [(t, (share, log_p)) for rows in curves.values() for t, log_p, share in rows]
    entries = [(place, f"T = {t}", "left") for t, place in points]
    along = [np.linspace(*ends, 30) for line in ax.lines for ends in pairwise(line.get_xydata())]
    words(fig, ax, entries, np.concatenate(along))  # clear of the lines too
    return fig


def shares(names, values, chance, xlabel, title):
    """Shares between 0 and 1 as bars, with a line at what guessing would reach (or None)."""
    fig, ax = plots.figure(height=0.9 + 0.42 * len(names))
    plots.bars(ax, names, values, fmt=lambda share: f"{share:.0%}", across=True)
    if chance is not None:
        style = {"color": "black", "linestyle": "--", "linewidth": 1.2}
        ax.axvline(chance, label=f"guessing: {chance:.0%}", **style)
        ax.legend(loc="lower right")
    ax.set(xlim=(0, 1.05), xlabel=xlabel, title=title)
    return fig


def years(probabilities, released):
    """Probability of each year, {year: probability}, with that of the model's release marked."""
    fig, ax = plots.figure(height=3.2)
    style = {"color": plots.BLUE, "edgecolor": "black", "linewidth": 0.5}
    ax.bar(list(probabilities), list(probabilities.values()), **style)
    plots.mark(ax, "after the model's release", x=released + 0.5)
    ax.set(xlabel="year", ylabel="probability")
    ax.set_title("“Today's date is January 1, …”: which year does the model believe it is?")
    ax.grid(axis="x", visible=False)
    return fig
