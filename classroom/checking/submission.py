"""Read a learner's notebook, and decide which of its cells run in which order.

Nothing is run here. `llmlib check`, `progress`, `my-llm`, the certificate and the grader all start
with this module.
"""

import ast
import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode

from classroom.checking import redefinitions
from classroom.checking.definitions import FUNCTIONS, definitions, needed
from classroom.checking.run_cells import ADDED_TITLE, HELPERS_TITLE, IPYTHON, MAX_MAGICS
from classroom.checking.scopes import MAX_ANALYSED, names
from classroom.checking.snapshots import Home
from exercises.format.source import Notebook, grade_id, kind
from exercises.prediction_cells import is_prediction

MAX_SOURCE = 4 << 20  # characters of code in one notebook


class Unreadable(ValueError):
    """Report a file that is not a notebook; the text is a sentence for its author."""


def too_large(most: int) -> str:
    """Say what a file with more bytes is: the same in Submit as where it is collected."""
    clear = "clear its outputs (menu Edit), save it and hand it in again"
    return f"larger than {most / 1e6:g} MB: {clear}"


@dataclass(frozen=True)
class Cell:
    """Hold one cell of a learner's notebook; `grade_id` is None if it has none."""

    kind: str
    grade_id: str | None
    source: str


class Step(NamedTuple):
    """Hold one cell to run; its title is its grade_id or "cell 12"; `own`: the learner wrote it."""

    title: str
    source: str
    own: bool

    @property
    def label(self) -> str:
        """Say what to call it: an added one by its first line, since Jupyter shows no numbers."""
        is_addition = self.title.startswith(ADDED_TITLE)
        return f"The cell “{redefinitions.first_line(self.source)}”" if is_addition else self.title


@dataclass(frozen=True)
class Plan:
    """List the cells of a learner's notebook that run, in order, and sentences about the notebook;
    which of the cells answers an exercise."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    homes: Mapping[str, Home] = field(default_factory=dict)


# A step with its place: in the course's notebook, then in the learner's.
Row = tuple[tuple[int, int], Step]


def parse_json(data: bytes) -> Any:
    """Return the JSON of a notebook file. Raises `Unreadable`."""
    try:
        return json.loads(data)  # UTF-8, 16 or 32, with a byte-order mark or without
    except (ValueError, RecursionError):
        raise Unreadable(
            "damaged, half saved or not a notebook (not valid JSON): save it again, or "
            "restore an earlier copy"
        ) from None


def edition(tree: Any) -> str | None:
    """Return the version of the course that is written in a notebook; None if there is none."""
    try:
        version = tree["metadata"]["llmlib"]["course"]
    except (KeyError, TypeError):
        return None
    valid = isinstance(version, str) and re.fullmatch(r"[0-9][0-9a-z.+]{0,20}", version)
    return version if valid else None


def load(path: Path | str) -> list[Cell]:
    """Return the cells of a learner's own notebook file. Raises `Unreadable`."""
    return parse(read_json(path))


def read_json(path: Path | str) -> Any:
    """Return the JSON values of a learner's own notebook file. Raises `Unreadable`."""
    try:
        return parse_json(Path(path).read_bytes())
    except FileNotFoundError:
        raise Unreadable(f"there is no {Path(path).name} in {Path(path).parent}") from None
    except OSError:
        reason = "the file cannot be read (is it a notebook, and may you open it?)"
        raise Unreadable(reason) from None


def parse(tree: Any) -> list[Cell]:
    """Return the cells of a notebook given as JSON values. Raises `Unreadable`."""
    try:
        if "cells" not in tree:
            tree = {"cells": [cell for sheet in tree["worksheets"] for cell in sheet["cells"]]}
        entries = [entry for entry in tree["cells"] if isinstance(entry, dict)]
        cells = [_cell(entry) for entry in entries if "source" in entry or "input" in entry]
        if tree["cells"] and not cells:
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("it has no cells: it is not a Jupyter notebook") from None
    if sum(len(cell.source) for cell in cells) > MAX_SOURCE:
        raise Unreadable(f"it has more than {MAX_SOURCE >> 20} MB of code")
    return cells


def _cell(cell: Any) -> Cell:
    source = cell["source"] if "source" in cell else cell["input"]  # before version 4
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    source = source.replace("\r\n", "\n")  # from an editor on Windows
    source = source.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written
    marks = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    marks = marks.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    cell_type, name = str(cell.get("cell_type")), name if isinstance(name, str) else None
    # A learner's own text is not read; a picture pasted into it can be larger than all code.
    return Cell(cell_type, name, "" if cell_type == "markdown" and name is None else source)


def plan(notebook: Notebook, handed_in: list[Cell]) -> Plan:
    """Return the `Plan` for `handed_in`, a learner's copy of `notebook`.

    - Given cells are those of `notebook`, whatever became of the learner's.
    - Test cells and predictions do not run.
    - Solution cells are known by their grade_id, whatever their type or number.
    - Any other code cell runs if it was added or changed. An unchanged demonstration runs only if
      the learner's functions need a name that no other cell defines.
    - The given functions that tests call come last.
    """
    course_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    functions = {exercise.name for exercise in notebook.exercises}
    rows, notes = _learner_rows(notebook, course_cells, handed_in)
    for n, cell in enumerate(course_cells):
        if kind(cell) == "given":
            rows.append(((n, 0), Step(grade_id(cell), cell.source, False)))
    rows.sort(key=_place)
    steps, helpers = [step for _, step in rows], _helpers(notebook)
    homes: dict[str, Home] = {}
    if _short_enough(steps):
        demos = {n: cell.source for n, cell in enumerate(course_cells) if kind(cell) == "demo"}
        rows += _needed_demos(steps, demos, functions)
        rows.sort(key=_place)
        steps = [step for _, step in rows]
        stubs = {exercise.name: exercise.stub for exercise in notebook.exercises}
        homes = redefinitions.homes(steps, stubs)
        notes += redefinitions.notes(steps, helpers, homes)
    last = [Step(HELPERS_TITLE, helpers, False)] if helpers else []
    return Plan((*steps, *last), tuple(dict.fromkeys(notes)), homes)


def _place(row: Row) -> tuple[int, int]:
    return row[0]


def _learner_rows(
    notebook: Notebook, course_cells: list[NotebookNode], handed_in: list[Cell]
) -> tuple[list[Row], list[str]]:
    """Return the steps that the learner wrote, and a note for each given cell that was changed;
    `course_cells` are the code cells of `notebook`."""
    by_grade_id = {grade_id(cell): n for n, cell in enumerate(course_cells) if grade_id(cell)}
    by_text = _unmarked(course_cells, {cell.grade_id for cell in handed_in})
    stubs = {exercise.name: _stripped(exercise.stub) for exercise in notebook.exercises}
    rows: list[Row] = []
    notes: list[str] = []
    solved_names: set[str] = set()
    place = -1  # in `course_cells`
    for number, cell in enumerate(handed_in, 1):
        name, text = cell.grade_id, _stripped(cell.source)
        if name in by_grade_id:
            n = by_grade_id[name]
            place = max(place, n) if name in solved_names else n  # a copy counts at its own place
            if kind(course_cells[n]) == "solution":
                if not (name in solved_names and text == stubs.get(name)):  # not a copy of the stub
                    rows.append(((place, number), Step(name, cell.source, True)))
                solved_names.add(name)
            elif kind(course_cells[n]) == "given" and text != _stripped(course_cells[n].source):
                notes.append(f"The locked cell {name} was changed; the original was used.")
        elif cell.kind == "code" and text in by_text:
            place = max(place, by_text[text])
        elif cell.kind == "code" and text and not is_prediction(text):
            rows.append(((place, number), Step(f"{ADDED_TITLE}{number}", cell.source, True)))
    return rows, notes


def _unmarked(course_cells: list[NotebookNode], grade_ids: Set[str | None]) -> dict[str, int]:
    """Return {source: place} of the course's cells that are known by their text: demonstrations,
    and the given cells whose grade_id is not in `grade_ids` (a notebook may lose its metadata)."""
    places = [n for n, cell in enumerate(course_cells) if kind(cell) == "demo"]
    for n, cell in enumerate(course_cells):
        if kind(cell) == "given" and grade_id(cell) not in grade_ids:
            places.append(n)
    return {_stripped(course_cells[n].source): n for n in places}


def _stripped(source: str) -> str:
    """Return it without the white space around it and at the ends of lines: editors change that."""
    return "\n".join(map(str.rstrip, source.strip().split("\n")))


def _helpers(notebook: Notebook) -> str:
    """Return the given functions and classes that tests read, as source. They run last: if a test
    calls the learner's function through one of them, a cell of the learner's cannot have replaced
    it."""
    given_definitions = definitions(cell.source for cell in notebook.cells if kind(cell) == "given")
    functions = [part for part in given_definitions if part.kind in (*FUNCTIONS, ast.ClassDef)]
    read = frozenset().union(*(names(exercise.full).reads for exercise in notebook.exercises))
    return "\n\n\n".join(definition.source for definition in needed(read, functions, set()))


def _short_enough(steps: list[Step]) -> bool:
    """Say whether the learner's part is short enough to be read for names."""
    sources = [step.source for step in steps if step.own]
    magics = sum(len(IPYTHON.findall(source)) for source in sources)
    return magics <= MAX_MAGICS and sum(map(len, sources)) <= 4 * MAX_ANALYSED


def _needed_demos(steps: list[Step], demos: dict[int, str], functions: Set[str]) -> list[Row]:
    """Return the demonstrations that alone define what the learner's functions or their helpers
    read."""
    learner_steps = [step for step in steps if step.own]
    bindings = frozenset().union(*(names(step.source).binds for step in steps))
    answers = [step.source for step in learner_steps if step.title in functions]
    read = frozenset().union(*(names(source).reads for source in answers))
    todo = used = [names(step.source) for step in learner_steps]
    while used:  # what helpers read counts as well; what a try-out reads does not
        used = [part for part in todo if part.binds & (read | functions)]
        todo = [part for part in todo if part not in used]
        read = read.union(*(part.reads for part in used))
    bindings = bindings - (_read_too_early(steps) & read)
    rows: list[Row] = []
    for n, source in sorted(demos.items(), reverse=True):
        demo = names(source)
        if (read - bindings) & demo.binds:
            rows.append(((n, 0), Step(f"demonstration {n + 1}", source, False)))
            read, bindings = read | demo.reads, bindings | demo.binds
    return rows


def _read_too_early(steps: list[Step]) -> set[str]:
    """Return the names that a step reads as it runs, before any of the steps defines them."""
    early, earlier_names = set[str](), set[str]()
    for definition in definitions(step.source for step in steps):
        early |= definition.reads & definition.at_once - earlier_names
        earlier_names |= definition.names
    return early
