"""Find the words for a test that failed. Of a visible test the learner reads everything, including
what their own process said; of a hidden one only our words, in which their code has no choice."""

import ast
import builtins
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import exercises
from classroom.checking import exceptions
from exercises.check import Mistake
from exercises.course_packages import is_inside
from exercises.feedback import DISALLOWED, NOT_WRITTEN, one_line
from exercises.format.notebooks import Exercise
from grader.host.rpc import LearnerError
from grader.host.time_limits import Exceeded

DOTTED = re.compile(r"\w{1,40}(\.\w{1,40}){1,4}", re.ASCII)
NO_GRADIENT = "does not require grad"  # torch's words
LONGEST = 700  # characters of a message
# One sentence an exercise, whichever hidden check failed, and however: a learner's function knows
# the input, so each difference would let it say one more bit about it.
HIDDEN = (
    "a hidden test failed, or your code did on its input (an exception, too much time, a value "
    "that the check cannot use). These tests check: {}"
)


class Failure(NamedTuple):
    """Say why a test fails: what is wrong, on what values or where, whether a check names it, the
    built-in class of an exception of the learner's; and, where `claim` has words of the learner's,
    what is wrong without these."""

    claim: str
    detail: str
    named: bool
    raised: str = ""
    summary: str = ""


def hidden(exercise: Exercise) -> Failure:
    """Return the words for a hidden half that failed: all that it checks, as far as that fits,
    without what is filled in when it runs."""
    claims = [*_claims(exercise)] or ["more inputs"]
    message = HIDDEN.format("; ".join(claims))
    while len(message) > LONGEST and len(claims) > 1:
        claims.pop()
        message = HIDDEN.format("; ".join([*claims, "and more"]))
    return Failure(message, "", True)


def disallowed(name: str) -> Failure:
    """Return the words for an answer that failed after it called what is not allowed."""
    return Failure(DISALLOWED.format(name), "", True)


def without_gradient(failure: Failure, substitutes: list[str]) -> Failure:
    """Return the same, unless it failed because no gradient goes through the course's functions
    `substitutes`: then it was not judged."""
    if NO_GRADIENT not in failure.claim:
        return failure
    functions = ", ".join(f"`{name}`" for name in substitutes)
    claim = f"not judged: it needs your {functions}, through which a gradient goes"
    return Failure(claim, "", True)


def visible(exercise: Exercise, error: BaseException, broke: LearnerError | None) -> Failure:
    """Return the same of the visible half. `broke` is what its solution cell raised before."""
    if isinstance(error, Exceeded):
        return Failure(str(error), error.detail, False)
    if isinstance(error, Mistake):
        return Failure(error.claim, error.detail, True)
    if isinstance(error, LearnerError):
        is_builtin = error.builtin in dir(builtins)  # the learner's process may say anything
        claim, detail, summary = _words(exercise, error, broke)
        return Failure(claim, detail, False, error.builtin if is_builtin else "", summary)
    detail = f"{type(error).__name__}: {str(error)[:LONGEST]}"
    return Failure(f"the check could not use what `{exercise.name}` returned", detail, False)


@cache
def _claims(exercise: Exercise) -> tuple[str, ...]:
    """Return what the hidden checks claim, in order, with those of the functions that they call, in
    the test cell and in its module of cases; "…" in place of what is filled in when it runs."""
    whole = ast.parse(exercise.full).body
    todo: list[ast.AST] = [ast.parse(exercise.hidden)]
    for statement in [*whole]:
        if isinstance(statement, ast.ImportFrom) and statement.module == exercises.__name__:
            for name in {alias.name for alias in statement.names} - {"check"}:  # modules of cases
                path = Path(exercises.__file__).with_name(f"{name}.py")
                whole += ast.parse(path.read_text(encoding="utf-8")).body
    functions = {node.name: node for node in whole if isinstance(node, ast.FunctionDef)}
    claims: list[str] = []
    for tree in todo:
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(ast.Name(), name)) if (
                    name in functions
                ):
                    todo.append(functions.pop(name))
                case ast.Call(func=ast.Attribute(ast.Name("check")), args=[*_, claim]):
                    parts = claim.values if isinstance(claim, ast.JoinedStr) else [claim]
                    texts = (
                        part.value if isinstance(part, ast.Constant) else "…" for part in parts
                    )
                    claims.append("".join(map(str, texts)))
    return tuple(dict.fromkeys(claims))


def _words(
    exercise: Exercise, error: LearnerError, broke: LearnerError | None
) -> tuple[str, str, str]:
    """Return (claim, detail, summary) of an exception of the learner's."""
    is_course_name = DOTTED.fullmatch(error.text) and is_inside(error.text)
    is_disallowed = error.text in exercise.disallowed or is_course_name
    if error.kind in ("DisallowedCall", "NotInHere") and is_disallowed:
        return DISALLOWED.format(error.text), "", ""
    if error.kind == "UnsupportedValue":
        subject = f"`{exercise.name}` returned"
        return f"{subject} {error.text}", "", f"{subject} what a check cannot use"
    if error.kind == "NotImplementedError" and error.text in ("", NOT_WRITTEN):
        return f"`{exercise.name}` is not written yet", "", ""
    # To a given cell that calls it.
    unknown = error.text == f"name {exercise.name!r} is not defined"
    if (error.kind == "MissingFunction" or unknown) and not broke:
        return f"`{exercise.name}` is not defined: write it and run its cell", "", ""
    error = broke if broke and error.builtin == "NameError" else error
    if not error.kind:
        return error.text, "", ""
    if error.kind == "NotInHere":
        reason = "is not there while your notebook is graded"
        return f"`{error.text}` {reason}", error.place, f"a function that your code calls {reason}"
    builtin_name = error.builtin if error.builtin in dir(builtins) else "an exception"
    claim = f"your code raised {error.kind}: {exceptions.plain(error.text)}".removesuffix(": ")
    detail = "; ".join(filter(None, (error.place, error.call)))
    return claim, detail, f"your code raised {builtin_name}"


def line(message: object) -> str:
    """Return one line of printable text, bounded."""
    text = one_line(str(message).encode("utf-8", "replace").decode())
    return "".join(character for character in text if character.isprintable())[:LONGEST]
