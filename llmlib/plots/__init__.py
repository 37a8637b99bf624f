"""Every picture of the course, one file a notebook; here is what they share: the palette, the style, and how a figure is shown.

Colours are those of Okabe & Ito (2008), told apart by colour-blind readers; markers, line styles and hatches repeat the
difference without colour.
"""

import io

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7F7F7F",
)
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++")
SEQUENTIAL, DIVERGING = (
    "viridis",
    "RdBu_r",
)  # both keep their order in greyscale or for colour-blind readers

STYLE = {
    "figure.figsize": (8.0, 3.6),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 6,
}


def figure(rows=1, columns=1, width=8.0, height=3.6, **options):
    """A figure and its axes in the course's style."""
    with plt.rc_context(STYLE):
        made = plt.subplots(rows, columns, figsize=(width, height), **options)
    plt.close(made[0])  # shown by `show` alone, never a second time by the notebook
    return made


def show(fig: Figure, alt: str, widget=None):
    """Show a figure with the text that stands in for it where it cannot be seen. ValueError without that text.

    With `widget` (an ipywidget), that is shown in the figure's place where a kernel is running.
    """
    if not alt.strip():
        raise ValueError("every figure needs alt text: one or two sentences that say what it shows")
    picture = io.BytesIO()
    with plt.rc_context(STYLE):
        fig.savefig(picture, format="png", metadata={"Software": None})
    live = widget._repr_mimebundle_() if widget else {}
    display(
        {**live, "image/png": picture.getvalue(), "text/plain": alt},
        metadata={"image/png": {"alt": alt}},
        raw=True,
    )
