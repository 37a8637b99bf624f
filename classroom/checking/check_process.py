"""Run a job of `run_tests` in a process of its own, within limits, and cache the outcome."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Lock
from typing import Any

from classroom import import_closure
from classroom.environment import environment
from exercises.feedback import TOO_SLOW
from llmlib import files
from llmlib.assets import cache_folder

Outcomes = dict[str, str | None]  # function -> why its test fails, None where it passes
PROCESS_ENDED = "the process ended (memory, exit or crash)"
# What may succeed next time: a busy machine, a library not installed yet, memory or disk full.
TRANSIENT = [TOO_SLOW, PROCESS_ENDED, "ModuleNotFoundError", "ImportError", "MemoryError"]
TRANSIENT += ["allocate memory", "not enough memory", "os error 1455", "Errno 28"]
TRANSIENT += ["could not be written"]
Processes = set[subprocess.Popen[bytes]]
PARSING = Lock()  # Python 3.11 may raise SystemError where two threads parse at once


def run_job(job: dict[str, Any], seconds: float, processes: Processes) -> Outcomes:
    """Return the `Outcomes` of a job for `run_tests`, from the cache folder if the same job ran
    before.

    One cell or test may take a third of the `seconds`, and 20 at most. Cells that belong to no
    exercise may take half of them together, so that the tests are reached. The process is in
    `processes` while it runs. Raises OSError if it cannot start."""
    job = job | {"seconds": min(20, seconds / 3), "added_seconds": seconds / 2}
    code = [text for words in (*job["cells"], *job["tests"]) for text in words[1:]]
    with PARSING:
        versions = sys.version + import_closure.fingerprint([Path(__file__), *code])
    digest = hashlib.sha256((json.dumps(job) + versions).encode()).hexdigest()[:32]
    path = cache_folder() / "checked" / f"{digest}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    try:
        outcomes, repeatable = _run(job, seconds, processes)
    except OSError as error:  # no room for a folder, or for a process
        reason = f"the check cannot start ({type(error).__name__}): is the disk or the memory full?"
        raise OSError(reason) from None
    if repeatable:
        with contextlib.suppress(OSError):  # a full disk costs time, not the answer
            files.write(path, json.dumps(outcomes))
    return outcomes


def _run(job: dict[str, Any], seconds: float, processes: Processes) -> tuple[Outcomes, bool]:
    """Return (the outcomes, would another run give the same: not if time ran out). A cell that ends
    the process is left out, as in the grader, and the others run again."""
    cells, names = [*job["cells"]], [name for name, *_ in job["tests"]]
    deadline = time.monotonic() + seconds
    while True:
        text = json.dumps(job | {"cells": cells})
        output, cause = _start(text, max(1, deadline - time.monotonic()), processes)
        lines = [json.loads(line) for line in output.splitlines()]
        ran = sum(event == "cell" for event, *_ in lines)
        if cause != PROCESS_ENDED or not lines or ran == len(cells):
            break
        cells[ran] = [lines[-1][1], f"raise SystemExit({PROCESS_ENDED!r})"]
    if cause != PROCESS_ENDED:
        cause = f"stopped after {seconds:g} s"
    outcomes: Outcomes = {}
    last = "the start"
    for event, last, *fields in lines:
        if event == "test":
            outcomes[last] = fields[0]
    complete = len(outcomes) == len(names)
    repeatable = complete and not any(words in output.decode() for words in TRANSIENT)
    for name in names:
        outcomes.setdefault(name, cause if name == last else f"not reached: {cause} in {last}")
    return outcomes, repeatable


def _start(text: str, seconds: float, processes: Processes) -> tuple[bytes, str]:
    """Start one process and wait for it: (its output, why there is no more)."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:  # what cells write
        process = subprocess.Popen(
            [sys.executable, "-m", "classroom.checking.run_tests"],
            env=environment(MPLBACKEND="agg"),
            cwd=scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            processes.add(process)
            output = process.communicate(text.encode(), seconds)[0]
            return output, PROCESS_ENDED if process in processes else "stopped"
        except subprocess.TimeoutExpired:
            _end(process)
            return process.communicate()[0], TOO_SLOW
        finally:
            _end(process)
            processes.discard(process)


def end_all(processes: Processes) -> None:
    """Kill the `processes` that other threads run: each thread returns at once."""
    with contextlib.suppress(KeyError):  # the last one ended by itself
        while processes:
            _end(processes.pop())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and, on systems with process groups, everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
