"""`llmlib serve` on the learner's notebooks, for the button that talks with their engine so far."""

import atexit
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock

from llmlib.course.environment import environment

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")


class ChatServer:
    """One process at most: the engine of an earlier click has functions of an earlier hour."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.lock = Lock()
        atexit.register(self.stop)

    def start(self, folder: Path) -> str:
        """The address of a chat with the engine made of the notebooks in `folder`: it comes once
        their checks have run and the model is loaded. OSError with a sentence where it does not."""
        with self.lock, tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
            self.stop()
            command = [sys.executable, "-m", "llmlib", "serve", "--no-browser", "--folder"]
            self.process = subprocess.Popen(
                [*command, str(folder)],
                env=environment(os.cpu_count() or 1, PYTHONUNBUFFERED="1"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
            )
            assert self.process.stdout
            for line in self.process.stdout:
                if found := ADDRESS.search(line):
                    return found[0]
            complaints.seek(0)
            said = complaints.read().strip().splitlines()
            raise OSError(said[-1] if said else "it ended before it had an address")

    def stop(self) -> None:
        """End the server, if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()
