"""`llmlib grade`: find the submissions, grade those that are not graded yet, keep results, gradebook and feedback.

Each result is a file of its own, moved into place whole, so a killed run goes on where it was; what it holds is then
written to the gradebook by this process alone, and marked as written afterwards (writing it again changes nothing).
"""

import fcntl
import hashlib
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SQLAlchemyError

from llmlib.grading import plugin, pool, report, submission


@dataclass(frozen=True)
class Task:
    """One notebook handed in by one student; `fault` where it cannot be graded."""

    student: str
    assignment: str
    path: str
    fault: str | None = None


class Busy(Exception):
    """Another run is at work on the same folder."""


def find(folder, notebooks, assignment=None, student=None):
    """The tasks in FOLDER/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb, nbgrader's layout, sorted."""
    tasks = []
    for who in sorted(_folders(folder)):
        if student and who.name != student:
            continue
        try:
            if not who.name.isprintable() or not _is_folder(who):
                raise OSError("it is a link or has a name that cannot be printed")
            found = [each for each in sorted(_folders(who)) if assignment in (None, each.name)]
            tasks += [_task(who.name, each, notebooks) for each in found]
        except OSError as error:
            tasks.append(
                Task(ascii(who.name)[1:-1], "", str(who), f"this folder cannot be read ({error})")
            )
    return tasks


def _folders(folder):
    return [
        each
        for each in Path(folder).iterdir()
        if not each.name.startswith(".") and (each.is_dir() or each.is_symlink())
    ]


def _is_folder(path):
    return path.is_dir() and not path.is_symlink()


def _task(student, folder, notebooks):
    name, path, fault = folder.name, folder / f"{folder.name}.ipynb", None
    if name not in notebooks:
        name, fault = (
            ascii(name)[1:-1],
            f"there is no assignment of that name; known: {', '.join(notebooks)}",
        )
    elif not _is_folder(folder):
        fault = "it is a link, not a folder"
    elif not os.path.lexists(path):
        others = sorted(each.name for each in folder.iterdir() if each.suffix == ".ipynb")
        fault = f"there is no {path.name}" + (
            f", only {', '.join(others)[:200]}: rename it" if others else ""
        )
    return Task(student, name, str(path), fault)


class Results:
    """The results of a course, one JSON file for each student and assignment."""

    def __init__(self, folder, unsafe=False):
        self.folder, self.unsafe = Path(folder), unsafe
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / ".lock", "w")  # noqa: SIM115 - held while this object lives
        try:
            fcntl.lockf(
                self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB
            )  # unlike flock, workers do not inherit it
        except OSError:
            raise Busy(
                f"Another run is grading into {self.folder}: wait for it, or end it."
            ) from None

    def path(self, task, suffix=".json"):
        return self.folder / task.student / f"{task.assignment or 'submission'}{suffix}"

    def get(self, task, mark):
        """The stored result of a submission with this fingerprint, or None."""
        try:
            kept = json.loads(self.path(task).read_text())
        except (OSError, ValueError):
            return None
        return kept["result"] if kept["mark"] == mark else None

    def put(self, task, mark, result):
        _write(self.path(task), json.dumps({"mark": mark, "result": result}))

    def written(self, task, mark):
        """Has the result with this fingerprint reached the gradebook?"""
        try:
            return self.path(task, ".written").read_text() == mark
        except OSError:
            return False

    def mark(self, task, notebook):
        """A fingerprint of all that a result depends on."""
        digest = hashlib.sha256(f"{self.unsafe}{notebook.node}".encode())
        try:
            digest.update(submission.data(task.path))
        except submission.Unreadable as fault:
            digest.update(str(fault).encode())
        return digest.hexdigest()


def grade(tasks, notebooks, make_runner, workers, results, book, course, say=print):
    """Grade `tasks` into `results` and `book`; yields (task, result) for each. `course` is nbgrader's folder."""
    marks, todo, done = {}, [], []
    for task in tasks:
        if task.fault:
            done.append((task, {"fault": task.fault}))
            continue
        marks[task] = results.mark(task, notebooks[task.assignment])
        kept = results.get(task, marks[task])
        if kept is None:
            todo.append(task)
        else:
            done.append((task, kept))
    for name in sorted({task.assignment for task in marks}):
        book.add_assignment(notebooks[name])
    say(
        f"{len(tasks)} submissions: {len(todo)} to grade, {len(done)} graded before or not gradable"
    )
    for task, result in itertools.chain(
        done, pool.run(todo, notebooks, make_runner, workers) if todo else ()
    ):
        if "fault" not in result:
            try:
                results.put(task, marks[task], result)
                _store(task, marks[task], result, results, book, course, notebooks[task.assignment])
            except (OSError, SQLAlchemyError, submission.Unreadable) as error:
                result = {
                    "fault": f"graded, but not written; grade again ({type(error).__name__}: {str(error)[:200]})"
                }
        yield task, result


def _store(task, mark, result, results, book, course, notebook):
    """Gradebook, autograded notebook and feedback of one result, unless they are there."""
    if results.written(task, mark):
        return
    book.save(task.student, task.assignment, result, _handed_in_at(task))
    node = plugin.fill(plugin.rebuild(notebook, submission.read(task.path)), result)
    page = report.feedback(notebook, task, node, result)
    place = Path(task.student, task.assignment)
    _write(course / "autograded" / place / f"{task.assignment}.ipynb", nbformat.writes(node))
    _write(course / "feedback" / place / f"{task.assignment}.html", page)
    _write(results.path(task, ".written"), mark)


def _handed_in_at(task):
    """The time in nbgrader's timestamp.txt, if it is there."""
    try:
        return parse_utc(
            submission.data(Path(task.path).parent / "timestamp.txt")[:64].decode().strip()
        )
    except (submission.Unreadable, ValueError):
        return None


def _write(path, text):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", errors="replace")
    os.replace(part, path)
