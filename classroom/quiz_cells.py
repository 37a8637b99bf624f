"""Run the quiz in a notebook: feedback on each choice, the code that shows why, the score.

Importing this in a running IPython switches it on: a cell such as q07 = "B" is answered below it,
whether a click wrote it (lab/labextensions/llmlib-quiz) or the learner. The answer stays what the
cell says: that is what is saved, handed in and graded. A first answer that was changed is noted in
a comment of the same cell, q07 = "B"  # first: D.
"""

import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import Any

from classroom.quiz import EMPHASIS, LETTERS, as_letter, deobfuscate, feedback_for, quiz_key
from classroom.quiz import check_answer as check_answer  # for the test cells
from exercises.feedback import GREEN, ORANGE, box, display, new_shell, running_shell

LINE = re.compile(
    r"""^(?P<start>(?P<name>q\d\d)[ \t]*=[ \t]*["']?(?P<letter>[A-Da-d])["']?)"""
    r"[ \t]*(?:\#[ \t]*first:[ \t]*(?P<first>[A-D])\b.*|\#.*)?$",
    re.MULTILINE,
)
QUESTION = re.compile(r"### Question \d+\n+(?P<ask>.*?)\n+(?=- \*\*A\*\*)", re.DOTALL)
OPTION = re.compile(r"^- \*\*([A-D])\*\*\s+(.*(?:\n(?!- \*\*|\n).*)*)", re.MULTILINE)

_first: dict[str, str] = {}  # the first letter that each question was given in this kernel


def answers(source: str) -> dict[str, tuple[str, str]]:
    """Return {question: (letter, first letter)} of the answers that a cell's source gives."""
    return {
        match["name"]: (match["letter"].upper(), match["first"] or match["letter"].upper())
        for match in LINE.finditer(source)
        if match["name"] in quiz_key()
    }


def first_answers(sources: Iterable[str]) -> tuple[int, int]:
    """Return (how many questions were right at the first go, how many there are) in a notebook's
    cells. A learner could remove a note: the number is as honest as they are."""
    choices = answers("\n".join(sources))
    return sum(feedback_for(name, first)[0] for name, (_, first) in choices.items()), len(
        quiz_key()
    )


def switch_on() -> None:
    """Register with IPython, once a kernel."""
    if shell := new_shell("quiz"):
        shell.events.register("post_run_cell", _after)
        names = dict(zip(LETTERS, LETTERS), see=see, score=score, answer=shell.user_ns.get)
        for name, value in names.items():  # as the notebook's first cell does, should it be skipped
            shell.user_ns.setdefault(name, value)


def _after(result: Any) -> None:
    """Show below the cell whether its answer is right, and why."""
    source = result.info.raw_cell or ""
    if not result.success or not isinstance(source, str):
        return
    for name, (letter, first) in answers(source).items():
        _first.setdefault(name, first)
        right, why = feedback_for(name, letter)
        text = f"✓ {letter} is right. {why}" if right else f"✗ {letter} is not it. {why}"
        rich = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
        rich = EMPHASIS.sub(r"<em>\1</em>", rich)
        display(text, box(rich, GREEN if right else ORANGE))
    new_source = LINE.sub(_with_first, source)
    if new_source != source:
        running_shell().set_next_input(
            new_source, replace=True
        )  # rewrites the cell that has just run


def _with_first(match: re.Match[str]) -> str:
    """Return the line of an answer, with the first one noted where that was another."""
    first = _first.get(match["name"], match["letter"].upper())
    if match["first"] or first == match["letter"].upper():
        return match[0]
    return f"{match['start']}  # first: {first}"


def see(name: str) -> None:
    """Show the code that proves an answer, and run it. The right answer must have been given."""
    shell = running_shell()
    letter = as_letter(shell.user_ns.get(name)) if shell else None
    if letter is None or not feedback_for(name, letter)[0]:
        return display(f"Answer question {int(name[1:])} first: this shows why.")
    code = deobfuscate(name, letter, quiz_key()[name]["run"])
    display(code, f"```python\n{code}\n```", "text/markdown")
    import math

    import torch

    from llmlib import pretrained

    space = {"math": math, "torch": torch}
    if "model" in code:
        space["model"] = pretrained.load("smollm2")
    exec(compile(code, f"<{name}>", "exec"), space)


def score() -> None:
    """Show how many answers are right, how many were at the first go, and what to read again."""
    shell = running_shell()
    choices = {name: as_letter(shell.user_ns.get(name)) if shell else None for name in quiz_key()}
    right = [name for name, letter in choices.items() if letter and feedback_for(name, letter)[0]]
    at_once = [name for name in right if _first.get(name, choices[name]) == choices[name]]
    all_of = f"of {len(choices)}"
    lines = [f"{len(right)} {all_of} right. First answers right: {len(at_once)} {all_of}."]
    open_questions = [str(int(name[1:])) for name in choices if name not in right]
    if not right:
        lines += [
            "If you have answered some, choose Run All Cells in the menu Run: the kernel is new."
        ]
    elif open_questions:
        lines.append(
            f"Not right yet: question{'s' * (len(open_questions) > 1)} {', '.join(open_questions)}."
        )
    slips = Counter(quiz_key()[name]["about"] for name in right if name not in at_once)
    if slips:
        again = ", ".join(f"{title} ({count})" for title, count in slips.items())
        lines.append(f"Worth a second look, for first answers that were not right: {again}.")
    html = "<br>".join([f"<b>{escape(lines[0])}</b>", *map(escape, lines[1:])])
    display("\n".join(lines), box(html, ORANGE if open_questions else GREEN))


switch_on()
