"""Runs a job of `run_tests` in a process of its own, within limits, and caches the outcome."""

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

from llmlib import files, import_closure
from llmlib.assets import cache_folder
from llmlib.course.environment import environment
from llmlib.course.feedback import TOO_SLOW

Outcomes = dict[str, str | None]  # function -> why its test fails, None where it passes
PROCESS_ENDED = "the process ended (memory, exit or crash)"
# What may succeed next time: a busy machine, a library not installed yet, memory or disk full.
TRANSIENT = [TOO_SLOW, PROCESS_ENDED, "ModuleNotFoundError", "ImportError", "MemoryError"]
TRANSIENT += ["allocate memory", "not enough memory", "os error 1455", "Errno 28"]
TRANSIENT += ["could not be written"]
Processes = set[subprocess.Popen[bytes]]
PARSING = Lock()  # Python 3.11 may raise SystemError where two threads parse at once


def run_job(job: dict[str, Any], seconds: float, running: Processes) -> Outcomes:
    """The `Outcomes` of a job for `run_tests`, from the cache folder if the same job ran before.

    One cell or test may take a third of the `seconds`, and 20 at most. Cells that belong to no
    exercise may take half of them together, so that the tests are reached. The process is in
    `running` while it runs. Raises OSError if it cannot start."""
    job = job | {"seconds": min(20, seconds / 3), "added_seconds": seconds / 2}
    code = [text for words in (*job["cells"], *job["tests"]) for text in words[1:]]
    with PARSING:
        versions = sys.version + import_closure.fingerprint([Path(__file__), *code])
    digest = hashlib.sha256((json.dumps(job) + versions).encode()).hexdigest()[:32]
    cached = cache_folder() / "checked" / f"{digest}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(cached.read_text(encoding="utf-8"))
    try:
        outcomes, repeatable = _run(job, seconds, running)
    except OSError as error:  # no room for a folder, or for a process
        why = f"the check cannot start ({type(error).__name__}): is the disk or the memory full?"
        raise OSError(why) from None
    if repeatable:
        with contextlib.suppress(OSError):  # a full disk costs time, not the answer
            files.write(cached, json.dumps(outcomes))
    return outcomes


def _run(job: dict[str, Any], seconds: float, running: Processes) -> tuple[Outcomes, bool]:
    """(the outcomes, would another run give the same: not if time ran out). A cell that ends the
    process is left out, as in the grader, and the others run again."""
    cells, names = [*job["cells"]], [name for name, *_ in job["tests"]]
    deadline = time.monotonic() + seconds
    while True:
        text = json.dumps(job | {"cells": cells})
        output, ended = _start(text, max(1, deadline - time.monotonic()), running)
        lines = [json.loads(line) for line in output.splitlines()]
        ran = sum(what == "cell" for what, *_ in lines)
        if ended != PROCESS_ENDED or not lines or ran == len(cells):
            break
        cells[ran] = [lines[-1][1], f"raise SystemExit({PROCESS_ENDED!r})"]
    if ended != PROCESS_ENDED:
        ended = f"stopped after {seconds:g} s"
    outcomes: Outcomes = {}
    last = "the start"
    for what, last, *rest in lines:
        if what == "test":
            outcomes[last] = rest[0]
    complete = len(outcomes) == len(names)
    repeatable = complete and not any(words in output.decode() for words in TRANSIENT)
    for name in names:
        outcomes.setdefault(name, ended if name == last else f"not reached: {ended} in {last}")
    return outcomes, repeatable


def _start(text: str, seconds: float, running: Processes) -> tuple[bytes, str]:
    """Start one process and wait for it: (its output, why there is no more)."""
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
            output = process.communicate(text.encode(), seconds)[0]
            return output, PROCESS_ENDED if process in running else "stopped"
        except subprocess.TimeoutExpired:
            _end(process)
            return process.communicate()[0], TOO_SLOW
        finally:
            _end(process)
            running.discard(process)


def end_all(running: Processes) -> None:
    """Kill the processes that other threads have `running`: each thread returns at once."""
    with contextlib.suppress(KeyError):  # the last one ended by itself
        while running:
            _end(running.pop())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and, on systems with process groups, everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
