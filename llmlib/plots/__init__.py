"""Every picture of the course, a file or more for each notebook. Here is what they share: style,
words, showing.

Colours are those of Okabe & Ito (2008), told apart by colour-blind readers; markers, line styles
and hatches repeat the difference without colour. Importing this sets the style for all figures.
"""

import io
from base64 import b64encode
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib import cycler
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from PIL import Image

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, RED, YELLOW, GREY = "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F"
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++")
SEQUENTIAL = "viridis"  # dark to light, so that greyscale keeps the order
DIVERGING = "RdBu_r"  # in greyscale its two ends are alike: write the numbers beside it

BLANK = "·"  # shown for a space, so that " cat" and "cat" differ
GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind words that cross a line
CENTRE = {"ha": "center", "va": "center"}
EDGED = {"edgecolor": "black", "linewidth": 0.5}
LINE_STYLES = cycler(color=COLOURS, marker=("o", "s", "^", "D", "v", "P"), linestyle=LINES)
BAR_STYLES = [{"color": colour, "hatch": hatch} | EDGED for colour, hatch in zip(COLOURS, HATCHES)]

DPI = 100  # pixels of the page to an inch of a figure
VIEW = "application/vnd.jupyter.widget-view+json"
plt.rc("figure", dpi=DPI)
plt.rc("figure.constrained_layout", use=True, h_pad=0.08)
plt.rc("font", size=11)
plt.rc("axes", titlesize=12, grid=True, axisbelow=True)
plt.rc("axes.spines", top=False, right=False)
plt.rc("grid", alpha=0.3)
plt.rc("legend", edgecolor="none", fontsize=10)
plt.rc("lines", linewidth=2, markersize=5)


def labels(texts):
    """Tokens as tick labels: spaces and line ends made visible, long ones cut."""
    texts = [text.replace(" ", BLANK).replace("\n", "\\n") for text in texts]
    return [text if len(text) <= 12 else text[:11] + "…" for text in texts]


def figure(rows=None, columns=None, width=8.0, height=3.6, **options):
    """A figure in the course's style, in inches of `DPI` pixels, and its axes: the only one, or an
    array of as many as `rows` and `columns` say, line by line, even if that is one."""
    size = {"figsize": (width, height), "squeeze": False}
    fig, axes = plt.subplots(rows or 1, columns or 1, **size, **options)
    plt.close(fig)  # shown by `show` alone, never a second time by the notebook
    return fig, axes.flatten() if rows or columns else axes[0, 0]


def png(fig: Figure) -> str:
    """The image of a figure, in at most 256 colours, as base64."""
    for text in fig.findobj(Text):
        if "$" in text.get_text() and "\\" not in text.get_text():
            text.set_parse_math(False)  # "$5 or $6": a formula has a backslash
    drawn, packed = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=2 * DPI)  # sharp on a screen with dense pixels
    palette = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    packing = Image.open(drawn).convert("RGB").quantize(256, **palette)  # a third of the bytes
    packing.save(packed, "png", optimize=True)
    return b64encode(packed.getvalue()).decode()


def image(fig: Figure, alt: str) -> dict[str, str]:
    """What a notebook keeps of a figure, {mime type: text}: its image with alt text, and that text.
    The attribute `alt` is where readers look for it; what goes with `image/png`, neither JupyterLab
    nor nbconvert reads. ValueError without alt text."""
    if not alt.strip():
        raise ValueError("every figure needs alt text: one or two sentences that say what it shows")
    html = (
        f'<img alt="{escape(alt)}" width="{round(fig.get_figwidth() * DPI)}" '
        'style="max-width:100%;height:auto;background:white" '
        f'src="data:image/png;base64,{png(fig)}">'
    )
    return {"text/html": html, "text/plain": alt}


def described(fig: Figure, alt: str) -> Figure:
    """The figure, with the alt text that `show` gives it. It lives here and not in a notebook's
    cell, where a reader would see what the figure shows before making a guess."""
    fig.alt = alt
    return fig


def listed(rows, fmt=".1f"):
    """Numbers as an alt text says them: {label: a number, or several} -> "a 1.0, b 2.0 and 3.0"."""
    numbers = ((name, np.atleast_1d(values)) for name, values in rows.items())
    return ", ".join(
        f"{name} {' and '.join(format(float(value), fmt) for value in values)}"
        for name, values in numbers
    )


def number(value):
    """A number as an alt text says it: two digits, or three from a hundred on."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def told(x, curves):
    """Curves as an alt text says them, {name: values}: each from its first value to its last, and
    where it lies clearly beyond both. `x`: all places, or the first, the others 1 apart."""
    said = []
    for name, values in curves.items():
        values = [float(value) for value in values]
        ends, (low, high) = sorted((values[0], values[-1])), (min(values), max(values))
        words = f"{name.strip()} from {number(values[0])} to {number(values[-1])}"
        beyond = {"lowest": (low, ends[0] - low), "highest": (high, high - ends[1])}
        for kind, (value, by) in beyond.items():
            if by > 0.05 * (high - low):
                at = values.index(value)
                place = x + at if isinstance(x, int) else float(x[at])
                words += f", {kind} {number(value)} at {place:,g}"
        said.append(words)
    return "; ".join(said)


def show(fig: Figure, alt: str = "", widget=None):
    """Show a figure with its alt text, as `described` unless `alt` is given. ValueError without
    that text. With `widget` (llmlib.widgets), that follows below: the figure stays where no kernel
    is running."""
    leave(image(fig, alt or getattr(fig, "alt", "")), widget)


def step_through(figures, name):
    """Show figures as one picture to click or key through: radio buttons and style, no script, so
    that it moves where no kernel runs. `name`: a word that no other picture of the page has."""
    heads, rules, shown = [], [], []
    for i, fig in enumerate(figures, 1):
        at, checked = f"{name}-{i}", " checked" if i == 1 else ""
        heads.append(
            f'<input type="radio" name="{name}" id="{at}"{checked}><label for="{at}">{i}</label> '
        )
        rules.append(f"#{at}:checked~.{at}")
        shown.append(f'<div class="{name} {at}">{image(fig, fig.alt)["text/html"]}</div>')
    style = f".{name}{{display:none}}{','.join(rules)}{{display:block}}"
    html = (
        f"<style>{style}</style><fieldset><legend>Step (click, or use the arrow keys)</legend>"
        f"{''.join(heads)}{''.join(shown)}</fieldset>"
    )
    leave({"text/html": html, "text/plain": "\n".join(fig.alt for fig in figures)})


def leave(bundle, widget=None):
    """Show {mime type: text}, which stays where no kernel is running; below it the widget."""
    display(bundle, raw=True)
    if widget:
        view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
        display({VIEW: view}, raw=True)


def look(names):
    """(name, style of its line, style of its bars) for each name. ValueError beyond six."""
    names = list(names)
    if len(names) > len(COLOURS):
        raise ValueError(f"{len(names)} series: readers can tell {len(COLOURS)} apart, not more")
    return list(zip(names, LINE_STYLES, BAR_STYLES))


def lines(ax, x, curves, every=1, legend="best", **options):
    """A line for each of {name: values}; `x`: all places, or the first, the others 1 apart."""
    for i, (name, style, _) in enumerate(look(curves)):
        at = range(x, x + len(curves[name])) if isinstance(x, int) else x
        apart = i * every // len(curves), every  # markers of curves that coincide stay visible
        ax.plot(at, curves[name], label=name, markevery=apart, **style | options)
    if legend:
        ax.legend(loc=legend)


def chart(x, curves, every=1, width=8.0, height=3.6, legend="best", **axes):
    """A figure of `lines` -> its axes; the legend's place, and in `axes` what `Axes.set` takes."""
    _, ax = figure(width=width, height=height)
    lines(ax, x, curves, every, legend)
    ax.set(**axes)
    return ax


def bars(ax, labels, series, fmt=None, across=False):
    """Bars side by side at 0, 1, 2, ...: series {name: one value a label}, or the values alone.
    `fmt` writes each value at its bar; `across` lays the bars down, the first label on top."""
    series = series if isinstance(series, dict) else {None: series}
    width = 0.8 / len(series)
    for i, (name, _, style) in enumerate(look(series)):
        places = np.arange(len(labels)) + (i - (len(series) - 1) / 2) * width
        draw = ax.barh if across else ax.bar
        drawn = draw(places, series[name], width * 0.94, label=name, **style)
        if fmt:
            ax.bar_label(drawn, fmt=fmt, fontsize=9, padding=2)
    (ax.set_yticks if across else ax.set_xticks)(range(len(labels)), labels)
    ax.grid(axis="y" if across else "x", visible=False)
    if across:
        ax.invert_yaxis()


def heat(ax, values, fmt=None, labels=None, **options):
    """A matrix as a heat map -> matplotlib's image. NaN stays white; `fmt` writes each value in its
    cell; labels: (of the rows, of the columns)."""
    values = np.asarray(values)
    drawn = ax.imshow(values, **{"cmap": SEQUENTIAL} | options)
    for (row, column), value in np.ndenumerate(values) if fmt else ():
        if value == value:
            colour = ink(drawn.cmap(drawn.norm(value)))
            ax.text(column, row, format(value, fmt), color=colour, fontsize=9, **CENTRE)
    if labels:
        ax.set_yticks(range(values.shape[0]), labels[0])
        ax.set_xticks(range(values.shape[1]), labels[1])
    ax.grid(visible=False)
    return drawn


def ink(colour):
    """Black or white, whichever reads better on `colour` (relative luminance, WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return "white" if np.dot(linear, (0.2126, 0.7152, 0.0722)) < 0.179 else "black"


def note(ax, text, place, offset, **style):
    """Words beside a place, `offset` points from it."""
    ax.annotate(text, place, offset, textcoords="offset points", **style)


def mark(ax, text, x=None, y=None, **options):
    """A dashed line at `x` or at height `y`, with its name: what a curve is to be held against."""
    style = {"color": "black", "linestyle": "--", "linewidth": 1.2} | options
    words = {"fontsize": 9, "bbox": GROUND}
    if y is None:
        ax.axvline(x, **style)
        upright = {"xycoords": ax.get_xaxis_transform(), "va": "top", "ha": "left"}
        note(ax, text, (x, 0.97), (5, 2), **upright, **words)
    else:
        ax.axhline(y, **style)
        level = {"xycoords": ax.get_yaxis_transform(), "va": "bottom", "ha": "right"}
        note(ax, text, (0.99, y), (0, 3), **level, **words)


def plain(axis, ticks=None):
    """Plain numbers on a logarithmic axis (`ax.xaxis`, `ax.yaxis`): `ticks`, or 1, 2, 5, 10, ..."""
    low, high = axis.get_view_interval()
    for steps in ((1, 2, 5), (1, 2, 3, 4, 5, 6, 8)) if ticks is None else ():
        ticks = [m * 10.0**e for e in range(-12, 13) for m in steps if low <= m * 10.0**e <= high]
        if len(ticks) > 2:
            break
    axis.set_ticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks])
    axis.set_tick_params(which="minor", size=0)
    axis.set_minor_formatter("")


def canvas(width, height, columns, rows):
    """An empty sheet to draw boxes on -> figure, axes with `columns` by `rows` units."""
    fig, ax = figure(width=width, height=height)
    ax.set(xlim=(0, columns), ylim=(0, rows))
    ax.axis("off")
    return fig, ax


def box(ax, x, y, width, height, text, colour, **style):
    """A box with words in it, from its lower left corner; behind them a hatch leaves room."""
    style = {"boxstyle": "round,pad=0.03", "facecolor": colour, "edgecolor": "black"} | style
    ax.add_patch(FancyBboxPatch((x, y), width, height, **style))
    words = {"color": ink(colour), "fontsize": 10, "bbox": GROUND if style.get("hatch") else None}
    ax.text(x + width / 2, y + height / 2, text, **words, **CENTRE)


def arrow(ax, start, end, **style):
    """An arrow from `start` to `end`."""
    style = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.3} | style
    ax.annotate("", xytext=start, xy=end, arrowprops={"shrinkA": 0, "shrinkB": 0} | style)
