"""`llmlib export-answers`: what was written, a file a student and exercise, and nothing else."""

import json
import subprocess
import sys

import nbformat
import pytest

from classroom import cli
from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader import export_answers
from grader.host import read_submission

pytestmark = pytest.mark.unit
NAME = "02_embeddings"


def hand_in(folder, student, change):
    """The released notebook with {exercise: source} written over its stubs."""
    node = nbformat.read(notebooks.ROOT / "notebooks" / f"{NAME}.ipynb", as_version=4)
    for cell in node.cells:
        cell.source = change.get(notebooks.grade_id(cell), cell.source)
    path = folder / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(node))  # escapes what is no text
    return path


def test_answers_are_files_and_stubs_are_not(tmp_path, capsys):
    first, second = (each.name for each in notebooks.load(NAME).exercises[:2])
    submitted, out = tmp_path / "submitted", tmp_path / "answers"
    hand_in(submitted, "ann", {first: "def f():\n    return 'é \ud800'", second: "x = 1"})
    hand_in(submitted, "bob", {first: "y = 2\n"})
    hand_in(submitted, "cyd", {}).write_text("{")
    assert cli.main(["export-answers", str(submitted), "--output", str(out)]) == 1
    said = capsys.readouterr()
    assert "left out: cyd  02_embeddings: damaged, half saved" in said.err
    assert said.out.startswith("3 answers in ")
    found = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*.py")}
    assert found == {
        f"{first}/ann.py": "def f():\n    return 'é ?'\n",
        f"{first}/bob.py": "y = 2\n",
        f"{second}/ann.py": "x = 1\n",
    }


def test_no_copy_of_the_stub_and_no_added_cell_hides_an_answer():
    notebook = notebooks.load(NAME)
    first, second = notebook.exercises[:2]
    mine, method = f"def {first.name}():\n    1", f"class A:\n    def {first.name}(self): ..."
    wraps = f"_f = {first.name}\ndef {first.name}():\n    return _f()"
    marked = Cell("code", first.name, mine), Cell("code", first.name, f"{first.stub}\n")
    added = [Cell("code", None, text) for text in (first.stub, wraps, method, second.solution)]
    found = export_answers.answers(notebook, [*marked, *added, Cell("markdown", None, mine)])
    assert found == {first.name: f"{mine}\n\n\n{wraps}\n", second.name: f"{second.solution}\n"}


def test_an_old_answer_does_not_stay(tmp_path):
    first = notebooks.load(NAME).exercises[0].name
    hand_in(tmp_path / "one", "ann", {first: "x = 1"})
    hand_in(tmp_path / "two", "bob", {first: "x = 2"})
    for each in ("one", "two"):
        cli.main(["export-answers", str(tmp_path / each), "--output", str(tmp_path / "answers")])
    assert [path.name for path in (tmp_path / "answers").rglob("*.py")] == ["bob.py"]


def test_a_linked_folder_is_emptied_too_while_its_table_is_looked_at(tmp_path):
    disk, out = tmp_path / "disk", tmp_path / "out"
    (disk / "merge").mkdir(parents=True)
    (disk / "merge" / "old.py").write_text("")
    (disk / ".~lock.similar.csv#").write_text("")  # LibreOffice shows it
    out.symlink_to(disk)
    (tmp_path / "submitted" / "ann" / "quiz").mkdir(parents=True)
    (tmp_path / "submitted" / "ann" / "quiz" / "quiz.ipynb").write_text("{}")
    assert cli.main(["export-answers", str(tmp_path / "submitted"), "--output", str(out)]) == 0
    assert [path.name for path in disk.rglob("*")] == ["similar.csv"]


def test_another_folder_is_not_emptied(tmp_path, capsys):
    hand_in(tmp_path / "submitted", "ann", {notebooks.load(NAME).exercises[0].name: "x = 1"})
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years")
    words = [str(tmp_path / "submitted"), "--output", str(tmp_path / "home")]
    assert cli.main(["export-answers", *words]) == 2
    assert "holds 'thesis.txt'" in capsys.readouterr().err
    assert (tmp_path / "home" / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("limit", "says"),
    [("SECONDS", "it cannot be read within the limits"), ("WAIT_SECONDS", "not read in 1 s: this")],
)
@pytest.mark.slow
def test_a_text_that_is_dear_to_read_is_left_out(tmp_path, limit, says, monkeypatch, capsys):
    hand_in(tmp_path / "in", "bob", {notebooks.load(NAME).exercises[0].name: "'a\\" * 16_000})
    monkeypatch.setattr(read_submission, limit, 1)
    monkeypatch.setattr(export_answers, "words", spin)  # as the tokenizer of old Pythons does
    words = ["export-answers", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert cli.main(words) == 1
    assert f"left out: bob  02_embeddings: {says}" in capsys.readouterr().err


@pytest.mark.proof
@pytest.mark.slow  # it fills what a reading may take
def test_a_text_that_fills_the_memory_costs_its_own_row(tmp_path):
    first = notebooks.load(NAME).exercises[0].name
    hand_in(tmp_path / "in", "ann", {first: "x = 1"})
    path = hand_in(tmp_path / "in", "bob", {})
    path.write_text('{"cells": [], "x": [' + "{}," * 2_000_000 + "{}]}")  # 130 MB
    words = ["export-answers", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    # In a process of its own: what one that has run for long holds free comes on top of the limit.
    code = (
        "from classroom import cli; from grader.host import read_submission as reading; "
        f"reading.MEMORY = 50 << 20; raise SystemExit(cli.main({words}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=notebooks.ROOT, capture_output=True, encoding="utf-8"
    )
    assert run.returncode == 1
    assert "left out: bob  02_embeddings: it cannot be read within the limits" in run.stderr
    assert run.stdout.startswith("1 answers in ")


def spin(source):
    while source.startswith("'"):
        pass
    return [source]
