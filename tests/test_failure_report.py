"""What a run says of its failures in its last thirty lines, and what it runs again."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import failure_report
import nbformat
import pytest

from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit

BROKEN = """import os, pathlib, pytest
pytestmark = pytest.mark.unit

def first_time(name):
    path = pathlib.Path(__file__).with_name(name)
    return not path.exists() and not path.touch()

def test_defect():
    assert list(range(400)) == list(range(1, 401)), "\\n".join(map(str, range(400)))

def test_stale():
    assert 3 == 4, "run `make evidence` (speed)"

def test_machine():
    raise TimeoutError("no answer within 3 s")

@pytest.fixture
def set_up():
    raise KeyError("x")

def test_set_up(set_up):
    pass

@pytest.fixture
def torn_down():
    yield
    assert not first_time("teardown"), "left behind"

def test_teardown(torn_down):
    pass

def test_beside_others():
    assert not first_time("beside"), "too slow beside others"

def test_that_ends_its_process():
    if "PYTEST_XDIST_WORKER" in os.environ and first_time("crash"):
        os._exit(1)

def test_fine():
    pass
"""
FLAKY_CELL = """from pathlib import Path
first = not Path("seen").exists()
Path("seen").touch()
print("no" if first else x)"""
LATER_CELL = "print(3 if first else 4)"


class Folder:
    """A folder of tests with this repository's settings."""

    def __init__(self, path):
        self.path = path
        settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        lines = settings[settings.index("[tool.pytest.ini_options]") :].splitlines()
        left = "testpaths", "addopts", "pythonpath"
        kept = [line for line in lines if not line.startswith(left)]
        self.put(
            "pyproject.toml",
            "\n".join([*kept[:1], 'addopts = "--nbval -p no:cacheprovider"', *kept[1:]]),
        )
        self.put("conftest.py", (ROOT / "conftest.py").read_text(encoding="utf-8"))

    def put(self, name, text):
        (self.path / name).parent.mkdir(exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def put_notebook(self, name, cells):
        """Write a notebook of {source: stored output}."""
        made = nbformat.v4.new_notebook()
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        for source, text in cells.items():
            outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
            made.cells.append(nbformat.v4.new_code_cell(source, execution_count=1, outputs=outputs))
        nbformat.write(made, self.path / name)

    def run(self, *words, **variables):
        """The status of a run, all that it said, and its last thirty lines."""
        kept = {k: v for k, v in os.environ.items() if k != "CI" and "PYTEST" not in k}
        kept["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
        command = [sys.executable, "-m", "pytest", *words]
        how = {"cwd": self.path, "env": kept | variables, "encoding": "utf-8"}
        done = subprocess.run(command, capture_output=True, **how)
        lines = done.stdout.strip().splitlines()
        return done.returncode, done.stdout + done.stderr, "\n".join(lines[-30:])


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_red_run_names_each_failure_its_kind_and_the_command(folder, workers):
    folder.put("test_it.py", BROKEN)
    stored = {
        "print(0.31)": "0.33\n",
        "print('seen')": "stored\n",
        "1 / 0": "1",
        "raise TimeoutError": "",
    }
    folder.put_notebook("03_x.ipynb", stored)
    status, said, last = folder.run("-n", str(workers), "--rerun-alone", CI="true")
    assert status == 1, said
    block = last.rpartition(" what failed, and what to do =")[2].splitlines()[1:]
    crash = r"machine  test_it\.py::test_that_ends_its_process: worker 'gw\d' crashed .*"
    expected = [
        rf"Failed, by kind: defect 6, number 1, stale 1, machine {3 if workers else 2}\. "
        r"More than 5 failed: none was run again\.",
        r"defect   03_x\.ipynb, code cell 1: stdout: stored 'stored\\n', seen 'seen\\n'",
        r"defect   03_x\.ipynb, code cell 2: ZeroDivisionError: division by zero",
        r"defect   test_it\.py::test_defect: 0: assert list.*",
        r"defect   test_it\.py::test_set_up: in its set-up: KeyError: 'x'",
        r"defect   test_it\.py::test_teardown: in its teardown: left behind",
        r"defect   test_it\.py::test_beside_others: too slow beside others",
        r"number   03_x\.ipynb, code cell 0: stdout: stored '0\.33\\n', seen '0\.31\\n'",
        r"stale    test_it\.py::test_stale: run `make evidence` \(speed\)",
        r"machine  03_x\.ipynb, code cell 3: TimeoutError.*",
        r"machine  test_it\.py::test_machine: TimeoutError: no answer within 3 s",
        *([crash] if workers else []),
        r"Run just these again: \S+python\S* -m pytest .+",
        r"Renew what is stale: make evidence",
        r'If the new numbers are right: make build ARGS="03_x --force"\. Else print .*',
        r"Machine: it was too busy, .*",
        rf"=+ {9 if workers else 8} failed, [23] passed, 2 errors in .* =+",
    ]
    unlike = [line for line in block if not any(re.fullmatch(each, line) for each in expected)]
    missing = [each for each in expected if not any(re.fullmatch(each, line) for line in block)]
    assert not unlike and not missing and len(block) == len(expected), last
    (command,) = [line for line in block if " -m pytest " in line]
    assert command.count("03_x.ipynb") == 1 and command.count("test_it.py::test_defect") == 1
    assert "lines cut here; -vv shows them" in said
    wrong = re.findall(r"(?:^E .*\n)+", said, re.M)
    assert wrong and max(each.count("\n") for each in wrong) <= failure_report.DIFFERENCE


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_what_passes_alone_is_named_and_the_run_is_green(folder, workers):
    folder.put("test_it.py", BROKEN)
    for name in ("solutions/04_x.py", "tests/nbval.cfg"):
        folder.put(name, "")
    folder.put_notebook(
        "solutions/04_x.ipynb", {"x = 'yes'": "", FLAKY_CELL: "yes\n", LATER_CELL: "4\n"}
    )
    chosen = ["-k", "teardown or beside or ends or fine or 04"]
    status, said, last = folder.run(
        "-n",
        str(workers),
        *chosen,
        "--rerun-alone",
        "--fresh",
        LLMLIB_CACHE=str(folder.path / "cache"),
    )
    assert status == 0, said
    lines = [line for line in last.splitlines() if line.startswith("Passed when run again alone: ")]
    names = {
        "solutions/04_x.ipynb, code cell 1",
        "solutions/04_x.ipynb, code cell 2",
        "test_it.py::test_teardown",
        "test_it.py::test_beside_others",
    }
    names |= {"test_it.py::test_that_ends_its_process"} if workers else set()
    assert {line.split(": ", 1)[1].partition(" (")[0] for line in lines} == names
    count = len(names)
    assert re.fullmatch(rf"=+ 7 passed, .*{count} rerun in .* =+", last.splitlines()[-1])
    kept = (folder.path / "cache/proof/verdicts.json").read_text(encoding="utf-8")
    assert "Cell 0" in kept and "Cell 1" not in kept and "beside" not in kept


@pytest.mark.slow
@pytest.mark.needs("bubblewrap")
def test_no_test_of_security_is_run_again(folder):
    folder.put("test_it.py", BROKEN.replace("mark.unit", "mark.security"))
    status, said, last = folder.run("-k", "beside or fine", "--rerun-alone")
    assert status == 1 and "again, alone" not in said, said
    assert "defect   test_it.py::test_beside_others: too slow beside others" in last


@pytest.mark.slow
def test_what_fails_alone_as_well_stays_red(folder):
    folder.put("test_it.py", BROKEN)
    folder.put("test_more.py", "import nothing_there\n")
    words = "--rerun-alone", "--continue-on-collection-errors", "-k", "beside or machine or more"
    status, said, last = folder.run(*words)
    assert status == 1, said
    assert "defect   test_more.py: ModuleNotFoundError: No module named 'nothing_there'" in last
    assert "What was run again, alone, failed again." in last
    assert "Passed when run again alone: test_it.py::test_beside_others (too slow" in last
    assert re.search(r"= 1 failed, 1 passed, .*1 error, 1 rerun in .*=$", last), last
    assert (
        "again, alone" not in folder.run("-k", "fine or machine", "test_it.py")[1]
    )  # not asked for


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_named_where_nothing_runs(folder):
    folder.put("test_more.py", "import nothing_there\n")
    status, _, last = folder.run()
    assert status == 2 and "Run just these again: " in last and "pytest test_more.py\n" in last
    assert last.splitlines()[-1].startswith("=") and "1 error in" in last.splitlines()[-1]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("defect", "assert 3 == 4"),
        ("machine", "worker 'gw1' crashed while running 'test_it.py::test_it'"),
        ("defect", "assert 'run `make build`' == 'TimeoutError'"),
        ("defect", "text/plain: stored 'loss 0.31', seen 'ness 0.31'"),
        ("defect", "text/html: stored 'lowest 3.9 at 194', seen 'near 3.9'"),
        ("number", "text/plain: stored 'loss 0.31', seen 'loss 0.33'"),
        ("number", 'text/html: stored "it\'s 9.9 of", seen "it\'s 10.0 of"'),
        ("number", "text/plain: stored '[12, 45]', seen '[12, 46]'"),
        ("stale", "run `make build` (01_tokens)"),
        ("machine", "playwright._impl._errors.TimeoutError: Page.goto: Timeout 30000ms exceeded"),
        ("machine", "subprocess.TimeoutExpired: Command 'x' timed out after 3 seconds"),
        ("machine", "Timeout of 300 seconds exceeded executing cell"),
        ("machine", "Timeout of 4 seconds exceeded waiting for output."),
        ("machine", "RuntimeError: Kernel died before replying to kernel_info"),
        ("machine", "OSError: [Errno 28] No space left on device"),
        ("machine", "FileNotFoundError: [Errno 2] No such file or directory: 'bwrap'"),
        ("defect", "FileNotFoundError: [Errno 2] No such file or directory: 'docs/a.md'"),
        ("machine", "MemoryError"),
        ("machine", "urllib.error.URLError: <urlopen error [Errno 111] Connection refused>"),
    ],
)
def test_the_kind_of_a_failure_is_in_its_sentence(kind, text):
    assert failure_report.kind(text) == kind


@pytest.mark.parametrize(
    ("message", "telling"),
    [
        ("AssertionError", "AssertionError: assert f(x) == 1"),
        ("assert (0 == 1)\n  +  where 0 = f(2)", "assert (0 == 1): assert f(x) == 1"),
        ("assert (1 == 1 and not None)", "assert (1 == 1 and not None): assert f(x) == 1"),
        ("assert None\n  +  where None = f('b')", "assert None: assert f(x) == 1"),
        ("assert 'a' == 'b'", "assert 'a' == 'b'"),
        ("KeyError: 'x'", "KeyError: 'x'"),
    ],
)
def test_a_sentence_without_words_is_followed_by_the_statement(message, telling):
    class Repr(str):
        reprcrash = SimpleNamespace(message=message)

    found = SimpleNamespace(longrepr=Repr(f"    x = 1\n>   assert f(x) == 1\nE   {message}\n"))
    assert failure_report.sentence(found) == telling


@pytest.mark.parametrize(
    ("message", "telling"),
    [
        ("AssertionError: too few\nassert 3 == 4", "too few"),
        ("AssertionError: ==== start ====\na\nb\nE   ValueError: no\nc\nd", "ValueError: no"),
        ("AssertionError: ======\n\n1 failed\nassert 1 == 0", "1 failed"),
    ],
)
def test_the_sentence_is_the_first_line_or_names_the_error_of_another_program(message, telling):
    crash = SimpleNamespace(reprcrash=SimpleNamespace(message=message))
    assert failure_report.sentence(SimpleNamespace(longrepr=crash)) == telling


def report(number, text):
    where = (f"test_{number % 3}.py", 1, "test")
    nodeid = f"test_{number % 3}.py::test_it[{number}]"
    return pytest.TestReport(nodeid, where, {}, "failed", text, "call")


def test_of_many_failures_the_list_is_cut_and_all_fits_into_thirty_lines():
    texts = ["wrong\nand more", "run `make build`", "MemoryError", "a: stored '1', seen '2'"]
    found = [report(number, texts[number % 4] + "x" * (number % 4 == 0)) for number in range(200)]
    failed = [failure_report.Failure(each.nodeid, [each]) for each in found]
    lines = failure_report.closing(failed, ["not today"], " More than 5 failed.")
    assert len(lines) <= 30 - 4  # a title, two lines of pytest's where it was stopped, its last
    assert max(len(line) for line in lines if " -m pytest " not in line) < 300
    assert sum(line.startswith("defect ") for line in lines) == failure_report.LISTED
    assert any(
        line.startswith(f"… and {201 - failure_report.LISTED} more (most in ") for line in lines
    )
    assert failure_report.closing([], []) == []


def test_ctrl_c_while_a_test_runs_again_leaves_the_run_red(monkeypatch):
    def stopped(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr("rerun.passes_alone", stopped)
    plugin = failure_report.FailureReport(SimpleNamespace(rootpath=ROOT), lambda reporter: [])
    stats = {"failed": [report(0, "wrong")]}
    reporter = SimpleNamespace(stats=stats, ensure_newline=lambda: None, write_line=print)
    session = SimpleNamespace(exitstatus=pytest.ExitCode.TESTS_FAILED)
    plugin.run_again(session, reporter)
    assert session.exitstatus and "interrupted" in plugin.note and len(stats["failed"]) == 1


def test_a_difference_is_cut_in_the_middle_and_says_how_much():
    assert failure_report.cut(list("abc")) == list("abc")
    lines = failure_report.cut([f"E   {number}" for number in range(100)])
    assert len(lines) == failure_report.DIFFERENCE
    assert lines[7] == "E       … 86 lines cut here; -vv shows them …"
    assert lines[6] == "E   6" and lines[8] == "E   93"
    (line,) = failure_report.cut(["x" * 5000])
    assert len(line) < 1100 and "… 4,000 characters cut …" in line


def test_of_a_cell_the_difference_is_cut_and_no_more():
    source = "\n".join(f"print({number})" for number in range(40))
    text = f"Cell 3: Cell outputs differ\n\nInput:\n{source}\n\nTraceback:\n" + "- x\n" * 350
    found = report(0, f"Notebook cell execution failed\n{text}")
    failure_report.cut_differences(found)
    assert source in found.longrepr and found.longrepr.count("- x") < failure_report.DIFFERENCE
