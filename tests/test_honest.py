"""Honest work never loses a point: every notebook of `honest.CASES` is solved for the kernel, for
`llmlib check` and for the grader, and nobody is told that it is not."""

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import forked_checks
import honest
import kernel_runs
import nbformat
import pytest
from chief import chief

from classroom.checking import check_notebooks, submission
from exercises.format import notebooks
from grader.host import read_submission
from grader.host.sandbox import Sandbox
from grader.marking.runner import Runner

pytestmark = [
    pytest.mark.graders,
    pytest.mark.needs("bubblewrap"),
    pytest.mark.verdict("solutions/*.py"),
]
CHIEF = "softmax: assert_close", "all in one class", "layer_norm: an old edition, 1.2.0"


@pytest.fixture(scope="module")
def runner():
    """With what a comparison imports already there: importing it takes longer than grading."""
    with pytest.MonkeyPatch.context() as patch:
        # a fork with limits for reading each is tested elsewhere
        patch.setattr(read_submission, "run_limited", lambda work: work())
        with closing(Runner(map(notebooks.load, notebooks.names()))) as runner:
            runner.sandbox.close()
            loaded = [*runner.sandbox.preload, "torch.testing", "matplotlib.pyplot"]
            runner.sandbox = Sandbox(loaded, disallowed=runner.sandbox.disallowed)
            yield runner


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    forked_checks.apart(monkeypatch, tmp_path_factory.mktemp("cache"))


def in_kernel(case, node):
    """What the checks of the exercises looked at raise in a kernel."""
    run = [
        (notebooks.grade_id(cell) or "", cell.source, cell.id)
        for cell in node.cells
        if notebooks.kind(cell) in ("given", "solution")
        or (cell.cell_type == "code" and not notebooks.grade_id(cell) and cell.id not in DEMOS)
        or notebooks.grade_id(cell) in {f"test_{name}" for name in case.looks}
    ]
    checks = [cell for cell in run if cell[0].startswith("test_")]
    return kernel_runs.checks([*run, *checks])  # once more where all cells have run


DEMOS = {cell.id for name in notebooks.names() for cell in notebooks.load(name).node.cells}


def by_check(case, node, path):
    book = notebooks.load(case.notebook)
    few = replace(book, exercises=tuple(e for e in book.exercises if e.name in case.looks))
    nbformat.write(node, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "load", lambda name: few)
        status = check_notebooks.check_one(case.notebook, path)
    assert not status.fault
    return {name: why for name, state, why in status.exercises}


def by_grade(runner, case, path):
    book = notebooks.load(case.notebook)
    few = replace(book, exercises=tuple(e for e in book.exercises if e.name in case.looks))
    return runner.grade(few, submission.load(path))


@pytest.mark.parametrize("title", chief(honest.CASES, *CHIEF))
def test_honest_work_is_solved_for_all_three(runner, title, tmp_path):
    case = honest.CASES[title]
    node = honest.handed_in(case)
    right = dict.fromkeys(case.looks)
    assert in_kernel(case, node) == right
    path = tmp_path / f"{case.notebook}.ipynb"
    assert by_check(case, node, path) == right
    graded = by_grade(runner, case, path)
    assert {each.exercise: each.claim for each in graded.outcomes} == right
    assert not any("not allowed" in each for each in (*graded.findings, *graded.notes))


@pytest.mark.proof
def test_a_busy_machine_takes_no_point(runner, tmp_path):
    """Beside six loops on each processor."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(6 * (os.cpu_count() or 1))
    ]
    try:
        test_honest_work_is_solved_for_all_three(runner, CHIEF[0], tmp_path)
    finally:
        for each in loops:
            each.kill()
        for each in loops:
            each.wait()
