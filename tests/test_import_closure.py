"""What is kept of a result holds until something changes that the result depends on, and no
longer."""

import subprocess
import sys
from pathlib import Path

import pytest

from classroom import import_closure
from classroom.checking import check_process
from classroom.import_closure import Roots
from exercises.course_packages import PACKAGES
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from grader import batch

pytestmark = pytest.mark.unit
LESSON = notebooks.load("03_attention")
PROJECT = {
    "pkg/__init__.py": "__all__ = ['lazily']\n\n\ndef __getattr__(name):\n    from pkg import lazy",
    "pkg/lazy.py": "",
    "pkg/plain.py": '"""As pkg.unused."""\nimport pkg.imported\nfrom pkg import (\n  below,\n)',
    "pkg/imported.py": "def f():\n    from pkg.sub.deep import x",
    "pkg/below.py": "from .sub import near\n\nif __name__ == '__main__':\n    import pkg.unused",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "x = 1",
    "pkg/sub/near.py": "TEXT = open('words.txt').read()",
    "pkg/sub/words.txt": "words",
    "pkg/table.py": "import importlib\nVERBS = 'pkg.named', 'b'\nimportlib.import_module(VERBS[0])",
    "pkg/named.py": "RUN = f'import sys; from pkg import started; started.main({0})'",
    "pkg/started.py": "",
    "pkg/unused.py": "",
    "pkg/many/__init__.py": "from importlib import import_module\nimport_module(f'{__name__}.{1}')",
    "pkg/many/one.py": "",
    "helper.py": "import pkg.lazy",
}
INIT, SUB = "pkg/__init__.py", "pkg/sub/__init__.py"
PLAIN = {"pkg/plain.py", "pkg/imported.py", "pkg/below.py", INIT, SUB, "pkg/sub/deep.py"}


@pytest.fixture
def project(tmp_path):
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("from pkg import plain", PLAIN | {"pkg/sub/near.py", "pkg/sub/words.txt"}),
        ("run('-m', 'pkg.table')", {INIT, "pkg/table.py", "pkg/named.py", "pkg/started.py"}),
        ("%time import pkg.many", {INIT, "pkg/many/__init__.py", "pkg/many/one.py"}),
        ("from pkg import lazily", {INIT, "pkg/lazy.py"}),
        ("import pkg\npkg.lazily(1)", {INIT, "pkg/lazy.py"}),
        ("import pkg, os\npkg.other", {INIT}),
        ("import helper", {"helper.py", INIT, "pkg/lazy.py"}),
        ("import pkg\nopen(pkg.at('words.txt'))", {"pkg/sub/words.txt", INIT}),
        ("import os", set()),
    ],
)
def test_a_closure_holds_what_code_imports_and_names(project, start, expected):
    roots = Roots({"pkg": project / "pkg", "helper": project / "helper.py"})
    as_text = import_closure.closure([start], roots)
    (project / "start.py").write_text(start.replace("%time ", "").replace("run(", "print("))
    as_file = import_closure.closure([project / "start.py"], roots) - {project / "start.py"}
    assert as_text == as_file == {project / name for name in expected}


def test_the_fingerprint_changes_with_the_closure_alone(project):
    roots = Roots({"pkg": project / "pkg"})
    before = import_closure.fingerprint(["pkg.plain"], roots)
    for name in ("pkg/unused.py", "pkg/lazy.py", "helper.py"):
        (project / name).write_text("# a comment")
        assert import_closure.fingerprint(["pkg.plain"], roots) == before
    for name in ("pkg/sub/words.txt", "pkg/sub/deep.py"):
        (project / name).write_text("# a comment")
        after = import_closure.fingerprint(["pkg.plain"], roots)
        assert after != before
        before = after


def loaded(code, *words):
    """The modules of llmlib that a fresh Python has loaded by the end of `code`."""
    code += "\nimport sys\nfor m in [*sys.modules.values()]: print(getattr(m, '__file__', None))"
    said = subprocess.check_output([sys.executable, "-c", code, *words], encoding="utf-8")
    found = {Path(line) for line in said.splitlines()}
    rooms = [ROOT / name for name in PACKAGES]
    return {path for path in found if any(map(path.is_relative_to, rooms))}


@pytest.mark.slow
def test_a_check_depends_on_all_that_it_loads_and_not_on_a_drawing():
    cells = [each.source for each in LESSON.cells if notebooks.kind(each) in batch.RUN]
    code = "import sys; from classroom.checking import check_process, run_tests\n"
    code += "for cell in sys.argv[1:]: exec(cell)"
    closure = import_closure.closure([Path(check_process.__file__), *cells])
    assert closure >= loaded(code, *cells) >= {Path(check_process.__file__)}
    assert not [path for path in closure if {"drawings", "site", "grading"} & {*path.parts}]


@pytest.mark.slow
def test_a_grade_depends_on_all_that_the_grader_loads_and_not_on_a_drawing():
    code = f"import {', '.join(batch.GRADER)}, grader.guest.zygote"
    closure = import_closure.closure(batch.GRADER)
    assert closure >= loaded(code) > set()
    beside = {"drawings", "site", "lab", "certificate", "report.py", "gradebook.py"}
    assert not [path for path in closure if beside & {*path.parts}]


def test_a_notebook_s_grades_depend_on_what_it_imports():
    """Of two notebooks the one that imports it."""
    parsed = {
        name: notebooks.parse(f"# %% [markdown]\n# # {name}\n\n# %% given setup\n{code}\n", name)
        for name, code in {"08_a": "from classroom.lab import live", "08_b": "import torch"}.items()
    }
    assert batch.version(parsed["08_a"]) != batch.version(parsed["08_b"])
