"""A round with nbgrader's own commands: release, hand in, collect, grade, feedback, export; two
submissions."""

import csv
import inspect
import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook
from test_gradebook import another_course

from authoring import release
from exercises import tokens
from exercises.format import notebooks
from llmlib import files

pytestmark = [pytest.mark.nbgrader, pytest.mark.verdict("nbgrader_config.py", "solutions/*.py")]
NAME = "01_tokens"
WRONG_MERGE = """def merge(ids, pair, new_id):
    out = []
    for i, token in enumerate(ids):  # overlapping pairs
        out.append(new_id if tuple(ids[i : i + 2]) == tuple(pair) else token)
    return out"""


def nbgrader(course, *words, cwd=notebooks.ROOT):
    """Run one nbgrader command as an instructor (from the root) or a student (from a folder)
    would."""
    environment = {
        **os.environ,
        "LLM_COURSE_FOLDER": str(course),
        "JUPYTER_DATA_DIR": str(course / "jupyter"),
    }
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def answered(released, replace):
    """The released notebook with the solution cells in `replace` filled in."""
    node = nbformat.reads(released, as_version=4)
    for cell in node.cells:
        if notebooks.kind(cell) == "solution":
            cell.source = replace.get(notebooks.grade_id(cell), cell.source)
    return nbformat.writes(node)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose 01_tokens was released, handed in by two students, collected, graded and
    reported; in ada's, which is solved, is half a character."""
    course = tmp_path_factory.mktemp("course")
    released = release.release(notebooks.load(NAME))
    files.write(
        course / "source" / NAME / f"{NAME}.ipynb",
        nbformat.writes(release.source(notebooks.load(NAME))),
    )
    nbgrader(course, "generate_assignment", NAME)
    made = (course / "release" / NAME / f"{NAME}.ipynb").read_text()
    assert made == released, (
        "nbgrader generate_assignment and make build release different notebooks"
    )
    nbgrader(course, "release_assignment", NAME)
    solutions = {exercise.name: exercise.solution for exercise in notebooks.load(NAME).exercises}
    # json writes half a character, a notebook's own writer does not
    half = json.loads(answered(made, solutions))
    for cell in half["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "count_pairs":
            cell["source"] = "".join(cell["source"]) + "\n# \ud800"
    half["cells"].append({**half["cells"][-1], "id": "mine", "source": "# \ud800", "metadata": {}})
    _hand_in(course, "ada", json.dumps(half))
    _hand_in(course, "bob", answered(made, solutions | {"merge": WRONG_MERGE}))
    nbgrader(
        course, "collect", NAME, "--ExchangeCollect.check_owner=False"
    )  # both are this account
    nbgrader(course, "autograde", NAME)
    nbgrader(course, "generate_feedback", NAME)
    return course


def _hand_in(course, student, text):
    desk = course / "desks" / student
    (desk / NAME).mkdir(parents=True)
    (desk / NAME / f"{NAME}.ipynb").write_text(text)
    (desk / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'from-tokens-to-tokens'\n"
        f"c.Exchange.root = {str(course / 'exchange')!r}\n"
    )
    nbgrader(course, "submit", NAME, f"--student={student}", cwd=desk)


def scores(course):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            (submission.student.id, grade.name): grade.score
            for submission in book.assignment_submissions(NAME)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


@pytest.mark.proof
def test_every_student_gets_the_points_of_the_exercises_solved(course):
    points = {
        f"test_{exercise.name}": exercise.points for exercise in notebooks.load(NAME).exercises
    }
    got = scores(course)
    assert {name: got["ada", name] for name in points} == points
    assert got["bob", "test_merge"] == 0
    independent = [name for name in points if name == "test_count_pairs"]
    assert independent and all(got["bob", name] == points[name] for name in independent)


@pytest.mark.proof
def test_feedback_names_the_mistake(course):
    pages = course / "feedback"
    feedback = {
        student: (pages / student / NAME / f"{NAME}.html").read_text() for student in ("ada", "bob")
    }
    says = "the second half of the pair is still there"
    assert says in inspect.getsource(tokens.check_merge)
    assert "The check says" in feedback["bob"] and says in feedback["bob"]
    assert "The check says" not in feedback["ada"] and "BEGIN HIDDEN" not in str(feedback)


@pytest.mark.proof
def test_the_export_has_one_row_a_student_and_notebook(course):
    nbgrader(course, "export", f"--to={course / 'grades.csv'}")
    with (course / "grades.csv").open() as file:
        rows = {
            (row["assignment"], row["student_id"]): float(row["score"])
            for row in csv.DictReader(file)
        }
    total = sum(exercise.points for exercise in notebooks.load(NAME).exercises)
    assert rows[NAME, "ada"] == total
    assert 0 < rows[NAME, "bob"] < total


@pytest.mark.proof
def test_lateness_costs_what_the_config_says(course):
    """After all others: ada's notebook turns out to have been late."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        book.update_or_create_assignment(NAME, duedate="2020-01-01 00:00:00 UTC")
    zero = "--LateSubmissionPlugin.penalty_method=zero"
    nbgrader(course, "autograde", NAME, "--student=ada", "--force", zero)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        late = book.find_submission(NAME, "ada").late_submission_penalty
    assert late == sum(exercise.points for exercise in notebooks.load(NAME).exercises)


@pytest.mark.parametrize("assignment", ["hw1", "quiz"])
def test_autograde_refuses_another_course_s_gradebook_in_one_sentence(tmp_path, assignment):
    """Its quiz would be marked by ours; before, hw1 was asked for in solutions/."""
    book = another_course(tmp_path / "gradebook.db")
    before = book.read_bytes()
    files.write(
        tmp_path / "submitted" / "ann" / assignment / f"{assignment}.ipynb",
        nbformat.writes(nbformat.v4.new_notebook()),
    )
    command = [sys.executable, "-m", "nbgrader", "autograde", assignment]
    run = {"cwd": notebooks.ROOT, "env": {**os.environ, "LLM_COURSE_FOLDER": str(tmp_path)}}
    done = subprocess.run(command, **run, capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and said.count("holds another course's cells (hw1: answer_1") == 1
    assert "Traceback" not in said and "solutions/" not in said
    assert book.read_bytes() == before and not (tmp_path / "autograded").exists()
