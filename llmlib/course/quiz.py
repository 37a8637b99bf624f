"""The quiz's check: a letter in, feedback out.

Keys and feedback are veiled in llmlib/data/quiz.json. That keeps an answer from a glance, no more:
whoever wants it finds it in solutions/, as with every exercise.
"""

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from typing import Any

from llmlib.course import feedback

LETTERS = "ABCD"
EMPHASIS = re.compile(r"\*([^*]+)\*")  # Markdown's


def check_answer(name: str, letter: Any) -> None:
    """Pass where `letter` answers "q07" right, else raise `Mistake` with what is wrong about it."""
    from llmlib.course.check import Mistake, show  # here: it loads torch, and a build needs none

    if letter is None:
        raise Mistake(
            f"{name} has no answer yet: click one of its options, or put a letter in its place, "
            f'such as {name} = "A".'
        )
    choice = as_letter(letter)
    if choice is None:
        raise Mistake(f"{name} is {show(letter)}: give one of the letters A, B, C and D.")
    right, told = told_of(name, choice)
    if not right:
        raise Mistake(f"{choice} is not it. " + EMPHASIS.sub(r"\1", told))
    feedback.count()


def as_letter(value: Any) -> str | None:
    """The letter that `value` is, or None."""
    letter = value.strip().upper() if type(value) is str else None
    return letter if letter in tuple(LETTERS) else None


def told_of(name: str, letter: str) -> tuple[bool, str]:
    """(is this letter right, its feedback)."""
    text = unveil(name, letter, veiled()[name][letter])
    return text[0] == "1", text[1:]


def veil(name: str, letter: str, plain: str) -> str:
    """Text for quiz.json that only (name, letter) turns back into `plain`."""
    return base64.b64encode(_mixed(name, letter, plain.encode())).decode()


def unveil(name: str, letter: str, text: str) -> str:
    """What `veil` was given."""
    return _mixed(name, letter, base64.b64decode(text)).decode()


def _mixed(name: str, letter: str, plain: bytes) -> bytes:
    pad = hashlib.shake_256(f"{name} {letter}".encode()).digest(len(plain))
    return bytes(a ^ b for a, b in zip(plain, pad, strict=True))


@cache
def veiled() -> dict[str, dict[str, str]]:
    """quiz.json: {question: {letter: what it is told, "run": the code that shows it, "about": …}},
    all veiled but the last."""
    return json.loads(veiled_text())


def veiled_text() -> str:
    return resources.files("llmlib").joinpath("data/quiz.json").read_text(encoding="utf-8")
