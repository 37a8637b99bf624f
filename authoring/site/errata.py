"""The errata: what the tutorial says that this course grew out of, what is true, and where each is
run: in a chapter, in the claims' tests, or in a few lines that the build runs itself."""

import contextlib
import io
import re
import tomllib
from dataclasses import dataclass

from authoring.site import chapters, reference
from authoring.site.links import Links
from authoring.site.markdown import Anchors, code_block, to_html
from authoring.site.page import Page
from authoring.site.pictures import Pictures
from authoring.site.templates import WEB, render
from exercises.format import notebooks
from exercises.format.notebooks import SourceError

SOURCE = WEB / "errata.toml"
KEYS = {"says", "true", "chapter", "shows", "claims", "run"}


@dataclass(frozen=True)
class Erratum:
    """One entry of web/errata.toml; see there."""

    says: str
    true: str
    chapter: str
    shows: str
    claims: tuple[str, ...] = ()
    run: str = ""

    def printed(self) -> str:
        """What its code prints. AssertionError if it is not true."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(self.run, f"<{self.says}>", "exec"), {"__name__": "errata"})
        return said.getvalue().rstrip()


def read() -> list[Erratum]:
    """All entries. SourceError if one names what is not there."""
    entries = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["erratum"]
    known = {claim.anchor for claim in reference.read_claims()}
    for number, entry in enumerate(entries, 1):
        if unknown := entry.keys() - KEYS:
            raise SourceError(f"{SOURCE.name}: entry {number} has {', '.join(unknown)}.")
        if missing := set(entry.get("claims", ())) - known:
            raise SourceError(f"{SOURCE.name}: there is no claim {', '.join(missing)}.")
    return [Erratum(**entry | {"claims": tuple(entry.get("claims", ()))}) for entry in entries]


def place(erratum: Erratum) -> tuple[str, str]:
    """(the id of the cell in which a chapter runs what an erratum says, the Markdown of the heading
    above it). SourceError if no cell of the chapter holds the text that it names."""
    heading = ""
    for cell in notebooks.load(erratum.chapter).cells:
        until, found, _ = cell.source.partition(erratum.shows)
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#+ (.*)", until, re.MULTILINE) or [heading])[-1]
        if found and notebooks.kind(cell) not in ("solution", "test"):  # those are folded away
            return chapters.anchor(cell), heading
    raise SourceError(f"{SOURCE.name}: {erratum.chapter} does not show {erratum.shows!r}.")


def page(drawings: Pictures, links: Links) -> Page:
    """The page of the errata. Raises SourceError, or AssertionError if a claim's code is wrong."""

    def html(text: str) -> str:
        inner = to_html(text, drawings, links.to, Anchors()).strip()
        return inner.removeprefix("<p>").removesuffix("</p>")

    entries = []
    for erratum in read():
        cell, heading = place(erratum)
        entries.append(
            {
                "says": html(erratum.says),
                "true": html(erratum.true),
                "where": html(" · ".join(heading.split(" · ")[:2])),
                "chapter": notebooks.load(erratum.chapter).heading,
                "address": f"{erratum.chapter}.html#{cell}",
                "claims": erratum.claims,
                "run": code_block(erratum.run.strip()) if erratum.run else "",
                "printed": erratum.printed() if erratum.run else "",
            }
        )
    body = render("errata.html.j2", entries=entries)
    about = f"{len(entries)} claims of a tutorial on language models, each one run."
    return Page("errata", "Errata", body, about)
