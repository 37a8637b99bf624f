"""What `make check` and `make test` run, and what they say at the end."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import steps

ROOT = Path(__file__).resolve().parents[3]
# all at once; each must end with status 0. The first word is looked for in the environment.
CHECKS = {
    "lint": ["ruff", "check", "."],
    "imports": ["lint-imports", "--no-cache"],
    "declared": ["deptry", "llmlib", "benchmarks", "--no-ansi"],
    "layout": ["ruff", "format", "--check", "--quiet", "llmlib", "tests", "benchmarks"],
    "types": ["mypy"],
    "tests": ["pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "unit and not slow", "tests"],
}
# every layer in one run: while a test waits for a limit or a page, others compute
TESTS = ["--dist", "loadfile", "--no-loadscope-reorder"]
WORKER = 4 << 30  # bytes: a process with torch, models and a notebook's kernel, and room to spare


def check(python: Path) -> bool:
    """Run CHECKS side by side and show what each says; returns the exit status."""
    start, failed, environment = time.monotonic(), [], steps.activated(python)
    running = {}
    for name, (program, *words) in CHECKS.items():
        found = python.with_name(f"{program}.exe" if os.name == "nt" else program)
        command = [str(found), *words]
        running[name] = subprocess.Popen(command, cwd=ROOT, env=environment, **steps.HEARD)
    for name, process in running.items():
        said = process.communicate()[0].strip()
        if process.returncode:
            failed.append(name)
        lines = said.splitlines()
        print(f"{name}: {said if process.returncode else lines[-1] if lines else 'fine'}")
    print(f"{'Failed: ' + ', '.join(failed) if failed else 'All is well'}, {_minutes(start)}.")
    return bool(failed)


def test(python: Path, words: list[str]) -> int:
    """Run every layer of tests, or what the words say to pytest; returns the exit status."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder) / "tally"
        environment = {**steps.activated(python), "LLMLIB_TALLY": str(tally)}
        command = [str(python), "-m", "pytest", *(words or ["-n", str(workers()), *TESTS])]
        status = subprocess.call(command, cwd=ROOT, env=environment)
        said = json.loads(tally.read_text(encoding="utf-8")) if tally.exists() else {}
    print(*closing(said, status, start), sep="\n")
    return status


def workers() -> int:
    """How many processes share the tests: three, two where memory is short.

    Three, since of two one was waiting for a third of the time, with a core for nobody.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return 2
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 3 if memory >= 3 * WORKER else 2


def closing(tally: dict, status: int, start: float) -> Iterator[str]:
    """The last lines: what was left out, a line a layer, what each layer took, and one line for
    everything."""
    for layer, (count, reason) in sorted(tally.get("left_out", {}).items()):
        yield f"Left out of {layer}: {count} tests, because {reason}."
    if spent := sorted(tally.get("seconds", {}).items(), key=lambda each: -each[1]):
        yield f"Seconds by layer, of all workers: {', '.join(f'{x} {s:.0f}' for x, s in spent)}."
    passed, failed = tally.get("passed", 0), tally.get("failed", 0)
    verdict = "FAILED" if status else "Passed"
    yield f"{verdict}: {passed} passed, {failed} failed, {_minutes(start)}."


def _minutes(start: float) -> str:
    seconds = round(time.monotonic() - start)
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
