"""Grades many submissions: those not graded yet, once each, into results, gradebook and feedback.

Each result is a file of its own, moved into place whole, so a killed run goes on where it was;
what it holds is then written to the gradebook by this process alone, and marked as written
afterwards (writing it again changes nothing). Who does the grading is the caller's choice: `run` is
`worker_pool.run` or `dask_cluster.run`.
"""

import contextlib
import errno
import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import torch

from llmlib import files, import_closure
from llmlib.course.checking.submission import Unreadable
from llmlib.course.format.notebooks import Notebook, kind
from llmlib.grading import nbgrader_plugin, report
from llmlib.grading.gradebook import GradebookWriter, Marks
from llmlib.grading.host import read_submission
from llmlib.grading.host.time_limits import Limits
from llmlib.grading.results import Graded, NotGraded, Result, from_json
from llmlib.grading.submissions import Task, is_folder_name
from llmlib.grading.worker_pool import Notebooks, Order

Stored = tuple[Graded, Marks]
EXCHANGE = "timestamp.txt", "submission_secret.txt"  # by them nbgrader returns a page to its owner
GRADER = "llmlib.grading.worker_pool", "llmlib.grading.marking.runner"  # what finds a result
RUN = "given", "solution", "test"  # the cells of the course's that a result depends on
QUIET = 600  # seconds for this machine to become quieter
FULL = "The disk is full: make room and start again. What was graded until now is kept."
Run = Callable[[Iterable[Order]], Iterator[tuple[Order, Result]]]


class Results:
    """A course's results, a JSON file for each student and assignment. With `again` none counts."""

    def __init__(
        self,
        folder: Path,
        unsafe: bool = False,
        again: bool = False,
        partial: float = 0.0,
        limits: Limits = Limits(),
    ) -> None:
        self.folder, self.again = Path(folder), again
        self.how = f"{unsafe}{partial or ''}{'' if limits == Limits() else limits}"
        busy = f"Another run is grading into {self.folder}: wait for it, or end it."
        self.lock = files.lock(self.folder / ".lock", busy)

    def path(self, task: Task, suffix: str = ".json") -> Path:
        """The file of a submission's result."""
        return self.folder / task.student / f"{task.assignment}{suffix}"

    def get(self, task: Task, fingerprint: str) -> Graded | None:
        """The stored result of a submission with this fingerprint."""
        try:
            kept = json.loads(self.path(task).read_text(encoding="utf-8"))
            return from_json(kept["graded"]) if kept["fingerprint"] == fingerprint else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, task: Task, fingerprint: str, graded: Graded) -> None:
        """Store a result, under the fingerprint of what it was made of."""
        kept = {"fingerprint": fingerprint, "graded": asdict(graded)}
        files.write(self.path(task), json.dumps(kept))

    def written(self, task: Task, stamp: str) -> bool:
        """Has the result with this fingerprint and time reached the gradebook?"""
        try:
            return self.path(task, ".written").read_text() == stamp and not self.again
        except OSError:
            return False

    def fingerprint(self, notebook: Notebook, data: bytes) -> str:
        """A fingerprint of what a result depends on: grader, notebook, submission."""
        code = f"{version(notebook)}{self.how}{notebook.node}"
        return hashlib.sha256(code.encode() + data).hexdigest()


def version(*notebooks: Notebook) -> str:
    """A fingerprint of torch and of the code that grades `notebooks`: once that is corrected, all
    is graded again."""
    cells = "\n".join(c.source for book in notebooks for c in book.node.cells if kind(c) in RUN)
    return _version(cells, torch.__version__.partition("+")[0])  # whatever it was built for


@functools.cache
def _version(cells: str, torch_version: str) -> str:
    return torch_version + import_closure.fingerprint([*GRADER, cells])


def course_fingerprint(notebooks: Notebooks) -> str:
    """A fingerprint of all but the submissions: where it is the same, the same code grades."""
    nodes = "".join(f"{name}{book.node}" for name, book in sorted(notebooks.items()))
    code = version(*(book for _, book in sorted(notebooks.items())))
    return hashlib.sha256(f"{code}{nodes}".encode()).hexdigest()


def grade(
    tasks: list[Task],
    notebooks: Notebooks,
    run: Run,
    results: Results,
    book: GradebookWriter,
    course: Path,
) -> Iterator[tuple[Task, Result, Marks | None]]:
    """Grade `tasks` into `results` and `book`; yields (task, result, what the book has of it), the
    result without the learner's cells, which are on disk: what a run holds does not grow with
    them. `course` is nbgrader's folder. Raises OSError when the disk is full."""
    for name in sorted({task.assignment for task in tasks if not task.fault}):
        book.add_assignment(notebooks[name])

    def store(order: Order, graded: Graded) -> Stored | str:
        """What was stored, or why not: that costs this submission alone."""
        try:
            return _store(order, graded, notebooks[order.task.assignment], results, book, course)
        except Exception as error:  # noqa: BLE001 - the database's driver has its own
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(FULL) from None
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"

    late: list[Order] = []
    for order, result in _run_patiently(tasks, lambda task: _order(task, notebooks, results), run):
        match store(order, result) if isinstance(result, Graded) else result:
            case NotGraded() as refused:  # what there was before stays, but due dates change
                with contextlib.suppress(Exception):  # nothing was, or the database is away
                    book.charge_lateness(order.task.student, order.task.assignment)
                _tell_why(order.task, refused, notebooks, course)
                yield order.task, refused, None
            case (graded, marks):
                yield order.task, graded, marks
            case _:
                late.append(replace(order, data=b"", result=None))
    for order in late:  # a database that was gone may be back
        order.result = results.get(order.task, order.fingerprint)
        match store(order, order.result) if order.result else "nor could the result be":
            case (graded, marks):
                yield order.task, graded, marks
            case why:
                why = f"graded, but not written; start again ({why})"
                yield order.task, NotGraded(why), None


def _tell_why(task: Task, refused: NotGraded, notebooks: Notebooks, course: Path) -> None:
    """Write the page that says why, unless there is one of an earlier submission. No page where the
    row is nobody's, or waits for a quieter machine."""
    place = course / "feedback" / task.student / task.assignment / f"{task.assignment}.html"
    known = task.student and task.assignment in notebooks and is_folder_name(task.student)
    graded = (course / "autograded" / task.student / task.assignment).exists()
    if known and not refused.yet and not graded:
        files.write(place, report.unreadable(task.assignment, task.student, refused.reason))


def _run_patiently(
    tasks: list[Task], order_of: Callable[[Task], Order], run: Run
) -> Iterator[tuple[Order, Result]]:
    """As `run`. What this machine had no time for is tried again at the end, once it is quieter."""
    waiting: list[Task] = []
    for order, result in run(order_of(task) for task in tasks):
        if isinstance(result, NotGraded) and result.yet:
            waiting.append(order.task)
        else:
            yield order, result
    if waiting:
        wait = f"{len(waiting)} submissions wait until this machine is quieter"
        print(f"{wait} ({QUIET} s at most).", file=sys.stderr, flush=True)
        until = time.monotonic() + QUIET
        while os.getloadavg()[0] > (os.cpu_count() or 1) and time.monotonic() < until:
            time.sleep(1)
        yield from run(order_of(task) for task in waiting)


def _order(task: Task, notebooks: Notebooks, results: Results) -> Order:
    """What is to be graded of `task`, whose file is read here, once, and nothing where it was."""
    try:
        data = task.content()
    except Unreadable as fault:
        return Order(task, result=NotGraded(str(fault)))
    fingerprint = results.fingerprint(notebooks[task.assignment], data)
    kept = None if results.again else results.get(task, fingerprint)
    return Order(task, data, fingerprint, kept)


def _store(
    order: Order,
    graded: Graded,
    notebook: Notebook,
    results: Results,
    book: GradebookWriter,
    course: Path,
) -> Stored:
    """Write what is not there yet of one submission, and its page, by what the gradebook has."""
    task, at = order.task, None
    place = Path(task.student, task.assignment, task.assignment)
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(notebook, graded.steps), graded)
    if order.result is None:
        results.put(task, order.fingerprint, graded)
    try:
        at = task.handed_in_at()
    except Unreadable as fault:
        graded = replace(graded, notes=(*graded.notes, str(fault)))
    stamp = f"{order.fingerprint} {at}"  # a corrected time changes what lateness costs
    written = results.written(task, stamp)
    written = written and book.holds(task.student, task.assignment, graded, at)
    if not written:
        book.save(task.student, task.assignment, graded, at)
    rebuilt = course / "autograded" / f"{place}.ipynb"
    if not written or not rebuilt.exists():
        files.write(rebuilt, nbformat.writes(node))
    book.charge_lateness(task.student, task.assignment)
    marks = book.marks(task.student, task.assignment)
    page = report.feedback(notebook, task.student, node, marks)
    files.write(course / "feedback" / f"{place}.html", page)
    for name in EXCHANGE:
        with contextlib.suppress(Unreadable):  # a link, say; by hand none are handed in
            slip = read_submission.content(Path(task.path).with_name(name))
            for folder in ("autograded", "feedback"):
                files.write(course / folder / place.with_name(name), slip[:1000])
    if not written:
        files.write(results.path(task, ".written"), stamp)
    return replace(graded, steps=()), marks
