"""The picture of a run: by what factor llmlib is better than each peer, on a logarithmic axis."""

import matplotlib

from benchmarks.measure import ratios, summary

matplotlib.use("Agg")
matplotlib.rcParams |= {"svg.hashsalt": "llmlib", "svg.fonttype": "none"}
from matplotlib import pyplot as plt  # noqa: E402

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe and Ito's, told apart by everyone


def ratios_of(run, path):
    """Write the ratios to peers: a dot is a median, its bar the spread, a diamond the goal."""
    lines = [
        (f"{row['name']}, against {name}", summary(ratios(row, name)), row["goals"].get(name))
        for benchmark in run["benchmarks"].values()
        for row in benchmark["rows"]
        for name in list(row["values"])[1:]
    ]
    fig, ax = plt.subplots(figsize=(10, 1.2 + 0.28 * max(1, len(lines))), layout="constrained")
    for y, (label, (median, low, high), goal) in enumerate(lines):
        colour = GREY if goal is None else BLUE if median >= goal else ORANGE
        ax.plot([low, high], [y, y], color=colour, linewidth=2)
        ax.plot(median, y, "o", color=colour)
        if goal is not None:
            ax.plot(goal, y, "D", color="black", markerfacecolor="none", markersize=6)
        ax.annotate(
            f"{median:.3g}×",
            (high, y),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            size=8,
        )
    ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.set_ylim(-0.7, len(lines) - 0.3)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_yticks(range(len(lines)), [label for label, *_ in lines], size=8)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
    ax.xaxis.set_minor_formatter(lambda x, _: f"{x:g}×" if f"{x:e}"[0] in "25" else "")
    ax.set_xlabel(
        "llmlib is better by this factor (blue: goal met, orange: not, grey: no goal; ◇ the goal)"
    )
    ax.grid(axis="x", alpha=0.3)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)
