"""How far a learner is: what their notebooks hold, run in fresh processes against the visible
tests.

Notebooks are only read. The outcome for a notebook is kept in the cache folder, and used until the
notebook changes.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from llmlib.assets import cache_folder
from llmlib.course import cells, handed_in
from llmlib.course.cells import ROOT

SECONDS = 120  # for one notebook
DONE, FAILING, UNTOUCHED = "done", "failing", "untouched"


@dataclass(frozen=True)
class Status:
    """One notebook: a list of (function, state, message) in order, or the `fault` for which it cannot be read."""

    name: str
    exercises: tuple[tuple[str, str, str | None], ...] = ()
    fault: str | None = None

    def count(self, state):
        return sum(found == state for _, found, _ in self.exercises)

    @property
    def done(self):
        return not self.fault and self.count(DONE) == len(self.exercises)


def default_folder():
    """The folder at work in, if it holds notebooks of the course, else the course's own notebooks/."""
    here = Path.cwd()
    known = any((here / f"{name}.ipynb").exists() for name in cells.names())
    return here if known and here != ROOT / "solutions" else ROOT / "notebooks"


def check(names=None, folder=None, seconds=SECONDS, tick=lambda status: None):
    """The `Status` of each notebook in `names` (default: all), in order; `tick` is called as each becomes known."""
    folder = Path(folder) if folder else default_folder()

    def one(name):
        status = check_one(name, folder / f"{name}.ipynb", seconds)
        tick(status)
        return status

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, names or cells.names()))


def check_one(name, path, seconds=SECONDS):
    """The `Status` of the notebook at `path` as an answer to the course's notebook `name`."""
    notebook = cells.load(name)
    try:
        job = handed_in.plan(notebook, handed_in.load(path))
    except handed_in.Unreadable as fault:
        return Status(name, fault=str(fault))
    touched = [each for each in notebook.exercises if _touched(each, job)]
    outcome = {each.name: (UNTOUCHED, None) for each in notebook.exercises}
    if touched:
        tests = [(each.name, each.visible) for each in touched]
        imports = handed_in.imports(notebook)
        to_run = {"cells": job.cells, "tests": tests, "imports": imports}
        outcome |= _remembered(to_run | {"seconds": min(20, seconds / 3)}, seconds)
    return Status(name, tuple((each.name, *outcome[each.name]) for each in notebook.exercises))


def _touched(exercise, job):
    """Did the learner write this one, in its cell or in another?"""
    return any(
        step.source.strip() != exercise.stub.strip()
        if step.title == exercise.name
        else exercise.name in handed_in.names(step.source).binds
        for step in job.steps
        if step.own
    )


def _remembered(job, seconds):
    """{function: (state, message)}: from the cache if this very job was run before, else from running it."""
    text = json.dumps(job)
    library = "".join(
        f"{path}{path.stat().st_mtime_ns}" for path in sorted((ROOT / "llmlib").rglob("*.py"))
    )
    kept = (
        cache_folder()
        / "checked"
        / (hashlib.sha256((text + library).encode()).hexdigest()[:32] + ".json")
    )
    with contextlib.suppress(OSError, ValueError):
        return {
            name: tuple(found)
            for name, found in json.loads(kept.read_text(encoding="utf-8")).items()
        }
    found, whole = _run(text, [name for name, _ in job["tests"]], seconds)
    if whole:
        with contextlib.suppress(OSError):  # a full disk costs time, not the answer
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def _run(text, names, seconds):
    """({function: (state, message)}, whether the process came to its end)."""
    environment = {
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "agg",
    }
    command = [sys.executable, "-m", "llmlib.course.run_tests"]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    late = threading.Event()
    timer = threading.Timer(seconds, lambda: (late.set(), _end(process)))
    timer.start()
    found, at = {}, "the start"
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text.encode())
            process.stdin.close()
        for line in process.stdout:
            what, name, *rest = json.loads(line)
            at = name
            if what == "test":
                found[name] = (FAILING, rest[0]) if rest[0] else (DONE, None)
        whole = len(found) == len(names)
    finally:
        timer.cancel()
        _end(process)
        process.wait()
    why = (
        f"stopped after {seconds:g} s"
        if late.is_set()
        else "the process ended (memory, exit or crash)"
    )
    for name in names:
        found.setdefault(name, (FAILING, why if name == at else f"not reached: {why} in {at}"))
    return found, whole


def _end(process):
    """Kill a process, and on systems with process groups everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()


def show(folder=None):
    """Draw the learner's progress below a notebook's cell. It goes by what is saved."""
    from llmlib import plots
    from llmlib.plots.progress import alt_text, pipeline

    statuses = [asdict(status) | {"title": title(status.name)} for status in check(folder=folder)]
    plots.show(pipeline(statuses), alt=alt_text(statuses))
    print("As saved: press Ctrl-S and run this cell again to include your last changes.")


def title(name):
    """What a notebook is called: "3 Attention", "Quiz"."""
    heading = next(
        line for line in cells.load(name).cells[0].source.splitlines() if line.startswith("# ")
    )
    return heading.removeprefix("# ").replace(" · ", " ")
