"""`llmlib oral-questions`: three questions on a learner's own code, with answers, for a short talk.
The author of a function knows what every line is for. No model is asked: a line is removed
or changed, the checks run in the sandbox, and their message is the answer."""

import argparse
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from llmlib import files
from llmlib.course.checking.run_cells import to_python
from llmlib.course.checking.scopes import MAX_ANALYSED
from llmlib.course.checking.submission import Cell, Unreadable
from llmlib.course.format import notebooks
from llmlib.grading import submissions
from llmlib.grading.host import read_submission
from llmlib.grading.host.time_limits import Limits
from llmlib.grading.marking.runner import Runner
from llmlib.grading.mutations import Mutant, mutants
from llmlib.grading.results import Outcome

LIMITS = Limits(cell=10, call=5, test=20, notebook=60)  # a changed loop may have no end
KINDS = WHICH, WITHOUT, CHANGED = "which", "without", "changed"
MOST = len(KINDS)  # questions on one notebook
TRIES = 8  # changes of one function that are run, each in another line
FEW = 4  # noticed ones; then a message may be asked about
KEPT = 400  # changes of one function to choose from
UNBOUND = "NameError", "UnboundLocalError"  # who sees that a name is gone need not know the line
HEAD = """{student}

Questions on this learner's own code. Each answer was found by running the checks on the function
without that line, or with it changed. Another answer can be right, too.
"""


class Question(NamedTuple):
    """One question on the function `exercise`, whose cell holds `code`, and its answer."""

    exercise: str
    code: str
    asks: str
    answer: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib oral-questions`."""
    submissions.add_arguments(parser)
    parser.add_argument("--student", help="this student only; about 10 s a notebook")
    made = "one file a student (default: oral_questions/ beside SUBMITTED_DIR)"
    parser.add_argument("--output", type=Path, metavar="DIR", help=made)


def run(args: argparse.Namespace) -> int:
    """0: all notebooks read; 1: some could not be, and are named. Raises `Unavailable`."""
    found = submissions.find(args.submitted, notebooks.names(), args.assignment, args.student)
    args.output = args.output or args.submitted.resolve().parent / "oral_questions"
    args.output.mkdir(parents=True, exist_ok=True)  # refused now, not once a notebook
    pages: dict[str, str] = {}

    def ask(task: submissions.Task, notebook: notebooks.Notebook, handed_in: list[Cell]) -> None:
        asked = questions(runner, notebook, handed_in, task.student)
        page = pages.get(task.student, HEAD.format(student=task.student))
        pages[task.student] = page + "".join(_text(notebook, asked))
        files.write(args.output / f"{task.student}.txt", pages[task.student])
        print(f"{task.student}  {task.assignment}  {len(asked)} questions", flush=True)

    with contextlib.closing(Runner(notebooks.lessons(), limits=LIMITS)) as runner:
        return submissions.each_lesson(found, ask)


def questions(
    runner: Runner, notebook: notebooks.Notebook, written: list[Cell], student: str
) -> list[Question]:
    """At most `MOST`, on different functions where that can be; the same ones each time."""
    stubs = {each.name: each.stub.strip() for each in notebook.exercises}
    own = [cell for cell in written if cell.source.strip() != stubs.get(cell.grade_id or "")]
    mine = {cell.grade_id: cell.source for cell in own if cell.kind == "code"}
    graded = runner.grade(notebook, written).outcomes
    solved = {each.exercise for each in graded if each.solved and not each.instead}  # on their own
    theirs = [each for each in notebook.exercises if each.name in solved and each.name in mine]
    theirs.sort(key=lambda each: -len(mine[each.name]))
    asked: dict[str, dict[str, Question]] = {}
    for one in theirs[:MOST]:
        code, tried = mine[one.name], []
        for mutant in _mutants(code, student):
            changed = [
                replace(cell, source=mutant.source) if cell.grade_id == one.name else cell
                for cell in written
            ]
            outcome = runner.grade(replace(notebook, exercises=(one,)), changed)[one.name]
            if not outcome.solved and outcome.raised not in UNBOUND:
                tried.append((mutant, outcome))
        asked[one.name] = _questions(one.name, code, tried)
    made: list[Question] = []
    for kind in KINDS:
        open_ = [name for name in asked if kind in asked[name]]
        new = [name for name in open_ if name not in [each.exercise for each in made]]
        made += [asked[name][kind] for name in (new or open_)[:1]]
    return made


def _mutants(source: str, student: str) -> list[Mutant]:
    """One for each of at most `TRIES` lines, in an order of each student's own."""

    def work() -> list[Mutant]:
        last = source.count("\n") + 1  # a magic adds lines
        found = [e for e in islice(mutants(to_python(source)), KEPT) if e.line <= last]
        random.Random(f"{student}{source}").shuffle(found)
        return list({each.line: each for each in found}.values())[:TRIES]

    with contextlib.suppress(Unreadable):
        if len(source) <= MAX_ANALYSED:
            return [Mutant(*each) for each in read_submission.run_limited(work)]
    return []


def _questions(name: str, code: str, tried: list[tuple[Mutant, Outcome]]) -> dict[str, Question]:
    """The first of each kind, on changes of one function that its checks noticed."""
    lines, times = code.split("\n"), Counter(outcome.claim for _, outcome in tried)
    made: dict[str, Question] = {}
    for mutant, outcome in tried:
        line, after = f"line {mutant.line}", f"`{mutant.after}`"
        before = f"`{mutant.before if mutant.after else lines[mutant.line - 1].strip()}`"
        said = f"The check says: “{outcome.message}”"
        if not outcome.named:  # where its detail is a place, it counts lines as Python writes them
            said = f"It fails: “{outcome.claim}”"
        alone = times[outcome.claim] == 1 and len(tried) >= FEW
        if outcome.named and alone and WHICH not in made:
            what = f"with {after} in its place" if mutant.after else "without it"
            said = f"Line {mutant.line}, {before}: {what}, the check says just that. "
            said += f"Changes of {len(tried) - 1} other lines bring other words."
            kind, asks = WHICH, f"Which line of yours prevents this: “{outcome.claim}”?"
        elif mutant.after:
            kind, asks = CHANGED, f"In {line}, {before} becomes {after}. What goes wrong?"
        else:
            kind, asks = WITHOUT, f"What would go wrong without {line}, {before}?"
        made.setdefault(kind, Question(name, code.rstrip("\n"), asks, said))
    return made


def _text(notebook: notebooks.Notebook, asked: list[Question]) -> Iterator[str]:
    """Plain text: nothing in it is markup, whatever a learner wrote."""
    yield f"\n\n{notebook.heading}\n"
    if not asked:
        yield "\nNo function that is solved in its own cell: nothing to ask.\n"
    for number, each in enumerate(asked, 1):
        code, asks, answer = (
            submissions.without_controls(text.expandtabs())
            for text in (each.code, each.asks, each.answer)
        )
        code = "".join(f"    {at:3}  {line}\n" for at, line in enumerate(code.split("\n"), 1))
        yield f"\n{number}. {each.exercise}: {asks}\n\n{code}\n   Answer: {answer}\n"
