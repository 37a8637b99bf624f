"""Predictions: a guess is recorded before the notebook shows the answer.

`predict` has a cell of its own, which the learner gets with `yours=...`. `reveal` is called where
the answer is computed, `predictions` at the end, to show how they went.
"""

import ast
import io
import tokenize
from collections.abc import Iterable
from html import escape
from typing import Any

from llmlib.course.feedback import BLUE, GREEN, box, display

# key: {"question", "options", "yours", and once revealed "answer" and, of a guess, "right"}
_guesses: dict[str, dict] = {}


class NoGuess(Exception):
    """A prediction that was not made, or not as asked. IPython shows its sentence alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def predict(
    key: str, question: str, options: dict[str, str] | None = None, *, yours: Any = ...
) -> None:
    """Record `yours`: a number, or a letter of `options` ({"A": "a new line"}); None for no guess.
    Raises `NoGuess` while `yours` is still `...`. Once its answer was shown, a guess stands."""
    if yours is ...:
        raise NoGuess(
            "Predict first: put your guess in place of the dots in yours=..., then run this cell "
            "again (None: no guess)."
        )
    if options is not None and yours is not None:
        yours = yours.strip().upper() if type(yours) is str else yours
        if yours not in tuple(options):
            first = next(iter(options))
            raise NoGuess(f'Choose one of the letters {", ".join(options)}, as in yours="{first}".')
    elif yours is not None and (type(yours) not in (int, float) or abs(yours) > 1e300):
        said = "write it as in yours=3, without quotes or anything around it."
        raise NoGuess(f"This prediction is a number below 1e300: {said}")
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
    yours, told = guess["yours"], f"It is {_text(guess, answer)}."
    if yours is None:
        return _say(told)
    if guess["options"] is not None:
        right = yours == answer
    else:
        right = abs(yours - answer) <= (abs(answer) / 4 if within is None else within)
    guess["right"] = right
    _say(f"{'✓ ' if right else ''}You said {_text(guess, yours)}. {told}", right)


def predictions() -> None:
    """A table of what was predicted and what came, for the end of a notebook."""
    rows = [each for each in _guesses.values() if "answer" in each]
    made = [each for each in rows if each["yours"] is not None]
    if not made:
        return _say("No predictions are recorded since the notebook was started.")
    hits = sum(each["right"] for each in made)
    head = f"{hits} of {len(made)} as you predicted. The others are worth a second look."
    if hits == len(made):
        head = f"All {hits} as you predicted."
    cells = [
        ("✓" if e.get("right") else "·", e["question"], _text(e, e["yours"]), _text(e, e["answer"]))
        for e in rows
    ]
    table = _row("th", ("", "", "you", "it was")) + "".join(_row("td", row) for row in cells)
    lines = (f"{mark} {asked} You: {mine}. It was: {was}." for mark, asked, mine, was in cells)
    display("\n".join([head, *lines]), f"<p><b>{escape(head)}</b></p><table>{table}</table>")


def _row(tag: str, words: Iterable[str]) -> str:
    cells = (f'<{tag} style="text-align:left">{escape(word)}</{tag}>' for word in words)
    return f"<tr>{''.join(cells)}</tr>"


def is_prediction(source: str) -> bool:
    """Is this cell one call of `predict` and nothing else? Graders leave those out."""
    return _call(source) is not None


def with_guess(source: str, guess: str) -> str:
    """A prediction cell with the code `guess` in the guess's place; any other cell as it is."""
    yours = _argument(source, "yours")
    if yours is None:
        return source
    lines = [line.encode() for line in source.split("\n")]
    first, last = yours.lineno - 1, (yours.end_lineno or 0) - 1
    tail = lines[last][yours.end_col_offset :]
    lines[first : last + 1] = [lines[first][: yours.col_offset] + guess.encode() + tail]
    return b"\n".join(lines).decode()


def with_comments(source: str, other: str) -> str:
    """`source` with those comments of `other`, a prediction cell, below it that it lacks."""
    tokens = tokenize.generate_tokens(io.StringIO(other).readline)
    notes = (each.string for each in tokens if each.type == tokenize.COMMENT)
    return "\n".join([source, *(note for note in notes if note not in source)])


def guess_in(source: str) -> tuple[str, str, dict[str, str]]:
    """(key, the guess's code, options) of a prediction cell, the options {} for a number."""
    key, yours, options = (_argument(source, name) for name in ("key", "yours", "options"))
    code = ast.get_source_segment(source, yours) if yours else None
    try:
        known = ast.literal_eval(options) if options else {}
    except (ValueError, TypeError):  # computed: no cell of ours does it
        known = {}
    return ast.unparse(key) if key else "", code or "...", known if type(known) is dict else {}


def _argument(source: str, name: str) -> ast.expr | None:
    """What the call of a prediction cell gives for a parameter of `predict`."""
    call = _call(source)
    if call is None:
        return None
    given = dict(zip(("key", "question", "options"), call.args))
    given |= {each.arg: each.value for each in call.keywords if each.arg}
    return given.get(name)


def _call(source: str) -> ast.Call | None:
    if "predict(" not in source:
        return None
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match body:
        case [ast.Expr(ast.Call(ast.Name("predict")) as call)]:
            return call
    return None


def _text(guess: dict, value: Any) -> str:
    if value is None:
        return "no guess"
    if guess["options"] is not None:
        return f"{value}, {guess['options'][value]}"
    return value if type(value) is str else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _say(text: str, right: bool | None = None) -> None:
    display(text, box(escape(text), GREEN if right else BLUE))
