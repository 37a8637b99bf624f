"""What `make check` and `make test` run, by the Python of the environment that has their packages.

python tests/layers.py check
python tests/layers.py test     more words go to pytest
"""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import required_tools

from llmlib.course.bootstrap import steps

ROOT = Path(__file__).resolve().parents[1]
PYTHON = Path(sys.executable)
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


def check() -> bool:
    """Run CHECKS side by side and show what each says; returns the exit status."""
    start, failed, environment = time.monotonic(), [], steps.activated(PYTHON)
    running = {}
    for name, (program, *words) in CHECKS.items():
        command = [str(PYTHON.with_name(f"{program}.exe" if os.name == "nt" else program)), *words]
        running[name] = subprocess.Popen(command, cwd=ROOT, env=environment, **steps.HEARD)
    for name, process in running.items():
        said = process.communicate()[0].strip()
        if process.returncode:
            failed.append(name)
        lines = said.splitlines()
        print(f"{name}: {said if process.returncode else lines[-1] if lines else 'fine'}")
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    took = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    print(f"{'Failed: ' + ', '.join(failed) if failed else 'All is well'}, {took}.")
    return bool(failed)


def test(words: list[str]) -> int:
    """Run every layer of tests, or what the words say to pytest, with the programs that they need;
    returns the exit status."""
    required_tools.get_bubblewrap()
    required_tools.get_chromium()
    required_tools.get_postgresql()
    command = [str(PYTHON), "-m", "pytest", *(words or ["-n", str(workers()), *TESTS])]
    return subprocess.call(command, cwd=ROOT, env=steps.activated(PYTHON))


def workers() -> int:
    """How many processes share the tests: three, since of two one was waiting for a third of the
    time, with a core for nobody; two where memory is short."""
    if not hasattr(os, "sysconf"):  # Windows
        return 2
    return 3 if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >= 3 * WORKER else 2


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):  # setup.py says what to do
        sys.exit(test(words) if verb == "test" else check())
