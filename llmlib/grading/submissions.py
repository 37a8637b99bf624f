"""Which submissions there are, FOLDER/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb in nbgrader's layout, and
which cells one holds."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from unicodedata import normalize

from nbgrader.utils import parse_utc

from llmlib.course.checking import submission
from llmlib.course.checking.submission import Cell, Unreadable
from llmlib.course.folder.work import in_this_edition
from llmlib.course.format import notebooks as course_notebooks
from llmlib.grading.host import read_submission
from llmlib.grading.host.time_limits import Starved

Names = Collection[str]


@dataclass(frozen=True)
class Task:
    """One notebook handed in by one student; `fault` where it cannot be graded."""

    student: str
    assignment: str
    path: str
    fault: str | None = None

    def content(self) -> bytes:
        """The file's bytes. Raises `Unreadable`."""
        if self.fault:
            raise Unreadable(self.fault)
        try:
            return read_submission.content(self.path)
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from None

    def handed_in_at(self) -> datetime | None:
        """The time in nbgrader's timestamp.txt; None where there is none. Raises `Unreadable`."""
        path = Path(self.path).with_name("timestamp.txt")
        if not os.path.lexists(path):
            return None
        try:
            return parse_utc(read_submission.content(path)[:64].decode().strip())
        except Exception as fault:  # noqa: BLE001 - dateutil has many ways to fail
            why = fault if isinstance(fault, Unreadable) else "it holds no date and time"
            raise Unreadable(f"timestamp.txt was not used: {why}") from None


SORTED = "the folder that has STUDENT/NOTEBOOK/NOTEBOOK.ipynb below it"


def add_arguments(
    parser: argparse.ArgumentParser,
    metavar: str = "SUBMITTED_DIR",
    where: str = SORTED,
    nargs: str | None = None,
) -> None:
    """What all verbs ask for that look at submissions."""
    parser.add_argument("submitted", type=Path, metavar=metavar, help=where, nargs=nargs)
    parser.add_argument("--assignment", help="this notebook only")


def each_lesson(
    tasks: list[Task], do: Callable[[Task, course_notebooks.Notebook, list[Cell]], None]
) -> int:
    """Hand each task with its notebook and its cells to `do`, but for the quiz: it has letters, no
    programs. The exit status: 1 where some could not be read; they are named with their reason."""
    lessons, faults = {each.name: each for each in course_notebooks.lessons()}, 0
    if not any(task.fault or task.assignment in lessons for task in tasks):
        print("nothing to do: the quiz has letters, no programs", file=sys.stderr)
    for task in tasks:
        try:
            if task.fault or task.assignment in lessons:
                cells, _ = read(task.content(), task.assignment)
                do(task, lessons[task.assignment], cells)
        except (Exception, Starved) as fault:  # noqa: BLE001 - what one has done costs no other
            faults += 1
            print(f"left out: {task.student}  {task.assignment}: {fault}", file=sys.stderr)
    return int(faults > 0)


def read(data: bytes, name: str) -> tuple[list[Cell], str | None]:
    """The cells of a file handed in as the notebook `name`, moved into today's if it says that it
    is of another edition, and that edition. Raises `Unreadable`."""

    def work() -> tuple:
        tree = submission.parse_json(data)
        moved = in_this_edition(tree, name)
        found = [(each.kind, each.grade_id, each.source) for each in submission.parse(moved)]
        return found, submission.edition(tree)

    found, edition = read_submission.run_limited(work)
    return [Cell(*each) for each in found], edition


def find(
    folder: Path, notebooks: Names, assignment: str | None = None, student: str | None = None
) -> list[Task]:
    """The tasks in `folder`, sorted. Raises FileNotFoundError, also where there is none: a table of
    nobody would take the place of the class's; ValueError for the course's own folder, and for
    one student's or one notebook's."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    if (folder / "submitted").is_dir():  # nbgrader's source and release would be students
        raise ValueError(f"{folder} is the course's folder: give {folder / 'submitted'}")
    folders = _folders(folder)  # those of one student would be students
    held = [f for f in folders if f.name in notebooks and os.path.isfile(f / f"{f.name}.ipynb")]
    own = folder.resolve().name  # one notebook's folder has none below it
    one = own in notebooks and os.path.isfile(folder / f"{own}.ipynb")
    if one or held and held == folders:
        none = f"{folder} holds notebooks, no students"
        raise ValueError(f"{none}: give the folder that holds STUDENT/NOTEBOOK")
    tasks = [] if student else _misplaced(folder, "", assignment)
    for owner in sorted(folders):
        name = normalize("NFC", owner.name)  # é may be one character, or e and an accent
        if student and name != normalize("NFC", student):
            continue
        try:
            if not owner.name.isprintable() or owner.is_symlink():
                raise OSError("it is a link or has a name that cannot be printed")
            found = [each for each in sorted(_folders(owner)) if assignment in (None, each.name)]
        except OSError as error:
            fault = f"this folder cannot be read ({error})"
            tasks.append(Task(_printable(owner.name), "", str(owner), fault))
            continue
        tasks += [_task(name, each, notebooks) for each in found]
        tasks += _misplaced(owner, name, assignment)
    if not tasks:
        asked = folder / (student or "STUDENT") / (assignment or "NOTEBOOK")
        raise FileNotFoundError(f"nothing was handed in as {asked}: check the folder and the names")
    times = Counter((task.student, task.assignment) for task in tasks if not task.fault)
    twice = "two folders are of this student, whose name they spell in two ways: keep one"
    return [
        replace(task, fault=task.fault or twice)
        if times[task.student, task.assignment] > 1
        else task
        for task in tasks
    ]


def _folders(folder: Path) -> list[Path]:
    found = (each for each in folder.iterdir() if not each.name.startswith("."))
    return [each for each in found if each.is_symlink() or each.is_dir()]


def _task(student: str, folder: Path, notebooks: Names) -> Task:
    name, path, fault = folder.name, folder / f"{folder.name}.ipynb", None
    if name not in notebooks:
        name = _printable(name)
        fault = f"there is no assignment of that name; known: {', '.join(notebooks)}"
    elif folder.is_symlink():
        fault = "it is a link, not a folder"
    else:
        try:
            others = sorted(each.name for each in folder.iterdir() if each.suffix == ".ipynb")
            if path.name not in others:
                only = f", only {_printable(', '.join(others))[:200]}: rename it" if others else ""
                fault = f"there is no {path.name}{only}"
        except OSError as error:
            fault = f"this folder cannot be read ({error})"
    return Task(student, name, str(path), fault)


def _misplaced(folder: Path, student: str, assignment: str | None) -> list[Task]:
    """What lies beside the folders, where nobody looks for it: it has a row that says so."""
    fault = "it lies in the wrong folder: it belongs to STUDENT/NOTEBOOK/NOTEBOOK.ipynb"
    return [
        Task(student, _printable(each.stem), str(each), fault)
        for each in sorted(folder.iterdir())
        if each.suffix in (".ipynb", ".zip") and not each.name.startswith(".")
        if assignment in (None, each.stem) and not (each.is_symlink() or each.is_dir())
    ]


def is_folder_name(student: str) -> bool:
    """Can a student's folder be called so: not a hidden one, `..` or another place?"""
    return student[:1] not in ("", ".") and not {"/", os.sep} & {*student} and student.isprintable()


def without_controls(text: str) -> str:
    """A text of a learner's that an instructor may show in a terminal, which would obey some of
    it: what cannot be printed becomes U+FFFD; lines and tabs stay."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def _printable(name: str) -> str:
    """A file name may hold anything: a line end, a terminal's commands, bytes that are no text."""
    return ascii(name)[1:-1]
