"""Whose a file is: the table in INSTRUCTORS.md, and what holds for every file of its kind."""

import re
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_downloads import CANVAS, MOODLES, archive, collect, folder
from test_lms_file_names import MOODLE, NAME, place

from exercises.format import notebooks
from grader import lms_file_names, loose_files

pytestmark = pytest.mark.unit

GUIDE = (notebooks.ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| (Canvas|Moodle|nbgrader|folders|files) \| (.+?) \| (.+?) \|$", GUIDE, re.M)
ALSO = {"Canvas": CANVAS, "Moodle": MOODLES}  # so that the kind of the download is known


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("kind", "file", "student"), TABLE)
def test_the_table_of_whose_a_file_is(tmp_path, kind, file, student, packed):
    path, *known = re.findall(r"`([^`]+)`", file)
    files = ALSO.get(kind, {}) | {path: "the one"}
    files |= {f"{other}/02_embeddings.ipynb": "known" for other in known}
    make, name = (archive, "x.zip") if packed else (folder, "d")
    _, left, found = collect(tmp_path, make(tmp_path / name, files))
    mine = [at for at, text in found.items() if text == "the one"]
    if student == "left out":
        assert not mine and len(left) == 1 and left[0].startswith(f"{path}: taken for ")
    else:
        assert mine == [place(student.strip("`"))] and not left


BOOKS = st.sampled_from(notebooks.names())
LETTERS = "abcdefghijklmnopqrstuvwxyzäéñøőšабвгд李王明"
WORD = st.text(LETTERS, min_size=2, max_size=8).filter(lambda w: w not in loose_files.NOBODY)
PEOPLE = st.lists(WORD, min_size=1, max_size=2).map(" ".join).filter(loose_files.person)
COPIES = st.sampled_from(["", "Copy of ", "Kopie von ", "Copie de ", "final ", "my_", "FINAL-my_"])
ENDS = st.sampled_from(
    ["", " (1)", "(2)", "-Copy1", "_final", " - Kopie", "-1", "_v2", " final (3)"]
)
NOBODIES = st.sampled_from(
    ["notebooks", "submissions", "Week 1", "my work", "final", "Class", "(1)"]
)
AROUND = st.lists(NOBODIES, max_size=2).map(lambda names: "".join(f"{name}/" for name in names))
SPELL = st.sampled_from(["NFC", "NFD"])


@st.composite
def a_download(draw):
    """{path: (student, notebook) or None, where it is left out} of one download by hand."""
    people = draw(st.lists(PEOPLE, min_size=1, max_size=6, unique_by=str.casefold))
    due = {}
    for who in people:
        book, around, end = draw(BOOKS), draw(AROUND), draw(ENDS)
        shape = draw(st.sampled_from(["folder", "nbgrader", "deep", "before", "after", "nobody"]))
        written = normalize(draw(SPELL), who)
        if shape == "folder":
            path = f"{around}{written}/{draw(AROUND)}{draw(COPIES)}{book}{end}"
        elif shape == "nbgrader":
            path = f"{around}{written}/{book}/{book}"
        elif shape == "deep":
            path = f"{around}{written}/{draw(WORD)}/{book}{end}"
        elif shape == "before":
            path = f"{around}{draw(st.sampled_from(['', 'Copy of ']))}{written}_{book}{end}"
        elif shape == "after":
            path = f"{around}{book}{draw(st.sampled_from(['_', ' ', ' - ']))}{written}"
        else:
            path = f"{around}{draw(COPIES)}{book}{end}"
        due[f"/{path}.ipynb"] = None if shape == "nobody" else (normalize("NFC", who), book)
    return due


@settings(deadline=None, max_examples=500)
@given(a_download())
def test_whose_a_file_is_in_any_layout(due):
    found = loose_files.claims(due)
    taken = {path: each if isinstance(each, tuple) else None for path, each in found.items()}
    assert taken == due
    assert all(each for each in found.values())  # what is left out has its sentence


@settings(deadline=None, max_examples=300)
@given(
    st.lists(PEOPLE, min_size=2, max_size=5, unique_by=str.casefold), BOOKS, COPIES, ENDS, AROUND
)
def test_a_name_in_a_file_moves_it_to_nobody_else(people, book, copy, end, around):
    """Whoever writes another's name into what they hand in has it left out, or as their own."""
    bob, ada, *others = people
    honest = {f"/{around}{who}/{book}.ipynb": (who, book) for who in (ada, *others)}
    forged = f"/{around}{bob}/{copy}{ada}_{book}{end}.ipynb"
    found = loose_files.claims([*honest, forged])
    assert {path: found[path] for path in honest} == honest
    assert isinstance(found[forged], str) or found[forged] == (bob, book)
    if copy.strip() != "my_" and copy != "FINAL-my_":
        assert found[forged] == f"its folder says {bob}, its name {ada}, another student here"
    inner = f"/{around}{bob}/{ada}/{book}.ipynb"
    assert loose_files.claims([*honest, inner])[inner] == (bob, book)


def test_a_folder_around_the_class_is_no_student():
    for names in (
        ["hw1/ada/{}", "hw1/bob/{}"],
        ["x/y/ada_{}", "x/y/bob_{}"],
        ["x/ada/{}", "x/{}_bob"],
    ):
        paths = [f"/{name.format('01_tokens')}.ipynb" for name in names]
        found = loose_files.claims(paths)
        assert [found[path] for path in paths] == [("ada", NAME), ("bob", NAME)]
    two = loose_files.claims(["/ada/part one/01_tokens.ipynb", "/ada/two/02_embeddings.ipynb"])
    assert {student for student, _ in two.values()} == {"ada"}


@pytest.mark.parametrize("packed", [False, True])
def test_two_spellings_of_a_name_are_one_student(tmp_path, packed):
    files = {f"{normalize(form, 'José')}/{NAME}.ipynb": form for form in ("NFC", "NFD")}
    make, name = (archive, "x.zip") if packed else (folder, "d")
    _, left, found = collect(tmp_path, make(tmp_path / name, files))
    assert not found and "claim to be 01_tokens of student José" in left[0]
    for system, last in (
        ("canvas", "José_1_2_01_tokens.ipynb"),
        ("moodle", f"José_1{MOODLE}/{NAME}.ipynb"),
    ):
        claims = {
            lms_file_names.claim(lms_file_names.NAMES[system], normalize(form, f"/{last}"))
            for form in ("NFC", "NFD")
        }
        assert len(claims) == 1 and None not in claims


@pytest.mark.parametrize("long", ["\N{CJK UNIFIED IDEOGRAPH-674E}" * 90, "x" * 300])
@pytest.mark.parametrize("shape", ["{}/{}", "{}_{}", "bob/{}/{}", "{}_1_2_{}"])
def test_a_name_too_long_leaves_that_file_out_and_no_other(tmp_path, long, shape):
    honest = CANVAS if "_1_2_" in shape else {"ada/01_tokens.ipynb": "", "bo/01_tokens.ipynb": ""}
    packed = archive(tmp_path / "x.zip", honest | {shape.format(long, "01_tokens.ipynb"): "long"})
    _, (said,), found = collect(tmp_path, packed)
    assert len(found) == 2 and "long" not in found.values()
    assert said.endswith("holds a name of more than 255 bytes: shorten it") and len(said) < 300
