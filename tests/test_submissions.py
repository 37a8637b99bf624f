"""Which files of a folder are submissions; every other file has a row that says why not."""

import os
from unicodedata import normalize

import pytest
from grading_fakes import NOTEBOOKS, class_of

from exercises.format import notebooks as course_notebooks
from grader import submissions
from grader.submissions import find

pytestmark = pytest.mark.security


def test_what_one_has_done_leaves_the_others_their_turn(tmp_path, capsys):
    first = course_notebooks.lessons()[0].name
    for student in ("ann", "bob", "eve"):
        path = tmp_path / student / first / f"{first}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text('{"cells": []}')
    seen = []

    def do(task, notebook, found):
        seen.append(task.student)
        if task.student == "bob":
            raise RuntimeError("ours")

    assert submissions.each_lesson(find(tmp_path, [first]), do) == 1 and seen == [
        "ann",
        "bob",
        "eve",
    ]
    assert f"left out: bob  {first}: ours" in capsys.readouterr().err


def test_what_lies_beside_the_folders_has_a_row(tmp_path):
    names = ("ann/01_tokens/01_tokens.ipynb", "bob/01_tokens.ipynb", "eve_01_tokens.ipynb")
    for name in (*names, "eve/02_more.zip", "class.csv", "ann/._01_tokens.ipynb", "._x.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = {each.path: each for each in find(tmp_path, ["01_tokens"])}
    astray = {str(tmp_path / name) for name in (*names[1:], "eve/02_more.zip")}
    assert {path for path, each in found.items() if each.fault} == astray
    assert len(found) == 4 and found[str(tmp_path / names[1])].student == "bob"
    assert all("belongs to STUDENT/" in found[path].fault for path in astray)
    assert [each.student for each in find(tmp_path, ["01_tokens"], student="ann")] == ["ann"]
    assert len(find(tmp_path, ["01_tokens"], assignment="01_tokens")) == 2
    (tmp_path / "ann" / "old.zip").mkdir()  # a folder has one row, like any other
    assert sum("old.zip" in each.path for each in find(tmp_path, ["01_tokens"])) == 1


def test_the_course_s_folder_is_no_class(tmp_path):
    for name in ("submitted/ann/01_tokens", "source/01_tokens"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ValueError, match=f"give {tmp_path / 'submitted'}"):
        find(tmp_path, ["01_tokens"])


def test_one_student_s_folder_is_no_class(tmp_path):
    """Its table would take the place of the class's."""
    for name in ("ann/01_tokens", "bob/01_tokens"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "01_tokens.ipynb").write_text("{}")
    assert len(find(tmp_path, ["01_tokens"])) == 2
    with pytest.raises(ValueError, match="holds notebooks, no students"):
        find(tmp_path / "ann", ["01_tokens"])
    with pytest.raises(ValueError, match="holds notebooks, no students"):
        find(tmp_path / "ann" / "01_tokens", ["01_tokens"])


def test_a_link_that_leads_nowhere_costs_its_own_row(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    (course / "submitted" / "bob").symlink_to("x" * 300)
    (course / "submitted" / "ann" / "other").symlink_to("x" * 300)
    found = find(course / "submitted", NOTEBOOKS)
    assert [(task.student, bool(task.fault)) for task in found] == [
        ("ann", True),
        ("ann", False),
        ("bob", True),
    ]


def test_a_name_that_is_no_text_costs_its_own_row(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    os.mkdir(os.fsencode(course / "submitted") + b"/b\xffd")
    os.mkdir(os.fsencode(course / "submitted" / "ann") + b"/\xff")
    found = find(course / "submitted", NOTEBOOKS)
    assert sorted(bool(task.fault) for task in found) == [False, True, True]
    assert all(task.student.isprintable() and task.assignment.isprintable() for task in found)


def test_two_spellings_of_a_name_are_one_student(tmp_path):
    """Some systems write é as e and an accent."""
    one, two = (normalize(form, "José") for form in ("NFC", "NFD"))
    for owner, name in ((one, "01_tokens"), (two, "01_tokens"), (two, "02_embeddings")):
        path = tmp_path / owner / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    for student in (None, one, two):
        found = find(tmp_path, ["01_tokens", "02_embeddings"], student=student)
        assert {each.student for each in found} == {one} and len(found) == 3
        faults = [each.fault for each in found if each.assignment == "01_tokens"]
        assert all("spell in two ways: keep one" in fault for fault in faults)
        assert [each.fault for each in found if each.assignment == "02_embeddings"] == [None]
