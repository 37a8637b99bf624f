"""The picture of a run: by what factor ours is better than each peer, on a logarithmic axis."""

import matplotlib

from benchmarks.measure import processor, ratios, summary

matplotlib.use("Agg")
matplotlib.rcParams |= {"svg.hashsalt": "llmlib", "svg.fonttype": "none"}
from matplotlib import pyplot as plt  # noqa: E402

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe and Ito's, told apart by everyone
SHAPES = "os^v"  # one a processor


def ratios_of(run, path):
    """Write the ratios to peers: a mark is a median, its shape the processor, its bar the spread, a
    diamond the goal.
    """
    lines, shapes = {}, {}
    for recordings in run["benchmarks"].values():
        for recording in recordings:
            on = processor(recording)
            shapes.setdefault(on, SHAPES[len(shapes) % len(SHAPES)])
            for row in recording["rows"]:
                for name in list(row["values"])[1:]:
                    measured = summary(ratios(row, name)), row["goals"].get(name), shapes[on]
                    lines.setdefault(f"{row['name']}, against {name}", []).append(measured)
    fig, ax = plt.subplots(figsize=(10, 1.5 + 0.34 * max(1, len(lines))), layout="constrained")
    for place, measured in enumerate(lines.values()):
        for i, (median_and_spread, goal, shape) in enumerate(measured):
            y = place + 0.4 * (i - (len(measured) - 1) / 2)
            _mark(ax, y, median_and_spread, goal, shape)
            if goal is not None:
                ax.plot(goal, place, "D", color="black", markerfacecolor="none", markersize=6)
    ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.set_ylim(-0.7, len(lines) - 0.3)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_yticks(range(len(lines)), list(lines), size=8)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
    ax.xaxis.set_minor_formatter(lambda x, _: f"{x:g}×" if f"{x:e}"[0] == "3" else "")
    ax.set_xlabel(
        "ours is better by this factor (blue: goal met, orange: not, grey: no goal; ◇ the goal)"
    )
    ax.grid(axis="x", alpha=0.3)
    for on, shape in shapes.items():
        ax.plot([], [], shape, color=GREY, label=on)
    fig.legend(loc="outside upper right", ncols=len(shapes) or 1, frameon=False)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def _mark(ax, y, median_and_spread, goal, shape):
    median, low, high = median_and_spread
    colour = GREY if goal is None else BLUE if median >= goal else ORANGE
    ax.plot([low, high], [y, y], color=colour, linewidth=2)
    ax.plot(median, y, shape, color=colour, markersize=5)
    ax.annotate(
        f"{median:.3g}×", (high, y), xytext=(8, 0), textcoords="offset points", va="center", size=7
    )
