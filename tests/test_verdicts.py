"""`make test` takes a sample, `make proof` keeps what passed: nothing that changed or failed."""

import json
import os
import subprocess
import sys

import answer_runner
import pytest
import sample

from exercises.format.notebooks import ROOT

pytestmark = [
    pytest.mark.unit,
    pytest.mark.slow,
    pytest.mark.verdict("solutions/*.py", "tests/answers/*/*.py"),
]
TEST = """import pytest
from pathlib import Path

USED = "things.used"

@pytest.mark.unit
@pytest.mark.verdict("{name}.txt", "{name}?.txt")
@pytest.mark.parametrize("name", ["a", "b"])
def test_it(name):
    with open(Path(__file__).with_name("log"), "a") as log:
        log.write(name)
    assert Path(__file__).with_name(f"{name}.txt").read_text() != "bad"
"""


@pytest.fixture
def project(tmp_path):
    """A project of two tests, each with its own inputs; `project.run()` says which of them ran."""
    return Project(tmp_path / "project", tmp_path / "cache")


class Project:
    def __init__(self, folder, cache):
        self.folder, self.cache = folder, cache
        folder.mkdir()
        for name in "ab":
            self.put(f"{name}.txt", "good")
            self.put(f"{name}2.txt", "good")
        self.put("test_it.py", TEST)
        self.put("things/used.py", "x = 1")
        self.put("things/unused.py", "x = 1")
        settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        lines = settings[settings.index("[tool.pytest.ini_options]") :].splitlines()
        left = "testpaths", "addopts", "pythonpath"
        self.put("pyproject.toml", "\n".join(x for x in lines if not x.startswith(left)))
        self.put("conftest.py", (ROOT / "conftest.py").read_text(encoding="utf-8"))

    def put(self, name, text):
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, *words, workers=0):
        """The names of the tests that ran, and what pytest said."""
        log = self.folder / "log"
        log.write_text("")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["-n", str(workers), "--rootdir", self.folder, *words, self.folder]
        how = {"cwd": self.folder, "env": self.environment(), "encoding": "utf-8"}
        done = subprocess.run(command, capture_output=True, **how)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return "".join(sorted(log.read_text())), done.stdout

    def environment(self):
        kept = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
        path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
        return kept | {"PYTHONPATH": path, "LLMLIB_CACHE": str(self.cache)}


@pytest.mark.proof
def test_a_pass_is_kept_until_one_of_its_inputs_changes(project):
    assert project.run("--verdicts")[0] == "ab"
    ran, said = project.run("--verdicts")
    assert (
        ran == "" and "Left out: 2 tests that passed before with the same inputs (unit 2)" in said
    )
    project.put("a2.txt", "changed")
    ran, said = project.run("--verdicts", workers=2)
    assert ran == "a" and "Left out: 1 tests that passed before" in said and "1 passed" in said
    assert project.run("--verdicts")[0] == ""
    project.put("things/unused.py", "x = 2")
    assert project.run("--verdicts")[0] == ""
    project.put("things/used.py", "x = 2")
    assert project.run("--verdicts")[0] == "ab"
    project.put("b.txt", "# import things.unused")  # no code, whatever it says
    assert project.run("--verdicts")[0] == "b"
    project.put("test_it.py", TEST + "\n")
    assert project.run("--verdicts")[0] == "ab"
    assert project.run("--fresh")[0] == project.run()[0] == "ab"


@pytest.mark.proof
def test_a_mark_that_names_no_file_leaves_what_is_imported(project):
    project.put("test_it.py", TEST.replace('"{name}.txt", "{name}?.txt"', ""))
    assert project.run("--verdicts")[0] == "ab"
    project.put("a.txt", "changed")
    assert project.run("--verdicts")[0] == ""
    project.put("things/used.py", "x = 2")
    assert project.run("--verdicts")[0] == "ab"


@pytest.mark.proof
def test_a_test_without_a_mark_runs_once_for_each_state_of_the_repository(project):
    project.put("test_it.py", TEST.replace('@pytest.mark.verdict("{name}.txt", "{name}?.txt")', ""))
    assert project.run("--verdicts")[0] == project.run("--verdicts")[0] == "ab"  # no git
    project.put(".gitignore", "log\n__pycache__\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", project.folder]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "All"]):
        subprocess.run([*git, *words], check=True)
    assert project.run("--verdicts", workers=2)[0] == "ab"
    assert project.run("--verdicts")[0] == ""
    project.put("things/unused.py", "x = 2")
    assert project.run("--verdicts")[0] == "ab"
    project.put("test_more.py", TEST.replace("{name}?.txt", "{name}2.txt"))
    assert project.run("--verdicts")[0] == "aabb"


@pytest.mark.proof
def test_a_failure_is_never_kept_and_ends_an_earlier_pass(project):
    project.put("a.txt", "bad")
    for _ in range(2):
        ran, said = project.run("--verdicts")
        assert ran in ("ab", "a") and "1 failed" in said
    project.put("a.txt", "good")
    assert project.run("--verdicts")[0] == "a"
    project.put("test_it.py", TEST.replace('!= "bad"', '!= "good" or name == "b"'))
    assert project.run("--fresh")[0] == "ab"  # the pass of `a` is forgotten
    kept = json.loads((project.cache / "proof" / "verdicts.json").read_text())
    assert list(kept) == ["test_it.py::test_it[b]"]


@pytest.mark.proof
def test_a_sample_leaves_out_what_is_marked_and_says_so(project):
    project.put("test_more.py", TEST.replace("mark.unit", "mark.unit\n@pytest.mark.proof"))
    ran, said = project.run("--sample=abc", workers=2)
    assert ran == "ab" and "chosen by abc.\nLeft out: 2 tests" in said
    assert project.run()[0] == "aabb"


def test_of_tests_marked_some_a_sample_holds_so_many_chosen_by_its_seed(project):
    marks = "mark.unit\n@pytest.mark.some(1)"
    project.put("test_it.py", TEST.replace("mark.unit", marks))
    chosen = {seed: project.run(f"--sample={seed}")[0] for seed in ("1", "2", "3", "4", "5", "6")}
    assert {*chosen.values()} == {"a", "b"}
    assert project.run("--sample=1")[0] == chosen["1"]
    assert project.run()[0] == "ab"


def test_a_sample_holds_each_exercise_and_depends_on_its_seed_alone():
    answers = answer_runner.answers()
    found = {seed: sample.chosen(answers, seed) for seed in ("a", "b")}
    assert found["a"] == sample.chosen(answers, "a") != found["b"]
    exercises = {(each.notebook, each.function) for each in answers}
    for kind, number in sample.KINDS.items():
        some = [(each.notebook, each.function) for each in found["a"] if each.kind == kind]
        assert len(some) == number * len(exercises) and set(some) == exercises
