"""Calls from a test cell, across the process boundary, into a learner's function: what comes back,
and what the message says when nothing does."""

import itertools

import pytest
import torch
from grading_fakes import verdict

from classroom.checking import run_tests
from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader import wire
from grader.host import memory_kills
from grader.host.memory_kills import NoMemory
from grader.marking import messages
from grader.marking.proxy import Proxy
from grader.marking.reference_calls import ReferenceCalls

pytestmark = pytest.mark.security


def test_a_long_list_is_told_by_the_function_that_returned_it(runner):
    message = verdict(runner, "def f(): return list(range(300_002))", "f()")
    assert message == "`f` returned more than 300,000 values or commas at once"


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


ENDS = {  # where a process may end: the solution
    "in a cell": "def f(): return 1\nimport os\nos._exit(1)",
    "in a call": "import os\ndef f(): os._exit(1)",
}


@pytest.mark.parametrize("where", ENDS)
def test_a_process_that_the_kernel_ended_as_memory_ran_out_is_not_graded_yet(runner, where):
    """It ends by itself: here the kernel claims to have ended it. Else it is the learner's."""
    test, counts = "check.equal(f(), 1, 'one')", itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_kills, "count", lambda: next(counts))
        with pytest.raises(NoMemory, match="memory ran out on this machine"):
            verdict(runner, ENDS[where], test)
    assert "ended" in verdict(runner, ENDS[where], test)


def test_what_the_course_computes_for_a_learner_may_lack_memory_too(runner, monkeypatch):
    """`merge` is wrong, so `train_bpe` asks for the course's, whose process is killed."""
    book, real, counts = notebooks.load("01_tokens"), ReferenceCalls.answer, itertools.count()

    def answer(self, *words):
        def killed(*_):
            monkeypatch.setattr(memory_kills, "count", lambda: next(counts))
            raise self.process._died("it ended")

        monkeypatch.setattr(self.process, "call", killed)
        return real(self, *words)

    monkeypatch.setattr(ReferenceCalls, "answer", answer)
    code = {each.name: each.solution for each in book.exercises}
    code["merge"] = "def merge(ids, pair, new_id):\n    return None"
    with pytest.raises(NoMemory):
        runner.grade(book, [Cell("code", name, source) for name, source in code.items()])


def test_an_allocation_without_end_is_the_learner_s(runner):
    """The limit on a process says so, and the kernel ends nothing."""
    endless = "def f():\n    kept = []\n    while True:\n        kept.append(bytearray(64 << 20))"
    said = verdict(runner, endless, "check.equal(f(), 1, 'one')")
    assert said.startswith("your code raised MemoryError")


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


HIDDEN = """def _check(x):
    check.equal(f(x), 2 * x, f"twice {x}")
### BEGIN HIDDEN TESTS
_check(1)
check.equal(f(2), 4, "twice 2")
check.that(f(3) == 6, "a claim, too")
### END HIDDEN TESTS"""


def test_which_hidden_check_fails_and_how_is_not_told(runner):
    """A function that knows a hidden input could choose: it learns that the half failed, no more.
    One bit a hand-in."""
    wrong = ["raise ValueError", "import os; os._exit(1)", "return object()", "return 'two'"]
    wrong += ["import os, struct; os.write(3, struct.pack('<II', 7, 0) + b'[\"odd\"]')"]
    ways = [f"{way} if x == {at} else 2 * x" for at in (1, 2, 3) for way in ["return 5"]]
    ways += [f"if x == {at}: {way}\n    return 2 * x" for at in (1, 2, 3) for way in wrong]
    told = {verdict(runner, f"def f(x):\n    {way}", HIDDEN) for way in ways}
    assert told == {messages.HIDDEN.format("twice 2; a claim, too; twice …")}
    assert verdict(runner, "def f(x):\n    return 2 * x", HIDDEN) is None


def test_the_sentence_for_hidden_tests_fits_a_line():
    for book in notebooks.lessons():
        for each in book.exercises:
            said = messages.hidden(each).claim
            assert messages.line(said) == said and not said.endswith("more inputs"), each.name


def test_a_traceback_that_passes_through_a_test_cell_can_be_read():
    """What reads one asks the cell's globals for names of its own, __tracebackhide__ say: none of
    them is the learner's."""
    asked = []
    space = run_tests.TestNamespace({}, asked.append)
    with pytest.raises(KeyError):
        space["__tracebackhide__"]
    assert asked == []
    space["merge"]
    assert asked == ["merge"]
