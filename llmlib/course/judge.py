"""Has a job run by `run_tests` in a process of its own, within a time limit, and remembers how it
went."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

from llmlib import files
from llmlib.assets import cache_folder
from llmlib.course.environment import PACKAGE, environment

Outcomes = dict[str, str | None]  # function -> why its test fails, None where it passes


def judge(job: dict[str, Any], seconds: float) -> Outcomes:
    """The `Outcomes` of a job for `run_tests`: from the cache folder if this very job was run
    before."""
    text = json.dumps(job)
    library = sorted((PACKAGE / "llmlib").rglob("*.py"))
    marks = "".join(f"{path}{path.stat().st_mtime_ns}" for path in library)
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
    """(the outcomes, whether the process came to its end)."""
    scratch = tempfile.TemporaryDirectory(
        ignore_cleanup_errors=True
    )  # what cells write stays there
    process = subprocess.Popen(
        [sys.executable, "-m", "llmlib.course.run_tests"],
        env=environment(MPLBACKEND="agg"),
        cwd=scratch.name,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    late = threading.Event()

    def stop() -> None:
        late.set()
        _end(process)

    timer = threading.Timer(seconds, stop)
    timer.start()
    found: Outcomes = {}
    at = "the start"
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text.encode())
            process.stdin.close()
        for line in process.stdout:
            what, at, *rest = json.loads(line)
            if what == "test":
                found[at] = rest[0]
        whole = len(found) == len(names)
    finally:
        timer.cancel()
        _end(process)
        process.wait()
        scratch.cleanup()
    why = "the process ended (memory, exit or crash)"
    why = f"stopped after {seconds:g} s" if late.is_set() else why
    for name in names:
        found.setdefault(name, why if name == at else f"not reached: {why} in {at}")
    return found, whole


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and on systems with process groups everything that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
