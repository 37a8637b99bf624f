"""A class is graded by a pool of workers: dead workers, killed runs and two runs at once lose
nothing."""

import ctypes
import itertools
import json
import os
import random
import select
import signal
import sqlite3
import time
from types import SimpleNamespace

import pytest
import torch
from grading_fakes import NOTEBOOKS, Stub, _Make, class_of, grade

from grader import batch, worker_pool
from grader.certificate.revocation import Register
from grader.host import memory_kills, sandbox
from grader.host.time_limits import CLOCK_FACTOR, Limits

pytestmark = pytest.mark.security


def test_a_dead_worker_costs_its_own_submission_only(tmp_path):
    rows = grade(
        class_of(tmp_path, {"ann": "#", "bad": "#die", "cyd": "#", "dan": "#raise", "eve": "#"})
    )
    assert "died on it, twice" in rows["bad"].reason and "RuntimeError" in rows["dan"].reason
    assert all(rows[student].points == 10 for student in ("ann", "cyd", "eve"))


def test_a_worker_that_the_kernel_ended_as_memory_ran_out_is_no_word_on_its_submission(
    tmp_path, monkeypatch
):
    kills = itertools.count()
    monkeypatch.setattr(memory_kills, "count", lambda: next(kills))
    monkeypatch.setattr(batch, "QUIET", 0)
    rows = grade(class_of(tmp_path, {"bad": "#die"}), workers=1)
    assert rows["bad"].yet and rows["bad"].reason.startswith("not graded yet: memory ran out")
    assert not (tmp_path / "feedback").exists()


def test_another_torch_grades_anew(monkeypatch):
    mine = batch.version(*NOTEBOOKS.values())
    monkeypatch.setattr(torch, "__version__", "1.0.0+other")
    assert batch.version(*NOTEBOOKS.values()) != mine
    monkeypatch.setattr(torch, "__version__", "2.13.0+cpu")
    once = batch.version(*NOTEBOOKS.values())
    monkeypatch.setattr(torch, "__version__", "2.13.0")
    assert batch.version(*NOTEBOOKS.values()) == once


@pytest.mark.parametrize(("workers", "fails"), [(2, 3), (1, 2)])
def test_a_worker_that_cannot_start_again_does_not_end_the_run(
    tmp_path, monkeypatch, workers, fails
):
    """The one in place of one that died; after it another, where no other is left."""
    starts, start = tmp_path / "starts", _Make.__call__

    def make(self, notebooks):
        with starts.open("a") as file:
            file.write("x")
        if starts.stat().st_size == fails:
            raise sandbox.Unavailable("no memory")
        return start(self, notebooks)

    monkeypatch.setattr(_Make, "__call__", make)
    orders = {"ann": "#", "bad": "#die", "cyd": "#", "dan": "#", "eve": "#"}
    rows = grade(class_of(tmp_path, orders), workers)
    assert "died on it, twice" in rows.pop("bad").reason
    assert [rows[student].points for student in sorted(rows)] == [10] * 4
    for error in ("sandbox.Unavailable('none')", "PermissionError(13, 'none', 'bwrap')"):
        monkeypatch.setattr(_Make, "__call__", lambda *_, error=error: exec(f"raise {error}"))
        with pytest.raises(sandbox.Unavailable, match="none"):
            grade(tmp_path, workers, again=True)


def test_workers_at_rest_end_by_themselves():
    """The first one, too, whose pipe the second one inherited."""
    idle = SimpleNamespace(close=lambda: None)
    workers = [worker_pool.Worker(NOTEBOOKS, lambda _: idle, None) for _ in range(2)]
    for worker in workers:
        assert worker.pipe.recv() == ""
    for worker in workers:
        worker.stop()
    assert [worker.process.exitcode for worker in workers] == [0, 0]


def test_a_deaf_worker_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_pool, "GRACE", -CLOCK_FACTOR * Limits().notebook + 0.5)
    monkeypatch.setattr(Stub, "grade", lambda *_: time.sleep(100))
    rows = grade(class_of(tmp_path, {"ann": "#"}), workers=1)
    assert "did not answer on it, twice" in rows["ann"].reason


def test_a_second_run_grades_nothing_and_a_new_submission_again(tmp_path):
    course = class_of(tmp_path, {"ann": "#", "bob": "#"})
    first = grade(course)
    assert grade(course) == first and sorted((course / "log").read_text().split()) == ["ann", "bob"]
    path = course / "submitted" / "bob" / "target" / "target.ipynb"
    path.write_text(path.read_text().replace("# bob", "# bob again"))
    grade(course)
    assert (course / "log").read_text().split("\n")[2:-1] == ["bob again"]


def test_again_and_a_corrected_grader_grade_anew(tmp_path, monkeypatch):
    course = class_of(tmp_path, {"ann": "#"})
    grade(course)
    grade(course, again=True)
    monkeypatch.setattr(batch, "version", lambda _: "corrected")
    grade(course)
    grade(course)
    assert (course / "log").read_text().split() == ["ann"] * 3


@pytest.mark.parametrize(
    ("open_it", "says"),
    [(batch.Results, "Another run is grading into"), (Register, "Another run is writing to")],
)
def test_two_runs_at_once_are_refused(open_it, says, tmp_path):
    """With one key they would give two certificates the same place in the list."""
    held = open_it(tmp_path / "results")
    pid = os.fork()
    if pid == 0:
        try:
            open_it(tmp_path / "results")
        except ValueError as busy:
            os._exit(7 if says in str(busy) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7 and held


@pytest.mark.proof
def test_killed_50_times_at_random_moments(tmp_path):
    """After each SIGKILL the gradebook holds whole submissions only, and what has a result is
    never graded again."""
    rng, kills, number, course, done = random.Random(4), 0, 0, None, set()
    amid = 0  # how many fell into a run that had written some, and not all
    while kills < 50:
        if course is None:
            number += 1
            course, done = (
                class_of(tmp_path / str(number), {f"s{n:02}": "#" for n in range(25)}),
                set(),
            )
        pid = os.fork()
        if pid == 0:
            os.setsid()
            try:
                grade(course)
            finally:
                os._exit(0)
        _graded(pid, course / "log", rng.randint(0, 24 - len(done) if len(done) < 25 else 0))
        time.sleep(rng.uniform(0, 0.02))
        os.kill(pid, signal.SIGKILL)
        kills += os.waitpid(pid, 0)[1] == signal.SIGKILL
        whole = check_gradebook(course)
        amid += 0 < whole < 25
        again = (
            set((course / "log").read_text().split()) & done if (course / "log").exists() else set()
        )
        assert not again, f"graded twice: {again}"
        done |= {
            path.stem for path in (course / "results").glob("s*") if (path / "target.json").exists()
        }
        (course / "log").unlink(missing_ok=True)
        for path in (course / "results").glob("s*/target.json"):
            json.loads(path.read_text())
        if whole == 25:
            course = None
    assert amid > 5
    if course:
        rows = grade(course)
        assert len(rows) == 25 and check_gradebook(course) == 25


def _graded(pid, log, number):
    """Wait until the run has graded so many, or has ended: on a slow machine as on a fast one."""
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while not os.waitid(os.P_PID, pid, ended):
        if number <= (log.read_text().count("\n") if log.exists() else 0):
            break
        time.sleep(0.002)


def check_gradebook(course):
    """The number of submissions in the gradebook; each must have all of its scores."""
    if not (course / "gradebook.db").exists():
        return 0
    base = sqlite3.connect(course / "gradebook.db")
    assert base.execute("pragma integrity_check").fetchall() == [("ok",)]
    if not base.execute("select 1 from sqlite_master where name = 'grade'").fetchall():
        return 0
    query = "select n.assignment_id, count(*), count(g.auto_score) from grade g "
    query += "join submitted_notebook n on g.notebook_id = n.id group by 1"
    rows = base.execute(query).fetchall()
    assert all(row[1:] == (3, 3) for row in rows), rows
    assert base.execute("select count(*) from submitted_assignment").fetchone() == (len(rows),)
    return len(rows)


def test_a_worker_whose_run_was_killed_before_it_could_ask_for_a_signal_ends(monkeypatch, tmp_path):
    """Else it waits for orders for ever, with the results' lock and all that the run had open."""
    run, prctl = os.getpid(), ctypes.CDLL(None).prctl

    def killed_first(*words):
        parent = os.getppid()
        assert parent != run
        os.kill(parent, signal.SIGKILL)
        while os.getppid() == parent:
            time.sleep(0.01)
        return prctl(*words)

    monkeypatch.setattr(worker_pool.ctypes, "CDLL", lambda _: SimpleNamespace(prctl=killed_first))
    ended, held = os.pipe()  # whose other end the run and its worker hold
    pid = os.fork()
    if pid == 0:
        try:
            worker_pool.Worker(NOTEBOOKS, _Make(str(tmp_path / "log")), None).process.join()
        finally:
            os._exit(0)
    os.close(held)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert select.select([ended], [], [], 60)[0], "the worker is still there"
    os.close(ended)
