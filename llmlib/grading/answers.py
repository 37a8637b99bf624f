"""`llmlib answers`: each answer as a file of its own, EXERCISE/STUDENT.py, for tools that compare
programs (JPlag, compare50), and a table of pairs that are more alike than answers written apart.
Nothing is run, and an untouched stub is left out."""

import argparse
import shutil
import sys
from collections import defaultdict
from pathlib import Path

from llmlib import files
from llmlib.course import cells, handed_in
from llmlib.course.source import Notebook
from llmlib.grading import tasks
from llmlib.grading.alike import Pair, Words, stands_out, words
from llmlib.grading.outside import reading, submission
from llmlib.grading.report import write_table

TABLE, SHOWN = "alike.csv", 20  # pairs; the table has them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = "STUDENT/NOTEBOOK/NOTEBOOK.ipynb below it"
    parser.add_argument("submitted", type=Path, metavar="SUBMITTED_DIR", help=where)
    parser.add_argument("--assignment", help="this notebook only")
    made = "made anew each time (default: %(default)s)"
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path("grading/answers"), help=made
    )


def run(args: argparse.Namespace) -> int:
    """0: all notebooks read; 1: some could not be, and are named with their reason."""
    if not args.submitted.is_dir():
        raise FileNotFoundError(f"there is no folder {args.submitted}")
    notebooks = {each.name: each for each in cells.course().lessons}
    _empty(args.output, {each.name for book in notebooks.values() for each in book.exercises})
    count, faults = 0, 0
    written: dict[str, dict[str, Words]] = defaultdict(dict)  # {exercise: {student: tokens}}
    for task in tasks.find(args.submitted, cells.names(), args.assignment):
        if task.assignment not in notebooks and not task.fault:
            continue  # the quiz has letters, no programs
        try:
            if task.fault:
                raise handed_in.Unreadable(task.fault)
            found = answers(notebooks[task.assignment], submission.data(task.path))
            read = reading.limited(lambda: {name: words(found[name]) for name in found})
        except (handed_in.Unreadable, TimeoutError) as fault:
            faults += 1
            print(f"left out: {task.student}  {task.assignment}: {fault}", file=sys.stderr)
            continue
        for exercise, source in found.items():
            path = args.output / exercise / f"{task.student}.py"
            files.write(path, source.encode("utf-8", "replace"))
            written[exercise][task.student] = read[exercise]
        count += len(found)
    print(f"{count} answers in {args.output}, a folder for each exercise")
    rows: list[dict] = []
    for notebook in notebooks.values():
        for pair in stands_out(notebook.exercises, written):
            if len(rows) < SHOWN:
                print(_line(notebook.name, pair))
            names = {"notebook": notebook.name, "exercises": " ".join(pair.exercises)}
            rows.append(pair._asdict() | names)
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more pairs that are alike")
    write_table(args.output / TABLE, ["notebook", *Pair._fields], rows)
    return int(faults > 0)


def answers(notebook: Notebook, data: bytes) -> dict[str, str]:
    """{exercise: source}, as written; the last cell counts where one was copied. Raises
    `Unreadable`."""
    stubs = {each.name: each.stub.strip() for each in notebook.exercises}
    cells = reading.cells(data)[0]
    found = {cell.grade_id: cell.source for cell in cells if cell.grade_id in stubs}
    return {name: f"{source.strip()}\n" for name, source in found.items()
            if name and source.strip() not in ("", stubs[name])}  # fmt: skip


def _line(notebook: str, pair: Pair) -> str:
    share, usual = f"{pair.alike:.0%}", f"{pair.usual:.0%}"
    where = f"{', '.join(pair.exercises)} ({share} of what is their own; usual: {usual})"
    return f"alike: {pair.one} and {pair.other}  {notebook}  {where}"


def _empty(folder: Path, ours: set[str]) -> None:
    """Raises ValueError rather than remove a folder that holds something else."""
    others = {path.name for path in folder.iterdir()} - ours - {TABLE} if folder.exists() else set()
    if others:
        raise ValueError(f"{folder} holds {min(others)!r}, no answers of ours: give another folder")
    shutil.rmtree(folder, ignore_errors=True)
