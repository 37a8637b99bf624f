"""A solved notebook as a page: its text, code and outputs in their order; a prediction as a form,
an exercise with its answer folded, a widget where the notebook has one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import takewhile
from typing import Any

import nbformat
from nbformat import NotebookNode

from authoring.site import predictions
from authoring.site.links import Links
from authoring.site.markdown import Anchors, code_block, to_html
from authoring.site.page import Page
from authoring.site.pictures import Pictures
from authoring.site.templates import WEB, render
from llmlib.course.format import notebooks
from llmlib.course.format.notebooks import ROOT, Exercise, Notebook, SourceError

WIDGET = re.compile(r"from llmlib\.widgets(?:\.\w+)? import (\w+)")
BACK_AND_FORTH = re.compile(r"^> ?\n> [^\n]*\.ipynb\)[^\n]*\n", re.MULTILINE)
LABELLED = re.compile(r"^# (Check of \w+: run this cell|[A-Z][^\n]*)\n")


@dataclass
class Block:
    """What a template draws: `kind` is text, code, exercise, prediction or summary."""

    kind: str
    anchor: str
    html: str = ""  # of a text; of code, the code
    outputs: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # predictions that this gives away
    after: list[str] = field(default_factory=list)  # predictions that its code comes after
    fold: str = ""  # the line that it is closed under
    widget: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    answer: predictions.Answer | None = None
    exercise: Exercise | None = None
    between: list["Block"] = field(default_factory=list)
    stub: str = ""
    solution: str = ""
    check: str = ""


def page(name: str, drawings: Pictures, links: Links) -> Page:
    """The solved notebook `name` as a page. SourceError if it has not been built."""
    notebook, cells = notebooks.load(name), executed(name).cells
    writer = Writer(notebook, cells, drawings, links)
    body = render("chapter.html.j2", name=name, blocks=list(writer.blocks()), links=links)
    about = f"{notebook.heading}: a chapter of From Tokens to Tokens, with its code and outputs."
    return Page(name, notebook.heading, drawings.as_files(body), about, ("chapters.js",))


def executed(name: str) -> NotebookNode:
    """solutions/NAME.ipynb. SourceError if it has not been built."""
    path = ROOT / "solutions" / f"{name}.ipynb"
    if not path.is_file():
        raise SourceError(f"There is no solutions/{name}.ipynb: type make build.")
    return nbformat.read(path, as_version=4)


def anchor(cell: NotebookNode) -> str:
    """The id on the page of what a cell becomes."""
    return f"cell-{cell.id}"


class Writer:
    """Turns the cells of one notebook into blocks."""

    def __init__(
        self, notebook: Notebook, cells: list[NotebookNode], drawings: Pictures, links: Links
    ) -> None:
        self.exercises = {exercise.name: exercise for exercise in notebook.exercises}
        self.cells, self.drawings, self.links = cells, drawings, links
        self.answers = predictions.answers(cells)
        self.anchors = Anchors()

    def blocks(self) -> Iterator[Block]:
        """The page's blocks. The notebook's last cell only leads on: the page has its own links."""
        cells = iter(self.cells[:-1])
        for cell in cells:
            if cell.cell_type == "markdown" and (exercise := self.begins(cell)):
                solution = next(cells)
                between = list(takewhile(lambda each: notebooks.kind(each) != "test", cells))
                yield self.exercise(cell, exercise, solution, between)
            elif cell.cell_type == "markdown":
                yield Block("text", anchor(cell), self.text(cell), keys=predictions.revealed(cell))
            elif asked := predictions.asked(cell):
                yield Block(
                    "prediction", anchor(cell), asked=asked, answer=self.answers.get(asked["key"])
                )
            elif re.search(r"^predictions\(\)", cell.source, re.MULTILINE):
                yield Block("summary", anchor(cell))
            else:
                yield self.code(cell)

    def begins(self, cell: NotebookNode) -> Exercise | None:
        """The exercise that a text states: its solution follows at once."""
        after = self.cells[self.cells.index(cell) + 1]
        if notebooks.kind(after) != "solution":
            return None
        return self.exercises[notebooks.grade_id(after)]

    def text(self, cell: NotebookNode) -> str:
        """A text cell as HTML."""
        source = BACK_AND_FORTH.sub("", cell.source)
        attachments = cell.get("attachments", {})
        return to_html(source, self.drawings, self.links.to, self.anchors, attachments)

    def exercise(
        self,
        cell: NotebookNode,
        exercise: Exercise,
        solution: NotebookNode,
        between: list[NotebookNode],
    ) -> Block:
        """An exercise: its statement, its solution, and what is `between` that and its test."""
        return Block(
            "exercise",
            anchor(cell),
            self.text(cell),
            exercise=exercise,
            between=[
                Block("text", anchor(each), self.text(each))
                if each.cell_type == "markdown"
                else self.code(each)
                for each in between
            ],
            stub=code_block(exercise.stub),
            solution=code_block(_without_marks(solution.source)),
            check=code_block(LABELLED.sub("", exercise.visible)),
        )

    def code(self, cell: NotebookNode) -> Block:
        """A code cell as a block: its code, its outputs, whether it is folded."""
        label = LABELLED.match(cell.source)
        fold = label[1] if label and cell.metadata.get("jupyter", {}).get("source_hidden") else ""
        widget = WIDGET.search(cell.source)
        lives = widget and (WEB / "widgets" / f"{widget[1]}.js").is_file()
        return Block(
            "code",
            anchor(cell),
            code_block(cell.source[label.end() :] if label and fold else cell.source),
            outputs=[html for each in cell.outputs if (html := self.output(each))],
            keys=predictions.revealed(cell),
            after=cell.metadata.get("after_guess", []),
            fold=fold,
            widget=widget[1] if widget and lives else "",
        )

    def output(self, output: NotebookNode) -> str:
        """An output as HTML; of `reveal` nothing, since the page shows the reader's own guess."""
        data = output.get("data", {})
        if predictions.answer_in(output):
            return ""
        if "text/html" in data:
            return f'<div class="rich">{data["text/html"]}</div>'
        if "text/markdown" in data:
            return to_html(data["text/markdown"], self.drawings, self.links.to, self.anchors)
        text = output.get("text") or data.get("text/plain", "")
        return f'<pre class="printed">{escape(text.rstrip(), quote=False)}</pre>'


def _without_marks(solution: str) -> str:
    """A solution without nbgrader's marks."""
    return "\n".join(
        line for line in solution.split("\n") if not re.match(r"\s*### (BEGIN|END) SOLUTION", line)
    )
