"""The pages beside the chapters: the instructor's guide and the claims."""

import ast
import re
from dataclasses import dataclass

from authoring.site import chapters
from authoring.site.links import Links
from authoring.site.markdown import Anchors, to_html
from authoring.site.page import Page
from authoring.site.pictures import Pictures
from authoring.site.templates import render
from exercises.format import notebooks
from exercises.format.notebooks import ROOT

CLAIMS = ROOT / "tests" / "claims"
FIGURES = ROOT / "docs" / "evidence" / "claims.md"
ROW = re.compile(r"^\| (\d\d_\w+) \| (.*?) \| (.*) \| (.*?) \|$", re.MULTILINE)


def instructors(drawings: Pictures, links: Links) -> Page:
    """INSTRUCTORS.md."""
    text = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    body = to_html(text, drawings, links.to, Anchors())
    about = "How to collect, grade and return notebooks, and what the grader can and cannot see."
    return Page("instructors", "Instructor's guide", body, about)


@dataclass(frozen=True)
class Claim:
    """A sentence of a notebook and its control, as tests/claims holds them."""

    notebook: str
    name: str
    sentences: tuple[str, ...]
    control: str
    figures: str  # "" if it has not been run since it was written

    @property
    def anchor(self) -> str:
        """What a link to it ends with."""
        return f"{self.notebook}.{self.name}"


def read_claims() -> list[Claim]:
    """All claims, in the order of the notebooks. Nothing is run."""
    figures = {
        (name, claim.replace("\\|", "|")): found.replace("\\|", "|")
        for name, claim, _, found in ROW.findall(FIGURES.read_text(encoding="utf-8"))
    }
    claims = []
    for path in sorted(CLAIMS.glob("[0-9][0-9]_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            text = " ".join((ast.get_docstring(node) or "").split())
            sentences = tuple(re.findall("“(.+?)”", text))
            control = re.sub("“.+?”", "", text).strip(" …")
            found = figures.get((path.stem, " … ".join(sentences)), "")
            claims.append(Claim(path.stem, node.name, sentences, control, found))
    return claims


def claims(drawings: Pictures, links: Links) -> Page:
    """All claims with their controls, by chapter."""
    anchors = Anchors()

    def html(text: str) -> str:
        inner = to_html(text.strip("*"), drawings, links.to, anchors).strip()
        return inner.removeprefix("<p>").removesuffix("</p>")

    read = read_claims()
    parts = [
        {
            "notebook": notebook,
            "claims": [
                {
                    "anchor": each.anchor,
                    "sentences": [html(_balanced(sentence)) for sentence in each.sentences],
                    "control": html(each.control),
                    "figures": each.figures,
                    "address": address(each),
                }
                for each in read
                if each.notebook == notebook.name
            ],
        }
        for notebook in notebooks.lessons()
    ]
    body = render("claims.html.j2", parts=parts, count=len(read))
    about = f"{len(read)} sentences of the course, each run together with its control."
    return Page("claims", "Claims and controls", body, about)


def address(claim: Claim) -> str:
    """Where the chapter says what a claim quotes: the cell with its first sentence, or the page."""
    for cell in notebooks.load(claim.notebook).cells:
        if claim.sentences[0] in " ".join(cell.source.replace("> ", "").split()):
            return f"{claim.notebook}.html#{chapters.anchor(cell)}"
    return f"{claim.notebook}.html"


def _balanced(sentence: str) -> str:
    """A quotation without the mark of bold text whose other half is outside it."""
    return sentence.replace("**", "") if sentence.count("**") % 2 else sentence
