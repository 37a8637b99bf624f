"""The pictures of notebook 02: look-up, neighbours, the map of tokens, and the ways to say where a token stands."""

import math

import numpy as np
import torch
from matplotlib.patches import Arc

from llmlib.plots import (
    BLUE,
    COLOURS,
    DIVERGING,
    GREEN,
    GREY,
    HATCHES,
    LINES,
    MARKERS,
    ORANGE,
    RED,
    SEQUENTIAL,
    figure,
)


def look_up(one_hot, table):
    """one_hot [seq, vocab] times table [vocab, d_model], as three grids of numbers."""
    grids = {"one-hot rows": (one_hot, "column = token", "place in the text"), "× table": (table, "d_model", "token"),
             "= vectors": (one_hot @ table, "d_model", "place in the text")}  # fmt: skip
    fig, axes = figure(1, 3, height=3.9, width_ratios=[6, 3.4, 3.4])
    for ax, (title, (values, x_label, y_label)) in zip(axes, grids.items()):
        binary = values is one_hot
        ax.imshow(
            values,
            cmap="Greys" if binary else DIVERGING,
            vmin=0 if binary else -2.5,
            vmax=2 if binary else 2.5,
        )
        for (row, column), value in np.ndenumerate(values.numpy()):
            text = f"{value:.0f}" if binary else f"{value:.1f}"
            ax.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                color="white" if abs(value) > 1.9 else "black",
            )
        _grid(ax, values.shape, title, x_label, y_label)
    return fig


def neighbours(cosines, norms, dots, token_id, near, far):
    """All tokens as one of them sees them. cosines, norms, dots [vocab]; near and far are {id: text} to be named."""
    fig, (left, right) = figure(1, 2, height=3.8)
    others = torch.arange(len(cosines)) != token_id
    left.hist(cosines[others].numpy(), bins=80, color=GREY)
    left.set_yscale("log")
    left.plot(cosines[list(near)], [2.0] * len(near), "o", color=BLUE, label="the five nearest")
    left.plot(cosines[list(far)], [2.0] * len(far), "s", color=RED, label="the three longest rows")
    left.set(xlabel="cosine with ' Monday'", ylabel="tokens (log scale)", ylim=(0.7, 2e5))
    left.legend(loc="upper left", fontsize=9)
    some = torch.randperm(len(norms), generator=torch.Generator().manual_seed(0))[:5000]
    right.plot(norms[some], dots[some], ".", color=GREY, markersize=2, rasterized=True)
    for marks, colour, marker in ((near, BLUE, "o"), (far, RED, "s")):
        right.plot(norms[list(marks)], dots[list(marks)], marker, color=colour)
    days, fragments = (
        ", ".join(t.strip()[:3] for t in near.values()),
        ", ".join(t.strip() + "…" for t in far.values()),
    )
    right.annotate(days, (norms[list(near)].mean(), dots[list(near)].max()), (-25, 9),
                   textcoords="offset points", fontsize=9)  # fmt: skip
    right.annotate(fragments, (norms[list(far)].min(), dots[list(far)].mean()), (-9, 0),
                   textcoords="offset points", fontsize=9, va="center", ha="right")  # fmt: skip
    right.set(xlabel="length of the row", ylabel="dot product with ' Monday'")
    return fig


def cosine_squares(before, after, names):
    """Cosines between the same token's vectors in several texts: before and after [texts, d_model]."""
    fig, axes = figure(1, 2, height=3.6)
    for ax, vectors, title in zip(
        axes, (before, after), ("' bank' in the table", "' bank' after 30 layers")
    ):
        unit = vectors / vectors.norm(dim=1, keepdim=True)
        cosines = (unit @ unit.T).numpy()
        ax.imshow(cosines, cmap=SEQUENTIAL, vmin=0.5, vmax=1.1)
        for (row, column), value in np.ndenumerate(cosines):
            ax.text(
                column,
                row,
                f"{value:.2f}",
                ha="center",
                va="center",
                color="white" if value < 0.75 else "black",
            )
        _grid(ax, cosines.shape, title + " (cosine)", "", "")
        ax.set_xticks(range(len(names)), names)
        ax.set_yticks(range(len(names)), names)
    return fig


def token_map(points, groups, sides):
    """points [tokens, 2], in the order of groups {name: [word, ...]}; sides {name: where its words stand}.

    Words stand to the "left" or "right" of a crowded group, in a column, or else above and below their points in turn.
    """
    fig, ax = figure(height=5.6)
    rows = iter(
        (points * points[0].sign()).tolist()
    )  # the sign of a principal direction means nothing: fix it
    for (name, words), colour, marker in zip(groups.items(), COLOURS, MARKERS):
        places = [next(rows) for _ in words]
        ax.plot(*zip(*places), marker, color=colour, label=name, linestyle="none")
        if sides[name] in ("left", "right"):
            _word_column(ax, places, words, sides[name], colour)
            continue
        for i, (word, place) in enumerate(zip(words, places)):
            ax.annotate(
                word,
                place,
                (0, -15 if i % 2 else 7),
                textcoords="offset points",
                fontsize=9,
                ha="center",
            )
    ax.set(xlabel="first principal direction", ylabel="second principal direction")
    ax.legend(loc="upper left", ncols=2)
    ax.margins(x=0.14, y=0.1)
    return fig


def _word_column(ax, places, words, side, colour, step=0.09):
    """Words one below the other beside their points, each joined to its own by a thin line."""
    order = sorted(range(len(words)), key=lambda i: -places[i][1])
    xs, ys = zip(*places)
    x = max(xs) + 0.2 if side == "right" else min(xs) - 0.2
    top = sum(ys) / len(ys) + step * (len(words) - 1) / 2
    for n, i in enumerate(order):
        y = top - step * n
        ax.plot([places[i][0], x], [places[i][1], y], color=colour, linewidth=0.6)
        ax.text(
            x,
            y,
            f" {words[i]} ",
            fontsize=9,
            va="center",
            ha="left" if side == "right" else "right",
        )


def shuffles(changes, names):
    """changes {(n_layer, name): largest change of a logit}, as bars on a log scale."""
    fig, ax = figure(height=3.4)
    counts = list(dict.fromkeys(n_layer for n_layer, _ in changes))
    for i, n_layer in enumerate(counts):
        heights = [changes[n_layer, name] for name in names]
        label = f"{n_layer} layers" if n_layer > 1 else "1 layer"
        places = [x + 0.38 * (i - 0.5) for x in range(len(names))]
        ax.bar(
            places,
            heights,
            0.36,
            color=(BLUE, ORANGE)[i],
            hatch=HATCHES[i],
            edgecolor="white",
            label=label,
        )
    ax.set_yscale("log")
    ax.set_ylim(1e-6, 1e2)
    ax.axhline(1e-3, color=GREY, linestyle="--", linewidth=1)
    ax.text(
        len(names) - 0.45, 1.3e-3, "rounding is below this", ha="right", fontsize=9, color="#444444"
    )
    ax.set_xticks(range(len(names)), names)
    ax.set(
        xlabel="what the model has to see order with",
        ylabel="largest change of a logit\n(log scale)",
    )
    ax.legend(loc="upper right")
    ax.grid(False, axis="x")
    return fig


def sinusoids(table, chosen):
    """A table of positions [seq, d_model], and the dot products of the chosen rows with all."""
    fig, (left, right) = figure(1, 2, height=3.8)
    image = left.imshow(table, aspect="auto", cmap=DIVERGING, vmin=-1, vmax=1)
    left.set(xlabel="column", ylabel="position")
    left.grid(False)
    fig.colorbar(image, ax=left, label="value")
    for row, colour, line in zip(chosen, (BLUE, ORANGE, GREEN), LINES):
        right.plot(table @ table[row], color=colour, linestyle=line, label=f"with position {row}")
    right.set(xlabel="position", ylabel="dot product", ylim=(None, 1.4 * table.shape[1] / 2))
    right.legend(loc="upper center", ncols=1, fontsize=9)
    return fig


def clocks(positions, pairs, head_dim, theta):
    """The arrow (1, 0) of each pair of columns, turned as RoPE does at each position."""
    fig, axes = figure(1, len(pairs), height=2.4)
    for ax, pair in zip(axes, pairs):
        speed = theta ** (-2 * pair / head_dim)
        ax.add_artist(Arc((0, 0), 2, 2, color=GREY, linewidth=0.8))
        for p in positions:
            x, y = math.cos(p * speed), math.sin(p * speed)
            ax.annotate(
                "", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": BLUE, "linewidth": 1.6}
            )
            if speed > 0.15 or p in (
                positions[0],
                positions[-1],
            ):  # else the numbers would lie on one another
                ax.text(1.2 * x, 1.2 * y, str(p), ha="center", va="center", fontsize=9)
        ax.set(
            xlim=(-1.4, 1.4),
            ylim=(-1.4, 1.4),
            aspect="equal",
            title=f"pair {pair}\n{speed:.3f} rad per position",
        )
        ax.title.set_fontsize(10)
        ax.set_axis_off()
    return fig


def scores(added, turned):
    """Scores [query position, key position] with positions added and with positions turned."""
    fig, axes = figure(1, 2, height=3.8)
    for ax, values, title in zip(axes, (added, turned), ("sinusoids added", "RoPE: turned")):
        image = ax.imshow(values, cmap=SEQUENTIAL)
        ax.set(title=title, xlabel="position of the key", ylabel="position of the query")
        ax.grid(False)
        fig.colorbar(image, ax=ax, label="score q · k", shrink=0.85)
    return fig


def pairings(head_dim=8):
    """Arcs that join the two columns of each pair, in both conventions."""
    fig, axes = figure(1, 2, height=1.9)
    half = head_dim // 2
    pairs = {"interleaved: 2i with 2i + 1": [(2 * i, 2 * i + 1) for i in range(half)],
             "half-split: i with i + head_dim/2": [(i, i + half) for i in range(half)]}  # fmt: skip
    for ax, (title, joined) in zip(axes, pairs.items()):
        for (a, b), colour, line in zip(joined, COLOURS, LINES):
            arc = Arc(
                ((a + b) / 2, 0.32),
                b - a,
                0.4 * (b - a),
                theta2=180,
                color=colour,
                linestyle=line,
                linewidth=2,
            )
            ax.add_patch(arc)
            for column in (a, b):
                ax.text(column, 0, str(column), ha="center", va="center", color="white", fontweight="bold",
                        bbox={"boxstyle": "square,pad=0.35", "facecolor": colour, "edgecolor": "none"})  # fmt: skip
        ax.set(title=title, xlim=(-0.7, head_dim - 0.3), ylim=(-0.4, 1.3))
        ax.set_axis_off()
    return fig


def _grid(ax, shape, title, x_label, y_label):
    ax.set(title=title, xlabel=x_label, ylabel=y_label)
    ax.set_xticks(range(shape[1]))
    ax.set_yticks(range(shape[0]))
    ax.tick_params(length=0)
    ax.grid(False)
