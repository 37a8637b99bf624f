"""Write results into nbgrader's gradebook: the one writer, a submission's scores at once."""

import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nbgrader.api import Assignment, Comment, Grade, Gradebook, MissingEntry, Notebook
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.orm import Session
from traitlets.config import Config

from classroom.environment import environment
from exercises.format import notebooks as course_notebooks
from grader.results import UNSAFE, Graded
from llmlib import installation

TO_ALL = "To everyone who made this mistake: "  # so begins a comment of the table of mistakes


@dataclass(frozen=True)
class Marks:
    """Hold what the gradebook has of one submission."""

    scores: dict[str, float]  # by exercise, with the points given by hand
    comments: dict[str, str]  # by exercise, written by hand
    late: float  # points off for lateness

    @property
    def points(self) -> float:
        """Return the sum of the scores less what lateness costs; not below 0."""
        return max(0.0, sum(self.scores.values()) - self.late)


class GradebookWriter(contextlib.AbstractContextManager["GradebookWriter"]):
    """Write to a gradebook, at an SQLAlchemy URL. Use it in a `with`. `config` says what lateness
    costs, as for nbgrader. Raises ValueError where none can be opened."""

    def __init__(self, url: str, course_id: str, config: Config | None = None) -> None:
        os.environ["PATH"] = environment()["PATH"]  # nbgrader starts `alembic` by name
        try:
            self.gradebook = Gradebook(url, course_id)
        except Exception as error:  # noqa: BLE001 - every driver has its own
            raise _cannot_open(url, error) from None
        logging.getLogger("tornado.application").setLevel(logging.CRITICAL)  # nbgrader's tracebacks
        self.late = AssignLatePenalties(config=config)
        self.late.init_plugin()

    def __exit__(self, *_: Any) -> None:
        self.gradebook.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Gradebook]:
        """Yield nbgrader's gradebook, in which its many commits are one: all of them or none."""
        with self.gradebook.engine.begin() as connection, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Object of type <Submitted")  # nbgrader's own
            self.gradebook.db.remove()
            self.gradebook.db.configure(bind=connection, join_transaction_mode="rollback_only")
            try:
                yield self.gradebook
            finally:
                self.gradebook.db.remove()
                self.gradebook.db.configure(bind=self.gradebook.engine)

    def add_assignment(self, notebook: course_notebooks.Notebook) -> None:
        """Make sure that this notebook's assignment is there, all of its cells and no more: what
        another edition had would count beside them."""
        name, exercises = notebook.name, notebook.exercises
        full = {f"test_{exercise.name}": exercise.full for exercise in exercises}
        full |= {exercise.name: exercise.stub for exercise in exercises}
        with self.transaction() as book:
            book.update_or_create_assignment(name)
            book.update_or_create_notebook(name, name)
            for cell in notebook.cells:
                kind, grade_id = course_notebooks.kind(cell), course_notebooks.grade_id(cell)
                if kind == "test":
                    words = {"max_score": cell.metadata.nbgrader.points, "cell_type": "code"}
                    book.update_or_create_grade_cell(grade_id, name, name, **words)
                elif kind == "solution":
                    book.update_or_create_solution_cell(grade_id, name, name)
                if grade_id:
                    words = {"locked": cell.metadata.nbgrader.locked, "cell_type": "code"}
                    words["source"] = full.get(grade_id, cell.source)
                    book.update_or_create_source_cell(grade_id, name, name, **words)
            cells = {
                (course_notebooks.kind(cell), course_notebooks.grade_id(cell))
                for cell in notebook.cells
            }
            entry = book.find_notebook(name, name)
            kinds = {"test": entry.grade_cells, "solution": entry.solution_cells}
            kinds[""] = entry.task_cells
            leftovers = [c for kind in kinds for c in kinds[kind] if (kind, c.name) not in cells]
            if leftovers:
                names = ", ".join(sorted({cell.name for cell in leftovers}))
                message = f"{name}: dropped from the gradebook, as this edition lacks them: {names}"
                print(message, file=sys.stderr)
            for row in [row for c in leftovers for row in (*c.grades, *c.comments, c)]:
                book.db.delete(row)
            book.db.flush()

    def save(
        self, student: str, assignment: str, result: Graded, handed_in_at: datetime | None = None
    ) -> None:
        """Store one submission's scores. Manual scores stay, and are marked for a second look."""
        with self.transaction() as book:
            book.update_or_create_student(student)
            at = {"timestamp": handed_in_at} if handed_in_at else {}
            book.update_or_create_submission(assignment, student, **at)
            handed_in = _with_all_rows(book, assignment, student)
            grades = {grade.name: grade for grade in handed_in.grades}
            comments = {comment.name: comment for comment in handed_in.comments}
            for outcome in result.outcomes:
                grade = grades[f"test_{outcome.exercise}"]
                grade.auto_score = outcome.points
                grade.needs_manual_grade = grade.manual_score is not None
                comments[outcome.exercise].auto_comment = UNSAFE if result.unsafe else None
            book.db.flush()

    def holds(self, student: str, assignment: str, result: Graded, at: datetime | None) -> bool:
        """Say whether it has exactly these scores and this time: a recreated one may not."""
        with self.transaction() as book:
            try:
                notebook = book.find_submission_notebook(assignment, assignment, student)
            except MissingEntry:
                return False
            scores = {grade.name: grade.auto_score for grade in notebook.grades}
            due = {f"test_{outcome.exercise}": outcome.points for outcome in result.outcomes}
            return at in (None, notebook.assignment.timestamp) and scores | due == scores

    def charge_lateness(self, student: str, assignment: str) -> None:
        """Charge as `nbgrader autograde` does, but with the points given by hand: due dates
        change."""
        with self.transaction() as book:
            late = book.find_submission(assignment, student).total_seconds_late
            notebook = book.find_submission_notebook(assignment, assignment, student)
            charge = self.late.plugin_inst.late_submission_penalty
            penalty = charge(student, notebook.score, late) if late > 0 else None
            if penalty is not None:
                penalty = max(0.0, min(penalty, notebook.score))
            notebook.late_submission_penalty = penalty
            book.db.flush()

    def marks(self, student: str, assignment: str) -> Marks:
        """Return what the gradebook holds of one submission."""
        notebook = self.gradebook.find_submission_notebook(assignment, assignment, student)
        cells = self.gradebook.find_notebook(assignment, assignment)
        names = {cell.id: cell.name for cell in (*cells.grade_cells, *cells.solution_cells)}
        scores = {names[grade.cell_id]: grade.score for grade in notebook.grades}
        scores = {name.removeprefix("test_"): score for name, score in scores.items()}
        comments = {names[comment.cell_id]: comment.manual_comment for comment in notebook.comments}
        comments = {name: text for name, text in comments.items() if text}
        return Marks(scores, comments, notebook.late_submission_penalty or 0.0)

    def comment(self, student: str, assignment: str, marks: Marks, texts: dict[str, str]) -> bool:
        """Write comments by exercise, those of the table of mistakes: earlier ones of the table
        leave, what was written by hand stays. Returns whether any of `marks` has changed."""
        made = marks.comments
        old = {name for name, text in made.items() if text.startswith(TO_ALL)}
        new = {name: text for name, text in texts.items() if name not in made or name in old}
        if new == {name: made[name] for name in old}:
            return False
        with self.transaction() as book:
            notebook = book.find_submission_notebook(assignment, assignment, student)
            for each in notebook.comments:
                if each.name in old or each.name in new:
                    each.manual_comment = new.get(each.name)
            book.db.flush()
        return True

    def totals(self) -> dict[str, dict[str, float]]:
        """Return {student: {assignment: points}}, manual points in and late penalties off."""
        totals: dict[str, dict[str, float]] = {}
        for assignment in self.gradebook.assignments:
            for submission in self.gradebook.assignment_submissions(assignment.name):
                points = max(0.0, submission.score - submission.late_submission_penalty)
                totals.setdefault(submission.student_id, {})[assignment.name] = points
        return totals


OURS = re.compile(r"\b(llmlib|exercises)\b|\bcheck_answer\(")  # in every test cell of every edition
FORMER = frozenset(  # exercises of earlier editions
    {
        *("sinusoidal_positions", "analogies", "mixed_sums", "matched_cosines", "gelu"),
        *("next_token_pairs", "adamw_step", "learning_rate"),
    }
)


def refuse_others(url: str) -> None:
    """Raise ValueError where the gradebook at this URL holds cells of another course, whose `quiz`
    would lose them to ours. It is read and never written, not even as nbgrader does that opens one;
    one that is not there is not made."""
    try:
        place = make_url(url)
        if place.get_backend_name() == "sqlite" and not os.path.exists(place.database or ""):
            return
        foreign_cells = _others(url)
    except Exception as error:  # noqa: BLE001 - every driver has its own
        raise _cannot_open(url, error) from None
    if foreign_cells:
        count = len(foreign_cells) - 3
        names = ", ".join(foreign_cells[:3]) + (f" and {count} more" if count > 0 else "")
        raise ValueError(
            f"The gradebook {shown(url)} holds another course's cells ({names}), so nothing was "
            "graded or changed: this grader grades From Tokens to Tokens alone, in a folder and "
            "gradebook of its own (export LLM_COURSE_FOLDER=/another/folder)"
        )


def _others(url: str) -> list[str]:
    """Return what a gradebook holds that is not this course's: cells, as "assignment: cell", and
    the names of assignments and notebooks that have none."""
    engine = create_engine(url)
    try:
        if not inspect(engine).has_table(Assignment.__tablename__):
            return []
        with Session(engine) as session:
            books = session.query(Notebook).join(Assignment).order_by(Assignment.name).all()
            cells = [f"{book.assignment.name}: {name}" for book in books for name in _foreign(book)]
            assignments = {book.assignment.name for book in books if _cells(book)}
            empty = {name for (name,) in session.query(Assignment.name)} - assignments
            empty |= {book.name for book in books if not _cells(book)}
            return [*cells, *sorted(empty - set(course_notebooks.names()))]
    finally:
        engine.dispose()


def _foreign(book: Notebook) -> list[str]:
    """Return the names of those cells of a notebook in a gradebook that no edition of ours had: a
    test is ours by its text, or by its name where no text is kept; an answer is if its test is."""
    texts = {cell.name: cell.source for cell in book.source_cells}
    books = course_notebooks.notebooks()
    exercises = {exercise.name for notebook in books for exercise in notebook.exercises}
    course_names = {f"{prefix}{name}" for name in exercises | FORMER for prefix in ("", "test_")}
    course_cells = set()
    for cell in book.grade_cells:
        text = texts.get(cell.name)
        if cell.name in course_names if text is None else OURS.search(text):
            course_cells |= {cell.name, cell.name.removeprefix("test_")}
    return sorted({cell.name for cell in _cells(book)} - course_cells)


def _cells(book: Notebook) -> list[Any]:
    return [*book.grade_cells, *book.solution_cells, *book.task_cells]


def _cannot_open(url: str, error: Exception) -> ValueError:
    reason = str(error).partition("\n")[0][:200]
    if isinstance(error, ImportError):
        install = installation.pip_command("install", '"psycopg[binary]"')
        reason += f": type {install}, or install the driver that the URL asks for"
    return ValueError(f"The gradebook {shown(url)} cannot be opened: {reason}")


def shown(url: str) -> str:
    """Return the URL without its password, which may hold an @."""
    return re.sub(r"(//[^/:@]*):.*@", r"\1@", url)


def _with_all_rows(book: Gradebook, assignment: str, student: str) -> Any:
    """Return the submitted notebook, with rows for exercises newer than its first submission."""
    cells = book.find_notebook(assignment, assignment)
    handed_in = book.find_submission_notebook(assignment, assignment, student)
    grades = handed_in.grades, Grade, cells.grade_cells
    comments = handed_in.comments, Comment, cells.solution_cells
    for rows, kind, course_cells in (grades, comments):
        ids = {row.cell_id for row in rows}
        book.db.add_all(
            kind(cell_id=cell.id, notebook=handed_in) for cell in course_cells if cell.id not in ids
        )
    book.db.flush()
    book.db.refresh(handed_in)
    return handed_in
