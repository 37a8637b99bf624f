"""Drawings of notebook 7."""

from matplotlib.figure import Figure

from llmlib.plots import CENTRE, ORANGE, figure

WORDS = ["The", "fox", "looked", "at", "the", "moon"]


def with_and_without_a_cache() -> Figure:
    """Which tokens each step computes: all of them, or the new one alone."""
    fig, axes = figure(columns=2, rows=1, width=8.0, height=3.2)
    for ax, cached in zip(axes, (False, True)):
        count = 0
        for step in range(len(WORDS)):
            for place in range(step + 1):
                new = place == step or not cached
                count += new
                style = {"facecolor": ORANGE, "hatch": "///"} if new else {"facecolor": "#ececec"}
                ax.barh(step, 0.9, 0.8, place - 0.45, edgecolor="black", linewidth=0.6, **style)
                if not new:
                    ax.text(place, step, "kept", fontsize=8, **CENTRE)
        ax.set(title=f"{'with' if cached else 'without'} a cache: {count} tokens computed")
        ax.set_xticks(range(len(WORDS)), WORDS, fontsize=9)
        ax.set_yticks(range(len(WORDS)), [f"step {i + 1}" for i in range(len(WORDS))])
        ax.set_xlim(-0.55, len(WORDS) - 0.45)
        ax.invert_yaxis()
        ax.grid(visible=False)
    return fig
