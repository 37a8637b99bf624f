"""`llmlib grade SUBMITTED_DIR`: grade what was handed in, in parallel, in a sandbox; a killed run goes on."""

import functools
import os
import sys
from pathlib import Path

from traitlets.config import PyFileConfigLoader

from llmlib.course import cells as course
from llmlib.grading import batch, report
from llmlib.grading.gradebook import Book
from llmlib.grading.runner import Runner
from llmlib.grading.sandbox import Unavailable


def add_arguments(parser):
    parser.add_argument(
        "submitted",
        type=Path,
        metavar="SUBMITTED_DIR",
        help="STUDENT/NOTEBOOK/NOTEBOOK.ipynb below it",
    )
    parser.add_argument("--assignment", help="this notebook only")
    parser.add_argument("--student", help="this student only")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count(),
        metavar="N",
        help="default: one for each core",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("nbgrader_config.py"),
        help="default: nbgrader_config.py here",
    )
    parser.add_argument(
        "--unsafe", action="store_true", help="without a sandbox; every score is marked as such"
    )


def settings(path):
    """(folder of the nbgrader course, gradebook URL, course id) as the config file says."""
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}: run this in the course's folder, or give --config"
        )
    config = (
        PyFileConfigLoader(path.name, path=str(path.resolve().parent)).load_config().CourseDirectory
    )
    root = Path(config.get("root") or path.resolve().parent)
    return (
        root,
        config.get("db_url") or f"sqlite:///{root / 'gradebook.db'}",
        config.get("course_id") or "",
    )


def run(args):
    """0: every submission graded; 1: some could not be, each with its reason; 2: nothing was started."""
    root, url, course_id = settings(args.config)
    if not args.submitted.is_dir():
        raise FileNotFoundError(f"there is no folder {args.submitted}")
    if args.workers < 1:
        raise ValueError("--workers must be at least 1")
    notebooks = {name: course.load(name) for name in course.names()}
    tasks = batch.find(args.submitted, notebooks, args.assignment, args.student)
    used = {
        name: each
        for name, each in notebooks.items()
        if any(task.assignment == name for task in tasks)
    }
    make_runner = functools.partial(Runner, unsafe=args.unsafe)
    rows = []
    try:
        results = batch.Results(root / "results", args.unsafe)
        with Book(url, course_id) as book:
            for task, result in batch.grade(
                tasks, used, make_runner, args.workers, results, book, root
            ):
                rows.append((task, result))
                print(_row(task, result), flush=True)
    except (Unavailable, batch.Busy) as reason:
        print(f"llmlib grade: {reason}", file=sys.stderr)
        return 2
    report.scores(rows, root)
    report.write_class_report(rows, used, root)
    faults = sum("fault" in result for _, result in rows)
    print(
        f"{len(rows) - faults} graded, {faults} not. In {root}: scores.csv, class.csv, class.png, feedback/"
    )
    return 1 if faults else 0


def _row(task, result):
    lead = f"{task.student}  {task.assignment}  "
    if "fault" in result:
        return f"{lead}not graded: {result['fault']}"
    tests = result["tests"].values()
    marks = "  (without a sandbox)" if result["unsafe"] else ""
    return f"{lead}{sum(each['points'] for each in tests):g}/{sum(each['max'] for each in tests):g}{marks}"
