"""Draw a learner's progress: from tokens to tokens, a box as full as its notebook is done."""

import textwrap
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from llmlib import plots

Statuses = list[dict[str, Any]]
WIDTH, HEIGHT, STEP, ROW = 1.75, 1.35, 2.05, 2.1  # of a box; from box to box, from row to row
LOOP = 6  # the first six notebooks are the loop that writes a text; the rest is drawn below


def pipeline(statuses: Statuses) -> Figure:
    """Draw the notebooks in order, the loop that writes a text on top: dicts with `title`,
    `number` (None: no lesson), `found`, `fault`, `exercises` [(function, state, message)]."""
    loop = [status for status in statuses if status["number"]][:LOOP]
    others = [status for status in statuses if status not in loop]
    below = -(-len(others) // LOOP)
    fig, ax = plots.canvas(9.6, 1.65 + 1.3 * below, 14.8, 2.5 + ROW * below)
    y = 0.55 + ROW * below
    middle, top, end = y + HEIGHT / 2, y + HEIGHT, 1.25 + STEP * len(loop) - STEP + WIDTH
    for i, status in enumerate(loop):
        x = 1.25 + STEP * i
        _box(ax, x, y, status)
        plots.arrow(ax, (x - (STEP - WIDTH if i else 0.55), middle), (x, middle))
    plots.arrow(ax, (end, middle), (end + 0.55, middle))
    for x, side in ((0.65, "right"), (end + 0.6, "left")):
        ax.text(x, middle, "text", ha=side, va="center", fontsize=11)
    if len(loop) > 2:
        first, last = 1.25 + STEP + WIDTH / 2, end - WIDTH / 2
        bend = {"connectionstyle": "arc3,rad=0.06", "linestyle": "--", "color": plots.GREY}
        plots.arrow(ax, (last, top), (first, top), **bend)
        label = {"ha": "center", "va": "bottom", "fontsize": 10, "color": "#444444"}
        ax.text((first + last) / 2, top + 0.32, "append, repeat", **label)
    for i, status in enumerate(others):
        _box(ax, 1.25 + STEP * (i % LOOP), 0.55 + ROW * (below - 1 - i // LOOP), status)
    return fig


def alt_text(statuses: Statuses) -> str:
    """Return the picture in words."""
    words = (f"{status['title']}: {_words(status)}" for status in statuses)
    return f"Progress: {'; '.join(words)}."


def _words(status: dict[str, Any]) -> str:
    states = [state for _, state, _ in status["exercises"]]
    if status["fault"]:
        return "cannot be read" if status["found"] else "not found"
    failing = f", {states.count('failing')} failing" if "failing" in states else ""
    return f"{states.count('done')} of {len(states)} done{failing}"


def _box(ax: Any, x: float, y: float, status: dict[str, Any]) -> None:
    states, at, start = [state for _, state, _ in status["exercises"]], x + WIDTH / 2, x
    shape: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.15"}
    frame = ax.add_patch(FancyBboxPatch((x, y), WIDTH, HEIGHT, facecolor="white", **shape))
    for state, colour, hatch in (("done", plots.GREEN, ""), ("failing", plots.ORANGE, "////")):
        wide = WIDTH * states.count(state) / max(len(states), 1)
        style: dict[str, Any] = {
            "facecolor": colour,
            "edgecolor": "white",
            "hatch": hatch,
            "lw": 0,
            "alpha": 0.55,
        }
        ax.add_patch(Rectangle((start, y), wide, HEIGHT, **style)).set_clip_path(frame)
        start += wide
    outline: dict[str, Any] = (
        {"edgecolor": plots.ORANGE, "lw": 2.2} if status["fault"] else {"lw": 1.3}
    )
    ax.add_patch(FancyBboxPatch((x, y), WIDTH, HEIGHT, fill=False, **shape | outline))
    done, failing = states.count("done"), states.count("failing")
    count = f"{done} / {len(states)}" + (" done" if states and done == len(states) else "")
    name = textwrap.fill(status["title"], 12, break_on_hyphens=False)
    bold = {"fontsize": 9.5, "weight": "bold", "linespacing": 1.0} | plots.CENTRE
    ax.text(at, y + HEIGHT * 0.66, name, **bold)
    below = _words(status) if status["fault"] else count
    ax.text(at, y + HEIGHT * 0.24, below, fontsize=10, **plots.CENTRE)
    if failing:
        under = {"ha": "center", "va": "top", "fontsize": 9, "color": "#8A4B00"}
        ax.text(at, y - 0.07, f"{failing} failing", **under)
