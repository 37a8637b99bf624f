"""The quiz as a page: options to click, feedback on each, and the code that shows why."""

from typing import Any

from nbformat import NotebookNode

from authoring import quiz_source
from authoring.site.chapters import Writer, executed
from authoring.site.links import Links
from authoring.site.markdown import to_html
from authoring.site.page import Page
from authoring.site.pictures import Pictures
from authoring.site.templates import render
from classroom.quiz import LETTERS
from exercises.format import notebooks

NAME = "quiz"


def page(drawings: Pictures, links: Links) -> Page:
    """The page of the quiz. SourceError if the quiz has not been built."""
    notebook, cells = notebooks.load(NAME), executed(NAME).cells
    writer = Writer(notebook, cells, drawings, links)

    def html(text: str) -> str:
        return to_html(text, drawings, links.to, writer.anchors)

    shown, asked = _shown(cells, writer), None
    parts: list[dict[str, Any]] = []
    for number, question in enumerate(quiz_source.read(), 1):
        if question.about != asked:
            asked = question.about
            parts.append({"title": html(f"## {quiz_source.titles()[asked]}"), "questions": []})
        parts[-1]["questions"].append(
            {
                "name": question.name,
                "heading": html(f"### Question {number}"),
                "ask": html(question.ask),
                "right": question.right,
                "options": [
                    (letter, _inline(html(text)), _inline(html(feedback)))
                    for letter, (text, feedback) in zip(LETTERS, question.options)
                ],
                "why": shown.get(question.name, []),
            }
        )
    count = sum(len(part["questions"]) for part in parts)
    body = render("quiz.html.j2", parts=parts, count=count)
    about = f"{count} questions on how language models work, with feedback on every option."
    return Page(NAME, notebook.heading, body, about, ("chapters.js",), depth=2)


def _shown(cells: list[NotebookNode], writer: Writer) -> dict[str, list[str]]:
    """{question: the outputs of the cell that shows why its answer is right}."""
    return {
        cell.source[len('see("') : -len('")')]: [writer.output(each) for each in cell.outputs]
        for cell in cells
        if cell.cell_type == "code" and cell.source.startswith('see("')
    }


def _inline(html: str) -> str:
    """A paragraph's HTML without the paragraph."""
    return html.strip().removeprefix("<p>").removesuffix("</p>")
