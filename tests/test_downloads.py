"""`llmlib grade DOWNLOADS` sorts what Canvas, Moodle and people hand over, and refuses by the same
rules as `nbgrader zip_collect` what claims to be somebody else's."""

import os
import warnings
import zipfile

import pytest
from test_lms_file_names import CLAIMS, MOODLE, NAME, place

from grader import downloads
from grader.host import read_submission

pytestmark = pytest.mark.unit
CANVAS = {
    "lovelaceada_20117_3345501_01_tokens.ipynb": "hers",
    "turingalan_LATE_20118_3345502_01_tokens-2.ipynb": "his",
}
MOODLES = {f"Ada L_12{MOODLE}/01_tokens.ipynb": "hers", f"Alan T_13{MOODLE}/01_tokens.ipynb": "his"}
LOOSE = {
    "ada/01_tokens.ipynb": "hers",
    "class/alan_01_tokens.ipynb": "his",
    "01_tokens - grace.ipynb": "G",
}
SORTED = {f"handed in/{place('ada')}": "hers", f"handed in/{place('alan')}": "his"}


def folder(path, files):
    for file, text in files.items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text(text)
    return path


def archive(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hostile one may hold a name twice
        for file, text in files.items():
            made.writestr(file, text)
    return path


def collect(tmp_path, source):
    """(the kinds, what was left out, {file below submitted/: text})"""
    below, before = tmp_path / "course" / "submitted", set(tmp_path.rglob("*"))
    taken, left = downloads.collect(source, below)
    new = (path for path in {*tmp_path.rglob("*")} - before if path.is_file())
    assert all(below in path.parents for path in new), "something was written elsewhere"
    files = below.rglob("*.ipynb")
    found = {path.relative_to(below).as_posix(): path.read_text() for path in files}
    return {each.kind for each in taken}, left, found


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("files", "kind", "students"),
    [
        (CANVAS, "Canvas", ["20117", "20118"]),
        (MOODLES, "Moodle", ["Ada L", "Alan T"]),
        ({f"Week 1/{name}": text for name, text in MOODLES.items()}, "Moodle", ["Ada L", "Alan T"]),
        (LOOSE, "a loose file", ["ada", "alan", "grace"]),
        (SORTED, "nbgrader's layout", ["ada", "alan"]),
    ],
)
def test_each_kind_of_download_is_recognized(tmp_path, files, kind, students, packed):
    source = tmp_path / "downloads"
    made = archive(source / "submissions.zip", files) if packed else folder(source, files)
    assert not downloads.is_sorted(source)
    for given in {source, made}:  # an archive may be named, or lie in the folder
        kinds, left, found = collect(tmp_path, given)
        assert kinds == {kind} and not left
        assert found == {place(who): text for who, text in zip(students, files.values())}


ENDINGS = ["{}.ipynb.txt", "{}.ipynb.json", "{}.IPYNB", "{}.Ipynb", "{}.ipynb.TXT"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_notebook_by_another_ending_is_taken(tmp_path, ending, packed):
    files = {ending.format(name.removesuffix(".ipynb")): text for name, text in CANVAS.items()}
    make, name = (archive, "downloads/x.zip") if packed else (folder, "downloads")
    _, left, found = collect(tmp_path, make(tmp_path / name, files))
    assert not left and found == {place("20117"): "hers", place("20118"): "his"}


HOSTILE = [case for case in CLAIMS if case[2] is None]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("system", "file", "student"), HOSTILE)
def test_what_zip_collect_refuses_is_refused_here(tmp_path, system, file, student, packed):
    honest = CANVAS if system == "canvas" else MOODLES
    make, name = (archive, "downloads/x.zip") if packed else (folder, "downloads")
    _, left, found = collect(tmp_path, make(tmp_path / name, honest | {file: "forged"}))
    assert sorted(found.values()) == ["hers", "his"]
    (said,) = left
    assert "not both whose it is and which notebook" in said and said.isprintable()


@pytest.mark.parametrize(
    "file",
    [
        "../../outside/01_tokens.ipynb",
        "/etc/01_tokens.ipynb",
        "../01_tokens.ipynb",
        "..\\ada_1_2_01_tokens.ipynb",
        "C:\\x\\01_tokens.ipynb",
        "a_1_2_/../../../01_tokens.ipynb",
    ],
)
def test_an_archive_writes_nowhere_else(tmp_path, file):
    _, _, found = collect(tmp_path, archive(tmp_path / "x.zip", CANVAS | {file: "forged"}))
    assert {place("20117"): "hers", place("20118"): "his"}.items() <= found.items()
    assert len(found) - 2 <= file.startswith("..\\")  # on Linux that is a name like any other


def test_of_two_that_claim_one_student_neither_is_taken_and_what_there_was_stays(tmp_path):
    collect(tmp_path, folder(tmp_path / "first", {"ada_1_2_01_tokens.ipynb": "first"}))
    twice = {"ada_1_3_01_tokens.ipynb": "a", "ada_1_3_01_tokens-1.ipynb": "b"}
    for source in (folder(tmp_path / "d", twice), archive(tmp_path / "d.zip", twice)):
        below = tmp_path / "course" / "submitted"
        taken, left = downloads.collect(source, below)
        assert not taken and (below / place("1")).read_text() == "first"
        assert all(file in left[0] for file in twice) and "none of them was taken" in left[0]


def test_a_learner_s_archive_stays_closed(tmp_path):
    source = folder(tmp_path / "d", CANVAS)
    archive(source / "mallory_666_7001_work.zip", {"ada_1_2_01_tokens.ipynb": "forged"})
    _, left, found = collect(tmp_path, source)
    assert sorted(found.values()) == ["hers", "his"] and "stay closed" in left[0]
    inner = (source / "mallory_666_7001_work.zip").read_bytes()
    packed = archive(tmp_path / "x.zip", CANVAS | {"mallory_666_7001_work.zip": inner})
    assert sorted(collect(tmp_path, packed)[2].values()) == ["hers", "his"]


def test_a_name_like_another_system_s_is_no_road_to_another_student(tmp_path):
    forged = {
        f"mallory_66{MOODLE}/ada_20117_3345501_01_tokens.ipynb": "forged",
        f"mallory_67{MOODLE}/20117/01_tokens/01_tokens.ipynb": "mallory's",
    }
    _, _, found = collect(tmp_path, folder(tmp_path / "m", MOODLES | forged))
    assert sorted(found.values()) == ["hers", "his", "mallory's"]
    assert found[place("mallory")] == "mallory's"
    other = {f"mallory_666_7001_Ada L_12{MOODLE}_01_tokens.ipynb": "forged"}
    _, _, found = collect(tmp_path, folder(tmp_path / "c", CANVAS | other))
    assert "forged" not in found.values()


def test_a_link_or_a_file_too_large_is_left_out(tmp_path, monkeypatch):
    source = folder(tmp_path / "d", CANVAS | {"big_5_6_01_tokens.ipynb": "x" * 1000})
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", source / "eve_3_4_01_tokens.ipynb")
    monkeypatch.setattr(read_submission, "MAX_FILE", 500)
    _, left, found = collect(tmp_path, source)
    assert sorted(found.values()) == ["hers", "his"]
    assert "larger than" in left[1] and "it is a link" in left[0]
    bomb = archive(tmp_path / "x.zip", {"big_5_6_01_tokens.ipynb": "x" * 1000})
    assert "larger than" in downloads.collect(bomb, tmp_path / "other")[1][0]


def test_a_later_download_takes_the_place_of_an_earlier_one(tmp_path):
    source = folder(tmp_path / "d", CANVAS)
    collect(tmp_path, source)
    time = tmp_path / "course" / "submitted" / "20117" / NAME / "timestamp.txt"
    time.write_text("2026-11-25 10:00:00 UTC")
    collect(tmp_path, source)
    assert time.exists()  # nothing has changed
    folder(source, {"lovelaceada_20117_3345501_01_tokens.ipynb": "better"})
    assert collect(tmp_path, source)[2][place("20117")] == "better"
    assert not time.exists()


def test_nbgrader_s_layout_is_graded_where_it_lies(tmp_path):
    assert downloads.is_sorted(folder(tmp_path / "a", {place("ada"): "hers"}))
    assert downloads.is_sorted(folder(tmp_path / "b", {f"{NAME}/{NAME}.ipynb": "one student's"}))
    course = folder(tmp_path / "c", {"submitted/x": "", "ada_1_2_01_tokens.ipynb": ""})
    assert downloads.is_sorted(course)
