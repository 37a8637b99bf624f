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
import math
import os
import shutil
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
from classroom.bootstrap.open_jupyter import SETTINGS
from classroom.environment import environment
from classroom.lab import chat_process, live_process
from exercises.format import notebooks

PAGE = report.EVIDENCE / "memory.md"
PAUSE = 0.2  # seconds between two looks
CLASSES = (30, 200)
SERVER, LIVE, TALK = (
    "Jupyter server, with the start page and its checks",
    "live machine of the start page",
    "Talk",
)
KERNEL = "kernel"
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
            each
            for each in family(server.pid)
            if f"classroom.lab.{module}\0" in Path(f"/proc/{each}/cmdline").read_text()
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
        with Watch(server.pid) as watch:
            ask("llmlib/start")
            yield SERVER, watch.row()
        ask("llmlib/live", {"text": "The capital of France is"})
        with Watch(process("live")) as watch:
            ask("llmlib/live", {"text": "The capital of France is Paris, and that of Italy is"})
            yield LIVE, watch.row()
        ask("llmlib/talk", {})
        with Watch(process("chat")) as watch:
            said = {"messages": [{"role": "user", "content": "What is the water cycle?"}]}
            ask("llmlib/chat/v1/chat/completions", said)
            yield TALK, watch.row()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def measured(names):
    """(what, (resident, private, at most private)) one after the other, in GB."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "work"
        folder.mkdir()
        for name in notebooks.names():
            shutil.copy(notebooks.ROOT / "solutions" / f"{name}.ipynb", folder)
        for name in names:
            heading = notebooks.load(name).heading
            yield f"{KERNEL} of notebook {heading}, all cells run", kernel(name, folder)
        for path in folder.glob("*.ipynb"):  # its checks have run before: run them again
            book = nbformat.read(path, as_version=4)
            for cell in book.cells:
                if notebooks.kind(cell) == "solution":
                    cell.source += f"\n# {time.time()}"
            nbformat.write(book, path)
        yield from lab(folder)


def page(rows):
    """docs/evidence/memory.md: {what: (resident, private, at most private)} in GB, and what a class
    needs by these figures."""
    kernels = {what: row for what, row in rows.items() if what.startswith(KERNEL)}
    most = max(kernels, key=lambda what: kernels[what][1])
    server = rows[SERVER][1]
    extra = rows[LIVE][1] + rows[TALK][1]
    shared = max(resident - private for resident, private, _ in rows.values())
    each = {
        "in the smallest notebook, live machine and Talk off": server
        + min(private for _, private, _ in kernels.values()),
        "in the largest notebook, live machine and Talk off": server + kernels[most][1],
        "in the largest notebook, with live machine and Talk": server + kernels[most][1] + extra,
    }
    checking = rows[SERVER][2] + kernels[most][1]
    limit = max(checking, server + max(row[2] for row in kernels.values()))
    off, on = (math.ceil(2 * (limit + more)) / 2 for more in (0, extra))
    needs = [
        f"| all {where} | {one:.1f} GB | "
        + " | ".join(f"{people * one + shared:.0f} GB" for people in CLASSES)
        + " |"
        for where, one in each.items()
    ]
    return f"""# Memory, by notebook

Made by `python -m benchmarks.memory --record` on {datetime.date.today()}. The solved notebooks ran
from the first cell to the last, one after the other. On {report.machine()}.

{table(rows)}

*Resident* counts whatever of a process, and of what it starts, is in memory. *Private* is what it
shares with no other process: by so much each further learner fills the machine. The difference is
files, such as the weights and torch, which are in memory once for all. *At most* is the largest
private figure on the way; the server's is that while all notebooks are checked. A file that no
other process uses at that moment counts as private, so a learner alone on a machine shows more.

## What {CLASSES[0]} and {CLASSES[1]} learners need

| | a learner | {CLASSES[0]} learners | {CLASSES[1]} learners |
|---|---:|---:|---:|
{chr(10).join(needs)}

All learners at the end of a notebook at the same moment is the worst case. A kernel keeps its
memory until it is shut down, so cull idle kernels (`MappingKernelManager.cull_idle_timeout`).

- **A limit for each learner**: {off:.1f} GB with the live machine and Talk off, {on:.1f} GB with
  both. One notebook at a time fits.
- **Switch off what is too much**: `LLMLIB_LIVE=0` and `LLMLIB_TALK=0` in the environment of the
  learners' servers. The start page then shows a recording, and Talk is not offered. Left on, the
  live machine ends {live_process.IDLE // 60} minutes after the last text and Talk
  {chat_process.IDLE // 60} minutes after the last answer; both start again by themselves.
- **Processors**: every process of the course takes no more threads than `OMP_NUM_THREADS`, the
  container's quota and the affinity allow.
"""


def table(rows):
    """A markdown table, a line for each process."""
    lines = (
        f"| {what} | " + " | ".join(f"{n:.2f} GB" for n in row) + " |" for what, row in rows.items()
    )
    return "\n".join([HEAD, *lines])


def main():
    """Measure, print, and write the page on request."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = [name for name in notebooks.names() if notebooks.load(name).number is not None]
    parser.add_argument("--only", nargs="+", choices=known, metavar="NAME", default=known)
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    if args.record and args.only != known:
        parser.error("a part of the notebooks is no page: leave one of --only and --record out")
    rows = {}
    for what, row in measured(args.only):
        rows[what] = row
        print(table({what: row}).splitlines()[-1], flush=True)
    if args.record:
        PAGE.write_text(page(rows), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
