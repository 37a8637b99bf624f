"""The grader's limits on time: messages name them, they cost only the cell that ran into them,
and a busy machine is not held against a learner."""

import signal
import time
from contextlib import closing

import pytest
from attacks import corpus
from grading_fakes import verdict

from llmlib.course.checking import submission
from llmlib.course.checking.submission import Cell
from llmlib.grading import wire, worker_pool
from llmlib.grading.host import limits, read_submission, run_test_cell
from llmlib.grading.host.limits import Limits
from llmlib.grading.marking import starvation_retry
from llmlib.grading.marking.runner import Runner
from llmlib.grading.results import NotGraded

pytestmark = pytest.mark.security


def test_limits_are_named_and_the_rest_is_graded(monkeypatch):
    monkeypatch.setattr(starvation_retry, "ENOUGH", 0)  # however much else this machine has to do
    limits = Limits(cell=3, call=3, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        loops = "def f():\n    while True: pass"
        said = verdict(runner, loops, "check.equal(f(), 1, 'one')")
        assert said == "`f` took longer than 3 s and was stopped"
        endless = Cell("code", None, "while True: pass")
        merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
        result = runner.grade(corpus.TARGET, [merge, endless])
        assert result["merge"].points == 3
        assert "cell 2: this cell took longer than 3 s" in result.notes[0]
        late = Cell("code", "merge", f"while True:\n    pass\n{corpus.SOLUTIONS['merge']}")
        result = runner.grade(corpus.TARGET, [late])
        said = "its cell took longer than 3 s, or than it had, and was interrupted"
        assert result["merge"].points == 0 and said in result["merge"].message


def test_who_had_no_processor_when_time_ran_out_is_tried_for_longer(monkeypatch):
    """A process that sleeps has none, like one on a machine with too much to do."""
    monkeypatch.setattr(starvation_retry, "ENOUGH", 0.05)  # tests run beside others
    limits = Limits(cell=20, call=2, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        slow = "`merge` took longer than {} s and was stopped"
        odd = "the process of `merge` sent something that is no answer"
        for code, said, findings in [
            ("time.sleep(4)", None, 0),
            ("time.sleep(1000)", slow.format(8), 1),
            ("while True: pass", slow.format(2), 0),
            (f"time.sleep(1); os.write(3, {wire.pack([])!r}); time.sleep(9)", odd, 0),
        ]:
            body = f"):\n    import os, time\n    {code}\n"
            merge = corpus.SOLUTIONS["merge"].replace("):\n", body, 1)
            result = runner.grade(corpus.TARGET, [Cell("code", "merge", merge)])
            assert result["merge"].claim == said
            found = [each for each in result.findings if "ran out of time" in each]
            assert len(found) == findings, result.findings


def test_tries_that_take_long_cost_no_exercise():
    limits = Limits(cell=2, call=6, test=60, notebook=24)  # each cut short, they would take it all
    code = [f"import time\nfor _ in range({n}): time.sleep(0.1)" for n in range(100, 112)]
    tries = [Cell("code", None, each) for each in code]
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        result = runner.grade(corpus.TARGET, [*tries, merge])
        assert result["merge"].points == 3
        assert "or than it had, and was interrupted" in result.notes[-1]


def test_cells_that_hang_or_die_cost_no_exercise_its_points():
    """However many there are: each costs its seconds, and is left out."""
    limits = Limits(cell=2, call=6, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        cells = [Cell("code", name, text) for name, text in corpus.SOLUTIONS.items()]
        odd = [Cell("code", None, f"while True: {n}") for n in range(4)]
        odd += [Cell("code", None, f"import os; os._exit({n})") for n in range(4)]
        result = runner.grade(corpus.TARGET, [*odd, *cells])
        assert result.points == result.worth, result
        assert len(result.notes) == 8


def test_notes_on_cells_that_ended_the_process_have_an_end(runner):
    odd = [Cell("code", None, f"import os; os._exit({n})") for n in range(30)]
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    result = runner.grade(corpus.TARGET, [*odd, merge])
    assert result.points == 3 and len(result.notes) == 20


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

    with pytest.raises(limits.OutOfTime, match="the notebook took"):
        with limits.time_limit(0.5, "the notebook"):
            monkeypatch.setattr(signal, "setitimer", late)
            with pytest.raises(limits.OutOfTime, match="the check took"):
                with limits.time_limit(60, "the check"):
                    pass
            time.sleep(5)


def test_a_machine_without_time_for_a_text_does_not_hold_it_against_the_learner(monkeypatch):
    monkeypatch.setattr(read_submission, "PATIENCE", 0.2)
    monkeypatch.setattr(submission, "plain_values", lambda data: time.sleep(60))
    result = worker_pool.grade_bytes(None, corpus.TARGET, b"{}")
    assert isinstance(result, NotGraded)
    assert "this machine is busy; start again" in result.reason


def test_a_worker_may_take_what_its_work_may_take():
    limits = Limits().notebook + run_test_cell.SLACK
    assert (
        Limits().notebook + worker_pool.GRACE > limits + 2 * read_submission.PATIENCE
    )  # read, then analysed
