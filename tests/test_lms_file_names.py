"""Whose file is whose: downloads of Canvas and Moodle with hostile names, through real nbgrader."""

import os
import subprocess
import sys

import pytest

from exercises.format import notebooks
from grader import lms_file_names

NAME = "01_tokens"
MOODLE = "_assignsubmission_file"


CLAIMS = [
    ("canvas", "mallory_666_7001_x_123_1_01_tokens.ipynb", None),
    ("canvas", "mallory_666_7001_01_tokens_123_1_01_tokens.ipynb", None),
    ("canvas", "mallory_LATE_666_7001_01_tokens.ipynb", "666"),
    ("canvas", "deep/er/ada_7_1_01_tokens.ipynb", "7"),
    ("canvas", "ada_7_1_01_tokens_old.ipynb", None),
    ("canvas", "ada_7_1_01_tokens-3.ipynb", "7"),
    ("moodle", f"Mallory_66{MOODLE}_Ada L_12{MOODLE}_01_tokens.ipynb", None),
    ("moodle", f"Mallory_66{MOODLE}/Ada L_12{MOODLE}_01_tokens.ipynb", None),
    ("moodle", f"Mallory_66{MOODLE}/Ada L_12{MOODLE}/01_tokens.ipynb", None),
    ("moodle", f"Mallory_66_assignsubmission_text/Ada_12{MOODLE}/01_tokens.ipynb", None),
    ("moodle", f"CS 101-Tokens/Ada L_12{MOODLE}/01_tokens.ipynb", "Ada L"),
    ("moodle", f"Ada L_12{MOODLE}/work/01_tokens.ipynb", "Ada L"),
    ("moodle", f"Ada L_12{MOODLE}/work/mine/🚀 01_tokens.ipynb", "Ada L"),
    ("moodle", f"Ada L_12{MOODLE}/Bob_13{MOODLE}/01_tokens.ipynb", None),
    ("canvas", "ada_7_1_🚀 01_tokens.ipynb", "7"),
    ("moodle", f".._1{MOODLE}_01_tokens.ipynb", None),
    ("moodle", f".._1{MOODLE}/01_tokens.ipynb", None),
    ("moodle", f".hidden_1{MOODLE}_01_tokens.ipynb", None),
    ("moodle", f"a\nb_1{MOODLE}_01_tokens.ipynb", None),
]


@pytest.mark.unit
@pytest.mark.parametrize(("system", "file", "student"), CLAIMS)
def test_a_name_is_read_from_the_left(system, file, student):
    found = lms_file_names.claim(lms_file_names.NAMES[system], f"/{file}")
    assert found == ((student, NAME) if student else None)


@pytest.mark.unit
def test_every_notebook_of_the_course_is_known():
    """An eighth one, too: its names are the course's, not a pattern."""
    for name in notebooks.names():
        claimed = lms_file_names.claim(lms_file_names.NAMES["canvas"], f"/a_1_2_{name}.ipynb")
        assert claimed == ("1", name)


def collect(course, system, download):
    """What `nbgrader zip_collect` says of {file: text}, and {file below submitted/: text}."""
    archive = course / "downloaded" / NAME / "archive"
    for file, text in download.items():
        (archive / file).parent.mkdir(parents=True, exist_ok=True)
        (archive / file).write_text(text)
    release = course / "release" / NAME / f"{NAME}.ipynb"
    release.parent.mkdir(parents=True, exist_ok=True)
    release.write_text("{}")
    (course / "nbgrader_config.py").write_text(
        "from grader import lms_file_names\n"
        "c = get_config()\n"
        f"c.CourseDirectory.root = {str(course)!r}\n"
        "c.ZipCollectApp.collector_plugin = lms_file_names.Collector\n"
        f"c.Collector.named_regexp = lms_file_names.NAMES[{system!r}]\n"
        "c.ExtractorPlugin.zip_ext = []\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(notebooks.ROOT)}
    words = [sys.executable, "-m", "nbgrader", "zip_collect", NAME, "--force"]
    run = {"cwd": course, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(words, **run, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    below = course / "submitted"
    found = {str(path.relative_to(below)): path.read_text() for path in below.rglob("*.ipynb")}
    return done.stdout + done.stderr, found


def place(student):
    return f"{student}/{NAME}/{NAME}.ipynb"


@pytest.mark.nbgrader
def test_a_learner_who_writes_anothers_number_into_a_name_takes_nothing(tmp_path):
    download = {
        "ada_123_7000_01_tokens.ipynb": "hers",
        "mallory_666_7001_x_123_1_01_tokens.ipynb": "forged",
    }
    _, found = collect(tmp_path, "canvas", download)
    assert found == {place("123"): "hers"}


@pytest.mark.proof
@pytest.mark.nbgrader
def test_of_two_files_that_claim_one_student_neither_is_taken_and_both_are_named(tmp_path):
    collect(tmp_path, "canvas", {"ada_123_7000_01_tokens.ipynb": "first"})
    again = {"ada_123_7000_01_tokens-1.ipynb": "second", "bob_5_6_01_tokens.ipynb": "his"}
    said, found = collect(tmp_path, "canvas", again)
    assert found == {place("123"): "first", place("5"): "his"}  # what there was stays
    (line,) = (line for line in said.splitlines() if "claim to be" in line)
    for file in ("'ada_123_7000_01_tokens.ipynb'", "'ada_123_7000_01_tokens-1.ipynb'"):
        assert file in line
    assert "01_tokens of student 123; none of them was taken" in line


@pytest.mark.proof
@pytest.mark.nbgrader
def test_moodles_top_folder_says_whose_and_nothing_is_written_outside(tmp_path):
    download = {
        f"Ada L_12{MOODLE}/01_tokens.ipynb": "hers",
        f"Mallory_66{MOODLE}/Ada L_12{MOODLE}_01_tokens.ipynb": "forged",
        f"Eve_67{MOODLE}_Bob_13{MOODLE}_01_tokens.ipynb": "forged",
        f".._1{MOODLE}_01_tokens.ipynb": "outside",
    }
    _, found = collect(tmp_path, "moodle", download)
    assert found == {place("Ada L"): "hers"}
    assert not (tmp_path / NAME).exists()
