"""Submissions a second against workers, on this machine and on a Dask cluster in it (`make bench`).

Run as a program, it measures CPU seconds per submission: this grader, sandbox and boundary on,
against plain `nbgrader autograde`, in one run. The same submissions, the solved notebooks, go
through both. CPU time is that of the command and everything it started, its start included; it is
shared by all submissions of a run, so both get several of each notebook.
"""

import argparse
import contextlib
import ctypes
import functools
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from benchmarks.measure import Comparison, peer
from llmlib.course import cells
from llmlib.grading import batch, pool
from llmlib.grading.outside.runner import Runner
from llmlib.grading.tasks import Task

SET_CHILD_SUBREAPER = 36
ROOT = Path(__file__).resolve().parents[1]
CONFIG = """c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db"
c.CourseDirectory.course_id = "bench"
c.Execute.timeout = 600
"""


CODE = [f"llmlib/grading/{name}.py" for name in "pool cluster clerk outside/runner".split()]


def comparisons(quick):
    """From the first result to the last: starting workers is not in it, nor is the gradebook."""
    notebooks = {name: cells.load(name) for name in cells.names()[: 2 if quick else None]}
    data = {name: nbformat.writes(book.node).encode() for name, book in notebooks.items()}

    def rate(run):
        names = list(notebooks) * (2 if quick else 4)
        orders = (pool.Order(Task("", name, ""), data[name]) for name in names)
        ends = [time.perf_counter() for _ in run(orders)]
        return (len(ends) - 1) / (ends[-1] - ends[0])

    def here(workers):
        words = {"notebooks": notebooks, "make_runner": Runner, "workers": workers}
        return rate(functools.partial(pool.run, **words))

    def dask(workers):
        distributed = peer("distributed", "pip install .[cluster]")
        from llmlib.grading import cluster

        desk = cluster.Desk(batch.edition(notebooks), tuple(notebooks), False)
        words = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        local = distributed.LocalCluster(n_workers=workers, **words)
        with local, cluster.connected(local.scheduler_address, desk) as run:
            return rate(run)

    counts = sorted({1, *(2**n for n in range(1, 8) if 2**n < os.cpu_count()), os.cpu_count()})
    jobs = {
        f"{where}{count} worker{'s' * (count > 1)}": functools.partial(job, count)
        for count in reversed(counts)
        for where, job in (("", here), ("Dask, ", dask))
    }
    title = f"{len(notebooks)} solved notebooks, graded again and again"
    yield Comparison(title, "submissions/s", jobs, "more", repeats=3, warm_up=0)


def run(*words, cwd):
    """(CPU seconds, wall seconds) of one command."""
    path = (
        f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader starts `alembic` by name
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True
    )
    wall = time.monotonic() - start
    with contextlib.suppress(ChildProcessError):
        while True:  # the sandbox's processes come to us when bubblewrap ends
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def course(folder, names, copies, generate):
    """A course with the notebooks handed in, solved, and generated where nbgrader needs it."""
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(folder)))
    for name in names:
        (folder / "source" / name).mkdir(parents=True)
        nbformat.write(cells.load(name).node, folder / "source" / name / f"{name}.ipynb")
        if generate:
            run("nbgrader", "generate_assignment", name, cwd=folder)
        for number in range(copies):
            place = folder / "submitted" / f"student{number:02}" / name
            place.mkdir(parents=True)
            nbformat.write(cells.load(name).node, place / f"{name}.ipynb")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--copies", type=int, default=8, help="submissions of each notebook to this grader"
    )
    parser.add_argument(
        "--plain-copies", type=int, default=2, help="submissions of each notebook to plain nbgrader"
    )
    parser.add_argument("--notebooks", nargs="*", default=cells.names())
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    names, many, few = (
        args.notebooks,
        args.copies * len(args.notebooks),
        args.plain_copies * len(args.notebooks),
    )
    print(
        f"{len(names)} notebooks, solved: {few} submissions to plain nbgrader, {many} to llmlib "
        f"grade",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        one, two = (
            course(Path(folder, name), names, args.copies, generate=False)
            for name in ("one", "two")
        )
        plain = course(Path(folder, "plain"), names, args.plain_copies, generate=True)
        rows = []
        for where, workers in ((one, 1), (two, 2)):
            cpu, wall = run(
                "llmlib.cli", "grade", "submitted", "--workers", str(workers), cwd=where
            )
            print(
                f"  {workers} worker{'s' * (workers > 1)}: {cpu:.1f} CPU s, {wall:.1f} s",
                flush=True,
            )
            rows.append(
                (f"llmlib grade, {workers} worker{'s' * (workers > 1)}", cpu / many, wall / many)
            )
        spent = []
        for name in names:
            spent.append(run("nbgrader", "autograde", name, cwd=plain))
            print(
                f"  nbgrader autograde {name}: {spent[-1][0]:.1f} CPU s, {spent[-1][1]:.1f} s",
                flush=True,
            )
        cpu, wall = (sum(each) / few for each in zip(*spent))
    print(f"{'':28}{'CPU s':>8}{'wall s':>8}   a submission")
    print(f"{'plain nbgrader autograde':28}{cpu:8.2f}{wall:8.2f}")
    for name, mine, seconds in rows:
        print(
            f"{name:28}{mine:8.2f}{seconds:8.2f}   {cpu / mine:.1f} times less CPU than plain "
            f"nbgrader"
        )


if __name__ == "__main__":
    main()
