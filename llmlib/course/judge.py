"""Has a job run by `run_tests` in a process of its own, within limits, and keeps the outcome."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any

from llmlib import files
from llmlib.assets import cache_folder
from llmlib.course.environment import PACKAGE, environment
from llmlib.course.feedback import TOO_SLOW

Outcomes = dict[str, str | None]  # function -> why its test fails, None where it passes
RUNNING: set[subprocess.Popen[bytes]] = set()


def judge(job: dict[str, Any], seconds: float) -> Outcomes:
    """The `Outcomes` of a job for `run_tests`: from the cache folder if this very job was run
    before. No cell or test may take more than a third of the `seconds`, nor more than 20."""
    text = json.dumps(job | {"seconds": min(20, seconds / 3)})
    library = sorted((PACKAGE / "llmlib").rglob("*.py"))
    marks = sys.version + "".join(f"{path}{path.stat().st_mtime_ns}" for path in library)
    digest = hashlib.sha256((text + marks).encode()).hexdigest()[:32]
    kept = cache_folder() / "checked" / f"{digest}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(kept.read_text(encoding="utf-8"))
    found, whole = _run(text, [name for name, *_ in job["tests"]], seconds)
    if whole:
        with contextlib.suppress(OSError):  # a full disk costs time, not the answer
            files.write(kept, json.dumps(found))
    return found


def _run(text: str, names: list[str], seconds: float) -> tuple[Outcomes, bool]:
    """(the outcomes, whether the next run would say the same: not if time ran out)."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:  # what cells write
        process = subprocess.Popen(
            [sys.executable, "-m", "llmlib.course.run_tests"],
            env=environment(MPLBACKEND="agg"),
            cwd=scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            RUNNING.add(process)
            said = process.communicate(text.encode(), seconds)[0]
            why = "the process ended (memory, exit or crash)"
        except subprocess.TimeoutExpired:
            _end(process)
            said, why = process.communicate()[0], f"stopped after {seconds:g} s"
        finally:
            _end(process)
            RUNNING.discard(process)
    found: Outcomes = {}
    at = "the start"
    for line in said.splitlines():
        what, at, *rest = json.loads(line)
        if what == "test":
            found[at] = rest[0]
    fleeting = TOO_SLOW, "ModuleNotFoundError", "ImportError"  # installed since, it is there
    whole = len(found) == len(names) and not any(word in said.decode() for word in fleeting)
    for name in names:
        found.setdefault(name, why if name == at else f"not reached: {why} in {at}")
    return found, whole


def end_all() -> None:
    """Kill what other threads have running: each gets its outcomes at once."""
    for process in list(RUNNING):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and on systems with process groups everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
