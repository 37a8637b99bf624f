"""What a learner hands in, read the same for all who look at it, and the plan of what runs of it.

Reading and planning run nothing. `llmlib check`, `progress`, `my-llm`, the certificate and the
grader start here.
"""

import ast
import json
import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from llmlib.course.authoring import source as course
from llmlib.course.authoring.source import Notebook
from llmlib.course.checking import redefinitions
from llmlib.course.checking.definitions import FUNCTIONS, definitions, needed
from llmlib.course.checking.run_cells import ADDED, HELPERS, IPYTHON, MAX_MAGICS
from llmlib.course.checking.scopes import IMPORTS, MAX_ANALYSED, names
from llmlib.course.predict import is_prediction

MAX_SOURCE = 4 << 20  # characters of code in one notebook


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


Row = tuple[tuple[int, int], Step]  # the step's place in our notebook, and in theirs


def plain_values(data: bytes) -> Any:
    """The JSON of a notebook file. Raises `Unreadable`."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable(
            "damaged or half saved, or no notebook at all (not valid JSON): save it again, or "
            "restore an earlier copy"
        ) from None


def edition(tree: Any) -> str | None:
    """The course's version that a notebook says it was released with; None where it says none."""
    try:
        said = tree["metadata"]["llmlib"]["course"]
    except (KeyError, TypeError):
        return None
    return said if isinstance(said, str) and re.fullmatch(r"[0-9.]{1,20}", said) else None


def load(path: Path | str) -> list[Cell]:
    """The cells of a learner's own notebook file. Raises `Unreadable`."""
    return parse(file_values(path))


def file_values(path: Path | str) -> Any:
    """The JSON values of a learner's own notebook file. Raises `Unreadable`."""
    try:
        return plain_values(Path(path).read_bytes())
    except FileNotFoundError:
        raise Unreadable(f"there is no {Path(path).name} in {Path(path).parent}") from None
    except OSError:
        why = "the file cannot be read (is it a notebook, and may you open it?)"
        raise Unreadable(why) from None


def parse(tree: Any) -> list[Cell]:
    """The cells of a notebook given as plain values. Raises `Unreadable`."""
    try:
        if "cells" not in tree:
            tree = {"cells": [cell for sheet in tree["worksheets"] for cell in sheet["cells"]]}
        cells = [each for each in tree["cells"] if isinstance(each, dict)]  # others cost nothing
        found = [_cell(each) for each in cells if "source" in each or "input" in each]
        if tree["cells"] and not found:
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("it holds no cells: it is not a Jupyter notebook") from None
    if sum(len(cell.source) for cell in found) > MAX_SOURCE:
        raise Unreadable(f"it holds more than {MAX_SOURCE >> 20} MB of code")
    return found


def _cell(cell: Any) -> Cell:
    source = cell["source"] if "source" in cell else cell["input"]  # before version 4
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    source = source.replace("\r\n", "\n")  # an editor's of Windows; to Python it is the same
    source = source.encode("utf-8", "replace").decode()  # half a character: no file could hold it
    marks = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    marks = marks.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    kind, name = str(cell.get("cell_type")), name if isinstance(name, str) else None
    # Nobody reads a text of the learner's, in which a pasted picture can be larger than all code.
    return Cell(kind, name, "" if kind == "markdown" and name is None else source)


def plan(notebook: Notebook, handed_in: list[Cell]) -> Job:
    """The `Job` for `handed_in` as an answer to `notebook`. Given cells come from `notebook`,
    whatever became of them; test cells and predictions stay out; solution cells count by their
    grade_id, whatever their type or number; any other code cell runs if it was added or changed. A
    demonstration that is unchanged is left out, unless the learner's functions need a name that
    only that cell defines. Last come the given functions that tests call."""
    trusted = [cell for cell in notebook.cells if cell.cell_type == "code"]
    marked = {course.grade_id(cell): n for n, cell in enumerate(trusted) if course.grade_id(cell)}
    kinds = [course.kind(cell) for cell in trusted]
    demos = {_bare(cell.source): n for n, cell in enumerate(trusted) if kinds[n] == "demo"}
    kept, ours = {cell.grade_id for cell in handed_in}, dict(demos)
    for title, n in marked.items():  # a notebook that lost its marks still has the course's cells
        if kinds[n] == "given" and title not in kept:
            ours[_bare(trusted[n].source)] = n
    stubs = {exercise.name: _bare(exercise.stub) for exercise in notebook.exercises}
    rows: list[Row] = []
    notes: list[str] = []
    seen: set[str] = set()
    here = -1  # the place in our notebook
    for count, cell in enumerate(handed_in, 1):
        name, text = cell.grade_id, _bare(cell.source)
        if name in marked:
            n = marked[name]
            here = max(here, n) if name in seen else n  # a copy counts where it stands
            if kinds[n] == "solution":
                if not (name in seen and text == stubs.get(name)):  # a copy of the bare stub
                    rows.append(((here, count), Step(name, cell.source, True)))
                seen.add(name)
            elif kinds[n] == "given" and text != _bare(trusted[n].source):
                notes.append(f"The locked cell {name} was changed; the original was used.")
        elif cell.kind == "code" and text in ours:
            here = max(here, ours[text])
        elif cell.kind == "code" and text and not is_prediction(text):
            rows.append(((here, count), Step(f"{ADDED}{count}", cell.source, True)))
    for name, n in marked.items():
        if kinds[n] == "given":
            rows.append(((n, 0), Step(name, trusted[n].source, False)))
    rows.sort(key=lambda row: row[0])  # as they run
    steps, helpers = [step for _, step in rows], _helpers(notebook)
    if _readable(steps):
        rows += _wanted_demos(steps, {n: trusted[n].source for n in demos.values()}, set(stubs))
        notes += redefinitions.notes(steps, helpers, set(stubs))
    rows.sort(key=lambda row: row[0])
    last = [Step(HELPERS, helpers, False)] if helpers else []
    return Job((*(step for _, step in rows), *last), tuple(dict.fromkeys(notes)))


def _bare(source: str) -> str:
    """Without the blanks at its ends and its lines' ends, which editors take away or add."""
    return "\n".join(map(str.rstrip, source.strip().split("\n")))


def _helpers(notebook: Notebook) -> str:
    """The given functions and classes that tests read, as source. A test that calls the learner's
    function through one of them would else be told what a cell of that name likes."""
    given = definitions(cell.source for cell in notebook.cells if course.kind(cell) == "given")
    made = [each for each in given if each.kind in (*FUNCTIONS, ast.ClassDef)]
    read = frozenset().union(*(names(each.full).reads for each in notebook.exercises))
    return "\n\n\n".join(each.source for each in needed(read, made, set()))


def _readable(steps: list[Step]) -> bool:
    """Is the learner's part short enough to be read for names?"""
    own = [step.source for step in steps if step.own]
    magics = sum(len(IPYTHON.findall(source)) for source in own)
    return magics <= MAX_MAGICS and sum(map(len, own)) <= 4 * MAX_ANALYSED


def _wanted_demos(steps: list[Step], demos: dict[int, str], functions: Set[str]) -> list[Row]:
    """Demonstrations that alone bind what the learner's functions read, they or their helpers."""
    own = [step for step in steps if step.own]
    bound = frozenset().union(*(names(step.source).binds for step in steps))
    read = frozenset().union(*(names(step.source).reads for step in own if step.title in functions))
    todo = used = [names(step.source) for step in own]
    while used:  # what helpers read counts as well; what a try-out reads does not
        used = [each for each in todo if each.binds & (read | functions)]
        todo = [each for each in todo if each not in used]
        read = read.union(*(each.reads for each in used))
    early, made = set[str](), set[str]()  # read at once before any of these steps makes it
    for each in definitions(step.source for step in steps):
        early |= each.reads & each.at_once - made
        made |= each.names
    bound = bound - (early & read)
    wanted: list[Row] = []
    for n, source in sorted(demos.items(), reverse=True):
        found = names(source)
        if (read - bound) & found.binds:
            wanted.append(((n, 0), Step(f"demonstration {n + 1}", source, False)))
            read, bound = read | found.reads, bound | found.binds
    return wanted


def imports(notebook: Notebook) -> str:
    """The imports of a notebook's given cells as source: in a test cell these names are ours."""
    given = (cell.source for cell in notebook.cells if course.kind(cell) == "given")
    lines = (line for source in given for line in ast.parse(source).body)
    return "\n".join(ast.unparse(line) for line in lines if isinstance(line, IMPORTS))
