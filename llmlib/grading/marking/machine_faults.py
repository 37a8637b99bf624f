"""Whether a process that ended was ended by this machine, because memory ran out."""

import contextlib
from pathlib import Path


def out_of_memory() -> int:
    """How many processes the kernel has ended so far because memory ran out."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
