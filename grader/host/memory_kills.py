"""Say whether this machine ended a process, because memory ran out. One that asks for more than its
own limit gets a MemoryError, which does not count here."""

import contextlib
from pathlib import Path

from grader.host.time_limits import Starved


class NoMemory(Starved):
    """Report that the kernel ended a submission's process: nothing can be said of it yet."""

    def __str__(self) -> str:
        return "memory ran out on this machine: run the same command again, with fewer --workers"


def count() -> int:
    """Count the processes that the kernel has ended because memory ran out, also in a cgroup."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return 0
