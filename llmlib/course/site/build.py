"""Build the site: the solved notebooks, the quiz and the reference pages in build/site/.

python -m llmlib.course.site.build                     build/site/
python -m llmlib.course.site.build --without-weights   quicker: without the 98 MB of the model
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from llmlib import files, installation
from llmlib.course.authoring import notebooks
from llmlib.course.authoring.notebooks import ROOT, SourceError
from llmlib.course.site import chapters, errata, quiz_page, recorded, reference, weights
from llmlib.course.site.links import Links
from llmlib.course.site.page import Page, contents
from llmlib.course.site.pictures import Pictures
from llmlib.course.site.templates import WEB, render

FOLDER = ROOT / "build" / "site"
NAME = "From Tokens to Tokens"
REFERENCE = ("instructors", "glossary", "errata", "claims")
NOT_SERVED = shutil.ignore_patterns(
    "templates", "*.c", "*.toml", "*.html", ".*", "service-worker.js"
)
KEPT = ("pictures", "weights")
SERVICE_WORKER = "engine/service-worker.js"  # goes to the top: it answers for what is below it


def build(folder: Path = FOLDER, repository: str = "", weights_too: bool = True) -> list[Page]:
    """Write the site to `folder`, of whose earlier files only pictures and weights are kept, which
    take long to make; returns its pages. `repository` is
    "owner/name" on GitHub, for links to files and to Colab. Raises SourceError if a notebook has
    not been built."""
    _empty(folder)
    _copy(folder)
    drawings = Pictures(folder)
    links = Links(["index", *notebooks.names(), *REFERENCE], repository)
    pages = [_landing()]
    pages += [chapters.page(each.name, drawings, links) for each in notebooks.lessons()]
    pages.append(quiz_page.page(drawings, links))
    pages.append(reference.instructors(drawings, links))
    pages.append(reference.glossary(drawings, links))
    pages.append(errata.page(drawings, links))
    pages.append(reference.claims(drawings, links))
    for page in pages:
        files.write(folder / page.file, _whole(page, pages))
    drawings.remove_others()
    files.write(folder / "search.json", _search_index(pages))
    recorded.write(folder)
    if weights_too:
        weights.write(folder)
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


def _landing() -> Page:
    """The first page. Its middle is web/landing/landing.html."""
    body = render("landing.html.j2")
    scripts, styles = ("landing/landing.js",), ("landing/landing.css",)
    about = "Write the engine of a large language model yourself, and watch it run in this page."
    return Page("index", NAME, body, about, scripts, styles, wide=True)


def _whole(page: Page, pages: list[Page]) -> str:
    """A page with its navigation around it."""
    at = pages.index(page)
    return render(
        "page.html.j2",
        site=NAME,
        page=page,
        chapters=[each for each in pages if each.name in notebooks.names()],
        reference=[each for each in pages if each.name in REFERENCE],
        contents=[] if page.wide else list(contents(page)),
        before=pages[at - 1] if at else None,
        after=pages[at + 1] if at + 1 < len(pages) else None,
    )


def _search_index(pages: list[Page]) -> str:
    """search.json: of each section its address, its page, its title and its text."""
    sections = [
        {
            "url": page.file + (f"#{section.anchor}" if section.anchor else ""),
            "page": page.title,
            "title": " ".join(section.title.split()),
            "text": " ".join(section.text.split()),
        }
        for page in pages
        for section in page.sections()
    ]
    return json.dumps([each for each in sections if each["text"]], ensure_ascii=False)


def main(argv: list[str] | None = None) -> int:
    """Build the site; exit status 1 if it could not be built."""
    installation.refuse_without_clone("llmlib.course.site.build")
    parser = argparse.ArgumentParser("python -m llmlib.course.site.build", description=__doc__)
    parser.add_argument("--repository", default=os.environ.get("GITHUB_REPOSITORY", ""))
    parser.add_argument("--without-weights", action="store_true", help="leave the model out")
    arguments = parser.parse_args(argv)
    try:
        pages = build(FOLDER, arguments.repository, not arguments.without_weights)
    except (SourceError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(pages)} pages in {FOLDER}: llmlib site opens them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
