"""Take the functions that the engine needs from a learner's notebooks; test them in the file."""

import sys
from collections.abc import Iterable, Iterator, Set
from functools import cache
from pathlib import Path
from typing import NamedTuple

from classroom.checking import check_notebooks, redefinitions, submission
from classroom.checking.check_process import run_job
from classroom.checking.definitions import BUILTINS, Definition, definitions, needed
from classroom.checking.scopes import names
from classroom.my_llm.assemble import (
    TEMPLATE,
    Section,
    render,
    sections_of,
    top_level_await,
    undefined_names,
    without_llmlib,
)
from exercises.feedback import NOT_WRITTEN_YET
from exercises.format import notebooks
from exercises.format.source import Exercise, given_imports


class Gap(NamedTuple):
    """Name a function that cannot be used as it is, and say why."""

    notebook: str
    number: str
    function: str
    why: str

    def __str__(self) -> str:
        return f"{self.notebook}, exercise {self.number} {self.function}: {self.why}"


@cache
def engine_exercises() -> dict[str, Exercise]:
    """Return {name: exercise} of the functions that the template calls, and that the course's
    solutions of those call."""
    exercises = {
        exercise.name: exercise
        for notebook in notebooks.notebooks()
        for exercise in notebook.exercises
    }
    function_names: set[str] = set()
    todo = names(TEMPLATE).reads & set(exercises)
    while todo:
        function_names |= todo
        calls = (names(exercises[name].solution).reads for name in todo)
        todo = frozenset().union(*calls) & set(exercises) - function_names
    return {name: exercise for name, exercise in exercises.items() if name in function_names}


def engine_notebooks() -> list[str]:
    """Return the names of the notebooks whose functions the engine uses, in order."""
    return list(dict.fromkeys(exercise.notebook for exercise in engine_exercises().values()))


@cache
def names_in_file() -> frozenset[str]:
    """Return the names in the file: the template's, and the functions of all notebooks."""
    return names(TEMPLATE).binds | frozenset(engine_exercises())


def collect(
    folder: Path, fill: bool = False, statuses: Iterable[check_notebooks.Status] = ()
) -> tuple[str | None, list[Gap]]:
    """Return (the file's text, gaps) from the notebooks in `folder`, whose `statuses` may be known.

    There is a gap for each function that is not written, fails its check, or needs a name that the
    file cannot take from its notebook. With `fill` the course's own function fills each gap;
    without it the text is None if there is one. The checks run on the notebooks, then on the
    finished file, in processes of their own."""
    if folder.resolve() == notebooks.ROOT / "solutions":  # proven by the tests
        sections = [_solution_section(name) for name in engine_notebooks()]
        return render(sections, set(engine_exercises())), []
    reasons = _reasons(statuses or check_notebooks.check(engine_notebooks(), folder), folder)
    fixes: set[str] = set()  # functions whose answer may be below their own cell
    while fill or not reasons:
        choice = set(reasons), fixes
        sections = [s for name in engine_notebooks() for s in _sections(folder, name, *choice)]
        text = render(sections, set(engine_exercises()))
        failures = _failing(text, set(reasons))
        if not failures:
            break
        reasons |= {name: reason for name, reason in failures.items() if name in fixes}
        fixes |= failures.keys()
    exercises = [exercise for name, exercise in engine_exercises().items() if name in reasons]
    gaps = [
        Gap(exercise.notebook, exercise.number, exercise.name, reasons[exercise.name])
        for exercise in exercises
    ]
    return text if fill or not gaps else None, gaps


def _reasons(statuses: Iterable[check_notebooks.Status], folder: Path) -> dict[str, str]:
    """Return {function: why it cannot be used}, by the notebooks' checks and for missing names."""
    reasons = {}
    for status in statuses:
        outcome = {name: (state, message) for name, state, message in status.exercises}
        learner_definitions = [] if status.fault else _learner_definitions(folder, status.name)
        for function in _functions_of(status.name):
            state, message = outcome.get(function, (check_notebooks.FAILING, status.fault))
            reason = None if state == check_notebooks.DONE else message or NOT_WRITTEN_YET
            if reason := reason or _cannot_move(function, learner_definitions):
                reasons[function] = reason
    return reasons


def _cannot_move(function: str, learner_definitions: list[Definition]) -> str | None:
    """Say why a function of `learner_definitions` cannot go into the file, or return None."""
    closure = needed({function}, learner_definitions, names_in_file())
    if not any(function in definition.names for definition in closure):
        reason = "no cell makes it by a def, an = or an import of its name"
        return f"{reason}: the file cannot take it from its notebook"
    lazy = sys.version_info >= (3, 14) or any(
        "annotations" in definition.names for definition in learner_definitions
    )
    if unknown := ", ".join(sorted(undefined_names(closure, names_in_file(), lazy))):
        return f"it uses {unknown}, which the file cannot take from its notebook"
    if line := top_level_await(closure):
        return f"it needs `{line}`, but only a notebook runs that await"
    return None


def _functions_of(name: str) -> frozenset[str]:
    return frozenset(f for f, exercise in engine_exercises().items() if exercise.notebook == name)


def _learner_definitions(
    folder: Path, name: str, fixes: Set[str] = frozenset()
) -> list[Definition]:
    """Return what a learner's notebook defines, as its exercises are judged: see
    `redefinitions`."""
    cells = submission.load(folder / f"{name}.ipynb")
    plan = submission.plan(notebooks.load(name), cells)
    own_definitions = _standalone(step.source for step in plan.steps)
    return redefinitions.answering(own_definitions, plan.steps, plan.homes, fixes)


@cache
def _solution_definitions(name: str, checks: bool = False) -> list[Definition]:
    code = [cell for cell in notebooks.load(name).cells if cell.cell_type == "code"]
    return _standalone((cell.source for cell in code if notebooks.kind(cell) != "test"), checks)


def _standalone(sources: Iterable[str], checks: bool = False) -> list[Definition]:
    return without_llmlib(definitions(sources), names_in_file(), checks)


def _solution_section(name: str) -> Section:
    functions = _functions_of(name)
    return Section(name, functions, needed(functions, _solution_definitions(name), names_in_file()))


def _sections(folder: Path, name: str, unusable: Set[str], fixes: Set[str]) -> Iterator[Section]:
    """Yield a notebook's own functions; then the course's, in the place of the unusable ones."""
    good, bad = _functions_of(name) - unusable, _functions_of(name) & unusable
    if good:
        learner_definitions = _learner_definitions(folder, name, fixes)
        future = [
            definition
            for definition in learner_definitions
            if definition.source.startswith("from __future__")
        ]
        yield Section(name, good, [*future, *needed(good, learner_definitions, names_in_file())])
    if bad:
        made_by = needed(bad, _solution_definitions(name), names_in_file())
        yield Section(name, bad, made_by, filled=True)


def _failing(text: str, skip: Set[str]) -> dict[str, str]:
    """Return {function: why} of the learner's whose visible tests fail on the finished file."""
    names_in_text = names(text, len(text)).binds
    helpers: dict[str, str] = {}
    tests = []
    for function, exercise in engine_exercises().items():
        if function in skip:
            continue
        imports = given_imports(notebooks.load(exercise.notebook))
        test = names(exercise.visible)
        needs = test.reads - test.binds - names_in_text - BUILTINS - names(imports).binds
        closure = needed(
            needs, _solution_definitions(exercise.notebook, checks=True), names_in_text
        )
        helpers |= {
            definition.source: exercise.notebook
            for definition in closure
            if not definition.names <= names_in_text
        }
        tests.append((function, exercise.visible, imports))
    job = {
        "module": "my_llm",
        "cells": [*sections_of(text), *((name, source) for source, name in helpers.items())],
        "tests": tests,
        "defined_in": {name: exercise.notebook for name, exercise in engine_exercises().items()},
    }
    outcome = run_job(job, check_notebooks.SECONDS, set()) if tests else {}
    return {name: f"in the finished file: {reason}" for name, reason in outcome.items() if reason}
