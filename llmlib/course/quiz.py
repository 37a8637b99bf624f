"""The quiz's check: a letter in, feedback out.

Keys and feedback are veiled in llmlib/data/quiz.json. That keeps an answer from a glance, no more:
whoever wants it finds it in solutions/, as with every exercise.
"""

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

from llmlib.course.check import Mistake, show

LETTERS = "ABCD"


def check_answer(name: str, letter: Any) -> None:
    """Print why `letter` is right, or raise `Mistake` with what is wrong about it. `name` is such
    as "q07"."""
    if letter is None:
        raise Mistake(f'{name} has no answer yet: put a letter in its place, such as {name} = "A".')
    choice = letter.strip().upper() if type(letter) is str else None
    if choice not in tuple(LETTERS):
        raise Mistake(f"{name} is {show(letter)}: give one of the letters A, B, C and D.")
    right, feedback = unveil(name, choice, _veiled()[name][choice])
    if not right:
        raise Mistake(f"{choice} is not it. {feedback}")
    print(f"{choice} is right. {feedback}")


def veil(name: str, letter: str, right: bool, feedback: str) -> str:
    """Text for quiz.json that only (name, letter) turns back into (right, feedback)."""
    plain = f"{int(right)}{feedback}".encode()
    return base64.b64encode(_mixed(name, letter, plain)).decode()


def unveil(name: str, letter: str, text: str) -> tuple[bool, str]:
    """(is this letter right, its feedback)."""
    plain = _mixed(name, letter, base64.b64decode(text)).decode()
    return plain[0] == "1", plain[1:]


def _mixed(name: str, letter: str, plain: bytes) -> bytes:
    pad = hashlib.shake_256(f"{name} {letter}".encode()).digest(len(plain))
    return bytes(a ^ b for a, b in zip(plain, pad, strict=True))


@cache
def _veiled() -> dict[str, dict[str, str]]:
    return json.loads(
        resources.files("llmlib").joinpath("data/quiz.json").read_text(encoding="utf-8")
    )
