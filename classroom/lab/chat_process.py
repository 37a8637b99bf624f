"""Keep the process behind Talk: started by a click, ended when nobody has talked for a while, and
started again when somebody talks on."""

import atexit
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock, Timer

from classroom.environment import environment
from classroom.processors import processors

COMMAND = [sys.executable, "-m", "classroom.lab.chat"]
IDLE = 300  # seconds; then its memory is given back


class ChatProcess:
    """Keep the process of `chat.py`, one at most. Its port and its token stay in here: another user
    of this computer who finds the port is not answered."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.port, self.token = 0, ""
        self.lock, self.counting = Lock(), Lock()
        self.requests, self.timer = 0, Timer(0, lambda: None)
        atexit.register(self.stop)

    def restart(self, folder: Path) -> None:
        """Start it with the functions that the notebooks in `folder` have now: it takes the time of
        their checks and of loading the model. OSError with a sentence where that fails."""
        with self.lock:
            self._start(folder)

    def running(self, folder: Path) -> tuple[int, str]:
        """Return its port and token. It is started again if it has ended. OSError as `restart`."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self._start(folder)
            return self.port, self.token

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a request: the time in which nobody talks begins after the last one."""
        with self.counting:
            self.timer.cancel()
            self.requests += 1
        try:
            yield
        finally:
            with self.counting:
                self.requests -= 1
                if not self.requests:
                    self.timer = Timer(IDLE, self.stop)
                    self.timer.daemon = True
                    self.timer.start()

    def stop(self) -> None:
        """End the process, if it runs."""
        with self.lock:
            self._end()

    def _start(self, folder: Path) -> None:
        self._end()
        self.process = subprocess.Popen(
            [*COMMAND, str(folder)],
            env=environment(processors()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is JupyterLab's, which asks back
        )
        assert self.process.stdout
        answer = json.loads(self.process.stdout.readline() or "{}")
        if "port" not in answer:
            self._end()
            reason = "it has stopped: the last lines of the terminal may say why"
            raise OSError(answer.get("fault", reason))
        self.port, self.token = answer["port"], answer["token"]

    def _end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
        self.process = None
