"""The package: the engine runs with the engine's dependencies alone, and each extra brings what its
part imports."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from classroom import cli
from classroom.bootstrap import __main__ as setup
from exercises.course_packages import PACKAGES
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PARTS = {  # the modules of a part, and the extras with which they must import
    "": r"llmlib\.(fast\.|checkpoints\.)?(?!plots|data|serve|widgets|numba)\w+$",
    "fast": r"llmlib\.(fast\.\w+|decode_step)$",
    "notebook": r"(llmlib\.(plots(\.\w+)?|serve\.(?!server)\w+|data|widgets(\.\w+)?)|"
    r"exercises(\.\w+)+|classroom\.(predict|quiz|quiz_cells|engine_check|my_llm|folder\.work|"
    r"checking\.check_notebooks))$",
    "lab": r"(llmlib\.serve\.server|classroom(\.\w+)?\.(?!__main__|template)\w+)$",
    "grading": r"grader\.(?!dask_|certificate)\w+(\.\w+)?$",
    "cluster": r"grader\.(?!certificate)\w+(\.\w+)?$",
    "certificate,grading": r"grader\.certificate\.\w+$",
}
# what setuptools carries inside and imports by these names; twine brings them, too
SETUPTOOLS = ("jaraco", "more_itertools", "backports")
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
modules = [
    each.name for name in ("llmlib", "exercises", "classroom", "grader")
    for each in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}.")
]
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
        if name == PROJECT["name"]:
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
@pytest.mark.proof
@pytest.mark.parametrize("extras", PARTS, ids=lambda extras: extras or "the engine alone")
def test_a_part_imports_nothing_that_its_extra_does_not_bring(extras):
    lines = list(PROJECT["dependencies"])
    for extra in filter(None, extras.split(",")):
        lines += PROJECT["optional-dependencies"][extra]
    brought = closure(lines)
    forbidden = [
        module
        for module, owners in installed().items()
        if module not in (*PACKAGES, "tests", *SETUPTOOLS)
        and not brought & set(map(canonicalize_name, owners))
    ]
    assert "matplotlib" in forbidden or extras
    words = [sys.executable, "-c", CODE, json.dumps([forbidden, PARTS[extras]])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-1500:]
    assert int(done.stdout.split()[-1]) > 3


def test_the_engine_needs_little():
    names = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "regex", "safetensors", "filelock"}


def test_the_install_page_names_the_extras_that_exist():
    text = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    for extra in ("course", "grading", "certificate", "test"):
        assert f"`.[{extra}]`" in text and extra in PROJECT["optional-dependencies"]
    installed = re.search(r'pip install -c constraints.txt -e "\.\[([\w,]+)\]"', text)[1]
    assert installed == setup.EXTRAS["lab"]


def test_a_command_whose_packages_are_missing_says_which(monkeypatch, capsys):
    for module in [name for name in sys.modules if name.startswith("grader.certificate")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "openbadgeslib", None)
    assert cli.main(["certificate"]) == 2
    said = capsys.readouterr().err
    assert "llmlib certificate: openbadgeslib is not installed: type " in said
    assert said.count("\n") == 1 and f'-m pip install -e "{ROOT}[course]"' in said


@pytest.mark.parametrize(("word", "nearest"), [("chek", "check"), ("frob", ""), ("lba", "lab")])
def test_an_unknown_verb_is_one_sentence_with_the_nearest(word, nearest, capsys):
    assert cli.main([word]) == 2
    out, said = capsys.readouterr()
    assert said.count("\n") == 1 and f"llmlib {word}: there is no such verb" in said and not out
    assert f"the nearest is {nearest}" in said  # of "frob", any


@pytest.mark.slow
def test_the_examples_are_commands():
    """Asked of a fresh Python, which imports them all."""
    code = """
import shlex
from classroom import cli
for verb, (_, _, example) in cli.VERBS.items():
    command, *words = shlex.split(example)
    assert command == "llmlib" and cli._parser(verb).parse_args(words).verb == verb, example
print("all are")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "all are\n", done.stderr


def test_only_lab_passes_words_on(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        cli.main(["check", "--ip=0.0.0.0"])
    assert "unrecognized arguments: --ip=0.0.0.0" in capsys.readouterr().err
    taken = []
    monkeypatch.setattr("classroom.lab.cli.run", lambda args: taken.append(args))
    assert cli.main(["lab", "here", "--ip=0.0.0.0", "--LabApp.x=1"]) == 0
    assert str(taken[0].folder) == "here" and taken[0].more == ["--ip=0.0.0.0", "--LabApp.x=1"]
