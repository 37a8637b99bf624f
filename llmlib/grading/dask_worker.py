"""A Dask worker's part of a grading: each of its threads keeps a clerk, a process with a sandbox.

A clerk runs `pool.run` with one worker, which a thread cannot: limits on time need a main thread,
and a fork needs a process without others. In comes a `cluster.Desk`, then (notebook, bytes) after
(notebook, bytes); for each goes out a result, or why there will be none here. It ends when its
input does: with the run, or with the Dask worker, whatever that died of.
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
    from llmlib.grading.results import Result

COMMAND = [sys.executable, "-P", "-m", "llmlib.grading.dask_worker"]


class Clerk:
    def __init__(self, desk: tuple) -> None:
        self.desk = desk
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, start_new_session=True)
        assert self.process.stdin and self.process.stdout
        self.orders, self.answers = self.process.stdin, self.process.stdout
        self.send(desk)

    def send(self, value: tuple) -> None:
        pickle.dump(value, self.orders)
        self.orders.flush()

    def close(self) -> None:
        """It ends when it has done what it is at."""
        with contextlib.suppress(OSError):
            self.orders.close()


CLERKS: dict[int, Clerk] = {}  # by thread


def grade(desk: tuple, name: str, data: bytes) -> Result | str:
    """Grade the notebook file whose bytes are `data`; or say, with the worker's name, why that
    cannot be done here. Raises OSError or EOFError where the clerk died."""
    from distributed import get_worker

    me = threading.get_ident()
    if me in CLERKS and (CLERKS[me].desk != desk or CLERKS[me].process.poll() is not None):
        CLERKS.pop(me).close()
    clerk = CLERKS.pop(me, None) or Clerk(desk)
    clerk.send((name, data))
    answer = pickle.load(clerk.answers)
    if isinstance(answer, str):
        return f"Worker {get_worker().address}: {answer}"
    CLERKS[me] = clerk
    return answer


def rest(desk: tuple) -> None:
    """Let this worker's clerks end."""
    for me, clerk in list(CLERKS.items()):
        if clerk.desk == desk:
            del CLERKS[me]
            clerk.close()


# ---- in the clerk's process


def main() -> None:
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


def graded(orders: BinaryIO, desk: tuple) -> Iterator[Any]:
    """A result for each order; or a sentence, and nothing more, where this machine cannot grade."""
    from llmlib.course.environment import VERSION
    from llmlib.grading import batch, worker_pool
    from llmlib.grading.host.bubblewrap import Unavailable
    from llmlib.grading.submissions import Task

    edition, names, unsafe, partial, load, make = desk
    notebooks = {name: resolve_name(load)(name) for name in names}
    if batch.edition(notebooks) != edition:
        yield f"its course is another one ({VERSION}, or changed): install there what you have here"
        return

    def read() -> Iterator[worker_pool.Order]:
        with contextlib.suppress(EOFError):
            while True:
                name, data = pickle.load(orders)
                yield worker_pool.Order(Task("", name, ""), data)

    make_runner = functools.partial(resolve_name(make), unsafe=unsafe, partial=partial)
    try:
        for _, result in worker_pool.run(read(), notebooks, make_runner, 1):
            yield result
    except Unavailable as reason:
        yield str(reason)


if __name__ == "__main__":
    main()
