"""What `make check`, `make test` and `make proof` run, by the Python of the environment that has
their packages.

python tests/suites.py check
python tests/suites.py test     of every layer a part, a quarter of an hour; or what the words say
                                to pytest
python tests/suites.py proof    everything, but what has passed with the same inputs (--fresh: that
                                too); more words go to pytest
"""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import required_tools

from classroom.bootstrap import steps
from exercises.course_packages import PACKAGES

ROOT = Path(__file__).resolve().parents[1]
PYTHON = Path(sys.executable)
# all at once; each must end with status 0. The first word is looked for in the environment.
CHECKS = {
    "lint": ["ruff", "check", "."],
    "imports": ["lint-imports", "--no-cache"],
    "declared": ["deptry", *PACKAGES, "authoring", "benchmarks", "--no-ansi"],
    "layout": ["ruff", "format", "--check", "--quiet", "."],
    "types": ["mypy"],
    "advice": ["python", "tests/advice.py"],  # no mistakes: what it says is shown whole
    "tests": ["pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "unit and not slow", "tests"],
}
RECORD = ROOT / "docs" / "evidence" / "proof.md"
RECORDED = """# The last run of every test

Written by `make proof ARGS=--fresh`: at commit {commit} all passed, which took {minutes} minutes.
"""
WORKER = 4 << 30  # bytes: a process with torch, models and a notebook's kernel, and room to spare


def check() -> bool:
    """Run CHECKS side by side and show what each says; returns the exit status."""
    start, failed = time.monotonic(), []
    running = {}
    for name in CHECKS:
        running[name] = subprocess.Popen(command(name), cwd=ROOT, env=environment(), **steps.HEARD)
    for name, process in running.items():
        said = process.communicate()[0].strip()
        if process.returncode:
            failed.append(name)
        last = said if process.returncode or name == "advice" else said.rpartition("\n")[2]
        print(f"{name}: {last or 'fine'}")
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    took = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    print(f"{'Failed: ' + ', '.join(failed) if failed else 'All is well'}, {took}.")
    return bool(failed)


def command(name: str) -> list[str]:
    """The command of one of CHECKS."""
    program, *words = CHECKS[name]
    return [str(PYTHON.with_name(f"{program}.exe" if os.name == "nt" else program)), *words]


def test(words: list[str]) -> int:
    """Run a part of every layer of tests, or what the words say to pytest; returns the exit
    status. What passes is kept for `proof`."""
    return run(words or [*together(), f"--sample={seed()}", "--fresh"])


def proof(words: list[str]) -> int:
    """Run all tests, or those that the words say to pytest; returns the exit status. Say first how
    long that takes, and keep for docs/evidence what a whole run took."""
    if words in ([], ["--fresh"]):
        record = RECORD.read_text(encoding="utf-8") if RECORD.exists() else ""
        took = re.search(r"took (\d+) minutes", record)
        print(f"Every test: about {took[1] if took else 90} minutes on two cores.", flush=True)
    start, commit = time.monotonic(), clean_commit()
    required_tools.get_firefox()
    required_tools.get_postgresql()
    status = run([*together(), *([] if "--fresh" in words else ["--verdicts"]), *words])
    if status == 0 and words == ["--fresh"] and commit:
        minutes = round((time.monotonic() - start) / 60)
        RECORD.write_text(RECORDED.format(commit=commit, minutes=minutes), encoding="utf-8")
    return status


def run(words: list[str]) -> int:
    """Run pytest with the programs that tests need."""
    required_tools.get_bubblewrap()
    required_tools.get_chromium()
    words = [str(PYTHON), "-m", "pytest", *words]
    return subprocess.call(words, cwd=ROOT, env=environment())


def environment() -> dict[str, str]:
    """The variables for the tests. A suite starts hundreds of processes: each would compile llmlib
    again where PYTHONDONTWRITEBYTECODE is set."""
    return {
        name: value
        for name, value in steps.activated(PYTHON).items()
        if name != "PYTHONDONTWRITEBYTECODE"
    }


def together() -> list[str]:
    """pytest's words for all layers in one run: while a test waits for a limit or a page, others
    compute. What fails is run once more, alone."""
    shared = ["-n", str(workers()), "--dist", "loadfile", "--no-loadscope-reorder"]
    return [*shared, "--rerun-alone"]


def clean_commit() -> str:
    """Return the commit that the files are of; "" where they differ from it, or without git."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if not _git("status", "--porcelain"):
            return _git("rev-parse", "--verify", "HEAD")[:12]
    return ""


def seed() -> str:
    """What chooses the sample of answers: the commit; without git, a digest of the files."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return _git("rev-parse", "--verify", "HEAD")[:12]
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("solutions/*.py"), *ROOT.glob("tests/**/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _git(*words: str) -> str:
    command = ["git", *words]
    return subprocess.check_output(command, cwd=ROOT, text=True, stderr=subprocess.DEVNULL).strip()


def workers() -> int:
    """How many processes share the tests: four, since many wait as long as they compute: two or
    three would leave a core to nobody; fewer where memory is short."""
    if not hasattr(os, "sysconf"):  # Windows
        return 2
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(4, max(2, memory // WORKER))


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):  # bootstrap says what to do
        sys.exit({"check": lambda _: check(), "test": test, "proof": proof}[verb](words))
