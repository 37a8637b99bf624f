"""The learner's progress: the way from tokens to tokens, each box as full as its notebook is done."""

from matplotlib.patches import FancyBboxPatch, Rectangle

from llmlib.plots import GREEN, GREY, ORANGE, figure

WIDTH, HEIGHT = 1.75, 1.35
LINE = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.4}


def pipeline(statuses):
    """A figure of some notebooks, each a dict: `title`, `number` (None for the quiz), `exercises`
    [(function, state, message)], `fault` (None, or why it cannot be read) and `found`."""
    places = _places([status["number"] for status in statuses])
    fig, ax = figure(width=9.6, height=3.2)
    right = max([14.45, *(x + WIDTH for x, _ in places.values())])
    ax.set(xlim=(-0.35, right), ylim=(0, 4.8))
    ax.axis("off")
    for status in statuses:
        _box(ax, *places[status["number"]], status)
    if all(number in places for number in range(1, 8)):
        _way(ax, [places[number] for number in range(1, 8)])
    return fig


def _places(numbers):
    """Where each box stands: 1 to 6 are the way from text to text, the others stand below it."""
    places = {n: (0.9 + 2.05 * (n - 1), 2.6) for n in numbers if n and n <= 6}
    places |= {n: (6.0 + 2.05 * (n - 7), 0.4) for n in numbers if n and n > 6}
    if None in numbers:
        last = max([x for x, y in places.values() if y < 2], default=0)
        places[None] = max(11.15, last + 2.05), 0.4
    return places


def _way(ax, places):
    """The arrows: from text through the first six boxes to text, round again, and down to the seventh."""
    *row, (x, y) = places
    middle, top = 2.6 + HEIGHT / 2, 2.6 + HEIGHT
    first, last = row[0][0], row[-1][0] + WIDTH
    for (left, _), (right, _) in zip(row, row[1:]):
        ax.annotate("", xytext=(left + WIDTH, middle), xy=(right, middle), arrowprops=LINE)
    start = {"xytext": (first - 1.15, middle), "xy": (first, middle), "arrowprops": LINE}
    ax.annotate("text", va="center", fontsize=11, **start)
    ax.annotate("", xytext=(last, middle), xy=(last + 0.5, middle), arrowprops=LINE)
    ax.text(last + 0.52, middle, "text", va="center", fontsize=11)
    again = LINE | {"color": GREY, "linewidth": 1.3, "linestyle": "--"}
    again["connectionstyle"] = "arc3,rad=0.06"
    ax.annotate("", xytext=(last - 0.9, top), xy=(row[1][0] + 0.9, top), arrowprops=again)
    note = {"fontsize": 10, "color": "#444444"}
    ax.text(7.1, top + 0.42, "append, repeat", ha="center", va="bottom", **note)
    down = {"xytext": (x + WIDTH / 2, y + HEIGHT), "xy": (row[2][0] + WIDTH, 2.6)}
    ax.annotate("", arrowprops=LINE | {"linestyle": ":"}, **down)
    beside = x - 0.15, y + HEIGHT / 2
    ax.text(*beside, "makes the loop fast", ha="right", va="center", **note)


def alt_text(statuses):
    """The picture in words."""
    return (
        "Progress: "
        + "; ".join(f"{status['title']}: {_words(status)}" for status in statuses)
        + "."
    )


def _words(status):
    states = [state for _, state, _ in status["exercises"]]
    if status["fault"]:
        return "cannot be read" if status["found"] else "not found"
    failing = f", {states.count('failing')} failing" if "failing" in states else ""
    return f"{states.count('done')} of {len(states)} done{failing}"


def _box(ax, x, y, status):
    states = [state for _, state, _ in status["exercises"]]
    frame = FancyBboxPatch(
        (x, y),
        WIDTH,
        HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.15",
        facecolor="white",
        zorder=2,
    )
    ax.add_patch(frame)
    start = x
    for state, colour, hatch in [("done", GREEN, ""), ("failing", ORANGE, "////")]:
        wide = WIDTH * states.count(state) / max(len(states), 1)
        part = Rectangle(
            (start, y),
            wide,
            HEIGHT,
            facecolor=colour,
            edgecolor="white",
            hatch=hatch,
            lw=0,
            alpha=0.55,
            zorder=3,
        )
        ax.add_patch(part)
        part.set_clip_path(frame)
        start += wide
    outline = ORANGE if status["fault"] else "black"
    style = {
        "boxstyle": "round,pad=0,rounding_size=0.15",
        "fill": False,
        "zorder": 4,
        "edgecolor": outline,
    }
    ax.add_patch(
        FancyBboxPatch((x, y), WIDTH, HEIGHT, linewidth=2.2 if status["fault"] else 1.3, **style)
    )
    name = status["title"].replace(" & ", "\n& ").replace("Output head", "Output\nhead")
    middle = x + WIDTH / 2
    ax.text(
        middle,
        y + HEIGHT * 0.66,
        name,
        ha="center",
        va="center",
        fontsize=9.5,
        weight="bold",
        zorder=5,
        linespacing=1.0,
    )
    done, failing = states.count("done"), states.count("failing")
    text = (
        _words(status)
        if status["fault"]
        else f"{done} / {len(states)}" + (" done" if states and done == len(states) else "")
    )
    ax.text(middle, y + HEIGHT * 0.24, text, ha="center", va="center", fontsize=10, zorder=5)
    if failing:
        ax.text(
            middle,
            y - 0.07,
            f"{failing} failing",
            ha="center",
            va="top",
            fontsize=9,
            color="#8A4B00",
            zorder=5,
        )
