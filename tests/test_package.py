"""The package: the engine runs with the engine's dependencies alone, and each extra brings what its
part imports."""

import errno
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from llmlib import cli, files
from llmlib.course.authoring.notebooks import ROOT

pytestmark = pytest.mark.unit
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PARTS = {  # the modules of a part, and the extras with which they must import
    "": r"llmlib\.(fast\.)?(?!course|grading|certificate|plots|data|serve|widgets)\w+$",
    "notebook": r"llmlib\.(plots(\.\w+)?|serve\.\w+|data|widgets(\.\w+)?|course\.(check|predict|"
    r"quiz|quiz_cells|engine_check|reference_bpe|checking\.progress|my_llm|authoring\.notebooks))$",
    "course": r"llmlib\.course(\.\w+)?\.(?!__main__|template)\w+$",
    "grading": r"llmlib\.grading\.(?!dask_)\w+(\.\w+)?$",
    "cluster": r"llmlib\.grading\.\w+(\.\w+)?$",
    "certificate,grading": r"llmlib\.certificate\.\w+$",
}
CODE = """
import importlib, json, pkgutil, re, sys
forbidden, pattern = json.loads(sys.argv[1])
class Without:  # a module that the part does not bring is not there
    def __init__(self, finders):
        self.finders = finders
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in forbidden:
            found = (each.find_spec(name, path, target) for each in self.finders)
            return next(filter(None, found), None)
    def find_distributions(self, *words, **more):
        finders = [each for each in self.finders if hasattr(each, "find_distributions")]
        return (one for each in finders for one in each.find_distributions(*words, **more))
    def invalidate_caches(self):
        pass
sys.meta_path[:] = [Without(list(sys.meta_path))]
import llmlib
modules = [each.name for each in pkgutil.walk_packages(llmlib.__path__, "llmlib.")]
found = [name for name in modules if re.match(pattern, name)]
for name in found:
    importlib.import_module(name)
print(len(found))
"""


def closure(lines):
    """The names of the distributions that an installation of `lines` brings here."""
    names, waiting = set(), list(map(Requirement, lines))
    while waiting:
        each = waiting.pop()
        name, extras = canonicalize_name(each.name), each.extras or {""}
        if name == "llmlib":
            waiting += [Requirement(x) for e in extras for x in PROJECT["optional-dependencies"][e]]
            continue
        if (name, frozenset(extras)) in names:
            continue
        names.add((name, frozenset(extras)))
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        for need in map(Requirement, needs):
            if need.marker is None or any(need.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(need)
    return {name for name, _ in names}


@cache
def installed():
    """{module: its distributions}, asked of a fresh Python: here setuptools may have put what it
    carries inside on the path."""
    code = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    return json.loads(subprocess.check_output([sys.executable, "-c", code], encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("extras", PARTS, ids=lambda extras: extras or "the engine alone")
def test_a_part_imports_nothing_that_its_extra_does_not_bring(extras):
    lines = list(PROJECT["dependencies"])
    for extra in filter(None, extras.split(",")):
        lines += PROJECT["optional-dependencies"][extra]
    brought = closure(lines)
    forbidden = [
        module
        for module, owners in installed().items()
        if module not in ("llmlib", "tests") and not brought & set(map(canonicalize_name, owners))
    ]
    assert "matplotlib" in forbidden or extras
    words = [sys.executable, "-c", CODE, json.dumps([forbidden, PARTS[extras]])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-1500:]
    assert int(done.stdout.split()[-1]) > 3


@pytest.mark.slow
def test_what_is_not_python_comes_with_the_package(tmp_path):
    """As it is built for `pip install .`, which no test runs from."""
    build = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(tmp_path)]
    build += ["build_py", "--build-lib", str(tmp_path / "lib")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    listed = subprocess.check_output(["git", "ls-files", "llmlib"], cwd=ROOT, encoding="utf-8")
    files = listed.splitlines()
    assert "llmlib/grading/feedback.html.jinja" in files
    assert [each for each in files if not (tmp_path / "lib" / each).is_file()] == []
    sources = {each.name for each in (tmp_path / "lib/llmlib/course/sources").glob("*.py")}
    assert {"01_tokens.py", "quiz.py"} < sources


def test_the_engine_needs_little():
    names = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "regex", "safetensors", "filelock"}


def test_the_install_page_names_the_extras_that_exist():
    text = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    for extra in ("course", "grading", "certificate", "test"):
        assert f"`.[{extra}]`" in text and extra in PROJECT["optional-dependencies"]
    installed = re.search(r'pip install -c constraints.txt -e "\.\[([\w,]+)\]"', text)[1]
    from llmlib.course.bootstrap import __main__ as setup

    assert installed == setup.EXTRAS["lab"]


def test_a_command_whose_packages_are_missing_says_which(monkeypatch, capsys):
    for module in [name for name in sys.modules if name.startswith("llmlib.certificate")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "openbadgeslib", None)
    assert cli.main(["certificate"]) == 2
    said = capsys.readouterr().err
    assert "llmlib certificate: openbadgeslib is not installed: pip install" in said
    assert said.count("\n") == 1


def test_a_part_of_ours_that_is_missing_is_no_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "llmlib.serve.complete", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["complete", "x"])


def test_ctrl_c_while_a_command_is_imported(monkeypatch, capsys):
    def stop(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.importlib, "import_module", stop)
    assert cli.main(["complete", "x"]) == 130
    assert capsys.readouterr().err == "\n"


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOENT, "is not there"),
        (errno.EISDIR, "is a folder"),
        (errno.EACCES, "by you"),
        (errno.EEXIST, "is no folder"),
        (errno.ENOSPC, "the disk is full"),
    ],
)
def test_what_the_system_refuses_is_said_in_words(number, says):
    said = cli._said(OSError(number, os.strerror(number), "/x/.part", None, "/x/y"))
    assert says in said and "Errno" not in said and ".part" not in said


def test_a_folder_in_a_files_place_is_named_by_its_own_name(tmp_path):
    with pytest.raises(OSError) as refused:
        files.write(tmp_path, "text")
    assert cli._said(refused.value) == f"{tmp_path} is a folder: give the name of a file"
