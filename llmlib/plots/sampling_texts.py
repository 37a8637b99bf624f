"""The charts of notebook 6 about whole texts: beams, quality and entropy, forty answers."""

import math

import numpy as np

from llmlib import plots
from llmlib.plots.placing import words


def beam_tree(tokenizer, steps):
    """The beginnings that a beam search kept, step by step: steps [[(ids, log-probability)]]. Each
    box is a token, under it the probability of the text up to there; the best text is framed."""
    width = max(map(len, steps))
    fig, ax = plots.canvas(8.4, 0.5 + 0.82 * width, len(steps) + 0.75, width)
    ax.text(0.3, width / 2, "the\nprompt", fontsize=10, **plots.CENTRE)
    best, places = tuple(steps[-1][0][0]), {(): (0.3, width / 2)}
    for column, beams in enumerate(steps):
        for row, (ids, score) in enumerate(beams):
            ids, x, y = tuple(ids), column + 1.2, width - 0.5 - row
            if ids in places:  # finished at an earlier step
                continue
            on_the_way = best[: len(ids)] == ids
            word = plots.labels([tokenizer.decode([ids[-1]])])[0]
            colour = plots.SKY if on_the_way else "#EEEEEE"
            line = {"linewidth": 2.5 if on_the_way else 0.8}
            word = f"{word}\n{math.exp(score):.3f}"
            plots.box(ax, x - 0.37, y - 0.28, 0.74, 0.5, word, colour, **line)
            from_x, from_y = places[ids[:-1]]
            start, end = (from_x + (0.4 if ids[:-1] else 0.25), from_y), (x - 0.41, y)
            plots.arrow(ax, start, end, linestyle="-" if on_the_way else "--", **line)
            places[ids] = (x, y)
    return fig


def surprises(tokenizer, texts):
    """How surprised the model is at each token: {name: (ids, [seq] log-probabilities in nats)}."""
    fig, axes = plots.figure(len(texts), 1, height=0.4 + 1.75 * len(texts), sharey=True)
    for ax, (name, _, style) in zip(axes, plots.look(texts)):
        ids, log_p = texts[name]
        drawn = ax.bar(range(len(ids)), -log_p, 0.6, **style)
        ax.bar_label(drawn, fmt="%.1f", fontsize=9, padding=2)
        ax.set_xticks(range(len(ids)), plots.labels([tokenizer.decode([i]) for i in ids]))
        ax.set_title(f"{name}: {-log_p.mean():.2f} nats a token", loc="left", fontsize=10)
        ax.set_ylim(0, 1.25 * max(-log_p.min() for _, log_p in texts.values()))
        ax.grid(axis="x", visible=False)
    fig.supylabel("surprise, −log p (nats)", fontsize=10)
    return fig


def quality_entropy(curve, filters):
    """Quality against entropy: curve {T: (H, quality)}, filters {kind: {name: (H, quality)}}."""
    fig, ax = plots.figure(height=4.8)
    ax.plot(*zip(*curve.values()), "o-", color="black", markersize=4, label="temperature alone")
    entries = [(place, f"T = {t}", "right") for t, place in curve.items()]
    for kind, style, _ in plots.look(filters):
        points = filters[kind]
        style = style | {"markeredgecolor": "black", "markersize": 9, "linestyle": "none"}
        ax.plot(*zip(*points.values()), label=kind, **style)
        entries += [(place, name, "left") for name, place in points.items()]
    ax.set_xlabel("entropy of what is drawn from (nats)")
    ax.set_ylabel("quality: expected log-probability\nof the drawn token (nats)")
    ax.set_title("No filter lies above the curve of temperature alone")
    ax.margins(0.12, 0.12)
    ax.legend(loc="lower left")
    x, y = np.array(sorted(curve.values())).T
    fine = np.linspace(x[0], x[-1], 200)
    along = np.stack([fine, np.interp(fine, x, y)], 1)
    dots = [place for points in filters.values() for place in points.values()]
    words(fig, ax, entries, np.concatenate([along, dots]))
    return fig


def answers(counts, total):
    """How often each different answer came: {name: [count, falling]}, a bar of `total` a name."""
    fig, ax = plots.figure(height=0.9 + 0.5 * len(counts))
    for name, found in counts.items():
        colours = [plots.BLUE] + [plots.SKY, "#DDDDDD"] * len(found)  # more than are needed
        style = {"color": colours, "edgecolor": "black", "linewidth": 0.6}
        ax.barh(name, found, 0.7, left=np.cumsum(found) - found, **style)
        ax.text(total * 1.01, name, f"{len(found)} different", va="center", fontsize=10)
    ax.invert_yaxis()
    ax.set(xlim=(0, total * 1.22), xlabel=f"of {total} draws; one box a year, the commonest first")
    ax.set_xticks(range(0, total + 1, 10))
    ax.grid(axis="y", visible=False)
    return fig


def shares(found, xlabel, chance):
    """Shares as dots with their 95 % intervals: found {name: (hits, cases, low, high)}."""
    fig, ax = plots.figure(height=1.0 + 0.42 * len(found))
    for name, (hits, cases, low, high) in found.items():
        ax.plot([low, high], [name, name], color=plots.BLUE, linewidth=2)
        ax.plot(hits / cases, name, "o", color=plots.BLUE, markersize=9)
        ax.text(1.03, name, f"{hits} of {cases}", va="center", fontsize=10)
    plots.mark(ax, f"guessing {chance:.0%}", x=chance)
    ax.set(xlim=(-0.02, 1.18), ylim=(len(found) - 0.4, -0.9), xticks=np.arange(0, 1.1, 0.25))
    ax.set_xlabel(xlabel)
    return fig


def places_and_picks(tables, letters="ABCD"):
    """Which letter was picked where the right one stood: {title: [[count]] place × letter}."""
    fig, axes = plots.figure(1, len(tables), height=3.6)
    top = max(max(row) for table in tables.values() for row in table)
    for ax, (title, table) in zip(axes, tables.items()):
        plots.heat(ax, table, "d", (list(letters), list(letters)), cmap="Blues", vmin=0, vmax=top)
        ax.set(xlabel="letter that the model picked", title=title)
    axes[0].set_ylabel("letter of the right option")
    return fig


def years(probabilities, released):
    """Probability of each year, {year: probability}, with that of the model's release marked."""
    fig, ax = plots.figure(height=3.2)
    ax.bar(*zip(*probabilities.items()), color=plots.BLUE, **plots.EDGED)
    plots.mark(ax, "after the model's release", x=released + 0.5)
    ax.set(xlabel="year", ylabel="probability")
    ax.set_title("“Today's date is January 1, …”: which year does the model believe it is?")
    ax.grid(axis="x", visible=False)
    return fig


def pronouns(found):
    """Share of " she" among " she" and " he" after sentences: found {template: {who: share}}."""
    first = next(iter(found.values()))
    order = sorted(first, key=first.get)
    fig, ax = plots.figure(height=0.9 + 0.32 * len(order))
    for name, style, _ in plots.look(found):
        style = style | {"linestyle": "none", "markersize": 8}
        ax.plot([found[name][who] for who in order], order, label=name, **style)
    plots.mark(ax, "equally likely", x=0.5)
    ax.set(xlim=(0, 1.02), xlabel="share of “ she” among “ she” and “ he” as the next token")
    ax.legend(loc="lower right")
    return fig
