"""Grade on many machines: do what `worker_pool.run` does, on the workers of a Dask cluster.

A result depends on the course's files, torch's version and the submission alone. So it does not
matter who computes it, or how often: the scheduler gives a lost worker's submissions to others.
This process alone reads submissions and writes results. `dask_worker` is the other side.
"""

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

import distributed
from distributed.client import ClosedClientError

from grader.host.time_limits import Limits
from grader.results import NotGraded, Result
from grader.worker_pool import START, Order

CONNECT = 20  # seconds
AHEAD = 16  # submissions on their way at least, so that a cluster that grows sees what there is
TRIES = 3  # on one submission, if grading processes die
LOST = (CancelledError, ClosedClientError, OSError, RuntimeError)  # the last: a closed pool


class ClusterSpec(NamedTuple):
    """Name a worker's needs: the course's fingerprint, notebooks, how to load and grade them."""

    fingerprint: str
    names: tuple[str, ...]
    unsafe: bool = False
    partial: float = 0.0
    timeout: float = Limits.cell  # seconds that a cell may run
    load: str = "exercises.format.notebooks:load"
    make: str = "grader.marking.runner:Runner"


def _task(verb: str) -> Callable:
    """Return what a task calls. It has no name of its own and so travels as code: a Dask worker
    without llmlib does not survive a name that it cannot import."""

    def work(*words: Any) -> Any:
        from grader import dask_worker

        return getattr(dask_worker, verb)(*words)

    return work


GRADE, REST = _task("grade"), _task("rest")


@contextlib.contextmanager
def connected(address: str, spec: ClusterSpec) -> Iterator[functools.partial]:
    """Yield what replaces `worker_pool.run`. Raises ConnectionError; ValueError for an unfit
    worker."""
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # it is said in a sentence
    try:
        client = distributed.Client(address, timeout=CONNECT)
    except (OSError, ValueError, TypeError) as error:
        raise ConnectionError(f"There is no Dask scheduler at {address}: {error}") from None
    try:
        with _reached(address):
            if not client.nthreads():
                print("The scheduler has no worker yet: waiting for one.", file=sys.stderr)
            _check(client, spec)
        yield functools.partial(run, client=client, address=address, spec=spec)
    finally:
        with contextlib.suppress(*LOST):
            client.run(REST, tuple(spec), on_error="ignore", callback_timeout=CONNECT)
        client.close(timeout=2)


def run(
    orders: Iterable[Order], client: distributed.Client, address: str, spec: ClusterSpec
) -> Iterator[tuple[Order, Result]]:
    """Yield (order, result) as they are done, as `worker_pool.run` does."""
    orders, away = iter(orders), dict[distributed.Future, Order]()
    completions = distributed.as_completed()
    while True:
        with _reached(address):
            room = max(AHEAD, 2 * sum(client.nthreads().values()))
        while len(away) < room and (order := next(orders, None)):
            if order.result:
                yield order, order.result
                continue
            words = tuple(spec), order.task.assignment, order.data
            with _reached(address):
                future = client.submit(GRADE, *words, pure=False, retries=TRIES - 1)
            away[future] = order
            completions.add(future)
        if not away:
            return
        future = next(completions)
        order = away.pop(future)
        with _reached(address):
            result = _result(client, spec, future)
        future.release()
        yield order, result


def _result(client: distributed.Client, spec: ClusterSpec, future: distributed.Future) -> Result:
    try:
        result = future.result()
        if isinstance(result, str):
            raise ValueError(result)
        return result
    except distributed.KilledWorker:
        return NotGraded("the machines that graded it were lost, several times: start again")
    except (ValueError, CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a worker died of
        _check(client, spec)
        return NotGraded(f"the worker failed on it ({type(error).__name__}: {error})"[:500])


def _check(client: distributed.Client, spec: ClusterSpec) -> None:
    """Have each worker grade b"". Raises ValueError, a sentence for each that cannot."""
    probe = functools.partial(client.submit, GRADE, tuple(spec), spec.names[0], b"", pure=False)
    futures = {address: probe(workers=[address]) for address in client.nthreads()}
    with contextlib.suppress(TimeoutError):  # busy with others' work: its turn will come
        distributed.wait(list(futures.values()), timeout=START)
    faults = []
    for address, future in futures.items():
        error = future.exception() if future.status == "error" else None
        if isinstance(error, ImportError):
            faults.append(f"Worker {address} has no course like this one: {error}")
        elif error:
            faults.append(f"Worker {address} cannot grade: {type(error).__name__}: {error}")
        elif future.status == "finished" and isinstance(message := future.result(), str):
            faults.append(message)
    if faults:
        raise ValueError("\n".join(faults))


@contextlib.contextmanager
def _reached(address: str) -> Iterator[None]:
    try:
        yield
    except LOST as error:
        message = f"The Dask scheduler at {address} is gone ({type(error).__name__}): start one and"
        raise ConnectionError(f"{message} grade again; what was graded is kept.") from None
