"""Read the text of a prediction cell, one call of `predict` and nothing else: what it asks, the
guess in it, and how a guess may be typed. Nothing here runs a cell.

    predict("paris", "How probable is ' Paris', from 0 to 1?", yours=50%)

`yours=50%` and `yours=0,5` are no Python. `readable` puts such a guess in quotes, in the kernel
(`predict.switch_on`) and wherever a cell is read; the cell itself keeps what was typed.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Collection, Container
from typing import Any

NO_GUESS = "..."
BEGINS = re.compile(r"(?:\s|#[^\n]*\n)*predict\s*\(")  # comments may be above the call
PIECE = re.compile(
    r'''("""|\'\'\')(?:\\.|[^\\])*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*'''
    r"|\byours\s*=(?!=)|\w+|\s+|.",
    re.DOTALL,
)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII)
RANGE = re.compile(r"\bfrom (\d+) to (\d+)\b")
QUOTES = " \t\n\"'“”„‘’`"


def is_prediction(source: str) -> bool:
    """Tell whether a cell is one call of `predict` and nothing else. Graders leave those out."""
    return _call(readable(source)) is not None


def with_guess(source: str, guess: str) -> str:
    """Return a prediction cell with the code `guess` in the guess's place; any other cell as it
    is."""
    text = readable(source)
    argument = _argument(text, "yours")
    if argument is None:
        return source
    lines = [line.encode() for line in text.split("\n")]
    first, last = argument.lineno - 1, (argument.end_lineno or 0) - 1
    tail = lines[last][argument.end_col_offset :]
    lines[first : last + 1] = [lines[first][: argument.col_offset] + guess.encode() + tail]
    return b"\n".join(lines).decode()


def with_comments(source: str, old_source: str) -> str:
    """Add to `source` those comments of `old_source`, a prediction cell, that it lacks."""
    tokens = tokenize.generate_tokens(io.StringIO(readable(old_source)).readline)
    notes = (token.string for token in tokens if token.type == tokenize.COMMENT)
    return "\n".join([source, *(note for note in notes if note not in source)])


def guess_in(source: str) -> tuple[str, str, dict[str, str]]:
    """Return (key, the guess's code, options) of a prediction cell, {} options for a number."""
    text = readable(source)
    key, argument, options = (_argument(text, name) for name in ("key", "yours", "options"))
    code = ast.get_source_segment(text, argument) if argument else None
    choices = _value(options)
    return ast.unparse(key) if key else "", code or NO_GUESS, choices if _is_dict(choices) else {}


def form(source: str) -> dict[str, Any] | None:
    """Return what JupyterLab's buttons show for a prediction cell: key, question, options ({} for a
    number), yours (None: not answered yet; "": no guess), and of a number the range [low, high]
    that its question names, or None. None for any other cell."""
    text = readable(source)
    key, question = (_value(_argument(text, name)) for name in ("key", "question"))
    if type(key) is not str or type(question) is not str:
        return None
    _, code, options = guess_in(text)
    answer = code.strip(QUOTES)
    match = RANGE.search(question)
    return {
        "key": key,
        "question": question,
        "options": options,
        "yours": None if code == NO_GUESS else "" if answer == "None" else answer,
        "range": [*map(int, match.groups())] if match and not options else None,
    }


def reveals(source: str) -> list[ast.Call]:
    """Return the calls of `reveal` in a cell, in order; none in a cell that is no Python."""
    if "reveal(" not in source:
        return []
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    calls = [
        node
        for node in nodes
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reveal"
    ]
    return sorted(calls, key=lambda call: call.lineno)


def code_of(source: str, text: str) -> str:
    """Return the code of a guess that was clicked or typed for a prediction cell: 'A', '50 %', or
    '' for no guess. ValueError with a sentence if it is none."""
    cell = form(source)
    if cell is None:
        raise ValueError("This cell is not a prediction.")
    if not text.strip():
        return "None"
    return json.dumps(guess(text, cell["question"], cell["options"] or None))


def guess(value: Any, question: str, options: Collection[str] | None) -> Any:
    """Turn a guess as given into a letter of `options`, or without options a number: 0.5 for 0.5,
    "50%", "0,5" or "1/2". ValueError with a sentence if it is neither."""
    if options is not None:
        letter = value.strip(QUOTES).upper() if type(value) is str else value
        if type(letter) is str and letter in options:
            return letter
        first = next(iter(options))
        raise ValueError(f'Choose one of the letters {", ".join(options)}, as in yours="{first}".')
    result = number(value, "percent" in question) if type(value) is str else value
    if isinstance(result, bool) or not isinstance(result, int | float) or not abs(result) <= 1e300:
        raise ValueError(
            "This prediction is a number below 1e300: write it as in yours=3, yours=0.5, "
            "yours=50% or yours=1/2."
        )
    return result


def number(text: str, in_percent: bool = False) -> int | float | None:
    """Return the number that a text says, or None: 0.5 for 0.5, 0,5, .5, 50%, 1/2 and 5e-1; 1,000
    and 1 000 are a thousand. If the question asks for percent, 50% is 50."""
    digits = re.sub(r"(?<=\d) (?=\d{3}\b)", "", text.strip(QUOTES).replace("−", "-").lower())
    digits, percent = re.subn(r"\s*(%|percent)$", "", digits)
    above, slash, below = (part.strip() for part in digits.partition("/"))
    value, divisor = _decimal(above), _decimal(below) if slash else None
    if value is None or (slash and not divisor):
        return None
    value = value / divisor if divisor else value
    return value / 100 if percent and not in_percent else value


def _decimal(text: str) -> int | float | None:
    plain = text.replace(",", "" if THOUSANDS.fullmatch(text) else ".")
    if not DECIMAL.fullmatch(plain):
        return None
    return int(plain) if plain.lstrip("+-").isdigit() and len(plain) < 300 else float(plain)


def readable(source: str, names: Container[str] | None = None) -> str:
    """Return a prediction cell as Python: a guess such as 50%, 0,5 or A is put in quotes, and the
    dots are put back where nothing is left. Names that are not `names` are quoted too, if `names`
    is given. Any other cell, and one that is Python already, as it is."""
    if not BEGINS.match(source) or (place := _place_of_guess(source)) is None:
        return source
    start, end = place
    result = source[:start] + _as_python(source[start:end], names) + source[end:]
    return result if _call(result) else source


def _place_of_guess(source: str) -> tuple[int, int] | None:
    """(start, end) of what is typed after `yours=`, the last argument, without a closing comma."""
    depth, start, end = 0, None, 0
    for piece in PIECE.finditer(source):
        text = piece[0]
        depth += (text in "([{") - (text in ")]}")
        if text in ")]}" and depth == 0:
            break
        if start is None and depth == 1 and re.fullmatch(r"yours\s*=", text):
            start = end = piece.end()
        elif start is not None and not text.isspace() and text[0] != "#":
            start = piece.start() if start == end else start
            end = piece.end()
    else:
        return None
    if start is None:
        return None
    content = source[start:end].removesuffix(",").rstrip()
    return start, start + len(content)


def _as_python(content: str, known_names: Container[str] | None) -> str:
    in_quotes = json.dumps(content, ensure_ascii=False)
    if not content:
        return NO_GUESS
    try:
        code = ast.parse(f"({content}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return in_quotes
    names = [node.id for node in ast.walk(code) if isinstance(node, ast.Name)]
    letter = isinstance(code, ast.Name) and len(content) == 1
    unknown = known_names is not None and any(name not in known_names for name in names)
    comma = isinstance(code, ast.Tuple)
    by_zero = re.fullmatch(r"[\d.\s]+/[\d.\s]+", content) and number(content) is None
    return in_quotes if letter or unknown or comma or by_zero else content


def _argument(source: str, name: str) -> ast.expr | None:
    """Return what the call of a prediction cell gives for a parameter of `predict`."""
    call = _call(source)
    if call is None:
        return None
    arguments = dict(zip(("key", "question", "options"), call.args))
    arguments |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    return arguments.get(name)


def _call(source: str) -> ast.Call | None:
    if "predict" not in source:
        return None
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match body:
        case [ast.Expr(ast.Call(ast.Name("predict")) as call)]:
            return call
    return None


def _value(code: ast.expr | None) -> Any:
    """Return what a literal says; None for what is computed: no cell of the course does it."""
    try:
        return ast.literal_eval(code) if code else None
    except (ValueError, TypeError):
        return None


def _is_dict(value: Any) -> bool:
    return type(value) is dict
