"""The words for a test that failed. Of a visible test the learner reads everything, including what
their own process said; of a hidden one only our words, in which their code has no choice."""

import ast
import builtins
import re
from typing import NamedTuple

from llmlib.course.authoring.notebooks import Exercise
from llmlib.course.check import Mistake
from llmlib.course.feedback import DISALLOWED, NOT_WRITTEN, one_line
from llmlib.grading.host.limits import Exceeded
from llmlib.grading.host.rpc import LearnerError

LONGEST = 700  # characters of a message
STUMBLED = (  # one sentence: which of these it was could be a word about the input
    "on an input of the hidden tests your code raised an exception, took too long, ended its "
    "process or returned what the check cannot use"
)
FAILED = "a hidden test failed"


class Failure(NamedTuple):
    """Why a test fails: what is wrong, on what values or where, whether a check names it, the
    built-in class of an exception of the learner's; and, where `claim` has words of the learner's,
    what is wrong without these."""

    claim: str
    detail: str
    named: bool
    raised: str = ""
    summary: str = ""


def hidden(exercise: Exercise, raised: BaseException) -> Failure:
    """The words for what the hidden half of a test cell raised."""
    if isinstance(raised, Mistake):
        return Failure(_constant(exercise, raised.claim), "", True)
    return Failure(STUMBLED, "", False)


def visible(exercise: Exercise, raised: BaseException, broke: LearnerError | None) -> Failure:
    """The same of the visible half. `broke` is what the exercise's solution cell raised before."""
    if isinstance(raised, Exceeded):
        return Failure(str(raised), raised.detail, False)
    if isinstance(raised, Mistake):
        return Failure(raised.claim, raised.detail, True)
    if isinstance(raised, LearnerError):
        known = raised.builtin in dir(builtins)  # the learner's process may say anything
        claim, detail, summary = _words(exercise, raised, broke)
        return Failure(claim, detail, False, raised.builtin if known else "", summary)
    detail = f"{type(raised).__name__}: {str(raised)[:LONGEST]}"
    return Failure(f"the check could not use what `{exercise.name}` returned", detail, False)


def _constant(exercise: Exercise, claim: str) -> str:
    """The claim as written in the test cell, "…" in place of what is filled in when it runs."""
    for node in ast.walk(ast.parse(exercise.full)):
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            fixed = [str(each.value) if isinstance(each, ast.Constant) else None for each in parts]
            pattern = "".join(".*" if part is None else re.escape(part) for part in fixed)
            if re.fullmatch(pattern, claim, re.DOTALL):
                return "".join("…" if part is None else part for part in fixed)
    return FAILED


def _words(
    exercise: Exercise, told: LearnerError, broke: LearnerError | None
) -> tuple[str, str, str]:
    """(claim, detail, summary) of an exception of the learner's."""
    if told.kind in ("DisallowedCall", "NotInHere") and told.text in exercise.disallowed:
        return DISALLOWED.format(told.text), "", ""
    if told.kind == "UnsupportedValue":
        returned = f"`{exercise.name}` returned"
        return f"{returned} {told.text}", "", f"{returned} what a check cannot use"
    if told.kind == "NotImplementedError" and told.text in ("", NOT_WRITTEN):
        return f"`{exercise.name}` is not written yet", "", ""
    unknown = told.text == f"name {exercise.name!r} is not defined"  # to a given cell that calls it
    if (told.kind == "MissingFunction" or unknown) and not broke:
        return f"`{exercise.name}` is not defined: write it and run its cell", "", ""
    told = broke if broke and told.builtin == "NameError" else told
    if not told.kind:
        return told.text, "", ""
    if told.kind == "NotInHere":
        gone = "is not there while your notebook is graded"
        return f"`{told.text}` {gone}", told.place, f"a function that your code calls {gone}"
    known = told.builtin if told.builtin in dir(builtins) else "an exception"
    claim = f"your code raised {told.kind}: {told.text}".removesuffix(": ")
    return claim, told.place, f"your code raised {known}"


def line(message: object) -> str:
    """One line of printable text, bounded."""
    text = one_line(str(message).encode("utf-8", "replace").decode())
    return "".join(each for each in text if each.isprintable())[:LONGEST]
