"""Grade many submissions: those not graded yet, once each, into results, gradebook and feedback.

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

from classroom import import_closure
from classroom.checking.submission import Unreadable
from exercises.format.notebooks import Notebook, kind
from grader import nbgrader_plugin, report
from grader.gradebook import GradebookWriter, Marks
from grader.host import read_submission
from grader.host.time_limits import Limits
from grader.results import Graded, NotGraded, Result, from_json
from grader.review import Review
from grader.submissions import Task, is_folder_name
from grader.worker_pool import Notebooks, Order
from llmlib import files

Stored = tuple[Graded, Marks]
EXCHANGE = "timestamp.txt", "submission_secret.txt"  # by them nbgrader returns a page to its owner
GRADER = "grader.worker_pool", "grader.marking.runner"  # what finds a result
RUN = "given", "solution", "test"  # the cells of the course's that a result depends on
QUIET = 600  # seconds for this machine to become quieter
FULL = "The disk is full: make room and start again. What was graded until now is kept."
Run = Callable[[Iterable[Order]], Iterator[tuple[Order, Result]]]


class Results:
    """Store a course's results, a JSON file per student and assignment. With `again` none
    counts."""

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
        """Return the file of a submission's result."""
        return self.folder / task.student / f"{task.assignment}{suffix}"

    def get(self, task: Task, fingerprint: str) -> Graded | None:
        """Return the stored result of a submission with this fingerprint."""
        try:
            entry = json.loads(self.path(task).read_text(encoding="utf-8"))
            return from_json(entry["graded"]) if entry["fingerprint"] == fingerprint else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, task: Task, fingerprint: str, result: Graded) -> None:
        """Store a result, under the fingerprint of what it was made of."""
        entry = {"fingerprint": fingerprint, "graded": asdict(result)}
        files.write(self.path(task), json.dumps(entry))

    def written(self, task: Task, stamp: str) -> bool:
        """Say whether the result with this fingerprint and time reached the gradebook?"""
        try:
            return self.path(task, ".written").read_text() == stamp and not self.again
        except OSError:
            return False

    def fingerprint(self, notebook: Notebook, data: bytes) -> str:
        """Return a fingerprint of what a result depends on: grader, notebook, submission."""
        code = f"{version(notebook)}{self.how}{notebook.node}"
        return hashlib.sha256(code.encode() + data).hexdigest()


def version(*notebooks: Notebook) -> str:
    """Return a fingerprint of torch and of the code that grades `notebooks`: once that is
    corrected, all is graded again."""
    cells = "\n".join(c.source for book in notebooks for c in book.node.cells if kind(c) in RUN)
    return _version(cells, torch.__version__.partition("+")[0])  # whatever it was built for


@functools.cache
def _version(cells: str, torch_version: str) -> str:
    return torch_version + import_closure.fingerprint([*GRADER, cells])


def course_fingerprint(notebooks: Notebooks) -> str:
    """Return a fingerprint of all but the submissions: the same one means that the same code
    grades."""
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
    review: Review,
) -> Iterator[tuple[Task, Result, Marks | None]]:
    """Grade `tasks` into `results` and `book`; yields (task, result, what the book has of it), the
    result without the learner's cells, which are on disk: what a run holds does not grow with
    them. `course` is nbgrader's folder. Raises OSError when the disk is full."""
    for name in sorted({task.assignment for task in tasks if not task.fault}):
        try:
            book.add_assignment(notebooks[name])
        except Exception as error:
            if _is_full(error):
                raise OSError(FULL) from None
            raise

    def store(order: Order, result: Graded) -> Stored | str:
        """Return what was stored, or why not: that costs this submission alone."""
        try:
            notebook = notebooks[order.task.assignment]
            return _store(order, result, notebook, results, book, course, review)
        except Exception as error:  # noqa: BLE001 - the database's driver has its own
            if _is_full(error):
                raise OSError(FULL) from None
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"

    late: list[Order] = []
    for order, result in _run_patiently(tasks, lambda task: _order(task, notebooks, results), run):
        match store(order, result) if isinstance(result, Graded) else result:
            case NotGraded() as refusal:  # what there was before stays, but due dates change
                with contextlib.suppress(Exception):  # nothing was, or the database is away
                    book.charge_lateness(order.task.student, order.task.assignment)
                _tell_why(order.task, refusal, notebooks, course)
                yield order.task, refusal, None
            case (graded, marks):
                yield order.task, graded, marks
            case _:
                late.append(replace(order, data=b"", result=None))
    for order in late:  # a database that was gone may be back
        order.result = results.get(order.task, order.fingerprint)
        match store(order, order.result) if order.result else "nor could the result be":
            case (graded, marks):
                yield order.task, graded, marks
            case reason:
                reason = f"graded, but not written; start again ({reason})"
                yield order.task, NotGraded(reason), None


def _is_full(error: Exception) -> bool:
    """Say whether the disk is full, as the system or SQLite has it."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    return full or "disk is full" in str(error)


def _tell_why(task: Task, refusal: NotGraded, notebooks: Notebooks, course: Path) -> None:
    """Write the page that says why, unless there is one of an earlier submission. No page where the
    row is nobody's, or waits for a quieter machine."""
    place = course / "feedback" / task.student / task.assignment / f"{task.assignment}.html"
    has_row = task.student and task.assignment in notebooks and is_folder_name(task.student)
    has_earlier = (course / "autograded" / task.student / task.assignment).exists()
    if has_row and not refusal.yet and not has_earlier:
        files.write(place, report.unreadable(task.assignment, task.student, refusal.reason))


def _run_patiently(
    tasks: list[Task], order_of: Callable[[Task], Order], run: Run
) -> Iterator[tuple[Order, Result]]:
    """Run as `run` does. What this machine had no time for is tried again once it is quieter."""
    retries: list[Task] = []
    for order, result in run(order_of(task) for task in tasks):
        if isinstance(result, NotGraded) and result.yet:
            retries.append(order.task)
        else:
            yield order, result
    if retries:
        wait = f"{len(retries)} submissions wait until this machine is quieter"
        print(f"{wait} ({QUIET} s at most).", file=sys.stderr, flush=True)
        until = time.monotonic() + QUIET
        while os.getloadavg()[0] > (os.cpu_count() or 1) and time.monotonic() < until:
            time.sleep(1)
        yield from run(order_of(task) for task in retries)


def _order(task: Task, notebooks: Notebooks, results: Results) -> Order:
    """Return what is to be graded of `task`, its file read here, once; nothing where it was
    before."""
    try:
        data = task.content()
    except Unreadable as fault:
        return Order(task, result=NotGraded(str(fault)))
    fingerprint = results.fingerprint(notebooks[task.assignment], data)
    result = None if results.again else results.get(task, fingerprint)
    return Order(task, data, fingerprint, result)


def _store(
    order: Order,
    result: Graded,
    notebook: Notebook,
    results: Results,
    book: GradebookWriter,
    course: Path,
    review: Review,
) -> Stored:
    """Write what is not there yet of one submission, and its page, by what the gradebook has."""
    task, at = order.task, None
    place = Path(task.student, task.assignment, task.assignment)
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(notebook, result.steps), result)
    if order.result is None:
        results.put(task, order.fingerprint, result)
    try:
        at = task.handed_in_at()
    except Unreadable as fault:
        result = replace(result, notes=(*result.notes, str(fault)))
    stamp = f"{order.fingerprint} {at}"  # a corrected time changes what lateness costs
    up_to_date = results.written(task, stamp)
    up_to_date = up_to_date and book.holds(task.student, task.assignment, result, at)
    if not up_to_date:
        book.save(task.student, task.assignment, result, at)
    rebuilt = course / "autograded" / f"{place}.ipynb"
    if not up_to_date or not rebuilt.exists():
        files.write(rebuilt, nbformat.writes(node))
    book.charge_lateness(task.student, task.assignment)
    marks = book.marks(task.student, task.assignment)
    if book.comment(task.student, task.assignment, marks, review.texts(task, result)):
        marks = book.marks(task.student, task.assignment)
    review.add(task, result)
    page = report.feedback(notebook, task.student, node, marks)
    files.write(course / "feedback" / f"{place}.html", page)
    for name in EXCHANGE:
        with contextlib.suppress(Unreadable):  # a link, say; by hand none are handed in
            slip = read_submission.content(Path(task.path).with_name(name))
            for folder in ("autograded", "feedback"):
                files.write(course / folder / place.with_name(name), slip[:1000])
    if not up_to_date:
        files.write(results.path(task, ".written"), stamp)
    return replace(result, steps=()), marks
