"""Read the quiz's key and check one answer: a letter in, feedback out.

The key and the feedback are obfuscated in classroom/quiz.json, so that nobody reads an answer by
accident. It is no secret: the answers are in solutions/, as for every exercise. What a notebook
shows is in `quiz_cells`, which the grader's sandbox may have; the key it never has.
"""

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from typing import Any

from exercises import feedback

LETTERS = "ABCD"
EMPHASIS = re.compile(r"\*([^*]+)\*")  # Markdown's


def check_answer(name: str, letter: Any) -> None:
    """Pass where `letter` answers "q07" right, else raise `Mistake` with what is wrong about it."""
    from exercises.check import Mistake, show  # here: it loads torch, and a build needs none

    if letter is None:
        raise Mistake(
            f"{name} has no answer yet: click one of its options, or put a letter in its place, "
            f'such as {name} = "A".'
        )
    choice = as_letter(letter)
    if choice is None:
        raise Mistake(f"{name} is {show(letter)}: give one of the letters A, B, C and D.")
    right, reason = feedback_for(name, choice)
    if not right:
        raise Mistake(f"{choice} is not it. " + EMPHASIS.sub(r"\1", reason))
    feedback.count()


def as_letter(value: Any) -> str | None:
    """Return the letter that `value` is, or None."""
    letter = value.strip().upper() if type(value) is str else None
    return letter if letter in tuple(LETTERS) else None


def feedback_for(name: str, letter: str) -> tuple[bool, str]:
    """Return (whether this letter is right, its feedback)."""
    text = deobfuscate(name, letter, quiz_key()[name][letter])
    return text[0] == "1", text[1:]


def obfuscate(name: str, letter: str, plain: str) -> str:
    """Return text for quiz.json that only (name, letter) turns back into `plain`."""
    return base64.b64encode(_xored(name, letter, plain.encode())).decode()


def deobfuscate(name: str, letter: str, text: str) -> str:
    """Return what `obfuscate` was given."""
    return _xored(name, letter, base64.b64decode(text)).decode()


def _xored(name: str, letter: str, plain: bytes) -> bytes:
    pad = hashlib.shake_256(f"{name} {letter}".encode()).digest(len(plain))
    return bytes(a ^ b for a, b in zip(plain, pad, strict=True))


@cache
def quiz_key() -> dict[str, dict[str, str]]:
    """Read quiz.json: {question: {letter: its feedback, "run": code that shows why, "about": …}},
    all obfuscated but "about"."""
    return json.loads(key_text())


def key_text() -> str:
    """Read the obfuscated key, as it is stored."""
    return resources.files("classroom").joinpath("quiz.json").read_text(encoding="utf-8")
