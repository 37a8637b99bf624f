"""What a learner runs works without what only Unix has; the files for containers and public CI are
well formed."""

import ast
import json
import os
import subprocess
import sys

import pytest

from classroom import cli
from exercises.course_packages import PACKAGES
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
# A Python as Windows has it: these modules and functions are not there. torch, distributed and such
# come first, they know their own system.
WINDOWS = """
import importlib, os, pkgutil, signal, sys
import torch, matplotlib.pyplot, nbformat, jupytext, ipywidgets, tokenizers, filelock, subprocess
import nbclient, openbadgeslib, tempfile, nbgrader.api, asyncio, jupyter_client.kernelspec
import distributed
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for module, names in {
    os: "fork killpg getuid geteuid setsid", signal: "SIGALRM SIGKILL alarm"
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
"""


def windows(code):
    environment = {**os.environ, "PYTHONUTF8": "1"}
    words = [sys.executable, "-c", WINDOWS + code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.proof
@pytest.mark.slow
def test_what_a_learner_and_the_tests_import_needs_no_unix():
    """Every module but those that run on the sandbox's other side."""
    said = windows("""
from exercises.course_packages import PACKAGES
for package in map(importlib.import_module, PACKAGES):
    for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not each.name.startswith(("grader.guest", "classroom.lab")):
            importlib.import_module(each.name)
            print(each.name)
""")
    names = "classroom.checking.cli classroom.my_llm grader.certificate.cli grader.worker_pool"
    assert {*names.split()} <= set(said.split())


@pytest.mark.parametrize("system", ["win32", "darwin"])
@pytest.mark.parametrize(
    "words",
    ["grade submitted", "grade submitted --unsafe", "grade --help", "export-answers submitted"]
    + ["oral-questions submitted --student ada"],
)
def test_grading_elsewhere_is_one_sentence(system, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", system)
    verb, *more = words.split()
    assert cli.main([verb, *more]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"llmlib {verb}: strangers' notebooks are read and run within limits")
    assert "only Linux has" in said and said.count("\n") == 1


@pytest.mark.slow
def test_a_pipe_that_is_not_utf8_gets_utf8(monkeypatch):
    """Progress is drawn with blocks that cp1252 cannot write."""
    code = "import sys; from classroom import cli; cli.main(['grade', 'nowhere']); print('█░ 🙂')"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == 0 and done.stdout.decode("utf-8").strip() == "█░ 🙂"


def test_text_is_never_in_the_system_s_own_encoding():
    """Windows' is cp1252: whoever reads or writes text says which encoding."""
    wrong = []
    paths = {path for top in (*PACKAGES, "authoring") for path in (ROOT / top).rglob("*.py")}
    for path in paths - set((ROOT / "grader").iterdir()):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _guesses(node):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong, wrong


def _guesses(call):
    given = {word.arg: word.value for word in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "encoding" in given or None in given:
        return False
    if "text" in given or "universal_newlines" in given:
        return name in ("run", "Popen", "check_output")
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name == "open" and isinstance(call.func, ast.Name):
        mode = call.args[1] if len(call.args) > 1 else given.get("mode")
        return not (isinstance(mode, ast.Constant) and "b" in mode.value)
    return False


def lint(program, *words):
    done = subprocess.run([program, *words], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["test", "site"])
def test_the_workflow_is_well_formed(name):
    path = f".github/workflows/{name}.yml"
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)
    text = (ROOT / path).read_text(encoding="utf-8")
    assert text.count("uses: ") == text.count("# v"), "an action is named by its commit"


@pytest.mark.skipif("os.name == 'nt'", reason="left out: hadolint's package needs Unix")
def test_the_container_file_is_clean():
    lint("hadolint", "Containerfile")


def test_the_dev_container_builds_from_the_container_file():
    said = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    built = (ROOT / ".devcontainer" / said["build"]["dockerfile"]).resolve()
    assert built == ROOT / "Containerfile"
    text = built.read_text(encoding="utf-8")
    assert f" AS {said['build']['target']}\n" in text and "ARG" not in text
    user = said["remoteUser"]
    assert f"--create-home {user}" in text
    assert said["postCreateCommand"] == "python3 classroom/bootstrap"
