"""Read what the text of a submission shows before any of it runs: which cells will run, which
earlier exercises an answer calls, what an instructor may want to see. Text decides no points."""

from collections.abc import Iterator
from dataclasses import dataclass

from classroom.checking.definitions import Definition, definitions, needed
from classroom.checking.scopes import MAX_ANALYSED
from classroom.checking.snapshots import Home
from classroom.checking.submission import Cell, Plan, Step, plan
from exercises.format.notebooks import Notebook
from exercises.format.source import given_imports
from grader.host import read_submission
from grader.marking import text_notes

MOST = 100  # findings that anybody reads
TOO_LONG = "the notebook has too much code to be looked at"


@dataclass(frozen=True)
class Analysis:
    """Hold what a submission's text shows."""

    job: Plan
    leans_on: dict[str, list[str]]  # by exercise: earlier ones whose functions it calls
    findings: tuple[str, ...]  # for the instructor


def analyse(notebook: Notebook, cells: list[Cell]) -> Analysis:
    """Return the `Analysis` of cells as an answer to `notebook`. Raises `Unreadable`."""
    plan(notebook, [])  # the course's own cells are remembered here: a fork forgets

    def work() -> tuple:
        job = plan(notebook, cells)
        learner_steps = [step for step in job.steps if step.own]
        short = sum(len(step.source) for step in learner_steps) <= 4 * MAX_ANALYSED
        # With the course's imports: a method of a library called as a statement changes none.
        sources = [given_imports(notebook), *(step.source for step in learner_steps)]
        answer_definitions = definitions(sources if short else [])
        findings = [*dict.fromkeys(_findings(learner_steps))] if short else [TOO_LONG]
        if len(findings) > MOST:
            findings[MOST:] = [f"and {len(findings) - MOST} more findings"]
        homes = {name: tuple(home) for name, home in job.homes.items()}
        return job.steps, job.notes, homes, _leans_on(notebook, answer_definitions), tuple(findings)

    steps, notes, homes, *details = read_submission.run_limited(work)
    places = {name: Home(*home) for name, home in homes.items()}
    return Analysis(Plan(tuple(Step(*fields) for fields in steps), notes, places), *details)


def _leans_on(notebook: Notebook, answer_definitions: list[Definition]) -> dict[str, list[str]]:
    exercises = [exercise.name for exercise in notebook.exercises]
    leans_on = {}
    for number, name in enumerate(exercises):
        others = set(exercises) - {name}
        candidates = [d for d in answer_definitions if not d.names & others]
        reads = set().union(*(d.reads for d in needed({name}, candidates, set())))
        leans_on[name] = [earlier for earlier in exercises[:number] if earlier in reads]
    return leans_on


def _findings(steps: list[Step]) -> Iterator[str]:
    for step in steps:
        yield from (f"{step.label} {note}" for note in text_notes.notes(step.source))
