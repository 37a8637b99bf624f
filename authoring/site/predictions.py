"""The predictions of a notebook, for the page: what each asks, its answer, and which cells and
texts give the answer away.

The answers are those that the executed notebook shows. web/predictions.js compares a reader's guess
with them, as `classroom.predict.reveal` does.
"""

import ast
import re
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from exercises import prediction_cells

SHOWN = re.compile(r"^(?:✓ )?(?:You said .*)?It is (.*)\.$", re.DOTALL)
EXPLAINS = re.compile(r'<details class="reveal" data-prediction="(.*?)">')


@dataclass(frozen=True)
class Answer:
    """The answer of a prediction: a letter or a number as text, in words, and how near a guess of a
    number must be (None: within a quarter of it)."""

    value: str
    words: str
    within: float | None


def asked(cell: NotebookNode) -> dict[str, Any] | None:
    """What a prediction cell asks (`prediction_cells.form`); None for any other cell."""
    if cell.cell_type != "code" or not prediction_cells.is_prediction(cell.source):
        return None
    return prediction_cells.form(cell.source)


def answers(cells: list[NotebookNode]) -> dict[str, Answer]:
    """{key: its answer} of all predictions that the cells reveal."""
    found = {}
    for cell in cells:
        shown = [words for output in cell.get("outputs", ()) if (words := answer_in(output))]
        for call, words in zip(_reveals(cell), shown):
            letter = re.fullmatch(r"([A-H]), (.*)", words, re.DOTALL)
            value = letter[1] if letter else words.replace(",", "")
            found[call[0]] = Answer(value, words, call[1])
    return found


def answer_in(output: NotebookNode) -> str:
    """The words of the answer that an output of `reveal` shows; nothing for any other output."""
    match = SHOWN.match(output.get("data", {}).get("text/plain", ""))
    return match[1] if match else ""


def revealed(cell: NotebookNode) -> list[str]:
    """The keys of the predictions that a code cell, or a text about them, gives away."""
    if cell.cell_type == "markdown":
        return EXPLAINS.findall(cell.source)
    return [key for key, _ in _reveals(cell)]


def _reveals(cell: NotebookNode) -> list[tuple[str, float | None]]:
    """(key, within) of each call of `reveal` in a cell, in order."""
    calls = prediction_cells.reveals(cell.source) if cell.cell_type == "code" else []
    return [(ast.literal_eval(call.args[0]), _within(call)) for call in calls]


def _within(call: ast.Call) -> float | None:
    named = [each.value for each in call.keywords if each.arg == "within"]
    given = [*call.args[2:], *named]
    return float(ast.literal_eval(given[0])) if given else None
