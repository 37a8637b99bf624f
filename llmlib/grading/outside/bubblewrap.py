"""The command line of bubblewrap: what the sandbox sees of this machine.

No network, no home, no course folder: a read-only system, this Python with torch, and the few files
of the grader's own that run there. Of llmlib there is nothing else.
"""

import os
import shutil
import sys
from pathlib import Path

import llmlib
from llmlib.course import environment

INSTALL = (
    "install bubblewrap (Debian, Ubuntu: `apt install bubblewrap`; Fedora: `dnf install "
    "bubblewrap`; macOS and Windows: grade inside Linux or WSL)"
)
HERE = Path(llmlib.__file__).parent
PYTHONS_OWN = ("bin", "etc", "include", "lib", "lib64", "share")
SETTINGS = {
    "HOME": "/tmp",
    "USER": "learner",
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
# A thread does not survive a fork: with two, a matrix product in the fork waits for ever for the
# other one. The limit holds even where a cell calls torch.set_num_threads(2).
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}


class Unavailable(Exception):
    """There is no sandbox here; the text says what to install."""


def command(ours: str) -> list[str]:
    """The bubblewrap command line, up to and including `--`, with the folder `ours` as /course.
    Raises `Unavailable`."""
    beside = str(Path(sys.executable).parent)  # where `make test` puts one if the system has none
    bwrap = shutil.which("bwrap") or shutil.which("bwrap", path=beside)
    if bwrap is None:
        raise Unavailable(
            f"Learners' code runs only in a sandbox, and bubblewrap is missing: {INSTALL}."
        )
    # The zygote's own /tmp: torch's builds for NVIDIA cards write a file when they are imported.
    seen = [*system(), "--tmpfs", "/tmp", *python(), *without_the_course()]
    seen += ["--ro-bind", ours, "/course"]
    return [bwrap, *rights(), *seen, *scratch(), *variables(), "--"]


def rights() -> list[str]:
    """Namespaces of its own: no network, no other process in sight, no right over the machine."""
    line = "--cap-drop ALL --die-with-parent --new-session --hostname sandbox".split()
    if os.getuid() != 0:
        return ["--unshare-all", "--unshare-user", *line]
    # Root opens the folders, then the zygote gives its rights up: for that it keeps these two.
    line += "--cap-add CAP_SETUID --cap-add CAP_SETGID".split()
    return ["--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", *line]


def system() -> list[str]:
    """The C library and its like, read only. Of /etc the loader's cache alone: no passwords."""
    line = ["--ro-bind", "/usr", "/usr"]
    for file in ("/etc/ld.so.cache", "/etc/alternatives"):
        line += ["--ro-bind-try", file, file]
    for folder in ("/lib", "/lib32", "/lib64", "/bin", "/sbin"):
        if os.path.islink(folder):
            line += ["--symlink", os.readlink(folder), folder]
        else:
            line += ["--ro-bind-try", folder, folder]
    return line


def python_folders() -> list[str]:
    """Where this Python and its packages live, outer folders first."""
    return sorted({sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix})


def python() -> list[str]:
    """This Python with torch and the rest, read only, at its own path."""
    line = []
    for prefix in python_folders():
        if not prefix.startswith("/usr"):
            for folder in reversed(Path(prefix).parents[:-1]):  # else root alone could enter them
                line += ["--dir", str(folder)]
            line += ["--ro-bind", prefix, prefix]
    return line


def without_the_course() -> list[str]:
    """Out of sight, where it lies below one of those folders: llmlib itself, and where that is a
    clone, all that lies beside it, but for Python's own."""
    pythons, folders = [Path(each) for each in python_folders()], [HERE]
    if environment.SOURCES == environment.CLONE:
        folders = [
            each
            for each in sorted(environment.CLONE.parent.iterdir())
            if each.is_dir() and not each.is_symlink() and each.name not in PYTHONS_OWN
            if not any(python.is_relative_to(each) for python in pythons)
        ]
    line = []
    for folder in folders:
        if any(folder.is_relative_to(seen) for seen in (*pythons, Path("/usr"))):
            line += ["--tmpfs", str(folder), "--remount-ro", str(folder)]
    return line


def scratch() -> list[str]:
    """A /proc for the zygote to set up the forks; mount points for each fork's own folders."""
    line = "--proc /proc --dev /dev --dir /dev/shm --chdir /tmp".split()
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/"]


def variables() -> list[str]:
    """None of the grader's variables (tokens, passwords); these instead."""
    pairs = (["--setenv", name, value] for name, value in (SETTINGS | ONE_THREAD).items())
    return ["--clearenv", *sum(pairs, [])]
