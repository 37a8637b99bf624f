"""INSTRUCTORS.md, done step by step on a fresh clone, in the words of the guide."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import notebook_hash

from llmlib.course.authoring import notebooks
from llmlib.course.authoring.notebooks import ROOT

pytestmark = pytest.mark.nbgrader
GUIDE = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
NAME = "01_tokens"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What git holds, and what stands uncommitted in the files that it knows; nothing else."""
    clone = tmp_path_factory.mktemp("fresh") / "course"
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    return clone


def do(clone, command, **words):
    """A command of the guide in the shell that it asks for: the environment's programs first."""
    assert command in GUIDE, f"the guide no longer says: {command}"
    for placeholder, value in words.items():
        command = command.replace(placeholder, value)
    tools = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if key[:4] != "LLM_"}
    environment |= {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(clone)}
    environment |= {"JUPYTER_DATA_DIR": str(clone / "jupyter"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command.split(), cwd=clone, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def test_from_a_fresh_clone_to_grades_and_pages(clone):
    recipe = re.search(r"^build:.*\n((?:\t.*\n)+)", (clone / "Makefile").read_text(), re.M)[1]
    assert "make build " in GUIDE and "-m llmlib.course.authoring.build" in recipe
    built = subprocess.run(
        [sys.executable, "-m", "llmlib.course.authoring.build"],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert built.returncode == 0 and "running" not in built.stdout, built.stdout + built.stderr
    do(clone, "nbgrader generate_assignment NN_name", NN_name=NAME)
    do(clone, "nbgrader release_assignment NN_name", NN_name=NAME)
    given = nbformat.read(clone / "grading/release" / NAME / f"{NAME}.ipynb", as_version=4)
    right = {each.name: each.solution for each in notebooks.load(NAME).exercises[:2]}
    for cell in given.cells:
        cell.source = right.get(notebooks.grade_id(cell), cell.source)
    place = re.search(r"`(grading/submitted/STUDENT/NN_name/NN_name.ipynb)`", GUIDE)[1]
    place = clone / place.replace("STUDENT", "ada").replace("NN_name", NAME)
    place.parent.mkdir(parents=True)
    nbformat.write(given, place)
    # as nbgrader's exchange collects it
    (place.parent / "timestamp.txt").write_text("2026-11-20 10:00:00.000000 UTC\n")
    (place.parent / "submission_secret.txt").write_text("ada's")
    do(clone, "llmlib grade grading/submitted")
    table = GUIDE.split("| file in `grading/`")[1].partition("\n\n")[0]
    promised = re.findall(r"`(\w+[./][\w./]*)…?`", table)
    assert len(promised) == 6
    for line in promised:
        page = clone / "grading" / line.replace("STUDENT", "ada").replace("NN_name", NAME)
        assert page.exists(), f"the guide promises {line}"
    with (clone / "grading/scores.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    page = clone / "grading/feedback/ada" / NAME / f"{NAME}.html"
    told = page.read_text(encoding="utf-8")
    page.write_text("an older page")
    do(clone, "nbgrader generate_feedback --force NN_name", NN_name=NAME)
    assert page.read_text(encoding="utf-8") == told
    do(clone, "nbgrader release_feedback NN_name", NN_name=NAME)
    key = notebook_hash(secret="ada's", notebook_id=NAME)
    (returned,) = (clone / "grading/exchange").rglob(f"feedback/{key}.html")
    assert returned.read_text(encoding="utf-8") == told
    points = sum(each.points for each in notebooks.load(NAME).exercises[:2])
    assert float(row["score"]) == points, row
    do(clone, "llmlib export-answers grading/submitted")
    assert (clone / "grading/answers" / "merge" / "ada.py").exists()
    table = (clone / "grading/answers/similar.csv").read_text()
    [head] = table.splitlines()  # one student: no pair
    assert head.startswith("notebook,one,other,exercises,similarity,usual")
    do(clone, "llmlib oral-questions grading/submitted --student STUDENT", STUDENT="ada")
    assert "Answer: " in (clone / "grading/oral_questions/ada.txt").read_text(encoding="utf-8")
    (clone / "roster.csv").write_text("SIS Login ID,Student\nada,Ada\n")
    do(clone, "llmlib export-grades --format canvas --roster FILE", FILE="roster.csv")
    assert "ada" in (clone / "grading/canvas.csv").read_text(encoding="utf-8")
