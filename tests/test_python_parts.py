"""What a reader's browser downloads to write in the page: the released checks as they are, no
hidden test, and packages from npm that are what they were."""

import io
import json
import shutil
import subprocess
import zipfile

import pytest

from authoring.site import build, npm, python_parts
from classroom.checking import run_cells, run_tests
from exercises.format import notebooks
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


@pytest.fixture(scope="module")
def files():
    """{name: text} of what Python in the page can import."""
    with zipfile.ZipFile(io.BytesIO(python_parts.archive())) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_checks_are_those_of_the_released_notebooks(files):
    books = json.loads(files["exercises.json"])
    assert [*books] == [each.name for each in notebooks.lessons()]
    for name, book in books.items():
        released = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
        cells = {
            cell["metadata"]["nbgrader"]["grade_id"]: cell
            for cell in released["cells"]
            if "nbgrader" in cell["metadata"]
        }
        exercises = [each for each in cells if f"test_{each}" in cells]
        assert [*book["exercises"]] == exercises
        for each, exercise in book["exercises"].items():
            assert exercise["check"].strip() == "".join(cells[f"test_{each}"]["source"]).strip()
            assert exercise["disallowed"] == cells[each]["metadata"].get("disallowed", [])
        given = {each: source for each, source in book["steps"] if each.startswith("given_")}
        assert given.items() <= {each: "".join(cells[each]["source"]) for each in cells}.items()


def test_no_hidden_test_and_no_other_solution_is_in_it(files):
    assert not [name for name in files if name.startswith(("solutions/", "tests/"))]
    whole, books = "\n".join(files.values()), json.loads(files["exercises.json"])
    for notebook in notebooks.lessons():
        steps = dict(books[notebook.name]["steps"])
        for exercise in notebook.exercises:
            assert steps[exercise.name] == exercise.solution  # what the page shows folded
            hidden = exercise.full.partition(BEGIN)[2].partition(END)[0]
            lines = [line.strip() for line in hidden.split("\n") if len(line) > 40]
            code = [line for line in lines if line[0] not in "#\"'" and "import " not in line]
            known = [line for line in code if line in whole]  # a line may stand elsewhere, too
            assert len(known) <= len(code) / 3, (exercise.name, known)


def test_two_builds_give_the_same_bytes():
    assert python_parts.archive() == python_parts.archive()


def test_the_page_says_too_slow_and_ended_as_the_notebook_does():
    """The page ends the process that would say it."""
    from classroom.checking.check_process import PROCESS_ENDED

    strings = (ROOT / "web/strings.js").read_text(encoding="utf-8")
    said = run_tests.error_message(KeyboardInterrupt(run_cells.OUT_OF_TIME), 20)
    assert f'tooSlow: "{said.replace("20", "{seconds}")}"' in strings
    assert f'ended: "{PROCESS_ENDED}"' in strings
    assert "seconds = 20;" in (ROOT / "web/python/python.js").read_text(encoding="utf-8")


def test_without_npm_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(npm.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"come from npm, which is not installed: type .*\[site\]"):
        npm.packages()


def test_a_package_of_another_content_is_refused(monkeypatch, tmp_path):
    def refused(words, **_):
        said = "npm error code EINTEGRITY\nnpm error sha512-… integrity checksum failed"
        return subprocess.CompletedProcess(words, 1, "", said)

    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(npm, "run", refused)
    with pytest.raises(ValueError, match="arrived damaged: its hash is not the one in web/npm"):
        npm.packages()
    assert not list(tmp_path.glob("npm/*/node_modules"))


def test_every_package_is_held_to_a_hash_and_no_address_is_named():
    text = (npm.LISTS / "package-lock.json").read_text(encoding="utf-8")
    lock = json.loads(text)
    assert "://" not in text
    listed = json.loads((npm.LISTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert lock["packages"].pop("")["dependencies"] == listed
    assert all(each["integrity"].startswith("sha512-") for each in lock["packages"].values())


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.needs("npm")
def test_the_editor_is_bundled_to_the_same_bytes_with_its_licences(tmp_path):
    bundles = []
    for name in ("one", "two"):
        npm.write_editor(tmp_path / name)
        bundles.append((tmp_path / name / npm.EDITOR / "index.js").read_bytes())
    assert bundles[0] == bundles[1] and b"EditorView" in bundles[0]
    licences = (tmp_path / "one" / npm.EDITOR / "LICENSE.txt").read_text(encoding="utf-8")
    assert licences.count("Permission is hereby granted") >= 3


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.needs("npm")
def test_the_parts_are_small_enough_for_any_host_and_say_where_they_come_from(tmp_path):
    manifest = python_parts.write(tmp_path)
    assert [each["name"] for each in manifest["parts"]] == [
        *(f"{name}.part" for name in (*python_parts.RUNTIME, "pyodide-lock.json", "course.zip"))
    ]
    assert manifest["size"] < 7_000_000 and "MPL-2.0" in manifest["source"]
    assert {path.name for path in (tmp_path / "python").iterdir()} == {
        "manifest.json",
        *(each["name"] for each in manifest["parts"]),
    }


def test_none_of_it_is_served_as_it_lies_in_the_repository(site):
    served = {path.name for path in (site / "assets").rglob("*") if path.is_file()}
    assert "python.js" in served
    assert not {name for name in served if name.endswith(".py") or "package" in name}
    assert build.FOLDER != site and not (site / "python").exists()
