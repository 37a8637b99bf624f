"""The sandbox: bubblewrap around one zygote (inside/zygote.py), a fork for each submission.

Inside there is no network, no home, no course folder: a read-only system, this Python, llmlib, the
model's weights.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import llmlib
from llmlib import assets

INSTALL = (
    "install bubblewrap (Debian, Ubuntu: `apt install bubblewrap`; Fedora: `dnf install "
    "bubblewrap`; macOS and Windows: grade inside Linux or WSL)"
)
HERE = Path(llmlib.__file__).parent
OPEN = ("data", "plots")  # folders of llmlib that a learner's process may read
START_SECONDS = 120  # for torch and the model to load
ANSWER_SECONDS = 20
SETTINGS = {
    "HOME": "/tmp",
    "USER": "learner",
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "LLMLIB_CACHE": "/course/cache",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
# A thread does not survive a fork: with two, a matrix product in the fork waits for ever for the
# other one. The limit holds even where a cell calls torch.set_num_threads(2).
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}


class Unavailable(Exception):
    """There is no sandbox here; the text says what to install."""


class Broken(Exception):
    """The sandboxed process died or stopped answering."""


def command() -> list[str]:
    """The bubblewrap command line, up to and including `--`. Raises `Unavailable`."""
    beside = str(Path(sys.executable).parent)  # where `make test` puts one if the system has none
    bwrap = shutil.which("bwrap") or shutil.which("bwrap", path=beside)
    if bwrap is None:
        raise Unavailable(
            f"Learners' code runs only in a sandbox, and bubblewrap is missing: {INSTALL}."
        )
    return [bwrap, *rights(), *system(), *python(), *course(), *scratch(), *environment(), "--"]


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
    """This Python with torch and the rest, read only, at its own path; llmlib is hidden."""
    line = []
    for prefix in python_folders():
        if not prefix.startswith("/usr"):
            for folder in reversed(Path(prefix).parents[:-1]):  # else root alone could enter them
                line += ["--dir", str(folder)]
            line += ["--ro-bind", prefix, prefix]
        if HERE.is_relative_to(prefix):  # it is installed there: its source is the answers
            line += ["--tmpfs", str(HERE), "--remount-ro", str(HERE)]
    return line


def course() -> list[str]:
    """llmlib, for the zygote to import; of that each fork keeps `OPEN` alone. And the model's
    weights."""
    line = ["--dir", "/course", "--dir", "/course/open", "--ro-bind", str(HERE), "/course/llmlib"]
    for name in OPEN:
        line += ["--ro-bind", str(HERE / name), f"/course/open/{name}"]
    return [*line, "--ro-bind-try", str(assets.cache_folder()), "/course/cache"]


def scratch() -> list[str]:
    """A /proc for the zygote to set up the forks; mount points for each fork's own folders."""
    line = "--proc /proc --dev /dev --dir /dev/shm --dir /tmp --chdir /tmp".split()
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/"]


def environment() -> list[str]:
    """None of the grader's variables (tokens, passwords); these instead."""
    pairs = (["--setenv", name, value] for name, value in (SETTINGS | ONE_THREAD).items())
    return ["--clearenv", *sum(pairs, [])]


class Sandbox:
    """A running zygote, started anew when it broke.

    `fork()` gives a socket to a fresh process for one submission, `kill()` ends that process. With
    `unsafe` there is no bubblewrap and there are no namespaces: only limits on time, memory, files.
    """

    def __init__(self, preload: Iterable[str] = (), unsafe: bool = False) -> None:
        self.preload, self.unsafe = list(preload), unsafe
        self.process: subprocess.Popen | None = None
        self.scratch: tempfile.TemporaryDirectory | None = None  # only where there is no sandbox
        self._start()

    def fork(self) -> socket.socket:
        """A socket connected to a new process for one submission. Raises `Broken` or
        `Unavailable`."""
        try:
            return self._fork()
        except Broken:
            self._start()
            return self._fork()

    def kill(self) -> None:
        """End the submission's process and everything that it started."""
        try:
            self.sock.sendall(b"K")
            self._expect(b"K", ANSWER_SECONDS)
        except (OSError, Broken):
            self._start()

    def close(self) -> None:
        """It ends by itself when its socket closes, or is killed, with everything inside."""
        if self.process is None:
            return
        self.sock.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None
        if self.scratch:
            self.scratch.cleanup()

    def _start(self) -> None:
        self.close()
        line = [] if self.unsafe else command()
        self.scratch = tempfile.TemporaryDirectory(prefix="llmlib-") if self.unsafe else None
        self.sock, theirs = socket.socketpair()
        setup = {"socket": theirs.fileno(), "preload": self.preload, "jail": not self.unsafe}
        setup |= {"python": python_folders()}
        code = f"import sys; sys.path.insert(0, {str(HERE.parent) if self.unsafe else '/course'!r})"
        code += "; from llmlib.grading.inside import zygote; zygote.main(sys.argv[1])"
        with tempfile.TemporaryFile() as errors:
            self.process = subprocess.Popen(
                [*line, sys.executable, "-I", "-c", code, json.dumps(setup)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.scratch.name if self.scratch else "/",
                env=os.environ | ONE_THREAD,
                start_new_session=True,
            )
            theirs.close()
            try:
                self._expect(b"R", START_SECONDS)
            except Broken as broken:
                self.close()
                errors.seek(0)
                said = errors.read(1 << 16).decode(errors="replace").strip().split("\n")[-1]
                why = f"The sandbox did not start ({said[:300] or broken})"
                raise Unavailable(f"{why}: {INSTALL} and allow user namespaces.") from None

    def _fork(self) -> socket.socket:
        mine, theirs = socket.socketpair()
        try:
            socket.send_fds(self.sock, [b"F"], [theirs.fileno()])
            theirs.close()
            self._expect(b"F", ANSWER_SECONDS)
        except (OSError, Broken) as error:
            mine.close()
            raise Broken(f"the sandbox could not start a process ({error})") from None
        return mine

    def _expect(self, answer: bytes, seconds: float) -> None:
        self.sock.settimeout(seconds)
        try:
            got = self.sock.recv(300)
        except OSError as error:
            raise Broken(f"no answer from the sandbox ({error})") from None
        if got != answer:
            raise Broken(got[1:].decode(errors="replace") or "the sandbox ended")
