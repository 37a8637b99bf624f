"""`llmlib export-grades`: the gradebook's totals, in the columns that Canvas and Moodle import."""

import csv

import pytest
from attacks import corpus

from classroom import cli
from grader.gradebook import GradebookWriter
from grader.results import Graded, Outcome

pytestmark = pytest.mark.nbgrader
CANVAS = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Old work (7)
    Points Possible,,,,,10
"Lovelace, Ada",11,a1,ada,One,3
"Bohr, Niels",12,b2,bob,Two,
"""


@pytest.fixture
def course(tmp_path):
    """ada: 10 by the checks; bob: 3 by the checks, 2 more by hand, 1 off for lateness."""
    with GradebookWriter(f"sqlite:///{tmp_path / 'gradebook.db'}", "c") as book:
        book.add_assignment(corpus.TARGET)
        names = [(each.name, each.points) for each in corpus.TARGET.exercises]
        for student, solved in (("ada", {name for name, _ in names}), ("bob", {names[0][0]})):
            outcomes = tuple(Outcome(n, p * (n in solved), p) for n, p in names)
            book.save(student, "target", Graded(outcomes, (), unsafe=False))
        with book.transaction() as gradebook:
            where = "target", "target", "bob"
            gradebook.find_grade(f"test_{names[1][0]}", *where).manual_score = 2.0
            gradebook.find_submission_notebook(*where).late_submission_penalty = 1.0
            gradebook.db.flush()
    config = f"c = get_config()\nc.CourseDirectory.root = {str(tmp_path)!r}\n"
    (tmp_path / "nbgrader_config.py").write_text(config + 'c.CourseDirectory.course_id = "c"\n')
    first = next(points for _, points in names)
    return tmp_path, {"ada": sum(points for _, points in names), "bob": first + 2.0 - 1.0}


def grades(folder, *words):
    words += ("--config", str(folder / "nbgrader_config.py"), "--output", str(folder / "out.csv"))
    status = cli.main(["export-grades", *words])
    return status, list(csv.DictReader((folder / "out.csv").open(encoding="utf-8", newline="")))


def test_canvas_gets_its_own_columns_and_the_points_possible(course):
    folder, due = course
    (folder / "roster.csv").write_text(CANVAS, encoding="utf-8")
    status, rows = grades(folder, "--format", "canvas", "--roster", str(folder / "roster.csv"))
    assert status == 0
    assert list(rows[0]) == "Student,ID,SIS User ID,SIS Login ID,Section,target".split(",")
    assert rows[0]["Student"].strip() == "Points Possible" and float(rows[0]["target"]) == 10
    assert [(row["ID"], float(row["target"])) for row in rows[1:]] == [
        ("11", due["ada"]),
        ("12", due["bob"]),
    ]


def test_canvas_knows_its_assignment_again_by_the_roster_s_header(course):
    folder, due = course
    roster = CANVAS.replace("Old work (7)", "target (345)")
    (folder / "roster.csv").write_text(roster, encoding="utf-8")
    _, rows = grades(folder, "--format", "canvas", "--roster", str(folder / "roster.csv"))
    assert list(rows[0])[-1] == "target (345)"
    assert [float(row["target (345)"]) for row in rows] == [10, due["ada"], due["bob"]]


def test_a_roster_may_have_semicolons_or_tabs_between_its_fields(course):
    folder, _ = course
    for mark in ";\t":
        lines = [["Username", "First name"], ["ada", "Ada, of L."], ["bob", "Bob"], ["cyd", "C"]]
        text = "".join(f"{mark.join(line)}\n" for line in lines)
        (folder / "roster.csv").write_text(text, encoding="utf-8")
        words = ["--format", "moodle", "--roster", str(folder / "roster.csv")]
        assert [row["First name"] for row in grades(folder, *words)[1]] == [
            "Ada, of L.",
            "Bob",
            "C",
        ]


def test_moodle_keeps_the_columns_of_the_roster(course):
    folder, due = course
    (folder / "roster.csv").write_text("Surname,Email address\nx,ada\ny,bob\nz,cyd\n")
    words = ["--roster", str(folder / "roster.csv"), "--column", "Email address"]
    status, rows = grades(folder, "--format", "moodle", *words)
    assert status == 0 and list(rows[0]) == ["Surname", "Email address", "target"]
    assert [row["target"] and float(row["target"]) for row in rows] == [*due.values(), ""]


def test_without_a_roster_the_ids_stand_where_the_system_looks_for_logins(course):
    folder, due = course
    status, rows = grades(folder, "--format", "moodle")
    assert status == 0 and {row["Username"]: float(row["target"]) for row in rows} == due


def test_who_only_looks_like_one_on_the_roster_is_told_apart(course, capsys):
    folder, _ = course
    with GradebookWriter(f"sqlite:///{folder / 'gradebook.db'}", "c") as book:
        book.save("jose\u0301", "target", Graded((), (), unsafe=False))
    roster = CANVAS.replace(",ada,", ",ada ,") + '"José",13,c3,jos\xe9,Two,\n'
    (folder / "roster.csv").write_text(roster, encoding="utf-8")
    assert grades(folder, "--format", "canvas", "--roster", str(folder / "roster.csv"))[0] == 1
    said = capsys.readouterr().err
    assert "not on the roster: 'ada', though one like it is" in said
    assert "not on the roster: 'jose\\u0301', though one like it is" in said


def test_who_is_not_on_the_roster_is_named(course, capsys):
    folder, _ = course
    (folder / "roster.csv").write_text("Username\nada\n")
    status, rows = grades(folder, "--format", "moodle", "--roster", str(folder / "roster.csv"))
    assert status == 1 and len(rows) == 1
    assert capsys.readouterr().err == "not on the roster: bob\n"


@pytest.mark.parametrize(
    "roster, sentence",
    [
        ("Name\nada\n", "has no column 'Username' but 'Name': name one with --column"),
        ("Username\nada\nada\n", "has 'ada' twice in 'Username'"),
        (b"Username\n\xff\n", "is not text in UTF-8"),
        ("", "has no column 'Username'"),
    ],
)
def test_a_roster_that_cannot_be_used_is_one_sentence(roster, sentence, course, capsys):
    folder, _ = course
    path = folder / "roster.csv"
    path.write_bytes(roster if isinstance(roster, bytes) else roster.encode())
    words = ["export-grades", "--format", "moodle", "--roster", str(path)]
    assert cli.main([*words, "--config", str(folder / "nbgrader_config.py")]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert not (folder / "moodle.csv").exists()


@pytest.mark.parametrize("where", ["moodle.csv", "roster.csv"])
def test_the_roster_is_not_written_over(course, capsys, where):
    folder, _ = course
    (folder / where).write_text("Username\nada\nbob\n", encoding="utf-8")
    words = ["export-grades", "--format", "moodle", "--config", str(folder / "nbgrader_config.py")]
    output = [] if where == "moodle.csv" else ["--output", str(folder / where)]  # its usual place
    assert cli.main([*words, "--roster", str(folder / where), *output]) == 2
    assert "is the roster" in capsys.readouterr().err
    assert (folder / where).read_text(encoding="utf-8") == "Username\nada\nbob\n"
