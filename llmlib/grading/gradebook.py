"""Writes results into nbgrader's gradebook: the one writer, a submission's scores at once."""

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

from llmlib import installation
from llmlib.course.environment import environment
from llmlib.course.format import notebooks as course_notebooks
from llmlib.grading.results import UNSAFE, Graded


@dataclass(frozen=True)
class Marks:
    """What the gradebook has of one submission."""

    scores: dict[str, float]  # by exercise, with the points given by hand
    comments: dict[str, str]  # by exercise, written by hand
    late: float  # points off for lateness

    @property
    def points(self) -> float:
        """The sum of the scores less what lateness costs; not below 0."""
        return max(0.0, sum(self.scores.values()) - self.late)


class GradebookWriter(contextlib.AbstractContextManager["GradebookWriter"]):
    """An open gradebook, at an SQLAlchemy URL. Use it in a `with`. `config` says what lateness
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
        """nbgrader's gradebook, in which its many commits are one: all of them or none."""
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
        name, full = notebook.name, {f"test_{each.name}": each.full for each in notebook.exercises}
        full |= {each.name: each.stub for each in notebook.exercises}
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
            ours = {
                (course_notebooks.kind(each), course_notebooks.grade_id(each))
                for each in notebook.cells
            }
            has = book.find_notebook(name, name)
            kinds = {"test": has.grade_cells, "solution": has.solution_cells, "": has.task_cells}
            gone = [c for kind in kinds for c in kinds[kind] if (kind, c.name) not in ours]
            if gone:
                names = ", ".join(sorted({each.name for each in gone}))
                said = f"{name}: dropped from the gradebook, as this edition lacks them: {names}"
                print(said, file=sys.stderr)
            for each in [row for c in gone for row in (*c.grades, *c.comments, c)]:
                book.db.delete(each)
            book.db.flush()

    def save(
        self, student: str, assignment: str, graded: Graded, handed_in_at: datetime | None = None
    ) -> None:
        """Store one submission's scores. Manual scores stay, and are marked for a second look."""
        with self.transaction() as book:
            book.update_or_create_student(student)
            at = {"timestamp": handed_in_at} if handed_in_at else {}
            book.update_or_create_submission(assignment, student, **at)
            handed_in = _with_all_rows(book, assignment, student)
            grades = {each.name: each for each in handed_in.grades}
            comments = {each.name: each for each in handed_in.comments}
            for outcome in graded.outcomes:
                grade = grades[f"test_{outcome.exercise}"]
                grade.auto_score = outcome.points
                grade.needs_manual_grade = grade.manual_score is not None
                comments[outcome.exercise].auto_comment = UNSAFE if graded.unsafe else None
            book.db.flush()

    def holds(self, student: str, assignment: str, graded: Graded, at: datetime | None) -> bool:
        """Does it have exactly these scores and this time? A recreated or restored one may not."""
        with self.transaction() as book:
            try:
                notebook = book.find_submission_notebook(assignment, assignment, student)
            except MissingEntry:
                return False
            has = {each.name: each.auto_score for each in notebook.grades}
            due = {f"test_{each.exercise}": each.points for each in graded.outcomes}
            return at in (None, notebook.assignment.timestamp) and has | due == has

    def charge_lateness(self, student: str, assignment: str) -> None:
        """As `nbgrader autograde` does, but with the points given by hand: due dates change."""
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
        """What the gradebook holds of one submission."""
        notebook = self.gradebook.find_submission_notebook(assignment, assignment, student)
        cells = self.gradebook.find_notebook(assignment, assignment)
        names = {each.id: each.name for each in (*cells.grade_cells, *cells.solution_cells)}
        scores = {names[each.cell_id].removeprefix("test_"): each.score for each in notebook.grades}
        comments = {names[each.cell_id]: each.manual_comment for each in notebook.comments}
        comments = {name: text for name, text in comments.items() if text}
        return Marks(scores, comments, notebook.late_submission_penalty or 0.0)

    def totals(self) -> dict[str, dict[str, float]]:
        """{student: {assignment: points}}, manual points in and late penalties off."""
        found: dict[str, dict[str, float]] = {}
        for assignment in self.gradebook.assignments:
            for each in self.gradebook.assignment_submissions(assignment.name):
                points = max(0.0, each.score - each.late_submission_penalty)
                found.setdefault(each.student_id, {})[assignment.name] = points
        return found


OURS = re.compile(r"\bllmlib\b|\bcheck_answer\(")  # in every test cell of every edition
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
        found = _others(url)
    except Exception as error:  # noqa: BLE001 - every driver has its own
        raise _cannot_open(url, error) from None
    if found:
        named = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise ValueError(
            f"The gradebook {shown(url)} holds another course's cells ({named}), so nothing was "
            "graded or changed: this grader grades From Tokens to Tokens alone, in a folder and "
            "gradebook of its own (export LLM_COURSE_FOLDER=/another/folder)"
        )


def _others(url: str) -> list[str]:
    """The cells of a gradebook that are not this course's, as "assignment: cell"."""
    engine = create_engine(url)
    try:
        if not inspect(engine).has_table(Assignment.__tablename__):
            return []
        with Session(engine) as session:
            books = session.query(Notebook).join(Assignment).order_by(Assignment.name).all()
            return [f"{book.assignment.name}: {name}" for book in books for name in _foreign(book)]
    finally:
        engine.dispose()


def _foreign(book: Notebook) -> list[str]:
    """The names of those cells of a notebook in a gradebook that no edition of ours had: a test is
    ours by its text, or by its name where no text is kept; an answer is if its test is."""
    texts = {each.name: each.source for each in book.source_cells}
    exercises = {each.name for one in course_notebooks.notebooks() for each in one.exercises}
    known = {f"{prefix}{name}" for name in exercises | FORMER for prefix in ("", "test_")}
    ours = set()
    for cell in book.grade_cells:
        text = texts.get(cell.name)
        if cell.name in known if text is None else OURS.search(text):
            ours |= {cell.name, cell.name.removeprefix("test_")}
    cells = (*book.grade_cells, *book.solution_cells, *book.task_cells)
    return sorted({each.name for each in cells} - ours)


def _cannot_open(url: str, error: Exception) -> ValueError:
    why = str(error).partition("\n")[0][:200]
    if isinstance(error, ImportError):
        install = installation.pip_command("install", '"psycopg[binary]"')
        why += f": type {install}, or install the driver that the URL asks for"
    return ValueError(f"The gradebook {shown(url)} cannot be opened: {why}")


def shown(url: str) -> str:
    """The URL without its password, which may hold an @."""
    return re.sub(r"(//[^/:@]*):.*@", r"\1@", url)


def _with_all_rows(book: Gradebook, assignment: str, student: str) -> Any:
    """The submitted notebook, with rows for exercises that are newer than its first submission."""
    cells = book.find_notebook(assignment, assignment)
    handed_in = book.find_submission_notebook(assignment, assignment, student)
    grades = handed_in.grades, Grade, cells.grade_cells
    comments = handed_in.comments, Comment, cells.solution_cells
    for made, kind, wanted in (grades, comments):
        known = {row.cell_id for row in made}
        book.db.add_all(
            kind(cell_id=cell.id, notebook=handed_in) for cell in wanted if cell.id not in known
        )
    book.db.flush()
    book.db.refresh(handed_in)
    return handed_in
