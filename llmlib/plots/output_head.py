"""The pictures of notebook 5: probabilities, what a text costs, gradients, a model trained."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from llmlib import plots

SHADES = LinearSegmentedColormap.from_list("loss", ["#FFFFFF", "#9ecae1", "#08306b"])
SURPRISE = ScalarMappable(Normalize(0, 10, clip=True), SHADES)


def grouped_bars(labels, series, ylabel, title):
    """Bars side by side with their values: `series` is {name: one value per label}."""
    fig, ax = plots.figure(height=3.2)
    plots.bars(ax, labels, series, fmt="%.2g")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set(ylabel=ylabel, title=title)
    ax.legend()
    return plots.described(
        fig,
        f"{title}: bars of the {ylabel}, {' and '.join(series)}. "
        f"{plots.listed(dict(zip(labels, zip(*series.values()))), '.2f')}.",
    )


def logits_to_loss(tokens, logits, shares):
    """Bars of `logits` and of their `shares`, and −ln p of the first token, which came."""
    fig, (left, middle, right) = plots.figure(columns=3, rows=1, width=6.6, height=2.9)
    places = range(len(tokens))
    for ax, values, title, form in (
        (left, logits, "logits", "%.1f"),
        (middle, shares, "probabilities", "%.2f"),
    ):
        colours = [plots.ORANGE] + [plots.BLUE] * (len(tokens) - 1)
        drawn = ax.barh(places, values, color=colours, edgecolor="black")
        drawn[0].set_hatch("///")
        ax.bar_label(drawn, fmt=form, padding=3, fontsize=10)
        ax.set_yticks(places, tokens)
        ax.set(title=title, xlim=(0, max(values) * 1.3), xticks=[])
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.spines["bottom"].set_visible(False)
    p, curve = shares[0], np.linspace(0.03, 1, 98)
    right.plot(curve, -np.log(curve), color=plots.GREY, marker="")
    right.plot(p, -np.log(p), "D", color=plots.ORANGE, markeredgecolor="black", markersize=9)
    plots.note(right, f"{tokens[0]}: {-np.log(p):.2f}", (p, -np.log(p)), (-20, 12))
    right.set(title="loss: −ln p", xlabel="p of what came", ylabel="nats")
    return plots.described(
        fig,
        "Bars of logits and of the probabilities that softmax makes of them: "
        f"{plots.listed(dict(zip(tokens, zip(logits, shares))), '.2f')}. Beside them the curve of "
        f"−ln p with the loss of {tokens[0]}, {-np.log(p):.2f}.",
    )


def loss_on_text(pieces, losses, title, width=78):
    """A text, each token the darker the larger its loss in nats; the first has none (None)."""
    lines, column = [[]], 0
    for piece, loss in zip(pieces, losses):
        if column + len(piece) > width:
            lines, column, piece = [*lines, []], 0, piece.lstrip(" ")
        lines[-1].append((piece, loss, column))
        column += len(piece)
    fig, ax = plots.figure(height=0.5 + 0.34 * len(lines))
    ax.set(xlim=(-0.3, width + 0.8), ylim=(len(lines), 0), title=title)
    ax.axis("off")
    for row, line in enumerate(lines):
        for piece, loss, start in line:
            colour = SURPRISE.to_rgba(loss or 0)
            corner = (start + 0.04, row + 0.08)
            ax.add_patch(Rectangle(corner, len(piece) - 0.08, 0.84, color=colour, linewidth=0))
            style = {"family": "monospace", "fontsize": 8.5} | plots.CENTRE
            for i, character in enumerate(piece):
                ax.text(start + i + 0.5, row + 0.5, character, color=plots.ink(colour), **style)
    shape = {"orientation": "horizontal", "fraction": 0.04, "pad": 0.02, "aspect": 50}
    bar = fig.colorbar(SURPRISE, ax=ax, **shape)
    bar.set_label("loss in nats (10 and more are drawn alike)", fontsize=9)
    known = [(loss, piece.strip()) for piece, loss in zip(pieces, losses) if loss is not None]
    darkest = ", ".join(f"{piece} {loss:.1f}" for loss, piece in sorted(known)[:-6:-1])
    return plots.described(
        fig,
        f"{title}: a text, each token the darker the larger its loss in nats. The darkest: "
        f"{darkest}.",
    )


def file_sizes(rows):
    """Bars across, two of each: rows [(name, bytes of the text, of its words shuffled), ...]."""
    fig, ax = plots.figure(height=3.4)
    labels, text, shuffled = zip(*rows)
    series = {"the text": text, "the same words, shuffled": shuffled}
    plots.bars(ax, labels, series, fmt="{:,.0f}", across=True)
    ax.set(xlabel="bytes", title="The same text, written in four ways")
    ax.margins(x=0.1)
    ax.legend(loc="lower right")
    return plots.described(
        fig,
        f"Bars of bytes, {' and '.join(series)}: "
        f"{plots.listed({name: both for name, *both in rows}, ',.0f')}.",
    )


def descent(curves, title):
    """Probabilities against steps of gradient descent: curves {token: one value a step}."""
    ax = plots.chart(0, curves, every=3, height=3.2, ylim=(0, 1))
    ax.set(xlabel="steps taken", ylabel="probability of the next token", title=title)
    told = plots.listed({name: (y[0], max(y), y[-1]) for name, y in curves.items()}, ".2f")
    return plots.described(
        ax.figure, f"Probabilities against steps. At the first, the highest and the last: {told}."
    )


def two_gradients(curves, start):
    """Loss against steps of gradient descent: curves {which gradient: one loss a step}."""
    smooth = {name: np.convolve(each, np.ones(10) / 10, "valid") for name, each in curves.items()}
    ax = plots.chart(10, smooth, every=40, height=3.2)
    ax.set(xlabel="step", ylabel="loss (nats per token), mean of 10")
    ax.set_title("Two layers, trained with two gradients")
    plots.mark(ax, "ln V", y=start)
    return plots.described(
        ax.figure,
        f"Loss against steps of gradient descent; guessing at {start:.1f}. "
        f"{plots.told(10, smooth)}.",
    )


def gains_by_seed(gains):
    """A dot for each seed, and their mean with two standard errors: {how long: a gain a seed}."""
    fig, ax = plots.figure(height=2.6)
    for row, (name, style, _) in enumerate(plots.look(gains)):
        each = np.array(gains[name])
        error = 2 * each.std(ddof=1) / np.sqrt(len(each))
        spread = row + np.linspace(-0.16, 0.16, len(each))
        ax.plot(each, spread, linestyle="", marker="o", color=style["color"], alpha=0.7)
        ax.errorbar(each.mean(), row + 0.32, xerr=error, fmt="D", color="black", capsize=4)
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(gains)), gains)
    ax.set(ylim=(len(gains) - 0.4, -0.5), xlabel="gain from context (nats per token)")
    ax.set_title("A dot for each seed; below them the mean ± 2 standard errors")
    ends = {name: (min(some), np.mean(some), max(some)) for name, some in gains.items()}
    told = plots.listed(ends, "z.2f")
    return plots.described(
        fig, f"The gain from context, a dot for each seed. Lowest, mean and highest: {told}."
    )


def learning_rates(rates, losses, start):
    """Loss at the end of a short training against the rate: losses {seed: one value a rate}."""
    ax = plots.chart(rates, losses, height=3.4, xscale="log", ylim=(4.5, 6.8))
    ax.set(xlabel="peak learning rate (log scale)", ylabel="loss over the last 10 steps (nats)")
    ax.set_title("Too small, right, too large")
    told = "; ".join(
        f"{name}: {y[0]:.1f}, lowest {min(y):.1f} at {rates[int(np.argmin(y))]:g}, "
        + ("then higher again" if y[-1] > min(y) else "which is the largest")
        for name, y in losses.items()
    )
    plots.mark(ax, "before training", y=start)
    ax.legend(loc="upper center", ncols=len(losses))
    return plots.described(
        ax.figure,
        f"Mean loss of the last 10 steps against the peak rate, log scale, {rates[0]:g} to "
        f"{rates[-1]:g}. {told}.",
    )


def one_batch(curves, start):
    """Loss against steps, all on one batch: curves {what is wrong with the loop: losses}."""
    ax = plots.chart(0, curves, every=5, ylim=(0, 9), ylabel="loss on that batch (nats)")
    ax.set(xlabel="step", title="The same batch again and again: can the loop learn it by heart?")
    plots.mark(ax, "ln V", y=start)
    ax.legend(loc="upper right", ncols=2)
    return plots.described(
        ax.figure,
        f"Loss on one batch, again and again; guessing at {start:.1f}. {plots.told(0, curves)}.",
    )


def what_it_learns(losses, unseen, marks, seen, distances):
    """Left: the loss on each batch, and on unseen text as [(step, nats), ...], with the losses of
    simple rules, {name: nats}. Right: how far the model's predictions are from each rule's at the
    steps `seen`."""
    fig, (ax, near) = plots.figure(columns=2, height=4.0, width=9.0)
    ax.plot(range(len(losses)), losses, color=plots.SKY, linewidth=0.8, label="each batch")
    ax.plot(*zip(*unseen), color=plots.BLUE, label="unseen stories")
    for name, nats in marks.items():
        plots.mark(ax, name, y=nats)
    ax.set(xlabel="steps taken", ylabel="loss (nats per token)")
    ax.set_title("The loss falls past simple rules")
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    plots.lines(near, seen, distances)
    near.set(xscale="log", xlabel="steps taken (log scale)", ylim=(0, 7))
    plots.plain(near.xaxis, seen)
    near.set(ylabel="distance of the predictions (nats)", title="Which rule it is closest to")
    return plots.described(
        fig,
        f"Left: the loss falls from {losses[0]:.1f}; on unseen stories it ends at "
        f"{unseen[-1][1]:.1f}. The rules: {plots.listed(marks)}. Right: the distance of the "
        f"predictions to each rule by steps taken. {plots.told(seen, distances)}.",
    )


def calibration(confidence, right, n_bins=10):
    """How often the likeliest token was right, by its probability; below, tokens in each bin."""
    fig, (ax, below) = plots.figure(2, width=6.5, height=5.0, sharex=True, height_ratios=[4, 1])
    ax.plot([0, 1], [0, 1], "--", color=plots.GREY, label="perfectly calibrated")
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    tokens = np.bincount(bins, minlength=n_bins)
    some = np.where(tokens, tokens, np.nan)  # an empty bin has no dot, and no warning
    said = np.bincount(bins, confidence, n_bins) / some
    true = np.bincount(bins, right, n_bins) / some
    style = {"color": plots.BLUE, "fmt": "o", "capsize": 3}
    error = 2 * np.sqrt(true * (1 - true) / some)
    ax.errorbar(said, true, error, label="this model, ± 2 standard errors", **style)
    ax.set(ylabel="share of times it was right", xlim=(0, 1), ylim=(0, 1.02))
    ax.set_title(f"Calibration, in {n_bins} bins")
    ax.legend(loc="upper left")
    drawn = below.bar((np.arange(n_bins) + 0.5) / n_bins, tokens, 0.8 / n_bins, color=plots.SKY)
    below.bar_label(drawn, fontsize=9, padding=1)
    below.set(xlabel="probability of the likeliest token", ylabel="tokens")
    below.margins(y=0.35)
    return plots.described(
        fig,
        "Above: how often the likeliest token was right against the probability the model gave "
        "it, with error bars of two standard errors. Of "
        f"{int((tokens > 0).sum())} points {int((true < said).sum())} lie below the diagonal, "
        "where a model promises more than it delivers. Below: the tokens of each bin, "
        f"{tokens.min():,} to {tokens.max():,}.",
    )
