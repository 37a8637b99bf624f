"""A solved notebook as a page, for somebody who reads before they write: text and outputs, the
code folded to a line, a prediction as a card that holds its answer, an exercise with its answer
folded, a widget at the start of its section."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import takewhile
from typing import Any

import nbformat
from nbformat import NotebookNode

from authoring.site import exercises, predictions, wording
from authoring.site.links import Links
from authoring.site.markdown import Anchors, code_block, to_html
from authoring.site.page import Page
from authoring.site.pictures import Pictures
from authoring.site.templates import WEB, render
from exercises.format import notebooks
from exercises.format.notebooks import ROOT, Exercise, Notebook, SourceError

WIDGET = re.compile(r"from llmlib\.widgets(?:\.\w+)? import (\w+)")
# What draws a widget in a notebook; a page has its own.
SCRIPT = re.compile(r"<script>.*?</script><style>.*?</style>", re.DOTALL)
NEAR = 2  # cells from a question to its answer: so near, the answer is in the question's card
HEADING = re.compile(r"<h[23]\b[^>]*>(?!Ex(?:ercise|periment)\b)")
BACK_AND_FORTH = re.compile(r"^> ?\n> [^\n]*\.ipynb\)[^\n]*\n", re.MULTILINE)
ABOUT = {  # what a chapter is about, on its card and in a link's preview
    "01_tokens": "Train a tokenizer, and cut text as real models do.",
    "02_embeddings": "Vectors with a meaning, and clock hands that tell positions.",
    "03_attention": "Heads that look back, and what they look for.",
    "04_layers": "Norms, neurons, and the whole model on one screen.",
    "05_output_head": "Probabilities, loss, and training a small model.",
    "06_sampling": "Temperature, filters, the loop, and how it fails.",
    "07_kv_cache_and_scaling": "What makes it fast, and what it costs.",
}
LABELLED = re.compile(r"^# (Check of \w+: run this cell|[A-Z][^\n]*)\n")


@dataclass
class Block:
    """What a template draws: `kind` is text, code, exercise, prediction or summary."""

    kind: str
    anchor: str
    html: str = ""  # of a text; of code, the code
    outputs: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # predictions that this gives away
    before: list[str] = field(default_factory=list)  # predictions that its code is not read before
    fold: str = ""  # the line that it is closed under
    widget: str = ""
    lead: str = ""  # the text that belongs to the widget
    asked: dict[str, Any] = field(default_factory=dict)
    answer: predictions.Answer | None = None
    inside: list["Block"] = field(
        default_factory=list
    )  # what a prediction's card shows after a guess
    exercise: Exercise | None = None
    between: list["Block"] = field(default_factory=list)
    edition: str = ""
    stub: str = ""
    solution: str = ""
    check: str = ""


def page(name: str, drawings: Pictures, links: Links) -> Page:
    """The solved notebook `name` as a page. SourceError if it has not been built."""
    notebook, cells = notebooks.load(name), executed(name).cells
    wording.check([cell.source for cell in cells if cell.cell_type == "markdown"], name)
    writer = Writer(notebook, cells, drawings, links)
    blocks = widgets_first(cards(list(writer.blocks())))
    body = render("chapter.html.j2", name=name, blocks=blocks, links=links)
    return Page(name, notebook.heading, drawings.as_files(body), ABOUT[name], ("chapters.js",))


def executed(name: str) -> NotebookNode:
    """solutions/NAME.ipynb. SourceError if it has not been built."""
    path = ROOT / "solutions" / f"{name}.ipynb"
    if not path.is_file():
        raise SourceError(f"There is no solutions/{name}.ipynb: type make build.")
    return nbformat.read(path, as_version=4)


def anchor(cell: NotebookNode) -> str:
    """The id on the page of what a cell becomes."""
    return f"cell-{cell.id}"


def cards(blocks: list[Block]) -> list[Block]:
    """The blocks, with those that answer a prediction in its card, if they are near. Code between a
    question and its answer is not read before the guess."""
    found: list[Block] = []
    open_keys: list[str] = []
    rest = list(blocks)
    while rest:
        block = rest.pop(0)
        found.append(block)
        if block.kind == "prediction":
            block.inside, rest = _answer(block.asked["key"], rest)
            if not block.inside:
                open_keys.append(block.asked["key"])
        elif block.kind == "code":
            block.before = list(open_keys)
            open_keys = [key for key in open_keys if key not in block.keys]
    return found


def _answer(key: str, rest: list[Block]) -> tuple[list[Block], list[Block]]:
    """The blocks up to the one that reveals `key` and its explanation, and those behind; none if it
    reveals others, too, or is far."""
    for i, block in enumerate(rest[:NEAR]):
        if block.kind not in ("text", "code"):
            break
        if block.kind == "code" and block.keys == [key]:
            explains = (
                i + 1 < len(rest) and rest[i + 1].kind == "text" and rest[i + 1].keys == [key]
            )
            end = i + 1 + explains
            return rest[:end], rest[end:]
    return [], rest


def widgets_first(blocks: list[Block]) -> list[Block]:
    """The blocks, with every widget and the text that leads to it right after its section's first
    text: behind a prediction of that section, which it might answer."""
    found: list[Block] = []
    for block in blocks:
        if not block.widget or block.keys:
            found.append(block)
            continue
        start = max(i for i, each in enumerate(found) if _begins(each)) + 1
        if start < len(found) and found[-1].kind == "text" and not found[-1].keys:
            before, mark, last = found[-1].html.rpartition("<p>")
            block.lead, found[-1].html = mark + last, before
            if not before:  # all of the text: links to it go on leading there
                block.lead = f'<p id="{found.pop().anchor}">{last}'
        found.insert(start, block)
    return found


def _begins(block: Block) -> bool:
    asks = block.kind == "prediction" or block.keys
    return bool(asks or block.kind == "text" and HEADING.search(block.html))


class Writer:
    """Turns the cells of one notebook into blocks."""

    def __init__(
        self, notebook: Notebook, cells: list[NotebookNode], drawings: Pictures, links: Links
    ) -> None:
        self.name = notebook.name
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
                if asked["key"] not in self.answers:
                    raise SourceError(f"The prediction {asked['key']} is never revealed.")
                answer = self.answers[asked["key"]]
                yield Block("prediction", anchor(cell), asked=asked, answer=answer)
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
        source = wording.reworded(BACK_AND_FORTH.sub("", cell.source), self.name)
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
            edition=exercises.edition(exercise),
            stub=code_block(exercise.stub),
            solution=code_block(_without_marks(solution.source)),
            check=code_block(LABELLED.sub("", exercise.visible)),
        )

    def code(self, cell: NotebookNode) -> Block:
        """A code cell as a block: its code, its outputs, whether it is folded."""
        label = LABELLED.match(cell.source)
        fold = label[1] if label and cell.metadata.get("jupyter", {}).get("source_hidden") else ""
        widget = WIDGET.search(cell.source)
        outputs = [html for each in cell.outputs if (html := self.output(each))]
        given = any("data-given=" in html for html in outputs)  # an output that is one by itself
        lives = widget and not given and (WEB / "widgets" / f"{widget[1]}.js").is_file()
        return Block(
            "code",
            anchor(cell),
            code_block(cell.source[label.end() :] if label and fold else cell.source),
            outputs=outputs,
            keys=predictions.revealed(cell),
            fold=fold,
            widget=widget[1] if widget and lives else "",
        )

    def output(self, output: NotebookNode) -> str:
        """An output as HTML; of `reveal` nothing, since the page shows the reader's own guess."""
        data = output.get("data", {})
        if predictions.answer_in(output):
            return ""
        if "text/html" in data:
            return f'<div class="rich">{SCRIPT.sub("", data["text/html"])}</div>'
        if "text/markdown" in data:
            return to_html(data["text/markdown"], self.drawings, self.links.to, self.anchors)
        text = output.get("text") or data.get("text/plain", "")
        return f'<pre class="printed">{escape(text.rstrip(), quote=False)}</pre>'


def _without_marks(solution: str) -> str:
    """A solution without nbgrader's marks."""
    return "\n".join(
        line for line in solution.split("\n") if not re.match(r"\s*### (BEGIN|END) SOLUTION", line)
    )
