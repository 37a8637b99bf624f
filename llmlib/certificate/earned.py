"""Is the course complete? A learner's notebooks are re-checked; an instructor's gradebook is read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from llmlib.course import cells, my_llm, progress
from llmlib.grading import submission
from llmlib.grading.gradebook import Book
from llmlib.grading.runner import Runner
from llmlib.grading.sandbox import Unavailable


@dataclass(frozen=True)
class Work:
    """What a learner's notebooks are worth: what is `missing`, how they were `checked`, the hash of their my_llm.py."""

    missing: tuple[str, ...]
    checked: str = ""
    engine: str | None = None


@dataclass(frozen=True)
class Student:
    """One row of a gradebook: `share` of all points of the course, and the notebooks whose points are not all there."""

    id: str
    name: str
    email: str | None
    share: float
    missing: tuple[str, ...]


def of_notebooks(folder, tick=lambda name: None):
    """The `Work` in a folder: visible tests first; then all tests, in the grader's sandbox where there is one."""
    statuses = progress.check(folder=folder, tick=lambda status: tick(status.name))
    missing = tuple(line for status in statuses for line in _missing(status))
    if missing:
        return Work(missing)
    notebooks = {name: cells.load(name) for name in cells.names()}
    exercises = sum(len(notebook.exercises) for notebook in cells.course().lessons)
    questions = sum(len(notebook.exercises) for notebook in notebooks.values()) - exercises
    passed = f"All {exercises} exercises and {questions} questions passed their tests"
    try:
        missing = tuple(_hidden(folder, notebooks, tick))
        checked = f"{passed}, hidden ones included, in the grader's sandbox."
    except Unavailable:
        checked = (
            f"{passed}; hidden tests were not run, since this computer has no sandbox for them."
        )
    text, gaps = my_llm.collect(folder)
    missing += tuple(map(str, gaps))
    return Work(
        missing, checked, None if text is None else hashlib.sha256(text.encode()).hexdigest()
    )


def _missing(status):
    if status.fault:
        yield f"{status.name}: {status.fault}"
    for name, state, message in status.exercises:
        if state != progress.DONE:
            yield f"{status.name}: {name}: {message or 'not written yet'}"


def _hidden(folder, notebooks, tick):
    runner = Runner(list(notebooks.values()))
    try:
        for name, notebook in notebooks.items():
            result = runner.grade(notebook, submission.read(Path(folder) / f"{name}.ipynb"))
            tick(name)
            yield from (
                f"{name}: {each}: {test['message']}"
                for each, test in result["tests"].items()
                if test["message"]
            )
    finally:
        runner.close()


def of_gradebook(where, course_id=""):
    """Every `Student` of a gradebook, a file or an SQLAlchemy URL. A notebook not handed in counts 0. Raises ValueError."""
    url = where if "://" in where else f"sqlite:///{Path(where).resolve()}"
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise ValueError(
            f"there is no gradebook {where}: grade first, or give the file or the URL in nbgrader_config.py"
        )
    points = {
        name: sum(each.points for each in cells.load(name).exercises) for name in cells.names()
    }
    with Book(url, course_id) as book:
        known = {each.name for each in book.gradebook.assignments}
        scores = {name: book.scores(name) if name in known else {} for name in points}
        people = [
            (each.id, each.first_name, each.last_name, each.email)
            for each in book.gradebook.students
        ]
    found = []
    for student, first, last, email in sorted(people):
        got = {
            name: sum(score or 0 for score in scores[name].get(student, {}).values())
            for name in points
        }
        missing = tuple(
            f"{name}: {got[name]:g} of {points[name]:g}"
            for name in points
            if got[name] < points[name]
        )
        name = " ".join(filter(None, (first, last))) or student
        found.append(
            Student(student, name, email, sum(got.values()) / sum(points.values()), missing)
        )
    return found
