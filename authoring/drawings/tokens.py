"""The drawings of notebook 1: text, bytes and tokens as boxes."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon

from llmlib import plots, tokens

WIDTH = 7.5
LARGE, SMALL = 17, 13  # readable on a page 390 pixels wide
PALE, WARM, CALM = "#cfe6f5", "#fde9bd", "#cdeee1"


def sheet(height: float) -> tuple[Figure, Axes]:
    """Return an empty sheet, a unit to the inch."""
    return plots.canvas(WIDTH, height, WIDTH, height)


def block(
    ax: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str = "",
    colour: str = "white",
    size: int = LARGE,
    **style: Any,
) -> None:
    """Draw a box from its lower left corner, with words in its middle."""
    edge: dict[str, Any] = {
        "boxstyle": "round,pad=0,rounding_size=0.06",
        "facecolor": colour,
        "linewidth": 1.3,
    }
    ax.add_patch(FancyBboxPatch((x, y), width, height, **edge | {"edgecolor": "black"} | style))
    words(ax, x + width / 2, y + height / 2, text, size, color=plots.ink(colour))


def words(ax: Axes, x: float, y: float, text: str, size: int = SMALL, **style: Any) -> None:
    """Write words around a place."""
    ax.text(x, y, text, fontsize=size, **plots.CENTRE | style)


def row(
    ax: Axes,
    x: float,
    y: float,
    texts: Iterable[str],
    widths: Iterable[float],
    colours: Iterable[str],
    height: float = 0.5,
    size: int = LARGE,
) -> list[float]:
    """Draw boxes side by side -> where each begins, and where the last ends."""
    places = [x]
    for text, width, colour in zip(texts, widths, colours):
        block(ax, places[-1], y, width - 0.06, height, text, colour, size)
        places.append(places[-1] + width)
    return places


def visible(text: str) -> str:
    """Return a text with its spaces shown."""
    return text.replace(" ", plots.BLANK)


def there_and_back() -> Figure:
    """Draw text, ids, the model, an id, text."""
    fig, ax = sheet(4.2)
    tokenizer = tokens.Tokenizer.smollm2()  # of the model that the notebook runs below
    ids = tokenizer.encode("The capital of France is")
    pieces = [tokenizer.decode([i]) for i in ids]
    widths, colours = [1.0, 1.5, 0.85, 1.5, 0.85], [PALE, WARM, CALM] * 2
    words(ax, 3.2, 4.0, "The capital of France is", LARGE)
    plots.arrow(ax, (3.2, 3.8), (3.2, 3.46))
    words(ax, 3.45, 3.63, "cut", SMALL, ha="left")
    places = row(ax, 0.35, 2.9, map(visible, pieces), widths, colours)
    plots.arrow(ax, (3.2, 2.84), (3.2, 2.5))
    words(ax, 3.45, 2.67, "look up SmolLM2's number", SMALL, ha="left")
    for i, (place, width) in enumerate(zip(places, widths)):
        words(ax, place + width / 2 - 0.03, 2.28, str(ids[i]), LARGE)
    plots.arrow(ax, (3.2, 2.08), (3.2, 1.78))
    block(ax, 0.35, 1.14, 5.7, 0.6, "the model", plots.SKY)
    plots.arrow(ax, (6.1, 1.44), (6.55, 1.44))
    for n, length in enumerate((0.25, 0.6, 0.4, 0.15)):
        block(ax, 6.6, 1.75 - 0.22 * n, length, 0.14, colour=plots.ORANGE)
    words(ax, 6.95, 2.22, "a bar for\nevery token", SMALL)
    plots.arrow(ax, (6.9, 0.95), (6.9, 0.6))
    words(ax, 6.9, 0.38, "one id", SMALL)
    plots.arrow(ax, (6.4, 0.38), (4.4, 0.38))
    words(ax, 5.4, 0.56, "decode", SMALL)
    words(ax, 3.2, 0.38, "the next bit of text", LARGE)
    return fig


def one_more() -> Figure:
    """Draw the same function again and again, each time with one token more."""
    fig, ax = sheet(2.9)
    text, widths = ["Thank", " you", " for", " your", " help"], [1.0, 0.95, 0.8, 1.0, 1.0]
    for n in range(3):
        y, known = 2.2 - 0.95 * n, 2 + n
        places = row(ax, 0.1, y, map(visible, text[:known]), widths, [PALE] * known)
        end = places[-1]
        plots.arrow(ax, (end, y + 0.25), (end + 0.3, y + 0.25))
        block(ax, end + 0.35, y, 0.95, 0.5, "model", plots.SKY, SMALL)
        plots.arrow(ax, (end + 1.32, y + 0.25), (end + 1.62, y + 0.25))
        block(ax, end + 1.67, y, widths[known], 0.5, visible(text[known]), plots.ORANGE)
    return fig


def three_units() -> Figure:
    """Draw one text in words, in characters, in bytes."""
    fig, ax = sheet(3.3)
    text = "a naïve fox"
    data = {
        "words": (text.split(), [1.0, 2.6, 2.0], "short, never complete"),
        "characters": (list(visible(text)), [0.5] * len(text), "more than 100,000 kinds"),
        "bytes": ([f"{b:02x}" for b in text.encode()], [0.47] * len(text.encode()), "256 kinds"),
    }
    for n, (name, (units, widths, remark)) in enumerate(data.items()):
        y = 2.4 - 1.1 * n
        words(ax, 0.1, y + 0.68, f"{len(units)} {name}", SMALL, ha="left", weight="bold")
        words(ax, 5.75, y + 0.68, remark, SMALL, ha="right")
        colours = [
            WARM if name == "bytes" and units[i] in ("c3", "af") or units[i] == "ï" else PALE
            for i in range(len(units))
        ]
        row(ax, 0.1, y, units, widths, colours, size=LARGE if name != "bytes" else SMALL)
    return fig


def a_chat() -> Figure:
    """Draw one message of a chat: special tokens around what somebody said."""
    fig, ax = sheet(2.3)
    dark = "#333333"
    at = 0.1
    for text, width, special in [
        ("<|im_start|>", 1.6, True),
        ("user", 0.65, False),
        ("↵", 0.4, False),
        ("Hello", 0.8, False),
        ("!", 0.35, False),
        ("<|im_end|>", 1.45, True),
        ("↵", 0.4, False),
    ]:
        block(ax, at, 1.1, width, 0.65, text, dark if special else PALE, SMALL)
        ax.plot([at + width / 2] * 2, [1.05, 0.75], color="black", linewidth=1)
        at += width + 0.1
    words(ax, 0.9, 0.5, "one id,\nnot text", SMALL)
    words(ax, 3.3, 0.58, "text, encoded as always", SMALL)
    words(ax, 5.1, 0.58, "one id", SMALL)
    words(ax, 6.15, 0.58, "text", SMALL)
    words(ax, 3.75, 2.08, "a message, as the model sees it", SMALL, weight="bold")
    return fig


def fox() -> Figure:
    """Draw the four bytes of a fox as boxes, with the borders of GPT-2's tokens across them."""
    fig, ax = sheet(3.3)
    tokenizer, colours = tokens.Tokenizer.gpt2(), [WARM, CALM, PALE]
    ids = tokenizer.encode(" 🦊")
    parts = [tokenizer.token_bytes(i) for i in ids]
    _fox(ax, 4.55, 2.72)
    ax.plot([1.85, 1.85, 7.25, 7.25], [1.9, 2.1, 2.1, 1.9], color="black", linewidth=1.5)
    at = 0.45
    for part, i, colour in zip(parts, ids, colours):
        start = at
        for byte in part:
            text = plots.BLANK if byte == 32 else f"{byte:02x}"
            block(ax, at + 0.06, 1.15, 1.2, 0.65, text, colour, 20)
            at += 1.38
        outline: dict[str, Any] = {"linewidth": 3, "linestyle": "--"}
        block(ax, start, 1.02, at - start - 0.1, 0.91, colour="none", **outline)
        words(ax, (start + at) / 2 - 0.05, 0.72, f"token {i:,}", SMALL, weight="bold")
    words(ax, 3.9, 0.25, "one character, four bytes, three tokens", SMALL)
    words(ax, 1.1, 2.35, "a space", SMALL)
    plots.arrow(ax, (1.1, 2.2), (1.1, 1.95))
    return fig


def _fox(ax: Axes, x: float, y: float) -> None:
    """Draw a fox's face: two ears, a pointed head, two cheeks, two eyes, a nose."""
    red: dict[str, Any] = {
        "facecolor": plots.RED,
        "edgecolor": "black",
        "linewidth": 1.2,
        "joinstyle": "round",
    }
    for side in (-1, 1):
        ear = [(x + side * 0.08, y + 0.16), (x + side * 0.44, y + 0.55), (x + side * 0.5, y + 0.02)]
        ax.add_patch(Polygon(ear, **red))
    head = [(-0.5, 0.02), (-0.2, 0.2), (0.2, 0.2), (0.5, 0.02), (0.0, -0.5)]
    ax.add_patch(Polygon([(x + across, y + up) for across, up in head], **red))
    for side in (-1, 1):
        cheek = [(x + side * 0.45, y - 0.02), (x + side * 0.13, y - 0.1), (x, y - 0.46)]
        ax.add_patch(Polygon(cheek, facecolor="white", edgecolor="none"))
        ax.add_patch(Circle((x + side * 0.18, y + 0.05), 0.045, facecolor="black"))
    ax.add_patch(Circle((x, y - 0.45), 0.06, facecolor="black"))


def in_the_engine() -> Figure:
    """Draw your functions on both sides of the model."""
    fig, ax = sheet(1.9)
    for x, width, text, colour in [
        (0.65, 1.5, "your\nencode", WARM),
        (2.95, 1.6, "SmolLM2", plots.SKY),
        (5.3, 1.5, "your\ndecode", WARM),
    ]:
        block(ax, x, 0.45, width, 0.95, text, colour, SMALL)
    for start, end, label in [(0.05, 0.6, "text"), (2.2, 2.9, "ids"), (4.6, 5.25, "ids")]:
        plots.arrow(ax, (start, 0.92), (end, 0.92))
        words(ax, (start + end) / 2, 1.12, label, SMALL)
    plots.arrow(ax, (6.85, 0.92), (7.4, 0.92))
    words(ax, 7.12, 1.12, "text", SMALL)
    return fig
