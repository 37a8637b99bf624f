"""The sandbox around a worker: the bubblewrap command, and the process inside it that forks once per submission.

Inside there is no network, no home, no course folder: a read-only system, this Python, llmlib, the model's weights.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import llmlib
from llmlib import assets

INSTALL = (
    "install bubblewrap (Debian, Ubuntu: `apt install bubblewrap`; Fedora: `dnf install bubblewrap`; "
    "macOS and Windows: grade inside Linux or WSL)"
)
OPEN = ("data", "plots")  # folders of llmlib that a learner's process may read: no answers in them
START_SECONDS = 120  # for torch and the model to load
KILL_SECONDS = 20


class Unavailable(Exception):
    """There is no sandbox here; the text says what to install."""


class Broken(Exception):
    """The sandboxed process died or stopped answering. A new one can be started."""


def command():
    """The bubblewrap command line, up to and including `--`. Raises `Unavailable`."""
    beside = str(Path(sys.executable).parent)  # where `make test` puts one if the system has none
    bwrap = shutil.which("bwrap") or shutil.which("bwrap", path=beside)
    if bwrap is None:
        raise Unavailable(
            f"Learners' code runs only in a sandbox, and bubblewrap is missing: {INSTALL}."
        )
    here = Path(llmlib.__file__).parent
    if (
        os.getuid() == 0
    ):  # root opens the folders, then the process inside gives its rights up (zygote.py)
        rights = [
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-net",
            "--unshare-uts",
            "--cap-drop",
            "ALL",
        ]
        rights += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        rights = ["--unshare-all", "--unshare-user", "--cap-drop", "ALL"]
    line = [
        bwrap,
        *rights,
        "--die-with-parent",
        "--new-session",
        "--hostname",
        "sandbox",
        "--clearenv",
    ]
    line += ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    line += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    for name in ("lib", "lib32", "lib64", "bin", "sbin"):
        if os.path.islink(f"/{name}"):
            line += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        else:
            line += ["--ro-bind-try", f"/{name}", f"/{name}"]
    for prefix in python_folders():
        if not prefix.startswith("/usr"):
            for folder in reversed(
                Path(prefix).parents[:-1]
            ):  # bubblewrap would make them readable by root alone
                line += ["--dir", str(folder)]
            line += ["--ro-bind", prefix, prefix]
        if here.is_relative_to(prefix):  # llmlib is installed there: its source is the answers
            line += ["--tmpfs", str(here), "--remount-ro", str(here)]
    line += ["--dir", "/course", "--dir", "/course/open", "--ro-bind", str(here), "/course/llmlib"]
    for name in OPEN:
        line += ["--ro-bind", str(here / name), f"/course/open/{name}"]
    line += [
        "--ro-bind-try",
        str(assets.cache_folder()),
        "/course/cache",
        "--setenv",
        "LLMLIB_CACHE",
        "/course/cache",
    ]
    for name, value in {
        "HOME": "/tmp",
        "USER": "learner",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
    }.items():
        line += ["--setenv", name, value]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # one thread: threads do not survive a fork
        line += ["--setenv", name, "1"]
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "PYTHONDONTWRITEBYTECODE"):
        line += ["--setenv", name, "1"]
    line += [
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--dir",
        "/dev/shm",
        "--dir",
        "/tmp",
        "--chdir",
        "/tmp",
    ]
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--"]


def python_folders():
    """Where this Python and its packages live, outer folders first."""
    return sorted({sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix})


class Sandbox:
    """A running zygote. `fork()` gives a socket to a fresh process for one submission; `kill()` ends that process.

    With `unsafe` there is no bubblewrap and there are no namespaces: only limits on time, memory and files.
    """

    def __init__(self, preload=(), unsafe=False):
        self.unsafe = unsafe
        line = [] if unsafe else command()
        mine, theirs = socket.socketpair()
        self.scratch = tempfile.TemporaryDirectory(prefix="llmlib-unsafe-") if unsafe else None
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        root = str(Path(llmlib.__file__).parents[1]) if unsafe else "/course"
        code = f"import sys; sys.path.insert(0, {root!r}); from llmlib.grading import zygote; zygote.main(sys.argv[1])"
        setup = {
            "socket": theirs.fileno(),
            "preload": list(preload),
            "jail": not unsafe,
            "python": python_folders(),
        }
        self.process = subprocess.Popen(
            [*line, sys.executable, "-I", "-c", code, json.dumps(setup)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=self.scratch.name if unsafe else "/",
            start_new_session=True,
        )
        theirs.close()
        self.sock = mine
        try:
            self._expect(b"R", START_SECONDS)
        except Broken as broken:
            self.close()
            errors.seek(0)
            said = errors.read(1 << 16).decode(errors="replace").strip().split("\n")[-1] or str(
                broken
            )
            raise Unavailable(
                f"The sandbox did not start ({said[:300]}): {INSTALL} and allow user namespaces."
            ) from None
        finally:
            errors.close()

    def fork(self):
        """A socket connected to a new process for one submission. Raises `Broken`."""
        mine, theirs = socket.socketpair()
        try:
            socket.send_fds(self.sock, [b"F"], [theirs.fileno()])
            theirs.close()
            self._expect(b"F", KILL_SECONDS)
        except (OSError, Broken) as error:
            mine.close()
            raise Broken(f"the sandbox could not start a process ({error})") from None
        return mine

    def kill(self):
        """End the submission's process and everything that it started. Raises `Broken`."""
        try:
            self.sock.sendall(b"K")
        except OSError as error:
            raise Broken(f"the sandbox is gone ({error})") from None
        self._expect(b"K", KILL_SECONDS)

    def close(self):
        """End the sandbox: it ends by itself when its socket closes, or is killed, and everything inside with it."""
        self.sock.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.scratch:
            self.scratch.cleanup()

    def _expect(self, answer, seconds):
        self.sock.settimeout(seconds)
        try:
            got = self.sock.recv(300)
        except OSError as error:
            raise Broken(f"no answer from the sandbox ({error})") from None
        if got != answer:
            raise Broken(got[1:].decode(errors="replace") or "the sandbox ended")
