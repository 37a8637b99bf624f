"""`llmlib my-llm`: a learner's functions, put together into one file that runs a real model.

The file is `template.py` with the learner's code in its middle. It needs torch, safetensors
and regex, and nothing of this course.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Set
from functools import cache
from pathlib import Path
from typing import NamedTuple

from llmlib.assets import smollm2_folder
from llmlib.course.authoring import notebooks as cells
from llmlib.course.authoring.source import Exercise
from llmlib.course.checking import progress, submission
from llmlib.course.checking.check_runner import judge
from llmlib.course.checking.definitions import BUILTINS, Definition, definitions, needed
from llmlib.course.checking.scopes import names
from llmlib.course.feedback import NOT_WRITTEN_YET
from llmlib.course.my_llm.assemble import TEMPLATE, Piece, in_the_way, parts, render, write
from llmlib.course.my_llm.standalone import awaiting, missing, without_llmlib


class Gap(NamedTuple):
    """A function that cannot be used as it is, and why."""

    notebook: str
    number: str
    function: str
    why: str

    def __str__(self) -> str:
        return f"{self.notebook}, exercise {self.number} {self.function}: {self.why}"


@cache
def wanted() -> dict[str, Exercise]:
    """{name: exercise} of those that the template calls, and that our solutions of those call."""
    every = {each.name: each for book in cells.notebooks() for each in book.exercises}
    found: set[str] = set()
    todo = names(TEMPLATE).reads & set(every)
    while todo:
        found |= todo
        called = (names(every[name].solution).reads for name in todo)
        todo = frozenset().union(*called) & set(every) - found
    return {name: each for name, each in every.items() if name in found}


def notebooks() -> list[str]:
    """The names of the notebooks whose functions the engine uses, in order."""
    return list(dict.fromkeys(each.notebook for each in wanted().values()))


@cache
def known() -> frozenset[str]:
    """What code finds in the file: the template's own names, and the functions of all notebooks."""
    return names(TEMPLATE).binds | frozenset(wanted())


def collect(folder: Path, fill: bool = False) -> tuple[str | None, list[Gap]]:
    """(the file's text, gaps) from the notebooks in `folder`; with `fill`, the course's own
    function stands in each gap. Without it the text is None if there is a gap: a function that is
    not written, fails its check, or needs a name that the file cannot take from its notebook. The
    checks are run on the notebooks, and then on the finished file, in processes of their own."""
    if folder.resolve() == cells.ROOT / "solutions":  # proven by the tests
        pieces = [Piece(n, _of(n), needed(_of(n), _ours(n), known())) for n in notebooks()]
        return render(pieces, set(wanted())), []
    reasons = _reasons(folder)
    while fill or not reasons:
        pieces = [piece for name in notebooks() for piece in _pieces(folder, name, set(reasons))]
        text = render(pieces, set(wanted()))
        failing = _failing(text, set(reasons))
        if not failing:
            break
        reasons |= failing
    lacking = [each for name, each in wanted().items() if name in reasons]
    gaps = [Gap(each.notebook, each.number, each.name, reasons[each.name]) for each in lacking]
    return text if fill or not gaps else None, gaps


def _reasons(folder: Path) -> dict[str, str]:
    """{function: why it cannot be used}, by the notebooks' own checks and by names not there."""
    reasons = {}
    for status in progress.check(notebooks(), folder):
        outcome = {name: (state, message) for name, state, message in status.exercises}
        theirs = [] if status.fault else _theirs(folder, status.name)
        lazy = sys.version_info >= (3, 14) or any("annotations" in each.names for each in theirs)
        for function in _of(status.name):
            state, message = outcome.get(function, (progress.FAILING, status.fault))
            chosen = needed({function}, theirs, known())
            lacking = ", ".join(sorted(missing(chosen, known(), lazy)))
            if state != progress.DONE:
                reasons[function] = message or NOT_WRITTEN_YET
            elif not any(function in each.names for each in chosen):
                why = "no cell makes it by a def, an = or an import of its name"
                reasons[function] = f"{why}: the file cannot take it from its notebook"
            elif lacking:
                why = f"it uses {lacking}, which the file cannot take from its notebook"
                reasons[function] = why
            elif line := awaiting(chosen):
                reasons[function] = f"it needs `{line}`, but only a notebook runs that await"
    return reasons


def _of(name: str) -> frozenset[str]:
    return frozenset(f for f, each in wanted().items() if each.notebook == name)


def _theirs(folder: Path, name: str) -> list[Definition]:
    job = submission.plan(cells.load(name), submission.load(folder / f"{name}.ipynb"))
    return _apart(step.source for step in job.steps)


@cache
def _ours(name: str) -> list[Definition]:
    code = [cell for cell in cells.load(name).cells if cell.cell_type == "code"]
    return _apart(cell.source for cell in code if cells.kind(cell) != "test")


def _apart(sources: Iterable[str]) -> list[Definition]:
    return without_llmlib(definitions(sources), known())


def _pieces(folder: Path, name: str, reasons: Set[str]) -> Iterator[Piece]:
    """A notebook's own functions; then ours, in the place of those that cannot be used."""
    good, bad = _of(name) - reasons, _of(name) & reasons
    if good:
        found = _theirs(folder, name)
        future = [each for each in found if each.source.startswith("from __future__")]
        yield Piece(name, good, [*future, *needed(good, found, known())])
    if bad:
        yield Piece(name, bad, needed(bad, _ours(name), known()), filled=True)


def _failing(text: str, filled: Set[str]) -> dict[str, str]:
    """{function: why}: the learner's functions whose visible tests fail on the finished file."""
    made = names(text, len(text)).binds
    helpers: dict[str, str] = {}
    tests = []
    for function, exercise in wanted().items():
        imports = submission.imports(cells.load(exercise.notebook))
        test = names(exercise.visible)
        asked = test.reads - test.binds - made - BUILTINS - names(imports).binds
        given = needed(asked, _ours(exercise.notebook), made)
        helpers |= {each.source: exercise.notebook for each in given if not each.names <= made}
        tests.append((function, exercise.visible, imports))
    code = [*parts(text), *((name, source) for source, name in helpers.items())]
    homes = {name: each.notebook for name, each in wanted().items()}
    job = {"module": "my_llm", "cells": code, "tests": tests, "homes": homes}
    outcome = judge(job, progress.SECONDS, set())
    wrong = {name: why for name, why in outcome.items() if why and name not in filled}
    return {name: f"in the finished file: {why}" for name, why in wrong.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add, file = parser.add_argument, Path("my_llm.py")
    prompt = "The capital of France is"
    on = 'what to run it on (default: "%(default)s")'
    add("prompt", nargs="?", default=prompt, metavar="PROMPT", help=on)
    where = "where your notebooks are (default: this folder, else work/ or notebooks/ in it)"
    add("--folder", "--notebooks", type=Path, metavar="DIR", help=where)
    add(
        "--output",
        type=Path,
        default=file,
        metavar="FILE",
        help="default: %(default)s; one from before is kept as FILE.old",
    )
    gaps = "use the course's own function where one is missing or wrong"
    add("--fill", action="store_true", help=gaps)


def run(args: argparse.Namespace) -> int:
    folder = progress.folder_of(args.folder)
    if why := in_the_way(args.output):
        raise ValueError(why)
    smollm2_folder()
    return make(folder, args.output, args.prompt, args.fill)


def make(folder: Path | str, output: Path | str, prompt: str, fill: bool = False) -> int:
    """Write `output` from the notebooks in `folder`, say what is missing, run it on `prompt`:
    returns its exit status, and 1 where something is missing and nothing was written. What was in
    `output` before, perhaps edited since, is kept beside it, with .old behind its name."""
    output = Path(output)
    if why := in_the_way(output):
        print(why)
        return 1
    text, gaps = collect(Path(folder), fill)
    total = len(wanted())
    for gap in gaps:
        print(f"{'filled in from llmlib: ' if fill else ''}{gap}")
    if text is None:
        print(
            f"{len(gaps)} of {total} functions are missing or wrong, so {output} was not written. "
            "Write them, or use the course's own in their place with: llmlib my-llm --fill"
        )
        return 1
    write(output, text)
    own = f"{total - len(gaps)} functions of your own"
    print(f"{output}: {len(text.splitlines())} lines, {own}", flush=True)
    command = [sys.executable, str(output), "--", prompt]
    utf8 = os.environ | {"PYTHONUTF8": "1"}  # Windows cannot write every letter otherwise
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", env=utf8) as process:
        assert process.stdout
        while letter := process.stdout.read(1):  # as it comes, also into a notebook
            print(letter, end="", flush=True)
    return process.returncode
