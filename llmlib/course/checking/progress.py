"""How far a learner is: their notebooks, run in fresh processes against the visible tests.

Notebooks are only read. The outcome for one is kept in the cache folder until it changes.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any

from llmlib.course.authoring import notebooks
from llmlib.course.authoring.notebooks import Exercise
from llmlib.course.checking import submission
from llmlib.course.checking.check_runner import Running, end_all, judge
from llmlib.course.checking.disallowed import forbidden_names
from llmlib.course.checking.run_cells import ADDED
from llmlib.course.checking.scopes import names
from llmlib.course.feedback import NOT_WRITTEN_YET, OFF, display

SECONDS = 120.0  # for one notebook
READING = Lock()  # of two threads that parse at once, Python 3.11 may fail one (SystemError)
DONE, FAILING, UNTOUCHED = "done", "failing", "untouched"


@dataclass(frozen=True)
class Status:
    """One notebook: (function, state, message) in order, or the `fault` that prevents reading;
    `notes` is what else there is to say about it."""

    name: str
    exercises: tuple[tuple[str, str, str | None], ...] = ()
    fault: str | None = None
    found: bool = True  # is there a file of its name
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the notebook is called: "3 Attention", "Quiz"."""
        return notebooks.load(self.name).heading

    def functions(self, *states: str) -> list[str]:
        """Those in one of these states, in order."""
        return [name for name, state, _ in self.exercises if state in states]

    @property
    def begun(self) -> bool:
        return bool(self.functions(DONE, FAILING))

    @property
    def done(self) -> bool:
        return not self.fault and len(self.functions(DONE)) == len(self.exercises)

    def lines(self) -> list[tuple[str, str, str, str]]:
        """(number, function, state, message), an exercise each: first those that are wrong."""
        numbers = {each.name: each.number for each in notebooks.load(self.name).exercises}
        rows = sorted(self.exercises, key=lambda row: row[1] != FAILING)
        return [(numbers.get(name, ""), name, state, why or "") for name, state, why in rows]

    def row(self) -> dict[str, Any]:
        """As the picture of the progress takes it."""
        return asdict(self) | {"title": self.title, "number": notebooks.load(self.name).number}


def default_folder() -> Path:
    """This folder if it holds notebooks of the course, else work/ or notebooks/ in it, else those
    of the clone that it is in. Raises ValueError where there are none: what lies elsewhere is
    checked only if it is asked for."""
    here, root = Path.cwd(), notebooks.ROOT
    if here == root / "solutions":  # as built, whatever a learner has written
        return root / "notebooks"
    places = [here, here / "work", here / "notebooks"]
    if root in here.parents:
        places += [root / "work", root / "notebooks"]
    for folder in places:
        if any((folder / f"{name}.ipynb").exists() for name in notebooks.names()):
            return folder
    raise ValueError(
        f"there are no notebooks of the course in {here}, nor in a folder work or notebooks there: "
        "go to where yours are, or name their folder with --folder"
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
    """The `Status` of each of `names` (default: all), in order; `tick` gets each once known."""
    folder = Path(folder) if folder else default_folder()
    running: Running = set()

    def one(name: str) -> Status:
        status = check_one(name, folder / f"{name}.ipynb", seconds, running)
        tick(status)
        return status

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        try:
            return list(pool.map(one, names or notebooks.names()))
        except BaseException:  # Ctrl-C: not after all that runs has come to its end
            pool.shutdown(wait=False, cancel_futures=True)
            end_all(running)
            raise


def check_one(
    name: str, path: Path | str, seconds: float = SECONDS, running: Running | None = None
) -> Status:
    """The `Status` of the notebook at `path` as an answer to the course's notebook `name`; its
    process is in `running` for as long as it runs."""
    with READING:
        notebook = notebooks.load(name)
        try:
            job = submission.plan(notebook, submission.load(path))
        except submission.Unreadable as fault:
            return Status(name, fault=str(fault), found=Path(path).exists())
        imports = submission.imports(notebook)
        written = [each for each in notebook.exercises if _touched(each, job)]
        used = {each.name: forbidden_names(each, job) for each in written}
    ran = [step[:2] for step in job.steps]
    tests = [(each.name, each.visible, imports) for each in written]
    off = {each.name: each.off for each in written}
    running = set() if running is None else running
    outcome = judge({"cells": ran, "tests": tests, "off": off}, seconds, running) if tests else {}
    rows: list[tuple[str, str, str | None]] = []
    for each in notebook.exercises:
        said = outcome.get(each.name, NOT_WRITTEN_YET)
        if each.name in outcome and used[each.name]:
            said = OFF.format(used[each.name][0])
        state = DONE if said is None else UNTOUCHED if said == NOT_WRITTEN_YET else FAILING
        rows.append((each.name, state, said if state == FAILING else None))
    return Status(name, tuple(rows), notes=job.notes)


def _touched(exercise: Exercise, job: submission.Job) -> bool:
    """Did the learner write this one, in its cell or in another?"""
    return any(
        step.source.strip() != exercise.stub.strip()
        if step.title == exercise.name
        else exercise.name in names(step.source).binds
        or (step.title.startswith(ADDED) and exercise.name in step.source)  # `global`, a module
        for step in job.steps
        if step.own
    )


def left(statuses: Sequence[Status]) -> tuple[str, str]:
    """What is missing of each notebook that is begun, as text and as HTML with links."""
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
    """Draw the progress below a notebook's cell, by what is saved, and name what is missing."""
    from llmlib import plots
    from llmlib.plots.progress import alt_text, pipeline

    statuses = check()
    rows = [status.row() for status in statuses]
    plots.show(pipeline(rows), alt=alt_text(rows))
    plain, rich = left(statuses)
    if rich:
        display(plain, rich)
    print("As saved: press Ctrl-S and run this cell again to include your last changes.")
