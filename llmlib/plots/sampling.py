"""The pictures of notebook 6: distributions over the next token, and what filters leave of them;
then whole texts: beams, copies, filters compared, forty answers."""

import math
from itertools import cycle

import numpy as np

from llmlib import plots
from llmlib.demonstrations.sampling import interval
from llmlib.output_head import softmax


def strips(tokenizer, rows, u, thin=0.006):
    """Draw the interval from 0 to 1, one stretch a token in order of ids, and where u falls.
    rows: {name: [vocab] probabilities}. Neighbouring stretches thinner than `thin` are one grey."""
    fig, axes = plots.figure(len(rows), height=0.5 + 1.02 * len(rows), sharex=True)
    words = []
    for ax, (name, shares) in zip(axes, rows.items()):
        start, colours = 0.0, cycle((plots.BLUE, plots.SKY))
        wide = (shares >= thin).sum()
        most = f"the widest, {tokenizer.decode([int(shares.argmax())])!r}, {shares.max():.2f}"
        words.append(f"{name}: {wide} tokens wide enough to see, {most}")
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
        f"{'. '.join(words)}.",
    )


def _word(ax, word, start, share, u, colour):
    """Write a token's word into its stretch: level if there is room, else upright, clear of u."""
    place, turned = start + share / 2, share < 0.013 * (len(word) + 1)
    room = 0.012 if turned else 0.006 + 0.004 * len(word)  # from its centre to a line beside it
    if abs(place - u) < room:
        place = u - room if start + 0.008 < u - room else u + room
    if not start + 0.008 < place < start + share - 0.008 or (turned and len(word) > 7):
        return
    style = {"fontsize": 8.5, "rotation": 90 if turned else 0} | plots.CENTRE
    ax.text(place, 0, word, color=plots.ink(colour), **style)


def stretches(shares, thin):
    """Yield (id, share) of each thick stretch, (None, share) of the thin ones between two."""
    start = 0
    for i in [*(shares >= thin).nonzero()[:, 0].tolist(), len(shares)]:
        if grey := shares[start:i].sum().item():
            yield None, grey
        if i < len(shares):
            yield i, shares[i].item()
        start = i + 1


def nucleus(next_logits, sizes, p):
    """Draw the mass of the n likeliest tokens and the nucleus: {prompt: [vocab]}, {prompt: n}."""
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
    words = "; ".join(f"{text!r} reaches {p} with {size:,}" for text, size in sizes.items())
    return plots.described(
        fig,
        f"Cumulative probability against number of tokens, logarithmic, for two prompts: {words}.",
    )


def beam_tree(tokenizer, steps):
    """Draw the beginnings that a beam search kept by step: steps [[(ids, log-probability)]]. Each
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
        f"A beam search of width {width} as a tree, {len(steps)} steps, a box per token with the "
        f"probability of the text up to there. The way to the best, in blue: {way}.",
    )


def answers(counts, total):
    """Draw how often each answer came: {name: [count, falling]}, a bar of `total` a name."""
    fig, ax = plots.figure(height=0.9 + 0.5 * len(counts))
    for name, found in counts.items():
        colours = [plots.BLUE] + [plots.SKY, "#DDDDDD"] * len(found)  # more than are needed
        style = {"color": colours, "edgecolor": "black", "linewidth": 0.6}
        ax.barh(name, found, 0.7, left=np.cumsum(found) - found, **style)
        ax.text(total * 1.01, name, f"{len(found)} different", va="center", fontsize=10)
    ax.invert_yaxis()
    ax.set(
        xlim=(0, total * 1.22), xlabel=f"of {total} draws; one box per year, the commonest first"
    )
    ax.set_xticks(range(0, total + 1, 10))
    ax.grid(axis="y", visible=False)
    words = "; ".join(
        f"{name}: {len(found)} different, the commonest {max(found, default=0)} times"
        for name, found in counts.items()
    )
    return plots.described(
        fig,
        f"Different years among {total} answers, one box per year, the commonest first. {words}.",
    )


def copies(found):
    """Draw the probability of a phrase's tokens in each copy: found {name: [one per copy]}."""
    n = len(next(iter(found.values())))
    labels = {"xlabel": "copy", "ylabel": "probability of a token\n(geometric mean)"}
    ax = plots.chart(1, found, height=3.2, **labels, ylim=(0, 1), xticks=range(1, n + 1))
    return plots.described(
        ax.figure, f"Mean probability of a token in copies 1 to {n}. {plots.told(1, found)}."
    )


def differences(found, xlabel, fmt="{:+z.3f}"):
    """Draw means with their intervals, and 0: found {name: (mean, low, high)}."""
    fig, ax = plots.figure(height=1.1 + 0.62 * len(found))
    for name, (mean, low, high) in found.items():
        ax.plot([low, high], [name, name], color=plots.BLUE, linewidth=3)
        ax.plot(mean, name, "o", color=plots.BLUE, markersize=9)
        plots.note(ax, fmt.format(mean), (mean, name), (0, 9), ha="center", fontsize=9)
    ax.axvline(0, color="black", linestyle="--", linewidth=1.2)
    ax.set(xlabel=xlabel, ylim=(len(found) - 0.5, -0.7))
    ax.margins(x=0.1)
    ax.grid(axis="y", visible=False)
    words = "; ".join(
        f"{name}: {mean:+z.3f}, {low:+z.3f} to {high:+z.3f}"
        for name, (mean, low, high) in found.items()
    )
    return plots.described(fig, f"Means with their 95 % intervals, {xlabel}. {words}.")


def two_arms(found):
    """Draw shares of draws in two arms, each with its interval over questions: found {what is
    counted: {arm: [share of each question]}}."""
    fig, ax = plots.figure(height=1.2 + 0.62 * len(found))
    words = []
    for row, (name, arms) in enumerate(found.items()):
        for (arm, shares), (_, style, _), by in zip(arms.items(), plots.look(arms), (-0.14, 0.14)):
            mean, low, high = interval(shares)
            label = arm if row == 0 else None
            ax.plot([low, high], [row + by] * 2, color=style["color"], linewidth=3)
            look = style | {"linestyle": "none", "markersize": 9}
            ax.plot(mean, row + by, label=label, **look)
            ax.text(1.03, row + by, f"{mean:.2f}", va="center", fontsize=9)
            words.append(f"{name}, {arm}: {mean:.2f}, {low:.2f} to {high:.2f}")
    ax.set_yticks(range(len(found)), list(found))
    ax.set(xlim=(-0.02, 1.1), ylim=(len(found) - 0.5, -0.5), xticks=np.arange(0, 1.1, 0.25))
    ax.set_xlabel("share of draws, mean over questions with its 95 % interval")
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return plots.described(fig, f"Shares in two arms, with intervals. {'; '.join(words)}.")
