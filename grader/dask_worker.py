"""Grade on a Dask worker: each of its threads keeps a process of its own with a sandbox.

That process runs `worker_pool.run` with one worker. A thread could not: limits on time need the
main thread, and a fork needs a process without other threads. It reads a `ClusterSpec`, then
(notebook, bytes) after (notebook, bytes), and writes one result for each, or the reason why it can
grade nothing. It ends when its input does: with the run, or with the Dask worker.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:  # a Dask worker needs no torch of its own
    from grader.results import Result

COMMAND = [sys.executable, "-P", "-m", "grader.dask_worker"]


class GradingProcess:
    """Run a process on a Dask worker that grades what it is sent."""

    def __init__(self, spec: tuple) -> None:
        self.spec = spec
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, start_new_session=True)
        assert self.process.stdin and self.process.stdout
        self.orders, self.answers = self.process.stdin, self.process.stdout
        self.send(spec)

    def send(self, value: tuple) -> None:
        """Hand it an order."""
        pickle.dump(value, self.orders)
        self.orders.flush()

    def close(self) -> None:
        """End it, once it has finished its submission."""
        with contextlib.suppress(OSError):
            self.orders.close()


PROCESSES: dict[int, GradingProcess] = {}  # by thread


def grade(spec: tuple, name: str, data: bytes) -> Result | str:
    """Grade the notebook file whose bytes are `data`; or say, with the worker's name, why that
    cannot be done here. Raises OSError or EOFError where the process died."""
    from distributed import get_worker

    me = threading.get_ident()
    if me in PROCESSES and (PROCESSES[me].spec != spec or PROCESSES[me].process.poll() is not None):
        PROCESSES.pop(me).close()
    process = PROCESSES.pop(me, None) or GradingProcess(spec)
    process.send((name, data))
    answer = pickle.load(process.answers)
    if isinstance(answer, str):
        return f"Worker {get_worker().address}: {answer}"
    PROCESSES[me] = process
    return answer


def rest(spec: tuple) -> None:
    """Let this worker's grading processes end."""
    for me, process in list(PROCESSES.items()):
        if process.spec == spec:
            del PROCESSES[me]
            process.close()


# ---- in the grading process


def main() -> None:
    """Grade the orders that come through standard input, one answer for each."""
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed here is no answer
    try:
        for answer in graded(orders, pickle.load(orders)):
            pickle.dump(answer, answers)
            answers.flush()
    except (EOFError, BrokenPipeError):  # the Dask worker is gone
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is, this machine cannot grade
        pickle.dump(f"{type(error).__name__}: {error}", answers)
        answers.flush()


def graded(orders: BinaryIO, spec: tuple) -> Iterator[Any]:
    """Yield a result for each order; or one sentence alone, where this machine cannot grade."""
    from exercises.course_files import VERSION
    from grader import batch, worker_pool
    from grader.host.bubblewrap import Unavailable
    from grader.host.time_limits import Limits
    from grader.submissions import Task

    fingerprint, names, unsafe, partial, timeout, load, make = spec
    notebooks = {name: resolve_name(load)(name) for name in names}
    if batch.course_fingerprint(notebooks) != fingerprint:
        yield f"its course is another one ({VERSION}, or changed): install there what you have here"
        return

    def read() -> Iterator[worker_pool.Order]:
        with contextlib.suppress(EOFError):
            while True:
                name, data = pickle.load(orders)
                yield worker_pool.Order(Task("", name, ""), data)

    limits = Limits.for_cell(timeout)
    words = {"unsafe": unsafe, "limits": limits, "partial": partial}
    make_runner = functools.partial(resolve_name(make), **words)
    try:
        for _, result in worker_pool.run(read(), notebooks, make_runner, 1, limits):
            yield result
    except Unavailable as reason:
        yield str(reason)


if __name__ == "__main__":
    main()
