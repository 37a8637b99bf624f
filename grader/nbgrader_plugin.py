"""Make `nbgrader autograde` trusted: an exporter replaces nbgrader's class by the grader's. The
autograded notebook is rebuilt: the learner's solution cells and additions, our own cells around
them, no hidden test. Of a submission nothing else gets in, neither metadata nor outputs."""

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

from classroom import exchange_steps
from classroom.checking.run_cells import ADDED_TITLE
from classroom.checking.submission import Step, Unreadable
from exercises.format import notebooks as course_notebooks
from exercises.format import source as source_format
from grader import report, submissions
from grader.gradebook import GradebookWriter, refuse_others
from grader.host import read_submission
from grader.host.time_limits import Limits
from grader.results import UNSAFE, Graded, NotGraded

# nbformat's own functions validate each cell by itself, which takes longer than all else here.
BARE = {"cell_type": "code", "execution_count": None}


def rebuild(notebook: course_notebooks.Notebook, steps: tuple[Step, ...]) -> NotebookNode:
    """Rebuild `notebook`, with the `steps` of a `Graded` in it."""
    visible = {exercise.name: exercise.visible for exercise in notebook.exercises}
    additions: dict[str | None, list] = {}  # cells of the learner's, by the cell above them
    answers: dict[str, list[str]] = {}
    grade_ids = {course_notebooks.grade_id(cell) for cell in notebook.cells}
    place = None
    for title, source, by_learner in steps:
        if by_learner and title not in visible:
            cell = NotebookNode(BARE, id=f"added-{title.removeprefix(ADDED_TITLE)}", source=source)
            cell.metadata, cell.outputs = NotebookNode(), []
            additions.setdefault(place, []).append(cell)
            continue
        if (
            title in grade_ids
        ):  # below a demonstration that ran, it is still below what comes before
            place = title
        if by_learner:
            answers.setdefault(title, []).append(source)
    node = new_notebook(metadata=notebook.node.metadata, cells=additions.get(None, []))
    for cell in notebook.cells:
        name, kind, source = (
            course_notebooks.grade_id(cell),
            course_notebooks.kind(cell),
            cell.source,
        )
        if kind == "markdown":  # a copy of its drawings for every student would fill the disk
            source = source_format.drawings_in_words(source)
        if kind == "solution":
            source = "\n\n".join(answers.get(name, [report.NO_CELL]))
        elif kind == "test":
            source = visible[name.removeprefix("test_")]
        node.cells.append(NotebookNode(cell, source=source))  # checked when it is written
        node.cells += additions.get(name, []) if name else []
    return node


def fill(node: NotebookNode, result: Graded) -> NotebookNode:
    """Give the test cells of a rebuilt notebook the outputs from which nbgrader reads scores, and
    all cells what `report.feedback` makes a page of."""
    notes = "".join(f"{note}\n" for note in (*result.notes, *([UNSAFE] if result.unsafe else [])))
    summary = {"notes": list(result.notes), "unsafe": result.unsafe}
    node.metadata = {**node.metadata, "llmlib": summary}
    for cell in [cell for cell in node.cells if course_notebooks.kind(cell) == "test"]:
        outcome = result[course_notebooks.grade_id(cell).removeprefix("test_")]
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
    """Run nbgrader's `Autograde` in one step in place of two: the exporter has done the grading."""

    def convert_notebooks(self) -> None:
        """Refuse a gradebook of another course: nothing of it is graded or written."""
        try:
            refuse_others(self.coursedir.db_url)
        except ValueError as error:
            self.log.error(str(error))
            raise NbGraderException(str(error)) from None
        super().convert_notebooks()

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Refuse a link before nbgrader opens or copies it: that submission alone."""
        folder = Path(self.coursedir.root, self._format_source(assignment_id, student_id))
        for path in folder.rglob("*"):
            if not stat.S_ISREG(path.lstat().st_mode) and (not path.is_dir() or path.is_symlink()):
                raise Unreadable("it is a link or no file; hand in the file itself")
        submissions.Task(
            student_id, assignment_id, str(folder / f"{assignment_id}.ipynb")
        ).handed_in_at()
        return super().init_destination(assignment_id, student_id)

    def convert_single_notebook(self, path: str) -> None:
        """Run nbgrader's step for one file, with preprocessors of its own."""
        self._init_preprocessors()
        super(Autograde, self).convert_single_notebook(path)


class TrustedExporter(NotebookExporter):
    """Read a submission, grade it and give nbgrader the rebuilt notebook."""

    share = "of an exercise's points, for one whose visible tests pass and hidden ones do not"
    partial_credit = Float(0.0, min=0.0, max=1.0, help=share).tag(config=True)

    def __init__(self, config: Any = None, parent: Any = None, **words: Any) -> None:
        super().__init__(config=config, parent=parent, **words)
        if type(parent) is Autograde:  # for which nbgrader, unlike for its exporter, has no setting
            parent.__class__ = TrustedAutograde

    def from_filename(self, filename: str, resources: Any = None, **_: Any) -> Any:
        """Grade the submission at `filename` -> (the rebuilt notebook, resources)."""

        from grader.worker_pool import grade_bytes  # slow to load, as the runner is

        name, student = (resources["nbgrader"][key] for key in ("notebook", "student"))
        notebook, unsafe = course_notebooks.load(name), os.environ.get("LLM_COURSE_UNSAFE") == "1"
        runner = _runner(name, unsafe, self.partial_credit, limits(self.config))
        result = grade_bytes(runner, notebook, read_submission.content(filename))
        if isinstance(result, NotGraded):
            raise NbGraderException(f"{student}, {name}: {result.reason}")
        for finding in result.findings:
            self.log.warning("%s, %s: finding: %s", student, name, finding)
        node = fill(rebuild(notebook, result.steps), result)
        return self.from_notebook_node(node, resources=resources)


class FeedbackExporter(HTMLExporter):
    """Make nbgrader's feedback, at its command and in Formgrader, the page of `llmlib grade`."""

    def from_filename(self, filename: str, resources: Any = None, **_: Any) -> Any:
        """Return the feedback of a submission that was graded -> (HTML, resources)."""
        context = resources["nbgrader"]
        name, student = context["notebook"], context["student"]
        node = nbformat.read(filename, as_version=4)
        if "llmlib" not in node.metadata:
            earlier = f"{student}, {name}: graded by an earlier version: grade it again"
            raise NbGraderException(earlier)
        with GradebookWriter(
            context["db_url"], self.config.CourseDirectory.get("course_id", "")
        ) as book:
            marks = book.marks(student, context["assignment"])
        resources = self._init_resources(resources)
        resources["output_extension"] = self.file_extension
        return report.feedback(course_notebooks.load(name), student, node, marks), resources


def limits(config: Any) -> Limits:
    """Return the time limits that follow from `c.Execute.timeout`. Raises ValueError."""
    seconds = Execute(config=config).timeout
    if seconds is None or seconds <= 0:
        raise ValueError(f"c.Execute.timeout is {seconds}: give the seconds that a cell may run")
    return Limits.for_cell(seconds)


@functools.cache
def _runner(name: str, unsafe: bool, partial: float, limits: Limits) -> Any:
    from grader.marking.runner import Runner  # slow to load; most commands do without

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
    c.ExchangeFactory.collect = "grader.collect.TrustedCollect"
    exchange_steps.configure(c)
