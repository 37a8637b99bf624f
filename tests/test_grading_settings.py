"""What `nbgrader_config.py` says reaches the grader: the seconds that a cell may run,
and who may enter the folder of grades."""

import os
import stat

import pytest
from test_manual_grades import TARGET, configure, course, grade

from exercises.format.notebooks import ROOT
from grader import course_config
from grader.host.time_limits import CLOCK_FACTOR, Limits

pytestmark = pytest.mark.nbgrader
__all__ = ["course"]  # a fixture
SLEEPS = "import time\ntime.sleep({})\nSLEPT = True\n"
MERGE = next(each.solution for each in TARGET.exercises if each.name == "merge")


def hand_in(course, seconds):
    """ada hands in a cell that sleeps so long and then makes a name that `merge` reads."""
    from attacks import corpus

    submission = corpus.Submission(course / "submitted" / "ada" / "target", {})
    submission.solve()
    submission.put("merge", SLEEPS.format(seconds) + MERGE.replace("):\n", "):\n    SLEPT\n", 1))
    submission.write()


@pytest.mark.proof
def test_the_timeout_of_a_cell_is_the_instructor_s_to_set(course, capsys):
    hand_in(course, 2 * CLOCK_FACTOR + 2)  # asleep: what counts is the limit by the clock
    configure(course, "c.Execute.timeout = 2")
    row = grade(course)["ada"]
    assert row["merge"] == "0.0" and "this cell took longer than 2 s" in row["notes"]
    configure(course, "c.Execute.timeout = 60")
    row = grade(course)["ada"]  # a result depends on it: graded again
    assert row["merge"] == "3.0" and row["notes"] == ""


def test_all_limits_follow_from_the_seconds_of_a_cell():
    assert Limits.for_cell(30) == Limits()
    twice, usual = Limits.for_cell(60), Limits()
    pairs = zip(
        (twice.cell, twice.call, twice.test, twice.notebook),
        (usual.cell, usual.call, usual.test, usual.notebook),
    )
    assert all(more == 2 * less for more, less in pairs)


@pytest.mark.skipif("os.name == 'nt'", reason="left out: Windows has no umask")
@pytest.mark.parametrize(("before", "after"), [(None, 0o700), (0o755, 0o700), (0o2775, 0o2770)])
def test_the_folder_of_grades_is_its_owner_s_or_that_of_a_group_that_grades(
    before, after, tmp_path, monkeypatch
):
    """By the course's own nbgrader_config.py, under the usual umask."""
    folder = tmp_path / "classes" / "grading"
    if before:
        folder.mkdir(parents=True)
        folder.chmod(before)
    monkeypatch.setenv("LLM_COURSE_FOLDER", str(folder))
    umask = os.umask(0o022)
    try:
        assert course_config.settings(ROOT / "nbgrader_config.py")[0] == folder
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.stat().st_mode) == after and (folder / "exchange").is_dir()
