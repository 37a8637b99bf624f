"""`llmlib grade DOWNLOADS`: sort them, grade in parallel, in a sandbox; a killed run goes on. With
`--exchange` nbgrader's exchange takes the place of the downloads."""

import argparse
import contextlib
import functools
from collections import Counter
from pathlib import Path
from typing import Any

from nbgrader.preprocessors import AssignLatePenalties
from traitlets import TraitError
from traitlets.config import Config

from llmlib import installation
from llmlib.course import page_address
from llmlib.course.format import notebooks as course_notebooks
from llmlib.course.processors import processors
from llmlib.grading import (
    batch,
    course_config,
    downloads,
    exchange,
    nbgrader_plugin,
    report,
    submissions,
    worker_pool,
)
from llmlib.grading.course_config import CONFIG, settings
from llmlib.grading.gradebook import GradebookWriter, Marks, refuse_others
from llmlib.grading.host.time_limits import Limits
from llmlib.grading.marking.runner import Runner
from llmlib.grading.results import Graded, NotGraded, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib grade`."""
    where = (
        "a folder or archive as Canvas or Moodle gave it, loose files with students' names, "
        "or STUDENT/NOTEBOOK/NOTEBOOK.ipynb"
    )
    submissions.add_arguments(parser, "DOWNLOADS", where, nargs="?")
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
    """0: all graded; 1: some could not be, each with its reason. No sandbox is a ValueError."""
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
    submitted, left = root / "submitted", 0
    if args.exchange:
        left = collected(config, args.assignment)
    else:
        submitted, left = sort(args.submitted, submitted)
    notebooks = {name: course_notebooks.load(name) for name in course_notebooks.names()}
    todo = submissions.find(submitted, notebooks, args.assignment, args.student)
    wanted = {task.assignment for task in todo}
    used = {name: notebook for name, notebook in notebooks.items() if name in wanted}
    make_runner = functools.partial(Runner, unsafe=args.unsafe, limits=limits, partial=partial)
    words = {"make_runner": make_runner, "workers": args.workers, "limits": limits}
    run = functools.partial(worker_pool.run, notebooks=used, **words)
    print(f"{len(todo)} submissions", flush=True)
    rows, marks = [], {}
    results = batch.Results(root / "results", args.unsafe, args.again, partial, limits)
    with contextlib.ExitStack() as stack:
        book = stack.enter_context(GradebookWriter(url, course_id, config))
        if args.scheduler and used:
            run = stack.enter_context(_cluster(args.scheduler, used, args.unsafe, partial, limits))
        for task, result, has in batch.grade(todo, used, run, results, book, root):
            rows.append((task, result))
            if has:
                marks[task] = has
            print(_line(task, result, has), flush=True)
    report.scores(rows, marks, root)
    report.write_class_report(rows, used, root)
    faults = sum(isinstance(result, NotGraded) for _, result in rows)
    made = [each for each in ("scores.csv", "class.csv", "class.png") if (root / each).exists()]
    only = " (of these alone)" if args.student or args.assignment else ""
    pages = ", feedback/" if faults < len(rows) else ""
    for line in summary(rows, marks):
        print(line)
    print(f"{len(rows) - faults} graded, {faults} not. In {root}: {', '.join(made)}{only}{pages}")
    if pages:
        print(f"Their pages: {page_address.address(root / 'feedback')}")
    if left:
        source = args.submitted or "the exchange"
        print(f"{left} files of {source} were left out: see the first lines.")
    return 1 if faults or left else 0


def sort(source: Path, submitted: Path) -> tuple[Path, int]:
    """(the folder to grade, how many files were left out). Downloads are sorted into `submitted`;
    what is sorted already is graded where it lies."""
    inside = source.is_dir() and source.resolve() == submitted.resolve()
    if inside or source.is_dir() and downloads.is_sorted(source):
        return source, 0
    taken, left = downloads.collect(source, submitted)
    for line in (*taken, *(f"left out: {each}" for each in left)):
        print(line, flush=True)
    if not taken:
        none = f"{source} holds no notebook that could be taken"
        raise ValueError(f"{none}: give a download of Canvas or Moodle, or STUDENT/01_tokens.ipynb")
    print(f"{len(taken)} notebooks are in {submitted}, {len(left)} files were left out.")
    return submitted, len(left)


def collected(config: Config, assignment: str | None) -> int:
    """Collect from the exchange; how many submissions were left out."""
    taken, left = exchange.collect(config, [assignment] if assignment else None)
    for line in (
        *(f"collected: {each}" for each in taken),
        *(f"left out: {each}" for each in left),
    ):
        print(line, flush=True)
    return len(left)


def summary(
    rows: list[tuple[submissions.Task, Result]], marks: dict[submissions.Task, Marks]
) -> list[str]:
    """A line for each notebook: how many were graded, the mean score, what fewest solved."""
    lines = []
    for name in dict.fromkeys(task.assignment for task, _ in rows):
        graded = [(t, r) for t, r in rows if t.assignment == name and isinstance(r, Graded)]
        if not graded:
            continue
        points = [(marks.get(task) or result).points for task, result in graded]
        solved = Counter(each.exercise for _, r in graded for each in r.outcomes if each.solved)
        core = (each.exercise for each in graded[0][1].outcomes if each.worth)
        hardest = min(core, key=lambda exercise: solved[exercise])
        lines.append(
            f"{name}: {len(graded)} graded, mean {sum(points) / len(points):.1f} of "
            f"{graded[0][1].worth:g}; solved least: {hardest} ({solved[hardest]} of {len(graded)})"
        )
    return lines


def _cluster(
    address: str, notebooks: worker_pool.Notebooks, unsafe: bool, partial: float, limits: Limits
) -> Any:
    try:
        from llmlib.grading import dask_cluster
    except ImportError as error:
        install = installation.install_command("cluster")
        raise ValueError(f"--scheduler needs Dask ({error}): type {install}") from None
    names = tuple(notebooks)
    spec = dask_cluster.ClusterSpec(
        batch.course_fingerprint(notebooks), names, unsafe, partial, limits.cell
    )
    return dask_cluster.connected(address, spec)


def _line(task: submissions.Task, result: Result, marks: Marks | None) -> str:
    who = f"{task.student}  {task.assignment}"
    if isinstance(result, NotGraded):
        return f"{who}  {'' if result.yet else 'not graded: '}{result.reason}"
    unsafe = ["(without a sandbox)"] if result.unsafe else []
    score = f"{(marks or result).points:g}/{result.worth:g}"
    findings = (f"Finding: {each}." for each in result.findings)
    return "  ".join([who, score, *unsafe, *result.notes, *findings])
