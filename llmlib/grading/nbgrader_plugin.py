"""`nbgrader autograde`, made trusted: an exporter replaces nbgrader's class by the grader's.
The autograded notebook is rebuilt: the learner's solution cells and additions, our own cells
around them, no hidden test. Of a submission nothing else gets in, neither metadata nor outputs."""

import atexit
import contextlib
import functools
import os
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import HTMLExporter, NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_notebook, new_output
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute
from traitlets import Float

from llmlib.course.checking.run_cells import ADDED_TITLE
from llmlib.course.checking.submission import Step, Unreadable
from llmlib.course.format import notebooks as course_notebooks
from llmlib.course.format import source as source_format
from llmlib.grading import report, submissions
from llmlib.grading.gradebook import GradebookWriter, refuse_others
from llmlib.grading.host import read_submission
from llmlib.grading.host.time_limits import Limits
from llmlib.grading.results import UNSAFE, Graded, NotGraded

# nbformat's own functions validate each cell by itself, which takes longer than all else here.
BARE = {"cell_type": "code", "execution_count": None}


def rebuild(notebook: course_notebooks.Notebook, steps: tuple[Step, ...]) -> NotebookNode:
    """`notebook` rebuilt, with the `steps` of a `Graded` in it."""
    visible = {exercise.name: exercise.visible for exercise in notebook.exercises}
    added: dict[str | None, list] = {}  # cells of the learner's, by the cell above them
    written: dict[str, list[str]] = {}
    marked = {course_notebooks.grade_id(cell) for cell in notebook.cells}
    place = None
    for title, source, own in steps:
        if own and title not in visible:
            cell = NotebookNode(BARE, id=f"added-{title.removeprefix(ADDED_TITLE)}", source=source)
            cell.metadata, cell.outputs = NotebookNode(), []
            added.setdefault(place, []).append(cell)
            continue
        if title in marked:  # below a demonstration that ran, it is still below what precedes that
            place = title
        if own:
            written.setdefault(title, []).append(source)
    node = new_notebook(metadata=notebook.node.metadata, cells=added.get(None, []))
    for cell in notebook.cells:
        name, kind, source = (
            course_notebooks.grade_id(cell),
            course_notebooks.kind(cell),
            cell.source,
        )
        if kind == "markdown":  # a copy of its drawings for every student would fill the disk
            source = source_format.drawings_in_words(source)
        if kind == "solution":
            source = "\n\n".join(written.get(name, [report.NO_CELL]))
        elif kind == "test":
            source = visible[name.removeprefix("test_")]
        node.cells.append(NotebookNode(cell, source=source))  # checked when it is written
        node.cells += added.get(name, []) if name else []
    return node


def fill(node: NotebookNode, graded: Graded) -> NotebookNode:
    """Give the test cells of a rebuilt notebook the outputs from which nbgrader reads scores, and
    all cells what `report.feedback` makes a page of."""
    notes = "".join(f"{note}\n" for note in (*graded.notes, *([UNSAFE] if graded.unsafe else [])))
    said = {"notes": list(graded.notes), "unsafe": graded.unsafe}
    node.metadata = {**node.metadata, "llmlib": said}
    for cell in [cell for cell in node.cells if course_notebooks.kind(cell) == "test"]:
        outcome = graded[course_notebooks.grade_id(cell).removeprefix("test_")]
        mistake = f"Mistake: {outcome.message}"
        cell.metadata = {**cell.metadata, "llmlib": asdict(outcome)}
        cell.outputs = [new_output("stream", name="stdout", text=notes)] if notes else []
        if outcome.points and not outcome.solved:
            cell.outputs += [
                new_output("stream", name="stdout", text=f"{mistake}\n"),
                new_output("execute_result", data={"text/plain": f"{outcome.points}"}),
            ]
        elif not outcome.solved:
            words = {"ename": "Mistake", "evalue": outcome.message, "traceback": [mistake]}
            cell.outputs.append(new_output("error", **words))
    return node


class TrustedAutograde(Autograde):
    """nbgrader's `Autograde` in one step in place of two: the exporter has done the grading."""

    def convert_notebooks(self) -> None:
        """Where the gradebook is another course's, nothing of it is graded or written."""
        try:
            refuse_others(self.coursedir.db_url)
        except ValueError as error:
            self.log.error(str(error))
            raise NbGraderException(str(error)) from None
        super().convert_notebooks()

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Before nbgrader opens or copies a file. What is refused is that submission alone."""
        folder = Path(self.coursedir.root, self._format_source(assignment_id, student_id))
        for path in folder.rglob("*"):
            if not stat.S_ISREG(path.lstat().st_mode) and (not path.is_dir() or path.is_symlink()):
                raise Unreadable("it is a link or no file; hand in the file itself")
        submissions.Task(
            student_id, assignment_id, str(folder / f"{assignment_id}.ipynb")
        ).handed_in_at()
        return super().init_destination(assignment_id, student_id)

    def convert_single_notebook(self, path: str) -> None:
        """nbgrader's step for one file, with preprocessors of its own."""
        self._init_preprocessors()
        super(Autograde, self).convert_single_notebook(path)


class TrustedExporter(NotebookExporter):
    """Reads a submission, grades it and gives nbgrader the rebuilt notebook."""

    share = "of an exercise's points, for one whose visible tests pass and hidden ones do not"
    partial_credit = Float(0.0, min=0.0, max=1.0, help=share).tag(config=True)

    def __init__(self, config: Any = None, parent: Any = None, **words: Any) -> None:
        super().__init__(config=config, parent=parent, **words)
        if type(parent) is Autograde:  # for which nbgrader, unlike for its exporter, has no setting
            parent.__class__ = TrustedAutograde

    def from_filename(self, filename: str, resources: Any = None, **_: Any) -> Any:
        """Grade the submission at `filename` -> (the rebuilt notebook, resources)."""

        from llmlib.grading.worker_pool import grade_bytes  # slow to load, as the runner is

        name, student = (resources["nbgrader"][key] for key in ("notebook", "student"))
        notebook, unsafe = course_notebooks.load(name), os.environ.get("LLM_COURSE_UNSAFE") == "1"
        runner = _runner(name, unsafe, self.partial_credit, limits(self.config))
        graded = grade_bytes(runner, notebook, read_submission.content(filename))
        if isinstance(graded, NotGraded):
            raise NbGraderException(f"{student}, {name}: {graded.reason}")
        for finding in graded.findings:
            self.log.warning("%s, %s: finding: %s", student, name, finding)
        node = fill(rebuild(notebook, graded.steps), graded)
        return self.from_notebook_node(node, resources=resources)


class FeedbackExporter(HTMLExporter):
    """Makes nbgrader's feedback, at its command and in Formgrader, the page of `llmlib grade`."""

    def from_filename(self, filename: str, resources: Any = None, **_: Any) -> Any:
        """The feedback of a submission that was graded -> (HTML, resources)."""
        where = resources["nbgrader"]
        name, student = where["notebook"], where["student"]
        node = nbformat.read(filename, as_version=4)
        if "llmlib" not in node.metadata:
            earlier = f"{student}, {name}: graded by an earlier version: grade it again"
            raise NbGraderException(earlier)
        with GradebookWriter(
            where["db_url"], self.config.CourseDirectory.get("course_id", "")
        ) as book:
            marks = book.marks(student, where["assignment"])
        resources = self._init_resources(resources)
        resources["output_extension"] = self.file_extension
        return report.feedback(course_notebooks.load(name), student, node, marks), resources


def limits(config: Any) -> Limits:
    """The time limits that follow from `c.Execute.timeout`. Raises ValueError."""
    seconds = Execute(config=config).timeout
    if seconds is None or seconds <= 0:
        raise ValueError(f"c.Execute.timeout is {seconds}: give the seconds that a cell may run")
    return Limits.for_cell(seconds)


@functools.cache
def _runner(name: str, unsafe: bool, partial: float, limits: Limits) -> Any:
    from llmlib.grading.marking.runner import Runner  # slow to load; most commands do without

    runner = Runner([course_notebooks.load(name)], unsafe, limits, partial)
    atexit.register(runner.close)
    return runner


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter, and so read what is in it; its group too, if
    that may write there. Raises OSError."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    with contextlib.suppress(PermissionError):  # a grader of the group: it is not theirs to change
        folder.chmod(mode & ~(0o007 if mode & 0o020 else 0o077))


def configure(c: Any) -> None:
    """Make nbgrader with the config object `c` grade the trusted way."""
    c.Autograde.exporter_class = f"{__name__}.TrustedExporter"
    steps = "SaveAutoGrades AssignLatePenalties".split()
    c.Autograde.sanitize_preprocessors = [f"nbgrader.preprocessors.{step}" for step in steps]
    c.GenerateFeedback.exporter_class = f"{__name__}.FeedbackExporter"
    c.HTMLExporter.sanitize_html = True  # in Formgrader's view of a submission
    c.ExchangeFactory.collect = "llmlib.grading.collect.TrustedCollect"
