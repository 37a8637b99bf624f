"""Run the sandbox: bubblewrap around one zygote (guest/zygote.py), a fork for each submission."""

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import NamedTuple

from grader.host import bubblewrap
from grader.host.bubblewrap import ONE_THREAD, ROOT, SETTINGS, Unavailable, command
from grader.host.processor_time import NONE, Usage, usage_of, waited_by
from grader.sandbox_diagnostics import remedy
from grader.wire import Channel

ANSWER_SECONDS = 20


class Broken(Exception):
    """Report that the sandboxed process died or stopped answering."""


class Child(NamedTuple):
    """Hold a process for one submission: its number, and the channel to it."""

    number: int
    channel: Channel


class Sandbox:
    """Keep a running zygote, restarted when it breaks. With `unsafe` there is no bubblewrap and
    there are no namespaces: only limits on time, memory and files."""

    def __init__(
        self, preload: Iterable[str] = (), unsafe: bool = False, disallowed: Iterable[str] = ()
    ) -> None:
        self.preload, self.disallowed, self.unsafe = list(preload), list(disallowed), unsafe
        self.numbers = itertools.count()
        self.process: subprocess.Popen | None = None
        self.past = NONE  # what processes used that are gone, and that no parent is told
        self.last, self.looked = NONE, 0.0
        self.scratch = tempfile.TemporaryDirectory(prefix="llmlib-", ignore_cleanup_errors=True)
        self._start()

    def fork(self) -> Child:
        """Start a new process for one submission. Raises `Broken` or `Unavailable`."""
        with contextlib.suppress(Broken):
            return self._fork()
        self._start()
        return self._fork()

    def kill(self, child: Child) -> None:
        """End that process and everything that it started."""
        child.channel.sock.close()
        before = self._tree()
        try:
            self._order(b"K%d" % child.number)
            self.past += before - self._tree()
        except Broken:
            self._stop()  # all of it; the next fork restarts it

    def usage(self, age: float = 0.0) -> Usage:
        """Return what all its processes and this one have used and waited for, until now, or as it
        was `age` seconds ago at most."""
        if time.monotonic() - self.looked > age:
            own_usage = Usage(time.process_time(), waited_by("self"))
            self.last, self.looked = own_usage + self._tree() + self.past, time.monotonic()
        return self.last

    def _tree(self) -> Usage:
        return usage_of(self.process.pid) if self.process else NONE

    def close(self) -> None:
        """End it and remove what it used."""
        self._stop()
        self.scratch.cleanup()

    def _stop(self) -> None:
        """End it: by itself when its socket closes, or killed, with everything inside."""
        if self.process is None:
            return
        self.past += self._tree()
        self.sock.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def _start(self) -> None:
        self._stop()
        # None of the grader's variables (tokens, passwords): bubblewrap is a process in there, too.
        line, variables = ([], os.environ) if self.unsafe else (command(), SETTINGS)
        self.sock, guest = socket.socketpair()
        setup = {"socket": guest.fileno(), "preload": self.preload, "jail": not self.unsafe}
        setup |= {"python": bubblewrap.python_folders(), "disallowed": self.disallowed}
        code = f"import sys; sys.path.insert(0, {str(ROOT) if self.unsafe else '/course'!r})"
        code += "; from grader.guest import zygote; zygote.main(sys.argv[1])"
        with tempfile.TemporaryFile() as errors:
            self.process = subprocess.Popen(
                [*line, sys.executable, "-I", "-B", "-c", code, json.dumps(setup)],
                pass_fds=[guest.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.scratch.name,  # without bubblewrap it stays there
                env={**variables, **ONE_THREAD},
                start_new_session=True,
            )
            guest.close()
            try:  # what a submission needs, before there is one
                self.kill(self._fork(120))  # so many seconds, for torch to load
                self._order(b"K")  # and it still answers
            except Broken as error:
                self._stop()
                errors.seek(0)
                message = errors.read(1 << 16).decode(errors="replace").strip().split("\n")[-1]
                reason = f"The sandbox did not start ({message[:300] or error})"
                raise Unavailable(reason if self.unsafe else f"{reason}: {remedy()}.") from None

    def _fork(self, seconds: float = ANSWER_SECONDS) -> Child:
        number, (host, guest) = next(self.numbers), socket.socketpair()
        with guest:
            try:
                self._order(b"F%d" % number, guest.fileno(), seconds=seconds)
            except Broken as error:
                host.close()
                raise Broken(f"the sandbox could not start a process ({error})") from None
        return Child(number, Channel(host))

    def _order(self, order: bytes, *handles: int, seconds: float = ANSWER_SECONDS) -> None:
        """Tell the zygote what to do, and wait until it is done. Raises `Broken`."""
        try:
            self.sock.settimeout(seconds)
            socket.send_fds(self.sock, [order], handles)
            reply = self.sock.recv(300)
        except OSError as error:
            raise Broken(f"no answer from the sandbox ({error})") from None
        if reply != order[:1]:
            raise Broken(reply[1:].decode(errors="replace") or "the sandbox ended")
