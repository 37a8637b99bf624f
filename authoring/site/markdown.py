"""Markdown as the notebooks write it -> HTML: anchors at headings, formulas as MathML, no request
to any other host."""

import base64
import re
from collections.abc import Callable
from html import escape
from typing import Any

from latex2mathml.converter import convert as mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from authoring.site import pictures
from authoring.site.pictures import Pictures

EMPTY_HEAD = re.compile(r"<thead>\s*<tr>\s*(?:<th[^>]*></th>\s*)+</tr>\s*</thead>\s*")
FUNCTION = re.compile(r"(<mi>(?:ln|log|exp|sin|cos|tanh|max|min)</mi>)(?=<m[ni]>)")
TAG = re.compile(r"<[^>]+>")


class Anchors:
    """The ids of one page: each heading's own, in words."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def new(self, heading: str) -> str:
        """An id for a heading given as HTML: "1.3 Merging" -> "1.3-merging"."""
        words = TAG.sub("", heading).lower()
        if words.startswith(("exercise", "experiment")):  # less its difficulty and its minutes
            words = " ".join(words.split(" · ")[:2])
        start = re.sub(r"[^\w.]+", "-", words).strip("-.") or "section"
        self.taken[start] = count = self.taken.get(start, 0) + 1
        return start if count == 1 else f"{start}-{count}"


class Renderer(IPythonRenderer):
    """What nbconvert's Markdown lacks for a page that must not ask a network for anything."""

    def __init__(
        self,
        anchors: Anchors,
        link: Callable[[str], str | None],
        drawings: Pictures,
        attachments: dict[str, dict[str, str]],
    ) -> None:
        super().__init__(escape=False, attachments=attachments)
        self.anchors, self.where, self.drawings = anchors, link, drawings

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """The page's own title is the one <h1>: a second one, as "Part one", is an <h2>."""
        anchor = self.anchors.new(text)
        part = level == 1 and len(self.anchors.taken) > 1
        level, kind = (2, ' class="part"') if part else (level, "")
        return f'<h{level} id="{anchor}"{kind}>{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link to its place on the site; the text alone if it has none there."""
        address = self.where(url)
        return text if address is None else f'<a href="{escape(address)}">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture, out of the cell's attachments and into a file."""
        name = url.removeprefix("attachment:")
        png = base64.b64decode(self.attachments[name]["image/png"])
        address, (width, height) = self.drawings.write(png)
        shown = width // pictures.DENSITY, height // pictures.DENSITY
        return pictures.tag(address, escape(TAG.sub("", text)), *shown)

    def block_code(self, code: str, info: str | None = None) -> str:
        """A block of code, coloured if it is Python."""
        return code_block(code) if info == "python" else f"<pre>{escape(code)}</pre>\n"

    def inline_math(self, body: str) -> str:
        """$…$ as MathML."""
        return formula(body)

    def block_math(self, body: str) -> str:
        """$$…$$ as MathML, on a line of its own."""
        return f'<span class="formula">{formula(body, "block")}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        """\\begin{…} … \\end{…} as MathML."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def to_html(
    text: str,
    drawings: Pictures,
    link: Callable[[str], str | None],
    anchors: Anchors,
    attachments: dict[str, dict[str, str]] | None = None,
) -> str:
    """Markdown as HTML. `link` turns an address into the site's, or None where the site has no such
    page: the words stay, without a link."""
    renderer = Renderer(anchors, link, drawings, attachments or {})
    html = str(MarkdownWithMath(renderer=renderer).render(text))
    return EMPTY_HEAD.sub("", html).replace("<th></th>", "<td></td>")


def formula(tex: str, display: str = "inline") -> str:
    """LaTeX as MathML. The converter leaves the backslash of a name such as head\\_dim, and puts no
    space between ln and 3."""
    made = mathml(tex.strip(), display=display).replace("\\_", "_")
    return FUNCTION.sub(r'\1<mspace width="0.17em"></mspace>', made)


def code_block(code: str) -> str:
    """Python in the colours of web/site.css."""
    inner = highlight(code, PythonLexer(stripnl=True), HtmlFormatter(nowrap=True)).rstrip("\n")
    return f'<pre class="code"><code>{inner}</code></pre>\n'
