"""What an instructor sets and gives by hand reaches scores.csv, the page and the gradebook alike:
partial credit, the seconds of a cell, points and comments from Formgrader, the price of lateness,
and who may enter the folder of grades."""

import csv
import os
import stat
from contextlib import closing
from datetime import datetime

import pytest
from attacks import corpus
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import determine_grade
from traitlets.config import PyFileConfigLoader

from classroom import cli as command
from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader import cli, course_config, nbgrader_plugin
from grader.gradebook import GradebookWriter
from grader.host.time_limits import CLOCK_FACTOR
from grader.marking.runner import Runner

pytestmark = pytest.mark.nbgrader
GUESSED = "def merge(ids, pair, new_id):\n    return [9, 1]"  # what the visible test asks for
TARGET = corpus.TARGET


@pytest.fixture
def course(tmp_path, monkeypatch):
    """ada has solved it all, bob has guessed the last one; both handed in on 2 November."""
    for student, last in (("ada", corpus.SOLUTIONS["merge"]), ("bob", GUESSED)):
        submission = corpus.Submission(tmp_path / "submitted" / student / "target", {})
        submission.solve()
        submission.put("merge", last)
        submission.beside("timestamp.txt", "2026-11-02 10:00:00 UTC")
        submission.write()
    monkeypatch.setattr(cli.course_notebooks, "names", lambda: ["target"])
    monkeypatch.setattr(cli.course_notebooks, "load", {"target": TARGET}.get)
    configure(tmp_path)
    return tmp_path


def configure(course, *lines):
    lead = [
        "from grader import nbgrader_plugin",
        "c = get_config()",
        "nbgrader_plugin.configure(c)",
    ]
    where = [f"c.CourseDirectory.root = {str(course)!r}", "c.CourseDirectory.course_id = 'c'"]
    where += [f"c.CourseDirectory.db_url = 'sqlite:///{course}/gradebook.db'"]
    (course / "nbgrader_config.py").write_text("\n".join([*lead, *where, *lines]))


def grade(course):
    """scores.csv after `llmlib grade`, {student: row}."""
    config = str(course / "nbgrader_config.py")
    words = [str(course / "submitted"), "--config", config, "--workers", "1"]
    assert command.main(["grade", *words]) == 0
    with (course / "scores.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def page(course, student):
    return (course / "feedback" / student / "target" / "target.html").read_text(encoding="utf-8")


def book(course):
    return GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c")


@pytest.mark.proof
def test_partial_credit_is_the_instructor_s_to_set(course, capsys):
    row = grade(course)["bob"]
    assert (row["score"], row["merge"]) == ("7.0", "0.0") and "0 of 3 points." in page(
        course, "bob"
    )
    configure(course, "c.TrustedExporter.partial_credit = 0.5")
    rows = grade(course)
    assert (rows["bob"]["score"], rows["bob"]["merge"]) == ("8.5", "1.5")
    assert rows["ada"]["score"] == "10.0" and "bob  target  8.5/10" in capsys.readouterr().out
    assert "1.5 of 3 points, for what the visible checks ask" in page(course, "bob")
    assert "<b>8.5 of 10 points</b>" in page(course, "bob")
    with book(course) as opened:
        assert opened.totals()["bob"] == {"target": 8.5}


WRONG = {
    "grade": [["--student", "adda"], ["--assignment", "1_tokens"]],
    "export-answers": [["--assignment", "1_tokens"]],
    "oral-questions": [["--student", "adda"], ["--assignment", "1_tokens"]],
}


@pytest.mark.proof
@pytest.mark.parametrize("verb", WRONG)
def test_a_name_that_nobody_has_is_one_sentence_and_costs_no_table(course, verb, capsys):
    grade(course)
    where = {"grade": ["--config", str(course / "nbgrader_config.py")]}
    more = where.get(verb, ["--output", str(course / "out")])
    kept = {path: path.read_bytes() for path in course.glob("*.csv")}
    wrong = [(course / "submitted", words) for words in WRONG[verb]]
    for folder, words in [*wrong, (course / "results" / "ada", [])]:
        capsys.readouterr()
        assert command.main([verb, str(folder), *words, *more]) == 2
        said, why = capsys.readouterr().err, f"nothing was handed in as {folder}"
        if verb == "grade" and not words:  # which takes any folder for a download
            why = f"{folder} holds no notebook that could be taken"
        assert why in said and said.count("\n") == 1
    assert kept == {path: path.read_bytes() for path in course.glob("*.csv")} and len(kept) == 4
    assert not (course / "out").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("c = 'unclosed", "does not run: SyntaxError"),
        ("c = d", "does not run: NameError"),
        ("c.TrustedExporter.partial_credit = 1.5", "'partial_credit' trait"),
        ("c.TrustedExporter.partial_credit = 'half'", "'partial_credit' trait"),
        ("c.LateSubmissionPlugin.penalty_method = 'half'", "'penalty_method' trait"),
        ("c.AssignLatePenalties.plugin_class = 'no.Such'", "'plugin_class' trait"),
        ("c.Execute.timeout = 0", "timeout"),
        ("c.Execute.timeout = 'long'", "timeout"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(course, line, says, capsys):
    configure(course, line)
    config = str(course / "nbgrader_config.py")
    assert command.main(["grade", str(course / "submitted"), "--config", config]) == 2
    said = capsys.readouterr().err
    assert config in said and says in said and said.count("\n") == 1


def test_nbgrader_reads_the_same_share(course):
    with closing(Runner([TARGET], partial=0.5)) as runner:
        result = runner.grade(TARGET, [Cell("code", None, GUESSED)])
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(TARGET, result.steps), result)
    found = {
        notebooks.grade_id(c): determine_grade(c)[0]
        for c in node.cells
        if notebooks.kind(c) == "test"
    }
    assert found == {"test_softmax": 0, "test_causal_mask": 0, "test_merge": 1.5}


def test_points_and_comments_by_hand_come_back(course):
    grade(course)
    with book(course) as opened, opened.transaction() as gradebook:
        where = "target", "target", "bob"
        gradebook.find_grade("test_merge", *where).manual_score = 2.0
        gradebook.find_comment("merge", *where).manual_comment = "Nearly: <where> is the rest?"
        gradebook.db.flush()
    row = grade(course)["bob"]
    assert (row["score"], row["merge"]) == ("9.0", "2.0")
    assert row["comments"] == "merge: Nearly: <where> is the rest?"
    assert "<b>9 of 10 points</b>" in page(course, "bob") and "2 of 3 points." in page(
        course, "bob"
    )
    assert "A comment: Nearly: &lt;where&gt; is the rest?" in page(course, "bob")
    with book(course) as opened:
        assert opened.totals()["bob"] == {"target": 9.0}


@pytest.mark.proof
def test_formgrader_s_button_makes_the_same_page(course):
    grade(course)
    ours = page(course, "bob")
    (course / "feedback" / "bob" / "target" / "target.html").write_text("old")
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    done = api.generate_feedback("target", force=True)
    assert done["success"], done
    assert page(course, "bob") == ours and "merge from left to right" not in ours


@pytest.mark.proof
def test_lateness_costs_what_the_config_says_and_only_while_it_is_late(course):
    configure(course, "c.LateSubmissionPlugin.penalty_method = 'zero'")
    assert grade(course)["ada"]["score"] == "10.0"
    for due, points in ((datetime(2026, 11, 1), "0.0"), (datetime(2026, 11, 3), "10.0")):
        with book(course) as opened, opened.transaction() as gradebook:
            gradebook.find_assignment("target").duedate = due
            gradebook.db.flush()
        row = grade(course)["ada"]
        assert row["score"] == points and float(row["late"]) == 10 - float(points)
        assert ("10 off for lateness" in page(course, "ada")) == (points == "0.0")
        with book(course) as opened:
            assert opened.totals()["ada"] == {"target": float(points)}


@pytest.mark.proof
def test_a_due_date_put_off_counts_for_whose_last_file_cannot_be_graded(course):
    configure(course, "c.LateSubmissionPlugin.penalty_method = 'zero'")
    grade(course)
    (course / "submitted" / "ada" / "target" / "target.ipynb").write_text("{")
    words = [str(course / "submitted"), "--config", str(course / "nbgrader_config.py")]
    for due, points in ((datetime(2026, 11, 1), 0.0), (datetime(2026, 11, 3), 10.0)):
        with book(course) as opened, opened.transaction() as gradebook:
            gradebook.find_assignment("target").duedate = due
            gradebook.db.flush()
        assert command.main(["grade", *words, "--workers", "1"]) == 1
        with book(course) as opened:
            assert opened.totals()["ada"] == {"target": points}


def edited(path, column, choose):
    """Fill in a column of a table as an instructor does, where `choose` says what."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row[column] = choose(row) or row[column]
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # as a spreadsheet saves it
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return rows


@pytest.mark.proof
def test_one_comment_reaches_all_who_made_a_mistake_and_leaves_with_it(course):
    for student, source in (("carl", GUESSED + "  # mine"), ("dora", "def merge(a, b, c):\n    0")):
        submission = corpus.Submission(course / "submitted" / student / "target", {})
        submission.solve()
        submission.put("merge", source)
        submission.write()
    grade(course)
    with book(course) as opened, opened.transaction() as gradebook:
        for each in gradebook.find_submission_notebook("target", "target", "carl").comments:
            if each.name == "merge":
                each.manual_comment = "Well tried."
        gradebook.db.flush()
    table = course / "mistakes.csv"
    rows = edited(table, "comment", lambda row: "See =1.3." if "bob" in row["students"] else "")
    (common, other) = rows
    assert (common["times"], common["same_code"], common["students"]) == ("2", "2", "bob; carl")
    assert (other["times"], other["students"]) == ("1", "dora") and other["comment"] == ""
    rows = grade(course)
    assert rows["bob"]["comments"] == "merge: To everyone who made this mistake: See =1.3."
    assert "See =1.3." in page(course, "bob") and rows["carl"]["comments"] == "merge: Well tried."
    assert rows["dora"]["comments"] == rows["ada"]["comments"] == ""
    submission = corpus.Submission(course / "submitted" / "bob" / "target", {})
    submission.solve()
    submission.write()
    assert grade(course)["bob"]["comments"] == "" and "See =1.3." not in page(course, "bob")
    with table.open(encoding="utf-8", newline="") as file:
        assert [row["comment"] for row in csv.DictReader(file)] == ["See =1.3.", ""]
    table.write_text("mistake\nx\n")
    words = ["grade", str(course / "submitted"), "--config", str(course / "nbgrader_config.py")]
    assert command.main(words) == 2


@pytest.mark.proof
def test_a_finding_leads_to_its_cell_and_can_be_marked_as_seen(course, capsys):
    submission = corpus.Submission(course / "submitted" / "eve" / "target", {})
    submission.solve()
    submission.put("softmax", "def softmax(x, dim=-1):\n    return torch.softmax(x, dim)")
    submission.write()
    grade(course)
    assert "Finding: softmax called" in capsys.readouterr().out
    (row,) = edited(course / "findings.csv", "seen", lambda row: "yes, she may")
    assert row["page"].endswith("feedback/eve/target/target.html#softmax")
    assert 'id="softmax"' in page(course, "eve")
    grade(course)
    assert "Finding:" not in capsys.readouterr().out
    with (course / "findings.csv").open(encoding="utf-8", newline="") as file:
        assert [row["seen"] for row in csv.DictReader(file)] == ["yes, she may"]


@pytest.mark.proof
def test_the_timeout_of_a_cell_is_the_instructor_s_to_set(course):
    """ada's cell sleeps, then makes a name that `merge` reads: what counts is the clock."""
    submission = corpus.Submission(course / "submitted" / "ada" / "target", {})
    submission.solve()
    sleeps = f"import time\ntime.sleep({2 * CLOCK_FACTOR + 2})\nSLEPT = True\n"
    reads = corpus.SOLUTIONS["merge"].replace("):\n", "):\n    SLEPT\n", 1)
    submission.put("merge", sleeps + reads)
    submission.write()
    configure(course, "c.Execute.timeout = 2")
    row = grade(course)["ada"]
    assert row["merge"] == "0.0" and "this cell took longer than 2 s" in row["notes"]
    configure(course, "c.Execute.timeout = 60")
    row = grade(course)["ada"]  # a result depends on it: graded again
    assert row["merge"] == "3.0" and row["notes"] == ""


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
        assert course_config.settings(notebooks.ROOT / "nbgrader_config.py")[0] == folder
    finally:
        os.umask(umask)
    assert stat.S_IMODE(folder.stat().st_mode) == after and (folder / "exchange").is_dir()
