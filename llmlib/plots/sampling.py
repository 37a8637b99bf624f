"""The pictures of notebook 6: distributions over the next token, and what filters leave of them;
then whole texts: beams, copies, filters compared, forty answers."""

import math
from itertools import cycle

import numpy as np
import torch

from llmlib import plots
from llmlib.output_head import softmax


def next_tokens(tokenizer, next_logits, n=8):
    """Bars of the n likeliest next tokens, one panel a prompt: next_logits {prompt: [vocab]}."""
    fig, axes = plots.figure(1, len(next_logits), height=3.4, sharex=True)
    told = []
    for ax, (text, logits) in zip(axes, next_logits.items()):
        best = softmax(logits).topk(n)
        names = plots.labels([tokenizer.decode([i]) for i in best.indices.tolist()])
        plots.bars(ax, names, best.values.tolist(), fmt="%.3f", across=True)
        ax.set(xlabel="probability", title=f"{text} …", xlim=(0, 1))
        told.append(f"After {text!r}: {plots.listed(dict(zip(names, best.values)), '.2f')}")
    return plots.described(
        fig, f"Bars of the {n} likeliest next tokens and their probabilities. {'. '.join(told)}."
    )


def strips(tokenizer, rows, u, thin=0.006):
    """The interval from 0 to 1, cut into one stretch a token in order of ids, and where u falls.
    rows: {name: [vocab] probabilities}. Neighbouring stretches thinner than `thin` are one grey."""
    fig, axes = plots.figure(len(rows), height=0.5 + 1.02 * len(rows), sharex=True)
    told = []
    for ax, (name, shares) in zip(axes, rows.items()):
        start, colours = 0.0, cycle((plots.BLUE, plots.SKY))
        wide = (shares >= thin).sum()
        most = f"the widest, {tokenizer.decode([int(shares.argmax())])!r}, {shares.max():.2f}"
        told.append(f"{name}: {wide} tokens wide enough to see, {most}")
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
    return plots.described(
        fig,
        f"Strips from 0 to 1, cut into one stretch a token, and u = {u} in each; grey: thin ones. "
        f"{'. '.join(told)}.",
    )


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
    told = []
    for ax, (title, (expected, observed)) in zip(axes, panels.items()):
        line = torch.logspace(math.log10(expected.min()), math.log10(expected.max()), 100)
        low, high = (line - 2 * line.sqrt()).clamp(min=0.5), line + 2 * line.sqrt()
        band = {"color": plots.ORANGE, "alpha": 0.3, "label": "expected ± 2√expected"}
        ax.fill_between(line, low, high, **band)
        ax.plot(line, line, color="black", linestyle="--", linewidth=1.2, label="as expected")
        # a count of 0 has no place on a logarithmic axis: it stands on the lower edge
        dots = {"color": plots.BLUE, "markersize": 3.5, "label": "one token"}
        ax.plot(expected, observed.clamp(min=0.5), "o", **dots)
        inside = ((observed - expected).abs() <= 2 * expected.sqrt()).sum()
        told.append(
            f"{title}: {inside} of {len(expected)} in the band, {(observed == 0).sum()} at 0"
        )
        ax.set(xscale="log", yscale="log", title=title, xlabel="expected count (log scale)")
        plots.plain(ax.xaxis, [5, 20, 100, 500])
        ax.yaxis.set_ticks([0.5, 5, 20, 100, 500], ["0", "5", "20", "100", "500"])
        ax.yaxis.set_tick_params(which="minor", size=0)
    axes[0].set_ylabel("observed count (log scale)")
    axes[0].legend(loc="upper left")
    return plots.described(
        fig,
        "Expected against observed counts of each token, on logarithmic axes, with a band of two "
        f"standard deviations around the diagonal. {'; '.join(told)}.",
    )


def temperatures(tokenizer, logits, ts, n=10):
    """Bars of the n likeliest next tokens and of all others together, one panel a temperature."""
    fig, axes = plots.figure(1, len(ts), height=4.2, sharex=True)
    ids = softmax(logits).topk(n).indices
    names, told = plots.labels([tokenizer.decode([i]) for i in ids.tolist()]), []
    for ax, t in zip(axes, ts):
        shares = softmax(logits / t)[ids].tolist()
        labels = [*names, "all others"] if ax is axes[0] else [""] * (n + 1)
        plots.bars(ax, labels, [*shares, 1 - sum(shares)], fmt="%.3f", across=True)
        ax.patches[-1].set(facecolor=plots.ORANGE, hatch="///")
        ax.set(xlabel="probability", title=f"T = {t}", xlim=(0, 1.2), xticks=(0, 0.5, 1))
        told.append(f"At {t} {names[0]} has {shares[0]:.2f}, all others {1 - sum(shares):z.2f}")
    return plots.described(
        fig,
        f"Bars of the {n} likeliest next tokens and of all others together, a panel a temperature. "
        f"{'. '.join(told)}.",
    )


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
    told = "; ".join(f"{text!r} reaches {p} with {size:,}" for text, size in sizes.items())
    return plots.described(
        fig,
        f"Cumulative probability against number of tokens, logarithmic, for two prompts: {told}.",
    )


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
    way = ", ".join(
        f"{tokenizer.decode([best[n - 1]])!r} with {math.exp(score):.3f}, place {row + 1}"
        for n, beams in enumerate(steps, 1)
        for row, (ids, score) in enumerate(beams)
        if n <= len(best) and tuple(ids) == best[:n]
    )
    return plots.described(
        fig,
        f"A beam search of width {width} as a tree, {len(steps)} steps, a box a token with the "
        f"probability of the text up to there. The way to the best, in blue: {way}.",
    )


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
    told = []
    for name, (ids, log_p) in texts.items():
        most = {repr(tokenizer.decode([ids[i]])): -log_p[i] for i in log_p.argsort()[:3].tolist()}
        told.append(f"{name}: {-log_p.mean():.1f} a token, most {plots.listed(most)}")
    return plots.described(
        fig, f"Surprise of the model at each token of a text, in nats. {'; '.join(told)}."
    )


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
    told = "; ".join(
        f"{name}: {len(found)} different, the commonest {max(found, default=0)} times"
        for name, found in counts.items()
    )
    return plots.described(
        fig, f"Different years among {total} answers, one box a year, the commonest first. {told}."
    )


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
    told = "; ".join(
        f"{name}: {hits} of {cases}, {low:.2f} to {high:.2f}"
        for name, (hits, cases, low, high) in found.items()
    )
    return plots.described(fig, f"Dots with bars, {xlabel}, and guessing at {chance:.2f}. {told}.")


def places_and_picks(tables, letters="ABCD"):
    """Which letter was picked where the right one stood: {title: [[count]] place × letter}."""
    fig, axes = plots.figure(1, len(tables), height=3.6)
    top = max(max(row) for table in tables.values() for row in table)
    for ax, (title, table) in zip(axes, tables.items()):
        plots.heat(ax, table, "d", (list(letters), list(letters)), cmap="Blues", vmin=0, vmax=top)
        ax.set(xlabel="letter that the model picked", title=title)
    axes[0].set_ylabel("letter of the right option")
    told = []
    for title, table in tables.items():
        picks = dict(zip(letters, (sum(column) for column in zip(*table))))
        told.append(f"{title}: {plots.listed(picks, '.0f')}")
    return plots.described(
        fig,
        "Tables, where the right option stands against which letter is picked. Picks of each "
        f"letter, wherever the right one stood: {'; '.join(told)}.",
    )


def years(probabilities, released):
    """Probability of each year, {year: probability}, with that of the model's release marked."""
    fig, ax = plots.figure(height=3.2)
    ax.bar(*zip(*probabilities.items()), color=plots.BLUE, **plots.EDGED)
    later = sum(p for year, p in probabilities.items() if year > released)
    plots.mark(ax, "after the model's release", x=released + 0.5)
    ax.set(xlabel="year", ylabel="probability")
    ax.set_title("“Today's date is January 1, …”: which year does the model believe it is?")
    ax.grid(axis="x", visible=False)
    return plots.described(
        fig,
        "Probability of each year as the year of today's date, "
        f"{min(probabilities)} to {max(probabilities)}. The peak is "
        f"{max(probabilities, key=probabilities.get)}; after {released} {later:.2f} are left.",
    )


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
    told = "; ".join(
        f"{name}: {plots.listed({who: shares[who] for who in (*order[:2], *order[-2:])}, '.2f')}"
        for name, shares in found.items()
    )
    return plots.described(
        fig,
        f"Share of she among she and he for {len(order)} persons, after {len(found)} sentences. "
        f"The lowest and the highest two of the first: {told}.",
    )


def copies(found):
    """Probability of a phrase's tokens in each copy: found {name: [one a copy]}."""
    n = len(next(iter(found.values())))
    labels = {"xlabel": "copy", "ylabel": "probability of a token\n(geometric mean)"}
    ax = plots.chart(1, found, height=3.2, **labels, ylim=(0, 1), xticks=range(1, n + 1))
    return plots.described(
        ax.figure, f"Mean probability of a token in copies 1 to {n}. {plots.told(1, found)}."
    )


def differences(found, xlabel):
    """Means with their intervals, and 0: found {name: (mean, low, high)}."""
    fig, ax = plots.figure(height=1.1 + 0.62 * len(found))
    for name, (mean, low, high) in found.items():
        ax.plot([low, high], [name, name], color=plots.BLUE, linewidth=3)
        ax.plot(mean, name, "o", color=plots.BLUE, markersize=9)
        plots.note(ax, f"{mean:+.3f}", (mean, name), (0, 9), ha="center", fontsize=9)
    ax.axvline(0, color="black", linestyle="--", linewidth=1.2)
    ax.set(xlabel=xlabel, ylim=(len(found) - 0.5, -0.7))
    ax.margins(x=0.1)
    ax.grid(axis="y", visible=False)
    told = "; ".join(
        f"{name}: {mean:+z.3f}, {low:+z.3f} to {high:+z.3f}"
        for name, (mean, low, high) in found.items()
    )
    return plots.described(fig, f"Means with their 95 % intervals, {xlabel}. {told}.")
