"""Is the course complete? Checks a learner's notebooks again, or reads a gradebook."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from llmlib.course import my_llm, quiz_cells
from llmlib.course.checking import check_notebooks, submission
from llmlib.course.feedback import NOT_WRITTEN_YET
from llmlib.course.format import notebooks
from llmlib.grading.gradebook import GradebookWriter
from llmlib.grading.host.sandbox import Unavailable
from llmlib.grading.marking.runner import Runner


@dataclass(frozen=True)
class Student:
    """One row of a gradebook: `share` of all points, and the notebooks where some are missing."""

    id: str
    name: str
    email: str | None
    share: float
    missing: tuple[str, ...]


def of_notebooks(folder: Path, tick: Callable) -> tuple[list[str], str, str | None]:
    """What is missing in a learner's folder, how it was checked (visible tests first, then all, in
    the grader's sandbox if it can), the hash of my_llm.py. `tick` is called twice a notebook."""
    statuses = check_notebooks.check(folder=folder, tick=lambda _: tick())
    missing = [line for status in statuses for line in _missing(status)]
    if missing:
        return missing, "", None
    every = notebooks.notebooks()
    exercises = sum(len(lesson.core) for lesson in notebooks.lessons())
    questions = sum(len(notebook.core) for notebook in every) - exercises
    passed = f"All {exercises} exercises and {questions} questions passed their tests"
    try:
        missing = list(_hidden(folder, every, tick))
        checked = f"{passed}, hidden ones included, in the grader's sandbox."
    except Unavailable:
        why = "since this computer has no sandbox for them"
        checked = f"{passed}; hidden tests were not run, {why}."
    for quiz in (each for each in every if each.number is None):
        theirs = submission.load(folder / f"{quiz.name}.ipynb")  # some texts quote an old answer
        sources = [cell.source for cell in theirs if cell.kind == "code" or cell.grade_id]
        right, count = quiz_cells.first_answers(sources)
        checked += f" First answers right, as its notebook notes them: {right} of {count}."
    text, gaps = my_llm.collect(folder)
    missing += map(str, gaps)
    return missing, checked, hashlib.sha256(text.encode()).hexdigest() if text else None


def _missing(status: check_notebooks.Status) -> Iterator[str]:
    if status.fault:
        yield f"{status.name}: {status.fault}"
    for name, state, message in status.core:
        if state != check_notebooks.DONE:
            yield f"{status.name}: {name}: {message or NOT_WRITTEN_YET}"


def _hidden(folder: Path, every: list[notebooks.Notebook], tick: Callable) -> Iterator[str]:
    with contextlib.closing(Runner(every)) as runner:
        for each in every:
            graded = runner.grade(each, submission.load(folder / f"{each.name}.ipynb"))
            tick()
            for outcome in graded.outcomes:
                if outcome.worth and not outcome.solved:
                    yield f"{each.name}: {outcome.exercise}: {outcome.message}"


def of_gradebook(where: str) -> list[Student]:
    """Every `Student` of a gradebook, a file or an SQLAlchemy URL. Late penalties are
    subtracted, and what was not submitted counts 0. Raises ValueError if there is no gradebook."""
    url = where if "://" in where else f"sqlite:///{Path(where).resolve()}"
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        why = f"there is no gradebook {where}: grade first"
        raise ValueError(f"{why}, or give the file or the URL in nbgrader_config.py")
    points = {
        notebook.name: sum(each.points for each in notebook.exercises)
        for notebook in notebooks.notebooks()
    }
    with GradebookWriter(url, "") as book:
        totals = book.totals()
        people = [(s.id, s.first_name, s.last_name, s.email) for s in book.gradebook.students]
    found = []
    for student, first, last, email in sorted(people, key=lambda row: row[0]):
        got = {name: totals.get(student, {}).get(name, 0.0) for name in points}
        less = [name for name, worth in points.items() if got[name] < worth]
        missing = tuple(f"{name}: {got[name]:g} of {points[name]:g}" for name in less)
        share = sum(got.values()) / sum(points.values())
        person = " ".join(f"{first or ''} {last or ''}".split()) or student
        found.append(Student(student, person, email, share, missing))
    return found
