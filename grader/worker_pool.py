"""Grade many submissions in several workers: trusted processes with a sandbox each; one may die."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from classroom.checking import submission
from classroom.checking.submission import Cell
from exercises.course_files import VERSION
from exercises.format.notebooks import Notebook
from grader import submissions
from grader.host import memory_kills, read_submission
from grader.host.bubblewrap import Unavailable
from grader.host.time_limits import CLOCK_FACTOR, Exceeded, Limits, Starved
from grader.results import NotGraded, Result
from grader.submissions import Task

MEMORY = 12 << 30  # bytes of address space of a worker: a test cell at work on a hostile value
START = 180  # seconds for a worker to load torch
GRACE = (
    2 * read_submission.WAIT_SECONDS + 120
)  # seconds beyond a notebook's limit, after which a worker is taken to hang
TRIES = 2
OOM_SCORE = 500  # a submission's process has 1000
Notebooks = dict[str, Notebook]
MakeRunner = Callable[[list[Notebook]], Any]
SET_DEATH_SIGNAL = 1


@dataclass
class Order:
    """Hold one submission on its way: its bytes and their fingerprint, or an earlier result."""

    task: Task
    data: bytes = b""
    fingerprint: str = ""
    result: Result | None = None
    tries: int = 0


class Lost(str):
    """Say what became of a worker that does not answer any more."""


def grade_bytes(runner: Any, notebook: Notebook, data: bytes) -> Result:
    """Grade the notebook file whose bytes are `data`."""
    try:
        cells, edition = submissions.read(data, notebook.name)
        result = runner.grade(notebook, cells)
        note = _of_another(edition, notebook, cells)
        return replace(result, notes=(note, *result.notes)) if note else result
    except submission.Unreadable as fault:
        return NotGraded(str(fault))
    except Exceeded as limit:  # our own part of the work
        return NotGraded(str(limit))
    except (Starved, TimeoutError) as busy:
        return NotGraded(f"not graded yet: {busy}", yet=True)
    except Exception as error:  # noqa: BLE001 - ours; this submission alone goes without
        return NotGraded(f"the grader failed on it ({type(error).__name__}: {error})"[:500])


def _of_another(edition: str | None, notebook: Notebook, cells: list[Cell]) -> str:
    """Return a note if a submission is, or seems, of another version of the course; else ""."""
    quiz = notebook.number is None  # its letters follow from its texts
    names = {exercise.name for exercise in notebook.exercises}
    count = len(names & {cell.grade_id for cell in cells})
    if edition not in (None, VERSION):
        note = f"Handed in from version {edition} of the course, graded with {VERSION}: its answers"
        warning = " A question that is asked no more, or has lost the option, has no answer."
        return f"{note} were moved to their places there.{warning * quiz}"
    if edition is None and quiz and 0 < count < len(names):  # with none, no letter is read
        gap = f"{len(names) - count} of {len(names)} questions"
        note = f"It lacks {gap} and names no version of the course:"
        return f"{note} if it is not of {VERSION}, a letter may stand for another option."
    return ""


def work(pipe: Connection, notebooks: Notebooks, make_runner: MakeRunner) -> None:
    """Live a worker's life: its first word is empty, or why it can do nothing; then (notebook,
    bytes) in, result out, until None comes in."""
    import resource  # not at the top: Windows has none

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = multiprocessing.parent_process()
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)  # it does not outlive a killed run
    if run is None or os.getppid() != run.pid:  # killed before that line: no signal will come
        return
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    torch.set_num_threads(1)  # threads that the parent started are not in this fork: two would wait
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    score = Path("/proc/self/oom_score_adj")
    with contextlib.suppress(OSError, ValueError):  # memory runs out: a worker before the run
        score.write_text(str(max(OOM_SCORE, int(score.read_text()))))
    try:
        runner = make_runner(list(notebooks.values()))
    except (Unavailable, OSError) as reason:  # the latter: a program that cannot be started
        return pipe.send(str(reason))
    with contextlib.closing(runner):
        pipe.send("")
        for name, data in iter(pipe.recv, None):
            pipe.send(grade_bytes(runner, notebooks[name], data))


class Worker:
    """Run a trusted process that begins with `order` once it is ready."""

    def __init__(self, notebooks: Notebooks, make_runner: MakeRunner, order: Order) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, worker_pipe = context.Pipe()
        arguments = worker_pipe, notebooks, make_runner
        self.process = context.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        worker_pipe.close()
        self.order: Order | None = order  # None: at rest
        self.kills = memory_kills.count()  # when it began
        self.deadline = time.monotonic() + START

    def begin(self, order: Order, limits: Limits) -> None:
        """Give it a submission; it has until `deadline`."""
        self.order, self.deadline = (
            order,
            time.monotonic() + CLOCK_FACTOR * limits.notebook + GRACE,
        )
        self.kills = memory_kills.count()
        with contextlib.suppress(OSError):  # it died at rest: `said` will tell
            self.pipe.send((order.task.assignment, order.data))

    def said(self) -> Any:
        """Return its first word, a result or Lost; None while it is at work."""
        with contextlib.suppress(EOFError, OSError):
            if self.pipe.poll():
                return self.pipe.recv()
            return Lost("did not answer") if time.monotonic() > self.deadline else None
        return Lost("died")

    def stop(self) -> None:
        """Ask an idle worker to end, or kill a busy one."""
        if self.order is None:
            with contextlib.suppress(OSError):  # dead already
                self.pipe.send(None)  # closing would not do: workers forked later hold a copy
            self.process.join(10)
        self.pipe.close()
        self.process.kill()
        self.process.join()


def run(
    orders: Iterable[Order],
    notebooks: Notebooks,
    make_runner: MakeRunner,
    workers: int,
    limits: Limits = Limits(),
) -> Iterator[tuple[Order, Result]]:
    """Yield (order, result) as they are done; `orders` are taken when there is somebody to do them.
    One whose worker died or hung is tried once more in a new worker. Raises `Unavailable`
    where no worker could start."""
    orders, has_started, failures = iter(orders), False, 0
    again: list[Order] = []
    pool: list[Worker] = []

    def new_worker(order: Order) -> Worker:
        return Worker(notebooks, make_runner, order)

    try:
        while True:
            yield from _hand_out(orders, again, pool, workers, limits, new_worker)
            busy = [(worker, worker.order) for worker in pool if worker.order]
            if not busy:
                return
            wait([worker.pipe for worker, _ in busy], timeout=1)
            for worker, order in busy:
                match worker.said():
                    case None:
                        continue
                    case "":
                        has_started, failures = True, 0
                        worker.begin(order, limits)
                    case Lost() as loss:
                        pool.remove(worker)
                        worker.stop()
                        if failure := _try_again(worker, order, loss, again, has_started):
                            yield order, failure
                    case str(reason):  # the others do its part
                        pool.remove(worker)
                        worker.stop()
                        again.append(order)
                        workers, failures = max(1, len(pool)), failures + 1
                        if not pool and (not has_started or failures > TRIES):
                            raise Unavailable(reason)
                    case result:
                        worker.order = None
                        yield order, result
    finally:
        for worker in pool:
            worker.stop()


def _hand_out(
    orders: Iterator[Order],
    again: list[Order],
    pool: list[Worker],
    workers: int,
    limits: Limits,
    new_worker: Callable[[Order], Worker],
) -> Iterator[tuple[Order, Result]]:
    """Give the next orders, first those to be tried `again`, to idle workers and to new ones up to
    so many `workers`; yields the orders that have a result already."""
    while (idle := next((w for w in pool if not w.order), None)) or len(pool) < workers:
        order = again.pop() if again else next(orders, None)
        if order is None:
            return
        if order.result:
            yield order, order.result
        elif idle:
            idle.begin(order, limits)
        else:
            pool.append(new_worker(order))


def _try_again(
    worker: Worker, order: Order, loss: Lost, again: list[Order], has_started: bool
) -> NotGraded | None:
    """Put an order whose worker was lost among those to be tried `again`, or give it up: for now,
    if memory ran out meanwhile. Raises `Unavailable` if no worker has ever started."""
    order.tries += 1
    if order.tries < TRIES:
        again.append(order)
        return None
    if not has_started:
        raise Unavailable("A worker could not start: is there enough memory?")
    if memory_kills.count() != worker.kills:
        return NotGraded(f"not graded yet: {memory_kills.NoMemory()}", yet=True)
    return NotGraded(f"the grader's worker {loss} on it, twice")
