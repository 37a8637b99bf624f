"""The pictures of notebook 5: probabilities, what a text costs, gradients, a model trained."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize

from llmlib import plots

SHADES = LinearSegmentedColormap.from_list("loss", ["#FFFFFF", "#9ecae1", "#08306b"])
SURPRISE = ScalarMappable(Normalize(0, 10, clip=True), SHADES)


def logits_to_loss(tokens, logits, shares):
    """Draw bars of `logits` and of their `shares`, and −ln p of the first token, which came."""
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


def file_sizes(rows):
    """Draw bars across, two of each: rows [(name, bytes of the text, of its words shuffled),
    ...]."""
    fig, ax = plots.figure(height=3.4)
    labels, text, shuffled = zip(*rows)
    series = {"the text": text, "the same words, shuffled": shuffled}
    plots.bars(ax, labels, series, fmt="{:,.0f}", across=True)
    ax.set(xlabel="bytes", title="The same text, written in three ways")
    ax.margins(x=0.1)
    ax.legend(loc="lower right")
    return plots.described(
        fig,
        f"Bars of bytes, {' and '.join(series)}: "
        f"{plots.listed({name: both for name, *both in rows}, ',.0f')}.",
    )


def gradients_compared(curves, start):
    """Draw the loss against steps of gradient descent: curves {which gradient: one loss a step}."""
    smooth = {name: np.convolve(each, np.ones(10) / 10, "valid") for name, each in curves.items()}
    ax = plots.chart(10, smooth, every=40, height=3.2)
    ax.set(xlabel="step", ylabel="loss (nats per token), mean of 10")
    ax.set_title("Two layers, trained with three gradients")
    plots.mark(ax, "ln V", y=start)
    ends = {name: (each[0], each[-1]) for name, each in smooth.items()}
    return plots.described(
        ax.figure,
        f"Loss against steps of gradient descent; guessing at {start:.1f}. {plots.told(10, ends)}.",
    )


def gains_by_seed(gains, intervals):
    """Draw a dot for each seed, and their mean with its interval: {how long: a gain for each seed}
    and {how long: half the interval's width}."""
    fig, ax = plots.figure(height=2.6)
    for row, (name, style, _) in enumerate(plots.look(gains)):
        each = np.array(gains[name])
        spread = row + np.linspace(-0.16, 0.16, len(each))
        ax.plot(each, spread, linestyle="", marker="o", color=style["color"], alpha=0.7)
        ax.errorbar(
            each.mean(), row + 0.32, xerr=intervals[name], fmt="D", color="black", capsize=4
        )
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(gains)), gains)
    ax.set(ylim=(len(gains) - 0.4, -0.5), xlabel="gain from context (nats per token)")
    ax.set_title("A dot for each seed; below them the mean and its 95 % interval")
    ends = {name: (min(some), np.mean(some), max(some)) for name, some in gains.items()}
    told = plots.listed(ends, "z.2f")
    return plots.described(
        fig, f"The gain from context, a dot for each seed. Lowest, mean and highest: {told}."
    )


def learning_rates(rates, losses, start):
    """Draw the loss at the end of a short training against the rate: losses {seed: one value a
    rate}."""
    ax = plots.chart(rates, losses, height=3.4, xscale="log", ylim=(4.5, 6.8))
    ax.set(xlabel="peak learning rate (log scale)", ylabel="loss over the last 10 steps (nats)")
    ax.set_title("Too small, good enough, too large")
    told = "; ".join(
        f"{name}: {y[0]:.1f}, lowest {min(y):.1f}, "
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
    """Draw the loss against steps, all on one batch: curves {what is wrong with the loop:
    losses}."""
    ax = plots.chart(0, curves, every=5, ylim=(0, 9), ylabel="loss on that batch (nats)")
    ax.set(xlabel="step", title="The same batch again and again: can the loop learn it by heart?")
    plots.mark(ax, "ln V", y=start)
    ax.legend(loc="upper right", ncols=2)
    # where training diverges, the last digits of two processors' sums decide how high it goes
    ends = {name: f"{y[-1]:.1f}" if y[-1] < 1 else "above 1" for name, y in curves.items()}
    told = "; ".join(f"{name} from {curves[name][0]:.1f} to {end}" for name, end in ends.items())
    return plots.described(
        ax.figure, f"Loss on one batch, again and again; guessing at {start:.1f}. {told}."
    )


def what_it_learns(losses, unseen, marks, samples):
    """Draw the loss on each batch and on unseen text, [(step, nats), ...], with the losses of
    simple rules, {name: nats}; the alt text has `samples`, [{"step", "text", "distances"}, ...]."""
    fig, ax = plots.figure(height=4.0)
    ax.plot(range(len(losses)), losses, color=plots.SKY, linewidth=0.8, label="each batch")
    ax.plot(*zip(*unseen), color=plots.BLUE, label="unseen stories")
    beside = {"xycoords": ax.get_yaxis_transform(), "va": "center", "fontsize": 9}
    for name, nats in marks.items():
        ax.axhline(nats, color="black", linestyle="--", linewidth=1.2)
        plots.note(ax, name, (1, nats), (4, 0), **beside)
    ax.set(xlabel="steps taken", ylabel="loss (nats per token)")
    ax.set_title("The loss beside rules made of counts")
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.7))
    texts = " ".join(
        f"After {each['step']} steps it writes: “{each['text']}”; distances to the rules: "
        f"{plots.listed(each['distances'], '.2f')}."
        for each in samples
    )
    return plots.described(
        fig,
        f"The loss falls from {losses[0]:.1f}; on unseen stories it ends at {unseen[-1][1]:.1f}. "
        f"The rules: {plots.listed(marks)}. {texts}",
    )


def scalar_graph(graph):
    """Draw the last step of the graph of single numbers: {"numbers", "arrows", "steps"}."""
    fig, ax = plots.canvas(4.6, 5.8, 400, 510)
    places = {each["name"]: (each["x"], 510 - each["y"]) for each in graph["numbers"]}
    weights = {each["name"] for each in graph["numbers"] if each["weight"]}
    for each in graph["arrows"]:
        (x0, y0), (x1, y1) = places[each["start"]], places[each["end"]]
        ax.plot((x0, x1), (y0, y1), color=plots.GREY, marker="", linewidth=1, zorder=0)
        along = 0.5 if each["start"] in weights else 0.38
        at = x0 + along * (x1 - x0), y0 + along * (y1 - y0)
        ax.text(*at, f"×{each['slope']:g}", fontsize=9, bbox=plots.GROUND, **plots.CENTRE)
    for each in graph["numbers"]:
        x, y = places[each["name"]]
        colour = "#ececec" if each["weight"] else "white"
        words = f"{each['name']}\n{each['value']:g}\n{each['gradient']:+g}"
        plots.box(ax, x - 31, y - 28, 62, 56, words, colour)
    told = {each["name"]: (each["value"], each["gradient"]) for each in graph["numbers"]}
    return plots.described(
        fig,
        "A graph of single numbers from x to the loss, each with its value and its gradient, each "
        f"arrow with its local slope. {plots.listed(told, 'z.3f')}.",
    )


def walk(frames):
    """Draw the walk there and back in pictures to click through, one for each (what is done, {name:
    values}, {name: gradients}); what is not known yet is empty. One colour is one number in all."""
    names, figures = list(frames[-1][1]), []
    for told, *both in frames:
        fig, axes = plots.figure(2, len(names), width=7.7, height=3.4)
        for row, (kind, colours) in enumerate(((1, "PuOr"), (2, plots.DIVERGING))):
            for ax, name in zip(axes[row * len(names) :], names):
                seen = [frame[kind][name] for frame in frames if name in frame[kind]]
                if seen:
                    _matrix(ax, both[row].get(name), seen, colours)
                else:
                    ax.axis("off")
                ax.set_title("" if row else name)
        axes[0].set_ylabel("value")
        axes[len(names)].set_ylabel("gradient")
        fig.suptitle(told, fontsize=12)
        last = [f"{word}{name} {_rows(each[name])}" for word, each in _named(both) for name in each]
        figures.append(plots.described(fig, f"{told} {last[-1]}."))
    return figures


def _named(both):
    return zip(("", "gradient at "), both)


def _matrix(ax, numbers, seen, colours):
    """Draw `numbers`, or as many empty cells; `seen`: all that stand there in one of the
    pictures."""
    span = max(float(abs(np.asarray(each)).max()) for each in seen)
    known = numbers is not None
    shown = np.asarray(numbers) if known else np.full(seen[0].shape, np.nan)
    form = "z.2f" if known else None
    plots.heat(ax, shown, form, cmap=colours, vmin=-span, vmax=span)
    ax.set(xticks=[], yticks=[])
    for text in ax.texts:  # without the 0 in front it is narrow enough for a size that one can read
        text.set(fontsize=8.5, text=text.get_text().replace("-0.", "-.").removeprefix("0"))


def _rows(numbers):
    return ", then ".join(" ".join(f"{x:z.2f}" for x in row) for row in numbers.tolist())


def calibration(texts, n_bins=10):
    """Draw how often the likeliest token was right, by its probability: texts {name: (probability
    of each, 1 where it was right)}."""
    fig, ax = plots.figure(width=6.5, height=4.2)
    ax.plot([0, 1], [0, 1], "--", color=plots.GREY, marker="", label="perfectly calibrated")
    counted = []
    for name, style, _ in plots.look(texts):
        confidence, right = texts[name]
        bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
        tokens = np.bincount(bins, minlength=n_bins)
        some = np.where(tokens, tokens, np.nan)  # an empty bin has no dot, and no warning
        said = np.bincount(bins, confidence, n_bins) / some
        true = np.bincount(bins, right, n_bins) / some
        error = 2 * np.sqrt(true * (1 - true) / some)
        ax.errorbar(said, true, error, label=name, capsize=3, **style | {"linestyle": ""})
        below, points = int((true < said).sum()), int((tokens > 0).sum())
        counted.append(f"{name}: of {points} points {below} lie below the diagonal")
    ax.set(xlabel="probability of the likeliest token", ylabel="share of times it was right")
    ax.set(xlim=(0, 1), ylim=(0, 1.02), title=f"Calibration, in {n_bins} bins")
    ax.legend(loc="upper left")
    return plots.described(
        fig,
        "How often the likeliest token was right against the probability the model gave it, with "
        f"error bars of two standard errors. {'; '.join(counted)}.",
    )
