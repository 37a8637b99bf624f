"""A learner's notebook: how it is read, and which of its cells run in which order.

Nothing is run here. `llmlib check`, `progress`, `my-llm`, the certificate and the grader all start
with this module.
"""

import ast
import json
import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode

from llmlib.course.checking import redefinitions
from llmlib.course.checking.definitions import FUNCTIONS, definitions, needed
from llmlib.course.checking.run_cells import ADDED_TITLE, HELPERS_TITLE, IPYTHON, MAX_MAGICS
from llmlib.course.checking.scopes import IMPORTS, MAX_ANALYSED, names
from llmlib.course.format.source import Notebook, grade_id, kind
from llmlib.course.prediction_cells import is_prediction

MAX_SOURCE = 4 << 20  # characters of code in one notebook


class Unreadable(ValueError):
    """A file that is not a notebook; the text is a sentence for its author."""


@dataclass(frozen=True)
class Cell:
    """One cell of a learner's notebook; `grade_id` is None if it has none."""

    kind: str
    grade_id: str | None
    source: str


class Step(NamedTuple):
    """One cell to run; its title is its grade_id or "cell 12"; `own`: did the learner write it?"""

    title: str
    source: str
    own: bool


@dataclass(frozen=True)
class Plan:
    """The cells of a learner's notebook that run, in order, and sentences about the notebook."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]


# A step with its place: in the course's notebook, then in the learner's.
Row = tuple[tuple[int, int], Step]


def parse_json(data: bytes) -> Any:
    """The JSON of a notebook file. Raises `Unreadable`."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable(
            "damaged, half saved or not a notebook (not valid JSON): save it again, or "
            "restore an earlier copy"
        ) from None


def edition(tree: Any) -> str | None:
    """The version of the course that is written in a notebook; None if there is none."""
    try:
        version = tree["metadata"]["llmlib"]["course"]
    except (KeyError, TypeError):
        return None
    valid = isinstance(version, str) and re.fullmatch(r"[0-9][0-9a-z.+]{0,20}", version)
    return version if valid else None


def load(path: Path | str) -> list[Cell]:
    """The cells of a learner's own notebook file. Raises `Unreadable`."""
    return parse(read_json(path))


def read_json(path: Path | str) -> Any:
    """The JSON values of a learner's own notebook file. Raises `Unreadable`."""
    try:
        return parse_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise Unreadable(f"there is no {Path(path).name} in {Path(path).parent}") from None
    except OSError:
        why = "the file cannot be read (is it a notebook, and may you open it?)"
        raise Unreadable(why) from None


def parse(tree: Any) -> list[Cell]:
    """The cells of a notebook given as JSON values. Raises `Unreadable`."""
    try:
        if "cells" not in tree:
            tree = {"cells": [cell for sheet in tree["worksheets"] for cell in sheet["cells"]]}
        cells = [each for each in tree["cells"] if isinstance(each, dict)]
        found = [_cell(each) for each in cells if "source" in each or "input" in each]
        if tree["cells"] and not found:
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("it has no cells: it is not a Jupyter notebook") from None
    if sum(len(cell.source) for cell in found) > MAX_SOURCE:
        raise Unreadable(f"it has more than {MAX_SOURCE >> 20} MB of code")
    return found


def _cell(cell: Any) -> Cell:
    source = cell["source"] if "source" in cell else cell["input"]  # before version 4
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    source = source.replace("\r\n", "\n")  # from an editor on Windows
    source = source.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written
    marks = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    marks = marks.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    what, name = str(cell.get("cell_type")), name if isinstance(name, str) else None
    # A learner's own text is not read; a picture pasted into it can be larger than all code.
    return Cell(what, name, "" if what == "markdown" and name is None else source)


def plan(notebook: Notebook, handed_in: list[Cell]) -> Plan:
    """The `Plan` for `handed_in`, a learner's copy of `notebook`.

    - Given cells are those of `notebook`, whatever became of the learner's.
    - Test cells and predictions do not run.
    - Solution cells are known by their grade_id, whatever their type or number.
    - Any other code cell runs if it was added or changed. An unchanged demonstration runs only if
      the learner's functions need a name that no other cell defines.
    - The given functions that tests call come last.
    """
    trusted = [cell for cell in notebook.cells if cell.cell_type == "code"]
    functions = {exercise.name for exercise in notebook.exercises}
    rows, notes = _learner_rows(notebook, trusted, handed_in)
    for n, cell in enumerate(trusted):
        if kind(cell) == "given":
            rows.append(((n, 0), Step(grade_id(cell), cell.source, False)))
    rows.sort(key=_place)
    steps, helpers = [step for _, step in rows], _helpers(notebook)
    if _short_enough(steps):
        demos = {n: cell.source for n, cell in enumerate(trusted) if kind(cell) == "demo"}
        rows += _needed_demos(steps, demos, functions)
        notes += redefinitions.notes(steps, helpers, functions)
    rows.sort(key=_place)
    last = [Step(HELPERS_TITLE, helpers, False)] if helpers else []
    return Plan((*(step for _, step in rows), *last), tuple(dict.fromkeys(notes)))


def _place(row: Row) -> tuple[int, int]:
    return row[0]


def _learner_rows(
    notebook: Notebook, trusted: list[NotebookNode], handed_in: list[Cell]
) -> tuple[list[Row], list[str]]:
    """The steps that the learner wrote, and a note for each given cell that was changed. `trusted`
    are the code cells of `notebook`."""
    marked = {grade_id(cell): n for n, cell in enumerate(trusted) if grade_id(cell)}
    unmarked = _unmarked(trusted, {cell.grade_id for cell in handed_in})
    stubs = {exercise.name: _stripped(exercise.stub) for exercise in notebook.exercises}
    rows: list[Row] = []
    notes: list[str] = []
    solved: set[str] = set()
    here = -1  # the place in `trusted`
    for number, cell in enumerate(handed_in, 1):
        name, text = cell.grade_id, _stripped(cell.source)
        if name in marked:
            n = marked[name]
            here = max(here, n) if name in solved else n  # a copy counts at its own place
            if kind(trusted[n]) == "solution":
                if not (name in solved and text == stubs.get(name)):  # not a copy of the stub
                    rows.append(((here, number), Step(name, cell.source, True)))
                solved.add(name)
            elif kind(trusted[n]) == "given" and text != _stripped(trusted[n].source):
                notes.append(f"The locked cell {name} was changed; the original was used.")
        elif cell.kind == "code" and text in unmarked:
            here = max(here, unmarked[text])
        elif cell.kind == "code" and text and not is_prediction(text):
            rows.append(((here, number), Step(f"{ADDED_TITLE}{number}", cell.source, True)))
    return rows, notes


def _unmarked(trusted: list[NotebookNode], kept: Set[str | None]) -> dict[str, int]:
    """{source: place} of the course's cells that are known by their text: demonstrations, and the
    given cells whose grade_id is not among those `kept` (a notebook may lose its metadata)."""
    places = [n for n, cell in enumerate(trusted) if kind(cell) == "demo"]
    for n, cell in enumerate(trusted):
        if kind(cell) == "given" and grade_id(cell) not in kept:
            places.append(n)
    return {_stripped(trusted[n].source): n for n in places}


def _stripped(source: str) -> str:
    """Without the white space around it and at the ends of lines, which editors add or remove."""
    return "\n".join(map(str.rstrip, source.strip().split("\n")))


def _helpers(notebook: Notebook) -> str:
    """The given functions and classes that tests read, as source. They run last: if a test calls
    the learner's function through one of them, a cell of the learner's cannot have replaced it."""
    given = definitions(cell.source for cell in notebook.cells if kind(cell) == "given")
    made = [each for each in given if each.kind in (*FUNCTIONS, ast.ClassDef)]
    read = frozenset().union(*(names(each.full).reads for each in notebook.exercises))
    return "\n\n\n".join(each.source for each in needed(read, made, set()))


def _short_enough(steps: list[Step]) -> bool:
    """Is the learner's part short enough to be read for names?"""
    own = [step.source for step in steps if step.own]
    magics = sum(len(IPYTHON.findall(source)) for source in own)
    return magics <= MAX_MAGICS and sum(map(len, own)) <= 4 * MAX_ANALYSED


def _needed_demos(steps: list[Step], demos: dict[int, str], functions: Set[str]) -> list[Row]:
    """The demonstrations that alone define what the learner's functions or their helpers read."""
    own = [step for step in steps if step.own]
    bound = frozenset().union(*(names(step.source).binds for step in steps))
    read = frozenset().union(*(names(step.source).reads for step in own if step.title in functions))
    todo = used = [names(step.source) for step in own]
    while used:  # what helpers read counts as well; what a try-out reads does not
        used = [each for each in todo if each.binds & (read | functions)]
        todo = [each for each in todo if each not in used]
        read = read.union(*(each.reads for each in used))
    bound = bound - (_read_too_early(steps) & read)
    rows: list[Row] = []
    for n, source in sorted(demos.items(), reverse=True):
        found = names(source)
        if (read - bound) & found.binds:
            rows.append(((n, 0), Step(f"demonstration {n + 1}", source, False)))
            read, bound = read | found.reads, bound | found.binds
    return rows


def _read_too_early(steps: list[Step]) -> set[str]:
    """The names that a step reads as it runs, before any of the steps defines them."""
    early, made = set[str](), set[str]()
    for each in definitions(step.source for step in steps):
        early |= each.reads & each.at_once - made
        made |= each.names
    return early


def given_imports(notebook: Notebook) -> str:
    """The imports of a notebook's given cells as source: a test cell uses the course's own."""
    given = (cell.source for cell in notebook.cells if kind(cell) == "given")
    lines = (line for source in given for line in ast.parse(source).body)
    return "\n".join(ast.unparse(line) for line in lines if isinstance(line, IMPORTS))
