"""The sandbox: bubblewrap around one zygote (inside/zygote.py), a fork for each submission."""

import itertools
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
from typing import NamedTuple

from llmlib.grading.outside.bubblewrap import HERE, ONE_THREAD, command, python_folders
from llmlib.grading.outside.bubblewrap import Unavailable as Unavailable
from llmlib.grading.remedies import remedy
from llmlib.grading.wire import Channel

# Our part, without answers.
INSIDE = ("grading/inside/*.py", "grading/wire.py", "course/run_cells.py")
START_SECONDS = 120  # for torch to load
ANSWER_SECONDS = 20


class Broken(Exception):
    """The sandboxed process died or stopped answering."""


class Child(NamedTuple):
    """A process for one submission: its number, and the channel to it."""

    number: int
    channel: Channel


def copy_inside(folder: str) -> None:
    """An llmlib in `folder` that holds what runs in the sandbox, and nothing else."""
    for pattern in INSIDE:
        for file in HERE.glob(pattern):
            place = Path(folder, "llmlib", file.relative_to(HERE))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    for package in ("", "grading", "course"):
        Path(folder, "llmlib", package, "__init__.py").touch()
    os.chmod(folder, 0o755)  # the zygote reads it as another user


class Sandbox:
    """A running zygote, started anew when it broke.

    `fork()` makes a fresh process, `kill()` ends it. With `unsafe` there is no bubblewrap and there
    are no namespaces: only limits on time, memory, files.
    """

    def __init__(self, preload: Iterable[str] = (), unsafe: bool = False) -> None:
        self.preload, self.unsafe, self.numbers = list(preload), unsafe, itertools.count()
        self.process: subprocess.Popen | None = None
        self.folder = tempfile.TemporaryDirectory(prefix="llmlib-", ignore_cleanup_errors=True)
        copy_inside(self.folder.name)
        self._start()

    def fork(self) -> Child:
        """A new process for one submission. Raises `Broken` or `Unavailable`."""
        try:
            return self._fork()
        except Broken:
            self._start()
            return self._fork()

    def kill(self, child: Child) -> None:
        """End that process and everything that it started."""
        try:
            self._kill(child)
        except (OSError, Broken):
            self._start()

    def close(self) -> None:
        """End it and remove what it used."""
        self._stop()
        self.folder.cleanup()

    def _stop(self) -> None:
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

    def _start(self) -> None:
        self._stop()
        line = [] if self.unsafe else command(self.folder.name)
        self.sock, theirs = socket.socketpair()
        setup = {"socket": theirs.fileno(), "preload": self.preload, "jail": not self.unsafe}
        setup |= {"python": python_folders()}
        code = f"import sys; sys.path.insert(0, {self.folder.name if self.unsafe else '/course'!r})"
        code += "; from llmlib.grading.inside import zygote; zygote.main(sys.argv[1])"
        with tempfile.TemporaryFile() as errors:
            self.process = subprocess.Popen(
                [*line, sys.executable, "-I", "-B", "-c", code, json.dumps(setup)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.folder.name if self.unsafe else "/",
                env=os.environ | ONE_THREAD,
                start_new_session=True,
            )
            theirs.close()
            try:
                self._expect(b"R", START_SECONDS)
                self._kill(self._fork())  # what a submission needs is tried before there is one
            except (OSError, Broken) as broken:
                self._stop()
                errors.seek(0)
                said = errors.read(1 << 16).decode(errors="replace").strip().split("\n")[-1]
                why = f"The sandbox did not start ({said[:300] or broken})"
                raise Unavailable(f"{why}: {remedy()}.") from None

    def _fork(self) -> Child:
        mine, theirs = socket.socketpair()
        number = next(self.numbers)
        try:
            socket.send_fds(self.sock, [b"F%d" % number], [theirs.fileno()])
            theirs.close()
            self._expect(b"F", ANSWER_SECONDS)
        except (OSError, Broken) as error:
            mine.close()
            raise Broken(f"the sandbox could not start a process ({error})") from None
        return Child(number, Channel(mine))

    def _kill(self, child: Child) -> None:
        child.channel.sock.close()
        self.sock.sendall(b"K%d" % child.number)
        self._expect(b"K", ANSWER_SECONDS)

    def _expect(self, answer: bytes, seconds: float) -> None:
        self.sock.settimeout(seconds)
        try:
            got = self.sock.recv(300)
        except OSError as error:
            raise Broken(f"no answer from the sandbox ({error})") from None
        if got != answer:
            raise Broken(got[1:].decode(errors="replace") or "the sandbox ended")
