"""Cut the only llmlib in a learner's process: what the given cells of that one notebook read of it.

A name that holds an answer of the same notebook is not in it, nor one of TOY_MODEL. In its place
stands a `stand_in`, which asks the grader for the value (guest/process.py); so does one that only
demonstrations read.
"""

from functools import cache
from typing import NamedTuple

from classroom.checking import submission
from classroom.checking.definitions import Definition, definitions, needed
from classroom.checking.submission import Plan
from exercises import course_files
from exercises.course_packages import is_inside
from exercises.format.notebooks import Notebook, kind
from exercises.format.source import given_imports
from grader.host.rpc import Files

TOY_MODEL = "exercises.toy_model."  # its runs are the grader's: a test reads its passes
Given = dict[str, str]  # names that are imported from llmlib, each with its dotted name there


class LibrarySlice(NamedTuple):
    """Hold what the two processes of a grading are given: the learner's, and the course's own."""

    reduced: Files  # for the learner's
    whole: Files  # for the course's own: the answers among what given cells read are there
    official: Plan  # its cells
    answers: Given  # what the learner's asks for


def cut(notebook: Notebook) -> LibrarySlice:
    """Return the part of llmlib that a learner's process may have for this notebook: what its given
    cells read, without its answers."""
    code = [cell.source for cell in notebook.cells if kind(cell) in ("given", "solution")]
    reads = set().union(*(definition.reads for definition in definitions(code)))
    imports = definitions([given_imports(notebook)])
    names = {name: line.origin for line in imports if _ours(line) for name in line.names}
    used = {name: origin for name, origin in names.items() if name in reads}
    answers = {name: origin for name, origin in used.items() if _is_answer(origin, notebook)}
    inside = {name: origin for name, origin in used.items() if name not in answers}
    official = submission.plan(notebook, submission.parse(notebook.node))
    return LibrarySlice(_files(names, inside), _files(names, used), official, answers)


def _ours(definition: Definition) -> bool:
    return is_inside(definition.origin)


def _files(names: Given, inside: Given) -> Files:
    """Write modules in which all `names` can be imported, and those `inside` are what they are."""
    files = _slices(inside)
    for name, full_name in names.items():
        if name not in inside:
            file, origin = _place(full_name)
            line = f"import llmlib; {origin} = llmlib.stand_in({name!r}, {full_name!r})"
            files[file] = f"{files.get(file, '')}\n{line}\n"
    return files


def _is_answer(full_name: str, notebook: Notebook) -> bool:
    if full_name.startswith(TOY_MODEL):
        return True
    disallowed = {name for exercise in notebook.exercises for name in exercise.disallowed}
    is_exercise = _place(full_name)[1] in {exercise.name for exercise in notebook.exercises}
    return is_exercise or any(f"{name}.".startswith(f"{full_name}.") for name in disallowed)


def _slices(roots: Given) -> Files:
    """Return the modules of llmlib, each cut down to what the names in `roots` need."""
    names: dict[str, set[str]] = {}  # by file
    todo = list(roots.values())
    while todo:
        file, name = _place(todo.pop())
        if name not in names.setdefault(file, set()):
            names[file].add(name)
            needs = _needed(file, frozenset({name}))
            todo += [definition.origin for definition in needs if _ours(definition)]
    return {
        file: "\n\n\n".join(part.source for part in _needed(file, frozenset(file_names)))
        for file, file_names in names.items()
    }


@cache
def _needed(file: str, names: frozenset[str]) -> list[Definition]:
    source = (course_files.ROOT / file).read_text(encoding="utf-8")
    return needed(names, definitions([source]), set())


def _place(full_name: str) -> tuple[str, str]:
    """Return the file where a dotted name is made, and its name there."""
    module, _, name = full_name.rpartition(".")
    return module.replace(".", "/") + ".py", name
