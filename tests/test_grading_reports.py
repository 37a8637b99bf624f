"""What people read after grading: feedback pages, tables of scores, the command's own words."""

import csv
import shutil
from dataclasses import replace

import nbformat
import pytest
from attacks import corpus
from grading_fakes import NOTEBOOKS, class_of

from classroom.checking.submission import Cell
from exercises.format import notebooks as course_notebooks
from grader import cli, nbgrader_plugin, report, worker_pool
from grader.gradebook import Marks
from grader.results import Graded, NotGraded
from grader.submissions import Task

pytestmark = pytest.mark.security


def graded_class(runner):
    """(task, result) of three submissions: solved, half solved, hostile markup."""
    made = {
        "ann": corpus.SOLVE,
        "bob": corpus.SOLUTIONS["merge"],
        "eve": "def merge(*a): raise ValueError('<script>x</script>')",
    }
    return [
        (Task(student, "target", ""), runner.grade(corpus.TARGET, [Cell("code", None, code)]))
        for student, code in made.items()
    ]


def test_feedback_names_the_mistake_and_holds_no_hidden_test(runner):
    code = "# <img src=x>\ndef merge(*a): raise ValueError('<script>x</script>')"
    wrong = Cell("code", "softmax", "def softmax(x, dim=-1):\n    return x")
    result = runner.grade(corpus.TARGET, [Cell("code", "merge", code), wrong])
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), result)
    marks = Marks(dict.fromkeys(corpus.SOLUTIONS, 0.0), {"merge": "<b>Ask me</b>"}, 0.0)
    page = report.feedback(corpus.TARGET, "eve", node, marks)
    assert "A comment: &lt;b&gt;Ask me&lt;/b&gt;" in page
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page
    assert "Read the statement of Exercise 0.1 again" in page and "Hint 1" in page
    assert page.index("To repair") < page.index('href="#merge"') < page.index('id="merge"')
    assert "<code>causal_mask</code>: not written yet" in page and page.count("open “") == 1
    assert "HIDDEN" not in page + nbformat.writes(node)
    assert "dim names the axis" not in page


def test_an_exercise_of_further_is_on_the_page_once_it_is_begun(runner):
    further = tuple(replace(each, points=0) for each in corpus.TARGET.exercises)
    book = replace(corpus.TARGET, exercises=further)
    cells = (
        Cell("code", "merge", corpus.SOLUTIONS["merge"]),
        Cell("code", "softmax", further[0].stub),
    )
    result = runner.grade(corpus.TARGET, cells)
    graded = replace(result, outcomes=tuple(replace(o, points=0, worth=0) for o in result.outcomes))
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), graded)
    page = report.feedback(book, "eve", node, Marks(dict.fromkeys(corpus.SOLUTIONS, 0.0), {}, 0.0))
    assert "Solved: no points, as it stands in Further" in page
    assert "softmax" not in page and "causal_mask" not in page


def test_scores_and_class_report(tmp_path, runner):
    rows = graded_class(runner)
    rows.append((Task("=cmd()", "target", "", "broken"), NotGraded("broken;=cmd()")))
    marks = {
        task: Marks({each.exercise: each.points for each in result.outcomes}, {}, 0.0)
        for task, result in rows[:-1]
    }
    report.scores(rows, marks, tmp_path)
    found = {row["student"]: row for row in csv.DictReader((tmp_path / "scores.csv").open())}
    assert found["ann"]["score"] == "10.0" and found["bob"]["merge"] == "3.0"
    assert found["bob"]["softmax"] == "0.0"
    assert "'=cmd()" in found and found["'=cmd()"]["fault"] == "broken;'=cmd()"
    report.write_class_report(rows, NOTEBOOKS, tmp_path)
    table = {row["exercise"]: row for row in csv.DictReader((tmp_path / "class.csv").open())}
    assert table["merge"]["solved"] == "2" and table["merge"]["handed_in"] == "3"
    assert table["softmax"]["commonest_mistake"].startswith("`softmax` is not defined")
    assert table["softmax"]["times"] == "2"
    assert (tmp_path / "class.png").stat().st_size > 5000
    report.write_class_report(rows[-1:], NOTEBOOKS, tmp_path)  # of what could not be graded
    assert not (tmp_path / "class.png").exists()


class Namespace:
    assignment, student, workers, unsafe, again, scheduler = None, None, 1, False, False, None
    exchange, write_config = False, False

    def __init__(self, **values):
        self.__dict__.update(values)


def test_the_command_grades_says_why_not_and_exits_with_1(tmp_path, monkeypatch, capsys):
    course = class_of(tmp_path, {"ann": "#"})
    (course / "submitted" / "bob" / "target").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
    )
    monkeypatch.setattr(cli.course_notebooks, "names", lambda: ["target"])
    monkeypatch.setattr(cli.course_notebooks, "load", NOTEBOOKS.get)
    args = Namespace(submitted=course / "submitted", config=course / "nbgrader_config.py")
    assert cli.run(args) == 1
    said = capsys.readouterr().out
    assert (
        "ann  target  0/10" in said and "bob  target  not graded: there is no target.ipynb" in said
    )
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    (course / "results" / "ann" / "target.json").unlink()
    with pytest.raises(ValueError, match="bubblewrap is missing"):  # which the command says
        cli.run(args)


def test_another_edition_of_the_notebook_is_said(tmp_path):
    notebook = course_notebooks.load("quiz")
    tree = nbformat.from_dict(notebook.node)

    class Dummy:
        def grade(self, notebook, found):
            return Graded((), ("a note",), False)

    def notes(said):
        tree.metadata["llmlib"] = {"course": said}
        return worker_pool.grade_bytes(Dummy(), notebook, nbformat.writes(tree).encode()).notes

    first = notes("0.9.0")[0]
    assert first.startswith("Handed in from version 0.9.0 of the course, graded with ")
    assert "answers were moved to their places" in first and first.endswith("has no answer.")
    assert notes(worker_pool.VERSION) == ("a note",)
    assert notes("<b>1</b>") == ("a note",) == notes(["0.9"])
    last = notebook.exercises[-1].name
    tree.cells = [each for each in tree.cells if course_notebooks.grade_id(each) != last]
    assert notes(None) == ("a note",)  # its letters follow the texts of their options
    tree.cells = [each for each in tree.cells if each.cell_type == "code"]
    said = "It lacks 1 of 45 questions and names no version of the course: if it is not of "
    assert notes(None)[0].startswith(said) and len(notes(None)) == 2
    assert notes(worker_pool.VERSION) == ("a note",)
