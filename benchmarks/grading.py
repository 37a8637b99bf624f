"""What grading costs: submissions a second against workers, on this machine and on a Dask cluster
in it, and processor seconds a submission, beside plain `nbgrader autograde` and otter.

The same submissions, the solved notebooks, go through all; sandbox and boundary are on. Processor
seconds are those of a command and all that it starts, its start included, which the submissions of
a run share: eight of each notebook with this grader, one with the others, who begin anew for each.
otter gets each exercise's test cell as a test file.
"""

import functools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from benchmarks.measure import Comparison, peer
from exercises.format import notebooks as cells
from grader import batch, worker_pool
from grader.marking.runner import Runner
from grader.submissions import Task

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db"
c.CourseDirectory.course_id = "bench"
c.Execute.timeout = 600
"""
METER = """import ctypes, os, resource, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans, such as a sandbox's, are counted here, too
status = subprocess.call([sys.executable, "-m", *sys.argv[1:]], stdout=sys.stderr)
try:
    while True:
        os.wait()
except ChildProcessError:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(spent.ru_utime + spent.ru_stime)
sys.exit(status)
"""
OTTERS_TEST = """from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = 1


@test_case(hidden=True)
def test(env):
    exec({code!r}, env)
"""


PARTS = "worker_pool dask_cluster dask_worker wire marking/runner host/processor_time"
PARTS += " host/run_test_cell host/read_submission"
INSIDE = "host/rpc guest/process guest/resume_cell guest/zygote"
CODE = [f"grader/{name}.py" for name in f"{PARTS} {INSIDE}".split()]
CODE += [f"classroom/checking/{name}.py" for name in ("submission", "plain_data", "run_cells")]


def comparisons(quick):
    """Submissions a second count from the first result to the last: starting workers is not in
    them, nor is the gradebook."""
    notebooks = {name: cells.load(name) for name in cells.names()[: 2 if quick else None]}
    data = {name: nbformat.writes(book.node).encode() for name, book in notebooks.items()}

    def rate(run):
        names = list(notebooks) * (2 if quick else 4)
        orders = (worker_pool.Order(Task("", name, ""), data[name]) for name in names)
        ends = [time.perf_counter() for _ in run(orders)]
        return (len(ends) - 1) / (ends[-1] - ends[0])

    def here(workers):
        words = {"notebooks": notebooks, "make_runner": Runner, "workers": workers}
        return rate(functools.partial(worker_pool.run, **words))

    def dask(workers):
        distributed = peer("distributed", "pip install .[cluster]")
        from grader import dask_cluster

        desk = dask_cluster.ClusterSpec(batch.edition(notebooks), tuple(notebooks), False)
        words = {"threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
        local = distributed.LocalCluster(n_workers=workers, **words)
        with local, dask_cluster.connected(local.scheduler_address, desk) as run:
            return rate(run)

    counts = sorted({1, *(2**n for n in range(1, 8) if 2**n < os.cpu_count()), os.cpu_count()})
    jobs = {
        f"{where}{count} worker{'s' * (count > 1)}": functools.partial(job, count)
        for count in reversed(counts)
        for where, job in (("", here), ("Dask, ", dask))
    }
    title = f"{len(notebooks)} solved notebooks, graded again and again"
    yield Comparison(title, "submissions/s", jobs, "more", repeats=3, warm_up=0)
    costs = {
        "llmlib grade": functools.partial(llmlib_grade, list(notebooks), 2 if quick else 8),
        "plain nbgrader": functools.partial(nbgrader, list(notebooks)),
        "otter": functools.partial(otter, list(notebooks)),
    }
    title, unit = f"grade each of {len(notebooks)} solved notebooks", "CPU s a submission"
    yield Comparison(title, unit, costs, repeats=1, warm_up=0)  # a round takes half an hour


def llmlib_grade(names, copies):
    """CPU seconds a submission, with one worker."""
    with tempfile.TemporaryDirectory() as folder:
        hand_in(Path(folder), names, copies)
        spent = run("llmlib", "grade", "submitted", "--workers", "1", cwd=folder)
    return spent / copies / len(names)


def nbgrader(names):
    """The same of `nbgrader autograde`: a kernel for each notebook, all of whose cells run."""
    with tempfile.TemporaryDirectory() as folder:
        hand_in(Path(folder), names, 1)
        for name in names:
            Path(folder, "source", name).mkdir(parents=True)
            nbformat.write(cells.load(name).node, f"{folder}/source/{name}/{name}.ipynb")
            run("nbgrader", "generate_assignment", name, cwd=folder)
        return sum(run("nbgrader", "autograde", name, cwd=folder) for name in names) / len(names)


def otter(names):
    """The same of `otter run`, which is otter without its container. Raises `Unavailable`."""
    peer("otter")
    spent = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "tests").mkdir()
            for exercise in cells.load(name).exercises:
                code = OTTERS_TEST.format(name=exercise.name, code=exercise.full)
                Path(folder, "tests", f"{exercise.name}.py").write_text(code, encoding="utf-8")
            nbformat.write(cells.load(name).node, f"{folder}/{name}.ipynb")
            run("otter", "generate", "-t", "tests", "-o", "tests.zip", cwd=folder)
            spent += run("otter", "run", "-a", "tests.zip", "-o", ".", f"{name}.ipynb", cwd=folder)
    return spent / len(names)


def hand_in(folder, names, copies):
    """A course in `folder` with the solved notebooks of so many students."""
    (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(folder)))
    for name in names:
        for number in range(copies):
            place = folder / "submitted" / f"student{number:02}" / name
            place.mkdir(parents=True)
            nbformat.write(cells.load(name).node, place / f"{name}.ipynb")


def run(*words, cwd):
    """CPU seconds of one module run as a program and all that it starts. Raises RuntimeError with
    what it said if it fails."""
    # nbgrader starts `alembic` by name
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "HF_HUB_OFFLINE": "1"}
    line = [sys.executable, "-c", METER, *words]
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return float(done.stdout)
