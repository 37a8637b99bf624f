"""How many processes the kernel has ended because memory ran out: on this machine, and in the
cgroup of this process where there is one. A process of a learner's that ended while this number
rose says nothing of its code. One that asks for more than its own limit gets a MemoryError, which
does not count here."""

import contextlib
from pathlib import Path

MACHINE = Path("/proc/vmstat")
# Control groups of version 2 and 1: the controller's name in /proc/self/cgroup, and its file.
CGROUPS = {
    "": "/sys/fs/cgroup{}/memory.events",
    "memory": "/sys/fs/cgroup/memory{}/memory.oom_control",
}


def count() -> int:
    """So many until now; 0 where the kernel does not say."""
    files = [MACHINE]
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers in CGROUPS:
                files.append(Path(CGROUPS[controllers].format(group.rstrip("/"))))
    return sum(map(_said, files))


def _said(file: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text(encoding="ascii").splitlines():
            word, _, number = line.partition(" ")
            if word == "oom_kill":
                return int(number)
    return 0
