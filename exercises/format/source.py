"""Read a notebook's source, `solutions/NN_name.py`: its cells and its exercises."""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from exercises import prediction_cells
from exercises.course_files import SOURCES
from exercises.feedback import CHECK_OF, NOT_WRITTEN
from exercises.format.course_map import stations, with_map

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
MARK_LIKE = re.compile(r"^\s*(##+ *(?i:begin|end)\b.*|# *(?:BEGIN|END)\b.*)", re.MULTILINE)


class SourceError(Exception):
    """Say where and how a notebook's source breaks the contract in CONTRIBUTING.md."""


@dataclass(frozen=True)
class Exercise:
    """Hold one function that a learner writes, with the test cell that grades it."""

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
        """Return the part of the test cell that a learner does not get, behind the visible one."""
        return "".join(self.full.partition("### BEGIN HIDDEN TESTS")[1:])

    @property
    def number(self) -> str:
        """Return the "3.2" of "Exercise 3.2" in its statement; else nothing."""
        return next(iter(re.findall(r"(?:Exercise|Experiment) (\d+\.\d+)", self.statement)), "")


@dataclass(frozen=True)
class Notebook:
    """Hold a source as written: `node` is an unexecuted nbformat notebook with stable cell ids."""

    name: str
    node: NotebookNode
    exercises: tuple[Exercise, ...]

    @property
    def cells(self) -> list[NotebookNode]:
        """Return its cells, as nbformat has them."""
        return self.node.cells

    @property
    def core(self) -> tuple[Exercise, ...]:
        """Return the exercises that give points. The others stand in *Further*; nothing asks for
        them."""
        return tuple(exercise for exercise in self.exercises if exercise.points)

    @property
    def heading(self) -> str:
        """Return its first line without marks: "3 Attention", "Quiz"."""
        match = re.search(r"^# (.*)", self.cells[0].source, re.MULTILINE) if self.cells else None
        return (match[1] if match else self.name).replace(" · ", " ")

    @property
    def number(self) -> int | None:
        """Return the 3 of "3 Attention"; None for the quiz, which teaches nothing new."""
        first, _, title = self.heading.partition(" ")
        return int(first) if title and first.isdigit() else None


def parse(text: str, name: str, sources: Path = SOURCES) -> Notebook:
    """Read source `text`, jupytext's py:percent, as `name` of `sources`. Raises `SourceError`."""
    node = jupytext.reads(text, fmt=PERCENT)
    node.metadata = NotebookNode(METADATA)
    node.nbformat, node.nbformat_minor = 4, 5
    ids: set[str] = set()
    with_map(node.cells, name, stations(sources))
    try:
        for cell in node.cells:
            _expand(cell)
            _fold(cell)
            if grade_id(cell) in ids:
                raise SourceError(f"two cells are named {grade_id(cell)}: rename one of them.")
            cell.id = _cell_id(cell, ids)
            for key in ("lines_to_next_cell", "makes", "shape"):  # jupytext's note, and the map's
                cell.metadata.pop(key, None)
        _fold_answers(node.cells)
        return Notebook(name, node, tuple(_exercises(node.cells, name)))
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from None


def _expand(cell: NotebookNode) -> None:
    """Turn a short marker such as `# %% test causal_mask points=1` into nbgrader's metadata."""
    title = cell.metadata.pop("title", "")
    if "incorrectly_encoded_metadata" in cell.metadata:  # jupytext's name for what it cannot read
        text = cell.metadata.incorrectly_encoded_metadata
        raise SourceError(f"a cell marker stands on one line, whole: `# %% {title} {text}`.")
    if not title:
        return
    role, _, subject = title.partition(" ")
    if role not in ("given", "solution", "test") or not subject.isidentifier():
        raise SourceError(
            f"no such cell marker: `# %% {title}`; write `# %% given NAME`, "
            "`# %% solution FUNCTION` or `# %% test FUNCTION points=N`."
        )
    points = cell.metadata.pop("points", None)
    if (role == "test") != isinstance(points, int) or role == "test" and points < 0:
        raise SourceError(f"`# %% {title}`: a test cell, and no other, says points=N, N from 0.")
    prefix = "" if role == "solution" else f"{role}_"
    roles = {"locked": role != "solution", "solution": role == "solution", "grade": role == "test"}
    nbgrader = {"schema_version": 3, "grade_id": prefix + subject, "task": False} | roles
    if role == "test":
        nbgrader["points"] = points
    cell.metadata["nbgrader"] = NotebookNode(nbgrader)
    if role == "test":  # folded to its first line
        cell.metadata["jupyter"] = NotebookNode(source_hidden=True)
        cell.source = f"{CHECK_OF.format(subject)}\n{cell.source}"


def _fold(cell: NotebookNode) -> None:
    """Close a code cell under the line of `folded="…"`. With `reveals="KEY"` fold the text that
    explains the prediction KEY, so that it is not read beside the question."""
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
    positions: dict[str, int] = {}
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
            positions[form["key"]] = at
        for call in prediction_cells.reveals(cell.source):
            key = ast.literal_eval(call.args[0])
            for n in range(positions.pop(key, at) + 1, at + 1):
                if open_demos[n]:
                    cells[n].metadata.setdefault("after_guess", []).append(key)
                    cells[n].metadata["jupyter"] = NotebookNode(source_hidden=True)


def drawings_in_words(text: str) -> str:
    """Return `text` with what each drawing shows in its place."""
    return ATTACHED.sub(r"*Drawing: \1*", text)


def kind(cell: NotebookNode) -> str:
    """Say what a cell is: "markdown", "demo", "given", "solution" or "test" (see
    CONTRIBUTING.md)."""
    if cell.cell_type != "code":
        return "markdown"
    nbgrader = cell.metadata.get("nbgrader")
    if not nbgrader:
        return "demo"
    return "solution" if nbgrader["solution"] else "test" if nbgrader["grade"] else "given"


def grade_id(cell: NotebookNode) -> str:
    """Return the cell's grade_id; empty for markdown and demonstrations."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def without(text: str, region: str, replacement: str | None = None) -> str:
    """Cut `### BEGIN region` … `### END region` from `text`; put `replacement` there, indented."""
    lines, inside = [], False
    for line in text.split("\n"):
        if f"BEGIN {region}" in line:
            if inside:
                raise SourceError(f"A second BEGIN {region} before the END {region} of the first.")
            inside = True
            if replacement is not None:
                lines.append(line[: len(line) - len(line.lstrip())] + replacement)
        elif f"END {region}" in line:
            if not inside:
                raise SourceError(f"END {region} without its BEGIN {region}.")
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise SourceError(f"BEGIN {region} without its END {region}.")
    return "\n".join(lines)


def _exercises(cells: list[NotebookNode], name: str) -> Iterator[Exercise]:
    statement, solution = "", None  # the latter until its test cell has come
    for cell in cells:
        role, expected = kind(cell), f"test_{grade_id(solution[0])}" if solution else "a solution"
        if role == "markdown":
            statement = cell.source
        elif role == "solution" and solution is None:
            solution = cell, statement
        elif role == "test" and solution and grade_id(cell) == expected:
            yield _exercise(name, *solution, cell)
            solution = None
        elif role in ("solution", "test"):
            role += f" cell {grade_id(cell)}"
            raise SourceError(f"{role} does not belong here: expected {expected}.")
    if solution:
        raise SourceError(f"solution cell {grade_id(solution[0])} has no test cell below it.")


def _exercise(name: str, solution: NotebookNode, statement: str, test: NotebookNode) -> Exercise:
    try:
        for mark in MARK_LIKE.findall(f"{solution.source}\n{test.source}"):
            if mark.strip() not in MARKS:  # else what it is meant to hide is given out
                raise SourceError(f"no such mark: `{mark}`; write one of {', '.join(MARKS)}.")
        if not re.search(rf"^(def |class |){grade_id(solution)}\b", solution.source, re.MULTILINE):
            raise SourceError("its solution cell defines nothing of that name.")
        if isinstance(names := solution.metadata.get("disallowed", []), str):
            raise SourceError(f'disallowed is a list of names: write disallowed=["{names}"].')
        stub = without(solution.source, "SOLUTION", STUB)
        visible = without(test.source, "HIDDEN TESTS")
        if stub == solution.source:
            raise SourceError("its solution cell has no BEGIN SOLUTION … END SOLUTION.")
    except SourceError as error:
        raise SourceError(f"exercise {grade_id(solution)}: {error}") from None
    return Exercise(
        name=grade_id(solution),
        notebook=name,
        statement=statement,
        solution=solution.source,
        stub=solution.metadata.get("stub", stub),
        visible=visible,
        full=test.source,
        points=test.metadata.nbgrader.points,
        disallowed=tuple(names),
    )


def _cell_id(cell: NotebookNode, ids: set[str]) -> str:
    """Return the grade_id, or else a hash: the same source gives the same notebook."""
    start = grade_id(cell) or hashlib.sha256(cell.source.encode()).hexdigest()[:12]
    start = re.sub(r"[^A-Za-z0-9_-]", "-", start)[:60]
    cell_id, count = start, 1
    while cell_id in ids:
        count += 1
        cell_id = f"{start}-{count}"
    ids.add(cell_id)
    return cell_id


def given_imports(notebook: Notebook) -> str:
    """Return the imports of a notebook's given cells as source, for its test cells."""
    sources = (cell.source for cell in notebook.cells if kind(cell) == "given")
    lines = (line for source in sources for line in ast.parse(source).body)
    return "\n".join(
        ast.unparse(line) for line in lines if isinstance(line, (ast.Import, ast.ImportFrom))
    )
