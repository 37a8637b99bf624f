"""The learner's progress: the way from tokens to tokens, each box as full as its notebook is done."""

from matplotlib.patches import FancyBboxPatch, Rectangle

from llmlib.plots import GREEN, GREY, ORANGE, figure

PLACES = [*((0.9 + 2.05 * i, 2.6) for i in range(6)), (6.0, 0.4), (11.15, 0.4)]  # 1 to 6, 7, quiz
WIDTH, HEIGHT = 1.75, 1.35
LINE = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.4}


def pipeline(statuses):
    """A figure of eight notebooks: dicts with `title`, `exercises` [(function, state, message)] and `fault`."""
    fig, ax = figure(width=9.6, height=3.2)
    ax.set(xlim=(-0.35, 14.45), ylim=(0, 4.8))
    ax.axis("off")
    for status, (x, y) in zip(statuses, PLACES, strict=True):
        _box(ax, x, y, status)
    middle = 2.6 + HEIGHT / 2
    for (left, _), (right, _) in zip(PLACES[:5], PLACES[1:6]):
        ax.annotate("", xytext=(left + WIDTH, middle), xy=(right, middle), arrowprops=LINE)
    first, last = PLACES[0][0], PLACES[5][0] + WIDTH
    ax.annotate(
        "text",
        xytext=(first - 1.15, middle),
        xy=(first, middle),
        arrowprops=LINE,
        va="center",
        fontsize=11,
    )
    ax.annotate("", xytext=(last, middle), xy=(last + 0.5, middle), arrowprops=LINE)
    ax.text(last + 0.52, middle, "text", va="center", fontsize=11)
    top = 2.6 + HEIGHT
    again = {
        "arrowstyle": "-|>",
        "color": GREY,
        "linewidth": 1.3,
        "linestyle": "--",
        "connectionstyle": "arc3,rad=0.06",
    }
    ax.annotate("", xytext=(last - 0.9, top), xy=(PLACES[1][0] + 0.9, top), arrowprops=again)
    ax.text(
        7.1, top + 0.42, "append, repeat", ha="center", va="bottom", fontsize=10, color="#444444"
    )
    x, y = PLACES[6]
    ax.annotate(
        "",
        xytext=(x + WIDTH / 2, y + HEIGHT),
        xy=(PLACES[2][0] + WIDTH, 2.6),
        arrowprops=LINE | {"linestyle": ":"},
    )
    ax.text(
        x - 0.15,
        y + HEIGHT / 2,
        "makes the loop fast",
        ha="right",
        va="center",
        fontsize=10,
        color="#444444",
    )
    return fig


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
        return "not found" if status["fault"].startswith("there is no") else "cannot be read"
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
