"""How far a learner is: what their notebooks hold, run in fresh processes against the visible tests.

Notebooks are only read. The outcome for a notebook is kept in the cache folder, and used until the notebook changes.
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
from llmlib.course import cells
from llmlib.course.cells import ROOT
from llmlib.course.predict import is_prediction

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
    try:
        handed_in = read(path)
    except ValueError as fault:
        return Status(name, fault=str(fault))
    notebook = cells.load(name)
    written = _written(notebook, handed_in)
    touched = [
        each
        for each in notebook.exercises
        if written.get(each.name, each.stub).strip() != each.stub.strip()
    ]
    outcome = {each.name: (UNTOUCHED, None) for each in notebook.exercises}
    if touched:
        job = {"cells": _to_run(notebook, handed_in, written), "seconds": min(20, seconds / 3)}
        job["tests"] = [(each.name, each.visible) for each in touched]
        outcome |= _remembered(job, seconds)
    return Status(name, tuple((each.name, *outcome[each.name]) for each in notebook.exercises))


def read(path):
    """The code cells of a notebook: a list of (grade_id or None, source). ValueError says why it cannot be read."""
    try:
        tree = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        code = [cell for cell in tree["cells"] if cell["cell_type"] == "code"]
        found = [
            (cell["metadata"].get("nbgrader", {}).get("grade_id"), "".join(cell["source"]))
            for cell in code
        ]
    except FileNotFoundError:
        raise ValueError(f"there is no {Path(path).name} in {Path(path).parent}") from None
    except (OSError, UnicodeDecodeError):
        raise ValueError(
            "the file cannot be read: is it a notebook, and may you open it?"
        ) from None
    except (ValueError, RecursionError):
        raise ValueError(
            "damaged or half saved: not valid JSON. Save it again, or restore an earlier copy"
        ) from None
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it has no cells of a notebook: restore an earlier copy") from None
    return found


def _written(notebook, handed_in):
    """{function: the learner's cell}; where a cell was copied, the copies one after the other, without bare stubs."""
    stubs, found = {each.name: each.stub.strip() for each in notebook.exercises}, {}
    for name, source in handed_in:
        if name in stubs and source.strip() != stubs[name]:
            found[name] = f"{found[name]}\n\n{source}" if name in found else source
    return found


def _to_run(notebook, handed_in, written):
    """(title, source) of our given cells, the learner's solutions, and cells that the learner added or changed."""
    ours = [cell for cell in notebook.cells if cell.cell_type == "code"]
    demos = {cell.source.strip() for cell in ours if cells.kind(cell) == "demo"}
    known = {cells.grade_id(cell) for cell in ours} - {None}
    given = {cells.grade_id(cell): cell.source for cell in ours if cells.kind(cell) == "given"}
    rows, seen = [], set()
    for number, (name, source) in enumerate(handed_in, 1):
        if name in known:
            if name not in seen and (name in given or name in written):
                rows.append((name, given.get(name) or written[name]))
            seen.add(name)
        elif source.strip() and source.strip() not in demos and not is_prediction(source):
            rows.append((f"cell {number}", source))
    return [(name, source) for name, source in given.items() if name not in seen] + rows


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
