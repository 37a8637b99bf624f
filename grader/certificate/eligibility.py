"""Decide whether a course is complete: check a learner's notebooks again, or read a gradebook."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from classroom import my_llm, quiz_cells
from classroom.checking import check_notebooks, submission
from exercises.feedback import NOT_WRITTEN_YET
from exercises.format import notebooks
from grader.gradebook import GradebookWriter
from grader.host.sandbox import Unavailable
from grader.marking.runner import Runner


@dataclass(frozen=True)
class Student:
    """Hold one row of a gradebook: `share` of all points, and the notebooks where some are lost."""

    id: str
    name: str
    email: str | None
    share: float
    missing: tuple[str, ...]


def of_notebooks(folder: Path, tick: Callable) -> tuple[list[str], str, str | None]:
    """Return what is missing in a learner's folder, how it was checked (visible tests first, then
    all, in the grader's sandbox if it can), the hash of my_llm.py; call `tick` twice a notebook."""
    statuses = check_notebooks.check(folder=folder, tick=lambda _: tick())
    problems = [line for status in statuses for line in _missing(status)]
    if problems:
        return problems, "", None
    books = notebooks.notebooks()
    exercises = sum(len(lesson.core) for lesson in notebooks.lessons())
    questions = sum(len(notebook.core) for notebook in books) - exercises
    summary = f"All {exercises} exercises and {questions} questions passed their tests"
    try:
        problems = list(_hidden(folder, books, tick))
        narrative = f"{summary}, hidden ones included, in the grader's sandbox."
    except Unavailable:
        reason = "since this computer has no sandbox for them"
        narrative = f"{summary}; hidden tests were not run, {reason}."
    for quiz in (book for book in books if book.number is None):
        cells = submission.load(folder / f"{quiz.name}.ipynb")  # some texts quote an old answer
        sources = [cell.source for cell in cells if cell.kind == "code" or cell.grade_id]
        right, count = quiz_cells.first_answers(sources)
        narrative += f" First answers right, as its notebook notes them: {right} of {count}."
    text, gaps = my_llm.collect(folder)
    problems += map(str, gaps)
    return problems, narrative, hashlib.sha256(text.encode()).hexdigest() if text else None


def _missing(status: check_notebooks.Status) -> Iterator[str]:
    if status.fault:
        yield f"{status.name}: {status.fault}"
    for name, state, message in status.core:
        if state != check_notebooks.DONE:
            yield f"{status.name}: {name}: {message or NOT_WRITTEN_YET}"


def _hidden(folder: Path, books: list[notebooks.Notebook], tick: Callable) -> Iterator[str]:
    with contextlib.closing(Runner(books)) as runner:
        for book in books:
            result = runner.grade(book, submission.load(folder / f"{book.name}.ipynb"))
            tick()
            for outcome in result.outcomes:
                if outcome.worth and not outcome.solved:
                    yield f"{book.name}: {outcome.exercise}: {outcome.message}"


def of_gradebook(location: str) -> list[Student]:
    """Return every `Student` of a gradebook, a file or an SQLAlchemy URL. Late penalties are
    subtracted, and what was not submitted counts 0. Raises ValueError if there is no gradebook."""
    url = location if "://" in location else f"sqlite:///{Path(location).resolve()}"
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        reason = f"there is no gradebook {location}: grade first"
        raise ValueError(f"{reason}, or give the file or the URL in nbgrader_config.py")
    points = {
        notebook.name: sum(exercise.points for exercise in notebook.exercises)
        for notebook in notebooks.notebooks()
    }
    with GradebookWriter(url, "") as book:
        totals = book.totals()
        people = [(s.id, s.first_name, s.last_name, s.email) for s in book.gradebook.students]
    students = []
    for student, first, last, email in sorted(people, key=lambda row: row[0]):
        scores = {name: totals.get(student, {}).get(name, 0.0) for name in points}
        incomplete = [name for name, worth in points.items() if scores[name] < worth]
        gaps = tuple(f"{name}: {scores[name]:g} of {points[name]:g}" for name in incomplete)
        share = sum(scores.values()) / sum(points.values())
        person = " ".join(f"{first or ''} {last or ''}".split()) or student
        students.append(Student(student, person, email, share, gaps))
    return students
