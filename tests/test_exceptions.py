"""An exception of a learner's names the line, the call and, where torch's words are bare, what they
mean."""

import pytest
import torch

from classroom.checking import exceptions, run_cells, run_tests, submission
from exercises import check

pytestmark = pytest.mark.unit
BARE = [  # what torch raises, and what we say in front
    (lambda: torch.ones(4) + torch.ones(3), "do not fit together: 4 against 3 in dimension 0"),
    (lambda: torch.ones(2, 3) @ torch.ones(4, 5), "matrix product must be equal: 3 is not 4"),
    (lambda: torch.ones(2, 3, 4) @ torch.ones(2, 5, 6), "[2, 4] was needed, [2, 5] came"),
    (lambda: torch.ones(8).reshape(3, 3), "8 numbers cannot be arranged as [3, 3]"),
    (lambda: torch.ones(2, 3).T.view(6), "use `reshape`"),
    (lambda: bool(torch.ones(2)), "use `.all()` or `.any()`"),
    (lambda: torch.ones(2).sum(3), "the tensor has no dimension 3"),
    (lambda: torch.ones(2)[5], "there is no place 5: dimension 0 has 2"),
    (lambda: torch.ones(2).item(), "one number was needed, and this tensor has 2"),
    (lambda: torch.ones(2)[torch.ones(1)], "an index must be of whole numbers"),
]


@pytest.mark.parametrize(("call", "says"), BARE)
def test_a_bare_message_of_torch_s_gets_a_sentence_in_front(call, says):
    with pytest.raises((RuntimeError, IndexError)) as raised:
        call()
    said = exceptions.plain(str(raised.value))
    assert says in said and said.endswith(f"torch says: {raised.value}")


def test_other_messages_stay():
    assert exceptions.plain("no such word") == "no such word"


def message(source, test):
    space = {"__name__": "__main__", "torch": torch}
    assert run_cells.run("add", source, space) is None
    return run_tests.error_message(run_tests.test("add", test, space, "import torch"), 20, "add")


def test_it_names_the_line_and_the_call():
    said = message("def add(x, y=1):\n    z = x\n    return z + y", "add(torch.ones(2), y='a')")
    assert said.startswith("TypeError: ")
    assert said.endswith("(in line 3: `return z + y`; the check called "
                         "`add(tensor([1.0, 1.0]), y='a')`)")  # fmt: skip


def test_of_a_large_input_the_shape_is_said_and_a_long_line_is_cut():
    long = "return x + torch.ones(3) " + "+ 0 " * 90
    said = message(f"def add(x):\n    {long}", "add(torch.ones(5, 40))")
    assert "with shape [5, 40])`" in said and f"`{long[:100]}…`" in said
    assert "do not fit together: 40 against 3 in dimension 1" in said


def test_an_assertion_of_their_own_is_named_with_its_line_too():
    said = message("def add(x):\n    assert x > 1, 'no'", "add(0)")
    assert said == "AssertionError: no (in line 2: `assert x > 1, 'no'`; the check called `add(0)`)"


def test_a_call_is_one_short_line():
    assert len(check.call("f", [list(range(999))] * 9, {"k": "x" * 999})) < 360


def test_an_interruption_of_their_own_is_not_too_slow():
    own = run_tests.error_message(KeyboardInterrupt(), 20)
    ours = run_tests.error_message(KeyboardInterrupt(run_cells.OUT_OF_TIME), 20)
    assert own == "KeyboardInterrupt" and "took longer than 20 s" in ours


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_notebook_in_another_unicode_is_read(coding):
    assert submission.parse_json('{"cells": ["é"]}'.encode(coding)) == {"cells": ["é"]}
