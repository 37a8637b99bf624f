"""Has a job run by `run_tests` in a process of its own, within limits, and keeps the outcome."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from llmlib import files
from llmlib.assets import cache_folder
from llmlib.course.environment import ROOT, environment
from llmlib.course.feedback import TOO_SLOW

Outcomes = dict[str, str | None]  # function -> why its test fails, None where it passes
ENDED = "the process ended (memory, exit or crash)"
# What next time may go well: a busy machine, a library not installed yet, a full memory or disk.
FLEETING = [TOO_SLOW, ENDED, "ModuleNotFoundError", "ImportError", "MemoryError", "allocate memory"]
FLEETING += ["not enough memory", "os error 1455", "Errno 28", "could not be written"]
Running = set[subprocess.Popen[bytes]]


def judge(job: dict[str, Any], seconds: float, running: Running) -> Outcomes:
    """The `Outcomes` of a job for `run_tests`: from the cache folder if this very job was run
    before. No cell or test may take more than a third of the `seconds`, nor more than 20, and
    cells that are no exercise's together half of them: the tests are to be reached. Its process is
    in `running` for as long as it runs."""
    job = job | {"seconds": min(20, seconds / 3), "tries": seconds / 2}
    library = sorted((ROOT / "llmlib").rglob("*.py"))
    marks = sys.version + "".join(f"{path}{path.stat().st_mtime_ns}" for path in library)
    digest = hashlib.sha256((json.dumps(job) + marks).encode()).hexdigest()[:32]
    kept = cache_folder() / "checked" / f"{digest}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(kept.read_text(encoding="utf-8"))
    try:
        found, whole = _run(job, seconds, running)
    except OSError as error:  # no room for a folder, or for a process
        why = f"the check cannot start ({type(error).__name__}): is the disk full, or the memory?"
        raise OSError(why) from None
    if whole:
        with contextlib.suppress(OSError):  # a full disk costs time, not the answer
            files.write(kept, json.dumps(found))
    return found


def _run(job: dict[str, Any], seconds: float, running: Running) -> tuple[Outcomes, bool]:
    """(the outcomes, whether the next run would say the same: not if time ran out). A cell that
    ends the process is left out, as by the grader, and the others run again."""
    cells, names = [*job["cells"]], [name for name, *_ in job["tests"]]
    until = time.monotonic() + seconds
    while True:
        text = json.dumps(job | {"cells": cells})
        said, why = _once(text, max(1, until - time.monotonic()), running)
        lines = [json.loads(line) for line in said.splitlines()]
        ran = sum(what == "cell" for what, *_ in lines)
        if why != ENDED or not lines or ran == len(cells):
            break
        cells[ran] = [lines[-1][1], f"raise SystemExit({ENDED!r})"]
    if why != ENDED:
        why = f"stopped after {seconds:g} s"
    found: Outcomes = {}
    at = "the start"
    for what, at, *rest in lines:
        if what == "test":
            found[at] = rest[0]
    whole = len(found) == len(names) and not any(word in said.decode() for word in FLEETING)
    for name in names:
        found.setdefault(name, why if name == at else f"not reached: {why} in {at}")
    return found, whole


def _once(text: str, seconds: float, running: Running) -> tuple[bytes, str]:
    """(what the process said, why it said no more)."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:  # what cells write
        process = subprocess.Popen(
            [sys.executable, "-m", "llmlib.course.checking.run_tests"],
            env=environment(MPLBACKEND="agg"),
            cwd=scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            running.add(process)
            said = process.communicate(text.encode(), seconds)[0]
            return said, ENDED if process in running else "stopped"
        except subprocess.TimeoutExpired:
            _end(process)
            return process.communicate()[0], TOO_SLOW
        finally:
            _end(process)
            running.discard(process)


def end_all(running: Running) -> None:
    """Kill what other threads have `running`: each gets its outcomes at once."""
    with contextlib.suppress(KeyError):  # the last one ended by itself
        while running:
            _end(running.pop())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and on systems with process groups everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
