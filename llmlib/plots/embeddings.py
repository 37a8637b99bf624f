"""The pictures of notebook 2: look-up, the direction that rows share, senses, positions."""

import math

import torch
from matplotlib.patches import Arc, Rectangle, Wedge
from matplotlib.ticker import PercentFormatter

from llmlib import plots
from llmlib.plots.placing import words

WIDTH = 6.0  # inches: on a phone, 390 pixels wide, 9 points are then 8 pixels


def look_up(one_hot, table):
    """one_hot [seq, vocab] times table [vocab, d_model]: the rows that it picks are framed."""
    coloured = {"cmap": plots.DIVERGING, "vmin": -2.5, "vmax": 2.5}
    binary = {"cmap": "Greys", "vmin": 0, "vmax": 2}
    picked, text = one_hot.argmax(dim=1).tolist(), "place in the text"
    parts = (
        ("one-hot rows", "", one_hot, ".0f", binary, (), "column = token", text),
        ("table", "×", table, ".1f", coloured, picked, "d_model", "token"),
        ("vectors", "=", one_hot @ table, ".1f", coloured, range(len(one_hot)), "d_model", text),
    )
    widths = [part[2].shape[1] for part in parts]
    fig, axes = plots.figure(1, 3, width=6.4, height=3.0, width_ratios=widths)
    for ax, (title, sign, values, fmt, style, framed, x, y) in zip(axes, parts):
        plots.heat(ax, values, fmt, [range(n) for n in values.shape], **style)
        for row in framed:
            ax.add_patch(Rectangle((-0.5, row - 0.5), values.shape[1], 1, fill=False, lw=2.5))
        ax.set(title=title, xlabel=x, ylabel=y)
        ax.tick_params(length=0)
        style = {"xycoords": "axes fraction", "fontsize": 22} | plots.CENTRE
        plots.note(ax, sign, (0, 0.5), (-45, 0), **style)
    return plots.described(
        fig,
        "Three one-hot rows, for tokens 4, 1 and 4 of a vocabulary of 6, times a table of 6 rows "
        "and 3 columns: the product is made of the table's rows 4, 1 and 4.",
    )


def mean_direction(along, across, marked):
    """All rows by how far they go along their mean and across it, [vocab] each; {text: id} of those
    to mark."""
    fig, ax = plots.figure(width=WIDTH, height=3.2)
    ax.plot(along, across, ".", color=plots.SKY, markersize=1, alpha=0.4)
    ax.axvline(0, color="black", linewidth=1)
    for length in range(2, 9, 2):  # what has this length: a circle about the origin
        ax.add_patch(Arc((0, 0), 2 * length, 2 * length, theta2=180, color=plots.GREY, lw=0.8))
    ax.plot(0, 0, "o", color="black", clip_on=False)
    ids = list(marked.values())
    ax.plot(along[ids], across[ids], "s", color=plots.RED, markeredgecolor="black")
    ax.set(xlim=(along.min() - 1, along.max() + 0.8), ylim=(0, across.max()), aspect="equal")
    ax.set(xlabel="along the mean direction", ylabel="across it, in all\nothers together")
    plots.note(ax, "origin", (0, 0), (6, 6), fontsize=9)
    places = [(along[i].item(), across[i].item()) for i in ids]
    names = ["comma" if text == "," else text.strip() for text in marked]
    words(fig, ax, [(p, name, "above") for p, name in zip(places, names)], places)
    return plots.described(
        fig,
        "All rows as points, along the mean direction against across it. Across, nearly all lie "
        "from 1.8 to 3.2; along, from -2, where the comma, 'and' and 'the' stand, past 'dog', "
        "'happy' and 'Monday' near 1, to beyond 6, where the fragment 'strugg' stands.",
    )


def shares(series, groups, value):
    """Bars of shares from 0 to 1, {series: {group: share}}, the groups from top to bottom; `groups`
    says what they are, `value` what is measured."""
    fig, ax = plots.figure(width=WIDTH, height=3.4)
    names, width = list(next(iter(series.values()))), 0.8 / len(series)
    for n, (name, _, style) in enumerate(plots.look(series)):
        for row, share in enumerate(series[name].values()):
            y = row + (n - (len(series) - 1) / 2) * width
            ax.barh(y, share, width, label=name if row == 0 else None, **style)
            ax.text(share + 0.008, y, f"{share:.0%}", va="center", fontsize=9)
    ax.set_yticks(range(len(names)), [name.replace(" (", "\n(") for name in names])
    ax.invert_yaxis()
    ax.set(
        xlabel=value,
        ylabel=groups,
        xlim=(0, 1.2 * max(map(max, map(dict.values, series.values())))),
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="upper right")
    told = {name: ", ".join(f"{k} {v:.0%}" for k, v in row.items()) for name, row in series.items()}
    return plots.described(
        fig, f"Bars, {value}. " + ". ".join(f"{name}: {row}" for name, row in told.items()) + "."
    )


def senses(curves):
    """Mean cosines by layers passed, {name: [n_layer + 1]}; 0 is the table."""
    ax = plots.chart(0, curves, every=3, width=WIDTH, height=4.4, legend="lower right")
    ax.set(xlabel="layers passed (0: the table)", ylabel="mean cosine", ylim=(0.2, 1.03))
    told = [f"{name}: from {y[0]:.2f} over {y[8]:.2f} to {y[-1]:.2f}" for name, y in curves.items()]
    return plots.described(
        ax.figure,
        f"Mean cosine against layers passed: at the table, after 8 layers, at the end. "
        f"{'; '.join(told)}.",
    )


def scores_to_shares(tokens, looking, scores, shares):
    """Scores [seq] of the token `looking` with each, and the shares [looking + 1] they become."""
    fig, (left, right) = plots.figure(1, 2, width=WIDTH, height=3.0, sharey=True)
    seen, hidden = list(range(looking + 1)), list(range(looking + 1, len(tokens)))
    left.barh(seen, scores[seen], color=plots.BLUE, **plots.EDGED)
    left.barh(hidden, scores[hidden], color="white", hatch="///", **plots.EDGED)
    left.axvline(0, color="black", linewidth=1)
    right.barh(seen, shares, color=plots.BLUE, **plots.EDGED)
    for row in hidden:
        right.text(0.02, row, "hidden: it comes later", va="center", fontsize=9)
    for row, share in enumerate(shares.tolist()):
        right.text(share + 0.02, row, f"{share:.2f}", va="center", fontsize=9)
    names = plots.labels(tokens)
    names[looking] += "  (looks)"
    left.set_yticks(range(len(tokens)), names)
    left.invert_yaxis()
    left.set(xlabel="score q · k / 8", title="scores")
    right.set(xlabel="share of what it sees", title="shares, by softmax", xlim=(0, 1.15))
    return plots.described(
        fig,
        "Left: scores q · k of the second 'the' with each token of 'The cat sat on the mat'; "
        "'on', just before it, has the highest, and 'mat', which comes later, is hidden. Right: "
        "the shares after softmax; nearly all goes to 'on'.",
    )


def shuffles(changes, names):
    """changes {(n_layer, name): largest change of a logit}, as marks on a log scale."""
    fig, ax = plots.figure(width=WIDTH, height=3.4)
    counts = list(dict.fromkeys(n_layer for n_layer, _ in changes))
    series = {f"{n} layer{'s' * (n > 1)}": [changes[n, name] for name in names] for n in counts}
    plots.lines(ax, names, series, legend="lower left", linestyle="none", markersize=9)
    ax.axhspan(1e-6, 1e-3, color=plots.GREY, alpha=0.15, linewidth=0)
    ax.text(len(names) - 0.55, 5e-4, "no more than rounding", ha="right", va="top", fontsize=9)
    ax.set(xlabel="what the model has to see order with", yscale="log", ylim=(1e-6, 1e2))
    ax.set(ylabel="largest change of a logit\n(log scale)", xlim=(-0.5, len(names) - 0.5))
    return plots.described(
        fig,
        "How much the last token's logits change when earlier tokens are shuffled, on a log "
        "scale. With neither RoPE nor mask: rounding error, below 1e-4. Mask only: rounding "
        "error with one layer, about 5 with 30 layers. With RoPE: from 1 to 15 in all cases.",
    )


def sinusoids(table, chosen):
    """A table of positions [seq, d_model], and the dot products of the chosen rows with all. Of
    each pair of columns the first, a sine, is drawn: beside its cosine it would be a stripe."""
    fig, (left, right) = plots.figure(1, 2, width=WIDTH, height=3.2)
    style = {"aspect": "auto", "vmin": -1, "vmax": 1, "extent": (0, table.shape[1], len(table), 0)}
    drawn = plots.heat(left, table[:, ::2], **style)
    left.set(xlabel="column (0, 2, 4, …: the sines)", ylabel="position")
    fig.colorbar(drawn, ax=left)
    curves = {f"with position {row}": table @ table[row] for row in chosen}
    plots.lines(right, 0, curves, marker=None)
    right.set(xlabel="position", ylabel="dot product", ylim=(0, 1.5 * table.shape[1] / 2))
    right.legend(loc="upper center", fontsize=9)
    return plots.described(
        fig,
        "Left: heat map of 100 positions by the 32 columns of sines: stripes that are narrow in "
        "the first columns and wide in the last. Right: three curves of dot products with "
        "positions 20, 50 and 80: the same curve each time, highest (32) at the position itself "
        "and lower, with small bumps, to both sides.",
    )


def locked_clocks(places, pairs, head_dim, theta):
    """The hands of a query and a key, in each pair of columns (rows) at each of the places
    [(query's position, key's position), ...]: both turn, the angle between them stays."""
    fig, axes = plots.figure(len(pairs), len(places), width=WIDTH, height=1.9 * len(pairs))
    axes = axes.reshape(len(pairs), -1)
    for row, pair in zip(axes, pairs):
        speed = theta ** (-2 * pair / head_dim)
        for ax, (m, n) in zip(row, places):
            ax.add_patch(Arc((0, 0), 2, 2, color=plots.GREY, linewidth=0.8))
            span = [math.degrees(min(m, n) * speed), math.degrees(max(m, n) * speed)]
            wedge = {"facecolor": plots.YELLOW, "edgecolor": plots.GREY, "linewidth": 0.5}
            ax.add_patch(Wedge((0, 0), 0.55, *span, **wedge))
            for p, name, colour, line in ((m, "q", plots.BLUE, "-"), (n, "k", plots.RED, "--")):
                x, y = math.cos(p * speed), math.sin(p * speed)
                hand = {"arrowstyle": "->", "color": colour, "linewidth": 2, "linestyle": line}
                plots.arrow(ax, (0, 0), (x, y), **hand)
                ax.text(1.22 * x, 1.22 * y, name, color=colour, **plots.CENTRE)
            between = math.degrees((m - n) * speed) % 360
            ax.text(0, -1.62, f"angle between: {between:.0f}°", ha="center", fontsize=9)
            ax.set(xlim=(-1.5, 1.5), ylim=(-1.75, 1.4), aspect="equal", xticks=[], yticks=[])
            ax.grid(visible=False)
            ax.spines[["left", "bottom"]].set_visible(False)
        row[0].set_ylabel(f"pair {pair}\n{speed:.3f} rad\nper position", fontsize=10)
    for ax, (m, n) in zip(axes[0], places):
        ax.set_title(f"q at {m}, k at {n}")
    return fig


def by_distance(curves):
    """Scores of queries and keys by how far back the key stands: curves {name: [pairs, distances]}.
    The line is their mean; the band holds nine tenths of them."""
    ax = plots.chart(0, {name: scores.mean(dim=0) for name, scores in curves.items()}, 1, WIDTH)
    for name, style, _ in plots.look(curves):
        low, high = torch.quantile(curves[name], torch.tensor([0.05, 0.95]), dim=0)
        ax.fill_between(range(len(low)), low, high, color=style["color"], alpha=0.2, linewidth=0)
    ax.set(ylabel="score q · k / 8\n(band: nine tenths of the pairs)")
    ax.set(xlabel="how many positions back the key stands")
    ax.set_xticks(range(0, len(low), 2))
    told = []
    for name, scores in curves.items():
        mean = scores.mean(dim=0)
        ends = f"highest at {mean.argmax()}, {mean.max():.1f}; lowest at {mean.argmin()}"
        told.append(f"{name}: {ends}, {mean.min():.1f}")
    return plots.described(
        ax.figure,
        f"Score against how far back the key stands, 0 to {len(low) - 1} positions; bands hold "
        f"nine tenths of the pairs. {'. '.join(told)}.",
    )


def pairings():
    """Arcs that join the two columns of each pair, in both conventions."""
    fig, axes = plots.figure(2, 1, width=WIDTH, height=3.6)
    pairs = {  # of 8 columns
        "interleaved: 2i with 2i + 1": [(2 * i, 2 * i + 1) for i in range(4)],
        "half-split: i with i + head_dim/2": [(i, i + 4) for i in range(4)],
    }
    for ax, (title, joined) in zip(axes, pairs.items()):
        for (a, b), colour, line in zip(joined, plots.COLOURS, plots.LINES):
            style = {"color": colour, "linestyle": line, "linewidth": 2, "zorder": 0}
            ax.add_patch(Arc(((a + b) / 2, 0.1), b - a, 0.5 * (b - a), theta2=180, **style))
            for column in (a, b):
                plots.box(ax, column - 0.3, -0.2, 0.6, 0.4, str(column), colour)
        ax.set(title=title, xlim=(-0.7, 7.7), ylim=(-0.4, 1.3))
        ax.set_axis_off()
    return fig
