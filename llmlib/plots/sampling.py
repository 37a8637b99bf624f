"""The charts of notebook 6: distributions over the next token, what filters leave of them, and what comes of it."""

import math

import torch

from llmlib.output_head import softmax
from llmlib.plots import BLUE, COLOURS, GREEN, GREY, HATCHES, LINES, MARKERS, ORANGE, figure
from llmlib.plots.attention import labels


def _likeliest(tokenizer, logits, n):
    """The n likeliest next tokens: (probabilities, tick labels, ids)."""
    best = softmax(logits).topk(n)
    return (
        best.values.tolist(),
        labels([tokenizer.decode([i]) for i in best.indices.tolist()]),
        best.indices,
    )


def next_tokens(tokenizer, next_logits, n=8):
    """Bars of the n likeliest next tokens, one panel a prompt: next_logits {prompt: [vocab]}."""
    fig, axes = figure(1, len(next_logits), height=3.4, sharex=True)
    for ax, (text, logits) in zip(axes, next_logits.items()):
        shares, names, _ = _likeliest(tokenizer, logits, n)
        bars = ax.barh(range(n), shares, color=BLUE, edgecolor="black", linewidth=0.6)
        ax.bar_label(bars, fmt="%.3f", fontsize=9, padding=2)
        ax.set(
            yticks=range(n), yticklabels=names, xlabel="probability", title=f"{text} …", xlim=(0, 1)
        )
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_axisbelow(True)
    return fig


def draws(expected, observed):
    """Expected against observed counts of each token, with the band of two standard deviations."""
    fig, ax = figure(width=6.4, height=4.0)
    line = torch.logspace(math.log10(expected.min()), math.log10(expected.max()), 100)
    ax.fill_between(
        line,
        (line - 2 * line.sqrt()).clamp(min=0.5),
        line + 2 * line.sqrt(),
        color=ORANGE,
        alpha=0.3,
        label="expected ± 2√expected",
    )
    ax.plot(line, line, color="black", linestyle="--", linewidth=1.2, label="exactly as expected")
    ax.plot(expected, observed, "o", color=BLUE, markersize=4, label="one token")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="expected count in 10,000 draws",
        ylabel="observed count",
        title="Every common token, drawn 10,000 times",
    )
    ax.legend()
    return fig


def temperatures(sorted_p):
    """Probability against rank, one curve a temperature: sorted_p {T: [vocab], falling}."""
    fig, ax = figure(height=3.8)
    for i, (t, row) in enumerate(sorted_p.items()):
        ranks = torch.logspace(0, math.log10(len(row)), 25).long().clamp(1, len(row)).unique()
        ax.plot(
            ranks,
            row[ranks - 1],
            color=COLOURS[i],
            linestyle=LINES[i],
            marker=MARKERS[i],
            markersize=4,
            label=f"T = {t}",
        )
    ax.axvline(100, color=GREY, linewidth=1.2, linestyle=":")
    ax.text(108, 0.98, "rank 100", transform=ax.get_xaxis_transform(), va="top", fontsize=9)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="rank of the token (1 = likeliest)",
        ylabel="probability",
        ylim=(1e-9, 1),
        title="Temperature lifts the tail",
    )
    ax.legend(loc="lower left")
    return fig


def nucleus(next_logits, sizes, p):
    """Mass of the n likeliest tokens, the nucleus marked: next_logits {prompt: [vocab]}, sizes {prompt: n}."""
    fig, ax = figure(height=3.6)
    for i, (text, logits) in enumerate(next_logits.items()):
        mass = softmax(logits).sort(descending=True).values.cumsum(0)
        ax.plot(
            range(1, len(mass) + 1), mass, color=COLOURS[i], linestyle=LINES[i], label=f"{text} …"
        )
        ax.plot(
            sizes[text], mass[sizes[text] - 1], marker=MARKERS[i], color=COLOURS[i], markersize=9
        )
        ax.annotate(
            f"{sizes[text]:,} tokens",
            (sizes[text], mass[sizes[text] - 1]),
            (7, -14),
            textcoords="offset points",
        )
    ax.axhline(p, color="black", linewidth=1, linestyle=":")
    ax.text(1.02, p + 0.015, f"p = {p}", fontsize=9)
    ax.set(
        xscale="log",
        xlabel="number of tokens, likeliest first",
        ylabel="probability of all of them",
        ylim=(0, 1.05),
        title="One p, two nuclei",
    )
    ax.legend(loc="lower right")
    return fig


def survivors(tokenizer, logits, filtered, n=12):
    """The model's probabilities and what each setting leaves of them: filtered {name: [vocab], -inf where cut}."""
    shares, names, ids = _likeliest(tokenizer, logits, n)
    fig, axes = figure(1, len(filtered), height=4.2, sharey=True, sharex=True)
    for i, (ax, (name, left)) in enumerate(zip(axes, filtered.items())):
        after = softmax(left)[ids].tolist()
        places = torch.arange(n)
        ax.barh(
            places - 0.2,
            shares,
            0.38,
            color="#BBBBBB",
            edgecolor="black",
            linewidth=0.5,
            label="the model",
        )
        ax.barh(
            places + 0.2,
            after,
            0.38,
            color=COLOURS[i],
            hatch=HATCHES[1],
            edgecolor="black",
            linewidth=0.5,
            label="left to draw from",
        )
        for place, share in enumerate(after):
            if share == 0:
                ax.text(0.004, place + 0.22, "× cut", va="center", fontsize=8)
        ax.set(
            yticks=range(n),
            yticklabels=names,
            xlabel="probability",
            title=f"{name}: {int(torch.isfinite(left).sum()):,} left",
        )
        ax.grid(axis="y", visible=False)
        ax.set_axisbelow(True)
        ax.legend(loc="lower right", fontsize=9)
    axes[0].invert_yaxis()
    return fig


def likelihoods(texts):
    """Probability of each token of several texts, along the text: texts {name: [seq] log-probabilities in nats}."""
    fig, axes = figure(len(texts), 1, height=1.2 + 1.25 * len(texts), sharex=True, sharey=True)
    for i, (ax, (name, log_p)) in enumerate(zip(axes, texts.items())):
        ax.bar(
            range(1, len(log_p) + 1),
            log_p.exp(),
            color=COLOURS[i],
            hatch=HATCHES[i],
            edgecolor="black",
            linewidth=0.5,
        )
        ax.set_title(f"{name}: {log_p.mean():.2f} nats a token on average", loc="left", fontsize=10)
        ax.set(ylim=(0, 1), yticks=(0, 0.5, 1))
        ax.grid(axis="x", visible=False)
        ax.set_axisbelow(True)
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    axes[-1].set_xlabel("position in the text (tokens)")
    fig.supylabel("probability the model gave the token", fontsize=10)
    return fig


def quality_diversity(curves):
    """Quality (log-probability) against diversity (share of different pairs): {name: [(T, quality, diversity)]}."""
    fig, ax = figure(height=4.0)
    for i, (name, points) in enumerate(curves.items()):
        _, quality, diversity = zip(*points)
        ax.plot(
            diversity, quality, color=COLOURS[i], linestyle=LINES[i], marker=MARKERS[i], label=name
        )
        for t, log_p, share in points:
            ax.annotate(
                f"T = {t}",
                (share, log_p),
                ((6, 4), (-8, -11), (-8, -4))[i],
                textcoords="offset points",
                fontsize=8,
                color=COLOURS[i],
                ha=("left", "right", "right")[i],
            )
    ax.set(
        xlabel="diversity: share of different token pairs in the texts",
        ylabel="quality: mean log-probability\nof a token (nats)",
        title="What temperature buys, and what it costs",
    )
    ax.margins(0.1, 0.14)
    ax.legend(loc="lower left")
    return fig


def shares(names, values, chance, xlabel, title):
    """Shares between 0 and 1 as bars, with a line at what guessing would reach (a number, or None)."""
    fig, ax = figure(height=0.9 + 0.42 * len(names))
    bars = ax.barh(range(len(names)), values, color=GREEN, edgecolor="black", linewidth=0.6)
    ax.bar_label(bars, labels=[f"{value:.0%}" for value in values], fontsize=9, padding=3)
    if chance is not None:
        ax.axvline(
            chance, color="black", linestyle="--", linewidth=1.2, label=f"guessing: {chance:.0%}"
        )
        ax.legend(loc="lower right")
    ax.set(yticks=range(len(names)), yticklabels=names, xlim=(0, 1), xlabel=xlabel, title=title)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_axisbelow(True)
    return fig


def years(probabilities, released):
    """Probability of each year: {year: probability}, with the year of the model's release marked."""
    fig, ax = figure(height=3.2)
    ax.bar(
        list(probabilities),
        list(probabilities.values()),
        color=BLUE,
        edgecolor="black",
        linewidth=0.5,
    )
    ax.axvline(released + 0.5, color="black", linestyle="--", linewidth=1.2)
    ax.text(
        released + 0.8,
        0.95,
        "after the model's release",
        transform=ax.get_xaxis_transform(),
        va="top",
        fontsize=9,
    )
    ax.set(
        xlabel="year",
        ylabel="probability",
        title="“Today's date is January 1, …”: which year does the model believe it is?",
    )
    ax.grid(axis="x", visible=False)
    ax.set_axisbelow(True)
    return fig
