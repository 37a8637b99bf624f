"""Measure the processor time of a tree of processes, and time limits that count it.

A limit is a number of seconds on a processor. On a machine with too much to do, a process gets few
of them and loses nothing by it. By the clock there is a second limit, `CLOCK_FACTOR` times as long,
for processes that sleep. One that reaches it mostly waiting for a processor was `Starved`.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from grader.host.time_limits import CLOCK_FACTOR, OutOfTime, Starved

SHORTEST, RECENT = 0.05, 0.5  # seconds between two looks, and for which one is good
TELLS = Path("/proc/thread-self/children")  # not every kernel has it


class Usage(NamedTuple):
    """Hold seconds on a processor, and seconds of waiting for one."""

    used: float
    waited: float

    def __add__(self, other: "Usage") -> "Usage":  # type: ignore[override]
        return Usage(self.used + other.used, self.waited + other.waited)

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(max(0.0, self.used - other.used), max(0.0, self.waited - other.waited))


NONE = Usage(0.0, 0.0)


def usage_of(pid: int) -> Usage:
    """Measure a process, its children now, and those that have ended and were waited for."""
    at = Path("/proc", str(pid))
    try:
        ticks = sum(map(int, (at / "stat").read_bytes().rpartition(b")")[2].split()[11:15]))
        below = (at / "task" / str(pid) / "children").read_bytes().split()
    except OSError:  # it has just ended
        return NONE
    usage = Usage(ticks / os.sysconf("SC_CLK_TCK"), waited_by(pid))
    return sum((usage_of(int(child)) for child in below), usage)


def waited_by(pid: int | str) -> float:
    """Count seconds in which a process's threads could have run, and had no processor."""
    nanoseconds = 0
    with contextlib.suppress(OSError):  # the process ends while its threads are listed
        for thread in Path("/proc", str(pid), "task").glob("*/schedstat"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                nanoseconds += int(thread.read_bytes().split()[1])
    return nanoseconds / 1e9


class TimeLimit:
    """Allow so many `seconds` from now, counted by `usage`, which takes how old its figures may be.
    `what` they are for begins the sentence of an `OutOfTime`."""

    def __init__(self, seconds: float, purpose: str, usage: Callable[[float], Usage]) -> None:
        self.seconds, self.what, self.usage = seconds, purpose, usage
        self.began, self.before = time.monotonic(), usage(RECENT)  # there is one for every call

    def left(self) -> float:
        """Return seconds until the next look, as many as it has at least. Raises `OutOfTime` when
        it is over, `Starved` when this machine had no time for it."""
        wall_time = time.monotonic() - self.began
        if wall_time < self.seconds:
            return max(SHORTEST, self.seconds - wall_time)
        used = self.used()
        if used >= self.seconds or wall_time >= CLOCK_FACTOR * self.seconds:
            if used < self.seconds and self.starved():
                raise Starved
            raise OutOfTime(f"{self.what} took longer than {self.seconds:g} s and was stopped")
        return max(SHORTEST, min(self.seconds - used, CLOCK_FACTOR * self.seconds - wall_time))

    def used(self) -> float:
        """Return seconds on a processor so far; by the clock where the system does not say."""
        wall_time = time.monotonic() - self.began
        return (self.usage(0.0) - self.before).used if TELLS.exists() else wall_time

    def starved(self) -> bool:
        """Say whether most of the time until now went into waiting for a processor."""
        wall_time = time.monotonic() - self.began
        used, wait_time = self.usage(0.0) - self.before
        return wait_time > max(used, wall_time - used - wait_time)


@contextlib.contextmanager
def time_limit(*limits: TimeLimit) -> Iterator[None]:
    """Raise what one of `limits` does, whatever runs; one set before goes on afterwards."""

    def look(*_: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, min(limit.left() for limit in limits))

    first = min(limit.left() for limit in limits)
    before, began = signal.signal(signal.SIGALRM, look), time.monotonic()
    rest = signal.setitimer(signal.ITIMER_REAL, first)[0]
    try:
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # also where it rings just here
            signal.signal(signal.SIGALRM, before)
            if rest:
                signal.setitimer(signal.ITIMER_REAL, max(0.01, rest + began - time.monotonic()))
