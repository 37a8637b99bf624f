"""The words for a test that failed. Of a visible test the learner reads everything, including what
their own process said; of a hidden one only our words, in which their code has no choice."""

import ast
import builtins
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from llmlib.course import checking
from llmlib.course.check import Mistake
from llmlib.course.feedback import DISALLOWED, NOT_WRITTEN, one_line
from llmlib.course.format.notebooks import Exercise
from llmlib.grading.host.rpc import LearnerError
from llmlib.grading.host.time_limits import Exceeded

OURS = re.compile(r"llmlib(\.\w{1,40}){1,4}", re.ASCII)  # a name of the course's library
LONGEST = 700  # characters of a message
# One sentence an exercise, whichever hidden check failed, and however: a learner's function knows
# the input, so each difference would let it say one more bit about it.
HIDDEN = (
    "a hidden test failed, or your code did on its input (an exception, too much time, a value "
    "that the check cannot use). These tests check: {}"
)


class Failure(NamedTuple):
    """Why a test fails: what is wrong, on what values or where, whether a check names it, the
    built-in class of an exception of the learner's; and, where `claim` has words of the learner's,
    what is wrong without these."""

    claim: str
    detail: str
    named: bool
    raised: str = ""
    summary: str = ""


def hidden(exercise: Exercise) -> Failure:
    """The words for a hidden half that failed: all that it checks, as far as that fits, without
    what is filled in when it runs."""
    claims = [*_claims(exercise)] or ["more inputs"]
    said = HIDDEN.format("; ".join(claims))
    while len(said) > LONGEST and len(claims) > 1:
        claims.pop()
        said = HIDDEN.format("; ".join([*claims, "and more"]))
    return Failure(said, "", True)


def disallowed(name: str) -> Failure:
    """The words for an answer that failed after it called what is not allowed."""
    return Failure(DISALLOWED.format(name), "", True)


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


@cache
def _claims(exercise: Exercise) -> tuple[str, ...]:
    """What the hidden checks claim, in order, with those of the functions that they call, in the
    test cell and in its module of cases; "…" in place of what is filled in when it runs."""
    whole = ast.parse(exercise.full).body
    todo: list[ast.AST] = [ast.parse(exercise.hidden)]
    for imported in [*whole]:
        if isinstance(imported, ast.ImportFrom) and imported.module == checking.__name__:
            path = Path(checking.__file__).with_name(f"{imported.names[0].name}.py")
            whole += ast.parse(path.read_text(encoding="utf-8")).body
    made = {each.name: each for each in whole if isinstance(each, ast.FunctionDef)}
    found: list[str] = []
    for tree in todo:
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(ast.Name(), name)) if (
                    name in made
                ):
                    todo.append(made.pop(name))
                case ast.Call(func=ast.Attribute(ast.Name("check")), args=[*_, claim]):
                    parts = claim.values if isinstance(claim, ast.JoinedStr) else [claim]
                    fixed = (
                        each.value if isinstance(each, ast.Constant) else "…" for each in parts
                    )
                    found.append("".join(map(str, fixed)))
    return tuple(dict.fromkeys(found))


def _words(
    exercise: Exercise, told: LearnerError, broke: LearnerError | None
) -> tuple[str, str, str]:
    """(claim, detail, summary) of an exception of the learner's."""
    listed = told.text in exercise.disallowed or OURS.fullmatch(told.text)
    if told.kind in ("DisallowedCall", "NotInHere") and listed:
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
