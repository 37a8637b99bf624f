"""Calls from a test cell, across the process boundary, into a learner's function: what comes back,
and what the message says when nothing does."""

import itertools

import pytest
import torch
from grading_fakes import verdict

from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader import wire
from grader.host import memory_kills
from grader.host.memory_kills import NoMemory
from grader.marking import messages
from grader.marking.proxy import Proxy
from grader.marking.reference_calls import ReferenceCalls

pytestmark = [pytest.mark.security, pytest.mark.verdict("tests/attacks/*.py", "solutions/*.py")]


ONE = "check.equal(f(), 1, 'one')"
THREADS = "import torch\ntorch.set_num_threads(2)\n"
RAISES = """
try:
    f(0)
except ValueError as error:
    check.that("positive" in str(error), "say what is wrong")
else:
    check.that(False, "f(0) must raise")
"""
ENDED = "`f` ended the process it ran in: out of memory, an exit or a crash"
# Its == is no bool: it must not reach whoever grades the next one.
LAST_WORDS = b"".join(
    map(wire.pack, (["value", 1], ["refused", []], ["ended", torch.tensor([0, 1])]))
)
FRAME = wire.pack(["error", ["WELL DONE", "", "", ""]])
CALLS = {  # title: solution, test cell, what the message begins with; None where it passes
    "a long list": (
        "def f(): return list(range(300_002))",
        "f()",
        "`f` returned more than 300,000 values or commas at once",
    ),
    # A thread does not survive a fork: a product in the fork would wait for the other for ever.
    "two threads that a submission asks for": (
        f"{THREADS}a = torch.ones(600, 600)\na @ a\n"
        "def f(): return (torch.ones(600, 600) @ torch.ones(600, 600)).sum().item()",
        "check.close(f(), 600.0**3, 'the sum')",
        None,
    ),
    # Where the sandbox allows one, torch 2.13 takes half of such a product for the whole.
    "bfloat16 on two threads": (
        f"{THREADS}a = torch.ones(200, 200).bfloat16()\nTABLE = (a @ a).float()\n"
        "def f(): return TABLE",
        "check.close(f(), torch.full((200, 200), 200.0), 'the product')",
        None,
    ),
    "an exception": ("def f(n): raise ValueError('must be positive')", RAISES, None),
    "an exception of its own": (
        "class E(ValueError): pass\ndef f(n): raise E('must be positive')",
        RAISES,
        None,
    ),
    "another exception": (
        "def f(n): raise KeyError('positive')",
        RAISES,
        "your code raised KeyError",
    ),
    "an exit": ("import os\ndef f(): os._exit(1)", ONE, ENDED),
    "a signal": ("import os\ndef f(): os.kill(os.getpid(), 9)", ONE, ENDED),
    "a crash": ("import os\ndef f(): os.abort()", ONE, ENDED),
    # The limit on a process says so, and the kernel ends nothing.
    "an allocation without end": (
        "def f():\n    kept = []\n    while True:\n        kept.append(bytearray(64 << 20))",
        ONE,
        "your code raised MemoryError",
    ),
    "StopIteration makes no all() true": (
        "def f(x): raise StopIteration",
        "check.that(all(map(f, [1, 2])) is False, 'reached')",
        "your code raised StopIteration",
    ),
    "a last word that is a tensor": (
        f"import os, time\ndef f():\n    os.write(3, {LAST_WORDS!r})\n    time.sleep(9)",
        ONE,
        "the process of your code did not end as it should",
    ),
    "a frame with an error of no kind": (
        f"import os\ndef f():\n    os.write(3, {FRAME!r})\n    os._exit(0)",
        ONE,
        "the process of `f` sent something that is no answer",
    ),
}


@pytest.mark.parametrize("title", CALLS)
def test_what_comes_of_a_call(runner, title):
    solution, test, says = CALLS[title]
    said = verdict(runner, solution, test)
    assert said is None if says is None else said.startswith(says), said


def test_a_frame_before_any_call_is_not_in_the_grader_s_words(runner):
    assert "WELL DONE" not in verdict(runner, f"import os\nos.write(3, {FRAME!r})\n", ONE)


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


def test_a_proxy_can_only_be_called():
    proxy = Proxy(lambda *_: None, "f")
    operators = lambda p: p == p, lambda p: p != 1, lambda p: p + 1, lambda p: p[0]
    for use in (bool, len, iter, hash, float, *operators):
        with pytest.raises(Exception, match="may only call it"):
            use(proxy)


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
