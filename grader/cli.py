"""Run `llmlib grade DOWNLOADS`: sort them, grade in parallel, in a sandbox; a killed run goes on.
With `--exchange` nbgrader's exchange takes the place of the downloads."""

import argparse
import contextlib
import functools
from collections import Counter
from pathlib import Path
from typing import Any

from nbgrader.preprocessors import AssignLatePenalties
from traitlets import TraitError
from traitlets.config import Config

from classroom import page_address
from classroom.processors import processors
from exercises.format import notebooks as course_notebooks
from grader import (
    batch,
    course_config,
    downloads,
    exchange,
    nbgrader_plugin,
    report,
    submissions,
    worker_pool,
)
from grader.course_config import CONFIG, settings
from grader.gradebook import GradebookWriter, Marks, refuse_others
from grader.host.time_limits import Limits
from grader.marking.runner import Runner
from grader.results import Graded, NotGraded, Result
from grader.review import FINDINGS, MISTAKES, Review
from llmlib import installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib grade`."""
    help_text = (
        "a folder or archive as Canvas or Moodle gave it, loose files with students' names, "
        "or STUDENT/NOTEBOOK/NOTEBOOK.ipynb"
    )
    submissions.add_arguments(parser, "DOWNLOADS", help_text, nargs="?")
    add, yes = parser.add_argument, "store_true"
    add("--exchange", action=yes, help="collect and grade what came through nbgrader's exchange")
    add("--student", help="this student only")
    cores = "default: one for each core that it may use"
    add("--workers", type=int, default=processors(), metavar="N", help=cores)
    add("--scheduler", metavar="URL", help="tcp://…: on the workers of this Dask cluster")
    add("--config", type=Path, default=CONFIG, help=f"default: {CONFIG} here")
    add("--write-config", action=yes, help=f"write a {CONFIG} to edit, and grade nothing")
    add("--again", action=yes, help="also what was graded before")
    add("--unsafe", action=yes, help="without a sandbox; every score is marked as such")


def run(args: argparse.Namespace) -> int:
    """Return 0 if all are graded, 1 if not, each with its reason. No sandbox is a ValueError."""
    if args.write_config:
        course_config.write(args.config)
        print(f"{args.config} holds the settings: edit them there.")
        return 0
    if bool(args.submitted) == args.exchange:
        raise ValueError("give DOWNLOADS, a folder or an archive, or --exchange")
    root, url, course_id, config = settings(args.config)
    try:
        partial = nbgrader_plugin.TrustedExporter(config=config).partial_credit
        AssignLatePenalties(config=config).init_plugin()  # as `GradebookWriter` does
        limits = nbgrader_plugin.limits(config)
    except (TraitError, ValueError) as error:
        raise ValueError(f"{args.config}: {error}") from None
    if args.workers < 1:
        raise ValueError("--workers must be at least 1")
    refuse_others(url)
    folder, left_out = root / "submitted", 0
    if args.exchange:
        left_out = collected(config, args.assignment)
    else:
        folder, left_out = sort(args.submitted, folder)
    notebooks = {name: course_notebooks.load(name) for name in course_notebooks.names()}
    todo = submissions.find(folder, notebooks, args.assignment, args.student)
    names = {task.assignment for task in todo}
    used = {name: notebook for name, notebook in notebooks.items() if name in names}
    make_runner = functools.partial(Runner, unsafe=args.unsafe, limits=limits, partial=partial)
    words = {"make_runner": make_runner, "workers": args.workers, "limits": limits}
    run = functools.partial(worker_pool.run, notebooks=used, **words)
    print(f"{len(todo)} submissions", flush=True)
    rows, marks = [], {}
    review = Review(root)
    results = batch.Results(root / "results", args.unsafe, args.again, partial, limits)
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(GradebookWriter(url, course_id, config))
        if args.scheduler and used:
            run = stack.enter_context(_cluster(args.scheduler, used, args.unsafe, partial, limits))
        for task, result, task_marks in batch.grade(todo, used, run, results, book, root, review):
            rows.append((task, result))
            if task_marks:
                marks[task] = task_marks
            print(_line(task, result, task_marks, review), flush=True)
    report.scores(rows, marks, root)
    report.write_class_report(rows, used, root)
    review.write()
    faults = sum(isinstance(result, NotGraded) for _, result in rows)
    tables = ("scores.csv", "class.csv", "class.png", MISTAKES, FINDINGS)
    reports = [name for name in tables if (root / name).exists()]
    only = " (of these alone)" if args.student or args.assignment else ""
    pages = ", feedback/" if faults < len(rows) else ""
    for line in summary(rows, marks):
        print(line)
    files = f"{', '.join(reports)}{only}{pages}"
    print(f"{len(rows) - faults} graded, {faults} not. In {root}: {files}")
    if pages:
        print(f"Their pages: {page_address.address(root / 'feedback')}")
    if left_out:
        source = args.submitted or "the exchange"
        print(f"{left_out} files of {source} were left out: see the first lines.")
    return 1 if faults or left_out else 0


def sort(source: Path, target: Path) -> tuple[Path, int]:
    """Return (the folder to grade, how many files were left out). Downloads are sorted into
    `target`; what is sorted already is graded where it lies."""
    inside = source.is_dir() and source.resolve() == target.resolve()
    if inside or source.is_dir() and downloads.is_sorted(source):
        return source, 0
    copies, omissions = downloads.collect(source, target)
    for line in (*copies, *(f"left out: {omission}" for omission in omissions)):
        print(line, flush=True)
    if not copies:
        fault = f"{source} holds no notebook that could be taken"
        advice = "give a download of Canvas or Moodle, or STUDENT/01_tokens.ipynb"
        raise ValueError(f"{fault}: {advice}")
    print(f"{len(copies)} notebooks are in {target}, {len(omissions)} files were left out.")
    return target, len(omissions)


def collected(config: Config, assignment: str | None) -> int:
    """Collect from the exchange; how many submissions were left out."""
    copies, omissions = exchange.collect(config, [assignment] if assignment else None)
    for line in (
        *(f"collected: {copy}" for copy in copies),
        *(f"left out: {omission}" for omission in omissions),
    ):
        print(line, flush=True)
    return len(omissions)


def summary(
    rows: list[tuple[submissions.Task, Result]], marks: dict[submissions.Task, Marks]
) -> list[str]:
    """Return a line for each notebook: how many were graded, the mean score, what fewest solved."""
    lines = []
    for name in dict.fromkeys(task.assignment for task, _ in rows):
        pairs = [(t, r) for t, r in rows if t.assignment == name and isinstance(r, Graded)]
        if not pairs:
            continue
        points = [(marks.get(task) or result).points for task, result in pairs]
        solvers = Counter(o.exercise for _, r in pairs for o in r.outcomes if o.solved)
        core = (outcome.exercise for outcome in pairs[0][1].outcomes if outcome.worth)
        hardest = min(core, key=lambda exercise: solvers[exercise])
        lines.append(
            f"{name}: {len(pairs)} graded, mean {sum(points) / len(points):.1f} of "
            f"{pairs[0][1].worth:g}; solved least: {hardest} ({solvers[hardest]} of {len(pairs)})"
        )
    return lines


def _cluster(
    address: str, notebooks: worker_pool.Notebooks, unsafe: bool, partial: float, limits: Limits
) -> Any:
    try:
        from grader import dask_cluster
    except ImportError as error:
        install = installation.install_command("cluster")
        raise ValueError(f"--scheduler needs Dask ({error}): type {install}") from None
    names = tuple(notebooks)
    spec = dask_cluster.ClusterSpec(
        batch.course_fingerprint(notebooks), names, unsafe, partial, limits.cell
    )
    return dask_cluster.connected(address, spec)


def _line(task: submissions.Task, result: Result, marks: Marks | None, review: Review) -> str:
    label = f"{task.student}  {task.assignment}"
    if isinstance(result, NotGraded):
        return f"{label}  {'' if result.yet else 'not graded: '}{result.reason}"
    unsafe = ["(without a sandbox)"] if result.unsafe else []
    score = f"{(marks or result).points:g}/{result.worth:g}"
    new = (finding for finding in result.findings if not review.is_seen(task, finding))
    findings = (f"Finding: {finding}." for finding in new)
    return "  ".join([label, score, *unsafe, *result.notes, *findings])
