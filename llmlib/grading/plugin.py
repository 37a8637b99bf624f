"""`nbgrader autograde`, made trusted: what nbgrader_config.py names, and nothing that is patched.

The autograded notebook is built anew: the learner's solution cells and additions, our own cells
around them, the test cells without their hidden part. Nothing else of a submission gets into it,
neither metadata nor outputs.
"""

import atexit
import functools
import os
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException

from llmlib.course import cells as course
from llmlib.course import handed_in
from llmlib.grading.outside import reading, submission
from llmlib.grading.results import UNSAFE, Graded
from llmlib.grading.tasks import Task


def rebuild(notebook: course.Notebook, ran: tuple[tuple[str, str, bool], ...]) -> NotebookNode:
    """A new notebook: that of `notebook` (a `cells.Notebook`) with the cells that `ran`, a
    `Graded.cells`, in it."""
    visible = {exercise.name: exercise.visible for exercise in notebook.exercises}
    added: dict[str | None, list] = {}  # cells of the learner's, by the cell they stand below
    written: dict[str, str] = {}
    place = None
    for title, source, own in ran:
        if own and title not in visible:
            cell = new_code_cell(source, id=f"added-{title.split()[-1]}")
            added.setdefault(place, []).append(cell)
            continue
        place = title
        if own:
            written[title] = f"{written[title]}\n\n{source}" if title in written else source
    node = new_notebook(metadata=notebook.node.metadata, cells=added.get(None, []))
    for cell in notebook.cells:
        name, kind, source = course.grade_id(cell), course.kind(cell), cell.source
        if kind == "solution":
            source = written.get(name, "# There was no cell with this exercise's grade_id.")
        elif kind == "test":
            source = visible[name.removeprefix("test_")]
        make = new_markdown_cell if kind == "markdown" else new_code_cell
        node.cells.append(make(source, id=cell.id, metadata=cell.metadata))
        node.cells += added.get(name, []) if name else []
    return node


def fill(node: NotebookNode, graded: Graded) -> NotebookNode:
    """Give the test cells of a rebuilt notebook the outputs from which nbgrader reads scores."""
    notes = "".join(f"{note}\n" for note in (*graded.notes, *([UNSAFE] if graded.unsafe else [])))
    messages = {f"test_{outcome.exercise}": outcome.message for outcome in graded.outcomes}
    for cell in node.cells:
        if course.kind(cell) != "test":
            continue
        message = messages.get(course.grade_id(cell), "it was not graded")
        cell.outputs = [new_output("stream", name="stdout", text=notes)] if notes else []
        if message:
            lines = [f"Mistake: {message}"]
            cell.outputs.append(
                new_output("error", ename="Mistake", evalue=message, traceback=lines)
            )
    return node


class TrustedAutograde(Autograde):
    """nbgrader's `Autograde` in one step in place of two: the exporter has done the grading."""

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Before nbgrader opens or copies a file of the submission. What is refused is that
        submission alone."""
        folder = Path(self.coursedir.root, self._format_source(assignment_id, student_id))
        for path in folder.rglob("*"):
            if not path.is_dir() or path.is_symlink():
                submission.data(path)
        Task(student_id, assignment_id, str(folder / f"{assignment_id}.ipynb")).handed_in_at()
        return super().init_destination(assignment_id, student_id)

    def convert_single_notebook(self, path: str) -> None:
        self._init_preprocessors()
        super(Autograde, self).convert_single_notebook(path)


class TrustedExporter(NotebookExporter):
    """Reads a submission, grades it and gives nbgrader the rebuilt notebook."""

    def __init__(self, config: Any = None, parent: Any = None, **words: Any) -> None:
        super().__init__(config=config, parent=parent, **words)
        if (
            type(parent) is Autograde
        ):  # nbgrader has no setting for this class, but for its exporter
            parent.__class__ = TrustedAutograde

    def from_filename(self, filename: str, resources: Any = None, **_: Any) -> Any:
        name, student = (resources["nbgrader"][key] for key in ("notebook", "student"))
        try:
            cells = reading.cells(submission.data(filename))[0]
        except handed_in.Unreadable as fault:
            raise NbGraderException(f"{student}, {name}: {fault}") from None
        notebook = _notebook(name)
        graded = _runner(name, os.environ.get("LLM_COURSE_UNSAFE") == "1").grade(notebook, cells)
        for finding in graded.findings:
            self.log.warning("%s, %s: finding: %s", student, name, finding)
        node = fill(rebuild(notebook, graded.cells), graded)
        return self.from_notebook_node(node, resources=resources)


@functools.cache
def _notebook(name: str) -> course.Notebook:
    return course.load(name)


@functools.cache
def _runner(name: str, unsafe: bool) -> Any:
    from llmlib.grading.outside.runner import Runner  # slow to load, and most commands do without

    runner = Runner([_notebook(name)], unsafe)
    atexit.register(runner.close)
    return runner


def configure(c: Any) -> None:
    """Make nbgrader with the config object `c` grade the trusted way."""
    c.Autograde.exporter_class = f"{__name__}.TrustedExporter"
    steps = "SaveAutoGrades AssignLatePenalties".split()
    c.Autograde.sanitize_preprocessors = [f"nbgrader.preprocessors.{step}" for step in steps]
    c.HTMLExporter.sanitize_html = True  # in nbgrader's own feedback
