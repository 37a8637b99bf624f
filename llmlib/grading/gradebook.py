"""Writes results into nbgrader's gradebook: the one writer, one transaction a submission."""

import os
import sys
import warnings

from nbgrader.api import Gradebook
from sqlalchemy.exc import SQLAlchemyError

from llmlib.course import cells as course
from llmlib.grading.plugin import UNSAFE


class Book:
    """An open gradebook. Use it in a `with`."""

    def __init__(self, url, course_id):
        here = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
        os.environ["PATH"] = here  # nbgrader starts `alembic` by name
        warnings.filterwarnings(
            "ignore", message="Object of type <Submitted"
        )  # of nbgrader's own making
        self.gradebook = Gradebook(url, course_id)
        self.session = self.gradebook.db()
        self.commit, self.session.commit = (
            self.session.commit,
            self.session.flush,
        )  # nbgrader commits row by row

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.rollback()
        self.gradebook.close()

    def add_assignment(self, notebook):
        """Make sure that the assignment of this `course.Notebook` is there; one that is there stays as it is."""
        book, name = self.gradebook, notebook.name
        if any(each.name == name for each in book.assignments):
            return
        book.add_assignment(name)
        book.add_notebook(name, name)
        full = {f"test_{each.name}": each.full for each in notebook.exercises}
        full |= {each.name: each.stub for each in notebook.exercises}
        for cell in notebook.cells:
            kind, grade_id = course.kind(cell), course.grade_id(cell)
            if not grade_id:
                continue
            if kind == "test":
                book.add_grade_cell(
                    grade_id, name, name, max_score=cell.metadata.nbgrader.points, cell_type="code"
                )
            elif kind == "solution":
                book.add_solution_cell(grade_id, name, name)
            locked, source = cell.metadata.nbgrader.locked, full.get(grade_id, cell.source)
            book.add_source_cell(
                grade_id, name, name, cell_type="code", locked=locked, source=source
            )
        self.commit()

    def save(self, student, assignment, result, handed_in_at=None):
        """Store one submission's scores. All of them or none. Manual scores stay, and are marked for a second look."""
        book = self.gradebook
        try:
            book.update_or_create_student(student)
            at = {"timestamp": handed_in_at} if handed_in_at else {}
            book.update_or_create_submission(assignment, student, **at)
            for name, test in result["tests"].items():
                grade = book.find_grade(f"test_{name}", assignment, assignment, student)
                grade.auto_score, grade.needs_manual_grade = (
                    test["points"],
                    grade.manual_score is not None,
                )
                book.find_comment(name, assignment, assignment, student).auto_comment = (
                    UNSAFE if result["unsafe"] else None
                )
            self.commit()
        except SQLAlchemyError:
            self.session.rollback()
            raise

    def scores(self, assignment):
        """{student: {exercise: score}} as the gradebook has them, manual scores included."""
        found = {}
        for each in self.gradebook.assignment_submissions(assignment):
            grades = [grade for notebook in each.notebooks for grade in notebook.grades]
            found[each.student_id] = {
                grade.name.removeprefix("test_"): grade.score for grade in grades
            }
        return found
