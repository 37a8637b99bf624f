"""INSTRUCTORS.md, done step by step on a fresh clone: its commands, and the files that it names."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import notebook_hash

from exercises.format import notebooks
from exercises.format.notebooks import ROOT

pytestmark = [pytest.mark.nbgrader, pytest.mark.proof]
GUIDE = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
DAY = GUIDE.partition("\n## A day")[2].partition("\n## ")[0]
FILES = GUIDE.partition("\n## Files")[2].partition("\n## ")[0]
NAME = "01_tokens"
STUDENT = "20117"  # Ada, as Canvas knows her


@pytest.fixture
def clone(tmp_path):
    """The tracked files as they are now, uncommitted changes included; nothing else."""
    clone = tmp_path / "course"
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    return clone


def do(clone, command, cwd=None, **words):
    """A command of the guide in the shell that it asks for: the environment's programs first."""
    for placeholder, value in words.items():
        command = command.replace(placeholder, value)
    return run(clone, command, cwd)


def run(clone, command, cwd=None):
    tools = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if key[:4] != "LLM_"}
    environment |= {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(clone)}
    environment |= {"JUPYTER_DATA_DIR": str(clone / "jupyter"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        shlex.split(command),
        cwd=cwd or clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def make_build(clone):
    """`make build` without its first line, which sets up the environment that runs this test."""
    built = subprocess.run(
        [sys.executable, "-m", "authoring.build"],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert built.returncode == 0 and "running" not in built.stdout, built.stdout + built.stderr


def half_solved(given):
    """The released notebook with its first two exercises done, and their points."""
    node = nbformat.read(given, as_version=4)
    first = notebooks.load(NAME).exercises[:2]
    right = {each.name: each.solution for each in first}
    for cell in node.cells:
        cell.source = right.get(notebooks.grade_id(cell), cell.source)
    return node, sum(each.points for each in first)


def test_a_day_that_works(clone):
    """Every command of the day in its order. Every file that it names is there in the evening."""
    commands = [line.strip() for line in re.findall(r"(?<=\n)    \S.*", DAY)]
    done = []

    def next_is(start, **words):
        command = commands[len(done)]
        assert command.startswith(start), f"{command} comes before {start}"
        done.append(command)
        return do(clone, command, **words) if command.startswith(("nbgrader", "llmlib")) else ""

    next_is("make build")
    make_build(clone)
    next_is("sudo apt install bubblewrap")  # required_tools has it
    next_is("source .venv/bin/activate")  # as `do` does
    next_is(f"nbgrader generate_assignment {NAME}")

    node, points = half_solved(clone / "notebooks" / f"{NAME}.ipynb")
    archive = clone / "grading/downloaded" / NAME / "archive"
    archive.mkdir(parents=True)
    nbformat.write(node, archive / f"lovelaceada_{STUDENT}_3345501_{NAME}.ipynb")
    next_is(f"nbgrader zip_collect {NAME}")
    assert "1 graded, 0 not" in next_is("llmlib grade grading/submitted")
    with (clone / "grading/scores.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["score"]) == points and row["student"] == STUDENT, row
    roster = clone / "roster.csv"
    roster.write_text(f"Student,ID,SIS Login ID\nAda,{STUDENT},ada\n", encoding="utf-8")
    next_is("llmlib export-grades --format canvas", FILE="roster.csv")
    assert "Ada" in (clone / "grading/canvas.csv").read_text(encoding="utf-8")

    next_is("llmlib export-answers grading/submitted")
    assert (clone / "grading/answers" / "merge" / f"{STUDENT}.py").exists()
    [head] = (clone / "grading/answers/similar.csv").read_text().splitlines()  # no pair
    assert head.startswith("notebook,one,other,exercises,similarity,usual")
    next_is("llmlib oral-questions grading/submitted", STUDENT=STUDENT)
    text = (clone / f"grading/oral_questions/{STUDENT}.txt").read_text(encoding="utf-8")
    assert "Answer: " in text
    assert done == commands, f"not tried: {commands[len(done) :]}"

    table = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", FILES, re.M)
    rows = [f"grading/{name.rstrip('…')}" for name in re.findall("`(.*?)`", ", ".join(table))]
    named = [*re.findall(r"`((?:grading|notebooks)/[\w./]+)`", DAY), *rows]
    assert len(named) > 8
    for name in named:
        path = name.replace("STUDENT", STUDENT).replace("NN_name", NAME)
        assert (clone / path).exists(), f"the guide names {name}"


def test_through_the_exchange(clone, tmp_path):
    """The reference's other way: released, handed in, collected and given back by the exchange."""
    make_build(clone)
    there, work = f"c.Exchange.root = {str(tmp_path / 'exchange')!r}\n", tmp_path / "work"
    work.mkdir()
    ada = "c = get_config()\nc.CourseDirectory.student_id = 'ada'\n"
    (work / "nbgrader_config.py").write_text(ada + there)
    with (clone / "nbgrader_config.py").open("a") as config:
        config.write(f"{there}c.ExchangeCollect.check_owner = False\n")
    do(clone, "llmlib release-assignment NN_name", NN_name=NAME)
    node, points = half_solved(clone / "notebooks" / f"{NAME}.ipynb")
    nbformat.write(node, work / f"{NAME}.ipynb")
    assert "Not finished" in do(clone, "llmlib submit", cwd=work)
    assert f"collected: {NAME} of ada" in do(clone, "llmlib grade --exchange")
    page = clone / "grading/feedback/ada" / NAME / f"{NAME}.html"
    told = page.read_text(encoding="utf-8")
    page.write_text("an older page")
    do(clone, "nbgrader generate_feedback --force NN_name", NN_name=NAME)
    assert page.read_text(encoding="utf-8") == told
    do(clone, "llmlib release-feedback NN_name", NN_name=NAME)
    assert f"{points:g} of " in do(clone, "llmlib fetch-feedback", cwd=work)
    assert (work / "feedback" / f"{NAME}.html").read_text(encoding="utf-8") == told
    (clone / "roster.csv").write_text("SIS Login ID,Student\nada,Ada\n", encoding="utf-8")
    do(clone, "llmlib export-grades --format canvas --roster FILE", FILE="roster.csv")
    assert "ada" in (clone / "grading/canvas.csv").read_text(encoding="utf-8")


def test_nbgrader_s_own_commands_on_the_same_exchange(clone):
    make_build(clone)
    with (clone / "nbgrader_config.py").open("a") as config:
        config.write("c.ExchangeCollect.check_owner = False\n")
    do(clone, "nbgrader generate_assignment 01_tokens")
    do(clone, f"nbgrader release_assignment {NAME}")
    node, _ = half_solved(clone / "grading/release" / NAME / f"{NAME}.ipynb")
    inbound = clone / "grading/exchange/from-tokens-to-tokens/inbound"
    sent = inbound / f"ada+{NAME}+2026-11-20 10:00:00.000000 UTC+secret"  # as `submit` names it
    sent.mkdir(parents=True)
    nbformat.write(node, sent / f"{NAME}.ipynb")
    (sent / "submission_secret.txt").write_text("ada's")
    do(clone, f"nbgrader collect {NAME}")
    do(clone, "llmlib grade grading/submitted")
    do(clone, f"nbgrader release_feedback {NAME}")
    key = notebook_hash(secret="ada's", notebook_id=NAME)
    (returned,) = (clone / "grading/exchange").rglob(f"feedback/{key}.html")
    page = clone / "grading/feedback/ada" / NAME / f"{NAME}.html"
    assert returned.read_bytes() == page.read_bytes()
