"""Run `llmlib export-answers`: write every answer as a file of its own, EXERCISE/STUDENT.py, for
tools that compare programs (JPlag, compare50), and a table of the pairs that are suspiciously
similar. Nothing is run, and untouched stubs are left out."""

import argparse
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from unicodedata import normalize

from classroom.checking.scopes import MAX_ANALYSED
from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader import submissions
from grader.host import read_submission
from grader.report import write_table
from grader.similarity import Pair, Words, similar_pairs, words
from llmlib import files

TABLE, SHOWN = "similar.csv", 20  # pairs; the table has them all
OLD_TABLE = "alike.csv"  # its name until 1.2.4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib export-answers`."""
    submissions.add_arguments(parser)
    help_text = "emptied first (default: answers/ beside SUBMITTED_DIR)"
    parser.add_argument("--output", type=Path, metavar="DIR", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Return 0 if all notebooks were read, 1 if some were not: they are named with their reason."""
    tasks = submissions.find(args.submitted, notebooks.names(), args.assignment)
    args.output = args.output or args.submitted.resolve().parent / "answers"
    lessons = notebooks.lessons()
    open_ = f".~lock.{TABLE}#"  # LibreOffice's, while it shows the table
    file_names = {
        TABLE,
        OLD_TABLE,
        open_,
        *(exercise.name for notebook in lessons for exercise in notebook.exercises),
    }
    paths = args.output.iterdir() if args.output.exists() else ()
    foreign_files = {path.name for path in paths} - file_names
    if foreign_files:  # a folder that holds something else is not removed
        problem = f"{args.output} holds {min(foreign_files)!r}, which this command did not write"
        raise ValueError(f"{problem}: give another folder")
    args.output.resolve().mkdir(parents=True, exist_ok=True)
    for path in [*args.output.iterdir()]:  # not the folder: it may be the current one
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    tokens: dict[str, dict[str, Words]] = defaultdict(dict)  # {exercise: {student: tokens}}

    def write(task: submissions.Task, notebook: notebooks.Notebook, handed_in: list[Cell]) -> None:
        def work() -> dict[str, tuple[str, Words]]:  # a text can be dear to look through
            sources = answers(notebook, handed_in)
            return {exercise: (source, words(source)) for exercise, source in sources.items()}

        for exercise, (source, answer_tokens) in read_submission.run_limited(work).items():
            if len(source) > MAX_ANALYSED:
                print(f"too long, compared in part: {task.student}  {exercise}", file=sys.stderr)
            text = submissions.without_controls(source)
            files.write(args.output / exercise / f"{task.student}.py", text)
            tokens[exercise][task.student] = answer_tokens

    status = submissions.each_lesson(tasks, write)
    count = sum(map(len, tokens.values()))
    print(f"{count} answers in {args.output}, a folder for each exercise")
    rows: list[dict] = []
    for notebook in lessons:
        for pair in similar_pairs(notebook.exercises, tokens):
            if len(rows) < SHOWN:
                shares = f"({pair.similarity:.0%} the same; usual: {pair.usual:.0%})"
                location = f"{notebook.name}  {', '.join(pair.exercises)} {shares}"
                print(f"similar: {pair.one} and {pair.other}  {location}")
            names = {"notebook": notebook.name, "exercises": " ".join(pair.exercises)}
            rows.append(pair._asdict() | names)
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more similar pairs")
    write_table(args.output / TABLE, ["notebook", *Pair._fields], rows)
    return status


def answers(notebook: notebooks.Notebook, handed_in: list[Cell]) -> dict[str, str]:
    """Return {exercise: source}, as written; the last cell counts where one was copied. Added cells
    that define the name are appended, so that no answer can be hidden there."""
    sources: dict[str, str] = {}
    cells = [cell for cell in notebook.cells if notebooks.kind(cell) != "solution"]
    course_sources = {cell.source.strip() for cell in cells}
    for exercise in notebook.exercises:
        course_sources |= {exercise.stub.strip(), exercise.visible.strip()}
    for exercise in notebook.exercises:
        pattern = rf"^(async\s+)?def\s+{exercise.name}\b|^{exercise.name}\s*="
        definition = re.compile(pattern, re.MULTILINE)
        answer, additions = [], []
        for cell in handed_in:
            text = cell.source.strip()
            if cell.grade_id == exercise.name and text not in ("", exercise.stub.strip()):
                answer = [text]
            elif cell.grade_id != exercise.name and cell.kind == "code":
                if text not in course_sources and definition.search(normalize("NFKC", text)):
                    additions.append(text)
        if texts := list(dict.fromkeys([*answer, *additions])):
            sources[exercise.name] = "\n\n\n".join(texts) + "\n"
    return sources
