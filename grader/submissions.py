"""Find submissions, FOLDER/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb in nbgrader's layout, and read the
cells of one."""

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

from classroom.checking import submission
from classroom.checking.submission import Cell, Unreadable
from classroom.folder.work import in_this_edition
from exercises.format import notebooks as course_notebooks
from grader.host import read_submission
from grader.host.time_limits import Starved

Names = Collection[str]


@dataclass(frozen=True)
class Task:
    """Hold one notebook handed in by one student; `fault` where it cannot be graded."""

    student: str
    assignment: str
    path: str
    fault: str | None = None

    def content(self) -> bytes:
        """Return the file's bytes. Raises `Unreadable`."""
        if self.fault:
            raise Unreadable(self.fault)
        try:
            return read_submission.content(self.path)
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from None

    def handed_in_at(self) -> datetime | None:
        """Return the time in nbgrader's timestamp.txt; None without one. Raises `Unreadable`."""
        path = Path(self.path).with_name("timestamp.txt")
        if not os.path.lexists(path):
            return None
        try:
            return parse_utc(read_submission.content(path)[:64].decode().strip())
        except Exception as fault:  # noqa: BLE001 - dateutil has many ways to fail
            reason = fault if isinstance(fault, Unreadable) else "it holds no date and time"
            raise Unreadable(f"timestamp.txt was not used: {reason}") from None


SORTED = "the folder that has STUDENT/NOTEBOOK/NOTEBOOK.ipynb below it"


def add_arguments(
    parser: argparse.ArgumentParser,
    metavar: str = "SUBMITTED_DIR",
    help_text: str = SORTED,
    nargs: str | None = None,
) -> None:
    """Add what all verbs ask for that look at submissions."""
    parser.add_argument("submitted", type=Path, metavar=metavar, help=help_text, nargs=nargs)
    parser.add_argument("--assignment", help="this notebook only")


def each_lesson(
    tasks: list[Task], do: Callable[[Task, course_notebooks.Notebook, list[Cell]], None]
) -> int:
    """Hand each task with its notebook and its cells to `do`, but for the quiz: it has letters, no
    programs. The exit status: 1 where some could not be read; they are named with their reason."""
    lessons, faults = {lesson.name: lesson for lesson in course_notebooks.lessons()}, 0
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
    """Return the cells of a file handed in as the notebook `name`, moved into today's if it says
    that it is of another edition, and that edition. Raises `Unreadable`."""

    def work() -> tuple:
        tree = submission.parse_json(data)
        notebook = in_this_edition(tree, name)
        rows = [(cell.kind, cell.grade_id, cell.source) for cell in submission.parse(notebook)]
        return rows, submission.edition(tree)

    rows, edition = read_submission.run_limited(work)
    return [Cell(*row) for row in rows], edition


def find(
    folder: Path, notebooks: Names, assignment: str | None = None, student: str | None = None
) -> list[Task]:
    """Return the tasks in `folder`, sorted. Raises FileNotFoundError, also where there is none: a
    table of nobody would take the place of the class's; ValueError for the course's own folder, and
    for one student's or one notebook's."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    if (folder / "submitted").is_dir():  # nbgrader's source and release would be students
        raise ValueError(f"{folder} is the course's folder: give {folder / 'submitted'}")
    folders = _folders(folder)  # those of one student would be students
    books = [f for f in folders if f.name in notebooks and os.path.isfile(f / f"{f.name}.ipynb")]
    name = folder.resolve().name  # one notebook's folder has none below it
    is_book = name in notebooks and os.path.isfile(folder / f"{name}.ipynb")
    if is_book or books and books == folders:
        problem = f"{folder} holds notebooks, no students"
        raise ValueError(f"{problem}: give the folder that holds STUDENT/NOTEBOOK")
    tasks = [] if student else _misplaced(folder, "", assignment)
    for owner in sorted(folders):
        name = normalize("NFC", owner.name)  # é may be one character, or e and an accent
        if student and name != normalize("NFC", student):
            continue
        try:
            if not owner.name.isprintable() or owner.is_symlink():
                raise OSError("it is a link or has a name that cannot be printed")
            paths = [path for path in sorted(_folders(owner)) if assignment in (None, path.name)]
        except OSError as error:
            fault = f"this folder cannot be read ({error})"
            tasks.append(Task(_printable(owner.name), "", str(owner), fault))
            continue
        tasks += [_task(name, path, notebooks) for path in paths]
        tasks += _misplaced(owner, name, assignment)
    if not tasks:
        place = folder / (student or "STUDENT") / (assignment or "NOTEBOOK")
        raise FileNotFoundError(f"nothing was handed in as {place}: check the folder and the names")
    times = Counter((task.student, task.assignment) for task in tasks if not task.fault)
    twice = "two folders are of this student, whose name they spell in two ways: keep one"
    return [
        replace(task, fault=task.fault or twice)
        if times[task.student, task.assignment] > 1
        else task
        for task in tasks
    ]


def _folders(folder: Path) -> list[Path]:
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in paths if path.is_symlink() or path.is_dir()]


def _task(student: str, folder: Path, notebooks: Names) -> Task:
    name, path, fault = folder.name, folder / f"{folder.name}.ipynb", None
    if name not in notebooks:
        name = _printable(name)
        fault = f"there is no assignment of that name; known: {', '.join(notebooks)}"
    elif folder.is_symlink():
        fault = "it is a link, not a folder"
    else:
        try:
            file_names = sorted(file.name for file in folder.iterdir() if file.suffix == ".ipynb")
            if path.name not in file_names:
                names = _printable(", ".join(file_names))[:200]
                only = f", only {names}: rename it" if file_names else ""
                fault = f"there is no {path.name}{only}"
        except OSError as error:
            fault = f"this folder cannot be read ({error})"
    return Task(student, name, str(path), fault)


def _misplaced(folder: Path, student: str, assignment: str | None) -> list[Task]:
    """Find what lies beside the folders, where nobody looks for it: it has a row that says so."""
    fault = "it lies in the wrong folder: it belongs to STUDENT/NOTEBOOK/NOTEBOOK.ipynb"
    return [
        Task(student, _printable(path.stem), str(path), fault)
        for path in sorted(folder.iterdir())
        if path.suffix in (".ipynb", ".zip") and not path.name.startswith(".")
        if assignment in (None, path.stem) and not (path.is_symlink() or path.is_dir())
    ]


def is_folder_name(student: str) -> bool:
    """Say whether a student's folder can be called so: not a hidden one, `..` or another place."""
    return student[:1] not in ("", ".") and not {"/", os.sep} & {*student} and student.isprintable()


def without_controls(text: str) -> str:
    """Return a text of a learner's that an instructor may show in a terminal, which would obey some
    of it: what cannot be printed becomes U+FFFD; lines and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _printable(name: str) -> str:
    """Escape a file name: it may hold a line end, a terminal's commands, bytes that are no text."""
    return ascii(name)[1:-1]
