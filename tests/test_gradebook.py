"""The gradebook after grading: times, restored copies, exercises of another edition, and what lies
beside it for nbgrader's exchange."""

import shutil
from functools import partial

import pytest
from attacks import corpus
from grading_fakes import class_of, grade

from llmlib.course.format import notebooks as course_notebooks
from llmlib.grading.gradebook import GradebookWriter
from llmlib.grading.results import Graded, Outcome

pytestmark = pytest.mark.security


def test_an_odd_timestamp_costs_a_sentence_and_nothing_else(tmp_path):
    odd = {"link": None, "old": "0001-01-01 00:00 CET", "nines": "9" * 20, "bytes": b"\xff\xfe"}
    course = class_of(tmp_path, dict.fromkeys([*odd, "fine", "none"], "#"))
    for student, text in (odd | {"fine": "2026-11-02 10:00:00 UTC"}).items():
        path = course / "submitted" / student / "target" / "timestamp.txt"
        if text is None:
            path.symlink_to("/etc/hostname")
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rows = grade(course)
    assert all(rows[student].points == 10 for student in rows)
    for student in odd:
        assert "timestamp.txt was not used" in rows[student].notes[0], student
    assert rows["fine"].notes == rows["none"].notes == ()


def test_a_time_that_comes_late_or_is_put_right_counts(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    path = course / "submitted" / "ann" / "target" / "timestamp.txt"

    def late():
        with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book:
            return book.gradebook.find_submission("target", "ann").total_seconds_late

    grade(course)
    with (
        GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book,
        book.transaction() as inside,
    ):
        inside.update_or_create_assignment("target", duedate="2026-11-01 00:00:00 UTC")
    for text, seconds in (("no time", 0), ("2026-11-01 00:01:00 UTC", 60)):
        path.write_text(text)
        grade(course)
        assert late() == seconds
    assert (course / "log").read_text().split() == ["ann"]  # it was graded once


def test_a_gradebook_that_is_new_or_restored_is_put_right(tmp_path):
    course, late = class_of(tmp_path, {"ann": "#", "bob": "#"}), "2026-11-02 10:00:00 UTC"
    (course / "submitted" / "ann" / "target" / "timestamp.txt").write_text(late)
    book, old = course / "gradebook.db", course / "old.db"
    lost = tuple(Outcome(each.name, 0, each.points) for each in corpus.TARGET.exercises)

    def scores():
        with GradebookWriter(f"sqlite:///{book}", "c") as opened:
            at = opened.gradebook.find_submission("target", "ann").timestamp
            return str(at), [sum(each.values()) for each in opened.totals().values()]

    rows = grade(course)
    right = scores()
    assert right == (late.removesuffix(" UTC"), [10, 10])
    shutil.copy(book, old)
    with GradebookWriter(f"sqlite:///{old}", "c") as opened, opened.transaction() as inside:
        inside.update_or_create_submission("target", "ann", timestamp="2026-11-01 10:00:00 UTC")
    with GradebookWriter(f"sqlite:///{old}", "c") as opened:
        opened.save("bob", "target", Graded(lost, (), False))
    for restore in (book.unlink, partial(shutil.copy, old, book)):
        restore()
        assert grade(course) == rows and scores() == right
    assert sorted((course / "log").read_text().split()) == ["ann", "bob"]  # graded once


def test_a_gradebook_that_is_right_is_not_written_again(tmp_path, monkeypatch):
    """Nor an autograded notebook; one that was removed is."""
    course = class_of(tmp_path, {"ann": "#"})
    rows, made = grade(course), course / "autograded" / "ann" / "target" / "target.ipynb"
    text = made.read_text()
    monkeypatch.setattr(GradebookWriter, "save", None)
    made.write_text("mine")
    assert grade(course) == rows and made.read_text() == "mine"
    made.unlink()
    assert grade(course) == rows and made.read_text() == text


def test_what_the_exchange_needs_to_return_a_page_lies_beside_it(tmp_path):
    course = class_of(tmp_path, {"ann": "#", "bob": "#"})
    slips = {"timestamp.txt": "2026-11-02 10:00:00 UTC", "submission_secret.txt": "ann's"}
    for name, text in slips.items():
        (course / "submitted" / "ann" / "target" / name).write_text(text)
    (course / "submitted" / "bob" / "target" / "submission_secret.txt").symlink_to("/etc/hostname")
    grade(course)
    for folder in ("autograded", "feedback"):
        for name, text in slips.items():
            assert (course / folder / "ann" / "target" / name).read_text() == text
        assert not (course / folder / "bob" / "target" / "submission_secret.txt").exists()


def test_an_exercise_that_the_gradebook_does_not_know_yet_is_added(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    short = course_notebooks.Notebook(
        "target", corpus.TARGET.node.copy(), corpus.TARGET.exercises[:1]
    )
    kept = {f"{prefix}{short.exercises[0].name}" for prefix in ("", "test_")}
    named = [cell for cell in short.cells if course_notebooks.kind(cell) in ("solution", "test")]
    short.node.cells = [
        cell for cell in short.cells if cell not in named or course_notebooks.grade_id(cell) in kept
    ]
    assert grade(course, notebooks={"target": short})["ann"].points < 10
    assert grade(course)["ann"].points == 10


def test_what_another_edition_or_plain_nbgrader_left_does_not_count(tmp_path, capsys):
    course, where = class_of(tmp_path, {"ann": "#"}), ("target", "target")
    with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book:
        with book.transaction() as inside:
            inside.add_assignment("target")
            inside.add_notebook(*where)
            for name in ("test_gone", "merge"):  # the second is our solution cell's name
                inside.add_grade_cell(name, *where, max_score=5, cell_type="code")
            inside.add_solution_cell("gone", *where)
            inside.add_task_cell("essay", *where, max_score=5, cell_type="markdown")
            inside.add_student("ann")
            inside.add_submission("target", "ann")
            inside.find_grade("test_gone", *where, "ann").auto_score = 5
            inside.db.flush()
        assert grade(course)["ann"].points == 10
        assert (
            "as this edition lacks them: essay, gone, merge, test_gone\n" in capsys.readouterr().err
        )
        assert book.marks("ann", "target").points == book.totals()["ann"]["target"] == 10
        assert book.gradebook.find_assignment("target").max_score == 10
