"""The only llmlib in a learner's process: what the given cells of that one notebook read of it.

A name that holds an answer of the same notebook is not in it, nor one of TOY_MODEL. In its place
stands a `stand_in`, which asks the grader for the value (guest/process.py); so does one that only
demonstrations read.
"""

from functools import cache
from typing import NamedTuple

from llmlib.course import environment
from llmlib.course.checking import submission
from llmlib.course.checking.definitions import Definition, definitions, needed
from llmlib.course.checking.submission import Plan
from llmlib.course.format.notebooks import Notebook, kind
from llmlib.grading.host.rpc import Files

TOY_MODEL = "llmlib.course.toy_model."  # its runs are the grader's: a test reads its passes
Given = dict[str, str]  # names that are imported from llmlib, each with its dotted name there


class LibrarySlice(NamedTuple):
    """What the two processes of a grading are given: the learner's, and the course's own."""

    reduced: Files  # for the learner's
    whole: Files  # for the course's own: the answers among what given cells read are there
    official: Plan  # its cells
    answers: Given  # what the learner's asks for


def cut(notebook: Notebook) -> LibrarySlice:
    """The part of llmlib that a learner's process may have for this notebook: what its given cells
    read, without its answers."""
    code = [cell.source for cell in notebook.cells if kind(cell) in ("given", "solution")]
    read = set().union(*(each.reads for each in definitions(code)))
    found = definitions([submission.given_imports(notebook)])
    names = {name: each.origin for each in found if _ours(each) for name in each.names}
    used = {name: dotted for name, dotted in names.items() if name in read}
    answers = {name: dotted for name, dotted in used.items() if _is_answer(dotted, notebook)}
    inside = {name: dotted for name, dotted in used.items() if name not in answers}
    official = submission.plan(notebook, submission.parse(notebook.node))
    return LibrarySlice(_files(names, inside), _files(names, used), official, answers)


def _ours(definition: Definition) -> bool:
    return definition.origin.startswith("llmlib.")


def _files(names: Given, inside: Given) -> Files:
    """Modules in which all `names` can be imported, and those `inside` are what they are."""
    files = _slices(inside)
    for name, dotted in names.items():
        if name not in inside:
            file, origin = _place(dotted)
            line = f"import llmlib; {origin} = llmlib.stand_in({name!r}, {dotted!r})"
            files[file] = f"{files.get(file, '')}\n{line}\n"
    return files


def _is_answer(dotted: str, notebook: Notebook) -> bool:
    if dotted.startswith(TOY_MODEL):
        return True
    disallowed = {name for exercise in notebook.exercises for name in exercise.disallowed}
    mine = _place(dotted)[1] in {exercise.name for exercise in notebook.exercises}
    return mine or any(f"{name}.".startswith(f"{dotted}.") for name in disallowed)


def _slices(wanted: Given) -> Files:
    """The modules of llmlib, each cut down to what the `wanted` names need."""
    names: dict[str, set[str]] = {}  # by file
    todo = list(wanted.values())
    while todo:
        file, name = _place(todo.pop())
        if name not in names.setdefault(file, set()):
            names[file].add(name)
            todo += [each.origin for each in _needed(file, frozenset({name})) if _ours(each)]
    return {
        file: "\n\n\n".join(each.source for each in _needed(file, frozenset(some)))
        for file, some in names.items()
    }


@cache
def _needed(file: str, names: frozenset[str]) -> list[Definition]:
    source = (environment.ROOT / file).read_text(encoding="utf-8")
    return needed(names, definitions([source]), set())


def _place(dotted: str) -> tuple[str, str]:
    """The file where a dotted name is made, and its name there."""
    module, _, name = dotted.rpartition(".")
    return module.replace(".", "/") + ".py", name
