"""Notebooks of the editions 1.0.0, 1.2.4 and 2.0.0, as released and answered: what is written in
them moves into today's, in work/ and when they are handed in.

`editions/VERSION.json.xz` holds {notebook: {"released": its JSON, "answers": {exercise: source}}}.
"""

import ast
import contextlib
import copy
import importlib
import json
import lzma
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from authoring import drawings, release
from classroom.folder import work
from exercises.course_packages import PACKAGES, is_ours
from exercises.format import notebooks
from exercises.prediction_cells import guess_in, is_prediction, with_guess
from grader import gradebook, submissions, worker_pool
from grader.host.time_limits import Limits
from grader.marking.runner import Runner
from llmlib import files

EDITIONS = Path(__file__).with_name("editions")
VERSIONS = ["1.0.0", "1.2.4", "2.0.0"]
NOTE = "print('a cell of my own')"
QUESTION = re.compile(r"### Question \d+\s+(.*?)\n\n- \*\*A\*\*", re.DOTALL)
OPTION = re.compile(r"^- \*\*([A-D])\*\*\s+(.*)$", re.MULTILINE)
# Right answers of earlier editions that a check refuses: it asks for what the statement now says.
STRICTER = {
    ("1.0.0", "02_embeddings"): {"embed"},
    ("1.0.0", "05_output_head"): {"cross_entropy"},
    ("1.0.0", "06_sampling"): {"top_p"},
    ("2.0.0", "04_layers"): {"corrupted_run"},  # of Further now; it returns a list of prompts
}
each_notebook = pytest.mark.parametrize("name", notebooks.names())
each_version = pytest.mark.parametrize("version", VERSIONS)


@cache
def edition(version):
    return json.loads(lzma.decompress((EDITIONS / f"{version}.json.xz").read_bytes()))


def answered(version, name):
    """(the notebook as a learner saved it, {exercise: answer}): every exercise is solved, every
    prediction made, and a cell is added at the end."""
    found = copy.deepcopy(edition(version)[name])
    node, answers = nbformat.from_dict(found["released"]), found["answers"]
    for cell in node.cells:
        cell.source = "".join(cell.source)
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.metadata.nbgrader.grade_id]
        elif cell.cell_type == "code" and is_prediction(cell.source):
            letters = guess_in(cell.source)[2]
            cell.source = with_guess(cell.source, f'"{min(letters)}"' if letters else "0.25")
    node.cells.append(nbformat.v4.new_code_cell(NOTE))
    return node, answers


def chosen(node):
    """{question: the text of the option that is chosen} of a quiz."""
    found, ask, options = {}, "", {}
    for cell in node.cells:
        if cell.cell_type == "markdown" and (question := QUESTION.search(cell.source)):
            ask, options = question[1].strip(), dict(OPTION.findall(cell.source))
        letter = re.search(r'^q\d+ = "([A-D])"', cell.source, re.MULTILINE)
        if cell.cell_type == "code" and letter:
            found[ask] = options[letter[1]]
    return found


def offered(node):
    """{question: the texts of its options} of a quiz."""
    texts = [cell.source for cell in node.cells if cell.cell_type == "markdown"]
    asked = {found[1].strip(): text for text in texts if (found := QUESTION.search(text))}
    return {ask: {said for _, said in OPTION.findall(text)} for ask, text in asked.items()}


@pytest.fixture
def released(name, tmp_path, monkeypatch):
    """A folder with today's notebook, made of its source, without its drawings."""
    monkeypatch.setattr(drawings, "_draw", lambda *_: "")
    text = release.release(notebooks.load(name))
    files.write(tmp_path / "released" / f"{name}.ipynb", text)
    return tmp_path / "released"


def missing(node):
    """What the cells of a notebook import of the course that is not there."""
    ours = re.compile(rf"^from ({'|'.join(PACKAGES)})\b", re.MULTILINE)
    for cell in node.cells:
        if cell.cell_type == "code" and ours.search(cell.source):
            for found in ast.walk(ast.parse(cell.source)):
                if isinstance(found, ast.ImportFrom) and is_ours(found.module):
                    for each in found.names:
                        with contextlib.suppress(ImportError):  # a module, or a name in one
                            importlib.import_module(f"{found.module}.{each.name}")
                        if not hasattr(importlib.import_module(found.module), each.name):
                            yield f"{found.module}.{each.name}"


def still_there(theirs, now):
    """Those of the answers whose option is offered now."""
    return {ask: text for ask, text in theirs.items() if text in now.get(ask, ())}


def in_place(node):
    return {notebooks.grade_id(cell): cell.source for cell in node.cells}


@pytest.mark.unit
@each_version
@each_notebook
def test_what_was_written_in_an_earlier_edition_moves_into_today_s(
    version, name, released, tmp_path
):
    mine, answers = answered(version, name)
    path = tmp_path / "work" / f"{name}.ipynb"
    path.parent.mkdir()
    nbformat.write(mine, path)
    before = path.read_bytes()
    (said,) = work.update_folder(released, path.parent)
    assert said.startswith(f"{name} ") and "yours in it: " in said
    (old,) = (path.parent / "old").iterdir()
    assert old.read_bytes() == before
    node = nbformat.read(path, as_version=4)
    assert [*missing(node)] == []
    whole = "\n".join(cell.source for cell in node.cells)
    assert NOTE in whole
    if name == "quiz":
        theirs, now = chosen(mine), offered(node)
        assert len(theirs) == len(answers)
        assert chosen(node) == still_there(theirs, now) != {}
        assert all(text in whole for ask, text in theirs.items())
        return
    asked = {each.name for each in notebooks.load(name).exercises}
    assert len(asked & answers.keys()) > len(answers) / 2
    for exercise, answer in answers.items():
        assert in_place(node)[exercise] == answer if exercise in asked else answer in whole


@pytest.mark.graders
@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.needs("bubblewrap")
@pytest.mark.verdict("solutions/{name}.py", "tests/editions/*")
@each_version
@each_notebook
def test_what_is_handed_in_from_an_earlier_edition_earns_its_points(
    version, name, released, monkeypatch
):
    monkeypatch.setattr(work, "RELEASED", released)
    for module in (work, worker_pool):
        monkeypatch.setattr(module, "VERSION", "2.1.0")
    mine, answers = answered(version, name)
    notebook = notebooks.load(name)
    with contextlib.closing(Runner([notebook], limits=Limits())) as runner:
        graded = worker_pool.grade_bytes(runner, notebook, nbformat.writes(mine).encode())
    theirs = mine.metadata.get("llmlib", {}).get("course")
    said = graded.notes[0] if graded.notes else ""
    assert said.startswith(f"Handed in from version {theirs} of the course") or theirs is None
    unsolved = {each.exercise: each.claim for each in graded.outcomes if not each.solved}
    if name == "quiz":
        kept = still_there(chosen(mine), offered(notebook.node))
        assert len(graded.outcomes) - len(unsolved) == len(kept) > 0
        assert all("has no answer yet" in claim for claim in unsolved.values()), unsolved
    else:
        assert unsolved.keys() & answers.keys() == STRICTER.get((version, name), set()), unsolved


@pytest.mark.unit
def test_a_file_that_cannot_be_moved_is_read_as_it_is(monkeypatch):
    monkeypatch.setattr(work, "VERSION", "2.1.0")
    mine, answers = answered("1.2.4", "05_output_head")
    monkeypatch.setattr(work.merge, "merge", lambda *_: 1 / 0)
    cells, version = submissions.read(nbformat.writes(mine).encode(), "05_output_head")
    assert version == "1.2.4" and {*answers.items()} <= {(x.grade_id, x.source) for x in cells}


@pytest.mark.unit
def test_a_gradebook_knows_the_exercises_of_these_editions():
    """By name, where it kept no texts: one that was dropped since is `FORMER`."""
    today = {each.name for notebook in notebooks.notebooks() for each in notebook.exercises}
    for version in VERSIONS:
        had = {name for book in edition(version).values() for name in book["answers"]}
        assert had <= today | gradebook.FORMER, version
