"""The only llmlib in a learner's process: what the given cells of that one notebook read of it.

A name that holds an answer of the same notebook is not in it. In its place stands a `stand_in`,
which asks the grader for the value (inside/process.py); so does one that only demonstrations read.
"""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import llmlib
from llmlib.course import handed_in
from llmlib.course.cells import Notebook, kind
from llmlib.course.definitions import Definition, definitions, needed
from llmlib.course.handed_in import Job
from llmlib.grading.outside.remote import Files


class Given(NamedTuple):
    """A name that is imported from llmlib."""

    name: str  # where it is imported
    module: str
    origin: str  # in the module

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.origin}"


def given(imports: str) -> list[Given]:
    """What lines of Python import from llmlib."""
    return [
        Given(alias.asname or alias.name, line.module or "", alias.name)
        for line in ast.parse(imports).body
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith("llmlib")
        for alias in line.names
    ]


class Kit(NamedTuple):
    """What the two processes of a grading are given: the learner's, and the course's own."""

    reduced: Files  # for the learner's
    whole: Files  # for the course's own: the answers among what given cells read are there
    official: Job  # its cells
    answers: dict[str, str]  # what the learner's asks for: name -> dotted name


def of(notebook: Notebook) -> Kit:
    code = [cell.source for cell in notebook.cells if kind(cell) in ("given", "solution")]
    read = set().union(*(each.reads for each in definitions(code)))
    names = given(handed_in.imports(notebook))
    used = [each for each in names if each.name in read]
    inside = [each for each in used if not _is_answer(each, notebook)]
    answers = {each.name: each.dotted for each in used if each not in inside}
    official = handed_in.plan(notebook, handed_in.parse(notebook.node))
    return Kit(_files(names, inside), _files(names, used), official, answers)


def _files(names: list[Given], inside: list[Given]) -> Files:
    """Modules in which all `names` can be imported, and those `inside` are what they are."""
    files = _slices(inside)
    for each in names:
        if each not in inside:
            file = _file(each.module)
            line = f"import llmlib; {each.origin} = llmlib.stand_in({each.name!r}, {each.dotted!r})"
            files[file] = f"{files.get(file, '')}\n{line}\n"
    return files


def _is_answer(each: Given, notebook: Notebook) -> bool:
    off = {name for exercise in notebook.exercises for name in exercise.off}
    mine = each.origin in {exercise.name for exercise in notebook.exercises}
    return mine or any(f"{name}.".startswith(f"{each.dotted}.") for name in off)


def _slices(wanted: list[Given]) -> Files:
    """The modules of llmlib, each cut down to what the `wanted` names need."""
    names: dict[str, set[str]] = {}
    todo = list(wanted)
    while todo:
        _, module, name = todo.pop()
        if name not in names.setdefault(module, set()):
            names[module].add(name)
            code = _needed(module, frozenset({name}))
            todo += given("\n".join(each.source for each in code if each.imports))
    return {
        _file(module): "\n\n\n".join(each.source for each in _needed(module, frozenset(some)))
        for module, some in names.items()
    }


@cache
def _needed(module: str, names: frozenset[str]) -> list[Definition]:
    path = Path(llmlib.__file__).parent.parent / _file(module)
    return needed(names, definitions([path.read_text(encoding="utf-8")]), set())


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"
