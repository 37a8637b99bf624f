"""Count the processors that the course may use on this machine."""

import contextlib
import math
import os
from pathlib import Path


def processors(root: Path = Path("/")) -> int:
    """Return how many threads may compute at once: of the processors that this process may run on,
    no more than its cgroup's quota pays for (cpu.max, or cpu.cfs_quota_us) and OMP_NUM_THREADS
    allows. So a container or a JupyterHub that gives a learner two of 64 gets two. `root`: where
    /proc and /sys are."""
    affinity = getattr(os, "sched_getaffinity", None)  # on Linux
    limits = [len(affinity(0)) if affinity else os.cpu_count() or 1, *_quotas(root)]
    setting = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # "4,2": by level
    if setting.isdecimal():
        limits.append(int(setting))
    return max(1, min(limits))


def _quotas(root: Path) -> list[int]:
    """Return the limits of this process's cgroup and those above it. A container sees its own as
    the topmost one, whatever its name outside is."""
    limits = []
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
            inner = Path(path.lstrip("/"))
            for group in (inner, *inner.parents):
                quota, period = _quota(mount / group, old=bool(controllers))
                if quota > 0 and period > 0:
                    limits.append(math.ceil(quota / period))
    return limits


def _quota(group: Path, old: bool) -> tuple[int, int]:
    """Return (quota, period) in microseconds, of a cgroup version 1 if `old`; (-1, 0): none."""
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if old else ("cpu.max",)
    try:
        words = " ".join((group / name).read_text(encoding="utf-8") for name in names).split()
        return int(words[0]), int(words[1])
    except (OSError, ValueError, IndexError):  # "max 100000"
        return -1, 0


def limit_threads(root: Path = Path("/")) -> None:
    """Tell torch where this process may use fewer processors than there are, here and in the
    processes that are started from here. To be called before torch is imported."""
    if (most := processors(root)) < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(most))
