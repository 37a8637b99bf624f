"""What the learner's process says of an exception, what a test cell meets of it, and the words in
which a failure is written down.

Of a visible test the learner reads everything. Of a hidden one there are our own words only, in
which nothing stands that the learner's code could choose.
"""

import ast
import re
from typing import NamedTuple

from llmlib.course.cells import Exercise
from llmlib.course.check import Mistake
from llmlib.course.forbidden import sentence

ALLOWED = {  # the learner's exceptions arrive as these, so that a test may expect a ValueError
    each.__name__: each
    for each in (
        *(ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError),
        *(NotImplementedError, AttributeError, NameError, RuntimeError, RecursionError),
        MemoryError,
    )
}
LONGEST = 700  # characters of a message
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
    bases = (LearnerError, ALLOWED[told.builtin]) if told.builtin in ALLOWED else (LearnerError,)
    error = type("LearnerError", bases, {"__str__": lambda self: told.text})(told.text)
    error.told = told
    return error


def exceeded(limit: Exceeded, hidden: bool) -> Failure:
    return Failure(str(limit), "" if hidden else limit.detail, False)


def failure(exercise: Exercise, error: Exception, broke: Told | None, hidden: bool) -> Failure:
    """The words for what a test cell raised. `broke` is what its solution cell raised before."""
    if hidden:
        if isinstance(error, Mistake):
            return Failure(constant(exercise, error.claim), "", True)
        return Failure(RAISED if isinstance(error, LearnerError) else FAILED, "", False)
    if isinstance(error, Mistake):
        return Failure(error.claim, error.detail, True)
    if isinstance(error, LearnerError):
        return Failure(*_words(exercise, error, broke), False)
    detail = f"{type(error).__name__}: {error}"
    return Failure(f"the check could not use what `{exercise.name}` returned", detail, False)


def _words(exercise: Exercise, error: LearnerError, broke: Told | None) -> tuple[str, str]:
    """(claim, detail) of an exception of the learner's."""
    told = error.told
    if told is None:
        return str(error), ""
    if told.kind == "Off" and told.text in exercise.off:
        return sentence(told.text), ""
    if told.kind == "NotPlain":
        return f"`{exercise.name}` returned {told.text}", ""
    if told.kind == "NotImplementedError":
        return f"`{exercise.name}` is not written yet", ""
    if told.kind == "Missing" and not broke:
        return f"`{exercise.name}` is not defined: write it and run its cell", ""
    told = broke if broke and told.builtin == "NameError" else told
    if told.kind == "Off":
        return f"`{told.text}` is not there while your notebook is graded", told.place
    return f"your code raised {told.kind}: {told.text}", told.place


def constant(exercise: Exercise, claim: str) -> str:
    """The claim as it stands in the test cell, "…" in place of what is filled in when it runs."""
    for node in ast.walk(ast.parse(exercise.full)):
        if isinstance(node, ast.Constant) and node.value == claim:
            return claim
        if isinstance(node, ast.JoinedStr):
            parts = [
                str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values
            ]
            pattern = "".join(".*" if part == "…" else re.escape(part) for part in parts)
            if re.fullmatch(pattern, claim, re.DOTALL):
                return "".join(parts)
    return FAILED


def line(message: object) -> str:
    """One line of printable text, bounded."""
    text = " ".join(str(message).encode("utf-8", "replace").decode().split())
    return "".join(each for each in text if each.isprintable())[:LONGEST]
