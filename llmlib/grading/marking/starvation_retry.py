"""Limits are wall-clock time: how much of it this machine gave the processes that ran out of it."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from llmlib.grading.host.limits import Limits
from llmlib.grading.host.sandbox import Child, Sandbox

LONGER = 4  # times the limits of a call, a cell and a test; a notebook's holds for all of it
ENOUGH = 1 / LONGER  # of a processor: who had less waited, or this machine had too much to do
TELLS = Path("/proc/thread-self/children")  # not every kernel has it


def longer(limits: Limits) -> Limits:
    """The limits of a second try."""
    more = {name: LONGER * getattr(limits, name) for name in ("cell", "call", "test")}
    return replace(limits, **more)


class MeteredSandbox(Sandbox):
    """A sandbox that knows how much of a processor its processes have had."""

    killed = 0  # ticks of what was killed, which no parent is told

    def kill(self, child: Child) -> None:
        before = self._ticks()
        super().kill(child)
        self.killed += max(0, before - self._ticks())

    def share(self) -> Callable[[], float]:
        """What it returns tells the share of one processor that all its processes and this one
        have had since; 1 where the system does not say."""
        began, before = time.monotonic(), self._spent()

        def since() -> float:
            had = (self._spent() - before) / max(1e-3, time.monotonic() - began)
            return had if TELLS.exists() else 1.0

        return since

    def _spent(self) -> float:
        """Seconds of processor time until now."""
        ticks = self.killed + self._ticks()
        return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()

    def _ticks(self) -> int:
        return _ticks(self.process.pid) if self.process else 0


def _ticks(pid: int) -> int:
    """Of a process, those below it, and those that these have collected."""
    at = Path("/proc", str(pid))
    try:
        times = (at / "stat").read_bytes().rpartition(b")")[2].split()[11:15]
        below = (at / "task" / str(pid) / "children").read_bytes().split()
    except OSError:  # it has just ended
        return 0
    return sum(map(int, times)) + sum(map(_ticks, map(int, below)))
