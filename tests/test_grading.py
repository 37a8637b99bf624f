"""The trusted grader's parts: the boundary, the calls across it, the batch that survives what
happens to it."""

import csv
import ctypes
import gc
import json
import os
import random
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import symtable
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from attacks import corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlib.certificate.revocation import Register
from llmlib.course.authoring import notebooks as cells
from llmlib.course.authoring import release
from llmlib.course.checking import scopes, submission
from llmlib.course.checking.disallowed import disallowed_names
from llmlib.course.checking.submission import Cell
from llmlib.grading import batch, cli, nbgrader_plugin, report, submissions, wire, worker_pool
from llmlib.grading.gradebook import GradebookWriter, Marks
from llmlib.grading.host import bubblewrap, limits, read_submission, rpc, run_test_cell, sandbox
from llmlib.grading.host.limits import Died, Limits
from llmlib.grading.marking import analysis, messages, starvation_retry
from llmlib.grading.marking.proxy import Proxy
from llmlib.grading.marking.runner import Runner
from llmlib.grading.results import Graded, NotGraded, Outcome
from llmlib.grading.submissions import Task, find

pytestmark = pytest.mark.security
NOTEBOOKS = {"target": corpus.TARGET}

# ---- the wire


def crossed(value):
    frame = wire.pack(value)
    (text, blob), frame = wire.HEADER.unpack(frame[:8]), frame[8:]
    assert len(frame) == text + blob
    return wire.unpack(frame[:text], frame[text:])


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(PLAIN)
@settings(max_examples=200, deadline=None)
def test_plain_values_cross_unchanged(value):
    back = crossed(value)
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("dtype", wire.DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_tensors_cross_bit_by_bit(dtype, shape):
    tensor = (torch.arange(torch.Size(shape).numel()).reshape(shape) % 2).to(dtype)
    back = crossed(tensor)
    assert back.dtype == dtype and back.shape == tensor.shape and torch.equal(back, tensor)
    assert torch.equal(crossed(tensor.expand(2, *shape)), tensor.expand(2, *shape))


def test_what_is_like_a_plain_value_becomes_one():
    assert crossed(np.float64(1.5)) == 1.5 and type(crossed(np.int64(3))) is int
    assert torch.equal(crossed(np.arange(3)), torch.arange(3))
    assert torch.equal(crossed(np.arange(3)[::-1]), torch.arange(3).flip(0))
    assert torch.equal(crossed(np.broadcast_to(np.int64(1), (2, 2))), torch.ones(2, 2).long())
    assert torch.equal(crossed(np.array(7)), torch.tensor(7))
    assert type(crossed(Counter("aab"))) is dict


@pytest.mark.parametrize(
    "value",
    [object(), iter([]), range(3), lambda: 0, 1 << 9999, torch.zeros(2).to_sparse()],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_in_one_sentence(value):
    with pytest.raises(wire.UnsupportedValue):
        wire.pack(value)


def test_endless_and_deep_values_are_refused():
    deep, endless = [], []
    for _ in range(5000):
        deep = [deep]
    endless.append(endless)
    for value in (deep, endless):
        with pytest.raises(wire.UnsupportedValue):
            wire.pack(value)


FRAMES = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["tensor", "float32", "bytes", "dict", "set"]),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@given(FRAMES, st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_a_hostile_frame_is_a_value_or_is_refused(tree, blob):
    try:
        wire.unpack(json.dumps(tree).encode(), blob)
    except wire.UnsupportedValue:
        pass


@given(st.binary(max_size=200), st.binary(max_size=64))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_frame_are_refused(text, blob):
    try:
        wire.unpack(text, blob)
    except wire.UnsupportedValue:
        return
    json.loads(text)  # what was taken is a frame


IMPOSSIBLE = ("F32", [1 << 40], 16), ("F32", [-1], 16), ("F32", [4], 17), ("F4", [4], 16)


@pytest.mark.parametrize(("dtype", "shape", "size"), [*IMPOSSIBLE, ("F64", [2], -16)])
def test_impossible_tensors_are_refused(dtype, shape, size):
    with pytest.raises(wire.UnsupportedValue):
        wire.unpack(b'["tensor", "0"]', tensor_file(dtype, shape, size))


def tensor_file(dtype, shape, size, content=bytes(16)):
    """A safetensors file of one tensor that says what we want it to say."""
    entry = {"0": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}
    head = json.dumps(entry).encode()
    return len(head).to_bytes(8, "little") + head + content


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ([1] * 25, "24 dimensions"),
        ([1 << 30, 0], "300,000 rows"),
        ([0, 1 << 30], "300,000 rows"),
        ([300_001], "300,000 rows"),
        ([1, 300_001], "300,000 rows"),
        ([600, 600, 1], "300,000 rows"),
    ],
)
def test_a_tensor_that_a_test_cannot_take_apart_is_refused_on_both_sides(shape, why):
    some = torch.empty(shape, dtype=torch.uint8)
    with pytest.raises(wire.UnsupportedValue, match=why):
        wire.pack(some)
    with pytest.raises(wire.UnsupportedValue, match=why):
        file = tensor_file("U8", shape, some.numel(), bytes(some.numel()))
        wire.unpack(b'["tensor", "0"]', file)
    assert crossed(torch.empty(300_000, 2, dtype=torch.uint8)).shape == (300_000, 2)


def test_a_tensor_that_is_not_used_or_used_twice_is_refused():
    file = tensor_file("F32", [4], 16)
    for tree in (b"1", b'["list", ["tensor", "0"], ["tensor", "0"]]'):
        with pytest.raises(wire.UnsupportedValue):
            wire.unpack(tree, file)


def test_a_table_of_too_many_tensors_is_refused_before_it_is_read():
    table = b"{" + b" " * 128 * wire.MAX_TENSORS + b"}"
    with pytest.raises(wire.UnsupportedValue, match="more than 10,000 tensors"):
        wire.unpack(b"1", len(table).to_bytes(8, "little") + table)
    some = [torch.empty(0)] * (wire.MAX_TENSORS + 1)
    with pytest.raises(wire.UnsupportedValue, match="more than 10,000 tensors"):
        wire.pack(some)
    assert len(wire.pack(some[1:])) < 128 * wire.MAX_TENSORS


def test_keys_made_to_collide_are_refused_before_they_are_hashed():
    pairs = [[number * (2**61 - 1), 0] for number in range(wire.MAX_KEYS + 1)]
    with pytest.raises(wire.UnsupportedValue, match="dict of 10001 items"):
        wire.unpack(json.dumps(["dict", *pairs]).encode(), b"")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (list(range(300_002)), "300,000 values"),
        ("," * 300_001, "values or commas"),
        (dict.fromkeys(range(10_001)), "a dict of 10001 items"),
        (set(range(10_001)), "a set of 10001 items"),
        ([()] * 10_001, "10,000 tuples"),
        ([2**62] * 10_001, "10,000 whole numbers of 19 digits"),
    ],
)
def test_what_its_reader_would_refuse_is_refused_by_who_sends_it(value, why, monkeypatch):
    """So that the sentence can say whose value it was, and nothing is stopped."""
    with pytest.raises(wire.UnsupportedValue, match=why):
        wire.pack(value)
    with monkeypatch.context() as patch:  # as sent by whoever does not count
        patch.setattr(wire, "MAX_VALUES", 1 << 30)
        patch.setattr(wire, "MAX_KEYS", 1 << 30)
        frame = wire.pack(value)[wire.HEADER.size :]
    with pytest.raises(wire.UnsupportedValue, match=why):
        wire.unpack(frame, b"")


def test_a_long_list_is_told_by_the_function_that_returned_it(runner):
    message = verdict(runner, "def f(): return list(range(300_002))", "f()")
    assert message == "`f` returned more than 300,000 values or commas at once"


def test_so_many_numbers_are_refused_that_could_collide_in_a_set_of_a_test():
    some = [number * (2**61 - 1) for number in range(1, wire.MAX_KEYS + 1)]
    assert crossed(some) == some and crossed(some[1:] + [-some[0]])[-1] == -some[0]
    with pytest.raises(wire.UnsupportedValue, match="10,000 whole numbers of 19 digits"):
        crossed([0, *some, -some[0]])
    for space in (b",\n", b",\t", b" , \r\n"):
        frame = b'["list", ' + space.join(b"%d" % number for number in [*some, *some[:9]]) + b"]"
        with pytest.raises(wire.UnsupportedValue, match="10,000 whole numbers of 19 digits"):
            wire.unpack(frame, b"")
    pairs = [(number, number) for number in range(wire.MAX_KEYS)]
    assert crossed(pairs) == pairs
    with pytest.raises(wire.UnsupportedValue, match="10,000 tuples"):
        crossed([*pairs, (0, 0)])
    spelled = rb'["\u0074uple", 1, 1], ' * (wire.MAX_KEYS + 1)
    with pytest.raises(wire.UnsupportedValue, match="10,000 tuples"):
        wire.unpack(b'["list", ' + spelled + b"0]", b"")
    digits = [10**17] * 20_000, ["1" * 100] * 20_000, [bytes(10)] * 20_000, [0.1 + 0.2] * 20_000
    assert crossed(digits) == digits


def test_a_bool_tensor_holds_only_true_and_false():
    back = wire.unpack(b'["tensor", "0"]', tensor_file("BOOL", [2], 2, b"\x02\x00"))
    assert back.view(torch.uint8).tolist() == [1, 0]


# ---- calls across it


@pytest.fixture(scope="module")
def runner():
    limits = Limits(cell=20, call=15, test=60, notebook=200)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        yield runner


def verdict(runner, solution, test):
    """The message of one exercise `f` with this solution and this test cell."""
    marks = {"grade": False, "locked": False, "solution": True, "task": False, "schema_version": 3}
    source = f"# %% nbgrader={json.dumps(marks | {'grade_id': 'f'})}\ndef f():\n"
    source += "    ### BEGIN SOLUTION\n    ### END SOLUTION\n"
    marks |= {"grade": True, "locked": True, "solution": False, "points": 1, "grade_id": "test_f"}
    imports = "import torch\nfrom llmlib.course import check"
    source += f"\n# %% nbgrader={json.dumps(marks)}\n{imports}\n{test}\n"
    notebook = cells.parse(source, "one")
    return runner.grade(notebook, [Cell("code", "f", solution)])["f"].message or None


def test_two_threads_asked_for_in_a_submission_do_not_hang_it(runner):
    """A thread does not survive a fork: a product in the fork would wait for the other for ever."""
    solution = "import torch\ntorch.set_num_threads(2)\na = torch.ones(600, 600)\na @ a\n"
    solution += "def f(): return (torch.ones(600, 600) @ torch.ones(600, 600)).sum().item()"
    assert verdict(runner, solution, "check.close(f(), 600.0**3, 'the sum')") is None


def test_two_threads_asked_for_in_a_submission_leave_bfloat16_right(runner):
    """Where the sandbox allows one, torch 2.13 takes half of such a product for the whole."""
    solution = "import torch\ntorch.set_num_threads(2)\na = torch.ones(200, 200).bfloat16()\n"
    solution += "TABLE = (a @ a).float()\ndef f(): return TABLE"
    test = "check.close(f(), torch.full((200, 200), 200.0), 'the product')"
    assert verdict(runner, solution, test) is None


def test_an_expected_exception_arrives_as_its_kind(runner):
    test = """
try:
    f(0)
except ValueError as error:
    check.that("positive" in str(error), "say what is wrong")
else:
    check.that(False, "f(0) must raise")
"""
    assert verdict(runner, "def f(n): raise ValueError('must be positive')", test) is None
    assert (
        verdict(runner, "class E(ValueError): pass\ndef f(n): raise E('must be positive')", test)
        is None
    )
    assert "KeyError" in verdict(runner, "def f(n): raise KeyError('positive')", test)


def test_a_call_that_ends_its_process_is_told_so(runner):
    said = "`f` ended the process it ran in: out of memory, an exit or a crash"
    for end in ("os._exit(1)", "os.kill(os.getpid(), 9)", "os.abort()"):
        assert verdict(runner, f"import os\ndef f(): {end}", "check.equal(f(), 1, 'one')") == said


def test_a_process_that_was_ended_by_another_gets_a_second_try(runner):
    """As where memory runs out elsewhere: the first call finds its process dead."""
    killed, call = [], rpc.RemoteProcess.call

    def and_killed(self, name, *rest):
        if not killed:
            killed.append(name)
            raise Died("killed")
        return call(self, name, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rpc.RemoteProcess, "call", and_killed)
        assert verdict(runner, "def f(): return 1", "check.equal(f(), 1, 'one')") is None
    assert killed == ["f"]


def test_stop_iteration_does_not_make_all_true(runner):
    test = "check.that(all(map(f, [1, 2])) is False, 'reached')"
    assert "StopIteration" in verdict(runner, "def f(x): raise StopIteration", test)


def test_a_missing_function_is_named(runner):
    assert (
        verdict(runner, "x = 1", "check.equal(f(), 1, 'one')")
        == "`f` is not defined: write it and run its cell"
    )


def test_a_proxy_can_only_be_called():
    proxy = Proxy(lambda *_: None, "f")
    operators = lambda p: p == p, lambda p: p != 1, lambda p: p + 1, lambda p: p[0]
    for use in (bool, len, iter, hash, float, *operators):
        with pytest.raises(Exception, match="may only call it"):
            use(proxy)


def test_limits_are_named_and_the_rest_is_graded(monkeypatch):
    monkeypatch.setattr(starvation_retry, "ENOUGH", 0)  # however much else this machine has to do
    limits = Limits(cell=3, call=3, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        loops = "def f():\n    while True: pass"
        said = verdict(runner, loops, "check.equal(f(), 1, 'one')")
        assert said == "`f` took longer than 3 s and was stopped"
        endless = Cell("code", None, "while True: pass")
        merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
        result = runner.grade(corpus.TARGET, [merge, endless])
        assert result["merge"].points == 3
        assert "cell 2: this cell took longer than 3 s" in result.notes[0]
        late = Cell("code", "merge", f"while True:\n    pass\n{corpus.SOLUTIONS['merge']}")
        result = runner.grade(corpus.TARGET, [late])
        said = "its cell took longer than 3 s, or than it had, and was interrupted"
        assert result["merge"].points == 0 and said in result["merge"].message


def test_who_had_no_processor_when_time_ran_out_is_tried_for_longer(monkeypatch):
    """A process that sleeps has none, like one on a machine with too much to do."""
    monkeypatch.setattr(starvation_retry, "ENOUGH", 0.05)  # tests run beside others
    limits = Limits(cell=20, call=2, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        slow = "`merge` took longer than {} s and was stopped"
        odd = "the process of `merge` sent something that is no answer"
        for code, said, findings in [
            ("time.sleep(4)", None, 0),
            ("time.sleep(1000)", slow.format(8), 1),
            ("while True: pass", slow.format(2), 0),
            (f"time.sleep(1); os.write(3, {wire.pack([])!r}); time.sleep(9)", odd, 0),
        ]:
            body = f"):\n    import os, time\n    {code}\n"
            merge = corpus.SOLUTIONS["merge"].replace("):\n", body, 1)
            result = runner.grade(corpus.TARGET, [Cell("code", "merge", merge)])
            assert result["merge"].claim == said
            found = [each for each in result.findings if "ran out of time" in each]
            assert len(found) == findings, result.findings


def test_tries_that_take_long_cost_no_exercise():
    limits = Limits(cell=2, call=6, test=60, notebook=24)  # each cut short, they would take it all
    code = [f"import time\nfor _ in range({n}): time.sleep(0.1)" for n in range(100, 112)]
    tries = [Cell("code", None, each) for each in code]
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        result = runner.grade(corpus.TARGET, [*tries, merge])
        assert result["merge"].points == 3
        assert "or than it had, and was interrupted" in result.notes[-1]


def test_a_last_word_that_is_a_tensor_is_a_sentence(runner):
    """Its == is no bool: it must not reach whoever grades the next one."""
    words = ["value", 1], ["refused", []], ["ended", torch.tensor([0, 1])]
    frames = b"".join(map(wire.pack, words))
    solution = f"import os, time\ndef f():\n    os.write(3, {frames!r})\n    time.sleep(9)"
    said = verdict(runner, solution, "check.equal(f(), 1, 'one')")
    assert said == "the process of your code did not end as it should"


def test_a_frame_that_says_an_error_of_no_kind_is_not_in_the_grader_s_words(runner):
    frame = wire.pack(["error", ["WELL DONE", "", "", ""]])
    solution = f"import os\ndef f():\n    os.write(3, {frame!r})\n    os._exit(0)"
    said = verdict(runner, solution, "check.equal(f(), 1, 'one')")
    assert said == "the process of `f` sent something that is no answer"
    said = verdict(runner, f"import os\nos.write(3, {frame!r})\n", "check.equal(f(), 1, 'one')")
    assert "WELL DONE" not in said


def test_what_one_has_done_leaves_the_others_their_turn(tmp_path, capsys):
    first = cells.lessons()[0].name
    for student in ("ann", "bob", "eve"):
        path = tmp_path / student / first / f"{first}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text('{"cells": []}')
    seen = []

    def do(task, notebook, found):
        seen.append(task.student)
        if task.student == "bob":
            raise RuntimeError("ours")

    assert submissions.each_lesson(find(tmp_path, [first]), do) == 1 and seen == [
        "ann",
        "bob",
        "eve",
    ]
    assert f"left out: bob  {first}: ours" in capsys.readouterr().err


def test_what_lies_beside_the_folders_has_a_row(tmp_path):
    names = ("ann/01_tokens/01_tokens.ipynb", "bob/01_tokens.ipynb", "eve_01_tokens.ipynb")
    for name in (*names, "eve/02_more.zip", "class.csv", "ann/._01_tokens.ipynb", "._x.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = {each.path: each for each in find(tmp_path, ["01_tokens"])}
    astray = {str(tmp_path / name) for name in (*names[1:], "eve/02_more.zip")}
    assert {path for path, each in found.items() if each.fault} == astray
    assert len(found) == 4 and found[str(tmp_path / names[1])].student == "bob"
    assert all("belongs to STUDENT/" in found[path].fault for path in astray)
    assert [each.student for each in find(tmp_path, ["01_tokens"], student="ann")] == ["ann"]
    assert len(find(tmp_path, ["01_tokens"], assignment="01_tokens")) == 2
    (tmp_path / "ann" / "old.zip").mkdir()  # a folder has one row, like any other
    assert sum("old.zip" in each.path for each in find(tmp_path, ["01_tokens"])) == 1


def test_the_course_s_folder_is_no_class(tmp_path):
    for name in ("submitted/ann/01_tokens", "source/01_tokens"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ValueError, match=f"give {tmp_path / 'submitted'}"):
        find(tmp_path, ["01_tokens"])


def test_one_student_s_folder_is_no_class(tmp_path):
    """Its table would take the place of the class's."""
    for name in ("ann/01_tokens", "bob/01_tokens"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "01_tokens.ipynb").write_text("{}")
    assert len(find(tmp_path, ["01_tokens"])) == 2
    with pytest.raises(ValueError, match="holds notebooks, no students"):
        find(tmp_path / "ann", ["01_tokens"])
    with pytest.raises(ValueError, match="holds notebooks, no students"):
        find(tmp_path / "ann" / "01_tokens", ["01_tokens"])


def test_where_only_the_quiz_was_handed_in_there_is_nothing_to_do(capsys):
    assert submissions.each_lesson([Task("ann", "quiz", "x")], lambda *_: 1 / 0) == 0
    assert "nothing to do: the quiz has letters" in capsys.readouterr().err


def test_the_quiz_s_page_speaks_of_questions(runner):
    quiz = cells.load("quiz")
    result = runner.grade(quiz, [Cell("code", None, "")])
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(quiz, result.steps), result)
    marks = Marks({each.name: 0.0 for each in quiz.exercises}, {}, 0.0)
    page = report.feedback(quiz, "ann", node, marks)
    assert "Question 1 · " in page and "the statement of Question 45 again" in page
    assert "Exercise" not in page
    assert "white-space: pre-wrap" in page and 'name="viewport"' in page


def test_notes_and_findings_have_an_end():
    changed = [Cell("code", "given_setup", f"x = {n}") for n in range(1000)]
    tried = [Cell("code", None, f"eval('{n}')") for n in range(1000)]
    shown = analysis.analyse(corpus.TARGET, [*changed, *tried])
    assert len(shown.job.notes) == 1 and len(shown.findings) == analysis.MOST + 1
    assert shown.findings[-1] == f"and {1000 - analysis.MOST} more findings"


def test_what_is_imported_pushes_no_other_cell_out_of_the_findings():
    odd = [Cell("code", None, f"import zz{n}") for n in range(200)]
    odd += [Cell("code", None, code) for code in ("import gc", "import site", "torch._ops")]
    found = analysis.analyse(corpus.TARGET, odd).findings
    assert found[:3] == ("cell 201 uses gc", "cell 202 uses site", "cell 203 uses _ops")


@pytest.mark.parametrize("times", [1_500, 4_000, 8_000, 20_000])
@pytest.mark.parametrize("deep", ["_ = 1{}", "_ = lambda: a{}"])
def test_a_cell_too_deep_to_be_read_is_a_finding(deep, times):
    """It may run all the same: who only compiles it gets further than who makes a tree of it."""
    deep = deep.format(("+1" if "1" in deep else ".b") * times)
    shown = analysis.analyse(corpus.TARGET, [Cell("code", None, f"import torch.library\n{deep}")])
    assert shown.findings


HIDDEN = """### BEGIN HIDDEN TESTS
f() + 1
### END HIDDEN TESTS"""


def test_of_a_hidden_test_one_sentence_tells_all_that_is_not_a_check(runner):
    """Which of them stands there would be the learner's choice, knowing the input."""
    ways = ["raise ValueError", "import os; os._exit(1)", "return object()", "return 'two'"]
    ways += ["import os, struct; os.write(3, struct.pack('<II', 7, 0) + b'[\"odd\"]')"]
    told = {verdict(runner, f"def f(): {way}", HIDDEN) for way in ways}
    assert told == {messages.STUMBLED}


def test_cells_that_hang_or_die_cost_no_exercise_its_points():
    """However many there are: each costs its seconds, and is left out."""
    limits = Limits(cell=2, call=6, test=60, notebook=120)
    with closing(Runner([corpus.TARGET], limits=limits)) as runner:
        cells = [Cell("code", name, text) for name, text in corpus.SOLUTIONS.items()]
        odd = [Cell("code", None, f"while True: {n}") for n in range(4)]
        odd += [Cell("code", None, f"import os; os._exit({n})") for n in range(4)]
        result = runner.grade(corpus.TARGET, [*odd, *cells])
        assert result.points == result.worth, result
        assert len(result.notes) == 8


def test_notes_on_cells_that_ended_the_process_have_an_end(runner):
    odd = [Cell("code", None, f"import os; os._exit({n})") for n in range(30)]
    merge = Cell("code", "merge", corpus.SOLUTIONS["merge"])
    result = runner.grade(corpus.TARGET, [*odd, merge])
    assert result.points == 3 and len(result.notes) == 20


@pytest.mark.parametrize("more", ["a" * 800, ", ".join(f"a{n}" for n in range(400))])
def test_an_import_pushes_no_other_finding_out_of_its_line(more):
    cell = Cell("code", None, f"import {more}\ngetattr(a, b)\neval('1')")
    (found,) = analysis.analyse(corpus.TARGET, [cell]).findings
    said = messages.line(found)
    assert "eval" in said and "getattr with a computed name" in said


def test_no_note_is_written_once_a_hidden_input_is_known():
    """By the clock, which all of a submission's processes share, cells that run once more could
    tell what a hidden test was given: which of them ends the process would stand in a note."""
    at = time.time() + 15
    ends = "import os, time\nif time.time() > {at}: os._exit(0)"
    waits = "    if dim == 0:\n        time.sleep(max(0.0, {at} - time.time()) + 0.1)\n"
    waits += "        os._exit(1)\n"
    tells = corpus.SOLUTIONS["softmax"].replace(":\n", f":\n{waits}", 1)
    with closing(Runner([corpus.TARGET], limits=Limits(cell=20, call=30))) as runner:
        ends, tells = (each.replace("{at}", str(at)) for each in (ends, tells))
        told = [Cell("code", None, ends), Cell("code", "softmax", tells)]
        result = runner.grade(corpus.TARGET, told)
    assert time.time() > at and result["softmax"].points == 0
    assert result.notes == ()


def test_one_workers_fork_bomb_leaves_the_others_their_processes(runner):
    other = Runner([corpus.TARGET])
    bomb = "import os, time\nfor _ in range(300):\n    try:\n        os.fork() or time.sleep(60)"
    bomb += "\n    except OSError: pass"
    child = other.sandbox.fork()
    try:
        child.channel.send([{}, [["bomb", bomb + "\nwhile True: time.sleep(1)"]], [], 99, 99])
        child.channel.receive(time.monotonic() + 120)
        time.sleep(2)
        result = runner.grade(corpus.TARGET, submission.parse(corpus.TARGET.node))
        assert result.points == 10
    finally:
        child.channel.sock.close()
        other.sandbox.kill(child)
        other.close()


def test_when_memory_runs_out_a_submission_is_ended_before_the_grader():
    """The kernel ends first what has the highest `oom_score_adj`, in a cgroup or without."""
    with closing(sandbox.Sandbox()) as box:
        before = _scores(box.process.pid)
        child = box.fork()
        of_the_submission = _scores(box.process.pid).items() - before.items()
        assert of_the_submission and {score for _, score in of_the_submission} == {1000}
        assert max(before.values()) < 1000
        box.kill(child)
    worker = worker_pool.Worker(NOTEBOOKS, lambda _: SimpleNamespace(close=lambda: None), None)
    assert worker.pipe.recv() == ""
    assert max(_scores(os.getpid())[os.getpid()], 500) <= _scores(worker.process.pid).popitem()[1]
    worker.stop()


def _scores(pid):
    """{process: its oom_score_adj}, of `pid` and all below it."""
    found = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text())}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for below in (task / "children").read_text().split():
            found |= _scores(int(below))
    return found


def test_no_process_of_the_sandbox_has_the_graders_variables(monkeypatch):
    """bubblewrap's own is process 1 in there."""
    monkeypatch.setenv("A_TOKEN_OF_THE_GRADER", "1234")
    with closing(sandbox.Sandbox()) as box:
        inside = _scores(box.process.pid)
        assert len(inside) > 1
        for pid in inside:
            assert b"A_TOKEN" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_python_in_tmp_stays_importable_and_the_rest_of_tmp_is_out_of_sight(monkeypatch, request):
    """Each submission gets an empty /tmp of its own, over whatever lies there: a virtual
    environment, say."""
    folder = tempfile.TemporaryDirectory(dir="/tmp")  # wherever TMPDIR points
    request.addfinalizer(folder.cleanup)
    python = Path(folder.name) / "python"
    python.mkdir()
    (python / "imported_late.py").write_text("answer = 42")
    (python.parent / "secret.py").write_text("answer = 42")
    monkeypatch.setattr(sys, "exec_prefix", str(python))
    runner = Runner([corpus.TARGET])
    late = f"def f(where, what):\n    import sys\n    sys.path.insert(0, {folder.name!r} + where)"
    late += "\n    return __import__(what).answer"
    write = f"def f():\n    open({str(python / 'new')!r}, 'w')"
    try:
        assert verdict(runner, late, "check.equal(f('/python', 'imported_late'), 42, 'it')") is None
        assert "No module named 'secret'" in verdict(runner, late, "f('', 'secret')")
        assert "Read-only file system" in verdict(runner, write, "f()")
    finally:
        runner.close()


def test_what_is_loaded_before_all_submissions_may_write_a_scratch_file():
    """torch's builds for NVIDIA cards do, where there is a compiler."""
    ours, theirs = socket.socketpair()
    setup = {"socket": theirs.fileno(), "preload": [], "jail": True, "python": []}
    code = "import sys, tempfile; sys.path.insert(0, '/course')\n"
    code += "from llmlib.grading.guest import zygote\n"
    code += "zygote.load = lambda _: tempfile.NamedTemporaryFile().write(b'x')\n"
    code += "zygote.main(sys.argv[1])"
    words = [*bubblewrap.command(), sys.executable, "-I", "-B", "-c", code]
    words.append(json.dumps(setup))
    passed = {"pass_fds": [theirs.fileno()], "env": bubblewrap.SETTINGS}
    with subprocess.Popen(words, stderr=subprocess.PIPE, **passed) as process:
        theirs.close()
        ours.sendall(b"K1")
        assert ours.recv(1) == b"K", process.stderr.read().decode()
        ours.close()


def test_the_links_that_lead_to_python_are_there(monkeypatch, tmp_path):
    """uv's and Homebrew's Python is a link that lies outside of Python's own folder."""
    first, second = tmp_path / "bin" / "python3", tmp_path / "python"
    first.parent.mkdir()
    first.symlink_to("../python")
    second.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(first))
    words = [*bubblewrap.command(), sys.executable, "-I", "-c", "print(6 * 7)"]
    env = bubblewrap.SETTINGS
    assert subprocess.run(words, stdout=subprocess.PIPE, check=True, env=env).stdout == b"42\n"


# ---- without a sandbox


def test_without_bubblewrap_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(sandbox.Unavailable, match="bubblewrap is missing: install bubblewrap"):
        Runner([corpus.TARGET])


def test_unsafe_works_and_marks_every_score(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        with closing(Runner([corpus.TARGET], unsafe=True)) as runner:
            result = runner.grade(corpus.TARGET, submission.parse(corpus.TARGET.node))
    assert result.unsafe and result.points == 10
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), result)
    assert nbgrader_plugin.UNSAFE in nbformat.writes(node)
    with GradebookWriter(f"sqlite:///{tmp_path / 'gradebook.db'}", "c") as book:
        book.add_assignment(corpus.TARGET)
        book.save("ann", "target", result)
        marks, (kept,) = (
            book.marks("ann", "target"),
            book.gradebook.assignment_submissions("target"),
        )
        assert {each.auto_comment for each in kept.notebooks[0].comments} == {
            nbgrader_plugin.UNSAFE
        }
    assert "graded without a sandbox" in report.feedback(corpus.TARGET, "ann", node, marks)
    task = Task("ann", "target", "")
    report.scores([(task, result)], {task: marks}, tmp_path)
    assert next(csv.DictReader((tmp_path / "scores.csv").open()))["unsafe"] == "1"


@pytest.mark.parametrize("jailed", [True, False])
def test_processes_are_counted_where_they_are_a_submissions_alone(jailed):
    """Without a namespace the kernel would count all of a user's, threads among them: nothing
    starts for one who has more than the limit."""
    code = "import resource, sys; sys.path.insert(0, sys.argv[1]); kind = resource.RLIMIT_NPROC\n"
    code += "from llmlib.grading.guest import jail; before = resource.getrlimit(kind)\n"
    code += f"jail.limit({jailed}); print(resource.getrlimit(kind) == before)\n"
    code += "print(resource.getrlimit(resource.RLIMIT_AS)[0] == jail.LIMITS[resource.RLIMIT_AS])"
    words = [sys.executable, "-c", code, str(Path(__file__).parents[1])]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout.split() == [str(not jailed), "True"], done.stderr


def test_an_ordinary_user_gets_the_same_sandbox():
    """The tests may run as root, an instructor does not: uid 1000 has no right that bubblewrap
    could use."""
    code = """
import os, sys
sys.path[:0] = sys.argv[1:]
from attacks import corpus
from llmlib.course.checking.submission import Cell, parse
from llmlib.grading.marking.runner import Runner
assert os.getuid() == 1000
runner = Runner([corpus.TARGET])
source = "import ctypes\\nif ctypes.CDLL(None).unshare({}) == 0: exec({!r})"
escape = [Cell("code", None, source.format(flag, corpus.SOLVE))
          for flag in (0x10000000, 0x20000, 0x40000000)]
for cells in (parse(corpus.TARGET.node), escape):
    print(runner.grade(corpus.TARGET, cells).points)
"""
    here = Path(__file__).parent
    user = "bwrap --dev-bind / / --unshare-user --uid 1000 --gid 1000 --".split()
    words = [*user, sys.executable, "-c", code, str(here.parent), str(here)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout.split() == ["10.0", "0.0"], done.stderr


# ---- the batch


class Stub:
    """A runner without a sandbox: full points, a note of each call, and what the notebook's first
    cell asks for."""

    def __init__(self, notebooks, log):
        self.log = log

    def grade(self, notebook, handed_in):
        order, name = handed_in[0].source.partition(" ")[::2]
        with open(self.log, "a") as file:
            file.write(f"{name}\n")
        if order == "#die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "#raise":
            raise RuntimeError("ours")
        time.sleep(0.005)
        full = (Outcome(each.name, each.points, each.points) for each in notebook.exercises)
        return Graded(tuple(full), (), False)

    def close(self):
        pass


def class_of(folder, orders):
    """A course with a submission for each student in `orders`."""
    for student, order in orders.items():
        path = folder / "submitted" / student / "target" / "target.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(
            json.dumps(
                {"cells": [{"cell_type": "code", "source": f"{order} {student}", "metadata": {}}]}
            )
        )
    return folder


def grade(course, workers=2, notebooks=NOTEBOOKS, again=False):
    """{student: result} of one run with the stub."""
    results = batch.Results(course / "results", again=again)
    submissions, make = find(course / "submitted", notebooks), _Make(str(course / "log"))
    run = partial(worker_pool.run, notebooks=notebooks, make_runner=make, workers=workers)
    with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book:
        graded = batch.grade(submissions, notebooks, run, results, book, course)
        return {task.student: result for task, result, _ in graded}


class _Make:
    def __init__(self, log):
        self.log = log

    def __call__(self, notebooks):
        return Stub(notebooks, self.log)


def test_a_dead_worker_costs_its_own_submission_only(tmp_path):
    rows = grade(
        class_of(tmp_path, {"ann": "#", "bad": "#die", "cyd": "#", "dan": "#raise", "eve": "#"})
    )
    assert "died on it, twice" in rows["bad"].reason and "RuntimeError" in rows["dan"].reason
    assert all(rows[student].points == 10 for student in ("ann", "cyd", "eve"))


def test_a_machine_that_starts_no_process_is_not_the_learners_fault(runner, monkeypatch):
    def broken(*_):
        raise sandbox.Broken("no room for a process")

    monkeypatch.setattr(runner.sandbox, "fork", broken)
    written = nbformat.v4.new_notebook()
    said = worker_pool.grade_bytes(runner, corpus.TARGET, nbformat.writes(written).encode())
    assert said == NotGraded("the grader failed on it (Broken: no room for a process)")


def test_an_alarm_that_rings_at_the_last_moment_leaves_the_one_around_it(monkeypatch):
    """It rings between a test's last line and the line that would have silenced it."""
    real, rang = signal.setitimer, []

    def late(which, seconds, *more):
        if not seconds and not rang:
            rang.append(seconds)
            signal.raise_signal(signal.SIGALRM)
        return real(which, seconds, *more)

    with pytest.raises(limits.OutOfTime, match="the notebook took"):
        with limits.time_limit(0.5, "the notebook"):
            monkeypatch.setattr(signal, "setitimer", late)
            with pytest.raises(limits.OutOfTime, match="the check took"):
                with limits.time_limit(60, "the check"):
                    pass
            time.sleep(5)


def test_another_torch_grades_anew(monkeypatch):
    mine = batch.version.__wrapped__()
    monkeypatch.setattr(torch, "__version__", "1.0.0+other")
    assert batch.version.__wrapped__() != mine
    monkeypatch.setattr(torch, "__version__", "2.13.0+cpu")
    once = batch.version.__wrapped__()
    monkeypatch.setattr(torch, "__version__", "2.13.0")
    assert batch.version.__wrapped__() == once


@pytest.mark.parametrize(("workers", "fails"), [(2, 3), (1, 2)])
def test_a_worker_that_cannot_start_again_does_not_end_the_run(
    tmp_path, monkeypatch, workers, fails
):
    """The one in place of one that died; after it another, where no other is left."""
    starts, start = tmp_path / "starts", _Make.__call__

    def make(self, notebooks):
        with starts.open("a") as file:
            file.write("x")
        if starts.stat().st_size == fails:
            raise sandbox.Unavailable("no memory")
        return start(self, notebooks)

    monkeypatch.setattr(_Make, "__call__", make)
    orders = {"ann": "#", "bad": "#die", "cyd": "#", "dan": "#", "eve": "#"}
    rows = grade(class_of(tmp_path, orders), workers)
    assert "died on it, twice" in rows.pop("bad").reason
    assert [rows[student].points for student in sorted(rows)] == [10] * 4
    for error in ("sandbox.Unavailable('none')", "PermissionError(13, 'none', 'bwrap')"):
        monkeypatch.setattr(_Make, "__call__", lambda *_, error=error: exec(f"raise {error}"))
        with pytest.raises(sandbox.Unavailable, match="none"):
            grade(tmp_path, workers, again=True)


def test_workers_at_rest_end_by_themselves():
    """The first one, too, whose pipe the second one inherited."""
    idle = SimpleNamespace(close=lambda: None)
    workers = [worker_pool.Worker(NOTEBOOKS, lambda _: idle, None) for _ in range(2)]
    for worker in workers:
        assert worker.pipe.recv() == ""
    for worker in workers:
        worker.stop()
    assert [worker.process.exitcode for worker in workers] == [0, 0]


def test_a_deaf_worker_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_pool, "GRACE", -Limits().notebook + 0.5)
    monkeypatch.setattr(Stub, "grade", lambda *_: time.sleep(100))
    rows = grade(class_of(tmp_path, {"ann": "#"}), workers=1)
    assert "did not answer on it, twice" in rows["ann"].reason


def test_a_second_run_grades_nothing_and_a_new_submission_again(tmp_path):
    course = class_of(tmp_path, {"ann": "#", "bob": "#"})
    first = grade(course)
    assert grade(course) == first and sorted((course / "log").read_text().split()) == ["ann", "bob"]
    path = course / "submitted" / "bob" / "target" / "target.ipynb"
    path.write_text(path.read_text().replace("# bob", "# bob again"))
    grade(course)
    assert (course / "log").read_text().split("\n")[2:-1] == ["bob again"]


def test_again_and_a_corrected_grader_grade_anew(tmp_path, monkeypatch):
    course = class_of(tmp_path, {"ann": "#"})
    grade(course)
    grade(course, again=True)
    monkeypatch.setattr(batch, "version", lambda: "corrected")
    grade(course)
    grade(course)
    assert (course / "log").read_text().split() == ["ann"] * 3


def test_an_odd_timestamp_costs_a_sentence_and_nothing_else(tmp_path):
    odd = {"link": None, "old": "0001-01-01 00:00 CET", "nines": "9" * 20, "bytes": b"\xff\xfe"}
    course = class_of(tmp_path, dict.fromkeys([*odd, "fine", "none"], "#"))
    for student, text in (odd | {"fine": "2026-11-02 10:00:00 UTC"}).items():
        path = course / "submitted" / student / "target" / "timestamp.txt"
        if text is None:
            path.symlink_to("/etc/hostname")
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rows = grade(course)
    assert all(rows[student].points == 10 for student in rows)
    for student in odd:
        assert "timestamp.txt was not used" in rows[student].notes[0], student
    assert rows["fine"].notes == rows["none"].notes == ()


def test_a_time_that_comes_late_or_is_put_right_counts(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    path = course / "submitted" / "ann" / "target" / "timestamp.txt"

    def late():
        with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book:
            return book.gradebook.find_submission("target", "ann").total_seconds_late

    grade(course)
    with (
        GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book,
        book.transaction() as inside,
    ):
        inside.update_or_create_assignment("target", duedate="2026-11-01 00:00:00 UTC")
    for text, seconds in (("no time", 0), ("2026-11-01 00:01:00 UTC", 60)):
        path.write_text(text)
        grade(course)
        assert late() == seconds
    assert (course / "log").read_text().split() == ["ann"]  # it was graded once


def test_a_gradebook_that_is_new_or_restored_is_put_right(tmp_path):
    course, late = class_of(tmp_path, {"ann": "#", "bob": "#"}), "2026-11-02 10:00:00 UTC"
    (course / "submitted" / "ann" / "target" / "timestamp.txt").write_text(late)
    book, old = course / "gradebook.db", course / "old.db"
    lost = tuple(Outcome(each.name, 0, each.points) for each in corpus.TARGET.exercises)

    def scores():
        with GradebookWriter(f"sqlite:///{book}", "c") as opened:
            at = opened.gradebook.find_submission("target", "ann").timestamp
            return str(at), [sum(each.values()) for each in opened.totals().values()]

    rows = grade(course)
    right = scores()
    assert right == (late.removesuffix(" UTC"), [10, 10])
    shutil.copy(book, old)
    with GradebookWriter(f"sqlite:///{old}", "c") as opened, opened.transaction() as inside:
        inside.update_or_create_submission("target", "ann", timestamp="2026-11-01 10:00:00 UTC")
    with GradebookWriter(f"sqlite:///{old}", "c") as opened:
        opened.save("bob", "target", Graded(lost, (), False))
    for restore in (book.unlink, partial(shutil.copy, old, book)):
        restore()
        assert grade(course) == rows and scores() == right
    assert sorted((course / "log").read_text().split()) == ["ann", "bob"]  # graded once


def test_a_gradebook_that_is_right_is_not_written_again(tmp_path, monkeypatch):
    """Nor an autograded notebook; one that was removed is."""
    course = class_of(tmp_path, {"ann": "#"})
    rows, made = grade(course), course / "autograded" / "ann" / "target" / "target.ipynb"
    text = made.read_text()
    monkeypatch.setattr(GradebookWriter, "save", None)
    made.write_text("mine")
    assert grade(course) == rows and made.read_text() == "mine"
    made.unlink()
    assert grade(course) == rows and made.read_text() == text


def test_what_the_exchange_needs_to_return_a_page_lies_beside_it(tmp_path):
    course = class_of(tmp_path, {"ann": "#", "bob": "#"})
    slips = {"timestamp.txt": "2026-11-02 10:00:00 UTC", "submission_secret.txt": "ann's"}
    for name, text in slips.items():
        (course / "submitted" / "ann" / "target" / name).write_text(text)
    (course / "submitted" / "bob" / "target" / "submission_secret.txt").symlink_to("/etc/hostname")
    grade(course)
    for folder in ("autograded", "feedback"):
        for name, text in slips.items():
            assert (course / folder / "ann" / "target" / name).read_text() == text
        assert not (course / folder / "bob" / "target" / "submission_secret.txt").exists()


def test_a_link_that_leads_nowhere_costs_its_own_row(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    (course / "submitted" / "bob").symlink_to("x" * 300)
    (course / "submitted" / "ann" / "other").symlink_to("x" * 300)
    found = find(course / "submitted", NOTEBOOKS)
    assert [(task.student, bool(task.fault)) for task in found] == [
        ("ann", True),
        ("ann", False),
        ("bob", True),
    ]


def test_a_name_that_is_no_text_costs_its_own_row(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    os.mkdir(os.fsencode(course / "submitted") + b"/b\xffd")
    os.mkdir(os.fsencode(course / "submitted" / "ann") + b"/\xff")
    found = find(course / "submitted", NOTEBOOKS)
    assert sorted(bool(task.fault) for task in found) == [False, True, True]
    assert all(task.student.isprintable() and task.assignment.isprintable() for task in found)


def test_an_exercise_that_the_gradebook_does_not_know_yet_is_added(tmp_path):
    course = class_of(tmp_path, {"ann": "#"})
    short = cells.Notebook("target", corpus.TARGET.node.copy(), corpus.TARGET.exercises[:1])
    kept = {f"{prefix}{short.exercises[0].name}" for prefix in ("", "test_")}
    named = [cell for cell in short.cells if cells.kind(cell) in ("solution", "test")]
    short.node.cells = [
        cell for cell in short.cells if cell not in named or cells.grade_id(cell) in kept
    ]
    assert grade(course, notebooks={"target": short})["ann"].points < 10
    assert grade(course)["ann"].points == 10


def test_what_another_edition_or_plain_nbgrader_left_does_not_count(tmp_path, capsys):
    course, where = class_of(tmp_path, {"ann": "#"}), ("target", "target")
    with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book:
        with book.transaction() as inside:
            inside.add_assignment("target")
            inside.add_notebook(*where)
            for name in ("test_gone", "merge"):  # the second is our solution cell's name
                inside.add_grade_cell(name, *where, max_score=5, cell_type="code")
            inside.add_solution_cell("gone", *where)
            inside.add_task_cell("essay", *where, max_score=5, cell_type="markdown")
            inside.add_student("ann")
            inside.add_submission("target", "ann")
            inside.find_grade("test_gone", *where, "ann").auto_score = 5
            inside.db.flush()
        assert grade(course)["ann"].points == 10
        assert (
            "as this edition lacks them: essay, gone, merge, test_gone\n" in capsys.readouterr().err
        )
        assert book.marks("ann", "target").points == book.totals()["ann"]["target"] == 10
        assert book.gradebook.find_assignment("target").max_score == 10


@pytest.mark.parametrize(
    ("open_it", "says"),
    [(batch.Results, "Another run is grading into"), (Register, "Another run writes to")],
)
def test_two_runs_at_once_are_refused(open_it, says, tmp_path):
    """With one key they would give two certificates the same place in the list."""
    held = open_it(tmp_path / "results")
    pid = os.fork()
    if pid == 0:
        try:
            open_it(tmp_path / "results")
        except ValueError as busy:
            os._exit(7 if says in str(busy) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7 and held


def test_killed_50_times_at_random_moments(tmp_path):
    """After each SIGKILL the gradebook holds whole submissions only, and what has a result is
    never graded again."""
    rng, kills, number, course, done = random.Random(4), 0, 0, None, set()
    amid = 0  # how many fell into a run that had written some, and not all
    while kills < 50:
        if course is None:
            number += 1
            course, done = (
                class_of(tmp_path / str(number), {f"s{n:02}": "#" for n in range(25)}),
                set(),
            )
        pid = os.fork()
        if pid == 0:
            os.setsid()
            try:
                grade(course)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.05, 0.9))
        os.kill(pid, signal.SIGKILL)
        kills += os.waitpid(pid, 0)[1] == signal.SIGKILL
        whole = check_gradebook(course)
        amid += 0 < whole < 25
        again = (
            set((course / "log").read_text().split()) & done if (course / "log").exists() else set()
        )
        assert not again, f"graded twice: {again}"
        done |= {
            path.stem for path in (course / "results").glob("s*") if (path / "target.json").exists()
        }
        (course / "log").unlink(missing_ok=True)
        for path in (course / "results").glob("s*/target.json"):
            json.loads(path.read_text())
        if whole == 25:
            course = None
    assert amid > 5
    if course:
        rows = grade(course)
        assert len(rows) == 25 and check_gradebook(course) == 25


def test_a_worker_whose_run_was_killed_before_it_could_ask_for_a_signal_ends(monkeypatch, tmp_path):
    """Else it waits for orders for ever, with the results' lock and all that the run had open."""
    run, prctl = os.getpid(), ctypes.CDLL(None).prctl

    def killed_first(*words):
        parent = os.getppid()
        assert parent != run
        os.kill(parent, signal.SIGKILL)
        while os.getppid() == parent:
            time.sleep(0.01)
        return prctl(*words)

    monkeypatch.setattr(worker_pool.ctypes, "CDLL", lambda _: SimpleNamespace(prctl=killed_first))
    ended, held = os.pipe()  # whose other end the run and its worker hold
    pid = os.fork()
    if pid == 0:
        try:
            worker_pool.Worker(NOTEBOOKS, _Make(str(tmp_path / "log")), None).process.join()
        finally:
            os._exit(0)
    os.close(held)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert select.select([ended], [], [], 60)[0], "the worker is still there"
    os.close(ended)


def check_gradebook(course):
    """The number of submissions in the gradebook; each must have all of its scores."""
    if not (course / "gradebook.db").exists():
        return 0
    base = sqlite3.connect(course / "gradebook.db")
    assert base.execute("pragma integrity_check").fetchall() == [("ok",)]
    if not base.execute("select 1 from sqlite_master where name = 'grade'").fetchall():
        return 0
    query = "select n.assignment_id, count(*), count(g.auto_score) from grade g "
    query += "join submitted_notebook n on g.notebook_id = n.id group by 1"
    rows = base.execute(query).fetchall()
    assert all(row[1:] == (3, 3) for row in rows), rows
    assert base.execute("select count(*) from submitted_assignment").fetchone() == (len(rows),)
    return len(rows)


# ---- what people read


def graded_class(runner):
    """(task, result) of three submissions: solved, half solved, hostile markup."""
    made = {
        "ann": corpus.SOLVE,
        "bob": corpus.SOLUTIONS["merge"],
        "eve": "def merge(*a): raise ValueError('<script>x</script>')",
    }
    return [
        (Task(student, "target", ""), runner.grade(corpus.TARGET, [Cell("code", None, code)]))
        for student, code in made.items()
    ]


def test_feedback_names_the_mistake_and_holds_no_hidden_test(runner):
    code = "# <img src=x>\ndef merge(*a): raise ValueError('<script>x</script>')"
    result = runner.grade(corpus.TARGET, [Cell("code", "merge", code)])
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), result)
    marks = Marks(dict.fromkeys(corpus.SOLUTIONS, 0.0), {"merge": "<b>Ask me</b>"}, 0.0)
    page = report.feedback(corpus.TARGET, "eve", node, marks)
    assert "A comment: &lt;b&gt;Ask me&lt;/b&gt;" in page
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page
    assert "Read the statement of Exercise 0.1 again" in page and "Hint 1" in page
    assert "HIDDEN" not in page + nbformat.writes(node)
    assert "dim names the axis" not in page


def test_scores_and_class_report(tmp_path, runner):
    rows = graded_class(runner)
    rows.append((Task("=cmd()", "target", "", "broken"), NotGraded("broken;=cmd()")))
    marks = {
        task: Marks({each.exercise: each.points for each in result.outcomes}, {}, 0.0)
        for task, result in rows[:-1]
    }
    report.scores(rows, marks, tmp_path)
    found = {row["student"]: row for row in csv.DictReader((tmp_path / "scores.csv").open())}
    assert found["ann"]["score"] == "10.0" and found["bob"]["merge"] == "3.0"
    assert found["bob"]["softmax"] == "0.0"
    assert "'=cmd()" in found and found["'=cmd()"]["fault"] == "broken;'=cmd()"
    report.write_class_report(rows, NOTEBOOKS, tmp_path)
    table = {row["exercise"]: row for row in csv.DictReader((tmp_path / "class.csv").open())}
    assert table["merge"]["solved"] == "2" and table["merge"]["handed_in"] == "3"
    assert table["softmax"]["commonest_mistake"].startswith("`softmax` is not defined")
    assert table["softmax"]["times"] == "2"
    assert (tmp_path / "class.png").stat().st_size > 5000
    report.write_class_report(rows[-1:], NOTEBOOKS, tmp_path)  # of what could not be graded
    assert not (tmp_path / "class.png").exists()


def test_the_command_grades_says_why_not_and_exits_with_1(tmp_path, monkeypatch, capsys):
    course = class_of(tmp_path, {"ann": "#"})
    (course / "submitted" / "bob" / "target").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
    )
    monkeypatch.setattr(cli.course, "names", lambda: ["target"])
    monkeypatch.setattr(cli.course, "load", NOTEBOOKS.get)
    args = Namespace(submitted=course / "submitted", config=course / "nbgrader_config.py")
    assert cli.run(args) == 1
    said = capsys.readouterr().out
    assert (
        "ann  target  0/10" in said and "bob  target  not graded: there is no target.ipynb" in said
    )
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    (course / "results" / "ann" / "target.json").unlink()
    with pytest.raises(ValueError, match="bubblewrap is missing"):  # which the command says
        cli.run(args)


class Namespace:
    assignment, student, workers, unsafe, again, scheduler = None, None, 1, False, False, None

    def __init__(self, **values):
        self.__dict__.update(values)


def test_unused_demonstrations_stay_out_and_wanted_ones_come_in():
    release = [Cell("code", "softmax", "def softmax(x):\n    return x * scale")]
    titles = [step.title for step in submission.plan(corpus.TARGET, release).steps]
    assert titles == ["given_setup", "demonstration 2", "softmax"]
    local = [Cell("code", "softmax", "def softmax(x):\n    scale = 1\n    return x * scale")]
    titles = [step.title for step in submission.plan(corpus.TARGET, local).steps]
    assert titles == ["given_setup", "softmax"]


def test_the_course_s_cells_without_their_marks_are_not_the_learner_s():
    given = corpus.TARGET.cells[1].source
    own = Cell("code", None, "def softmax(x): return x"), Cell("code", None, given)
    job = submission.plan(corpus.TARGET, [Cell("code", None, given), *own])
    assert [step.title for step in job.steps] == ["given_setup", "cell 2"] and not job.notes
    # Beside the marked one it is an addition: it may put right what a cell above has changed.
    job = submission.plan(corpus.TARGET, [Cell("code", "given_setup", given), *own])
    assert [step.title for step in job.steps] == ["given_setup", "cell 2", "cell 3"]


def test_what_stands_below_a_demonstration_that_runs_is_in_the_rebuilt_notebook(runner):
    demo = next(cell for cell in corpus.TARGET.cells if cells.kind(cell) == "demo")
    added = Cell("code", None, "mine = 1")
    uses = Cell("code", "softmax", "def softmax(x): return x * scale")
    result = runner.grade(corpus.TARGET, [Cell("code", None, demo.source), added, uses])
    assert [title for title, *_ in result.steps][:3] == ["given_setup", "demonstration 2", "cell 2"]
    sources = [each.source for each in nbgrader_plugin.rebuild(corpus.TARGET, result.steps).cells]
    assert sources.count("mine = 1") == 1


def test_a_forbidden_name_is_found_through_aliases_and_helpers():
    task = corpus.TARGET.exercises[0]
    direct = "import torch.nn.functional as G\ndef helper(x): return G.softmax(x, -1)\n"
    direct += "def softmax(x, dim=-1): return helper(x)"
    beside = (
        "import torch\ndef softmax(x, dim=-1): return x\nprint(torch.softmax(torch.ones(2), -1))"
    )
    own = "from torch import softmax\nx = softmax(torch.ones(2), -1)\n"
    own += "def softmax(x, dim=-1): return x"
    helper = "from torch import log_softmax\ndef log_softmax(x): return x\n"
    helper += "def softmax(x, dim=-1): return log_softmax(x).exp()"
    maybe = "from torch import softmax as s\ndef softmax(x, dim=-1): return s(x, dim)\n"
    late = "from torch import softmax as s\ndef softmax(x, dim=-1, s=s): return s(x, dim)\ns = 1"
    timed = "%%time\nimport torch\ndef softmax(x, dim=-1): return torch.softmax(x, dim)"
    every = "from torch.nn.functional import *\ndef mine(x): return softmax(x, -1)\n"
    every += "def softmax(x, dim=-1): return mine(x)"
    star = "from torch import *\nmine = softmax\ndef softmax(x, dim=-1): return mine(x, dim)"
    taken = "from torch import softmax as s\nf = [s for _ in [0]][0]\ndef s(x): return x\n"
    taken += "def softmax(x, dim=-1): return f(x, dim)"
    shown = "from llmlib.plots import *\ndef softmax(x, dim=-1): return max(x, scale)"
    cases = (direct, ["torch.nn.functional.softmax"]), (beside, []), (own, []), (helper, [])
    cases += (maybe, ["torch.softmax"]), (f"{maybe}if 0: s = 1", ["torch.softmax"])
    cases += (f"{maybe}s: int", ["torch.softmax"]), (late, ["torch.softmax"])
    cases += (
        (taken, ["torch.softmax"]),
        (timed, ["torch.softmax"]),
        (every, []),
        (star, ["torch.softmax"]),
        (shown, []),
    )
    for code, found in cases:
        job = submission.plan(corpus.TARGET, [Cell("code", "softmax", code)])
        assert disallowed_names(task, job) == found, code


def test_a_text_is_analysed_once_however_many_exercises_ask(monkeypatch):
    """Time on a slow machine: 10,000 statements in a cell are no reason for 0 points."""
    asked, real = Counter(), symtable.symtable

    def counted(source, *words):
        asked[source] += 1
        return real(source, *words)

    monkeypatch.setattr(symtable, "symtable", counted)
    monkeypatch.setattr(read_submission, "limited", lambda work: work())
    source = "".join(f"a{n} = {n}\n" for n in range(100))
    assert analysis.analyse(corpus.TARGET, [Cell("code", "merge", source)]).job.steps
    assert len(corpus.TARGET.exercises) > 2
    assert {asked[f"a{n} = {n}"] for n in range(100)} == {1}


def test_the_course_s_own_cells_are_read_once_and_not_in_each_fork(monkeypatch):
    """Of a notebook as it was released, the stubs alone are left to read."""
    book, real = cells.load("07_kv_cache_and_scaling"), read_submission.run_limited
    found = submission.parse(json.loads(release.release(book)))
    ours = {cell.source for cell in book.cells if cell.cell_type == "code"}

    def watched(work):
        def read():
            asked = []
            monkeypatch.setattr(scopes, "python", lambda source: asked.append(source) or source)
            work()
            return asked

        return real(read)

    scopes.names.cache_clear()
    assert ours & set(watched(lambda: submission.plan(book, found)))  # who knows none reads them
    analysis.analyse(book, found)
    asked = watched(lambda: submission.plan(book, found))
    assert asked and not ours & set(asked)


def test_a_machine_without_time_for_a_text_does_not_hold_it_against_the_learner(monkeypatch):
    monkeypatch.setattr(read_submission, "PATIENCE", 0.2)
    monkeypatch.setattr(submission, "plain_values", lambda data: time.sleep(60))
    result = worker_pool.grade_bytes(None, corpus.TARGET, b"{}")
    assert isinstance(result, NotGraded)
    assert "this machine is busy; start again" in result.reason


class Held:
    """What a process has let go of, and the collector has not seen yet: in a circle with itself."""

    def __init__(self, path):
        self.itself, self.path = self, path

    def __del__(self):
        self.path.write_text(str(os.getpid()))


def test_a_reading_ends_nothing_of_the_process_that_asks_for_it(tmp_path):
    """The fork has copies of all its objects. One that ends processes or empties a folder as it
    is collected would do so in the fork."""

    def work():
        circles = [[] for _ in range(200_000)]  # so many that the collector would run
        for each in circles:
            each.append(each)
        return len(circles)

    gc.collect()
    Held(tmp_path / "ended")
    assert read_submission.run_limited(work) == 200_000
    assert not (tmp_path / "ended").exists()
    gc.collect()
    assert (tmp_path / "ended").read_text() == str(os.getpid())


def test_what_cannot_be_analysed_is_still_shown(runner, monkeypatch):
    def refuse(*_):
        raise submission.Unreadable("too much")

    monkeypatch.setattr(analysis, "of", refuse)
    mine = [Cell("code", "merge", "# mine"), Cell("code", None, "# beside it")]
    result = runner.grade(corpus.TARGET, mine)
    assert result.points == 0 and result.steps == (("merge", "# mine", True),)
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), result)
    assert "# mine" in [cell.source for cell in node.cells]


def test_a_worker_may_take_what_its_work_may_take():
    limits = Limits().notebook + run_test_cell.SLACK
    assert (
        Limits().notebook + worker_pool.GRACE > limits + 2 * read_submission.PATIENCE
    )  # read, then analysed


@pytest.mark.parametrize("fault", [RecursionError, MemoryError, KeyError])
def test_what_stops_a_reading_is_named(fault):
    def work():
        raise fault

    with pytest.raises(submission.Unreadable, match=f"within the limits.*[(]{fault.__name__}[)]$"):
        read_submission.run_limited(work)


def test_the_grader_can_be_reviewed():
    files = sorted(Path(wire.__file__).parent.rglob("*.py"))
    assert all(len(path.read_text().splitlines()) <= 220 for path in files)
    trusted = [path for path in files if path.parent.name == "outside" or path.name == "wire.py"]
    assert sum(len(path.read_text().splitlines()) for path in trusted) <= 800


def test_another_edition_of_the_notebook_is_said(tmp_path):
    notebook = cells.load("quiz")
    tree = nbformat.from_dict(notebook.node)

    class Dummy:
        def grade(self, notebook, found):
            return Graded((), ("a note",), False)

    def notes(said):
        tree.metadata["llmlib"] = {"course": said}
        return worker_pool.grade_bytes(Dummy(), notebook, nbformat.writes(tree).encode()).notes

    first = notes("0.9.0")[0]
    assert first.startswith("Handed in from version 0.9.0 of the course, graded with ")
    assert first.endswith("A letter may stand for another option there: grade it with 0.9.0.")
    assert notes(worker_pool.VERSION) == ("a note",)
    assert notes("<b>1</b>") == ("a note",) == notes(["0.9"])
    last = notebook.exercises[-1].name
    tree.cells = [each for each in tree.cells if cells.grade_id(each) != last]
    said = "It lacks 1 of 45 questions and names no version of the course: if it is not of "
    assert notes(None)[0].startswith(said) and len(notes(None)) == 2
    assert notes(worker_pool.VERSION) == ("a note",)
