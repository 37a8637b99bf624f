"""The command line of bubblewrap: what the sandbox sees of this machine. No network, no home, of
llmlib the few files that run there: a read-only system, and this Python with torch."""

import os
import shutil
import sys
from pathlib import Path

import llmlib
from llmlib import installation
from llmlib.course import environment
from llmlib.grading.sandbox_diagnostics import MISSING

HERE = Path(llmlib.__file__).parent
OURS = "__init__ course/__init__ course/checking/__init__ course/checking/plain_data"
OURS += " course/checking/run_cells course/checking/operators course/checking/torch_blocker"
OURS += " grading/__init__ grading/wire grading/guest/*"
PYTHONS_OWN = ("bin", "etc", "include", "lib", "lib64", "share", "pyvenv.cfg")
SETTINGS = {"HOME": "/tmp", "USER": "learner", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
SETTINGS |= {"MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
# A thread does not survive a fork: with two, a matrix product in the fork waits for ever for the
# other one. The limit holds even where a cell calls torch.set_num_threads(2).
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}


class Unavailable(ValueError):
    """There is no sandbox here; the text says what to install."""


def command() -> list[str]:
    """The bubblewrap command line, up to and including `--`. Raises `Unavailable`."""
    beside = str(Path(sys.executable).parent)  # where `make test` puts one if the system has none
    bwrap = shutil.which("bwrap") or shutil.which("bwrap", path=beside)
    if bwrap is None:
        raise Unavailable(MISSING)
    # The zygote's own /tmp: torch's builds for NVIDIA cards write a file when they are imported.
    seen = [*system(), "--tmpfs", "/tmp", *python(), *without_the_course(), *graders()]
    # A /proc for the zygote to set up the forks; mount points for each fork's own folders.
    scratch = "--proc /proc --dev /dev --dir /dev/shm --chdir /tmp --remount-ro /dev --remount-ro /"
    return [bwrap, *rights(), *seen, *scratch.split(), "--"]


def rights() -> list[str]:
    """Namespaces of its own: no network, no other process in sight, no right over the machine."""
    line = "--cap-drop ALL --die-with-parent --new-session --hostname sandbox".split()
    if os.getuid() != 0:
        return ["--unshare-all", "--unshare-user", *line]
    # Root opens the folders, then the zygote gives its rights up: for that it keeps these two.
    line += "--cap-add CAP_SETUID --cap-add CAP_SETGID".split()
    return ["--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", *line]


def system() -> list[str]:
    """The C library and its like, read only. Of /etc the loader's cache, and the links by which
    Debian chooses among its libraries (BLAS, say): no passwords."""
    line = ["--ro-bind", "/usr", "/usr"]
    for file in ("/etc/ld.so.cache", "/etc/alternatives"):
        line += ["--ro-bind-try", file, file]
    for at in ("/lib", "/lib32", "/lib64", "/bin", "/sbin"):
        how = ["--symlink", os.readlink(at)] if os.path.islink(at) else ["--ro-bind-try", at]
        line += [*how, at]
    return line


def python_folders() -> list[str]:
    """Where this Python and its packages live, outer folders first."""
    return sorted({sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix})


def python() -> list[str]:
    """This Python with torch and the rest, at its own path, and the links that lead to it."""
    folders = [each for each in python_folders() if not each.startswith("/usr")]
    line, at = sum((bind(each, each) for each in folders), []), Path(sys.executable)
    while at.is_symlink():
        if not any(at.is_relative_to(each) for each in (*folders, "/usr")):
            line += ["--symlink", os.readlink(at), str(at)]
        at = Path(os.path.normpath(at.parent / os.readlink(at)))
    return line


def bind(path: str, at: str) -> list[str]:
    """Read only, in folders that others than root can enter, too."""
    folders = (["--dir", str(folder)] for folder in reversed(Path(at).parents[:-1]))
    return [*sum(folders, []), "--ro-bind", path, at]


def without_the_course() -> list[str]:
    """Out of sight, where it lies below one of those folders: llmlib itself, and where that is a
    clone, all that lies beside it, but for Python's own."""
    pythons, course = [Path(each) for each in python_folders()], [HERE]
    if installation.IN_CLONE:
        course = [
            each
            for each in sorted(environment.ROOT.iterdir())
            if not each.is_symlink() and each.name not in PYTHONS_OWN
            if not any(python.is_relative_to(each) for python in pythons)
        ]
    course += installed()
    below = (*pythons, Path("/usr"))
    seen = [each for each in course if any(each.is_relative_to(top) for top in below)]
    folders = (["--tmpfs", str(each), "--remount-ro", str(each)] for each in seen if each.is_dir())
    files = (["--ro-bind", "/dev/null", str(each)] for each in seen if each.is_file())
    return sum((*folders, *files), [])


def installed() -> list[Path]:
    """The course where it is installed a second time, in any Python that the sandbox sees."""
    roots = [*map(Path, python_folders()), Path("/usr"), Path("/usr/local")]
    lying = (each for root in roots for each in root.glob("lib*/python*/*-packages/llmlib"))
    return sorted({each for each in lying if each.resolve() != HERE})


def graders() -> list[str]:
    """The grader's own part that runs there, as /course: no answers."""
    files = (file for part in OURS.split() for file in HERE.glob(f"{part}.py"))
    return sum((bind(str(file), f"/course/{file.relative_to(HERE.parent)}") for file in files), [])
