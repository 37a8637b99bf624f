"""What the learner's process says of an exception, what a test cell meets of it, and the words for
a hidden test that failed: our own, in which nothing stands that the learner's code could choose.
"""

import ast
import re
from typing import NamedTuple

from llmlib.course.cells import Exercise
from llmlib.course.check import Mistake

ALLOWED = (  # the learner's exceptions arrive as these, so that a test may expect a ValueError
    *(ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError),
    *(NotImplementedError, AttributeError, NameError, RuntimeError, RecursionError, MemoryError),
)
RAISED = "your code raised an exception on an input of the hidden tests"
FAILED = "a hidden test failed"


class Told(NamedTuple):
    """What the learner's process says of an exception: all four are its own words."""

    kind: str
    builtin: str
    text: str
    place: str


class Failure(NamedTuple):
    """Why a test fails: what is wrong, on what values or where, and whether a check names it."""

    claim: str
    detail: str
    named: bool


class LearnerError(Exception):
    """What a learner's function raised, as it was `told`, or why its value could not be used."""

    told: Told | None = None


class Exceeded(BaseException):
    """A limit was exceeded: no `except Exception` in a test may swallow it. `detail` may hold the
    learner's choice."""

    def __init__(self, limit: str, detail: str = "") -> None:
        super().__init__(limit)
        self.detail = detail


class Died(Exceeded):
    """The process ended, by itself or because it was killed."""


def learner_error(told: Told) -> LearnerError:
    """Never an AssertionError, a Mistake or a StopIteration: those are the test's own words."""
    bases = (LearnerError, *(each for each in ALLOWED if each.__name__ == told.builtin))
    error = type("LearnerError", bases, {"__str__": lambda self: told.text})(told.text)
    error.told = told
    return error


def hidden(exercise: Exercise, error: Exception) -> Failure:
    """Why a hidden test failed, in our own words."""
    if isinstance(error, Mistake):
        return Failure(constant(exercise, error.claim), "", True)
    return Failure(RAISED if isinstance(error, LearnerError) else FAILED, "", False)


def constant(exercise: Exercise, claim: str) -> str:
    """The claim as it stands in the test cell, "…" in place of what is filled in when it runs."""
    for node in ast.walk(ast.parse(exercise.full)):
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            fixed = [str(each.value) if isinstance(each, ast.Constant) else None for each in parts]
            pattern = "".join(".*" if part is None else re.escape(part) for part in fixed)
            if re.fullmatch(pattern, claim, re.DOTALL):
                return "".join("…" if part is None else part for part in fixed)
    return FAILED
