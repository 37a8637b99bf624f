"""What the text of a submission shows before any of it runs: which cells will run, which exercises
use a function that is not allowed, and what an instructor should look at. A finding costs no
points: there may be good reasons to write `eval`."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from llmlib.course.checking.definitions import Definition, definitions, needed
from llmlib.course.checking.disallowed import disallowed_names
from llmlib.course.checking.scopes import MAX_ANALYSED
from llmlib.course.checking.submission import Cell, Plan, Step, plan
from llmlib.course.format.notebooks import Exercise, Notebook
from llmlib.grading.host import read_submission
from llmlib.grading.marking.suspicious_names import (
    ATTRIBUTES,
    NAMES,
    TOO_LONG,
    private_of,
    suspicious,
)

MOST = 100  # findings that anybody reads
Used = dict[str, list[str]]


@dataclass(frozen=True)
class Analysis:
    """What a submission's text shows."""

    job: Plan
    used: Used  # by exercise: the names in its text that are not allowed
    leans_on: dict[str, list[str]]  # by exercise: earlier ones whose functions it calls
    findings: tuple[str, ...]  # for the instructor


def analyse(notebook: Notebook, found: list[Cell]) -> Analysis:
    """The `Analysis` of cells as an answer to `notebook`. Raises `Unreadable`."""
    plan(notebook, [])  # the course's own cells are remembered here: a fork forgets

    def work() -> tuple:
        job = plan(notebook, found)
        own = [step for step in job.steps if step.own]
        short = sum(len(step.source) for step in own) <= 4 * MAX_ANALYSED
        made = definitions([step.source for step in own] if short else [])
        used = {each.name: disallowed_names(each, job) for each in notebook.exercises}
        seen = [*dict.fromkeys(_findings(notebook, own, made, used) if short else [TOO_LONG])]
        if len(seen) > MOST:
            seen[MOST:] = [f"and {len(seen) - MOST} more findings"]
        return job.steps, job.notes, used, _leans_on(notebook, made), tuple(seen)

    steps, notes, *more = read_submission.run_limited(work)
    return Analysis(Plan(tuple(Step(*each) for each in steps), notes), *more)


def _leans_on(notebook: Notebook, made: list[Definition]) -> dict[str, list[str]]:
    exercises = [each.name for each in notebook.exercises]
    leans_on = {}
    for number, name in enumerate(exercises):
        mine = [each for each in made if not each.names & (set(exercises) - {name})]
        reads = set().union(*(each.reads for each in needed({name}, mine, set())))
        leans_on[name] = [earlier for earlier in exercises[:number] if earlier in reads]
    return leans_on


def _findings(
    notebook: Notebook, own: list[Step], made: list[Definition], used: Used
) -> Iterator[str]:
    """One sentence each; steps with nothing but unknown libraries come last."""
    for exercise in notebook.exercises:
        known = used[exercise.name]
        yield from (
            f"{exercise.name} is written with {name}, which is not allowed" for name in known
        )
        if not known:
            yield from _namesakes(exercise, made)
    mine, found = set[str]().union(*(private_of(step.source) for step in own)), []
    for step in own:
        if seen := sorted(set(suspicious(step.source, mine)), key=_by_whose):
            found.append((_by_whose(seen[0])[0], f"{step.title} uses {', '.join(seen)}"))
    yield from (text for _, text in sorted(found, key=lambda each: each[0]))


def _by_whose(way: str) -> tuple[bool, str]:
    """Our own words first: an import's name can be long enough to push others off the line."""
    known = NAMES | ATTRIBUTES | sys.stdlib_module_names
    return way.isidentifier() and way[0] != "_" and way not in known, way


def _namesakes(exercise: Exercise, made: list[Definition]) -> Iterator[str]:
    """Other functions with the name of one that is not allowed: `torch.sparse.softmax`."""
    theirs = [name for name in exercise.disallowed if not name.startswith("llmlib.")]
    disallowed = {name.rpartition(".")[2]: name for name in theirs}
    for each in needed({exercise.name}, made, set()):
        for node in ast.walk(ast.parse(each.source)):
            if isinstance(node, ast.Attribute) and node.attr in disallowed:
                used = ast.unparse(node)[-60:]
                yield f"{exercise.name} uses {used}; {disallowed[node.attr]} is not allowed"
