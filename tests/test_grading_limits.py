"""The grader's limits on time: messages name them, they cost only the cell that ran into them,
and a busy machine is not held against a learner."""

import signal
import time
from contextlib import closing
from dataclasses import astuple

import nbformat
import pytest
from attacks import corpus
from grading_fakes import Stub, class_of, grade, verdict
from patient_runner import PatientRunner

from classroom.checking import submission
from classroom.checking.submission import Cell
from grader import batch, wire, worker_pool
from grader.host import processor_time, read_submission, rpc, run_test_cell
from grader.host.processor_time import NONE, TimeLimit, Usage, time_limit
from grader.host.time_limits import CLOCK_FACTOR, Limits, OutOfTime, Starved
from grader.marking.runner import Runner
from grader.results import NotGraded

pytestmark = [pytest.mark.security, pytest.mark.verdict("tests/attacks/*.py")]


def test_limits_are_named_and_the_rest_is_graded(monkeypatch):
    # however much else this machine has to do
    monkeypatch.setattr(TimeLimit, "starved", lambda _: False)
    limits = Limits(cell=3, call=3, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        loops = "def f():\n    while True: pass"
        said = verdict(runner, loops, "check.equal(f(), 1, 'one')")
        assert said == "`f` took longer than 3 s and was stopped"
        endless = Cell("code", None, "while True: pass")
        merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
        result = runner.grade(corpus.TARGET, [merge, endless])
        assert result["merge"].points == 3
        assert "“while True: pass”: this cell took longer than 3 s" in result.notes[0]
        late = Cell("code", "merge", f"while True:\n    pass\n{corpus.SOLUTIONS['merge']}")
        result = runner.grade(corpus.TARGET, [late])
        said = "its cell took longer than 3 s, or than it had, and was interrupted"
        assert result["merge"].points == 0 and said in result["merge"].message


@pytest.mark.proof
def test_who_sleeps_has_longer_by_the_clock_than_on_a_processor():
    limits = Limits(cell=20, call=1, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        slow = "`merge` took longer than 1 s and was stopped"
        odd = "the process of `merge` sent something that is no answer"
        for code, said in [
            ("time.sleep(2)", None),
            ("time.sleep(1000)", slow),
            (f"time.sleep(1); os.write(3, {wire.pack([])!r}); time.sleep(9)", odd),
        ]:
            body = f"):\n    import os, time\n    {code}\n"
            merge = corpus.SOLUTIONS["merge"].replace("):\n", body, 1)
            result = runner.grade(corpus.TARGET, [Cell("code", "merge", merge)])
            assert result["merge"].claim == said


class Machine:
    """A clock, and what a process has used and waited for, that a test turns on."""

    def __init__(self, monkeypatch):
        self.now, self.used, self.waited = 0.0, 0.0, 0.0
        monkeypatch.setattr(processor_time.time, "monotonic", lambda: self.now)

    def usage(self, age):
        return Usage(self.used, self.waited)

    def runs(self, seconds, used, waited):
        self.now, self.used = self.now + seconds, self.used + used
        self.waited += waited


@pytest.mark.parametrize(
    ("used", "waited", "ends"),
    [
        (1.0, 0.0, OutOfTime),  # an endless loop on a quiet machine
        (0.4, 0.6, OutOfTime),  # the same on a busy one, which still had its time
        (0.0, 0.0, OutOfTime),  # asleep
        (0.1, 0.2, OutOfTime),  # mostly asleep
        (0.1, 0.9, Starved),
        (0.2, 0.7, Starved),
    ],
)
def test_a_limit_counts_the_processor_and_says_who_had_none(monkeypatch, used, waited, ends):
    machine = Machine(monkeypatch)
    limit = TimeLimit(10, "it", machine.usage)
    with pytest.raises(ends) as caught:
        for _ in range(1000):
            machine.runs(0.1, used / 10, waited / 10)
            limit.left()
    due = 10 / used if used > 1 / CLOCK_FACTOR else 10 * CLOCK_FACTOR
    assert machine.now == pytest.approx(due, abs=0.2)
    said = "it took longer than 10 s and was stopped" if ends is OutOfTime else "too busy"
    assert said in str(caught.value)


def test_usage_counts_what_was_killed_and_waits_for_a_processor(runner):
    """A process that computes for a second has used one, also once it is gone."""
    box, before = runner.sandbox, runner.sandbox.usage()
    child = box.fork()
    spin = "import time\nuntil = time.process_time() + 1\nwhile time.process_time() < until: pass"
    child.channel.send([{}, [["spin", spin]], [], 99, 99, 9, {}])
    while child.channel.receive(wire.within(120)) != ["ready"]:
        pass
    box.kill(child)
    used, waited = box.usage() - before
    assert 0.95 < used < 9 and waited >= 0


@pytest.mark.proof
def test_what_was_starved_is_not_graded_yet(runner, monkeypatch):
    """Never 0: as if each sleeper had waited for a processor."""
    monkeypatch.setattr(TimeLimit, "starved", lambda _: True)
    monkeypatch.setattr(runner, "limits", Limits(cell=20, call=1, test=60, notebook=120))
    sleeps = "import time\ndef merge(ids, pair, new_id):\n    time.sleep(99)"
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sleeps)])
    said = worker_pool.grade_bytes(runner, corpus.TARGET, nbformat.writes(node).encode())
    assert said.yet and "not graded yet: this machine was too busy" in said.reason
    monkeypatch.setattr(TimeLimit, "starved", lambda _: False)
    said = worker_pool.grade_bytes(runner, corpus.TARGET, nbformat.writes(node).encode())
    assert said["merge"].points == 0


@pytest.mark.proof
def test_a_cell_that_was_starved_costs_nothing_yet(runner, monkeypatch):
    monkeypatch.setattr(TimeLimit, "starved", lambda _: True)
    monkeypatch.setattr(runner, "limits", Limits(cell=1, call=9, test=60, notebook=120))
    asleep, busy = "import time\ntime.sleep(99)", "while True: pass"
    with pytest.raises(Starved):
        runner.grade(corpus.TARGET, [Cell("code", None, asleep)])
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    monkeypatch.setattr(TimeLimit, "starved", lambda _: False)
    assert runner.grade(corpus.TARGET, [Cell("code", None, busy), merge])["merge"].points == 3


@pytest.mark.parametrize("better", [True, False])
def test_a_starved_submission_is_tried_again_by_the_same_run(tmp_path, monkeypatch, better):
    tries = tmp_path / "tries"

    def starved(self, notebook, cells):
        with tries.open("a") as file:
            file.write("x")
        if cells and "# bob" in cells[0].source and (not better or len(tries.read_text()) < 3):
            raise Starved
        return real(self, notebook, cells)

    real = Stub.grade
    monkeypatch.setattr(Stub, "grade", starved)
    monkeypatch.setattr(batch, "QUIET", 0)
    rows = grade(class_of(tmp_path, {"ann": "#", "bob": "#"}), workers=1)
    assert rows["ann"].points == 10 and len(tries.read_text()) == 3
    if better:
        assert rows["bob"].points == 10
    else:
        assert rows["bob"].yet and "run the same command again" in rows["bob"].reason
        monkeypatch.setattr(Stub, "grade", real)  # the next run grades it
        assert grade(tmp_path, workers=1)["bob"].points == 10


@pytest.mark.proof
def test_tries_that_take_long_cost_no_exercise():
    limits = Limits(cell=1, call=6, test=60, notebook=20)  # each cut short, they would take it all
    code = [f"import time\nfor _ in range({n}): time.sleep(0.1)" for n in range(100, 120)]
    tries = [Cell("code", None, each) for each in code]
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    with closing(PatientRunner([corpus.TARGET], limits=limits)) as runner:
        result = runner.grade(corpus.TARGET, [*tries, merge])
        assert result["merge"].points == 3
        assert "or than it had, and was interrupted" in result.notes[-1]


def test_a_process_that_ends_while_it_is_looked_at_has_waited_for_nothing(monkeypatch):
    def ended(*_):
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(processor_time.Path, "glob", ended)
    assert processor_time.waited_by(1) == 0


@pytest.mark.proof
def test_cells_that_hang_or_die_cost_no_exercise_its_points(monkeypatch):
    """However many there are: each costs its seconds, and is left out. By the processor's time, on
    a machine with much else to do."""
    for module in (processor_time, rpc):
        monkeypatch.setattr(module, "CLOCK_FACTOR", 40)
    limits = Limits(cell=2, call=6, test=60, notebook=120)
    with closing(PatientRunner([corpus.TARGET], limits=limits)) as runner:
        cells = [Cell("code", name, text) for name, text in corpus.SOLUTIONS.items()]
        odd = [Cell("code", None, f"while True: {n}") for n in range(2)]
        odd += [Cell("code", None, f"import os; os._exit({n})") for n in range(2)]
        result = runner.grade(corpus.TARGET, [*odd, *cells])
        assert result.points == result.worth, result
        assert len(result.notes) == 4


@pytest.mark.proof
def test_notes_on_cells_that_ended_the_process_have_an_end(runner):
    odd = [Cell("code", None, f"import os; os._exit({n})") for n in range(30)]
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    result = runner.grade(corpus.TARGET, [*odd, merge])
    assert result.points == 3 and len(result.notes) == 20


@pytest.mark.proof
def test_no_note_is_written_once_a_hidden_input_is_known():
    """By the clock, which all of a submission's processes share, cells that run once more could
    tell what a hidden test was given: which of them ends the process would stand in a note."""
    at = time.time() + 15
    ends = "import os, time\nif time.time() > {at}: os._exit(0)"
    waits = "    if dim == 0:\n        time.sleep(max(0.0, {at} - time.time()) + 0.1)\n"
    waits += "        os._exit(1)\n"
    tells = corpus.SOLUTIONS["softmax"].replace(":\n", f":\n{waits}", 1)
    with closing(Runner([corpus.TARGET], limits=Limits(cell=20, call=30))) as runner:
        ends, tells = (each.replace("{at}", str(at)) for each in (ends, tells))
        told = [Cell("code", None, ends), Cell("code", "softmax", tells)]
        result = runner.grade(corpus.TARGET, told)
    assert time.time() > at and result["softmax"].points == 0
    assert result.notes == ()


def test_an_alarm_that_rings_at_the_last_moment_leaves_the_one_around_it(monkeypatch):
    """It rings between a test's last line and the line that would have silenced it."""
    real, rang = signal.setitimer, []

    def late(which, seconds, *more):
        if not seconds and not rang:
            rang.append(seconds)
            signal.raise_signal(signal.SIGALRM)
        return real(which, seconds, *more)

    def idle(_):
        return NONE

    with pytest.raises(OutOfTime, match="the notebook took"):
        with time_limit(TimeLimit(1, "the notebook", idle)):
            monkeypatch.setattr(signal, "setitimer", late)
            over = TimeLimit(60, "the check", idle)
            with pytest.raises(OutOfTime, match="the check took"):
                with time_limit(over):
                    over.began -= CLOCK_FACTOR * 60
            time.sleep(600)  # until it rings


def test_a_machine_without_time_for_a_text_does_not_hold_it_against_the_learner(monkeypatch):
    monkeypatch.setattr(read_submission, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(submission, "parse_json", lambda data: time.sleep(60))
    result = worker_pool.grade_bytes(None, corpus.TARGET, b"{}")
    assert isinstance(result, NotGraded)
    assert "this machine is too busy; start again" in result.reason


def test_all_limits_follow_from_the_seconds_of_a_cell():
    assert Limits.for_cell(30) == Limits()
    assert astuple(Limits.for_cell(60)) == tuple(2 * each for each in astuple(Limits()))


def test_a_worker_may_take_what_its_work_may_take():
    most = CLOCK_FACTOR * (Limits().notebook + run_test_cell.SLACK)
    read = 2 * read_submission.WAIT_SECONDS  # and then analysed
    assert CLOCK_FACTOR * Limits().notebook + worker_pool.GRACE > most + read
