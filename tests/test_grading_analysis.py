"""What the text of a submission shows before it runs: the cells to run, the names they use, what an
instructor should look at."""

import gc
import os
import signal

import pytest
from attacks import corpus

from classroom.checking import submission
from classroom.checking.submission import Cell
from exercises.format import notebooks as course_notebooks
from grader import nbgrader_plugin
from grader.host import memory_kills, read_submission
from grader.marking import analysis

pytestmark = pytest.mark.security


def test_notes_and_findings_have_an_end():
    changed = [Cell("code", "given_setup", f"x = {n}") for n in range(1000)]
    tried = [Cell("code", None, f"eval('{n}')") for n in range(1000)]
    shown = analysis.analyse(corpus.TARGET, [*changed, *tried])
    assert len(shown.job.notes) == 1 and len(shown.findings) == analysis.MOST + 1
    assert shown.findings[-1] == f"and {1000 - analysis.MOST} more findings"


@pytest.mark.parametrize("times", [1_500, 4_000, 8_000, 20_000])
@pytest.mark.parametrize("deep", ["_ = 1{}", "_ = lambda: a{}"])
def test_a_cell_too_deep_to_be_read_is_a_finding(deep, times):
    """It may run all the same: who only compiles it gets further than who makes a tree of it."""
    deep = deep.format(("+1" if "1" in deep else ".b") * times)
    shown = analysis.analyse(
        corpus.TARGET, [Cell("code", None, f"import gc\ngc.get_objects()\n{deep}")]
    )
    assert shown.findings


def test_unused_demonstrations_stay_out_and_wanted_ones_come_in():
    release = [Cell("code", "softmax", "def softmax(x):\n    return x * scale")]
    titles = [step.title for step in submission.plan(corpus.TARGET, release).steps]
    assert titles == ["given_setup", "demonstration 2", "softmax"]
    local = [Cell("code", "softmax", "def softmax(x):\n    scale = 1\n    return x * scale")]
    titles = [step.title for step in submission.plan(corpus.TARGET, local).steps]
    assert titles == ["given_setup", "softmax"]


def test_the_course_s_cells_without_their_marks_are_not_the_learner_s():
    given = corpus.TARGET.cells[1].source
    own = Cell("code", None, "def softmax(x): return x"), Cell("code", None, given)
    job = submission.plan(corpus.TARGET, [Cell("code", None, given), *own])
    assert [step.title for step in job.steps] == ["given_setup", "cell 2"] and not job.notes
    # Beside the marked one it is an addition: it may put right what a cell above has changed.
    job = submission.plan(corpus.TARGET, [Cell("code", "given_setup", given), *own])
    assert [step.title for step in job.steps] == ["given_setup", "cell 2", "cell 3"]


def test_what_stands_below_a_demonstration_that_runs_is_in_the_rebuilt_notebook(runner):
    demo = next(cell for cell in corpus.TARGET.cells if course_notebooks.kind(cell) == "demo")
    added = Cell("code", None, "mine = 1")
    uses = Cell("code", "softmax", "def softmax(x): return x * scale")
    result = runner.grade(corpus.TARGET, [Cell("code", None, demo.source), added, uses])
    assert [title for title, *_ in result.steps][:3] == ["given_setup", "demonstration 2", "cell 2"]
    sources = [each.source for each in nbgrader_plugin.rebuild(corpus.TARGET, result.steps).cells]
    assert sources.count("mine = 1") == 1


class Held:
    """What a process has let go of, and the collector has not seen yet: in a circle with itself."""

    def __init__(self, path):
        self.itself, self.path = self, path

    def __del__(self):
        self.path.write_text(str(os.getpid()))


def test_a_reading_ends_nothing_of_the_process_that_asks_for_it(tmp_path):
    """The fork has copies of all its objects. One that ends processes or empties a folder as it
    is collected would do so in the fork."""

    def work():
        circles = [[] for _ in range(200_000)]  # so many that the collector would run
        for each in circles:
            each.append(each)
        return len(circles)

    gc.collect()
    Held(tmp_path / "ended")
    assert read_submission.run_limited(work) == 200_000
    assert not (tmp_path / "ended").exists()
    gc.collect()
    assert (tmp_path / "ended").read_text() == str(os.getpid())


def test_what_cannot_be_analysed_is_still_shown(runner, monkeypatch):
    def refuse(*_):
        raise submission.Unreadable("too much")

    monkeypatch.setattr(analysis, "analyse", refuse)
    mine = [Cell("code", "merge", "# mine"), Cell("code", None, "# beside it")]
    result = runner.grade(corpus.TARGET, mine)
    assert result.points == 0 and result.steps == (("merge", "# mine", True),)
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), result)
    assert "# mine" in [cell.source for cell in node.cells]


@pytest.mark.parametrize("fault", [RecursionError, MemoryError, KeyError])
def test_what_stops_a_reading_is_named(fault):
    def work():
        raise fault

    with pytest.raises(submission.Unreadable, match=f"within the limits.*[(]{fault.__name__}[)]$"):
        read_submission.run_limited(work)


def test_a_reading_that_the_machine_ended_for_memory_says_nothing_of_the_notebook(monkeypatch):
    kills = iter(range(9))
    monkeypatch.setattr(memory_kills, "count", lambda: next(kills))
    with pytest.raises(memory_kills.NoMemory):
        read_submission.run_limited(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_prediction_that_is_never_closed_costs_no_other_cell():
    """However many backslashes are in it."""
    open_end = Cell("code", None, 'predict("""' + "\\" * 60)
    shown = analysis.analyse(corpus.TARGET, [open_end, Cell("code", "merge", "def merge(): ...")])
    assert [step.title for step in shown.job.steps] == ["cell 1", "given_setup", "merge"]


def test_a_comparison_below_changes_nothing_that_an_answer_calls():
    """`torch` is the course's import: a method of it called as a statement is no change of it."""
    below = "torch.testing.assert_close(merge([1], (1, 1), 2), softmax(torch.ones(1)))"
    cells = [Cell("code", "softmax", corpus.SOLUTIONS["softmax"])]
    cells += [
        Cell("code", "merge", "def merge(*a): return torch.ones(1)"),
        Cell("code", None, below),
    ]
    assert not any(analysis.analyse(corpus.TARGET, cells).leans_on.values())
