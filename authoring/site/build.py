"""Build the site: the solved notebooks, the quiz and the reference pages in build/site/."""

import json
import shutil
from pathlib import Path

from authoring import quiz_source
from authoring.site import (
    chapters,
    errata,
    exercises,
    glossary,
    npm,
    predictions,
    previews,
    python_parts,
    quiz_page,
    recorded,
    reference,
    weights,
)
from authoring.site.links import Links
from authoring.site.page import Page, contents
from authoring.site.pictures import Pictures
from authoring.site.templates import WEB, render
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from exercises.format.reading_time import hours, reading_time
from llmlib import files

FOLDER = ROOT / "build" / "site"
NAME = "From Tokens to Tokens"
REFERENCE = ("glossary", "instructors", "errata", "claims")
FOUND_LAST = ("instructors", "errata", "claims")  # by the search: a learner seeks the chapters
NOT_SERVED = shutil.ignore_patterns(
    "templates", "npm", "*.c", "*.py", "*.toml", "*.html", ".*", "service-worker.js"
)
KEPT = ("pictures", "weights")
SERVICE_WORKER = "engine/service-worker.js"  # goes to the top: it answers for what is below it


def build(folder: Path = FOLDER, repository: str = "", weights_too: bool = True) -> list[Page]:
    """Write the site to `folder`, of whose earlier files only pictures and weights are kept, which
    take long to make; returns its pages. `repository` is
    "owner/name" on GitHub, for links to files and to Colab. `weights_too` goes for Python and the
    editor as well, whose packages are downloaded. Raises SourceError if a notebook has not been
    built, ValueError if a package cannot be had."""
    _empty(folder)
    _copy(folder)
    drawings = Pictures(folder)
    links = Links(["index", *notebooks.names(), *REFERENCE], repository)
    pages = [_landing(links)]
    pages += [chapters.page(each.name, drawings, links) for each in notebooks.lessons()]
    lessons = pages[1:]
    pages.append(quiz_page.page(drawings, links))
    pages.append(glossary.page(lessons))
    pages.append(reference.instructors(drawings, links))
    pages.append(errata.page(drawings, links))
    pages.append(reference.claims(drawings, links))
    for page in pages:
        files.write(folder / page.file, _whole(page, pages, links))
    drawings.remove_others()
    files.write(folder / "search.json", _search_index(pages))
    recorded.write(folder)
    previews.write(folder, pages)
    if weights_too:
        weights.write(folder)
        python_parts.write(folder)
        npm.write_editor(folder)
    return pages


def _empty(folder: Path) -> None:
    for each in folder.glob("*"):
        if each.is_dir() and each.name not in KEPT:
            shutil.rmtree(each)
        elif each.is_file():
            each.unlink()


def _copy(folder: Path) -> None:
    """What lies in web/, as it is, in assets/; the learners' notebooks, to download."""
    shutil.copytree(WEB, folder / "assets", ignore=NOT_SERVED)
    shutil.copy(WEB / SERVICE_WORKER, folder)
    for name in notebooks.names():
        source = ROOT / "notebooks" / f"{name}.ipynb"
        files.write(folder / "notebooks" / source.name, source.read_bytes())
    files.write(folder / ".nojekyll", "")


def _landing(links: Links) -> Page:
    """The first page. Its middle is web/landing/landing.html."""
    lessons = [
        {
            "file": f"{each.name}.html",
            "name": each.name,
            "title": each.heading,
            "about": chapters.ABOUT[each.name],
            "hours": hours(time.core) if (time := reading_time(each)) else "",
            "exercises": exercises.editions(each),
            "guesses": sum(predictions.asked(cell) is not None for cell in each.cells),
        }
        for each in notebooks.lessons()
    ]
    questions = len(quiz_source.read())
    body = render("landing.html.j2", links=links, lessons=lessons, questions=questions)
    scripts = ("landing/landing.js", "landing/progress.js")
    about = "Write the engine of a large language model yourself, and watch it run in this page."
    return Page("index", NAME, body, about, scripts, ("landing/landing.css",), wide=True)


def _whole(page: Page, pages: list[Page], links: Links) -> str:
    """A page with its navigation around it."""
    at = pages.index(page)
    return render(
        "page.html.j2",
        site=NAME,
        page=page,
        preview=f"{links.home}{previews.FOLDER}/{page.name}.png",
        chapters=[each for each in pages if each.name in notebooks.names()],
        reference=[each for each in pages if each.name in REFERENCE],
        contents=[] if page.wide else list(contents(page)),
        before=pages[at - 1] if at else None,
        after=pages[at + 1] if at + 1 < len(pages) else None,
    )


def _search_index(pages: list[Page]) -> str:
    """search.json: of each section its address, its page, its title and its text, and whether it is
    a guide, which the search finds last."""
    sections = [
        {
            "url": page.file + (f"#{section.anchor}" if section.anchor else ""),
            "page": page.title,
            "title": " ".join(section.title.split()),
            "text": " ".join(section.text.split()),
            "guide": page.name in FOUND_LAST,
        }
        for page in pages
        for section in page.sections()
    ]
    return json.dumps([each for each in sections if each["text"]], ensure_ascii=False)
