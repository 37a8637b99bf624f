"""`llmlib defence`: three questions on what a learner wrote, with their answers, for a talk of five
minutes. Who wrote a function knows what each of its lines is for.

No model is asked: a line is left out or changed, the checks run in the sandbox, and what they say
is the answer.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from llmlib import files
from llmlib.course import cells, handed_in
from llmlib.course.cells import Notebook
from llmlib.course.handed_in import Cell
from llmlib.course.run_cells import python
from llmlib.course.scopes import MAX_ANALYSED
from llmlib.grading import tasks
from llmlib.grading.mutations import Mutant, mutants
from llmlib.grading.outside import reading, submission
from llmlib.grading.outside.remote import Limits
from llmlib.grading.outside.runner import Runner
from llmlib.grading.outside.sandbox import Unavailable
from llmlib.grading.results import Outcome

LIMITS = Limits(cell=10, call=5, test=20, notebook=60)  # a changed loop may have no end
KINDS = WHICH, WITHOUT, CHANGED = "which", "without", "changed"
MOST = len(KINDS)  # questions on one notebook
TRIES = 8  # changes of one function that are run, each in another line
FEW = 4  # noticed ones, of which one alone is told by its message
KEPT = 400  # changes of one function to choose from
HEAD = """{student}

Questions on this learner's own code. Each answer was found by running the checks on the function
without that line, or with it changed. Another answer can be right, too.
"""


class Question(NamedTuple):
    """On line `mutant.line` of the function `exercise`, whose cell holds `code`."""

    exercise: str
    code: str
    asks: str
    answer: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = "STUDENT/NOTEBOOK/NOTEBOOK.ipynb below it"
    parser.add_argument("submitted", type=Path, metavar="SUBMITTED_DIR", help=where)
    parser.add_argument("--assignment", help="this notebook only")
    parser.add_argument("--student", help="this student only; about 10 s a notebook")
    folder = Path("grading/defence")
    made = "a file a student (default: %(default)s)"
    parser.add_argument("--output", type=Path, metavar="DIR", default=folder, help=made)


def run(args: argparse.Namespace) -> int:
    """0: all notebooks read; 1: some could not be, and are named; 2: there is no sandbox."""
    if not args.submitted.is_dir():
        raise FileNotFoundError(f"there is no folder {args.submitted}")
    lessons = {each.name: each for each in cells.course().lessons}
    found = tasks.find(args.submitted, cells.names(), args.assignment, args.student)
    todo = [each for each in found if each.assignment in lessons or each.fault]
    pages: dict[str, str] = {}
    faults = 0
    try:
        runner = Runner(lessons.values(), limits=LIMITS)
    except Unavailable as reason:
        print(f"llmlib defence: {reason}", file=sys.stderr)
        return 2
    try:
        for task in todo:
            try:
                if task.fault:
                    raise handed_in.Unreadable(task.fault)
                written = reading.cells(submission.data(task.path))[0]
            except (handed_in.Unreadable, TimeoutError) as fault:
                faults += 1
                print(f"left out: {task.student}  {task.assignment}: {fault}", file=sys.stderr)
                continue
            asked = questions(runner, lessons[task.assignment], written, task.student)
            page = pages.get(task.student, HEAD.format(student=task.student))
            pages[task.student] = page + "".join(_text(lessons[task.assignment], asked))
            files.write(args.output / f"{task.student}.txt", pages[task.student].encode())
            print(f"{task.student}  {task.assignment}  {len(asked)} questions", flush=True)
    finally:
        runner.close()
    return int(faults > 0)


def questions(
    runner: Runner, notebook: Notebook, written: list[Cell], student: str
) -> list[Question]:
    """At most `MOST`, on different functions where that can be; the same ones each time."""
    mine = {cell.grade_id: cell.source for cell in written if cell.kind == "code"}
    solved = {each.exercise for each in runner.grade(notebook, written).outcomes if each.solved}
    tasks = [each for each in notebook.exercises if each.name in solved and each.name in mine]
    tasks.sort(key=lambda each: -len(mine[each.name]))
    asked: dict[str, dict[str, Question]] = {}
    for task in tasks[:MOST]:
        code, tried = mine[task.name], []
        for mutant in _mutants(code, student):
            changed = [
                replace(cell, source=mutant.source) if cell.grade_id == task.name else cell
                for cell in written
            ]
            outcome = runner.grade(replace(notebook, exercises=(task,)), changed)[task.name]
            if not outcome.solved and "NameError" not in outcome.message:
                tried.append((mutant, outcome))
        asked[task.name] = {
            kind: Question(task.name, code.strip("\n"), *said)
            for kind, said in _questions(code.split("\n"), tried).items()
        }
    made: list[Question] = []
    for kind in KINDS:
        open_ = [name for name in asked if kind in asked[name]]
        new = [name for name in open_ if name not in [each.exercise for each in made]]
        made += [asked[name][kind] for name in (new or open_)[:1]]
    return made


def _mutants(source: str, student: str) -> list[Mutant]:
    """One for each of at most `TRIES` lines, shuffled for each student anew. A text can be dear to
    read, so that is bounded."""

    def work() -> list:
        return [list(each) for each, _ in zip(mutants(python(source)), range(KEPT))]

    try:
        found = reading.limited(work) if len(source) <= MAX_ANALYSED else []
    except handed_in.Unreadable:
        found = []
    found = [each for each in found if each[0] <= source.count("\n") + 1]  # a magic adds lines
    random.Random(f"{student}{source}").shuffle(found)
    lines = {each[0]: Mutant(*each) for each in found}
    return list(lines.values())[:TRIES]


def _questions(code: list[str], tried: list[tuple[Mutant, Outcome]]) -> dict[str, tuple[str, str]]:
    """{kind: (question, answer)} for changes of one function that its checks noticed."""
    times = Counter(outcome.claim for _, outcome in tried)
    made: dict[str, tuple[str, str]] = {}
    for mutant, outcome in tried:
        line, after = f"line {mutant.line}", f"`{mutant.after}`"
        before = f"`{mutant.before if mutant.after else code[mutant.line - 1].strip()}`"
        said = f"{'The check says' if outcome.named else 'It fails'}: “{outcome.message}”"
        alone = times[outcome.claim] == 1 and len(tried) >= FEW
        if outcome.named and alone and WHICH not in made:
            what = f"with {after} in its place" if mutant.after else "without it"
            answer = f"Line {mutant.line}, {before}: {what}, the check says just that. "
            answer += f"Changes of {len(tried) - 1} other lines bring other words."
            made[WHICH] = f"Which line of yours prevents this: “{outcome.claim}”?", answer
        elif mutant.after:
            asks = f"In {line}, {before} becomes {after}. What goes wrong?"
            made.setdefault(CHANGED, (asks, said))
        else:
            asks = f"What would go wrong without {line}, {before}?"
            made.setdefault(WITHOUT, (asks, said))
    return made


def _text(notebook: Notebook, asked: list[Question]) -> Iterator[str]:
    """Plain text: nothing in it is markup, whatever a learner wrote."""
    yield f"\n\n{notebook.heading}\n"
    if not asked:
        yield "\nNo function that is solved in its own cell: nothing to ask.\n"
    for number, each in enumerate(asked, 1):
        lines = each.code.encode("utf-8", "replace").decode().expandtabs().split("\n")
        code = "".join(f"    {at:3}  {_printable(line)}\n" for at, line in enumerate(lines, 1))
        yield f"\n{number}. {each.exercise}: {each.asks}\n\n{code}\n   Answer: {each.answer}\n"


def _printable(line: str) -> str:
    return "".join(each for each in line if each.isprintable())
