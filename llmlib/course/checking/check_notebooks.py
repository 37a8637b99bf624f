"""Checks a learner's notebooks: runs them in new processes against the visible tests.

Notebooks are only read. The outcome of one is cached until the notebook, or code that it imports,
changes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any

from llmlib.course.checking import submission
from llmlib.course.checking.check_process import Processes, end_all, run_job
from llmlib.course.checking.run_cells import ADDED_TITLE
from llmlib.course.checking.scopes import names
from llmlib.course.feedback import NOT_WRITTEN_YET, display
from llmlib.course.format import notebooks
from llmlib.course.format.notebooks import Exercise
from llmlib.course.processors import processors

SECONDS = 120.0  # for one notebook
PARSING = Lock()  # Python 3.11 may raise SystemError where two threads parse at once
DONE, FAILING, UNTOUCHED = "done", "failing", "untouched"


@dataclass(frozen=True)
class Status:
    """One notebook: (function, state, message) in order, or the `fault` why it cannot be read;
    `notes` are further sentences about it."""

    name: str
    exercises: tuple[tuple[str, str, str | None], ...] = ()
    fault: str | None = None
    found: bool = True  # is there a file of its name
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The notebook's heading: "3 Attention", "Quiz"."""
        return notebooks.load(self.name).heading

    @property
    def core(self) -> list[tuple[str, str, str | None]]:
        """What a learner is asked for: all exercises but those of *Further*."""
        further = {each.name for each in notebooks.load(self.name).exercises if not each.points}
        return [row for row in self.exercises if row[0] not in further]

    def functions(self, *states: str) -> list[str]:
        """The functions of the core in one of these states, in order."""
        return [name for name, state, _ in self.core if state in states]

    @property
    def begun(self) -> bool:
        """Whether any exercise has an answer, right or wrong."""
        return bool(self.functions(DONE, FAILING))

    @property
    def done(self) -> bool:
        """Whether all exercises of the core pass."""
        return not self.fault and len(self.functions(DONE)) == len(self.core)

    def lines(self) -> list[tuple[str, str, str, str]]:
        """(number, function, state, message) of every exercise, the wrong ones first; one of
        *Further* is named once it is begun."""
        numbers = {each.name: each.number for each in notebooks.load(self.name).exercises}
        named = [row for row in self.exercises if row in self.core or row[1] != UNTOUCHED]
        rows = sorted(named, key=lambda row: row[1] != FAILING)
        return [(numbers.get(name, ""), name, state, why or "") for name, state, why in rows]

    def row(self) -> dict[str, Any]:
        """As `plots.progress.pipeline` takes it."""
        number = notebooks.load(self.name).number
        return asdict(self) | {"title": self.title, "number": number, "exercises": self.core}


def default_folder() -> Path:
    """This folder if it holds notebooks of the course, else work/ or notebooks/ in it, else those
    of the clone around it. Raises ValueError if there are none: another folder is checked only if
    it is named."""
    here, root = Path.cwd(), notebooks.ROOT
    if here == root / "solutions":  # as built, not the learner's
        return root / "notebooks"
    places = [here, here / "work", here / "notebooks"]
    if root in here.parents:
        places += [root / "work", root / "notebooks"]
    for folder in places:
        if any((folder / f"{name}.ipynb").exists() for name in notebooks.names()):
            return folder
    raise ValueError(
        f"there are no notebooks of the course in {here}, nor in a folder work or notebooks in it: "
        "go to the folder of yours, or name it with --folder"
    )


def folder_of(asked: Path | None) -> Path:
    """The folder asked for, or the default one. Raises ValueError where there is none."""
    folder = asked or default_folder()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    return folder


def check(
    names: Sequence[str] | None = None,
    folder: Path | str | None = None,
    seconds: float = SECONDS,
    tick: Callable[[Status], None] = lambda status: None,
) -> list[Status]:
    """The `Status` of each of `names` (default: all), in order; `tick` is called with each one as
    soon as it is known."""
    folder = Path(folder) if folder else default_folder()
    running: Processes = set()

    def one(name: str) -> Status:
        status = check_one(name, folder / f"{name}.ipynb", seconds, running)
        tick(status)
        return status

    with ThreadPoolExecutor(min(4, processors())) as pool:
        try:
            return list(pool.map(one, names or notebooks.names()))
        except BaseException:  # Ctrl-C: do not wait for what is running
            pool.shutdown(wait=False, cancel_futures=True)
            end_all(running)
            raise


def check_one(
    name: str, path: Path | str, seconds: float = SECONDS, running: Processes | None = None
) -> Status:
    """The `Status` of the notebook at `path` as an answer to the course's notebook `name`; its
    process is in `running` while it runs."""
    with PARSING:
        notebook = notebooks.load(name)
        try:
            plan = submission.plan(notebook, submission.load(path))
        except submission.Unreadable as fault:
            return Status(name, fault=str(fault), found=Path(path).exists())
        imports = submission.given_imports(notebook)
        written = [each for each in notebook.exercises if _written(each, plan)]
    job = {
        "cells": [step[:2] for step in plan.steps],
        "tests": [(each.name, each.visible, imports) for each in written],
        "disallowed": {each.name: each.disallowed for each in written},
    }
    running = set() if running is None else running
    outcome = run_job(job, seconds, running) if written else {}
    rows: list[tuple[str, str, str | None]] = []
    for each in notebook.exercises:
        said = outcome.get(each.name, NOT_WRITTEN_YET)
        state = DONE if said is None else UNTOUCHED if said == NOT_WRITTEN_YET else FAILING
        rows.append((each.name, state, said if state == FAILING else None))
    return Status(name, tuple(rows), notes=plan.notes)


def _written(exercise: Exercise, plan: submission.Plan) -> bool:
    """Did the learner write this function, in its cell or in another one?"""
    return any(
        step.source.strip() != exercise.stub.strip()
        if step.title == exercise.name
        else exercise.name in names(step.source).binds
        or (
            step.title.startswith(ADDED_TITLE) and exercise.name in step.source
        )  # `global`, a module
        for step in plan.steps
        if step.own
    )


def unfinished(statuses: Sequence[Status]) -> tuple[str, str]:
    """What is missing in each notebook that was begun, as text and as HTML with links."""
    plain, rich = [], []
    for status in statuses:
        if status.fault or status.done or not status.begun:
            continue
        todo = [line for line in status.lines() if line[2] != DONE]
        words = [f"{n} {name}".strip() + " (wrong)" * (s == FAILING) for n, name, s, _ in todo]
        said = ", ".join(words[:5]) + (f" and {len(words) - 5} more" if words[5:] else "")
        plain.append(f"{status.title}: {said}")
        link = f'<a href="{status.name}.ipynb">{escape(status.title)}</a>'
        rich.append(f"<li>{link}: {escape(said)}</li>")
    return "\n".join(["Missing:", *plain]), f"Missing:<ul>{''.join(rich)}</ul>" if plain else ""


def show() -> None:
    """Draw the progress below a notebook's cell, as saved, and list what is missing."""
    from llmlib import plots
    from llmlib.plots.progress import alt_text, pipeline

    statuses = check()
    rows = [status.row() for status in statuses]
    plots.show(pipeline(rows), alt=alt_text(rows))
    plain, rich = unfinished(statuses)
    if rich:
        display(plain, rich)
    print("This is your work as saved: press Ctrl-S and run this cell again after a change.")
