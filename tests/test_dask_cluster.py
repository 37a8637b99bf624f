"""Grading on a cluster, into SQLite or PostgreSQL, while workers, scheduler, database and the run
itself are killed. All of it listens on loopback."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from pkgutil import resolve_name

import distributed
import fake_course
import nbformat
import pytest
import required_tools
from attacks import corpus
from fake_course import NOTEBOOKS, Stub
from ports import free_port, nobodys_port

from classroom import cli
from exercises.course_packages import PACKAGES
from exercises.format import notebooks
from grader import batch, dask_cluster, worker_pool
from grader.gradebook import GradebookWriter
from grader.marking.runner import Runner
from grader.results import NotGraded
from grader.review import Review
from grader.submissions import Task, find

pytestmark = [pytest.mark.security, pytest.mark.slow, pytest.mark.proof]
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    """What the processes that a test starts see."""
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{HERE.parent}")
    monkeypatch.setenv("LLMLIB_TEST_LOG", str(tmp_path / "log"))


@pytest.fixture
def start():
    """Start a program in a session of its own; what a test started is killed at its end."""
    with contextlib.ExitStack() as stack:

        def begin(*words, **options):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            words = [str(word) for word in words]
            process = subprocess.Popen(words, start_new_session=True, **(quiet | options))
            stack.callback(kill, process)
            return process

        yield begin


def kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Dask:
    """A scheduler and workers, each a process that can be killed."""

    def __init__(self, start):
        self.start, self.port = start, free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = None

    def begin(self, workers=0):
        words = ["--host", "127.0.0.1", "--port", self.port, "--no-dashboard", "--no-show"]
        self.scheduler = self.start(sys.executable, "-m", "distributed.cli.dask_scheduler", *words)
        until(self._listens, "scheduler")
        self.workers = [self.worker() for _ in range(workers)]
        if workers:  # all take part from the first result on
            with distributed.Client(self.address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=300)

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 60):
            return True
        return False

    def worker(self, *more, **options):
        options.setdefault("cwd", "/")
        words = [self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny"]
        words += ["--no-dashboard", "--death-timeout", "300", *more]
        return self.start(sys.executable, "-m", "distributed.cli.dask_worker", *words, **options)


@pytest.fixture
def dask(start):
    return Dask(start)


class Postgres:
    """A server of its own, which listens on loopback alone. It refuses to be root."""

    def __init__(self, start, folder):
        self.start, self.folder, self.port = start, folder, free_port()
        self.url = f"postgresql+psycopg://grader:secret@127.0.0.1:{self.port}/postgres"
        self.program = Path(required_tools.postgresql()[0])
        self.user = {"user": "nobody"} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(folder, "nobody")
        password = folder / "password"
        password.write_text("secret")
        password.chmod(0o644)
        words = ["-D", folder / "data", "-U", "grader", "--pwfile", password, "-A", "scram-sha-256"]
        words = [self.program.with_name("initdb"), "--no-sync", *words]
        subprocess.run(words, check=True, capture_output=True, cwd=folder, **self.user)

    def begin(self):
        words = ["-D", self.folder / "data", "-p", self.port, "-h", "127.0.0.1", "-k", self.folder]
        self.process = self.start(self.program, *words, cwd=self.folder, **self.user)
        ready = [self.program.with_name("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        until(lambda: subprocess.run(ready, capture_output=True).returncode == 0, "PostgreSQL")


@pytest.fixture
def postgres(start):
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        server = Postgres(start, Path(folder))
        server.begin()
        yield server
        kill(server.process)


def until(true, what, seconds=900, pause=0.05):
    for _ in range(round(seconds / pause)):
        if true():
            return
        time.sleep(pause)
    raise AssertionError(f"no {what} after {seconds} s")


def class_of(folder, count):
    for number in range(count):
        path = folder / "submitted" / f"s{number:04}" / "target" / "target.ipynb"
        path.parent.mkdir(parents=True)
        cell = {"cell_type": "code", "source": f"# s{number:04}", "metadata": {}}
        path.write_text(json.dumps({"cells": [cell]}))
    return folder


def graded(course):
    """How often each student was graded, by what the runners noted."""
    log = course / "log"
    return Counter(log.read_text().split()) if log.exists() else Counter()


def in_book(url):
    """{student: points} of a gradebook, each student once."""
    with GradebookWriter(url, "c") as book:
        scores = {student: book.marks(student, "target").scores for student in book.totals()}
        assert len(scores) == len(book.gradebook.assignment_submissions("target"))
    assert all(len(each) == 3 for each in scores.values())
    return {student: sum(each.values()) for student, each in scores.items()}


def test_the_command_grades_on_a_cluster_or_says_why_not(tmp_path, monkeypatch, capsys):
    assert [*map(resolve_name, dask_cluster.ClusterSpec("", ())[5:])] == [notebooks.load, Runner]
    (tmp_path / "submitted" / "ada" / "01_tokens").mkdir(parents=True)
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    monkeypatch.setattr(dask_cluster, "CONNECT", 1)
    with nobodys_port() as port:
        words = ["--scheduler", f"tcp://127.0.0.1:{port}"]
        words += ["--config", str(tmp_path / "nbgrader_config.py")]
        assert cli.main(["grade", str(tmp_path / "submitted"), *words]) == 2
        assert "llmlib grade: There is no Dask scheduler" in capsys.readouterr().err

    def told(address, spec):
        raise ValueError(f"{address} {spec.unsafe} {spec.partial} {spec.names}")

    monkeypatch.setattr(dask_cluster, "connected", told)
    (tmp_path / "submitted" / "ada" / "01_tokens" / "01_tokens.ipynb").write_text("{}")
    share = "c = get_config()\nc.TrustedExporter.partial_credit = 0.25\n"
    (tmp_path / "nbgrader_config.py").write_text(share)
    assert cli.main(["grade", str(tmp_path / "submitted"), *words, "--unsafe"]) == 2
    assert f"{words[1]} True 0.25 ('01_tokens',)" in capsys.readouterr().err


# ---- what is killed in the middle


@pytest.mark.needs("postgresql")
def test_a_class_while_everything_is_killed(tmp_path, start, dask, postgres):
    """A worker, the database, the scheduler and the run itself: each submission is in the gradebook
    once, and what has a result is never graded again."""
    course, errors = class_of(tmp_path, 400), (tmp_path / "errors").open("w+")
    words = [sys.executable, HERE / "fake_course.py", course, dask.address, postgres.url]
    options = {"stderr": errors}
    (course / "pause").write_text("300")
    dask.begin(workers=2)

    def have(count):
        """Wait for so many results; how often each student has been graded until then."""
        until(  # each look costs hundreds of folders
            lambda: len(kept(course)) >= count or run.poll() is not None,
            f"{count} results",
            pause=0.25,
        )
        assert run.poll() is None, Path(errors.name).read_text()
        return kept(course)

    run = start(*words, **options)
    have(80)
    kill(dask.workers.pop())
    dask.workers.append(dask.worker())
    have(120)
    kill(postgres.process)
    postgres.begin()
    have(220)
    kill(dask.scheduler)
    ended = run.wait(900)
    said = Path(errors.name).read_text()
    assert ended == 1, said
    assert f"llmlib grade: The Dask scheduler at {dask.address} is gone" in said, said
    assert "Traceback" not in said, said

    list(map(kill, dask.workers))
    done, before = kept(course), graded(course)
    (course / "pause").write_text(str(before.total() + 380 - len(done)))
    dask.begin(workers=2)
    run = start(*words, **options)
    have(350)
    kill(run)
    (course / "pause").unlink()
    assert not done & (graded(course) - before).keys()

    done, before = kept(course), graded(course)
    run = start(*words, **options)
    assert run.wait(900) == 0, Path(errors.name).read_text()
    assert not done & (graded(course) - before).keys()

    assert in_book(postgres.url) == {f"s{number:04}": 10.0 for number in range(400)}
    assert len(list(course.glob("feedback/*/target/target.html"))) == 400
    counted = graded(course)
    assert len(counted) == 400 and counted.total() <= 400 + 3 * dask_cluster.AHEAD, counted.total()


def kept(course):
    return {path.parent.name for path in course.glob("results/*/target.json")}


FULL_DISK = """
import gc, os, sys
from functools import partial
from pathlib import Path
import fake_course, test_dask_cluster
from grader import batch, worker_pool
from grader.gradebook import GradebookWriter
from grader.review import Review
course, ballast = test_dask_cluster.class_of(Path(sys.argv[1]), 40), Path(sys.argv[1], "ballast")

def grade():
    results = batch.Results(course / "results")
    tasks = fake_course.find(course / "submitted", fake_course.NOTEBOOKS)
    words = {"make_runner": fake_course.Stub, "workers": 2}
    run = partial(worker_pool.run, notebooks=fake_course.NOTEBOOKS, **words)
    with GradebookWriter(f"sqlite:///{course}/gradebook.db", "c") as book:
        words = tasks, fake_course.NOTEBOOKS, run, results, book, course, Review(course)
        return list(batch.grade(*words))

with open(ballast, "wb") as file:  # leaves room for a few
    room = os.statvfs(course)
    file.write(bytes(room.f_bavail * room.f_frsize - 1_500_000))
try:
    grade()
except OSError as full:
    print(full)
gc.collect()  # the run that failed lets go of its lock, as it does when its process ends
done, before = test_dask_cluster.kept(course), test_dask_cluster.graded(course)
assert 0 < len(done) < 40
ballast.unlink()
assert len(grade()) == 40
assert not done & (test_dask_cluster.graded(course) - before).keys()
assert set(test_dask_cluster.in_book(f"sqlite:///{course}/gradebook.db").values()) == {10.0}
print(len(test_dask_cluster.in_book(f"sqlite:///{course}/gradebook.db")))
"""


def test_a_full_disk_stops_the_run_and_costs_nothing(tmp_path):
    """A small disk in a namespace of its own, full for a while."""
    course = tmp_path / "course"
    course.mkdir()
    words = ["bwrap", "--dev-bind", "/", "/", "--size", str(40 << 20), "--tmpfs", course, "--"]
    done = subprocess.run(
        [*words, sys.executable, "-c", FULL_DISK, course],
        env=os.environ | {"LLMLIB_TEST_LOG": str(course / "log")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split("\n")[:2] == [batch.FULL, "40"], done.stdout + done.stderr


@pytest.mark.needs("postgresql")
def test_a_database_that_stays_away_costs_no_result(tmp_path, postgres):
    course, words = class_of(tmp_path, 4), (tmp_path / "submitted", NOTEBOOKS)
    results = batch.Results(course / "results")
    full = Stub(None).grade(corpus.TARGET, [fake_course.SOME_CELL])

    def grade(run):
        return list(
            batch.grade(find(*words), NOTEBOOKS, run, results, book, course, Review(course))
        )

    def while_it_is_away(orders):
        kill(postgres.process)
        yield from ((order, full) for order in orders)

    def nothing_new(orders):
        for order in orders:
            assert order.result
            yield order, order.result

    with GradebookWriter(postgres.url, "c") as book:
        for _, result, _ in grade(while_it_is_away):
            assert "graded, but not written; start again (OperationalError" in result.reason
        postgres.begin()
        assert [result.points for _, result, _ in grade(nothing_new)] == [10.0] * 4
    assert len(in_book(postgres.url)) == 4


# ---- what is missing, in a sentence


def test_a_cluster_says_what_the_sandbox_here_says(monkeypatch):
    """Right, wrong, hostile and unreadable ones: where it is graded makes no difference."""
    code = {
        "right": corpus.SOLVE,
        "half": corpus.SOLUTIONS["merge"],
        "guesses": "def merge(ids, pair, new_id):\n    return [9, 1]",
        "raises": "def merge(*a): raise ValueError('no')",
        "exits": "import os\nos._exit(0)",
    }
    data = {name: notebook(source) for name, source in code.items()} | {"none": b"{"}
    orders = [worker_pool.Order(Task(name, "target", ""), each) for name, each in data.items()]
    runner = Runner([corpus.TARGET], partial=0.5)
    here = {
        name: worker_pool.grade_bytes(runner, corpus.TARGET, each) for name, each in data.items()
    }
    runner.close()
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    )
    spec = dask_cluster.ClusterSpec(
        batch.course_fingerprint(NOTEBOOKS), ("target",), False, 0.5, load="fake_course:load"
    )
    with local, dask_cluster.connected(local.scheduler_address, spec) as run:
        there = {order.task.student: result for order, result in run(orders)}
    assert there == here
    assert [here[name].points for name in code] == [10, 3, 1.5, 0, 0]
    assert isinstance(here["none"], NotGraded)


def notebook(source):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    return nbformat.writes(made).encode()


def test_a_worker_that_cannot_grade_is_named_with_what_it_lacks(dask, tmp_path):
    dask.begin()
    barred = tmp_path / "bwrap"
    barred.write_text("#!/bin/sh\necho no namespace may be made here >&2\nexit 1\n")
    barred.chmod(0o755)
    gone = "import sys; sys.modules['llmlib'] = None"
    other = {"PYTHONPATH": f"{HERE}{os.pathsep}{_another_course(tmp_path)}"}
    dask.worker("--name", "bare", env=os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    dask.worker("--name", "empty", "--preload", gone)
    dask.worker("--name", "other", env=os.environ | other)
    with distributed.Client(dask.address) as client:
        client.wait_for_workers(3, timeout=300)
        found = client.scheduler_info(n_workers=-1)["workers"]
    where = {each["name"]: address for address, each in found.items()}
    spec = dask_cluster.ClusterSpec(
        batch.course_fingerprint(NOTEBOOKS), ("target",), load="fake_course:load"
    )
    with pytest.raises(ValueError) as caught, dask_cluster.connected(dask.address, spec):
        pass
    said = {line.split()[1].rstrip(":"): line for line in str(caught.value).split("\n")}
    assert len(said) == 3
    assert "did not start (no namespace may be made here)" in said[where["bare"]]
    assert "has no course like this one" in said[where["empty"]]
    assert "its course is another one" in said[where["other"]]


def test_a_worker_that_stands_still_does_not_hold_up_the_tables(dask, monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT", 10)
    dask.begin(1)
    stub = {"load": "fake_course:load", "make": "fake_course:Stub"}
    spec = dask_cluster.ClusterSpec(batch.course_fingerprint(NOTEBOOKS), ("target",), **stub)
    with dask_cluster.connected(dask.address, spec):
        os.kill(dask.workers[0].pid, signal.SIGSTOP)
        begun = time.monotonic()
    assert time.monotonic() - begun < 300


def _another_course(folder):
    """An llmlib in which one line differs."""
    compiled = shutil.ignore_patterns("__pycache__")  # other processes write there
    for name in PACKAGES:
        shutil.copytree(HERE.parent / name, folder / name, symlinks=True, ignore=compiled)
    with (folder / "llmlib" / "files.py").open("a") as file:
        file.write("# corrected\n")
    return folder


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+psycopg://me:secret@127.0.0.1:{port}/x", "onnection refused"),
        ("postgresql+asyncpg://me:secret@127.0.0.1:{port}/x", "No module named 'asyncpg'"),
        ("no URL", "Could not parse"),
    ],
)
def test_no_database_is_a_sentence_without_the_password(url, says, tmp_path, monkeypatch, capsys):
    (tmp_path / "submitted" / "ada" / "01_tokens").mkdir(parents=True)
    config = tmp_path / "nbgrader_config.py"
    config.write_text(
        "import os\nc = get_config()\nc.CourseDirectory.db_url = os.environ['LLM_COURSE_DB']\n"
    )
    with nobodys_port() as port:
        monkeypatch.setenv("LLM_COURSE_DB", url.format(port=port))
        assert cli.main(["grade", str(tmp_path / "submitted"), "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert "llmlib grade: The gradebook " in said and says in said and said.count("\n") == 1
    assert "secret" not in said
