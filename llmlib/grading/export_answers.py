"""`llmlib export-answers`: every answer as a file of its own, EXERCISE/STUDENT.py, for tools that
compare programs (JPlag, compare50), and a table of the pairs that are suspiciously similar.
Nothing is run, and untouched stubs are left out."""

import argparse
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from unicodedata import normalize

from llmlib import files
from llmlib.course.checking.scopes import MAX_ANALYSED
from llmlib.course.checking.submission import Cell
from llmlib.course.format import notebooks
from llmlib.grading import submissions
from llmlib.grading.host import read_submission
from llmlib.grading.report import write_table
from llmlib.grading.similarity import Pair, Words, similar_pairs, words

TABLE, SHOWN = "similar.csv", 20  # pairs; the table has them all
OLD_TABLE = "alike.csv"  # its name until 1.2.4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib export-answers`."""
    submissions.add_arguments(parser)
    made = "emptied first (default: answers/ beside SUBMITTED_DIR)"
    parser.add_argument("--output", type=Path, metavar="DIR", help=made)


def run(args: argparse.Namespace) -> int:
    """0: all notebooks read; 1: some could not be, and are named with their reason."""
    found = submissions.find(args.submitted, notebooks.names(), args.assignment)
    args.output = args.output or args.submitted.resolve().parent / "answers"
    lessons = notebooks.lessons()
    open_ = f".~lock.{TABLE}#"  # LibreOffice's, while it shows the table
    ours = {
        TABLE,
        OLD_TABLE,
        open_,
        *(each.name for notebook in lessons for each in notebook.exercises),
    }
    others = {path.name for path in args.output.iterdir()} - ours if args.output.exists() else set()
    if others:  # a folder that holds something else is not removed
        held = f"{args.output} holds {min(others)!r}, which this command did not write"
        raise ValueError(f"{held}: give another folder")
    args.output.resolve().mkdir(parents=True, exist_ok=True)
    for path in [*args.output.iterdir()]:  # not the folder: it may be the current one
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    written: dict[str, dict[str, Words]] = defaultdict(dict)  # {exercise: {student: tokens}}

    def write(task: submissions.Task, notebook: notebooks.Notebook, handed_in: list[Cell]) -> None:
        def work() -> dict[str, tuple[str, Words]]:  # a text can be dear to look through
            found = answers(notebook, handed_in)
            return {exercise: (source, words(source)) for exercise, source in found.items()}

        for exercise, (source, read) in read_submission.run_limited(work).items():
            if len(source) > MAX_ANALYSED:
                print(f"too long, compared in part: {task.student}  {exercise}", file=sys.stderr)
            text = submissions.without_controls(source)
            files.write(args.output / exercise / f"{task.student}.py", text)
            written[exercise][task.student] = read

    status = submissions.each_lesson(found, write)
    count = sum(map(len, written.values()))
    print(f"{count} answers in {args.output}, a folder for each exercise")
    rows: list[dict] = []
    for notebook in lessons:
        for pair in similar_pairs(notebook.exercises, written):
            if len(rows) < SHOWN:
                how = f"({pair.similarity:.0%} the same; usual: {pair.usual:.0%})"
                where = f"{notebook.name}  {', '.join(pair.exercises)} {how}"
                print(f"similar: {pair.one} and {pair.other}  {where}")
            names = {"notebook": notebook.name, "exercises": " ".join(pair.exercises)}
            rows.append(pair._asdict() | names)
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more similar pairs")
    write_table(args.output / TABLE, ["notebook", *Pair._fields], rows)
    return status


def answers(notebook: notebooks.Notebook, handed_in: list[Cell]) -> dict[str, str]:
    """{exercise: source}, as written; the last cell counts where one was copied. Added cells
    that define the name are appended, so that no answer can be hidden there."""
    found: dict[str, str] = {}
    ours = {each.source.strip() for each in notebook.cells if notebooks.kind(each) != "solution"}
    for each in notebook.exercises:
        ours |= {each.stub.strip(), each.visible.strip()}
    for each in notebook.exercises:
        made = rf"^(async\s+)?def\s+{each.name}\b|^{each.name}\s*="
        defined = re.compile(made, re.MULTILINE)
        marked, added = [], []
        for cell in handed_in:
            text = cell.source.strip()
            if cell.grade_id == each.name and text not in ("", each.stub.strip()):
                marked = [text]
            elif cell.grade_id != each.name and cell.kind == "code":
                if text not in ours and defined.search(normalize("NFKC", text)):
                    added.append(text)
        if texts := list(dict.fromkeys([*marked, *added])):
            found[each.name] = "\n\n\n".join(texts) + "\n"
    return found
