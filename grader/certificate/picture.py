"""Draw the certificate as a picture: A4, landscape; SVG (text stays text), PNG or PDF."""

import io
import textwrap
import unicodedata
import warnings
from functools import cache
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle

from exercises.format import notebooks
from grader.certificate.credential import BUILT, COURSE, SELF, Certificate
from llmlib.plots import BLUE, CENTRE, GREEN, ORANGE

INK, PAPER = "#1D2433", "#FFFDF7"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "certificate",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "figure.constrained_layout.use": False,
}
# Fonts that could hold a script which DejaVu Sans lacks, where a computer has them.
SCRIPTS = {"PingFang SC", "Microsoft YaHei", "Malgun Gothic", "Hiragino Sans", "Yu Gothic"}
SCRIPTS |= {"Nirmala UI", "Arial Unicode MS"}


def draw(certificate: Certificate, kind: str = "svg") -> bytes:
    """Draw it, `kind` "svg", "png" or "pdf"; save in SVG, what no font has becomes boxes."""
    title, out = f"{COURSE}: certificate of {certificate.name}", io.BytesIO()
    date_keys = {"svg": "Date", "pdf": "CreationDate"}  # left out: the same bytes each time
    metadata = {date_keys[kind]: None, "Title": title} if kind in date_keys else None
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # `undrawable` says it, once
        figure = _figure(certificate)
        figure.savefig(out, format=kind, dpi=150, facecolor=PAPER, metadata=metadata)
    return out.getvalue()


def undrawable(name: str) -> str:
    """Return the characters of `name` that no font here has: PNG and PDF cannot show them."""
    fonts = [font_manager.get_font(font_manager.findfont(family)) for family in _families()]
    drawable = {c for c in name if any(font.get_char_index(ord(c)) for font in fonts)}
    return "".join(dict.fromkeys(c for c in name if not c.isspace() and c not in drawable))


def _figure(certificate: Certificate) -> Figure:
    figure = Figure(figsize=(11.69, 8.27), facecolor=PAPER)

    def text(
        y: float, line: str, size: float, color: str = INK, x: float = 0.5, **style: Any
    ) -> None:
        figure.text(x, y, line, fontsize=size, color=color, **CENTRE | style)

    for inset, width, colour in ((0.025, 3, BLUE), (0.034, 0.8, INK)):
        corner, sides = (inset, inset * 1.41), (1 - 2 * inset, 1 - 2.82 * inset)
        figure.add_artist(Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=width))
    text(0.87, "CERTIFICATE", 15, BLUE, weight="bold")
    text(0.80, COURSE, 30, weight="bold", family="serif")
    stages = [lesson.heading.partition(" ")[2] for lesson in notebooks.lessons()]
    text(0.745, f"How large language models work, in {len(stages)} notebooks", 13)
    text(0.678, "This certifies that", 13)
    lines, size = _fitted(certificate.name)
    for number, line in enumerate(lines):
        y = 0.592 + size / 900 * (len(lines) - 1 - 2 * number)
        text(y, line, size, family=_families(), weight="bold")
    figure.add_artist(Line2D([0.22, 0.78], [0.515, 0.515], color=INK, linewidth=0.8))
    for number, line in enumerate(textwrap.wrap(f"completed the course and built {BUILT}.", 100)):
        text(0.475 - 0.03 * number, line, 11.5)
    gap = 0.0145
    wide = 0.7875 / len(stages) - gap
    for number, stage in enumerate(stages):
        x = 0.1135 + number * (wide + gap)
        shape = "round,pad=0,rounding_size=0.008"
        box = FancyBboxPatch((x, 0.285), wide, 0.062, shape, facecolor=GREEN, alpha=0.22)
        figure.add_artist(box)
        text(0.316, textwrap.fill(stage, 12), 10, x=x + wide / 2, linespacing=0.95)
        if number < len(stages) - 1:
            text(0.316, "›", 12, x=x + wide + gap / 2)
    own_key = certificate.kind == SELF
    mark = {"boxstyle": "round,pad=0.45", "facecolor": "white", "linewidth": 2}
    mark["edgecolor"] = ORANGE if own_key else GREEN
    kind = "SELF-ATTESTED" if own_key else "ISSUED BY AN INSTRUCTOR"
    text(0.225, kind, 11, weight="bold", bbox=mark)
    until = f", valid until {certificate.expires:%Y-%m-%d}" if certificate.expires else ""
    words = f"{certificate.attested} {certificate.checked}"
    statement = textwrap.wrap(words, 120, max_lines=2, placeholder=" …")
    for number, line in enumerate([f"{certificate.issued:%Y-%m-%d}{until}", *statement]):
        text(0.175 - 0.0245 * number, line, 9.5)
    engine = [f"my_llm.py  sha256 {certificate.engine}"] if certificate.engine else []
    for number, line in enumerate([certificate.id, *engine]):
        text(0.092 - 0.02 * number, line, 8, family="monospace")
    return figure


def _fitted(name: str) -> tuple[list[str], float]:
    """Return (up to four lines, font size) in which a name fits the page, whole."""
    room = 44 if _width(name) > len(name) else 48
    lines = [name] if _width(name) <= 44 else textwrap.wrap(name, room)
    while len(lines) > 4:
        room += 4
        lines = textwrap.wrap(name, room)
    return lines, min((34, 22, 18, 14)[len(lines) - 1], 34 * 30 / max(map(_width, lines)))


def _width(text: str) -> int:
    """Count roughly how many letters wide: Chinese, Japanese and Korean characters count twice."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@cache
def _families() -> list[str]:
    """Return DejaVu Sans first, then every other font here that could hold a script it lacks."""
    families = {entry.name for entry in font_manager.fontManager.ttflist}
    fallbacks = {name for name in families if "Noto" in name or "CJK" in name or name in SCRIPTS}
    return ["DejaVu Sans", *sorted(fallbacks)]
