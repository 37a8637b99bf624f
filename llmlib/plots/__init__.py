"""Every picture of the course, one file a notebook. Here is what they share.

Colours are those of Okabe & Ito (2008), told apart by colour-blind readers; markers, line styles
and hatches repeat the difference without colour.
"""

import io
from base64 import b64encode
from html import escape

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

DPI = 100  # pixels of the page to an inch of a figure
VIEW = "application/vnd.jupyter.widget-view+json"

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
    "figure.dpi": DPI,
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


def image(fig: Figure, alt: str) -> dict[str, str]:
    """What a notebook keeps of a figure, {mime type: text}: an image with its alt text, and that text.

    The attribute `alt` is where readers look for it; what goes with `image/png`, neither JupyterLab
    nor nbconvert reads. ValueError without alt text.
    """
    if not alt.strip():
        raise ValueError("every figure needs alt text: one or two sentences that say what it shows")
    drawn, packed = io.BytesIO(), io.BytesIO()
    with plt.rc_context(STYLE):
        fig.savefig(drawn, format="png", dpi=2 * DPI)  # sharp on a screen with dense pixels
    palette = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    packing = Image.open(drawn).convert("RGB").quantize(256, **palette)  # a third of the bytes
    packing.save(packed, "png", optimize=True)
    html = (
        f'<img alt="{escape(alt)}" width="{round(fig.get_figwidth() * DPI)}" '
        'style="max-width:100%;height:auto;background:white" '
        f'src="data:image/png;base64,{b64encode(packed.getvalue()).decode()}">'
    )
    return {"text/html": html, "text/plain": alt}


def show(fig: Figure, alt: str, widget=None):
    """Show a figure with the text that stands in for it unseen. ValueError without that text.

    With `widget` (an ipywidget), that follows below: the figure stays where no kernel is running.
    """
    display(image(fig, alt), raw=True)
    if widget:
        live = widget._repr_mimebundle_()
        display({VIEW: live[VIEW]}, raw=True)
