"""Reads what was handed in: in a process of its own, within limits.

A text can be made to cost its reader hours, gigabytes or the process itself (Python's own parser is
written for programs, not against them). Nothing of it is run.
"""

import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from llmlib.course import handed_in
from llmlib.course.cells import Notebook
from llmlib.course.definitions import definitions, needed
from llmlib.course.forbidden import forbidden_names
from llmlib.course.handed_in import Cell, Job, Step, Unreadable
from llmlib.course.scopes import MAX_ANALYSED
from llmlib.grading.outside.findings import findings

SECONDS = 10  # of CPU
PATIENCE = 120  # seconds in which a machine that has much else to do gives it those
MEMORY = 2 << 30  # bytes beyond what the process has when it begins
TOO_MUCH = "it cannot be read within the limits: clear its outputs, and see that its code is code"


@dataclass(frozen=True)
class Reading:
    """What a submission's text shows: what runs of it, which exercises use what is off, findings
    for the instructor."""

    job: Job
    used: dict[str, list[str]]
    leans_on: dict[str, list[str]]  # the earlier exercises whose functions each one calls
    findings: tuple[str, ...]


def cells(data: bytes) -> tuple[list[Cell], str | None]:
    """The cells of a notebook file, and the edition that it says it was released with. Raises
    `Unreadable`."""

    def work() -> list:
        tree = handed_in.plain_values(data)
        found = [[each.kind, each.grade_id, each.source] for each in handed_in.parse(tree)]
        return [found, handed_in.edition(tree)]

    found, edition = limited(work)
    return [Cell(*each) for each in found], edition


def of(notebook: Notebook, found: list[Cell]) -> Reading:
    """The `Reading` of cells as an answer to `notebook`. Raises `Unreadable`."""

    def work() -> list:
        job = handed_in.plan(notebook, found)
        used = {each.name: forbidden_names(each, job) for each in notebook.exercises}
        seen = list(findings(notebook.exercises, job))
        return [job.steps, job.notes, used, _leans_on(notebook, job), seen]

    steps, notes, used, leans_on, seen = limited(work)
    job = Job(tuple(Step(*each) for each in steps), tuple(notes))
    return Reading(job, used, leans_on, tuple(dict.fromkeys(seen)))


def _leans_on(notebook: Notebook, job: Job) -> dict[str, list[str]]:
    names = [each.name for each in notebook.exercises]
    own = [step.source for step in job.steps if step.own]
    found = definitions(own if sum(map(len, own)) <= 4 * MAX_ANALYSED else [])
    leans_on = {}
    for number, name in enumerate(names):
        mine = [each for each in found if not each.names & (set(names) - {name})]
        reads = set().union(*(each.reads for each in needed({name}, mine, set())))
        leans_on[name] = [earlier for earlier in names[:number] if earlier in reads]
    return leans_on


def limited(work: Callable[[], Any]) -> Any:
    """What `work` returns, plain values, computed in a fork. Raises `Unreadable` where it says so,
    fails, or takes too much; TimeoutError where this machine had no time for it."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(work, write)
    os.close(write)
    text, deadline = bytearray(), time.monotonic() + PATIENCE
    try:
        while part := _part(read, deadline):
            text += part
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read)
    try:
        fault, value = json.loads(text)
    except ValueError:
        raise Unreadable(TOO_MUCH) from None
    if fault:
        raise Unreadable(fault)
    return value


def _part(pipe: int, deadline: float) -> bytes:
    if select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
        return os.read(pipe, 1 << 20)
    raise TimeoutError(
        f"not read in {PATIENCE} s: this machine has too much else to do; start again"
    )


def _work(work: Callable[[], Any], write: int) -> NoReturn:
    import resource  # not at the top: the certificate imports this file on Windows, too

    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        with open("/proc/self/statm", encoding="ascii") as file:
            most = int(file.read().split()[0]) * resource.getpagesize() + MEMORY
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        try:
            said = json.dumps(["", work()])
        except Unreadable as fault:
            said = json.dumps([str(fault), None])
        with open(write, "w", encoding="ascii") as out:
            out.write(said)
    finally:
        os._exit(0)
