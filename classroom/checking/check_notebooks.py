"""Check a learner's notebooks: run them in new processes against the visible tests.

Notebooks are only read. The outcome of one is cached until the notebook, or code that it imports,
changes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from classroom.checking import submission
from classroom.checking.check_process import PARSING, Processes, end_all, run_job
from classroom.checking.run_cells import ADDED_TITLE
from classroom.checking.scopes import names
from classroom.processors import processors
from exercises.feedback import NOT_WRITTEN_YET, display
from exercises.format import notebooks
from exercises.format.notebooks import Exercise
from exercises.format.source import given_imports

SECONDS = 120.0  # for one notebook
DONE, FAILING, UNTOUCHED = "done", "failing", "untouched"


@dataclass(frozen=True)
class Status:
    """Report on one notebook: (function, state, message) in order, or the `fault` why it cannot be
    read; `notes` are further sentences about it."""

    name: str
    exercises: tuple[tuple[str, str, str | None], ...] = ()
    fault: str | None = None
    found: bool = True  # is there a file of its name
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the notebook's heading: "3 Attention", "Quiz"."""
        return notebooks.load(self.name).heading

    @property
    def core(self) -> list[tuple[str, str, str | None]]:
        """Return what a learner is asked for: all exercises but those of *Further*."""
        exercises = notebooks.load(self.name).exercises
        further = {exercise.name for exercise in exercises if not exercise.points}
        return [row for row in self.exercises if row[0] not in further]

    def functions(self, *states: str) -> list[str]:
        """Return the functions of the core in one of these states, in order."""
        return [name for name, state, _ in self.core if state in states]

    @property
    def begun(self) -> bool:
        """Say whether any exercise has an answer, right or wrong."""
        return bool(self.functions(DONE, FAILING))

    @property
    def done(self) -> bool:
        """Say whether all exercises of the core pass."""
        return not self.fault and len(self.functions(DONE)) == len(self.core)

    def lines(self) -> list[tuple[str, str, str, str]]:
        """Return (number, function, state, message) of every exercise, the wrong ones first; one of
        *Further* is named once it is begun."""
        exercises = notebooks.load(self.name).exercises
        numbers = {exercise.name: exercise.number for exercise in exercises}
        visible = [row for row in self.exercises if row in self.core or row[1] != UNTOUCHED]
        rows = sorted(visible, key=lambda row: row[1] != FAILING)
        return [(numbers.get(name, ""), name, state, text or "") for name, state, text in rows]

    def row(self) -> dict[str, Any]:
        """Return it as `progress_picture.pipeline` takes it."""
        number = notebooks.load(self.name).number
        return asdict(self) | {"title": self.title, "number": number, "exercises": self.core}


def default_folder() -> Path:
    """Return this folder if it holds notebooks of the course, else work/ or notebooks/ in it, else
    those of the clone around it. Raises ValueError if there are none; --folder names another
    one."""
    cwd, root = Path.cwd(), notebooks.ROOT
    if cwd == root / "solutions":  # as built, not the learner's
        return root / "notebooks"
    places = [cwd, cwd / "work", cwd / "notebooks"]
    if root in cwd.parents:
        places += [root / "work", root / "notebooks"]
    for folder in places:
        if any((folder / f"{name}.ipynb").exists() for name in notebooks.names()):
            return folder
    raise ValueError(
        f"there are no notebooks of the course in {cwd}, nor in a folder work or notebooks in it: "
        "go to the folder of yours, or name it with --folder"
    )


def folder_of(path: Path | None) -> Path:
    """Return the folder asked for, or the default one. Raises ValueError where there is none."""
    folder = path or default_folder()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    return folder


def check(
    names: Sequence[str] | None = None,
    folder: Path | str | None = None,
    seconds: float = SECONDS,
    tick: Callable[[Status], None] = lambda status: None,
) -> list[Status]:
    """Return the `Status` of each of `names` (default: all), in order; `tick` gets each once
    known."""
    folder = Path(folder) if folder else default_folder()
    processes: Processes = set()

    def one(name: str) -> Status:
        status = check_one(name, folder / f"{name}.ipynb", seconds, processes)
        tick(status)
        return status

    with ThreadPoolExecutor(min(4, processors())) as pool:
        try:
            return list(pool.map(one, names or notebooks.names()))
        except BaseException:  # Ctrl-C: do not wait for what is running
            pool.shutdown(wait=False, cancel_futures=True)
            end_all(processes)
            raise


def check_one(
    name: str, path: Path | str, seconds: float = SECONDS, processes: Processes | None = None
) -> Status:
    """Return the `Status` of the notebook at `path` as an answer to the course's notebook `name`;
    its process is in `processes` while it runs."""
    with PARSING:
        notebook = notebooks.load(name)
        try:
            plan = submission.plan(notebook, submission.load(path))
        except submission.Unreadable as fault:
            return Status(name, fault=str(fault), found=Path(path).exists())
        imports = given_imports(notebook)
        answers = [exercise for exercise in notebook.exercises if _written(exercise, plan)]
    job = {
        "cells": [step[:2] for step in plan.steps],
        "tests": [(exercise.name, exercise.visible, imports) for exercise in answers],
        "disallowed": {exercise.name: exercise.disallowed for exercise in answers},
        "homes": plan.homes,
    }
    processes = set() if processes is None else processes
    outcome = run_job(job, seconds, processes) if answers else {}
    rows: list[tuple[str, str, str | None]] = []
    for exercise in notebook.exercises:
        message = outcome.get(exercise.name, NOT_WRITTEN_YET)
        state = DONE if message is None else UNTOUCHED if message == NOT_WRITTEN_YET else FAILING
        rows.append((exercise.name, state, message if state == FAILING else None))
    return Status(name, tuple(rows), notes=plan.notes)


def _written(exercise: Exercise, plan: submission.Plan) -> bool:
    """Say whether the learner wrote this function, in its cell or in another one."""
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
    """Say what is missing in each notebook that was begun, as text and as HTML with links."""
    plain, rich = [], []
    for status in statuses:
        if status.fault or status.done or not status.begun:
            continue
        todo = [line for line in status.lines() if line[2] != DONE]
        words = [f"{n} {name}".strip() + " (wrong)" * (s == FAILING) for n, name, s, _ in todo]
        text = ", ".join(words[:5]) + (f" and {len(words) - 5} more" if words[5:] else "")
        plain.append(f"{status.title}: {text}")
        link = f'<a href="{status.name}.ipynb">{escape(status.title)}</a>'
        rich.append(f"<li>{link}: {escape(text)}</li>")
    return "\n".join(["Missing:", *plain]), f"Missing:<ul>{''.join(rich)}</ul>" if plain else ""


def show() -> None:
    """Draw the progress below a notebook's cell, as saved, and list what is missing."""
    from classroom.progress_picture import alt_text, pipeline
    from llmlib import plots

    statuses = check()
    rows = [status.row() for status in statuses]
    plots.show(pipeline(rows), alt=alt_text(rows))
    plain, rich = unfinished(statuses)
    if rich:
        display(plain, rich)
    print("This is your work as saved: press Ctrl-S and run this cell again after a change.")
