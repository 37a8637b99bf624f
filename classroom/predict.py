"""Record a prediction before the notebook shows the answer.

`predict` has a cell of its own, which the learner gets with `yours=...`. `reveal` is called where
the answer is computed, `predictions` at the end, to show how they went.

Importing this in a running IPython also makes it read a guess as people type it: yours=50%. In the
course's JupyterLab buttons write the guess (`lab/labextensions/llmlib/static/predictions.js`).
"""

import builtins
from collections.abc import Iterable
from html import escape
from typing import Any

from exercises import prediction_cells
from exercises.feedback import BLUE, GREEN, box, display, new_shell

# key: {"question", "options", "yours", and once revealed "answer" and, of a guess, "right"}
_guesses: dict[str, dict] = {}


class NoGuess(Exception):
    """Refuse a prediction that was not made, or not as asked. IPython shows its sentence alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def predict(
    key: str, question: str, options: dict[str, str] | None = None, *, yours: Any = ...
) -> None:
    """Record `yours`: a letter of `options` ({"A": "a new line"}), or without options a number,
    also as a text such as "50%", "0,5" or "1/2"; None for no guess. Raises `NoGuess` while `yours`
    is still `...`. Once its answer was shown, a guess stands."""
    if yours is ...:
        raise NoGuess(
            "Predict first: put your guess in place of the dots in yours=..., then run this cell "
            "again (None: no guess)."
        )
    if yours is not None:
        try:
            yours = prediction_cells.guess(yours, question, options)
        except ValueError as error:
            raise NoGuess(str(error)) from None
    if "answer" in (guess := _guesses.get(key, {})):
        late = "a prediction comes too late now"
        stands = late if guess["yours"] is None else "your first prediction stands"
        return _say(f"The answer has been shown: {stands}.")
    _guesses[key] = {"question": question, "options": options, "yours": yours}
    if yours is None:
        return _say("No prediction. Go on.")
    _say(f"Noted: {_text(_guesses[key], yours)}. Run on to see.")


def reveal(key: str, answer: Any, within: float | None = None) -> None:
    """Show the guess beside `answer`, a letter or a number; without a guess the answer alone.
    A number is right when it is at most `within` away (default: a quarter of the answer)."""
    guess = _guesses.setdefault(key, {"question": key, "options": None, "yours": None})
    guess["answer"] = answer = answer if type(answer) is str else float(answer)
    yours, sentence = guess["yours"], f"It is {_text(guess, answer)}."
    if yours is None:
        return _say(sentence)
    if guess["options"] is not None:
        right = yours == answer
    else:
        right = abs(yours - answer) <= (abs(answer) / 4 if within is None else within)
    guess["right"] = right
    _say(f"{'✓ ' if right else ''}You said {_text(guess, yours)}. {sentence}", right)


def predictions() -> None:
    """Show a table of what was predicted and what came, for the end of a notebook."""
    rows = [guess for guess in _guesses.values() if "answer" in guess]
    guesses = [guess for guess in rows if guess["yours"] is not None]
    if not guesses:
        return _say("No predictions are recorded since the notebook was started.")
    hits = sum(guess["right"] for guess in guesses)
    head = f"{hits} of {len(guesses)} as you predicted. The others are worth a second look."
    if hits == len(guesses):
        head = f"All {hits} as you predicted."
    cells = [
        ("✓" if e.get("right") else "·", e["question"], _text(e, e["yours"]), _text(e, e["answer"]))
        for e in rows
    ]
    table = _row("th", ("", "", "you", "it was")) + "".join(_row("td", row) for row in cells)
    lines = (
        f"{mark} {question} You: {guess}. It was: {answer}."
        for mark, question, guess, answer in cells
    )
    display("\n".join([head, *lines]), f"<p><b>{escape(head)}</b></p><table>{table}</table>")


def _row(tag: str, words: Iterable[str]) -> str:
    cells = (f'<{tag} style="text-align:left">{escape(word)}</{tag}>' for word in words)
    return f"<tr>{''.join(cells)}</tr>"


def _text(guess: dict, value: Any) -> str:
    if value is None:
        return "no guess"
    if guess["options"] is not None:
        return f"{value}, {guess['options'][value]}"
    return value if type(value) is str else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _say(text: str, right: bool | None = None) -> None:
    display(text, box(escape(text), GREEN if right else BLUE))


def switch_on() -> None:
    """Register with IPython, once a kernel."""
    if shell := new_shell("predict"):
        shell.input_transformers_post.append(lambda lines: _readable(lines, shell.user_ns))


def _readable(lines: list[str], user_ns: dict[str, Any]) -> list[str]:
    """Return the lines of a cell, with a guess that is no Python in quotes."""
    names = {*user_ns, *vars(builtins)}
    return prediction_cells.readable("".join(lines), names).splitlines(keepends=True)


switch_on()
