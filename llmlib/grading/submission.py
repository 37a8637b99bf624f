"""What was handed in: read without trusting it, and turned into the cells that the learner's process will run."""

import ast
import json
import os
import stat
import symtable
from dataclasses import dataclass

from llmlib.course import cells as course
from llmlib.course.predict import is_prediction

MAX_FILE = 256 << 20  # bytes; outputs are dropped, so a notebook that printed a lot is still graded
MAX_SOURCE = 4 << 20  # bytes of code in one notebook


class Unreadable(Exception):
    """A file that cannot be graded; the text is the sentence for the report."""


@dataclass(frozen=True)
class Cell:
    """One cell as handed in; `grade_id` is None where it has none."""

    kind: str
    grade_id: str | None
    source: str


@dataclass(frozen=True)
class Job:
    """What the learner's process runs: (title, source), and which of those are the learner's own."""

    cells: tuple[tuple[str, str], ...]
    own: tuple[bool, ...]
    notes: tuple[str, ...]


def data(path):
    """The bytes of a regular file that is no link. Raises `Unreadable`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Unreadable("there is no file of that name") from None
    except OSError:
        raise Unreadable("it is a link or cannot be opened; hand in the file itself") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Unreadable("it is not a file")
    with open(handle, "rb") as file:
        if status.st_size > MAX_FILE:
            raise Unreadable(
                f"it is larger than {MAX_FILE >> 20} MB; clear its outputs and hand it in again"
            )
        return file.read(MAX_FILE)


def read(path):
    """The cells of the notebook at `path`. Raises `Unreadable` for whatever is not a notebook of plain JSON."""
    try:
        tree = json.loads(data(path).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable("it is not valid JSON: the file is damaged or is no notebook") from None
    return parse(tree)


def parse(tree):
    """The cells of a notebook given as plain values."""
    try:
        found = (
            tree["cells"]
            if "cells" in tree
            else [cell for sheet in tree["worksheets"] for cell in sheet["cells"]]
        )
        cells = [_cell(each) for each in found if isinstance(each, dict)]
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("it holds no cells: it is not a Jupyter notebook") from None
    if sum(len(each.source) for each in cells) > MAX_SOURCE:
        raise Unreadable(f"it holds more than {MAX_SOURCE >> 20} MB of code")
    return cells


def _cell(cell):
    source = cell.get("source", cell.get("input", ""))
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    marks = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    marks = marks.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return Cell(str(cell.get("cell_type")), name if isinstance(name, str) else None, source)


def plan(notebook, handed_in):
    """The `Job` for a submission of `notebook` (a `course.Notebook`).

    Given cells come from `notebook` whatever became of them; test cells and predictions stay out; solution cells count by their
    grade_id, whatever their type or number; any other code cell runs if it was added or changed. A demonstration that
    is unchanged is left out, unless the learner's code uses a name that only that cell defines.
    """
    trusted = [each for each in notebook.cells if each.cell_type == "code"]
    place = {
        course.grade_id(each): number
        for number, each in enumerate(trusted)
        if course.grade_id(each)
    }
    kinds = {course.grade_id(each): course.kind(each) for each in trusted}
    stubs = {each.name: each.stub.strip() for each in notebook.exercises}
    demos = {
        each.source.strip(): number
        for number, each in enumerate(trusted)
        if course.kind(each) == "demo"
    }
    own, notes, here, seen = [], [], -1, set()
    for count, cell in enumerate(handed_in, 1):
        name, text = cell.grade_id, cell.source.strip()
        if name in place:
            here = place[name]
            if kinds[name] == "solution" and not (
                name in seen and text == stubs.get(name)
            ):  # a copy of the bare stub
                seen.add(name)
                own.append((here, count, name, cell.source))
            elif kinds[name] == "given" and text != trusted[here].source.strip():
                notes.append(f"The locked cell {name} was changed; the original was used.")
        elif cell.kind == "code" and text and not is_prediction(text):
            if text in demos:
                here = max(here, demos[text])
            else:
                own.append((here, count, f"cell {count}", cell.source))
    rows = [(*each, True) for each in own]
    rows += [
        (place[name], 0, name, trusted[place[name]].source, False)
        for name in place
        if kinds[name] == "given"
    ]
    rows += _wanted_demos(rows, trusted)
    rows.sort(key=lambda row: row[:2])
    return Job(tuple(row[2:4] for row in rows), tuple(row[4] for row in rows), tuple(notes))


def _wanted_demos(rows, trusted):
    """Demonstrations that define a global name which the learner's functions read and nothing else defines."""
    read, bound = set(), set()
    for *_, source, mine in rows:
        found = _names(source)
        read |= found[0] if mine else set()
        bound |= found[1]
    wanted, left = (
        [],
        [(n, each.source) for n, each in enumerate(trusted) if course.kind(each) == "demo"],
    )
    for number, source in reversed(left):
        reads, binds = _names(source)
        if (read - bound) & binds:
            wanted.append((number, 0, f"demonstration {number + 1}", source, False))
            read, bound = read | reads, bound | binds
    return wanted


def _names(source):
    """(global names that a cell's functions read, names that it binds at the top level)."""
    try:
        table = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set()
    reads, todo = (
        set(),
        [
            each
            for each in table.get_children()
            if not each.get_name().endswith(("comp", "genexpr"))
        ],
    )
    while todo:
        scope = todo.pop()
        reads |= {
            each.get_name()
            for each in scope.get_symbols()
            if each.is_global() and each.is_referenced()
        }
        todo += scope.get_children()
    bound = (
        each
        for each in table.get_symbols()
        if each.is_assigned() or each.is_imported() or each.is_namespace()
    )
    return reads, {each.get_name() for each in bound}


def _parsed(source):
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def forbidden_names(exercise, job):
    """The names in `exercise.off` that its function or a helper of the learner's uses, as far as text shows.

    This names the fault early; `off.forbid` is what stops it at run time.
    """
    if not exercise.off:
        return []
    aliases, bodies = {}, {}
    for (_, source), mine in zip(job.cells, job.own, strict=True):
        tree = _parsed(source)
        for each in ast.walk(tree) if tree else ():
            if isinstance(each, ast.Import):
                for alias in each.names:
                    aliases[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(each, ast.ImportFrom) and each.module:
                aliases.update(
                    {
                        alias.asname or alias.name: f"{each.module}.{alias.name}"
                        for alias in each.names
                    }
                )
            elif mine and isinstance(each, (ast.FunctionDef, ast.ClassDef)):
                bodies[each.name] = each
            elif mine and isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                bodies.setdefault(each.targets[0].id, each.value)
    used, todo, seen = set(), [exercise.name], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in bodies:
            continue
        seen.add(name)
        for each in ast.walk(bodies[name]):
            dotted = _dotted(each)
            if dotted:
                first, _, rest = dotted.partition(".")
                used.add(
                    aliases.get(first, first if first not in bodies else "")
                    + ("." + rest if rest else "")
                )
                todo.append(first)
    return [name for name in exercise.off if name in used]


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
