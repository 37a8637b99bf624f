"""Drawings of notebook 6."""

import math

from matplotlib.figure import Figure

from llmlib.plots import (
    BLUE,
    CENTRE,
    EDGED,
    GREEN,
    ORANGE,
    PINK,
    RED,
    SKY,
    arrow,
    box,
    canvas,
    figure,
    ink,
)

TOKENS = ["a", "the", "cat", "moon", "zebra"]
LOGITS = [2.0, 1.4, 0.9, 0.2, -0.8]
COLOURS = [BLUE, ORANGE, GREEN, SKY, PINK]
U = 0.82


def strips() -> Figure:
    """One number u draws a token from three strips: the same logits at three temperatures."""
    fig, ax = figure(width=6.2, height=2.5)
    for row, temperature in enumerate((0.4, 1.0, 2.5)):
        parts = [math.exp(each / temperature) for each in LOGITS]
        left = 0.0
        for word, part, colour in zip(TOKENS, parts, COLOURS):
            share = part / sum(parts)
            chosen = left <= U < left + share
            frame = {"edgecolor": "black", "linewidth": 3 if chosen else 0.8}
            ax.barh(row, share, 0.62, left, color=colour, zorder=2 + chosen, **frame)
            if share > 0.08:
                size = {"fontsize": 10, "fontweight": "bold" if chosen else "normal"}
                ax.text(left + share / 2, row, word, color=ink(colour), zorder=4, **size, **CENTRE)
            left += share
    ax.axvline(U, color="black", linestyle="--", zorder=1)  # behind the words
    ax.set_yticks(range(3), ["T = 0.4", "T = 1", "T = 2.5"])
    ax.set(xlim=(0, 1), xlabel=f"one random number, u = {U}, picks the token (thick frame)")
    ax.invert_yaxis()
    ax.grid(visible=False)
    return fig


def powers() -> Figure:
    """What a temperature makes of two tokens, one twice as likely as the other."""
    fig, axes = figure(1, 3, width=6.2, height=2.5, sharey=True)
    rows = (("T = 0.5: squared", 2.0), ("T = 1: as it is", 1.0), ("T = 2: square root", 0.5))
    for ax, (title, power) in zip(axes, rows):
        ratio = 2.0**power
        shares = [ratio / (1 + ratio), 1 / (1 + ratio)]
        ax.bar(["A", "B"], shares, color=[BLUE, ORANGE], hatch=None, **EDGED)
        for place, share in enumerate(shares):
            ax.text(place, share + 0.02, f"{share:.2f}", ha="center")
        words = f"{ratio:.0f} : 1" if ratio == int(ratio) else f"{ratio:.2f} : 1"
        ax.set(title=f"{title}\n{words}", ylim=(0, 1), yticks=[])
        ax.grid(visible=False)
    return fig


SORTED = [0.30, 0.22, 0.16, 0.11, 0.07, 0.05, 0.03, 0.02, 0.02, 0.02]


def three_cuts() -> Figure:
    """The same sorted probabilities, cut by a number, by a mass and by a ratio."""
    fig, axes = figure(1, 3, width=6.2, height=2.8, sharey=True)
    mass = [sum(SORTED[:n]) for n in range(len(SORTED))]
    keeps = {
        "top-k 4\na number": [n < 4 for n in range(10)],
        "top-p 0.9\na mass": [before < 0.9 for before in mass],
        "min-p 0.2\na ratio": [p >= 0.2 * SORTED[0] for p in SORTED],
    }
    for ax, (title, kept) in zip(axes, keeps.items()):
        for place, (p, stays) in enumerate(zip(SORTED, kept)):
            style = {"color": BLUE} if stays else {"facecolor": "#eeeeee", "hatch": "////"}
            ax.bar(place, p, 0.85, **EDGED | style)
        edge = sum(kept) - 0.5
        ax.axvline(edge, color="black", linestyle="--")
        ax.text(edge + 0.2, 0.27, f"{sum(kept)} stay", fontsize=10)
        ax.set(title=title, xticks=[], yticks=[], xlabel="tokens, likeliest first")
        ax.grid(visible=False)
    axes[2].axhline(0.2 * SORTED[0], color=RED, linewidth=2)
    return fig


def min_p_bar() -> Figure:
    """The bar of min-p is a share of the highest column: high where the model is sure."""
    fig, axes = figure(1, 2, width=6.2, height=2.8, sharey=True)
    sure = [0.80, 0.10, 0.05, 0.03, 0.02]
    unsure = [0.24, 0.22, 0.20, 0.18, 0.16]
    for ax, (title, shares) in zip(axes, {"sure": sure, "unsure": unsure}.items()):
        bar = 0.2 * shares[0]
        for place, share in enumerate(shares):
            style = {"color": BLUE} if share >= bar else {"facecolor": "#eeeeee", "hatch": "////"}
            ax.bar(place, share, 0.8, **EDGED | style)
            ax.text(place, share + 0.015, f"{share:.2f}", ha="center", fontsize=9)
        ax.axhline(bar, color=RED, linewidth=2)
        ax.text(
            4.45, bar + 0.015, f"limit: 0.2 × {shares[0]:.2f} = {bar:.2f}", ha="right", va="bottom"
        )
        count = sum(share >= bar for share in shares)
        ax.set(title=f"{title}: {count} of 5 stay", xticks=[], yticks=[], ylim=(0, 0.92))
        ax.grid(visible=False)
    for note in axes[1].texts[-1:]:
        note.set_position((4.45, 0.33))
    return fig


def _row(ax, y, words, colours, gap=0.35, left=0.06, width=1.5):
    """Boxes in a row with arrows between them -> where the last one ends."""
    for place, (word, colour) in enumerate(zip(words, colours)):
        x = left + place * (width + gap)
        box(ax, x, y, width, 0.7, word, colour)
        if place:
            arrow(ax, (x - gap + 0.04, y + 0.35), (x - 0.04, y + 0.35))
    return left + len(words) * (width + gap) - gap


def two_orders() -> Figure:
    """Where the temperature stands: first in transformers, last in llama.cpp."""
    fig, ax = canvas(6.4, 2.1, 9.4, 2.7)
    grey, hot = "#eeeeee", ORANGE
    ax.text(0, 2.45, "transformers, and exercise 6.6", fontsize=11)
    _row(ax, 1.6, ["temperature", "top-k", "top-p", "min-p", "draw"], [hot, *3 * [grey], SKY])
    ax.text(0, 1.05, "llama.cpp", fontsize=11)
    _row(ax, 0.2, ["top-k", "top-p", "min-p", "temperature", "draw"], [*3 * [grey], hot, SKY])
    return fig


def the_loop() -> Figure:
    """Generation: the text goes through the model, one token is picked and appended, again."""
    fig, ax = canvas(6.4, 2.3, 9.6, 3.0)
    words = ["text so far", "the model", "last position:\nlogits", "sample"]
    end = _row(ax, 1.9, words, ["#eeeeee", SKY, "#eeeeee", ORANGE], gap=0.6, width=1.85)
    box(ax, end - 1.85, 0.35, 1.85, 0.7, "new token,\nyielded", GREEN)
    arrow(ax, (end - 0.92, 1.86), (end - 0.92, 1.1))
    ax.plot([end - 1.9, 0.92], [0.7, 0.7], color="black", linewidth=1.3)
    arrow(ax, (0.92, 0.7), (0.92, 1.86))
    ax.text((end - 0.9) / 2, 0.8, "appended, and the whole thing again", fontsize=11, ha="center")
    return fig


def ring() -> Figure:
    """A phrase whose end leads back to its beginning."""
    fig, ax = canvas(6.0, 3.1, 10.0, 4.6)
    words = ["I", "was", "driving", "down", "the", "highway", "."]
    places = []
    for n, word in enumerate(words):
        turn = math.pi / 2 - 2 * math.pi * n / len(words)
        x, y = 5 + 3.3 * math.cos(turn), 2.2 + 1.75 * math.sin(turn)
        places.append((x, y))
        box(ax, x - 0.62, y - 0.24, 1.24, 0.48, word, SKY if n else ORANGE)
    for n, (x, y) in enumerate(places):
        to_x, to_y = places[(n + 1) % len(places)]
        near, far = 0.36, 0.64
        start = (x + near * (to_x - x), y + near * (to_y - y))
        arrow(ax, start, (x + far * (to_x - x), y + far * (to_y - y)), linewidth=2)
    ax.text(5, 2.2, "the likeliest token,\nevery time", fontsize=11, **CENTRE)
    return fig


def beam_by_hand() -> Figure:
    """Two steps: the likelier first token leads to the less likely text."""
    fig, ax = canvas(6.2, 2.7, 10.0, 4.0)
    box(ax, 0.1, 1.7, 1.6, 0.7, "the prompt", "#eeeeee")
    rows = ((2.75, "0", 0.6, 0.35, "0"), (0.65, "1", 0.4, 0.9, "2"))
    for y, first, p, then, second in rows:
        won = first == "1"
        style = {"linewidth": 2.5 if won else 1.0}
        colour = SKY if won else "#eeeeee"
        box(ax, 3.2, y, 1.6, 0.7, f"token {first}\n{p}", colour, **style)
        box(ax, 6.3, y, 1.6, 0.7, f"token {second}\n{then}", colour, **style)
        line = {"linestyle": "-" if won else "--", **style}
        arrow(ax, (1.76, 2.05), (3.12, y + 0.35), **line)
        arrow(ax, (4.88, y + 0.35), (6.22, y + 0.35), **line)
        words = f"in all {p * then:.2f}"
        ax.text(8.1, y + 0.35, words, va="center", fontweight="bold" if won else "normal")
    ax.text(4.0, 3.62, "greedy goes this way", ha="center", fontsize=10)
    ax.text(4.0, 0.3, "width 2 keeps this one, too", ha="center", fontsize=10)
    return fig


def same_entropy() -> Figure:
    """Two ways to be equally varied: a few tokens alike, or one in front of a long tail."""
    fig, axes = figure(1, 2, width=6.2, height=2.5, sharey=True)
    few, n = [0.2] * 5, 40
    low, high = 1.0, 400.0  # the rank power with which 40 tokens have the entropy of five alike
    for _ in range(60):
        power = (low + high) / 2 / 100
        parts = [(place + 1) ** -power for place in range(n)]
        long = [part / sum(parts) for part in parts]
        entropy = -sum(p * math.log(p) for p in long)
        low, high = (power * 100, high) if entropy > math.log(5) else (low, power * 100)
    for ax, shares, title in zip(
        axes, (few, long), ("five tokens, all alike", "one, and a long tail")
    ):
        ax.bar(range(len(shares)), shares, 0.85, color=BLUE, **EDGED)
        ax.set(title=f"{title}\nentropy {math.log(5):.2f} nats", xlim=(-1, n), xticks=[], yticks=[])
        ax.grid(visible=False)
    axes[0].set_ylabel("probability")
    return fig


def choices_tree() -> Figure:
    """Three allowed texts as one tree; what may come next are the branches from where we are."""
    fig, ax = canvas(6.2, 2.7, 10.0, 4.0)
    nodes = {
        (): (0.1, 1.65, "start"),
        (5,): (2.9, 2.5, "5"),
        (9,): (2.9, 0.7, "9"),
        (5, 2): (5.6, 3.1, "2 (stop)"),
        (5, 7): (5.6, 1.9, "7"),
        (9, 2): (5.6, 0.7, "2 (stop)"),
        (5, 7, 2): (8.2, 1.9, "2 (stop)"),
    }
    here, allowed = (5,), {(5, 2), (5, 7)}
    for path, (x, y, word) in nodes.items():
        colour = ORANGE if path == here else SKY if path in allowed else "#eeeeee"
        box(ax, x, y, 1.6, 0.65, word, colour, linewidth=2.5 if colour != "#eeeeee" else 1.0)
        if path:
            from_x, from_y, _ = nodes[path[:-1]]
            line = {"linewidth": 2.5} if path in allowed else {"linestyle": "--"}
            arrow(ax, (from_x + 1.68, from_y + 0.32), (x - 0.08, y + 0.32), **line)
    words = "new = [5]: 2 or 7 may come next, everything else is −∞"
    ax.text(0.1, 0.1, words, fontsize=10)
    return fig


def inside_sample() -> Figure:
    """What one step of the engine does with the logits: the learner's functions, in order."""
    fig, ax = canvas(6.4, 1.4, 9.6, 1.7)
    words = ["logits", "filter_logits", "softmax", "draw", "the next id"]
    _row(ax, 0.35, words, ["#eeeeee", ORANGE, SKY, GREEN, "#eeeeee"], gap=0.3, width=1.66)
    ax.text(3.9, 1.35, "sample: your functions", ha="center", fontsize=11)
    return fig
