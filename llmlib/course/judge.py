"""Has a job run by `run_tests` in a process of its own, within a time limit, and remembers how it
went. Where there are several jobs, one process loads torch (`Warm`) and forks for each of them.
"""

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from llmlib import files
from llmlib.assets import cache_folder
from llmlib.course.environment import PACKAGE, environment

RUN_TESTS = (sys.executable, "-m", "llmlib.course.run_tests")
LOADING = 120  # seconds for torch
Outcomes = dict[str, str | None]  # function -> why its test fails, None where it passes
# (its folder, the job, seconds) -> what the process said, and whether it came to its own end
Run = Callable[[str, bytes, float], tuple[bytes, bool]]


def cold(folder: str, job: bytes, seconds: float) -> tuple[bytes, bool]:
    """A `Run` in a process that is started for it."""
    process = subprocess.Popen(
        RUN_TESTS,
        env=environment(MPLBACKEND="agg"),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.communicate(job, seconds)[0], True
    except subprocess.TimeoutExpired:
        _end(process)
        return process.communicate()[0], False
    finally:
        _end(process)


class Warm:
    """A `Run` for several jobs: on Linux each process is a fork of one that has loaded torch, which
    takes a second and more. That one is started with the first job."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.socket: socket.socket | None = None
        self.source: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Warm":
        return self

    def __exit__(self, *_: object) -> None:
        if self.socket and self.source:
            self.socket.close()
            _end(self.source)
            self.source.wait()

    def __call__(self, folder: str, job: bytes, seconds: float) -> tuple[bytes, bool]:
        if sys.platform == "linux":  # elsewhere what a library has begun does not survive a fork
            with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said:
                asked.write(job)
                asked.seek(0)
                if pid := int(self._ask(folder.encode(), asked.fileno(), said.fileno()) or 0):
                    ended = self._ended(pid, seconds)
                    said.seek(0)
                    return said.read(), ended
        return cold(folder, job, seconds)

    def _ended(self, pid: int, seconds: float) -> bool:
        """Whether that process ends within the time; then nothing is left of it."""
        handle = os.pidfd_open(pid)
        try:
            waiting = select.poll()
            waiting.register(handle, select.POLLIN)
            return bool(waiting.poll(1000 * seconds))
        finally:
            os.close(handle)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            self._ask(b"%d" % pid)

    def _ask(self, order: bytes, *handles: int) -> bytes:
        """What the process that forks answers (`run_tests.serve`); nothing where it is gone."""
        with self.lock:
            try:
                self.socket = self.socket or self._begin()
                socket.send_fds(self.socket, [order], handles)
                return self.socket.recv(100)
            except OSError:
                if self.socket:
                    self.socket.close()  # a late answer would be taken for the next one
                return b""

    def _begin(self) -> socket.socket:
        os.close(os.pidfd_open(os.getpid()))  # an OSError where the system has no such thing
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        ours.settimeout(LOADING)
        with theirs:
            self.source = subprocess.Popen(
                [*RUN_TESTS, str(theirs.fileno())],
                env=environment(MPLBACKEND="agg"),
                cwd=PACKAGE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return ours


def judge(job: dict[str, Any], seconds: float, run: Run = cold) -> Outcomes:
    """The `Outcomes` of a job for `run_tests`: from the cache folder if this very job was run
    before."""
    text = json.dumps(job)
    library = sorted((PACKAGE / "llmlib").rglob("*.py"))
    marks = "".join(f"{path}{path.stat().st_mtime_ns}" for path in library)
    digest = hashlib.sha256((text + marks).encode()).hexdigest()[:32]
    kept = cache_folder() / "checked" / f"{digest}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(kept.read_text(encoding="utf-8"))
    found, whole = _outcomes(text, [name for name, *_ in job["tests"]], seconds, run)
    if whole:
        with contextlib.suppress(OSError):  # a full disk costs time, not the answer
            files.write(kept, json.dumps(found))
    return found


def _outcomes(text: str, names: list[str], seconds: float, run: Run) -> tuple[Outcomes, bool]:
    """(the outcomes, whether each test was reached)."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:  # what cells write
        said, ended = run(scratch, text.encode(), seconds)
    why = "the process ended (memory, exit or crash)"
    why = why if ended else f"stopped after {seconds:g} s"
    found: Outcomes = {}
    at = "the start"
    for line in said.splitlines():
        what, at, *rest = json.loads(line)
        if what == "test":
            found[at] = rest[0]
    whole = len(found) == len(names)
    for name in names:
        found.setdefault(name, why if name == at else f"not reached: {why} in {at}")
    return found, whole


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and on systems with process groups everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
