"""Words beside points, as near as there is room: for maps in which points crowd."""

import math

from matplotlib.transforms import Bbox

from llmlib import plots


def words(fig, ax, entries, points):
    """Write each of `entries`, (place, word, side), next to its place, clear of all `points`.
    `side`, "left" or "right", is tried first, else above; a thin line joins a word that ends up
    far away."""
    fig.draw_without_rendering()  # from here on, pixels are known
    taken = [Bbox.from_bounds(x - 7, y - 6, 14, 12) for x, y in ax.transData.transform(points)]
    for place, word, side in sorted(entries, key=lambda entry: -entry[0][1]):
        x, y = ax.transData.transform(place)
        width, height = 6.6 * len(word) + 4, 13
        first = {"left": math.pi, "right": 0}.get(side, math.pi / 2)
        turns = [first + sign * i * math.pi / 12 for i in range(13) for sign in (1, -1)]
        for radius, turn in ((r, t) for r in range(8, 160, 6) for t in turns):
            mx = x + math.cos(turn) * (radius + width / 2)
            my = y + math.sin(turn) * (radius + height / 2)
            spot = Bbox.from_bounds(mx - width / 2, my - height / 2, width, height)
            if ax.bbox.x0 < spot.x0 and spot.x1 < ax.bbox.x1 and not spot.count_overlaps(taken):
                break
        taken.append(spot)
        line = {"arrowstyle": "-", "linewidth": 0.5, "color": plots.GREY} if radius > 8 else None
        style = {"fontsize": 9, "arrowprops": line} | plots.CENTRE
        ax.annotate(word, place, ax.transData.inverted().transform((mx, my)), **style)
