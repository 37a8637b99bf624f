"""Whether a process that ended was ended by this machine, because memory ran out. One that asks for
more than its own limit gets a MemoryError, which does not count here."""

import contextlib
from pathlib import Path

from llmlib.grading.host.time_limits import Starved


class NoMemory(Starved):
    """The kernel ended a submission's process: nothing can be said of it yet."""

    def __str__(self) -> str:
        return "memory ran out on this machine: run the same command again, with fewer --workers"


def count() -> int:
    """How many processes the kernel has ended so far because memory ran out, also in a cgroup."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return 0
