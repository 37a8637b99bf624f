"""Texts from a learner's process are cut where they arrive; what instructors open holds none that
their programs would obey."""

import contextlib
import csv
import json
import signal
from contextlib import closing

import pytest
from attacks import corpus

from classroom import cli
from classroom.checking.submission import Cell, plan
from exercises.format import notebooks
from grader import export_answers, report, submissions
from grader.host import rpc
from grader.host.time_limits import Limits
from grader.marking import library_slice, messages
from grader.marking.runner import Runner
from grader.results import Graded, Outcome
from grader.submissions import Task

pytestmark = [pytest.mark.security, pytest.mark.verdict("tests/attacks/*.py", "solutions/*.py")]
LONG = 4 << 20  # characters; with one emoji among them each takes four bytes in memory
FORGED = """import json, struct
def say(*words):
    text = json.dumps(list(words)).encode()
    data = memoryview(struct.pack("<II", len(text), 0) + text)
    with open(3, "wb", closefd=False, buffering=0) as out:
        while data:
            data = data[out.write(data):]
def error():
    say("list", "error", ["list", *(["x" * {long} + chr(128512)] * 4)])
"""


@pytest.fixture(scope="module")
def runner():
    with closing(Runner([corpus.TARGET], limits=Limits(test=120))) as runner:
        yield runner


def test_errors_of_cells_are_kept_short(runner):
    """From many cells, each of megabytes: a worker outside the sandbox kept them all."""
    say = FORGED.format(long=LONG // 8)
    cells = [Cell("code", None, f"{say}\nerror()\n# {number}") for number in range(5)]
    job = plan(corpus.TARGET, cells)
    kit = library_slice.cut(corpus.TARGET).reduced
    process = rpc.RemoteProcess(runner.sandbox, job, kit, Limits())
    with contextlib.ExitStack() as after:
        after.callback(process.stop)
        process.begin(())
        texts = [
            text
            for error in process.errors.values()
            for text in (error.text, error.kind, error.builtin, error.place)
        ]
    assert len(process.errors) == 5 and max(map(len, texts)) == rpc.LONGEST_TEXT


@pytest.mark.proof
def test_an_error_of_a_call_is_kept_short(runner):
    say = FORGED.format(long=LONG // 8)
    merge = (
        f"{say}\ndef merge(ids, pair, new_id):\n    error()\n    import time\n    time.sleep(60)"
    )
    cells = [Cell("code", "merge", merge)]
    lengths = []

    class Spy(rpc.LearnerError):
        def __init__(self, text, *more):
            lengths.extend(map(len, (text, *more)))
            super().__init__(text, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rpc, "LearnerError", Spy)
        outcome = runner.grade(corpus.TARGET, cells)["merge"]
    assert outcome.points == 0 and len(outcome.message) <= 2 * messages.LONGEST
    assert max(lengths) == rpc.LONGEST_TEXT


def test_words_are_made_inside_the_limits(runner, monkeypatch):
    """Whatever they cost is the submission's own time."""
    set_, line = [], messages.line

    def looked(text):
        set_.append(signal.getitimer(signal.ITIMER_REAL)[0])
        return line(text)

    monkeypatch.setattr(messages, "line", looked)
    bad = Cell("code", "merge", "def merge(ids, pair, new_id):\n    raise ValueError('no')")
    assert runner.grade(corpus.TARGET, [bad])["merge"].points == 0
    assert set_ and all(set_)


def test_class_csv_holds_no_text_of_a_learner(runner, tmp_path):
    """Neither an exception's text, nor the name of its class, nor the type of a value."""
    odd = 'type("=cmd", (ValueError,), {})("=secret text")'
    answers = {
        "softmax": f"def softmax(x, dim=-1):\n    raise {odd}",
        "causal_mask": 'def causal_mask(n):\n    return type("=secret kind", (), {})()',
        "merge": "def merge(ids, pair, new_id):\n    raise NotImplementedError",
    }
    graded = runner.grade(corpus.TARGET, [Cell("code", *each) for each in answers.items()])
    said = {each.exercise: each.message for each in graded.outcomes}
    assert "secret text" in said["softmax"] and "secret kind" in said["causal_mask"]
    rows = [(Task("ann", "target", ""), graded)]
    report.write_class_report(rows, {"target": corpus.TARGET}, tmp_path)
    text = (tmp_path / "class.csv").read_text()
    assert "secret" not in text and "cmd" not in text
    with (tmp_path / "class.csv").open(newline="") as file:
        told = {row["exercise"]: row["commonest_mistake"] for row in csv.DictReader(file)}
    assert told == {
        "softmax": "your code raised ValueError",
        "causal_mask": "`causal_mask` returned what a check cannot use",
        "merge": "`merge` is not written yet",
    }


@pytest.mark.parametrize("sign", "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−\t\r")
def test_a_field_that_begins_like_a_formula_is_escaped(tmp_path, sign):
    lines = [{"a": f"{sign}1+1", "b": f"fine;{sign}1+1", "c": f"1{sign}1"}]
    report.write_table(tmp_path / "a.csv", ["a", "b", "c"], lines)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {"a": f"'{sign}1+1", "b": f"fine;'{sign}1+1", "c": f"1{sign}1"}


def test_answers_hold_nothing_that_a_terminal_obeys(tmp_path, monkeypatch):
    name = notebooks.lessons()[0].name
    first = notebooks.lessons()[0].exercises[0].name
    path = tmp_path / "submitted" / "ann" / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    code = f"def {first}(ids):\n\treturn '\x1b]0;owned\x07\x1b[2J é 🙂 \u202e \x9b'\r\n"
    cell = {"cell_type": "code", "source": code, "metadata": {"nbgrader": {"grade_id": first}}}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    words = [str(tmp_path / "submitted"), "--output", str(tmp_path / "out")]
    assert cli.main(["export-answers", *words]) == 0
    text = (tmp_path / "out" / first / "ann.py").read_text(encoding="utf-8")
    assert "é 🙂" in text and "\n\treturn" in text
    assert all(each.isprintable() or each in "\n\t" for each in text)
    assert export_answers.TABLE in {each.name for each in (tmp_path / "out").iterdir()}
    assert submissions.without_controls("a\x1b[0m\tb\n") == "a\ufffd[0m\tb\n"


def test_an_outcome_kept_before_this_still_reads():
    old = {"exercise": "merge", "points": 1.0, "worth": 3.0}
    assert Outcome(**old).summary == "" and Graded((Outcome(**old),), (), False).points == 1
