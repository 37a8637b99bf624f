"""Takes the functions that the engine needs from a learner's notebooks; tests them in the file."""

import sys
from collections.abc import Iterable, Iterator, Set
from functools import cache
from pathlib import Path
from typing import NamedTuple

from llmlib.course.checking import check_notebooks, submission
from llmlib.course.checking.check_process import run_job
from llmlib.course.checking.definitions import BUILTINS, Definition, definitions, needed
from llmlib.course.checking.scopes import names
from llmlib.course.feedback import NOT_WRITTEN_YET
from llmlib.course.format import notebooks
from llmlib.course.format.source import Exercise
from llmlib.course.my_llm.assemble import (
    TEMPLATE,
    Section,
    render,
    sections_of,
    top_level_await,
    undefined_names,
    without_llmlib,
)


class Gap(NamedTuple):
    """A function that cannot be used as it is, and why."""

    notebook: str
    number: str
    function: str
    why: str

    def __str__(self) -> str:
        return f"{self.notebook}, exercise {self.number} {self.function}: {self.why}"


@cache
def engine_exercises() -> dict[str, Exercise]:
    """{name: exercise} of the functions that the template calls, and that the course's solutions of
    those call."""
    every = {each.name: each for notebook in notebooks.notebooks() for each in notebook.exercises}
    found: set[str] = set()
    todo = names(TEMPLATE).reads & set(every)
    while todo:
        found |= todo
        called = (names(every[name].solution).reads for name in todo)
        todo = frozenset().union(*called) & set(every) - found
    return {name: each for name, each in every.items() if name in found}


def engine_notebooks() -> list[str]:
    """The names of the notebooks whose functions the engine uses, in order."""
    return list(dict.fromkeys(each.notebook for each in engine_exercises().values()))


@cache
def names_in_file() -> frozenset[str]:
    """The names that code finds in the file: the template's, and the functions of all notebooks."""
    return names(TEMPLATE).binds | frozenset(engine_exercises())


def collect(
    folder: Path, fill: bool = False, statuses: Iterable[check_notebooks.Status] = ()
) -> tuple[str | None, list[Gap]]:
    """(the file's text, gaps) from the notebooks in `folder`, whose `statuses` may be known.

    There is a gap for each function that is not written, fails its check, or needs a name that the
    file cannot take from its notebook. With `fill` the course's own function fills each gap;
    without it the text is None if there is one. The checks run on the notebooks, then on the
    finished file, in processes of their own."""
    if folder.resolve() == notebooks.ROOT / "solutions":  # proven by the tests
        sections = [_solution_section(name) for name in engine_notebooks()]
        return render(sections, set(engine_exercises())), []
    reasons = _reasons(statuses or check_notebooks.check(engine_notebooks(), folder), folder)
    while fill or not reasons:
        sections = [s for name in engine_notebooks() for s in _sections(folder, name, set(reasons))]
        text = render(sections, set(engine_exercises()))
        failing = _failing(text, set(reasons))
        if not failing:
            break
        reasons |= failing
    lacking = [each for name, each in engine_exercises().items() if name in reasons]
    gaps = [Gap(each.notebook, each.number, each.name, reasons[each.name]) for each in lacking]
    return text if fill or not gaps else None, gaps


def _reasons(statuses: Iterable[check_notebooks.Status], folder: Path) -> dict[str, str]:
    """{function: why it cannot be used}, from the notebooks' own checks and for missing names."""
    reasons = {}
    for status in statuses:
        outcome = {name: (state, message) for name, state, message in status.exercises}
        theirs = [] if status.fault else _learner_definitions(folder, status.name)
        for function in _functions_of(status.name):
            state, message = outcome.get(function, (check_notebooks.FAILING, status.fault))
            why = None if state == check_notebooks.DONE else message or NOT_WRITTEN_YET
            if why := why or _cannot_move(function, theirs):
                reasons[function] = why
    return reasons


def _cannot_move(function: str, theirs: list[Definition]) -> str | None:
    """Why a function of the learner's definitions `theirs` cannot go into the file, or None."""
    chosen = needed({function}, theirs, names_in_file())
    if not any(function in each.names for each in chosen):
        why = "no cell makes it by a def, an = or an import of its name"
        return f"{why}: the file cannot take it from its notebook"
    lazy = sys.version_info >= (3, 14) or any("annotations" in each.names for each in theirs)
    if undefined := ", ".join(sorted(undefined_names(chosen, names_in_file(), lazy))):
        return f"it uses {undefined}, which the file cannot take from its notebook"
    if line := top_level_await(chosen):
        return f"it needs `{line}`, but only a notebook runs that await"
    return None


def _functions_of(name: str) -> frozenset[str]:
    return frozenset(f for f, each in engine_exercises().items() if each.notebook == name)


def _learner_definitions(folder: Path, name: str) -> list[Definition]:
    cells = submission.load(folder / f"{name}.ipynb")
    plan = submission.plan(notebooks.load(name), cells)
    return _standalone(step.source for step in plan.steps)


@cache
def _solution_definitions(name: str, checks: bool = False) -> list[Definition]:
    code = [cell for cell in notebooks.load(name).cells if cell.cell_type == "code"]
    return _standalone((cell.source for cell in code if notebooks.kind(cell) != "test"), checks)


def _standalone(sources: Iterable[str], checks: bool = False) -> list[Definition]:
    return without_llmlib(definitions(sources), names_in_file(), checks)


def _solution_section(name: str) -> Section:
    functions = _functions_of(name)
    return Section(name, functions, needed(functions, _solution_definitions(name), names_in_file()))


def _sections(folder: Path, name: str, unusable: Set[str]) -> Iterator[Section]:
    """A notebook's own functions; then the course's, in the place of those that are unusable."""
    good, bad = _functions_of(name) - unusable, _functions_of(name) & unusable
    if good:
        found = _learner_definitions(folder, name)
        future = [each for each in found if each.source.startswith("from __future__")]
        yield Section(name, good, [*future, *needed(good, found, names_in_file())])
    if bad:
        made_by = needed(bad, _solution_definitions(name), names_in_file())
        yield Section(name, bad, made_by, filled=True)


def _failing(text: str, filled: Set[str]) -> dict[str, str]:
    """{function: why} of the learner's functions whose visible tests fail on the finished file."""
    defined = names(text, len(text)).binds
    helpers: dict[str, str] = {}
    tests = []
    for function, exercise in engine_exercises().items():
        if function in filled:
            continue
        imports = submission.given_imports(notebooks.load(exercise.notebook))
        test = names(exercise.visible)
        asked = test.reads - test.binds - defined - BUILTINS - names(imports).binds
        given = needed(asked, _solution_definitions(exercise.notebook, checks=True), defined)
        helpers |= {each.source: exercise.notebook for each in given if not each.names <= defined}
        tests.append((function, exercise.visible, imports))
    job = {
        "module": "my_llm",
        "cells": [*sections_of(text), *((name, source) for source, name in helpers.items())],
        "tests": tests,
        "defined_in": {name: each.notebook for name, each in engine_exercises().items()},
    }
    outcome = run_job(job, check_notebooks.SECONDS, set()) if tests else {}
    return {name: f"in the finished file: {why}" for name, why in outcome.items() if why}
