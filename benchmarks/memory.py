"""How much memory a learner takes: the server, the kernel of each solved notebook, the live machine
and Talk.

    python -m benchmarks.memory             measure and print: about ten minutes on two cores
    python -m benchmarks.memory --record    write docs/evidence/memory.md as well

Linux only. *Resident* counts whatever of a process is in memory. *Private* counts what it shares
with no other process (Private_* in /proc/PID/smaps_rollup): by so much the next learner fills the
machine. The difference is files, such as the weights and torch, which are in memory once for all.
"""

import argparse
import contextlib
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from benchmarks import report
from llmlib.course.bootstrap.open_jupyter import SETTINGS
from llmlib.course.environment import environment
from llmlib.course.format import notebooks

PAGE = report.EVIDENCE / "memory.md"
PAUSE = 0.2  # seconds between two looks
CLASSES = (30, 200)
HEAD = "| | resident | private | at most private |\n|---|---:|---:|---:|"


def taken(pid):
    """(resident, private) of a process and all that it has started, in GB."""
    resident = private = 0
    for each in family(pid):
        with contextlib.suppress(OSError):  # it has ended
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()[1:]:
                kind, size, *_ = line.split()
                resident += int(size) * (kind == "Rss:")
                private += int(size) * kind.startswith("Private_")
    return resident * 1024 / 1e9, private * 1024 / 1e9


def family(pid):
    """The process and all that it has started."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


class Watch:
    """Looks at a process until it is left; `peak` is the most that was private, in GB."""

    def __init__(self, pid):
        self.pid, self.peak, self.over = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.over.wait(PAUSE):
            self.peak = max(self.peak, taken(self.pid)[1])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def row(self):
        """(resident, private, at most private) in GB: now, now, and so far."""
        resident, private = taken(self.pid)
        return resident, private, max(private, self.peak)


def kernel(name, folder):
    """The row of a solved notebook's kernel once all of its cells have run."""
    book = nbformat.read(notebooks.ROOT / "solutions" / f"{name}.ipynb", as_version=4)
    client = NotebookClient(book, timeout=None, resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel(env=environment(2)), Watch(client.km.provisioner.pid) as watch:
        for i, cell in enumerate(book.cells):
            client.execute_cell(cell, i)
        return watch.row()


def lab(folder):
    """The rows of the server, of the live machine and of Talk, each after it has answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [f"--ServerApp.port={port}", "--no-browser", "--IdentityProvider.token=secret"]
    words += ["--allow-root", f"--LabApp.extra_labextensions_path={SETTINGS / 'labextensions'}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *words],
        cwd=folder,
        env=environment(2, JUPYTER_CONFIG_PATH=str(SETTINGS)),
        start_new_session=True,
    )

    def ask(path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/{path}",
            body and json.dumps(body).encode(),
            {"Authorization": "token secret"},
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()

    def process(module):
        return next(
            each for each in family(server.pid)
            if f"llmlib.course.lab.{module}\0" in Path(f"/proc/{each}/cmdline").read_text()
        )

    try:
        until = time.monotonic() + 120
        while True:
            try:
                ask("lab")
                break
            except OSError:
                assert time.monotonic() < until and server.poll() is None
                time.sleep(0.2)
        ask("llmlib/start")
        with Watch(server.pid) as watch:
            yield "Jupyter server, with the start page", watch.row()
        ask("llmlib/live", {"text": "The capital of France is"})
        with Watch(process("live")) as watch:
            ask("llmlib/live", {"text": "The capital of France is Paris, and that of Italy is"})
            yield "live machine of the start page", watch.row()
        ask("llmlib/talk", {})
        with Watch(process("chat")) as watch:
            said = {"messages": [{"role": "user", "content": "What is the water cycle?"}]}
            ask("llmlib/chat/v1/chat/completions", said)
            yield "Talk", watch.row()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def measured(names):
    """(what, (resident, private, at most private)) one after the other, in GB."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            number = notebooks.load(name).heading
            yield f"kernel of notebook {number}, all cells run", kernel(name, folder)
        for name in notebooks.names():
            source = notebooks.ROOT / "solutions" / f"{name}.ipynb"
            (Path(folder) / source.name).write_bytes(source.read_bytes())
        yield from lab(folder)
