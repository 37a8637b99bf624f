"""The picture that a chat or a forum shows of a link to a page: its title, and below it a chapter's
first drawing, the landing page's first bars, or what the page is about."""

import io
import json
import math
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from authoring.site.page import Page
from llmlib import files

FOLDER = "previews"
SIZE = WIDTH, HEIGHT = 1200, 630  # what chats and forums ask for
EDGE = 60
INK, FAINT, ACCENT = "#1c2126", "#545e68", "#0b5c92"
TINTS = ("#dceefb", "#fde6d2", "#d8f0e4")
BRAND = ("From", " Tokens", " to", " Tokens")
BARS = 4


def write(folder: Path, pages: list[Page]) -> None:
    """Write previews/NAME.png for each page of the site in `folder`, whose pictures and recorded
    run are there."""
    for page in pages:
        picture = Image.new("RGB", SIZE, "white")
        below = _heading(ImageDraw.Draw(picture), page)
        if page.name == "index":
            _next_token(ImageDraw.Draw(picture), folder, below)
        elif drawing := page.first_picture():
            _fit(picture, Image.open(folder / drawing), below)
        png = io.BytesIO()
        picture.save(png, "PNG", optimize=True)
        files.write(folder / FOLDER / f"{page.name}.png", png.getvalue())


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The typeface that comes with matplotlib, so that every machine draws the same."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def _heading(draw: ImageDraw.ImageDraw, page: Page) -> int:
    """The course's name in tokens, the page's title, and without a drawing what it is about.
    Returns where they end."""
    _chips(draw, BRAND, (EDGE, 40), 26)
    title = page.heading
    y, size = 104, 44 if len(title) > 40 else 56
    for line in _lines(draw, title, _font(size, bold=True)):
        draw.text((EDGE, y), line, INK, _font(size, bold=True))
        y += round(1.2 * size)
    if page.name != "index" and not page.first_picture():
        y += 40
        for line in _lines(draw, page.about, _font(36)):
            draw.text((EDGE, y), line, FAINT, _font(36))
            y += 52
    return y + 24


def _lines(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font) > WIDTH - 2 * EDGE:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _chips(
    draw: ImageDraw.ImageDraw, tokens: tuple[str, ...], at: tuple[float, float], size: int
) -> None:
    """Tokens side by side, each on its own ground; a dot stands for a space."""
    (x, y), font, pad = at, _font(size), size // 4
    for i, token in enumerate(tokens):
        text = token.replace(" ", "·")
        width = draw.textlength(text, font) + 2 * pad
        draw.rounded_rectangle((x, y, x + width, y + 1.5 * size), pad, TINTS[i % len(TINTS)])
        draw.text((x + pad, y + 0.15 * size), text, INK, font)
        x += width + 3


def _next_token(draw: ImageDraw.ImageDraw, folder: Path, y: float) -> None:
    """The recorded text and its likeliest next tokens, with bars to scale."""
    source = (folder / "assets" / "widgets" / "recorded.js").read_text(encoding="utf-8")
    recorded = json.loads(source.removeprefix("export default ").removesuffix(";\n"))
    tokens = tuple(each["text"] for each in recorded["tokens"][: recorded["prompt_length"]])
    size, room = 34, WIDTH - 2 * EDGE
    while draw.textlength("·".join(tokens), _font(size)) > 0.75 * room:
        size -= 1
    _chips(draw, tokens, (EDGE, y), size)
    likeliest = recorded["steps"][0]["likeliest"][:BARS]
    y += 88
    for _, text, logit in likeliest:
        share = math.exp(logit - likeliest[0][2])
        draw.text((EDGE, y), text.replace(" ", "·"), INK, _font(32))
        draw.rectangle((EDGE + 190, y + 4, EDGE + 190 + share * (room - 190), y + 36), ACCENT)
        y += 56


def _fit(picture: Image.Image, drawing: Image.Image, top: int) -> None:
    """Put a drawing into the room below `top`, as large as it can be."""
    room = (WIDTH - 2 * EDGE, HEIGHT - top - 30)
    drawing = drawing.convert("RGBA")
    scale = min(room[0] / drawing.width, room[1] / drawing.height)
    drawing = drawing.resize((round(drawing.width * scale), round(drawing.height * scale)))
    picture.paste(drawing, ((WIDTH - drawing.width) // 2, top), drawing)
