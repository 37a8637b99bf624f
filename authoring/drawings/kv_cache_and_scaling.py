"""Drawings of notebook 7."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from llmlib.plots import BLUE, CENTRE, GREY, GROUND, ORANGE, RED, SKY, arrow, box, canvas, figure

WORDS = ["The", "fox", "saw", "a", "red", "hat"]
NEW: dict[str, Any] = {"colour": ORANGE, "hatch": "///"}
OLD: dict[str, Any] = {"colour": "#ececec"}
EMPTY: dict[str, Any] = {"colour": "white"}
TINY = "square,pad=0"  # boxes for single numbers


def with_and_without_a_cache() -> Figure:
    """Draw which tokens each step computes: all of them, or the new one alone."""
    fig, axes = figure(columns=2, rows=1, width=6.4, height=3.1)
    for ax, cached in zip(axes, (False, True)):
        count = 0
        for step in range(len(WORDS)):
            for place in range(step + 1):
                new = place == step or not cached
                count += new
                style = {"color": ORANGE, "hatch": "///"} if new else {"color": "#ececec"}
                ax.barh(step, 0.9, 0.8, place - 0.45, edgecolor="black", linewidth=0.6, **style)
        if cached:
            ax.text(1, 4, "kept", bbox=GROUND, **CENTRE)
        ax.set(title=f"{'with' if cached else 'without'} a cache:\n{count} tokens computed")
        ax.set_xticks(range(len(WORDS)), WORDS)
        ax.set_yticks(range(len(WORDS)), range(1, len(WORDS) + 1))
        ax.set_xlim(-0.55, len(WORDS) - 0.45)
        ax.invert_yaxis()
        ax.grid(visible=False)
    axes[0].set_ylabel("step")
    return fig


def what_a_new_token_needs() -> Figure:
    """Draw a query that meets the kept keys and reads the kept values."""
    fig, ax = canvas(6.4, 2.7, 12, 5)
    for i, word in enumerate(["The", "cat", "sat", "on"]):
        new = i == 3
        x = 3.2 + 1.7 * i
        for y, letter in ((2.2, "K"), (1.1, "V")):
            box(ax, x, y, 1.4, 0.85, f"{letter}({word})", **(NEW if new else OLD))
        ax.text(x + 0.7, 0.6, "new" if new else "kept", fontsize=10, **CENTRE)
        arrow(ax, (8.9, 3.75), (x + 0.7, 3.1), linewidth=1, color=BLUE)
    box(ax, 8.1, 3.75, 1.8, 0.85, "Q(on)", **NEW)
    ax.text(2.9, 2.62, "keys", ha="right", va="center", fontsize=11)
    ax.text(2.9, 1.52, "values", ha="right", va="center", fontsize=11)
    ax.text(2.9, 4.15, "the new query", ha="right", va="center", fontsize=11)
    return fig


def written_behind() -> Figure:
    """Draw a store before and after a write."""
    fig, ax = canvas(6.2, 2.4, 11, 4.2)
    rows = (2.6, "before", [7, 8, 0, 0], 99), (0.9, "after", [7, 8, 9, 0], 2)
    for y, name, numbers, fresh in rows:
        ax.text(2.3, y + 0.5, name, ha="right", va="center", fontsize=11)
        for i, number in enumerate(numbers):
            style = NEW if i == fresh else OLD if i < 2 else EMPTY
            box(ax, 2.6 + 1.3 * i, y, 1.2, 1, f"{number}", **style)
    box(ax, 8.9, 2.6, 1.2, 1, "9", **NEW)
    ax.text(9.5, 3.85, "new", fontsize=10, **CENTRE)
    arrow(ax, (8.85, 2.9), (6.45, 1.95))
    ax.annotate("start = 2", (5.25, 2.55), (5.25, 2.18), fontsize=10, **CENTRE)
    ax.plot([2.6, 6.4], [0.65, 0.65], color="black", lw=1)
    ax.text(4.5, 0.3, "handed back: all tokens so far", fontsize=10, **CENTRE)
    return fig


def prefill_then_decoding() -> Figure:
    """Draw the passes of a prompt of three in chunks of two, and of three new tokens."""
    fig, ax = canvas(6.4, 2.4, 13, 4)
    passes = (["5", "6"], ""), (["7"], "first"), (["first"], "second"), (["second"], "third")
    x = 0.3
    for i, (tokens, made) in enumerate(passes):
        for token in tokens:
            box(ax, x, 1.5, 1.35, 0.9, token, **(OLD if i < 2 else NEW))
            x += 1.4
        if made:
            arrow(ax, (x - 0.75, 2.45), (x - 0.75, 3.1))
            ax.text(x - 0.75, 3.35, f"{made} new id", fontsize=10, **CENTRE)
        x += 1.0
    ax.text(2.9, 0.9, "prefill: the prompt, in chunks", fontsize=10, **CENTRE)
    ax.text(9.0, 0.9, "decoding: one token per pass", fontsize=10, **CENTRE)
    ax.text(6.5, 0.25, "the third id needs no pass: nothing comes after it", fontsize=10, **CENTRE)
    return fig


def the_waiting_cook() -> Figure:
    """Draw what memory delivers and the processor cooks: one dish a delivery, or many."""
    fig, axes = figure(columns=2, rows=1, width=6.6, height=2.9)
    for ax, dishes, title in (
        (axes[0], 1, "one token per pass:\nthe cook waits"),
        (axes[1], 8, "many tokens per pass:\nthe cook is busy"),
    ):
        ax.set(xlim=(0, 10), ylim=(0, 5), title=title)
        ax.axis("off")
        for i in range(3):
            box(ax, 0.5 + 3.1 * i, 3.2, 2.9, 0.9, "weights", SKY)
            width = 0.35 if dishes == 1 else 2.8
            box(ax, 0.5 + 3.1 * i + 0.05, 1.7, width, 0.9, "", **NEW)
            if dishes == 1:
                ax.text(0.5 + 3.1 * i + 1.7, 2.15, "waits", fontsize=10, **CENTRE)
        ax.text(0.5, 4.45, "deliveries: memory", fontsize=10)
        ax.text(
            0.5,
            1.05,
            f"cooking: {dishes} multiplication{'s' * (dishes > 1)} per weight",
            fontsize=10,
        )
        arrow(ax, (0.5, 0.5), (9.7, 0.5), linewidth=1)
        ax.text(5, 0.1, "time (a sketch)", fontsize=10, **CENTRE)
    return fig


def a_token_in_the_cache() -> Figure:
    """Draw the numbers of one token: two layers, keys and values, three heads of five numbers."""
    fig, ax = canvas(6.2, 2.6, 13, 4.4)
    for layer, y in ((0, 2.5), (1, 0.9)):
        ax.text(1.6, y + 0.5, f"layer {layer}", ha="right", va="center", fontsize=11)
        for part, (name, colour) in enumerate((("keys", SKY), ("values", ORANGE))):
            for head in range(3):
                x = 2 + 5.3 * part + 1.7 * head
                for number in range(5):
                    box(ax, x + 0.3 * number, y, 0.28, 1, "", colour, boxstyle=TINY, linewidth=0.5)
            if layer == 0:
                ax.text(
                    2.5 + 5.3 * part + 1.95, 3.85, f"{name}, 3 heads of 5", fontsize=10, **CENTRE
                )
    ax.text(7.2, 0.35, "one token: 60 numbers", fontsize=11, **CENTRE)
    return fig


def what_a_step_reads() -> Figure:
    """Draw what a decoding step of GPT-3's size reads, by the size of the batch."""
    fig, ax = figure(width=6.4, height=2.7)
    weights, cache = 350, 2 * 96 * 96 * 128 * 2 * 1000 / 1e9  # GB; of a text of 1,000 tokens
    batches = [1, 8, 64]
    ax.barh(range(3), weights, 0.6, color=SKY, edgecolor="black", label="weights")
    caches = [n * cache for n in batches]
    ax.barh(
        range(3), caches, 0.6, weights, color=ORANGE, hatch="///", edgecolor="black", label="caches"
    )
    for y, size in enumerate(caches):
        ax.text(weights + size + 8, y, f"{weights} + {size:.0f} GB", va="center", fontsize=10)
    ax.set_yticks(range(3), [f"{n} text{'s' * (n > 1)}" for n in batches])
    ax.set(xlabel="GB read by one step (float16)", xlim=(0, 830))
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.legend(loc="upper right")
    return fig


def one_shared_prefix() -> Figure:
    """Draw two texts with one beginning: kept once, and two tails."""
    fig, ax = canvas(6.4, 2.7, 13, 5)
    for i, word in enumerate(["You", "are", "a", "helpful", "bot."]):
        box(ax, 0.3 + 1.5 * i, 2, 1.45, 0.9, word, SKY)
    for y, words in ((3.6, ["Hello", "there"]), (0.4, ["What", "is", "RoPE"])):
        for i, word in enumerate(words):
            box(ax, 8.7 + 1.4 * i, y, 1.35, 0.9, word, **NEW)
        arrow(ax, (7.85, 2.45), (8.6, y + 0.45))
    ax.text(4.0, 1.55, "shared: kept once", fontsize=10, **CENTRE)
    ax.text(8.7, 3.15, "text 1's own", fontsize=10)
    ax.text(8.7, 1.5, "text 2's own", fontsize=10)
    return fig


def a_giant_sets_the_ruler() -> Figure:
    """Draw the same weights against two rulers: ticks of the matrix's giant, ticks of their own."""
    fig, axes = figure(rows=2, columns=1, width=6.4, height=3.0, sharex=True)
    weights = [-0.9, -0.55, -0.2, 0.1, 0.35, 0.8]
    for ax, step, title in (
        (axes[0], 2.5, "one ruler for all rows: the giant in another row sets the tick"),
        (axes[1], 0.25, "a ruler of its own: its largest weight sets the tick"),
    ):
        ticks = np.arange(-5 if step > 1 else -1, 5.01 if step > 1 else 1.01, step)
        ax.vlines(ticks, -0.35, 0.35, color=GREY, lw=1.2)
        ax.axhline(0, color=GREY, lw=1)
        ax.plot(weights, [0] * len(weights), "o", color=BLUE, markersize=8, markeredgecolor="black")
        if step > 1:
            ax.plot(5, 0, "D", color=RED, markersize=10, markeredgecolor="black")
            ax.text(5, 0.5, "giant", ha="center", va="bottom", fontsize=10)
            ax.text(0, 0.5, "this row", ha="center", va="bottom", fontsize=10)
            ax.text(-5.5, 0.5, "a sketch", va="bottom", fontsize=10)
        ax.set(title=title, ylim=(-0.6, 1.2), xlim=(-5.5, 5.5))
        ax.axis("off")
    return fig


def draft_check_cut() -> Figure:
    """Draw passes, not times: three for three tokens, and one that checks a draft of four."""
    fig, ax = canvas(6.6, 3.2, 15, 6)
    ax.text(0.3, 5.5, "without drafts: three passes for three tokens", fontsize=10)
    for i, word in enumerate(["said", "that", "she"]):
        box(ax, 0.3 + 3.6 * i, 4.3, 3.3, 0.9, f"a pass: {word}", SKY)
    ax.text(0.3, 3.2, "with a draft of four, said that he was: one pass", fontsize=10)
    box(ax, 0.3, 1.9, 3.3, 0.9, "a pass: four", SKY)
    arrow(ax, (3.7, 2.35), (4.6, 2.35), linewidth=1)
    marks = [("said", "kept", OLD), ("that", "kept", OLD), ("she", "not he", NEW)]
    for i, (word, sign, style) in enumerate([*marks, ("was", "cut", EMPTY)]):
        box(ax, 4.7 + 1.75 * i, 1.9, 1.65, 0.9, word, **style, linestyle=":" if i == 3 else "-")
        ax.text(5.5 + 1.75 * i, 1.5, sign, fontsize=10, **CENTRE)
    ax.text(0.3, 0.5, "fewer passes; whether that saves time has to be measured", fontsize=10)
    return fig


def kept_and_drawn_again() -> Figure:
    """Draw min(p, q) + max(p - q, 0) = p, for a token with p above q and one with p below."""
    fig, axes = figure(rows=2, columns=1, width=6.4, height=3.0, sharex=True)
    for ax, (p, q) in zip(axes, ((0.5, 0.2), (0.2, 0.5))):
        kept, more = min(p, q), max(p - q, 0)
        ax.barh(1, kept, 0.6, color=SKY, edgecolor="black")
        ax.text(kept / 2, 1, f"min(p, q) = {kept}", fontsize=10, **CENTRE)
        if more:
            ax.barh(1, more, 0.6, kept, color=ORANGE, hatch="///", edgecolor="black")
            ax.text(
                kept + more / 2, 1, f"max(p − q, 0) = {more:.1f}", fontsize=10,
                bbox=GROUND, **CENTRE,
            )  # fmt: skip
        ax.barh(0, q, 0.45, color="white", hatch="...", edgecolor="black")
        ax.text(q + 0.01, 0, f"draft q = {q}", va="center", fontsize=10)
        ax.text(p + 0.01, 1, f"= p = {p}", va="center", fontsize=11)
        ax.set(xlim=(0, 0.68), ylim=(-0.5, 1.5))
        ax.axis("off")
    axes[0].set_title("q gives too little: kept, and drawn again")
    axes[1].set_title("q gives too much: kept in part, never drawn again")
    return fig


def teacher_and_student() -> Figure:
    """Draw stories from known distributions, a student that reads them, and the floor."""
    fig, ax = canvas(6.4, 2.6, 13, 5)
    box(ax, 0.2, 2.0, 3.2, 1.6, "teacher: SmolLM2\ndraws each token", SKY)
    box(ax, 4.9, 2.0, 3.2, 1.6, "stories, with\nln p of each draw", **EMPTY)
    box(ax, 9.6, 2.0, 3.2, 1.6, "student: random\nweights at first", **NEW)
    arrow(ax, (3.45, 2.8), (4.85, 2.8))
    arrow(ax, (8.15, 2.8), (9.55, 2.8))
    arrow(ax, (6.5, 1.95), (6.5, 1.0))
    ax.text(6.5, 0.6, "mean of −ln p: the floor under every student's loss", fontsize=10, **CENTRE)
    return fig


def the_law() -> Figure:
    """Draw L = E + A N^-alpha on linear axes: what size removes, and what it does not."""
    fig, ax = figure(width=6.2, height=3.0)
    n = np.linspace(1, 40, 200)
    loss = 1 + 3 * n**-0.6
    ax.plot(n, loss, color=BLUE)
    ax.axhline(1, color=GREY, linestyle="--")
    arrow(ax, (8, 1 + 3 * 8**-0.6), (8, 1), linewidth=1.5)
    arrow(ax, (8, 1), (8, 1 + 3 * 8**-0.6), linewidth=1.5)
    ax.text(9, 2.1, r"$A N^{-\alpha}$: what a larger model can still gain")
    ax.text(9, 0.4, "E: what no size removes")
    ax.text(40, 3.7, "a sketch", ha="right", fontsize=10)
    ax.set(xlabel="parameters, N", ylabel="loss", ylim=(0, 4.2), xticks=[], yticks=[])
    return fig
