"""The gradebook after grading: times, restored copies, exercises of another edition, what lies
beside it for nbgrader's exchange; and another course's, which stays as it is."""

import shutil
from functools import partial

import pytest
from attacks import corpus
from grading_fakes import class_of, grade
from nbgrader.api import Gradebook

from classroom import cli
from exercises.format import notebooks as course_notebooks
from grader.gradebook import OURS, GradebookWriter, refuse_others
from grader.results import Graded, Outcome

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


def another_course(path, names=("hw1", "quiz")):
    """A gradebook as plain nbgrader makes it of another course's notebooks, one student in it."""
    with Gradebook(f"sqlite:///{path}", "biology") as book:
        book.add_student("ann")
        for name in names:
            book.add_assignment(name)
            book.add_notebook(name, name)
            for number in range(1, 4):
                cell = f"part_{number}"
                text = f"assert answer_{number} == {number}"
                book.add_grade_cell(cell, name, name, max_score=5, cell_type="code")
                book.add_solution_cell(f"answer_{number}", name, name)
                book.add_source_cell(cell, name, name, source=text, cell_type="code")
    return path


def test_another_course_s_empty_assignment_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(url, "biology") as book:
        book.add_assignment("01_tokens")  # ours, as Formgrader makes it before there are cells
    refuse_others(url)
    with Gradebook(url, "biology") as book:
        book.add_assignment("hw1")
    with pytest.raises(ValueError, match=r"another course's cells \(hw1\)"):
        refuse_others(url)


def command(course, submitted):
    """`llmlib grade` in this folder: its exit status."""
    config = course / "nbgrader_config.py"
    config.write_text(f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n")
    return cli.main(["grade", str(submitted), "--config", str(config)])


@pytest.mark.parametrize("names", [["hw1", "quiz"], ["quiz"], ["hw1"]])
def test_another_course_s_gradebook_is_refused_untouched(tmp_path, capsys, names):
    course, place = tmp_path / "course", "downloads/ann_quiz.ipynb"
    (course / "downloads").mkdir(parents=True)
    (course / place).write_text('{"cells": []}')
    before = another_course(course / "gradebook.db", names).read_bytes()
    here = sorted(course.rglob("*"))
    assert command(course, course / "downloads") == 2
    said = capsys.readouterr().err
    assert f"holds another course's cells ({names[0]}: answer_1, " in said
    assert "nothing was graded or changed" in said and said.count("\n") == 1
    assert (course / "gradebook.db").read_bytes() == before
    assert sorted({*course.rglob("*")} - {course / "nbgrader_config.py"}) == here


def test_a_gradebook_that_is_not_there_is_not_made_by_looking(tmp_path):
    refuse_others(f"sqlite:///{tmp_path / 'gradebook.db'}")
    assert not [*tmp_path.iterdir()]
    with GradebookWriter(f"sqlite:///{tmp_path / 'gradebook.db'}", "c"):
        pass
    refuse_others(f"sqlite:///{tmp_path / 'gradebook.db'}")  # a new one holds nothing
    with pytest.raises(ValueError, match="cannot be opened"):
        refuse_others("no address")


def test_cells_of_ours_that_were_taken_over_are_another_course_s(tmp_path):
    """A name makes no cell ours whose text is kept; nor is ours what a teacher marks by hand."""
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(url, "c") as book:
        book.add_assignment("quiz")
        book.add_notebook("quiz", "quiz")
        book.add_grade_cell("test_q01", "quiz", "quiz", max_score=1, cell_type="code")
        book.add_solution_cell("q01", "quiz", "quiz")
        refuse_others(url)  # as an early edition left it
        book.add_source_cell("test_q01", "quiz", "quiz", source="assert q01 > 3", cell_type="code")
        with pytest.raises(ValueError, match=r"\(quiz: q01, quiz: test_q01\)"):
            refuse_others(url)
        book.db.delete(book.find_source_cell("test_q01", "quiz", "quiz"))
        book.add_task_cell("essay", "quiz", "quiz", max_score=1, cell_type="markdown")
        with pytest.raises(ValueError, match=r"\(quiz: essay\)"):
            refuse_others(url)


@pytest.mark.parametrize("texts", [True, False])
def test_a_gradebook_of_an_earlier_edition_is_ours(tmp_path, texts):
    """One of 1.0, whose gradebook kept names alone, and one of 1.2: exercises that were dropped
    since, moved to another notebook, or belong to a notebook that no longer is there."""
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    earlier = {
        "02_embeddings": ["embed", "sinusoidal_positions"],
        "04_layers": ["gelu", "mlp"],
        "07_kv_cache_and_scaling": ["adamw_step", "learning_rate", "train"],
        "quiz": ["q01", "q43"],
    } | ({"08_dropped": ["gone"]} if texts else {})
    with Gradebook(url, "c") as book:
        for name, exercises in earlier.items():
            book.add_assignment(name)
            book.add_notebook(name, name)
            for each in exercises:
                test = f"test_{each}"
                book.add_grade_cell(test, name, name, max_score=5, cell_type="code")
                book.add_solution_cell(each, name, name)
                text = "from exercises import check\ncheck.that(True)"
                text = f'check_answer("{each}", answer("{each}"))' if name == "quiz" else text
                if texts:
                    book.add_source_cell(test, name, name, source=text, cell_type="code")
    refuse_others(url)
    with GradebookWriter(url, "c") as book:
        book.add_assignment(course_notebooks.load("02_embeddings"))
        has = book.gradebook.find_notebook("02_embeddings", "02_embeddings")
        assert "test_sinusoidal_positions" not in {each.name for each in has.grade_cells}
    refuse_others(url)


def test_every_test_cell_of_ours_shows_that_it_is():
    for notebook in course_notebooks.notebooks():
        assert all(OURS.search(each.full) for each in notebook.exercises), notebook.name
