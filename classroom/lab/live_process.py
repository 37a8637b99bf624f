"""Keep the process behind the start page's live machine: started by the first text, ended when
nobody has typed for a while."""

import atexit
import json
import subprocess
import sys
from threading import Lock, Timer
from typing import Any

from classroom.environment import environment
from classroom.processors import processors

COMMAND = [sys.executable, "-m", "classroom.lab.live"]
IDLE = 120  # seconds; then its memory is given back, and the next text loads the model again


class LiveProcess:
    """Keep the process of `live.py`: started when needed, ended when nobody has asked for a
    while."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.lock = Lock()
        self.newest: object = None
        self.timer: Timer | None = None
        atexit.register(self.stop)

    def look(self, text: str) -> dict[str, Any] | None:
        """Return what `live.look` does for a text; None if a newer text came while this one waited.
        OSError with a sentence if the process has ended."""
        self.newest = request = object()
        with self.lock:
            if self.newest is not request:
                return None
            process = self._started()
            assert process.stdin and process.stdout
            try:
                process.stdin.write(json.dumps(text) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = ""
            if not line:
                self._end()
                raise OSError("The model has stopped: the last lines of the terminal may say why")
            self.timer = Timer(IDLE, self.stop)
            self.timer.daemon = True
            self.timer.start()
            return json.loads(line)

    def stop(self) -> None:
        """End the process, if it runs."""
        with self.lock:
            self._end()

    def _started(self) -> subprocess.Popen[str]:
        if self.timer:
            self.timer.cancel()
        if self.process is None or self.process.poll() is not None:
            self._end()
            self.process = subprocess.Popen(
                COMMAND,
                env=environment(min(2, processors())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        return self.process

    def _end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
        self.process = None
