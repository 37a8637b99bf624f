"""`llmlib check` and `llmlib progress`: what notebooks hold is what is reported, and notebooks are
only read."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import answer_runner
import forked_checks
import nbformat
import pytest
import torch

from classroom import cli
from classroom.checking import check_notebooks, check_process, run_cells
from classroom.checking.check_notebooks import DONE, FAILING, UNTOUCHED
from classroom.checking.cli import table
from classroom.checking.definitions import definitions
from classroom.progress_picture import alt_text, pipeline
from exercises.format import notebooks
from grader.certificate import eligibility

pytestmark = [
    pytest.mark.unit,
    pytest.mark.slow,
    pytest.mark.verdict("solutions/*.py", "notebooks/*.ipynb"),
]
NAME = "01_tokens"
SOLUTIONS = {each.name: each.solution for each in notebooks.load(NAME).exercises}
ALL = len(notebooks.load(NAME).core)
MERGE = """def merge(ids, pair, new_id):
    out = []
    for i, token in enumerate(ids):  # overlapping pairs
        out.append(new_id if tuple(ids[i : i + 2]) == tuple(pair) else token)
    return out"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LLMLIB_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def forks(monkeypatch):
    """For what a check says of a cell; that its own process starts and ends, other tests show."""
    forked_checks.checks(monkeypatch)


def hand_in(folder, replace=(), name=NAME, extra=()):
    """The released notebook with some solution cells filled in, and cells added at its top."""
    node = answer_runner.handed_in_notebook(name, dict(replace))
    node.cells[:0] = [nbformat.v4.new_code_cell(source) for source in extra]
    nbformat.write(node, folder / f"{name}.ipynb")
    return folder


def states(folder, seconds=600):
    status = check_notebooks.check_one(NAME, folder / f"{NAME}.ipynb", seconds)
    assert status.fault is None
    return {name: (state, message) for name, state, message in status.exercises}


def test_untouched_notebooks_start_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(check_process.subprocess, "Popen", None)
    found = states(hand_in(tmp_path))
    assert {state for state, _ in found.values()} == {UNTOUCHED} and list(found) == list(SOLUTIONS)


def test_done_failing_with_the_named_mistake_and_untouched(tmp_path):
    found = states(hand_in(tmp_path, {"count_pairs": SOLUTIONS["count_pairs"], "merge": MERGE}))
    assert found["count_pairs"] == (DONE, None)
    state, message = found["merge"]
    assert state == FAILING and "pair" in message and "Mistake" not in message
    assert found["encode"] == (UNTOUCHED, None)


@pytest.mark.parametrize("function", ["cross_entropy", "train"])
def test_a_check_in_a_kernel_whose_gradients_are_off_passes_what_is_right(function):
    task = answer_runner.exercise("05_output_head", function)
    space = answer_runner.learner(
        answer_runner.Answer(task.notebook, function, "right", "", task.solution)
    )
    with torch.no_grad():
        error = run_cells.run(task.name, task.visible, space)
    assert error is None


def test_a_complete_notebook_is_done_and_remembered_until_it_changes(tmp_path, monkeypatch):
    folder = hand_in(tmp_path, SOLUTIONS)
    status = check_notebooks.check_one(NAME, folder / f"{NAME}.ipynb")
    assert status.done
    with monkeypatch.context() as patch:
        patch.setattr(check_process.subprocess, "Popen", None)
        assert check_notebooks.check_one(NAME, folder / f"{NAME}.ipynb") == status
    hand_in(tmp_path, SOLUTIONS | {"merge": MERGE})
    assert not check_notebooks.check_one(NAME, folder / f"{NAME}.ipynb").done


@pytest.mark.usefixtures("forks")
def test_helpers_in_added_cells_magics_and_the_given_cells_of_the_course_are_used(tmp_path):
    helper = (
        "%matplotlib inline\n!ls\nimport torch?\ndef mine(ids, pair, new_id):\n"
        + SOLUTIONS["merge"].split("\n", 1)[1]
    )
    folder = hand_in(tmp_path, {"merge": "merge = mine"}, extra=[helper])
    node = nbformat.read(folder / f"{NAME}.ipynb", as_version=4)
    for cell in node.cells:
        if notebooks.kind(cell) == "given":
            cell.source = "raise SystemExit"
    nbformat.write(node, folder / f"{NAME}.ipynb")
    assert states(folder)["merge"] == (DONE, None)
    said = table([check_notebooks.check_one(NAME, folder / f"{NAME}.ipynb", 600)], 200)
    assert "! note             The locked cell" in said and "the original was used" in said


COUNT_PAIRS = """def count_pairs(ids):
    counts = {}
    for pair in zip(ids, ids[1:]):    # what about the last id?
        counts[pair] = counts.get(pair, 0) + 1
    return list(counts.items())  # left to right?"""


@pytest.mark.parametrize(
    "cell",
    [
        COUNT_PAIRS,
        COUNT_PAIRS.replace(
            "    counts", '    """Who may look?\n    Everyone?\n    """\n    counts', 1
        ),
        COUNT_PAIRS.replace(
            "counts = {}", "counts = dict()\n    seven = (7\n    % 7)\n    assert (seven\n    != 8)"
        ),
        "%matplotlib inline\n?print\nprint?\nfiles = !ls\n" + COUNT_PAIRS,
        "%%time\n" + COUNT_PAIRS,
        "import asyncio\nawait asyncio.sleep(0)\n" + COUNT_PAIRS,
    ],
)
@pytest.mark.usefixtures("forks")
def test_python_stays_as_it_is_and_what_only_a_notebook_knows_is_known(tmp_path, cell):
    assert states(hand_in(tmp_path, {"count_pairs": cell}))["count_pairs"] == (DONE, None)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("def merge(ids, pair, new_id):\n    return 1 / 0", "ZeroDivisionError"),
        ("def merge(ids, pair, new_id)\n    return ids", "SyntaxError"),
        (
            "def merge(ids, pair, new_id):\n    return (i for i in ids)",
            "`merge` returned a value of type generator; use tensors, numbers, strings, lists, "
            "tuples or dicts",
        ),
        ("raise SystemExit(3)", "SystemExit"),
        ("def merge(ids, pair, new_id):\n    import os; os._exit(1)", "the process ended"),
        ("def merge(ids, pair, new_id):\n    while True: pass", "took longer than"),
        pytest.param(
            "def merge(ids, pair, new_id):\n    import time\n    while True:\n"
            "        try: time.sleep(99)\n        except BaseException: pass",
            "stopped after 12 s",
            marks=pytest.mark.proof,
        ),
        pytest.param(
            "def merge(ids, pair, new_id):\n    try:\n        import time; time.sleep(99)\n"
            "    except BaseException:\n        while True: abs(1)",
            "took longer than",
            marks=pytest.mark.proof,
        ),
        (
            'def merge(ids, pair, new_id):\n    print(\'["test", "merge", null]\', flush=True)\n'
            "    return ids",
            "merge",
        ),
    ],
)
def test_whatever_a_cell_does_is_reported_and_comes_to_an_end(
    tmp_path, cell, says, request, monkeypatch
):
    if says not in ("stopped after 12 s", "the process ended"):  # those end a real process
        request.getfixturevalue("forks")
    if says == "took longer than":
        run = check_process._run
        monkeypatch.setattr(check_process, "_run", lambda job, *it: run(job | {"seconds": 1}, *it))
    mine = hand_in(tmp_path, {"count_pairs": SOLUTIONS["count_pairs"], "merge": cell})
    found = states(mine, 12 if says == "stopped after 12 s" else 600)
    assert found["merge"][0] == FAILING and (says in found["merge"][1] or says == "merge")
    if says not in ("stopped after 12 s", "took longer than"):
        assert found["count_pairs"] == (DONE, None)


@pytest.mark.proof
@pytest.mark.usefixtures("forks")
@pytest.mark.slow
def test_tries_that_take_long_cost_no_exercise(tmp_path):
    tries = [f"import time\nfor _ in range({n}): time.sleep(0.1)" for n in range(200, 208)]
    mine = hand_in(tmp_path, SOLUTIONS, extra=tries)
    # of 16 s they get 8 together, and ask for 160
    assert {state for state, _ in states(mine, 16).values()} == {DONE}


def test_a_loop_that_never_ends_is_ended_without_a_timer_of_the_system(monkeypatch):
    """Windows has none."""
    monkeypatch.delattr(signal, "setitimer", raising=False)

    def loop():
        while True:
            pass

    assert isinstance(run_cells.run_with_limit(0.2, loop), KeyboardInterrupt)
    assert run_cells.run_with_limit(0.2, lambda: None) is None
    time.sleep(0.3)  # no alarm is left that goes off later


@pytest.mark.parametrize(
    "error",
    [
        "MemoryError",
        "RuntimeError('[enforce fail] DefaultCPUAllocator: not enough memory: you tried')",
        "OSError(28, 'No space left on device')",
    ],
)
@pytest.mark.usefixtures("forks")
def test_what_a_full_memory_or_disk_said_is_not_kept(tmp_path, error):
    """The same cell on a machine with room: the next check runs it again."""
    full = tmp_path / "full"
    full.touch()
    ask = f"import os\nif os.path.exists({str(full)!r}):\n    raise {error}\n"
    mine = hand_in(tmp_path, {"count_pairs": ask + SOLUTIONS["count_pairs"]})
    assert states(mine)["count_pairs"][0] == FAILING
    full.unlink()
    assert states(mine)["count_pairs"] == (DONE, None)


@pytest.mark.skipif("os.name == 'nt'", reason="left out: Ctrl-C to one process needs Unix")
def test_ctrl_c_ends_a_check_at_once(tmp_path):
    hand_in(
        tmp_path,
        {"count_pairs": SOLUTIONS["count_pairs"], "merge": "open('began', 'w')\nwhile 1: pass"},
    )
    words = [sys.executable, "-m", "classroom", "check", "--folder", tmp_path, "--seconds", "600"]
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            words, stdout=out, stderr=out, env=os.environ | {"TMPDIR": str(tmp_path)}
        )
    until = time.monotonic() + 600
    while not list(tmp_path.glob("*/began")):
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130 and "Traceback" not in log.read_text()


def test_a_check_that_breaks_off_ends_no_other(tmp_path):
    """JupyterLab's server has several under way."""
    began = tmp_path / "began"
    (tmp_path / "slow").mkdir()
    wait = f"import time\nopen({str(began)!r}, 'w').close()\ntime.sleep(2)\n"
    slow = hand_in(tmp_path / "slow", {"count_pairs": wait + SOLUTIONS["count_pairs"]})
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(states, slow)
        while not began.exists() and not other.done():
            time.sleep(0.1)
        with pytest.raises(ZeroDivisionError):
            check_notebooks.check([NAME], hand_in(tmp_path), tick=lambda status: 1 / 0)
        assert other.result()["count_pairs"] == (DONE, None)


@pytest.mark.parametrize("cut", [0, 1, 1000, -3])
def test_a_half_saved_notebook_is_reported_and_left_alone(tmp_path, cut):
    path = hand_in(tmp_path) / f"{NAME}.ipynb"
    path.write_bytes(path.read_bytes()[:cut])
    before = hashlib.sha256(path.read_bytes()).hexdigest(), os.stat(path).st_mtime_ns
    assert "damaged, half saved" in check_notebooks.check_one(NAME, path).fault
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), os.stat(path).st_mtime_ns) == before


ODD_CELLS = '{"cells": 3}', '{"cells": [1]}', '{"cells": [{"cell_type": "code"}]}'


@pytest.mark.parametrize("text", ["[]", "{}", "3", *ODD_CELLS, "[" * 9999])
def test_json_that_is_no_notebook_is_reported(tmp_path, text):
    (tmp_path / f"{NAME}.ipynb").write_text(text)
    assert check_notebooks.check_one(NAME, tmp_path / f"{NAME}.ipynb").fault


@pytest.mark.usefixtures("forks")
@pytest.mark.parametrize("cell", ["s = {}; t = 2", "x = predict({})"])
def test_code_nested_too_deeply_costs_its_own_cell_alone(tmp_path, cell):
    deep = cell.format("+".join("1" * 5000))
    assert definitions([deep, "y = 1"])[-1].names == {"y"}
    hand_in(tmp_path, {"count_pairs": SOLUTIONS["count_pairs"]}, extra=[deep])
    assert states(tmp_path)["count_pairs"] == (DONE, None)


def test_the_command_checks_what_is_asked_for(tmp_path, capsys):
    hand_in(tmp_path, SOLUTIONS)
    before = sorted(tmp_path.iterdir())
    assert cli.main(["check", NAME, "--folder", str(tmp_path)]) == 0
    assert f"{ALL} of {ALL} done" in capsys.readouterr().out
    assert cli.main(["check", "--folder", str(tmp_path)]) == 1
    assert sorted(tmp_path.iterdir()) == before
    same = str(tmp_path / ".." / tmp_path.name / f"{NAME}.ipynb")  # the same folder
    assert cli.main(["check", same, "--folder", str(tmp_path)]) == 0
    assert cli.main(["check", same, "--folder", str(tmp_path.parent)]) == 2
    assert "ask for one folder at a time" in capsys.readouterr().err
    assert cli.main(["check", "08_more"]) == 2
    assert "known: 01_tokens" in capsys.readouterr().err
    assert cli.main(["check", str(tmp_path)]) == 2
    assert f"give it as --folder {tmp_path}" in capsys.readouterr().err


@pytest.mark.usefixtures("forks")
def test_the_picture_has_its_words_and_the_command_writes_it(tmp_path, capsys):
    for name in notebooks.names():
        hand_in(tmp_path, name=name)
    assert (
        cli.main(["progress", "--folder", str(tmp_path), "--output", str(tmp_path / "p.png")]) == 1
    )
    new = tmp_path / "not there yet" / "p.svg"
    assert cli.main(["progress", "--folder", str(tmp_path), "--output", str(new)]) == 1
    assert new.is_file()
    said = capsys.readouterr().out
    assert f"1 Tokens: 0 of {ALL} done" in said and "Quiz: 0 of 45 done" in said
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(["progress", "--folder", str(tmp_path), "--output", "p.gif"]) == 2
    assert "must end in .png, .svg or .pdf, not .gif" in capsys.readouterr().err
    rows = [check_notebooks.Status(name, (("f", DONE, None),)).row() for name in notebooks.names()]
    assert alt_text(rows).count("1 of 1 done") == len(rows)
    assert "1 / 1 done" in {text.get_text() for text in pipeline(rows).axes[0].texts}


def test_what_stands_in_further_is_asked_for_by_nothing(monkeypatch):
    book = notebooks.load(NAME)
    last = book.exercises[-1]
    further = replace(book, exercises=(*book.exercises[:-1], replace(last, points=0)))
    monkeypatch.setattr(notebooks, "load", lambda name: further if name == NAME else book)
    rows = tuple((each.name, DONE, None) for each in further.core)
    status = check_notebooks.Status(NAME, (*rows, (last.name, UNTOUCHED, None)))
    assert status.done and last.name not in table([status])
    assert f"{len(rows)} of {len(rows)} done" in alt_text([status.row()])
    begun = check_notebooks.Status(NAME, (*rows, (last.name, FAILING, "no")))
    assert begun.done and (last.number, last.name, FAILING, "no") in begun.lines()
    assert [*eligibility._missing(begun)] == []
