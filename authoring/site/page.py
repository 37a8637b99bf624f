"""One page of the site: its name, its HTML, and the headings in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

NOT_SEARCHED = {"pre", "script", "style", "button", "math", "figure", "nav", "summary"}
HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "dt": 4}  # with an id: a word of the glossary, too
PICTURE = re.compile(r'<img src="(pictures/[^"]+)"')


@dataclass(frozen=True)
class Page:
    """`body` is what is inside <main>; `name` is the file without .html."""

    name: str
    title: str
    body: str
    about: str  # one sentence for search engines
    scripts: tuple[str, ...] = ()  # modules in assets/ that this page loads
    styles: tuple[str, ...] = ()
    wide: bool = False  # a page without a column of contents
    depth: int = 3  # of the headings that the contents list

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}.html"

    @property
    def heading(self) -> str:
        """Its <h1> as text."""
        return next(each.title for each in self.sections() if each.anchor)

    def first_picture(self) -> str:
        """The address of its first picture, "" if it has none."""
        found = PICTURE.search(self.body)
        return found[1] if found else ""

    def sections(self) -> list["Section"]:
        """The page cut at its headings. Text before the first one belongs to the page's title."""
        reader = _Reader(self.title)
        reader.feed(self.body)
        return reader.sections


@dataclass
class Section:
    """A heading and the text below it, up to the next heading."""

    anchor: str
    title: str
    level: int
    text: str = ""

    @property
    def short(self) -> str:
        """The title, of an exercise without how hard it is and how long it takes."""
        title = " ".join(self.title.split())
        exercise = title.startswith(("Exercise", "Experiment"))
        return " · ".join(title.split(" · ")[:2]) if exercise else title


class _Reader(HTMLParser):
    """Collects the sections of a page."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.sections = [Section("", title, 1)]
        self.heading = False
        self.skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in HEADINGS and found.get("id"):
            self.sections.append(Section(found["id"] or "", "", HEADINGS[tag]))
            self.heading = True
        self.skipped += tag in NOT_SEARCHED

    def handle_endtag(self, tag: str) -> None:
        self.heading = self.heading and tag not in HEADINGS
        self.skipped -= tag in NOT_SEARCHED

    def handle_data(self, data: str) -> None:
        if self.heading:
            self.sections[-1].title += data
        elif not self.skipped:
            self.sections[-1].text += data


def contents(page: Page) -> Iterator[Section]:
    """What the table of contents lists: the headings below the title."""
    return (each for each in page.sections() if each.anchor and 1 < each.level <= page.depth)
