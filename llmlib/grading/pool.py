"""Many submissions, several workers. A worker is a trusted process with a sandbox of its own; it may die or go deaf."""

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import time

from llmlib.grading import submission
from llmlib.grading.learner import Limits
from llmlib.grading.sandbox import Unavailable

MEMORY = 12 << 30  # bytes of address space of a worker: a test cell at work on a hostile value
GRACE = 120  # seconds beyond a notebook's own limit before a worker counts as deaf
TRIES = 2
SET_DEATH_SIGNAL = 1


def grade_file(runner, notebook, path):
    """Grade the notebook file at `path`: its result, or {"fault": sentence} for what is no notebook."""
    try:
        return runner.grade(notebook, submission.read(path))
    except submission.Unreadable as fault:
        return {"fault": str(fault)}


def work(pipe, notebooks, make_runner):
    """A worker's life: (notebook, path) in, result out, until None comes in."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(
        SET_DEATH_SIGNAL, signal.SIGKILL
    )  # a worker does not outlive a killed run
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        runner = make_runner(notebooks.values())
    except Unavailable as reason:
        pipe.send({"unavailable": str(reason)})
        return
    pipe.send("ready")
    try:
        while order := pipe.recv():
            name, path = order
            try:
                pipe.send(grade_file(runner, notebooks[name], path))
            except Exception as error:  # noqa: BLE001 - ours; this submission alone goes without
                pipe.send(
                    {"fault": f"the grader failed on it ({type(error).__name__}: {error})"[:500]}
                )
    finally:
        runner.close()


class Worker:
    def __init__(self, notebooks, make_runner):
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=work, args=(theirs, notebooks, make_runner), daemon=True
        )
        self.process.start()
        theirs.close()
        self.task, self.deadline = None, time.monotonic() + 180
        self.ready = False

    def give(self, task):
        self.task, self.deadline = task, time.monotonic() + Limits().notebook + GRACE
        self.pipe.send((task.assignment, task.path))

    def stop(self):
        """At rest it is told to end; at work it is killed."""
        if self.task is None and self.ready:
            with contextlib.suppress(OSError):  # dead already
                self.pipe.send(
                    None
                )  # a closed pipe would not do: workers forked later hold a copy of its end
            self.process.join(10)
        self.pipe.close()
        self.process.kill()
        self.process.join()


def run(tasks, notebooks, make_runner, workers):
    """Yield (task, result) as they are done. Raises `sandbox.Unavailable` where there is no sandbox.

    A task whose worker died or went deaf is tried once more in a new worker, then its result is a fault.
    """
    todo, tries, pool = list(reversed(tasks)), {}, []
    try:
        pool += [Worker(notebooks, make_runner) for _ in range(min(workers, len(tasks)))]
        while todo or any(each.task for each in pool):
            for each in pool:
                if each.ready and not each.task and todo:
                    each.give(todo.pop())
            multiprocessing.connection.wait([each.pipe for each in pool], timeout=1)
            for number, each in enumerate(pool):
                answer = _answer(each)
                if answer is None:
                    continue
                if answer == "ready":
                    each.ready = True
                elif "unavailable" in answer:
                    raise Unavailable(answer["unavailable"])
                elif "gone" in answer:
                    pool[number] = Worker(notebooks, make_runner)
                    each.stop()
                    if each.task:
                        tries[each.task] = tries.get(each.task, 0) + 1
                        if tries[each.task] < TRIES:
                            todo.append(each.task)
                        else:
                            yield (
                                each.task,
                                {"fault": f"the grader's worker {answer['gone']} on it, twice"},
                            )
                    elif not each.ready:
                        raise Unavailable("A worker could not start: is there enough memory?")
                else:
                    task, each.task = each.task, None
                    yield task, answer
    finally:
        for each in pool:
            each.stop()


def _answer(worker):
    """What a worker says; None while it is at work."""
    with contextlib.suppress(EOFError, OSError):
        if worker.pipe.poll():
            return worker.pipe.recv()
        busy = worker.task or not worker.ready
        return {"gone": "did not answer"} if busy and time.monotonic() > worker.deadline else None
    return {"gone": "died"}
