"""What a learner hands in: read once and the same for all who look at it, and the plan of what runs
of it.

Reading and planning run nothing. `llmlib check`, `progress`, `my-llm`, the certificate and the
grader start here.
"""

import ast
import json
import symtable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from llmlib.course import cells as course
from llmlib.course.predict import is_prediction
from llmlib.course.run_cells import python

MAX_SOURCE = 4 << 20  # bytes of code in one notebook
MAX_ANALYSED = (
    50_000  # characters of one cell; no honest cell is longer, and a hostile one costs time
)


class Unreadable(ValueError):
    """A file that holds no notebook; the text is the sentence for its author."""


@dataclass(frozen=True)
class Cell:
    """One cell as handed in; `grade_id` is None where it has none."""

    kind: str
    grade_id: str | None
    source: str


class Step(NamedTuple):
    """One cell to run: its grade_id or "cell 12" as title; `own` where the learner wrote it."""

    title: str
    source: str
    own: bool


@dataclass(frozen=True)
class Job:
    """What runs of a notebook that was handed in, in order, and what there is to say about it."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        return tuple(step[:2] for step in self.steps)

    @property
    def own(self) -> tuple[bool, ...]:
        return tuple(step.own for step in self.steps)


class Names(NamedTuple):
    """The global names that a piece of source reads, in whatever scope, and those that it binds."""

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()


def read(data: bytes) -> list[Cell]:
    """The cells of a notebook file. Raises `Unreadable` for whatever is not a notebook of plain JSON."""
    try:
        tree = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable(
            "it is damaged or half saved, or is no notebook (not valid JSON): save it again, or "
            "restore an earlier copy"
        ) from None
    return parse(tree)


def load(path) -> list[Cell]:
    """The cells of a learner's own notebook file. Raises `Unreadable`."""
    try:
        return read(Path(path).read_bytes())
    except FileNotFoundError:
        raise Unreadable(f"there is no {Path(path).name} in {Path(path).parent}") from None
    except OSError:
        raise Unreadable(
            "the file cannot be read: is it a notebook, and may you open it?"
        ) from None


def parse(tree) -> list[Cell]:
    """The cells of a notebook given as plain values. Raises `Unreadable`."""
    try:
        if "cells" not in tree:
            tree = {"cells": [cell for sheet in tree["worksheets"] for cell in sheet["cells"]]}
        found = [_cell(cell) for cell in tree["cells"]]
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("it holds no cells: it is not a Jupyter notebook") from None
    if sum(len(cell.source) for cell in found) > MAX_SOURCE:
        raise Unreadable(f"it holds more than {MAX_SOURCE >> 20} MB of code")
    return found


def _cell(cell) -> Cell:
    source = cell["source"] if "source" in cell else cell["input"]  # before version 4
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    marks = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    marks = marks.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return Cell(str(cell.get("cell_type")), name if isinstance(name, str) else None, source)


def plan(notebook, handed_in) -> Job:
    """The `Job` for `handed_in`, a list of `Cell`, as an answer to `notebook` (a `cells.Notebook`).

    Given cells come from `notebook` whatever became of them; test cells and predictions stay out;
    solution cells count by their grade_id, whatever their type or number; any other code cell runs
    if it was added or changed. A demonstration that is unchanged is left out, unless the learner's functions need a
    name that only that cell defines.
    """
    trusted = [cell for cell in notebook.cells if cell.cell_type == "code"]
    marked = {course.grade_id(cell): n for n, cell in enumerate(trusted) if course.grade_id(cell)}
    kinds = [course.kind(cell) for cell in trusted]
    demos = {cell.source.strip(): n for n, cell in enumerate(trusted) if kinds[n] == "demo"}
    stubs = {exercise.name: exercise.stub.strip() for exercise in notebook.exercises}
    rows, notes, here, seen = [], [], -1, set()  # rows: (place in our notebook, in theirs), step
    for count, cell in enumerate(handed_in, 1):
        name, text = cell.grade_id, cell.source.strip()
        if name in marked:
            here = marked[name]
            if kinds[here] == "solution":
                if not (name in seen and text == stubs.get(name)):  # a copy of the bare stub
                    rows.append(((here, count), Step(name, cell.source, True)))
                seen.add(name)
            elif kinds[here] == "given" and text != trusted[here].source.strip():
                notes.append(f"The locked cell {name} was changed; the original was used.")
        elif cell.kind == "code" and text in demos:
            here = max(here, demos[text])
        elif cell.kind == "code" and text and not is_prediction(text):
            rows.append(((here, count), Step(f"cell {count}", cell.source, True)))
    for name, n in marked.items():
        if kinds[n] == "given":
            rows.append(((n, 0), Step(name, trusted[n].source, False)))
    rows.sort(key=lambda row: row[0])
    rows += _wanted_demos([step for _, step in rows], demos, trusted, set(stubs))
    rows.sort(key=lambda row: row[0])
    return Job(tuple(step for _, step in rows), tuple(notes))


def _wanted_demos(steps, demos, trusted, functions):
    """Demonstrations that bind what the learner's functions read, they or their helpers, and nothing else binds."""
    own = [names(step.source) for step in steps if step.own]
    bound = set().union(*(names(step.source).binds for step in steps))
    read = set().union(*(names(step.source).reads for step in steps if step.title in functions))
    todo = [each for each in own]
    used = True
    while used:  # what helpers read counts as well; what a try-out reads does not
        used = [each for each in todo if each.binds & (read | functions)]
        todo = [each for each in todo if each not in used]
        read = read.union(*(each.reads for each in used))
    wanted = []
    for n in sorted(demos.values(), reverse=True):
        found = names(trusted[n].source)
        if (read - bound) & found.binds:
            wanted.append(((n, 0), Step(f"demonstration {n + 1}", trusted[n].source, False)))
            read, bound = read | found.reads, bound | found.binds
    return wanted


def names(source: str) -> Names:
    """The `Names` of a cell; none of a cell that is not Python."""
    if len(source) > MAX_ANALYSED:
        return Names()
    try:
        table = symtable.symtable(python(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names()
    reads, todo = set(), table.get_children()
    while todo:
        scope = todo.pop()
        reads |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
        todo += scope.get_children()
    top = table.get_symbols()
    reads |= {symbol.get_name() for symbol in top if symbol.is_referenced()}
    binds = (s for s in top if s.is_assigned() or s.is_imported() or s.is_namespace())
    return Names(frozenset(reads), frozenset(symbol.get_name() for symbol in binds))


def imports(notebook) -> str:
    """The imports of a notebook's given cells as source: in a test cell these names are ours, not the learner's."""
    lines = [
        ast.unparse(line)
        for cell in notebook.cells
        if course.kind(cell) == "given"
        for line in ast.parse(cell.source).body
        if isinstance(line, (ast.Import, ast.ImportFrom))
    ]
    return "\n".join(lines)
