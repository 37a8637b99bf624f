"""What the text of a submission shows before any of it runs: which cells will run, which earlier
exercises an answer calls, and what an instructor may want to look at. Text decides no points."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmlib.course.checking.definitions import Definition, definitions, needed
from llmlib.course.checking.scopes import MAX_ANALYSED
from llmlib.course.checking.submission import Cell, Plan, Step, given_imports, plan
from llmlib.course.format.notebooks import Notebook
from llmlib.grading.host import read_submission
from llmlib.grading.marking import text_notes

MOST = 100  # findings that anybody reads
TOO_LONG = "the notebook has too much code to be looked at"


@dataclass(frozen=True)
class Analysis:
    """What a submission's text shows."""

    job: Plan
    leans_on: dict[str, list[str]]  # by exercise: earlier ones whose functions it calls
    findings: tuple[str, ...]  # for the instructor


def analyse(notebook: Notebook, found: list[Cell]) -> Analysis:
    """The `Analysis` of cells as an answer to `notebook`. Raises `Unreadable`."""
    plan(notebook, [])  # the course's own cells are remembered here: a fork forgets

    def work() -> tuple:
        job = plan(notebook, found)
        own = [step for step in job.steps if step.own]
        short = sum(len(step.source) for step in own) <= 4 * MAX_ANALYSED
        # With the course's imports: a method of a library called as a statement changes none.
        cells = [given_imports(notebook), *(step.source for step in own)]
        made = definitions(cells if short else [])
        seen = [*dict.fromkeys(_findings(own))] if short else [TOO_LONG]
        if len(seen) > MOST:
            seen[MOST:] = [f"and {len(seen) - MOST} more findings"]
        return job.steps, job.notes, _leans_on(notebook, made), tuple(seen)

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


def _findings(own: list[Step]) -> Iterator[str]:
    for step in own:
        yield from (f"{step.title} {note}" for note in text_notes.notes(step.source))
