"""Run `llmlib oral-questions`: ask three questions on a learner's own code, with answers, for a
short talk. The author of a function knows what every line is for. No model is asked: a line is
removed or changed, the checks run in the sandbox, and their message is the answer."""

import argparse
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from classroom.checking.run_cells import to_python
from classroom.checking.scopes import MAX_ANALYSED
from classroom.checking.submission import Cell, Unreadable
from exercises.format import notebooks
from grader import submissions
from grader.host import read_submission
from grader.host.time_limits import Limits
from grader.marking.runner import Runner
from grader.mutations import Mutant, mutants
from grader.results import Outcome
from llmlib import files

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
    """Hold one question on the function `exercise`, whose cell holds `code`, and its answer."""

    exercise: str
    code: str
    asks: str
    answer: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib oral-questions`."""
    submissions.add_arguments(parser)
    parser.add_argument("--student", help="this student only; about 10 s a notebook")
    help_text = "one file a student (default: oral_questions/ beside SUBMITTED_DIR)"
    parser.add_argument("--output", type=Path, metavar="DIR", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Return 0 if all notebooks were read, 1 if some, which are named, were not. Raises
    `Unavailable`."""
    tasks = submissions.find(args.submitted, notebooks.names(), args.assignment, args.student)
    args.output = args.output or args.submitted.resolve().parent / "oral_questions"
    args.output.mkdir(parents=True, exist_ok=True)  # refused now, not once a notebook
    pages: dict[str, str] = {}

    def ask(task: submissions.Task, notebook: notebooks.Notebook, handed_in: list[Cell]) -> None:
        selection = questions(runner, notebook, handed_in, task.student)
        page = pages.get(task.student, HEAD.format(student=task.student))
        pages[task.student] = page + "".join(_text(notebook, selection))
        files.write(args.output / f"{task.student}.txt", pages[task.student])
        print(f"{task.student}  {task.assignment}  {len(selection)} questions", flush=True)

    with contextlib.closing(Runner(notebooks.lessons(), limits=LIMITS)) as runner:
        return submissions.each_lesson(tasks, ask)


def questions(
    runner: Runner, notebook: notebooks.Notebook, cells: list[Cell], student: str
) -> list[Question]:
    """Return at most `MOST`, on different functions where that can be; the same ones each time."""
    stubs = {exercise.name: exercise.stub.strip() for exercise in notebook.exercises}
    answers = [cell for cell in cells if cell.source.strip() != stubs.get(cell.grade_id or "")]
    sources = {cell.grade_id: cell.source for cell in answers if cell.kind == "code"}
    outcomes = runner.grade(notebook, cells).outcomes
    # Solved on their own.
    names = {outcome.exercise for outcome in outcomes if outcome.solved and not outcome.instead}
    names &= sources.keys()
    candidates = [exercise for exercise in notebook.exercises if exercise.name in names]
    candidates.sort(key=lambda exercise: -len(sources[exercise.name]))
    pool: dict[str, dict[str, Question]] = {}
    for exercise in candidates[:MOST]:
        code, trials = sources[exercise.name], []
        for mutant in _mutants(code, student):
            variant = [
                replace(cell, source=mutant.source) if cell.grade_id == exercise.name else cell
                for cell in cells
            ]
            outcome = runner.grade(replace(notebook, exercises=(exercise,)), variant)[exercise.name]
            if not outcome.solved and outcome.raised not in UNBOUND:
                trials.append((mutant, outcome))
        pool[exercise.name] = _questions(exercise.name, code, trials)
    selection: list[Question] = []
    for kind in KINDS:
        open_ = [name for name in pool if kind in pool[name]]
        new = [name for name in open_ if name not in [question.exercise for question in selection]]
        selection += [pool[name][kind] for name in (new or open_)[:1]]
    return selection


def _mutants(source: str, student: str) -> list[Mutant]:
    """Return one for each of at most `TRIES` lines, in an order of each student's own."""

    def work() -> list[Mutant]:
        last = source.count("\n") + 1  # a magic adds lines
        candidates = [e for e in islice(mutants(to_python(source)), KEPT) if e.line <= last]
        random.Random(f"{student}{source}").shuffle(candidates)
        return list({mutant.line: mutant for mutant in candidates}.values())[:TRIES]

    with contextlib.suppress(Unreadable):
        if len(source) <= MAX_ANALYSED:
            return [Mutant(*fields) for fields in read_submission.run_limited(work)]
    return []


def _questions(name: str, code: str, trials: list[tuple[Mutant, Outcome]]) -> dict[str, Question]:
    """Return the first of each kind, on changes of one function that its checks noticed."""
    lines, times = code.split("\n"), Counter(outcome.claim for _, outcome in trials)
    by_kind: dict[str, Question] = {}
    for mutant, outcome in trials:
        line, after = f"line {mutant.line}", f"`{mutant.after}`"
        before = f"`{mutant.before if mutant.after else lines[mutant.line - 1].strip()}`"
        answer = f"The check says: “{outcome.message}”"
        if not outcome.named:  # where its detail is a place, it counts lines as Python writes them
            answer = f"It fails: “{outcome.claim}”"
        alone = times[outcome.claim] == 1 and len(trials) >= FEW
        if outcome.named and alone and WHICH not in by_kind:
            change = f"with {after} in its place" if mutant.after else "without it"
            answer = f"Line {mutant.line}, {before}: {change}, the check says just that. "
            answer += f"Changes of {len(trials) - 1} other lines bring other words."
            kind, asks = WHICH, f"Which line of yours prevents this: “{outcome.claim}”?"
        elif mutant.after:
            kind, asks = CHANGED, f"In {line}, {before} becomes {after}. What goes wrong?"
        else:
            kind, asks = WITHOUT, f"What would go wrong without {line}, {before}?"
        by_kind.setdefault(kind, Question(name, code.rstrip("\n"), asks, answer))
    return by_kind


def _text(notebook: notebooks.Notebook, questions: list[Question]) -> Iterator[str]:
    """Yield plain text: nothing in it is markup, whatever a learner wrote."""
    yield f"\n\n{notebook.heading}\n"
    if not questions:
        yield "\nNo function that is solved in its own cell: nothing to ask.\n"
    for number, question in enumerate(questions, 1):
        code, asks, answer = (
            submissions.without_controls(text.expandtabs())
            for text in (question.code, question.asks, question.answer)
        )
        code = "".join(f"    {at:3}  {line}\n" for at, line in enumerate(code.split("\n"), 1))
        yield f"\n{number}. {question.exercise}: {asks}\n\n{code}\n   Answer: {answer}\n"
