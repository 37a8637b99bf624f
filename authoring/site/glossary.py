"""The learner's glossary: each word in a sentence, with a link to where a chapter explains it."""

import re
import tomllib
from dataclasses import dataclass

from authoring.site.page import Page, Section
from authoring.site.templates import WEB, render
from exercises.format.notebooks import SourceError

SOURCE = WEB / "glossary.toml"


@dataclass(frozen=True)
class Word:
    """One entry of web/glossary.toml; see there."""

    word: str
    says: str
    chapter: str
    written: str = ""
    also: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return self.word.lower().replace(" ", "-")

    def is_in(self, text: str) -> bool:
        """Whether a text has it as a whole word, in the singular or the plural."""
        wanted = self.written or re.escape(self.word) + "s?"
        return bool(re.search(rf"(?<![\w-])(?:{wanted})(?![\w-])", text, re.IGNORECASE))


def read() -> list[Word]:
    """All words, in the order of the alphabet. SourceError if an entry is not well formed."""
    words = []
    for number, entry in enumerate(tomllib.loads(SOURCE.read_text(encoding="utf-8"))["word"], 1):
        try:
            words.append(Word(**entry | {"also": tuple(entry.get("also", ()))}))
        except TypeError as error:
            raise SourceError(f"{SOURCE.name}, entry {number}: {error}.") from error
    return sorted(words, key=lambda each: each.word.lower())


def place(word: Word, pages: dict[str, Page]) -> Section:
    """The section of its chapter that explains a word: the first with the word in its heading, else
    the first with it in its text; the chapter's opening, which only looks ahead, comes last.
    SourceError if there is none."""
    page = pages.get(word.chapter)
    if page is None:
        raise SourceError(
            f"{SOURCE.name}: {word.word!r} names the chapter {word.chapter!r}, which there is not."
        )
    opening, *sections = (each for each in page.sections() if each.anchor)
    by_heading = (each for each in sections if word.is_in(each.title))
    by_text = (each for each in [*sections, opening] if word.is_in(each.text))
    for section in (*by_heading, *by_text):
        return section
    raise SourceError(
        f"{SOURCE.name}: {word.chapter} does not have the word {word.word!r}. Name the chapter "
        "that explains it, or how that one writes it: written = …"
    )


def page(chapters: list[Page]) -> Page:
    """The page of the glossary, which links to the `chapters`. SourceError as in `place`."""
    pages = {each.name: each for each in chapters}
    entries = []
    for word in read():
        section = place(word, pages)
        entries.append(
            {
                "word": word,
                "address": f"{word.chapter}.html#{section.anchor}",
                "where": section.short,
            }
        )
    body = render("glossary.html.j2", entries=entries)
    about = f"{len(entries)} words of language models, in a sentence each: token, logit, softmax, …"
    return Page("glossary", "Glossary", body, about, depth=1)
