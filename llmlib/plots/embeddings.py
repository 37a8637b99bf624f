"""The pictures of notebook 2: look-up, neighbours, the map of tokens, positions."""

import math

import torch
from matplotlib.patches import Arc, Rectangle

from llmlib import plots
from llmlib.plots.placing import words


def look_up(one_hot, table):
    """one_hot [seq, vocab] times table [vocab, d_model]: the rows that it picks are framed."""
    parts = [
        ("one-hot rows", "", one_hot, "column = token", "place in the text"),
        ("table", "×", table, "d_model", "token"),
        ("vectors", "=", one_hot @ table, "d_model", "place in the text"),
    ]
    widths = [values.shape[1] for _, _, values, _, _ in parts]
    fig, axes = plots.figure(1, 3, width=8.6, height=3.6, width_ratios=widths)
    for ax, (title, sign, values, x, y) in zip(axes, parts):
        binary = values is one_hot
        style = {"cmap": "Greys", "vmin": 0, "vmax": 2} if binary else {"vmin": -2.5, "vmax": 2.5}
        places = [range(n) for n in values.shape]
        format = ".0f" if binary else ".1f"
        plots.heat(ax, values, format, places, **{"cmap": plots.DIVERGING} | style)
        picked = one_hot.argmax(dim=1).tolist() if values is table else places[0]
        for row in picked if not binary else ():
            ax.add_patch(Rectangle((-0.5, row - 0.5), values.shape[1], 1, fill=False, lw=2.5))
        ax.set(title=title, xlabel=x, ylabel=y)
        ax.tick_params(length=0)
        at = {"xycoords": "axes fraction", "xytext": (-52, 0), "textcoords": "offset points"}
        ax.annotate(sign, (0, 0.5), **at, fontsize=22, va="center", ha="center")
    return fig


def neighbours(cosines, norms, dots, token_id, near, far, name="the token", shown=5000):
    """All tokens as one of them sees them: cosines, norms, dots [vocab]; near, far: {id: text}."""
    fig, (left, right) = plots.figure(1, 2, height=4.2)
    others = torch.arange(len(cosines)) != token_id
    left.hist(cosines[others].numpy(), bins=80, color=plots.GREY)
    left.set(xlabel=f"cosine with {name}", ylabel=f"tokens (of {len(cosines):,})")
    some = torch.randperm(len(norms), generator=torch.Generator().manual_seed(0))[:shown]
    right.plot(norms[some], dots[some], ".", color=plots.GREY, markersize=2)
    kinds = ((near, plots.BLUE, "o", "the nearest"), (far, plots.RED, "s", "the longest rows"))
    for marks, colour, marker, label in kinds:
        ids, style = list(marks), {"color": colour, "marker": marker, "linestyle": "none"}
        style_left = style | {"label": label, "clip_on": False}
        left.plot(cosines[ids], [0] * len(ids), **style_left)
        right.plot(norms[ids], dots[ids], **style)
    right.set(xlabel="length of the row", ylabel=f"dot product with {name}")
    right.set_title(f"{len(some):,} tokens drawn at random", fontsize=10)
    right.margins(0.12)
    left.legend(loc="upper left", fontsize=9)
    places = list(zip(norms.tolist(), dots.tolist()))
    entries = [(places[i], text.strip(), "left") for i, text in (near | far).items()]
    words(fig, right, entries, [places[i] for i in some.tolist()])
    return fig


def cosine_squares(before, after, names, titles=("in the table", "after the last layer")):
    """Cosines between one token's vectors in several texts: before and after [texts, d_model]."""
    fig, axes = plots.figure(1, 2, height=3.6)
    for ax, vectors, title in zip(axes, (before, after), titles):
        unit = vectors / vectors.norm(dim=1, keepdim=True)
        drawn = plots.heat(ax, (unit @ unit.T).numpy(), ".2f", (names, names), vmin=0.5, vmax=1)
        ax.set_title(title)
    fig.colorbar(drawn, ax=axes, label="cosine", extend="min")
    return fig


def token_map(points, groups, sides):
    """points [tokens, 2], in the order of groups {name: [word, ...]}; sides {name: where its words
    stand first of all, "left" or "right"}; a thin line joins a word to a point that is not near."""
    fig, ax = plots.figure(height=5.6)
    signed = points * points[0].sign()  # the sign of a principal direction means nothing: fix it
    rows = iter(signed.tolist())
    entries = []
    for name, colour, marker, _, _ in plots.look(groups):
        places = [next(rows) for _ in groups[name]]
        ax.plot(*zip(*places), marker, color=colour, label=name, linestyle="none", markersize=6)
        entries += [(place, word, sides[name]) for place, word in zip(places, groups[name])]
    ax.set(xlabel="first principal direction", ylabel="second principal direction")
    ax.legend(loc="upper left", ncols=2)
    ax.margins(x=0.16, y=0.1)
    words(fig, ax, entries, signed.tolist())
    return fig


def shuffles(changes, names):
    """changes {(n_layer, name): largest change of a logit}, as marks on a log scale."""
    fig, ax = plots.figure(height=3.4)
    counts = list(dict.fromkeys(n_layer for n_layer, _ in changes))
    series = {f"{n} layer{'s' * (n > 1)}": [changes[n, name] for name in names] for n in counts}
    plots.lines(ax, range(len(names)), series, linestyle="none", markersize=9)
    ax.axhspan(1e-6, 1e-3, color=plots.GREY, alpha=0.15, linewidth=0)
    ax.text(len(names) - 0.55, 5e-4, "no more than rounding", ha="right", va="top", fontsize=9)
    ax.set_xticks(range(len(names)), names)
    ax.set(yscale="log", ylim=(1e-6, 1e2), xlim=(-0.5, len(names) - 0.5))
    ax.set_xlabel("what the model has to see order with")
    ax.set_ylabel("largest change of a logit\n(log scale)")
    ax.legend(loc="lower left")
    return fig


def sinusoids(table, chosen):
    """A table of positions [seq, d_model], and the dot products of the chosen rows with all.

    Of each pair of columns the first, a sine, is drawn: beside its cosine it would be a stripe.
    """
    fig, (left, right) = plots.figure(1, 2, height=3.8)
    style = {"aspect": "auto", "vmin": -1, "vmax": 1, "extent": (0, table.shape[1], len(table), 0)}
    drawn = plots.heat(left, table[:, ::2], **style)
    left.set(xlabel="column (0, 2, 4, …: the sines)", ylabel="position")
    fig.colorbar(drawn, ax=left, label="value")
    curves = {f"with position {row}": table @ table[row] for row in chosen}
    plots.lines(right, None, curves, marker=None)
    right.set(xlabel="position", ylabel="dot product", ylim=(0, 1.5 * table.shape[1] / 2))
    right.legend(loc="upper center", fontsize=9)
    return fig


def clocks(positions, pairs, head_dim, theta):
    """The arrow (1, 0) of each pair of columns, turned as RoPE does at each position."""
    fig, axes = plots.figure(1, len(pairs), height=2.5)
    for ax, pair in zip(axes, pairs):
        speed = theta ** (-2 * pair / head_dim)
        ax.add_artist(Arc((0, 0), 2, 2, color=plots.GREY, linewidth=0.8))
        far = speed > 0.15  # else the arrows would lie on one another
        for p in positions if far else (positions[0], positions[-1]):
            x, y = math.cos(p * speed), math.sin(p * speed)
            plots.arrow(ax, (0, 0), (x, y), arrowstyle="->", color=plots.BLUE, linewidth=1.6)
            ax.text(1.2 * x, 1.2 * y, str(p), ha="center", va="center", fontsize=9)
        ax.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
        ax.set_title(f"pair {pair}\n{speed:.3f} rad per position", fontsize=10)
        ax.set_axis_off()
    return fig


def scores(added, turned):
    """Scores [query position, key position] with positions added and with positions turned."""
    fig, axes = plots.figure(1, 2, height=3.8)
    for ax, values, title in zip(axes, (added, turned), ("sinusoids added", "RoPE: turned")):
        drawn = plots.heat(ax, values)
        ax.set(title=title, xlabel="position of the key", ylabel="position of the query")
        fig.colorbar(drawn, ax=ax, label="score q · k", shrink=0.85)
    return fig


def pairings(head_dim=8):
    """Arcs that join the two columns of each pair, in both conventions."""
    fig, axes = plots.figure(1, 2, height=1.9)
    half = head_dim // 2
    pairs = {
        "interleaved: 2i with 2i + 1": [(2 * i, 2 * i + 1) for i in range(half)],
        "half-split: i with i + head_dim/2": [(i, i + half) for i in range(half)],
    }
    for ax, (title, joined) in zip(axes, pairs.items()):
        for (a, b), colour, line in zip(joined, plots.COLOURS, plots.LINES):
            style = {"color": colour, "linestyle": line, "linewidth": 2, "zorder": 0}
            ax.add_patch(Arc(((a + b) / 2, 0.1), b - a, 0.5 * (b - a), theta2=180, **style))
            for column in (a, b):
                plots.box(ax, column - 0.3, -0.2, 0.6, 0.4, str(column), colour)
        ax.set(title=title, xlim=(-0.7, head_dim - 0.3), ylim=(-0.4, 1.3))
        ax.set_axis_off()
    return fig
