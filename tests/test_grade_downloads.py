"""A teacher's first five minutes: one command from a download to points and pages."""

import contextlib
import re
from pathlib import Path

import answer_runner
import nbformat
import pytest
from grading_fakes import class_of, grade
from nbgrader.api import Gradebook
from test_downloads import NAME, archive

from classroom import cli
from exercises.format import notebooks
from grader import submissions

pytestmark = [pytest.mark.nbgrader, pytest.mark.slow, pytest.mark.needs("bubblewrap")]


@pytest.mark.proof
def test_one_command_grades_a_download_with_no_notebook_built_before(tmp_path, capsys):
    """Canvas's archive in, points and pages out; the gradebook has the assignment."""
    course, source = tmp_path / "grading", tmp_path / "submissions.zip"
    course.mkdir()
    config = tmp_path / "nbgrader_config.py"
    config.write_text(
        "from grader import nbgrader_plugin\n"
        "c = get_config()\n"
        f"c.CourseDirectory.root = {str(course)!r}\n"
        "nbgrader_plugin.configure(c)\n"
    )
    exercises = notebooks.load(NAME).exercises
    solved = {each.name: each.solution for each in exercises}
    wrong = solved | {"merge": "def merge(ids, pair, new_id):\n    return ids"}
    files = {"x_9_9_essay.ipynb": "{}"}
    for number, code in enumerate((solved, wrong)):
        node = answer_runner.handed_in_notebook(NAME, code)
        files[f"s_{number}_1_{NAME}.ipynb"] = nbformat.writes(node)
    archive(source, files)
    assert cli.main(["grade", str(source), "--config", str(config), "--workers", "1"]) == 1
    said = capsys.readouterr().out
    assert f"s_0_1_{NAME}.ipynb: Canvas, {NAME} of student 0\n" in said
    assert "left out: x_9_9_essay.ipynb: taken for Canvas" in said
    assert f"{NAME}: 2 graded, mean " in said and "solved least: merge (1 of 2)" in said
    (address,) = re.findall(r"Their pages: file://(\S+)", said)
    for student in "01":
        assert (Path(address) / student / NAME / f"{NAME}.html").is_file()
    book = Gradebook(f"sqlite:///{course / 'gradebook.db'}")
    with contextlib.closing(book):
        full = sum(each.points for each in exercises)
        assert book.find_assignment(NAME).max_score == full
        assert book.find_submission(NAME, "0").score == full


def test_a_file_that_cannot_be_read_has_a_page_that_says_why(tmp_path, monkeypatch):
    notebook = "target"
    monkeypatch.setattr(submissions.course_notebooks, "names", lambda: [notebook])
    class_of(tmp_path, {"ann": "", "bob": ""})
    broken = tmp_path / "submitted" / "bob" / notebook / f"{notebook}.ipynb"
    whole = broken.read_bytes()
    broken.unlink()
    broken.mkdir()
    found = grade(tmp_path)
    pages = {who: tmp_path / "feedback" / who / notebook / f"{notebook}.html" for who in found}
    said = pages["bob"].read_text(encoding="utf-8")
    assert found["bob"].reason[1:] in said and "was not graded" in said and "bob" in said
    assert "was not graded" not in pages["ann"].read_text(encoding="utf-8")
    broken.rmdir()
    broken.write_bytes(whole)
    grade(tmp_path)
    assert "was not graded" not in pages["bob"].read_text(encoding="utf-8")
    broken.write_text("{")
    grade(tmp_path)  # the page of what was graded stays
    assert "was not graded" not in pages["bob"].read_text(encoding="utf-8")
