"""The certificate as a picture: A4, landscape; SVG (text stays text), PNG or PDF."""

import io
import textwrap
import warnings
from functools import cache

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from llmlib.certificate.credential import BUILT, COURSE, SELF
from llmlib.plots import BLUE, GREEN, ORANGE

INK, PAPER = "#1D2433", "#FFFDF7"
STAGES = (
    "tokens",
    "embeddings",
    "attention",
    "layers",
    "output head",
    "sampling",
    "KV cache\n& scaling",
)
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "certificate",
    "pdf.fonttype": 42,
    "text.parse_math": False,
}


def draw(certificate, kind="svg"):
    """The picture's bytes; `kind` is "svg", "png" or "pdf". What is unknown to every font here comes out as boxes, save in SVG."""
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing"
        )  # `undrawable` says it, and once
        figure = _figure(certificate)
        out = io.BytesIO()
        title = f"{COURSE}: certificate of {certificate.name}"
        metadata = {
            "svg": {"Date": None, "Title": title},
            "pdf": {"CreationDate": None, "Title": title},
        }.get(kind)
        figure.savefig(out, format=kind, dpi=150, facecolor=PAPER, metadata=metadata)
    return out.getvalue()


def undrawable(name):
    """The characters of `name` that no font of this computer has: the PNG and the PDF cannot show them."""
    fonts = [_characters(path) for path in _paths()]
    return "".join(
        dict.fromkeys(
            c for c in name if not c.isspace() and not any(ord(c) in found for found in fonts)
        )
    )


def _figure(certificate):
    figure = Figure(figsize=(11.69, 8.27))
    figure.patch.set_facecolor(PAPER)
    for inset, width, colour in ((0.025, 3, BLUE), (0.034, 0.8, INK)):
        frame = Rectangle(
            (inset, inset * 1.41),
            1 - 2 * inset,
            1 - 2.82 * inset,
            fill=False,
            edgecolor=colour,
            linewidth=width,
        )
        frame.set_transform(figure.transFigure)
        figure.add_artist(frame)
    text = _writer(figure)
    text(0.87, "CERTIFICATE", 15, BLUE, weight="bold")
    text(0.80, COURSE, 30, weight="bold", family="serif")
    text(0.745, "How large language models work, in seven notebooks", 13)
    text(0.678, "This certifies that", 13)
    lines, size = _fitted(certificate.name)
    for number, line in enumerate(lines):
        text(
            0.592 + size / 900 * (len(lines) - 1 - 2 * number),
            line,
            size,
            family=_families(),
            weight="bold",
        )
    figure.add_artist(
        matplotlib.lines.Line2D([0.22, 0.78], [0.515, 0.515], color=INK, linewidth=0.8)
    )
    for number, line in enumerate(
        textwrap.wrap("completed the course and built " + BUILT + ".", 100)
    ):
        text(0.475 - 0.03 * number, line, 11.5)
    _stages(figure)
    accent = ORANGE if certificate.kind == SELF else GREEN
    label = "SELF-ATTESTED" if certificate.kind == SELF else "ISSUED BY AN INSTRUCTOR"
    mark = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": accent, "linewidth": 2}
    text(0.225, label, 11, weight="bold", bbox=mark)
    for number, line in enumerate(_lines(certificate)):
        text(0.175 - 0.0245 * number, line, 9.5)
    small = [certificate.id] + (
        [f"my_llm.py  sha256 {certificate.engine}"] if certificate.engine else []
    )
    for number, line in enumerate(small):
        text(0.092 - 0.02 * number, line, 8, family="monospace")
    return figure


def _lines(certificate):
    until = f", valid until {certificate.expires:%Y-%m-%d}" if certificate.expires else ""
    words = textwrap.wrap(
        f"{certificate.attested} {certificate.checked}", 120, max_lines=2, placeholder=" …"
    )
    return [f"{certificate.issued:%Y-%m-%d}{until}", *words]


def _stages(figure):
    left, wide, gap = 0.115, 0.098, 0.0145
    for number, stage in enumerate(STAGES):
        x = left + number * (wide + gap)
        box = FancyBboxPatch(
            (x, 0.285),
            wide,
            0.062,
            boxstyle="round,pad=0,rounding_size=0.008",
            facecolor=GREEN,
            alpha=0.22,
        )
        box.set_transform(figure.transFigure)
        figure.add_artist(box)
        figure.text(
            x + wide / 2,
            0.316,
            stage,
            ha="center",
            va="center",
            fontsize=10,
            color=INK,
            linespacing=0.95,
        )
        if number < len(STAGES) - 1:
            figure.text(
                x + wide + gap / 2, 0.316, "›", ha="center", va="center", fontsize=12, color=INK
            )


def _writer(figure):
    def text(y, words, size, color=INK, **style):
        return figure.text(
            0.5,
            y,
            words,
            ha="center",
            va="center",
            fontsize=size,
            color=color,
            parse_math=False,
            **style,
        )

    return text


def _fitted(name):
    """(up to four lines, font size) in which a name fits the page, whole."""
    room = 44 if _width(name) > len(name) else 48
    lines = [name] if _width(name) <= 44 else textwrap.wrap(name, room)
    while len(lines) > 4:
        room += 4
        lines = textwrap.wrap(name, room)
    return lines, min((34, 22, 18, 14)[len(lines) - 1], 34 * 30 / max(map(_width, lines)))


def _width(text):
    """Roughly how many letters wide: Chinese, Japanese and Korean characters count twice."""
    return sum(
        2 if 0x1100 <= ord(c) <= 0x11FF or 0x2E80 <= ord(c) <= 0xFFEF or ord(c) > 0x1F000 else 1
        for c in text
    )


@cache
def _families():
    """DejaVu Sans first, then every other font of this computer that could hold a script which it lacks."""
    others = {
        entry.name
        for entry in font_manager.fontManager.ttflist
        if "Noto" in entry.name or "CJK" in entry.name
    }
    others |= {
        "PingFang SC",
        "Microsoft YaHei",
        "Malgun Gothic",
        "Hiragino Sans",
        "Yu Gothic",
        "Nirmala UI",
        "Arial Unicode MS",
    }
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *sorted(others & known)]


def _paths():
    return [font_manager.findfont(family) for family in _families()]


@cache
def _characters(path):
    return frozenset(font_manager.get_font(path).get_charmap())
