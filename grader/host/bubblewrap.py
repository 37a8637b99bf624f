"""Build bubblewrap's command line: what the sandbox sees of this machine. No network, no home, of
llmlib the few files that run there: a read-only system, and this Python with torch."""

import os
import shutil
import sys
from pathlib import Path

from exercises.course_packages import PACKAGES
from grader.sandbox_diagnostics import MISSING
from llmlib.installation import IN_CLONE, ROOT

OURS = "exercises/__init__ exercises/course_packages exercises/operators exercises/torch_blocker"
OURS += " classroom/__init__ classroom/checking/__init__ classroom/checking/plain_data grader/wire"
OURS += " classroom/checking/run_cells classroom/checking/snapshots classroom/checking/exceptions"
OURS += " grader/__init__ grader/guest/*"
PYTHONS_OWN = ("bin", "etc", "include", "lib", "lib64", "share", "pyvenv.cfg")
SETTINGS = {"HOME": "/tmp", "USER": "learner", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
SETTINGS |= {"MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
# A thread does not survive a fork: with two, a matrix product in the fork waits for ever for the
# other one. The limit holds even where a cell calls torch.set_num_threads(2).
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}


class Unavailable(ValueError):
    """Report that there is no sandbox here; the text says what to install."""


def command() -> list[str]:
    """Return the bubblewrap command line, up to and including `--`. Raises `Unavailable`."""
    beside = str(Path(sys.executable).parent)  # where `make test` puts one if the system has none
    bwrap = shutil.which("bwrap") or shutil.which("bwrap", path=beside)
    if bwrap is None:
        raise Unavailable(MISSING)
    # The zygote's own /tmp: torch's builds for NVIDIA cards write a file when they are imported.
    mounts = [*system(), "--tmpfs", "/tmp", *python(), *without_the_course(), *graders()]
    # A /proc for the zygote to set up the forks; mount points for each fork's own folders.
    scratch = "--proc /proc --dev /dev --dir /dev/shm --chdir /tmp --remount-ro /dev --remount-ro /"
    return [bwrap, *rights(), *mounts, *scratch.split(), "--"]


def rights() -> list[str]:
    """Give it namespaces: no network, no other process in sight, no right over the machine."""
    line = "--cap-drop ALL --die-with-parent --new-session --hostname sandbox".split()
    if os.getuid() != 0:
        return ["--unshare-all", "--unshare-user", *line]
    # Root opens the folders, then the zygote gives its rights up: for that it keeps these two.
    line += "--cap-add CAP_SETUID --cap-add CAP_SETGID".split()
    return ["--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", *line]


def system() -> list[str]:
    """Show the C library and its like, read only. Of /etc the loader's cache and the links to
    Debian's libraries (BLAS, say): no passwords. Of /sys the processor, for half precision."""
    line = ["--ro-bind", "/usr", "/usr"]
    for file in ("/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu"):
        line += ["--ro-bind-try", file, file]
    for at in ("/lib", "/lib32", "/lib64", "/bin", "/sbin"):
        option = ["--symlink", os.readlink(at)] if os.path.islink(at) else ["--ro-bind-try", at]
        line += [*option, at]
    return line


def python_folders() -> list[str]:
    """Return where this Python and its packages live, outer folders first."""
    return sorted({sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix})


def python() -> list[str]:
    """Show this Python with torch and the rest, at its own path, and the links that lead to it."""
    folders = [folder for folder in python_folders() if not folder.startswith("/usr")]
    line, at = sum((bind(folder, folder) for folder in folders), []), Path(sys.executable)
    while at.is_symlink():
        if not any(at.is_relative_to(folder) for folder in (*folders, "/usr")):
            line += ["--symlink", os.readlink(at), str(at)]
        at = Path(os.path.normpath(at.parent / os.readlink(at)))
    return line


def bind(path: str, at: str) -> list[str]:
    """Read only, in folders that others than root can enter, too."""
    folders = (["--dir", str(folder)] for folder in reversed(Path(at).parents[:-1]))
    return [*sum(folders, []), "--ro-bind", path, at]


def without_the_course() -> list[str]:
    """Hide, where it lies below one of those folders: the course itself, and where that is a clone,
    all that lies beside it, but for Python's own."""
    pythons, course = [Path(path) for path in python_folders()], [ROOT / name for name in PACKAGES]
    if IN_CLONE:
        course = [
            path
            for path in sorted(ROOT.iterdir())
            if not path.is_symlink() and path.name not in PYTHONS_OWN
            if not any(python.is_relative_to(path) for python in pythons)
        ]
    below = (*pythons, Path("/usr"))
    paths = [path for path in (*course, *installed()) if any(map(path.is_relative_to, below))]
    folders = (["--tmpfs", str(path), "--remount-ro", str(path)] for path in paths if path.is_dir())
    files = (["--ro-bind", "/dev/null", str(path)] for path in paths if path.is_file())
    return sum((*folders, *files), [])


def installed() -> list[Path]:
    """Find the course where it is installed once more, and a library that holds whole answers."""
    roots = map(Path, (*python_folders(), "/usr", "/usr/local"))
    paths = {path for root in roots for path in root.glob("lib*/python*/*-packages/*")}
    again = (path for path in paths if path.name in PACKAGES and path.resolve().parent != ROOT)
    return sorted({*again, *(path for path in paths if path.name == "transformers")})


def graders() -> list[str]:
    """Show the grader's own part that runs there, as /course: no answers."""
    files = (file for part in OURS.split() for file in ROOT.glob(f"{part}.py"))
    return sum((bind(str(file), f"/course/{file.relative_to(ROOT)}") for file in files), [])
