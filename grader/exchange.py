"""Run nbgrader's exchange, on the instructor's side: `llmlib release-assignment`, `llmlib grade
--exchange` and `llmlib release-feedback`. nbgrader's own classes do each step. The learner's side
is classroom/exchange.py."""

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from traitlets.config import Config

from classroom import exchange
from classroom.environment import environment
from exercises.course_files import RELEASED
from exercises.format import notebooks
from grader.collect import SECRET
from grader.course_config import CONFIG, settings
from grader.gradebook import refuse_others


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib release-assignment` and `llmlib release-feedback`."""
    help_text = "such as 01_tokens; all by default"
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=help_text)
    parser.add_argument("--config", type=Path, default=CONFIG, help=f"default: {CONFIG} here")


def run(args: argparse.Namespace) -> int:
    """Return 0 if done, 1 if `release-feedback` found nothing to give back."""
    for name in args.notebooks:
        if name not in notebooks.names():
            choices = ", ".join(notebooks.names())
            raise ValueError(f"there is no notebook {name}; known: {choices}")
    names = args.notebooks or notebooks.names()
    root, _, _, config = settings(args.config)
    if args.verb == "release-assignment":
        for line in release(config, names, root):
            print(line)
        return 0
    returns, by_hand = give_back(config, names, root)
    for name, students in returns.items():
        print(f"{name}: {len(students)} given back: {', '.join(students)}")
    if by_hand:
        print(f"{by_hand} pages are of notebooks that did not come through the exchange.")
    if not returns:
        print("There is nothing to give back: `llmlib grade --exchange` makes the pages.")
    return int(not returns)


def release(config: Config, names: Sequence[str], root: Path) -> list[str]:
    """Release notebooks as this course delivers them: from now on they can be handed in. Returns
    sentences. Raises ValueError."""
    sentences = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            place = Path(scratch, "release", name)
            place.mkdir(parents=True)
            shutil.copy(RELEASED / f"{name}.ipynb", place)
            step = exchange.step(config, "ReleaseAssignment", assignment_id=name)
            step.coursedir.root, step.force = scratch, True
            exchange.start(step)
            sentences.append(f"{name}: can be handed in (course {step.coursedir.course_id})")
    path = getattr(step, "root", "")
    if path and Path(path).resolve().is_relative_to(root.resolve()):
        sentences.append(
            f"Only you can enter {path}: give learners another one with LLM_COURSE_EXCHANGE, a "
            "folder outside of this one that is yours and that all can enter, and release again."
        )
    return sentences


def collect(config: Config, names: Sequence[str] | None = None) -> tuple[list[str], list[str]]:
    """Collect what is new: (what was taken, what was left out and why). Raises ValueError."""
    os.environ["PATH"] = environment()["PATH"]  # nbgrader starts `alembic` by name
    copies: list[str] = []
    omissions: list[str] = []
    for name in names or notebooks.names():
        step = exchange.step(config, "Collect", assignment_id=name)
        refuse_others(step.coursedir.db_url)
        step.update = True
        exchange.start(step)
        copies += sorted(getattr(step, "taken", ()))  # other exchanges than nbgrader's do not say
        omissions += sorted(getattr(step, "left", ()))
    return copies, omissions


def give_back(config: Config, names: Sequence[str], root: Path) -> tuple[dict[str, list[str]], int]:
    """Release the feedback of what came through the exchange: {notebook: its students}, and
    how many pages are of what came by hand. Raises ValueError."""
    returns: dict[str, list[str]] = {}
    by_hand = 0
    for name in names:
        for page in sorted(root.glob(f"feedback/*/{name}/{name}.html")):
            if not page.with_name(SECRET).exists():  # where nbgrader would stop
                by_hand += 1
                continue
            student = page.parent.parent.name
            with contextlib.suppress(PermissionError):  # another grader's, of the same group
                page.chmod(page.stat().st_mode | 0o444)  # nbgrader's copy has the same mode
            exchange.start(_of_student(config, name, student))
            returns.setdefault(name, []).append(student)
    return returns, by_hand


def _of_student(config: Config, name: str, student: str) -> Any:
    return exchange.step(config, "ReleaseFeedback", assignment_id=name, student_id=student)
