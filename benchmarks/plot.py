"""The picture of a run: by what factor ours is better than each peer, on a logarithmic axis."""

import matplotlib

from benchmarks.measure import ratios, summary

matplotlib.use("Agg")
matplotlib.rcParams |= {"svg.hashsalt": "llmlib", "svg.fonttype": "none"}
from matplotlib import pyplot as plt  # noqa: E402

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe and Ito's, told apart by everyone


def ratios_of(rows, path):
    """Write a bar for each (row, peers): its end is the median of the ratios, the line across it
    their spread, a diamond the goal.
    """
    pairs = [(row, peer) for row, peers in rows for peer in peers]
    fig, ax = plt.subplots(figsize=(10, 1.2 + 0.3 * max(1, len(pairs))), layout="constrained")
    for y, (row, peer) in enumerate(pairs):
        median, low, high = summary(ratios(row, peer))
        goal = row["goals"].get(peer)
        colour = GREY if goal is None else BLUE if median >= goal else ORANGE
        ax.barh(y, median - 1, left=1, height=0.6, color=colour)
        ax.plot([low, high], [y, y], color="black", linewidth=1)
        if goal is not None:
            ax.plot(goal, y, "D", color="black", markerfacecolor="white", markersize=5)
        place = max(high, goal or 0, 1), y
        ax.annotate(
            f"{median:.3g}×", place, xytext=(8, 0), textcoords="offset points", va="center", size=8
        )
    ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.set_ylim(-0.7, len(pairs) - 0.3)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_yticks(range(len(pairs)), [f"{row['name']}, against {peer}" for row, peer in pairs])
    ax.tick_params(axis="y", labelsize=8)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
    ax.xaxis.set_minor_formatter(lambda x, _: f"{x:g}×" if f"{x:e}"[0] == "3" else "")
    ax.set_xlabel(
        "ours is better by this factor (blue: goal met, orange: not, grey: no goal; ◇ the goal)"
    )
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)
