"""Where the course's files are and which version they have; how many processors it may use; the
environment variables of every process that it starts: offline, quiet, the same in every run."""

import contextlib
import math
import os
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from llmlib.installation import DISTRIBUTION, IN_CLONE
from llmlib.installation import ROOT as ROOT

PACKED = Path(__file__).parent  # where setup.py puts what a clone has at its top
SOURCES = ROOT / "solutions" if IN_CLONE else PACKED / "sources"
RELEASED = ROOT / "notebooks" if IN_CLONE else PACKED / "notebooks"
LISTED = ROOT / "pyproject.toml"
if IN_CLONE and LISTED.is_file():  # pip knows what a clone was before `git pull`
    VERSION = str(tomllib.loads(LISTED.read_text(encoding="utf-8"))["project"]["version"])
else:
    VERSION = version(DISTRIBUTION)
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Threads that wait sleep: where cores are shared, spinning made a cell 28 times slower;
    # but not in the first microseconds: small operations would take ten times as long.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "10000",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}


def processors(root: Path = Path("/")) -> int:
    """How many threads may compute at once: of the processors that this process may run on, no more
    than its cgroup's quota pays for (cpu.max, or cpu.cfs_quota_us) and OMP_NUM_THREADS allows. So
    a container or a JupyterHub that gives a learner two of 64 gets two. `root`: where /proc and
    /sys are."""
    affinity = getattr(os, "sched_getaffinity", None)  # on Linux
    allowed = [len(affinity(0)) if affinity else os.cpu_count() or 1, *_quotas(root)]
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # "4,2": by level
    if asked.isdecimal():
        allowed.append(int(asked))
    return max(1, min(allowed))


def _quotas(root: Path) -> list[int]:
    """The limits of this process's cgroup and those above it. A container sees its own as the
    topmost one, whatever its name outside is."""
    found = []
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
                    found.append(math.ceil(quota / period))
    return found


def _quota(group: Path, old: bool) -> tuple[int, int]:
    """(quota, period) in microseconds, of a version 1 cgroup where it is `old`; (-1, 0): none."""
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if old else ("cpu.max",)
    try:
        words = " ".join((group / name).read_text(encoding="utf-8") for name in names).split()
        return int(words[0]), int(words[1])
    except (OSError, ValueError, IndexError):  # "max 100000"
        return -1, 0


def limit_threads() -> None:
    """Where this process may use fewer processors than there are, have torch know it, here and in
    the processes that are started from here. To be called before torch is imported."""
    if (most := processors()) < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(most))


def environment(threads: int = 1, **more: str) -> dict[str, str]:
    """The variables for a process with so many `threads`, or fewer where that is too many for
    `processors`. It imports this llmlib and finds programs
    in this Python's folder by name, as nbgrader does with `alembic`."""
    beside, path = os.path.dirname(sys.executable), os.environ.get("PATH") or os.defpath
    if path.split(os.pathsep)[0] != beside:  # it is, where this environment is ours already
        path = os.pathsep.join([beside, path])
    modules = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    ours = {"OMP_NUM_THREADS": str(min(threads, processors())), "PATH": path, "PYTHONPATH": modules}
    return os.environ | QUIET | ours | more
