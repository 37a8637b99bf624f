"""The pictures of notebook 2: look-up, the direction that rows share, senses, positions."""

import math

import torch
from matplotlib.patches import Arc, Wedge
from matplotlib.ticker import PercentFormatter

from llmlib import plots
from llmlib.demonstrations.embeddings import surplus
from llmlib.plots.placing import words

WIDTH = 6.0  # inches: on a phone, 390 pixels wide, 9 points are then 8 pixels


def mean_direction(along, across, marked):
    """Draw all rows by how far they go along their mean and across it, [vocab] each; {text: id} of
    those to mark."""
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
    low, high = torch.quantile(across, torch.tensor([0.05, 0.95])).tolist()
    return plots.described(
        fig,
        "All rows as points, along the mean direction against across it. Across, nine tenths lie "
        f"from {low:.1f} to {high:.1f}; along, from {along.min():.0f} to {along.max():.0f}. Along "
        f"are {plots.listed(dict(zip(names, along[ids])))}.",
    )


def paths(steps, names):
    """Draw the way of each row of a table with two columns through its training: steps [n, rows,
    2], and the names of the rows."""
    fig, ax = plots.figure(width=WIDTH, height=5.4)
    ends = steps[-1].tolist()
    ax.plot(*steps.permute(2, 0, 1), color=plots.GREY, linewidth=0.6, alpha=0.6)
    ax.plot(*zip(*ends), "o", color=plots.BLUE, label="after training")
    ax.plot(*steps[0].T, ".", color=plots.RED, markersize=4, label="before")
    ax.legend(loc="upper right")
    words(fig, ax, [(p, name.strip(), "right") for p, name in zip(ends, names)], ends)
    ax.set(xlabel="first column", ylabel="second column")
    apart = torch.cdist(steps[-1], steps[-1]).fill_diagonal_(torch.inf).argmin(dim=1).tolist()
    nearest = ", ".join(f"to {name.strip()} {names[i].strip()}" for name, i in zip(names, apart))
    return plots.described(
        fig,
        f"A map of {len(names)} words by the two numbers of their rows. All start near the middle, "
        f"and a line shows their way through training. In the end the nearest is, {nearest}.",
    )


def pull(path, outputs, now, then, step, pair, names, followers):
    """Draw the next step of training for the rows of a pair of words, ten times as long, and the
    output's columns for the tokens that pull them most. path [n, rows, 2], outputs [n, 2, n_next],
    now and then [places]."""
    fig, ax = plots.figure(width=WIDTH, height=4.6)
    rows, output = path[step], outputs[step]
    numbers = [names.index(name) for name in pair]
    ax.plot(*rows.T, ".", color=plots.GREY, markersize=4, alpha=0.6)
    strength = sum(surplus(rows, output, now, then, row).clamp(min=0) for row in numbers)
    strongest = (strength * output.norm(dim=0)).topk(4).indices.tolist()
    tips = output[:, strongest].T.tolist()
    for tip in tips:
        plots.arrow(ax, (0, 0), tip, color=plots.GREY, linewidth=1.2)
    for row, colour in zip(numbers, (plots.BLUE, plots.RED)):
        tip = rows[row] + 10 * (path[step + 1] - rows)[row]
        plots.arrow(ax, rows[row].tolist(), tip.tolist(), color=colour, linewidth=2.5)
        ax.plot(*rows[row], "o", color=colour, markersize=8)
    ways = path[:, numbers].flatten(0, 1)
    (west, south), (east, north) = ways.amin(dim=0).tolist(), ways.amax(dim=0).tolist()
    ax.set(xlim=(west - 1.2, east + 1.2), ylim=(south - 0.5, north + 0.6))
    ends = rows[numbers].tolist()
    labels = [(place, name.strip(), "left") for place, name in zip(ends, pair)]
    labels += [(tip, followers[j].strip(), "right") for tip, j in zip(tips, strongest)]
    words(fig, ax, labels, tips + ends)
    ax.set(xlabel="first column", ylabel="second column", title=f"after {step} steps")
    places = {name.strip(): rows[row] for name, row in zip(pair, numbers)}
    tokens = ", ".join(followers[j].strip() for j in strongest)
    return plots.described(
        fig,
        f"After {step} steps: {plots.listed(places)}, each with an arrow for its next step. Thin "
        f"arrows from the origin: the tokens that push them most, {tokens}.",
    )


def shares(found, groups, value):
    """Draw bars of shares from 0 to 1, {group: share}, from top to bottom; `groups` says what they
    are, `value` what is measured."""
    fig, ax = plots.figure(width=WIDTH, height=2.6)
    plots.bars(ax, list(found), list(found.values()), lambda share: f"{share:.0%}", across=True)
    ax.set(xlabel=value, ylabel=groups, xlim=(0, 1.2 * max(found.values())))
    ax.xaxis.set_major_formatter(PercentFormatter(1, 0))
    return plots.described(fig, f"Bars, {value}: {plots.listed(found, '.0%')}.")


def alike(vectors, last_words, sides, places):
    """Draw the cosines of texts' last vectors [n, 2, d_model], before and after the layers, sorted
    by side and then by word."""
    keys = [*zip(sides, (word != last_words[0] for word in last_words), places)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    fig, axes = plots.figure(1, 2, width=6.8, height=3.9)
    unit = vectors[order] / vectors[order].norm(dim=-1, keepdim=True)
    texts = [last_words[i].strip() for i in order]
    for ax, depth, title in zip(axes, (0, 1), ("in the table", "after the layers")):
        cosines = unit[:, depth] @ unit[:, depth].T
        image = plots.heat(ax, cosines, vmin=0, vmax=1)
        half = len(order) / 2 - 0.5
        ax.axhline(half, color="white", linewidth=2)
        ax.axvline(half, color="white", linewidth=2)
        ax.set_title(title)
        ax.set_yticks(range(len(texts)), texts if depth == 0 else [""] * len(texts), fontsize=9)
        ax.set_xticks(range(len(texts)), texts, rotation=90, fontsize=9)
    fig.colorbar(image, ax=axes, label="cosine", shrink=0.8)
    return plots.described(
        fig,
        "Two heat maps of the cosines of sixteen texts' last vectors, sorted by side and then by "
        "word. In the table, bright squares wherever the word is the same. After the layers, two "
        "bright blocks along the diagonal, one for each side.",
    )


def word_and_side(by_layer, ends):
    """Draw what the same word and the same side add to a cosine, {name: [n_layer + 1]}, and beside
    it the same after the last layer for several words, {kind: {text: (word, side)}}."""
    fig, (left, right) = plots.figure(1, 2, width=6.8, height=3.6)
    plots.lines(left, 0, by_layer, every=3, legend="upper right")
    left.set(xlabel="layers passed (0: the table)", ylabel="adds to the cosine", title="bank")
    styles = zip(ends.items(), (plots.BLUE, plots.ORANGE), "os")
    for (kind, points), colour, marker in styles:
        right.plot(*zip(*points.values()), marker, color=colour, label=kind, markersize=7)
    limit = 1.35 * max(max(place) for points in ends.values() for place in points.values())
    right.plot([0, limit], [0, limit], color="black", linewidth=1, linestyle="--")
    right.set(xlim=(0, limit), ylim=(0, limit), title="after the last layer")
    right.set(xlabel="the same word adds", ylabel="the same side adds")
    right.legend(loc="upper left")
    spots = {text.strip(): place for points in ends.values() for text, place in points.items()}
    words(fig, right, [(p, name, "right") for name, p in spots.items()], [*spots.values()])
    descriptions = [
        f"{name} from {y[0]:.2f} over {y[8]:.2f} to {y[-1]:.2f}" for name, y in by_layer.items()
    ]
    dots = "; ".join(f"{kind}: {plots.listed(points, '.2f')}" for kind, points in ends.items())
    return plots.described(
        fig,
        "Left: what makes two vectors alike, at the table, after 8 layers and at the end: "
        f"{', '.join(descriptions)}. Right: after the last layer, by word and by side. {dots}.",
    )


def shuffles(changes, names):
    """Draw changes {(n_layer, name): largest change of a logit} as marks on a log scale."""
    fig, ax = plots.figure(width=WIDTH, height=3.4)
    counts = list(dict.fromkeys(n_layer for n_layer, _ in changes))
    series = {f"{n} layer{'s' * (n > 1)}": [changes[n, name] for name in names] for n in counts}
    plots.lines(ax, names, series, legend="lower left", linestyle="none", markersize=9)
    ax.axhspan(1e-6, 1e-3, color=plots.GREY, alpha=0.15, linewidth=0)
    ax.text(len(names) - 0.55, 5e-4, "no more than rounding", ha="right", va="top", fontsize=9)
    ax.set(xlabel="what the model has to see order with", yscale="log", ylim=(1e-6, 1e2))
    ax.set(ylabel="largest change of a logit\n(log scale)", xlim=(-0.5, len(names) - 0.5))
    descriptions = [
        f"{n}: "
        + ", ".join(f"{at} {f'{y:.0f}' if y > 1e-3 else 'none'}" for at, y in zip(names, values))
        for n, values in series.items()
    ]
    return plots.described(
        fig,
        "Largest change of the last token's logits when the tokens before it are shuffled, on a "
        f"log scale, none where it is no more than rounding. {'. '.join(descriptions)}.",
    )


def sinusoids(table, chosen):
    """Draw a table of positions [seq, d_model], and the dot products of the chosen rows with all.
    Of each pair of columns the first, a sine, is drawn: beside its cosine it would be a stripe."""
    fig, (left, right) = plots.figure(1, 2, width=WIDTH, height=3.2)
    style = {"aspect": "auto", "vmin": -1, "vmax": 1, "extent": (0, table.shape[1], len(table), 0)}
    image = plots.heat(left, table[:, ::2], **style)
    left.set(xlabel="column (0, 2, 4, …: the sines)", ylabel="position")
    fig.colorbar(image, ax=left)
    curves = {f"with position {row}": table @ table[row] for row in chosen}
    plots.lines(right, 0, curves, marker=None)
    right.set(xlabel="position", ylabel="dot product", ylim=(0, 1.5 * table.shape[1] / 2))
    right.legend(loc="upper center", fontsize=9)
    peaks = ", ".join(
        f"with position {row} {y[row]:.0f} there and {y.min():.0f} at the least"
        for row, y in zip(chosen, curves.values())
    )
    return plots.described(
        fig,
        f"Left: heat map of {len(table)} positions by {table.shape[1] // 2} columns of sines, "
        f"stripes that get wider from column to column. Right: curves of dot products, {peaks}.",
    )


def locked_clocks(places, pairs, head_dim, theta):
    """Draw the hands of a query and a key, in each pair of columns (rows) at each of the places
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


def turned_by_hand():
    """Draw two columns of a query and a key at distance 2, at two places, 30 degrees a position."""
    fig, axes = plots.figure(1, 2, width=WIDTH, height=2.4)
    for ax, (m, n) in zip(axes, ((3, 1), (5, 3))):
        ax.add_patch(Arc((0, 0), 2, 2, color=plots.GREY, linewidth=0.8))
        for position in range(12):
            x, y = math.cos(math.radians(30 * position)), math.sin(math.radians(30 * position))
            ax.plot([0.93 * x, x], [0.93 * y, y], color=plots.GREY, linewidth=0.8)
        wedge = {"facecolor": plots.YELLOW, "edgecolor": plots.GREY, "linewidth": 0.5}
        ax.add_patch(Wedge((0, 0), 0.5, 30 * n, 30 * m, **wedge))
        for place, name, colour, line in ((m, "q", plots.BLUE, "-"), (n, "k", plots.RED, "--")):
            x, y = math.cos(math.radians(30 * place)), math.sin(math.radians(30 * place))
            hand = {"arrowstyle": "->", "color": colour, "linewidth": 2, "linestyle": line}
            plots.arrow(ax, (0, 0), (x, y), **hand)
            text = f"{name}: ({round(x, 2):g}, {round(y, 2):g})".replace("-", "−")
            side = {-1: "right", 0: "center", 1: "left"}[round(x)]
            ax.text(1.1 * x, 1.2 * y, text, color=colour, fontsize=9, ha=side, va="center")
        score = math.cos(math.radians(30 * (m - n)))
        ax.set(xlim=(-2.2, 2.2), ylim=(-1.1, 1.45), aspect="equal", xticks=[], yticks=[])
        ax.set_title(f"query at {m}, key at {n}: score {score:.1f}", fontsize=11)
        ax.grid(visible=False)
        ax.spines[["left", "bottom"]].set_visible(False)
    return fig


def by_distance(curves):
    """Draw scores of queries and keys by how far back the key is, {name: [pairs, distances]}. The
    line is their mean; the band holds nine tenths of them."""
    ax = plots.chart(0, {name: scores.mean(dim=0) for name, scores in curves.items()}, 1, WIDTH)
    for name, style, _ in plots.look(curves):
        low, high = torch.quantile(curves[name], torch.tensor([0.05, 0.95]), dim=0)
        ax.fill_between(range(len(low)), low, high, color=style["color"], alpha=0.2, linewidth=0)
    many = any(len(scores) > 1 for scores in curves.values())
    band = "\n(band: nine tenths of the pairs)" if many else ""
    ax.set(ylabel=f"score q · k / 8{band}")
    ax.set(xlabel="how many positions back the key stands")
    ax.set_xticks(range(0, len(low), 2))
    descriptions = []
    for name, scores in curves.items():
        mean = scores.mean(dim=0)
        ends = f"highest at {mean.argmax()}, {mean.max():.1f}; lowest at {mean.argmin()}"
        descriptions.append(f"{name}: {ends}, {mean.min():.1f}")
    return plots.described(
        ax.figure,
        f"Score against how far back the key stands, 0 to {len(low) - 1} positions"
        f"{'; bands hold nine tenths of the pairs' if many else ''}. {'. '.join(descriptions)}.",
    )


def pairings():
    """Draw arcs that join the two columns of each pair, in both conventions."""
    fig, axes = plots.figure(2, 1, width=WIDTH, height=3.6)
    pairs = {  # of 8 columns
        "interleaved: 2i with 2i + 1": [(2 * i, 2 * i + 1) for i in range(4)],
        "half-split: i with i + head_dim/2": [(i, i + 4) for i in range(4)],
    }
    for ax, (title, columns) in zip(axes, pairs.items()):
        for (a, b), colour, line in zip(columns, plots.COLOURS, plots.LINES):
            style = {"color": colour, "linestyle": line, "linewidth": 2, "zorder": 0}
            ax.add_patch(Arc(((a + b) / 2, 0.1), b - a, 0.5 * (b - a), theta2=180, **style))
            for column in (a, b):
                plots.box(ax, column - 0.3, -0.2, 0.6, 0.4, str(column), colour)
        ax.set(title=title, xlim=(-0.7, 7.7), ylim=(-0.4, 1.3))
        ax.set_axis_off()
    return fig
