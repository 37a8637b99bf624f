"""The format of a notebook's source, `solutions/NN_name.py`: its cells and its exercises."""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from llmlib.course import prediction_cells
from llmlib.course.environment import SOURCES
from llmlib.course.feedback import CHECK_OF, NOT_WRITTEN
from llmlib.course.format.course_map import stations, with_map

STUB = f'raise NotImplementedError("{NOT_WRITTEN}")'
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# A comment stays one, also `# !` and `# %time`: to jupytext they would be magics.
PERCENT = {"extension": ".py", "format_name": "percent", "comment_magics": False}
REVEALED = """<details class="reveal" data-prediction="{}">
<summary>After your run: what it shows</summary>

{}

</details>"""
MARKS = [f"### {end} {of}" for of in ("SOLUTION", "HIDDEN TESTS") for end in ("BEGIN", "END")]
ATTACHED = re.compile(r"!\[([^\]]*)\]\(attachment:(\w+)\.png\)")  # a drawing in a text
MEANT = re.compile(r"^\s*(##+ *(?i:begin|end)\b.*|# *(?:BEGIN|END)\b.*)", re.MULTILINE)


class SourceError(Exception):
    """A notebook's source breaks the contract in CONTRIBUTING.md; the text says where and how."""


@dataclass(frozen=True)
class Exercise:
    """One function that a learner writes, with the test cell that grades it."""

    name: str  # the function, and the grade_id of its solution cell
    notebook: str  # "03_attention"
    statement: str  # the markdown above it
    solution: str
    stub: str  # what the learner gets
    visible: str  # the test cell without its hidden tests
    full: str  # the test cell with them
    points: float  # 0 in *Further*: checked, and asked for by nothing
    disallowed: tuple[str, ...]  # ready-made functions that may not be used: "torch.softmax"

    @property
    def hidden(self) -> str:
        """The part of the test cell that a learner does not get; it follows the visible one."""
        return "".join(self.full.partition("### BEGIN HIDDEN TESTS")[1:])

    @property
    def number(self) -> str:
        """The "3.2" of "Exercise 3.2" in its statement; else nothing."""
        return next(iter(re.findall(r"(?:Exercise|Experiment) (\d+\.\d+)", self.statement)), "")


@dataclass(frozen=True)
class Notebook:
    """A source as written: `node` is an unexecuted nbformat notebook with stable cell ids."""

    name: str
    node: NotebookNode
    exercises: tuple[Exercise, ...]

    @property
    def cells(self) -> list[NotebookNode]:
        """Its cells, as nbformat has them."""
        return self.node.cells

    @property
    def core(self) -> tuple[Exercise, ...]:
        """The exercises that give points. The others stand in *Further*; nothing asks for them."""
        return tuple(each for each in self.exercises if each.points)

    @property
    def heading(self) -> str:
        """Its first line without marks: "3 Attention", "Quiz"."""
        found = re.search(r"^# (.*)", self.cells[0].source, re.MULTILINE) if self.cells else None
        return (found[1] if found else self.name).replace(" · ", " ")

    @property
    def number(self) -> int | None:
        """The 3 of "3 Attention"; None for the quiz, which teaches nothing new."""
        first, _, rest = self.heading.partition(" ")
        return int(first) if rest and first.isdigit() else None


def parse(text: str, name: str, sources: Path = SOURCES) -> Notebook:
    """Read source `text`, jupytext's py:percent, as `name` of `sources`. Raises `SourceError`."""
    node = jupytext.reads(text, fmt=PERCENT)
    node.metadata = NotebookNode(METADATA)
    node.nbformat, node.nbformat_minor = 4, 5
    seen: set[str] = set()
    with_map(node.cells, name, stations(sources))
    try:
        for cell in node.cells:
            _expand(cell)
            _fold(cell)
            if grade_id(cell) in seen:
                raise SourceError(f"two cells are named {grade_id(cell)}: rename one of them.")
            cell.id = _cell_id(cell, seen)
            for key in ("lines_to_next_cell", "makes", "shape"):  # jupytext's note, and the map's
                cell.metadata.pop(key, None)
        _fold_answers(node.cells)
        return Notebook(name, node, tuple(_exercises(node.cells, name)))
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from None


def _expand(cell: NotebookNode) -> None:
    """A short marker such as `# %% test causal_mask points=1` becomes nbgrader's metadata."""
    title = cell.metadata.pop("title", "")
    if "incorrectly_encoded_metadata" in cell.metadata:  # jupytext's name for what it cannot read
        said = cell.metadata.incorrectly_encoded_metadata
        raise SourceError(f"a cell marker stands on one line, whole: `# %% {title} {said}`.")
    if not title:
        return
    what, _, subject = title.partition(" ")
    if what not in ("given", "solution", "test") or not subject.isidentifier():
        raise SourceError(
            f"no such cell marker: `# %% {title}`; write `# %% given NAME`, "
            "`# %% solution FUNCTION` or `# %% test FUNCTION points=N`."
        )
    points = cell.metadata.pop("points", None)
    if (what == "test") != isinstance(points, int) or what == "test" and points < 0:
        raise SourceError(f"`# %% {title}`: a test cell, and no other, says points=N, N from 0.")
    prefix = "" if what == "solution" else f"{what}_"
    roles = {"locked": what != "solution", "solution": what == "solution", "grade": what == "test"}
    nbgrader = {"schema_version": 3, "grade_id": prefix + subject, "task": False} | roles
    if what == "test":
        nbgrader["points"] = points
    cell.metadata["nbgrader"] = NotebookNode(nbgrader)
    if what == "test":  # folded to its first line
        cell.metadata["jupyter"] = NotebookNode(source_hidden=True)
        cell.source = f"{CHECK_OF.format(subject)}\n{cell.source}"


def _fold(cell: NotebookNode) -> None:
    """`folded="…"` closes a code cell under that line. `reveals="KEY"` folds the text that explains
    the prediction KEY, so that it is not read beside the question."""
    if line := cell.metadata.pop("folded", ""):
        cell.metadata["jupyter"] = NotebookNode(source_hidden=True)
        cell.source = f"# {line}\n{cell.source}"
    if key := cell.metadata.pop("reveals", ""):
        if cell.cell_type != "markdown" or re.search(r"^#", cell.source, re.MULTILINE):
            raise SourceError(f'reveals="{key}" is for a text without a heading.')
        cell.source = REVEALED.format(key, cell.source)


def _fold_answers(cells: list[NotebookNode]) -> None:
    """Fold the demonstrations from each prediction to the cell that reveals its answer: they
    compute it, and may say it. `after_guess` names the predictions: JupyterLab's extension and the
    page open the cell once they are made. What is folded anyway stays as it is."""
    asked: dict[str, int] = {}
    open_demos = [
        kind(cell) == "demo"
        and "jupyter" not in cell.metadata
        and not prediction_cells.is_prediction(cell.source)
        for cell in cells
    ]
    for at, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        if form := prediction_cells.form(cell.source):
            asked[form["key"]] = at
        for call in prediction_cells.reveals(cell.source):
            key = ast.literal_eval(call.args[0])
            for n in range(asked.pop(key, at) + 1, at + 1):
                if open_demos[n]:
                    cells[n].metadata.setdefault("after_guess", []).append(key)
                    cells[n].metadata["jupyter"] = NotebookNode(source_hidden=True)


def drawings_in_words(text: str) -> str:
    """`text` with what each drawing shows in its place."""
    return ATTACHED.sub(r"*Drawing: \1*", text)


def kind(cell: NotebookNode) -> str:
    """What a cell is: "markdown", "demo", "given", "solution" or "test" (see CONTRIBUTING.md)."""
    if cell.cell_type != "code":
        return "markdown"
    nbgrader = cell.metadata.get("nbgrader")
    if not nbgrader:
        return "demo"
    return "solution" if nbgrader["solution"] else "test" if nbgrader["grade"] else "given"


def grade_id(cell: NotebookNode) -> str:
    """The cell's grade_id; empty for markdown and demonstrations."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def without(text: str, region: str, replacement: str | None = None) -> str:
    """`text` without `### BEGIN region` … `### END region`; `replacement` there, indented alike."""
    kept, inside = [], False
    for line in text.split("\n"):
        if f"BEGIN {region}" in line:
            if inside:
                raise SourceError(f"A second BEGIN {region} before the END {region} of the first.")
            inside = True
            if replacement is not None:
                kept.append(line[: len(line) - len(line.lstrip())] + replacement)
        elif f"END {region}" in line:
            if not inside:
                raise SourceError(f"END {region} without its BEGIN {region}.")
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise SourceError(f"BEGIN {region} without its END {region}.")
    return "\n".join(kept)


def _exercises(cells: list[NotebookNode], name: str) -> Iterator[Exercise]:
    statement, solution = "", None  # the latter until its test cell has come
    for cell in cells:
        what, wanted = kind(cell), f"test_{grade_id(solution[0])}" if solution else "a solution"
        if what == "markdown":
            statement = cell.source
        elif what == "solution" and solution is None:
            solution = cell, statement
        elif what == "test" and solution and grade_id(cell) == wanted:
            yield _exercise(name, *solution, cell)
            solution = None
        elif what in ("solution", "test"):
            what += f" cell {grade_id(cell)}"
            raise SourceError(f"{what} does not belong here: expected {wanted}.")
    if solution:
        raise SourceError(f"solution cell {grade_id(solution[0])} has no test cell below it.")


def _exercise(name: str, solution: NotebookNode, statement: str, test: NotebookNode) -> Exercise:
    try:
        for mark in MEANT.findall(f"{solution.source}\n{test.source}"):
            if mark.strip() not in MARKS:  # else what it is meant to hide is given out
                raise SourceError(f"no such mark: `{mark}`; write one of {', '.join(MARKS)}.")
        if not re.search(rf"^(def |class |){grade_id(solution)}\b", solution.source, re.MULTILINE):
            raise SourceError("its solution cell defines nothing of that name.")
        if isinstance(disallowed := solution.metadata.get("disallowed", []), str):
            raise SourceError(f'disallowed is a list of names: write disallowed=["{disallowed}"].')
        cleared = without(solution.source, "SOLUTION", STUB)
        visible = without(test.source, "HIDDEN TESTS")
        if cleared == solution.source:
            raise SourceError("its solution cell has no BEGIN SOLUTION … END SOLUTION.")
    except SourceError as error:
        raise SourceError(f"exercise {grade_id(solution)}: {error}") from None
    return Exercise(
        name=grade_id(solution),
        notebook=name,
        statement=statement,
        solution=solution.source,
        stub=solution.metadata.get("stub", cleared),
        visible=visible,
        full=test.source,
        points=test.metadata.nbgrader.points,
        disallowed=tuple(disallowed),
    )


def _cell_id(cell: NotebookNode, seen: set[str]) -> str:
    """The grade_id, or else a hash: the same source gives the same notebook, byte for byte."""
    start = grade_id(cell) or hashlib.sha256(cell.source.encode()).hexdigest()[:12]
    start = re.sub(r"[^A-Za-z0-9_-]", "-", start)[:60]
    cell_id, count = start, 1
    while cell_id in seen:
        count += 1
        cell_id = f"{start}-{count}"
    seen.add(cell_id)
    return cell_id
