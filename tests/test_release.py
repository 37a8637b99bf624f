"""What a learner gets gives nothing away, holds no stored output, and passes no test before it is
solved."""

import os
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest

from exercises.course_files import VERSION
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from llmlib.installation import DISTRIBUTION

pytestmark = pytest.mark.unit


def released(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


@pytest.fixture(params=notebooks.names())
def name(request):
    return request.param


def test_no_solution_and_no_hidden_test_leaks(name):
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    for marker in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN"):
        assert marker not in text
    given = {
        notebooks.grade_id(cell): cell.source
        for cell in released(name).cells
        if notebooks.grade_id(cell)
    }
    for exercise in notebooks.load(name).exercises:
        assert given[exercise.name] == exercise.stub
        assert given[f"test_{exercise.name}"] == exercise.visible
        if notebooks.load(name).number is None:  # the quiz: nothing of a letter is left to hide
            continue
        hidden = set(exercise.full.splitlines()) - set(exercise.visible.splitlines())
        assert len(hidden) > 2, f"{exercise.name} has no hidden tests"
        assert not [line for line in hidden if len(line) > 40 and line in text.replace('\\"', '"')]


def test_nothing_is_stored(name):
    for cell in released(name).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert set(released(name).metadata) == {"kernelspec", "language_info", "llmlib"}


def test_the_version_stands_in_one_place_and_in_every_released_notebook(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)[1]
    assert VERSION == project["version"] == cited, "after a new version, install again: make lab"
    assert released(name).metadata.llmlib == {"course": VERSION}


def test_a_clone_that_was_pulled_has_the_version_that_it_now_holds(tmp_path):
    """pip goes on to say what it installed, until `make lab` installs again."""
    info = tmp_path / f"{DISTRIBUTION.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    stale = f"Metadata-Version: 2.4\nName: {DISTRIBUTION}\nVersion: 0.1.0\n"
    (info / "METADATA").write_text(stale)
    code = (
        "import importlib.metadata as m, exercises.course_files as s; "
        f"print(m.version('{DISTRIBUTION}'), s.VERSION)"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.split() == ["0.1.0", VERSION]


def test_test_cells_cannot_be_edited_and_solution_cells_can(name):
    for cell in released(name).cells:
        if notebooks.kind(cell) in ("test", "given"):
            assert cell.metadata.editable is False and cell.metadata.deletable is False
        if notebooks.kind(cell) == "solution":
            assert cell.metadata.get("editable", True) and cell.metadata.deletable is False


def test_every_test_cell_fails_unsolved(name, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    space, passed = {"__name__": "__main__"}, []
    for cell in released(name).cells:
        kind = notebooks.kind(cell)
        if kind in ("given", "solution"):
            exec(compile(cell.source, notebooks.grade_id(cell), "exec"), space)
        elif kind == "test":
            try:
                exec(compile(cell.source, notebooks.grade_id(cell), "exec"), dict(space))
            except (NotImplementedError, AssertionError):
                continue
            passed.append(notebooks.grade_id(cell))
    assert not passed, f"pass without a solution: {passed}"
