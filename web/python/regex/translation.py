"""A pattern of the package `regex` in the words of JavaScript's RegExp, with its flag v."""

import re

IGNORECASE, MULTILINE, DOTALL, VERBOSE = 2, 8, 16, 64
FLAGS = {"i": IGNORECASE, "m": MULTILINE, "s": DOTALL, "x": VERBOSE}
TOKEN = re.compile(
    r"""\\(?:[pP]\{[^}]*\} | [pP]\w | x.. | u.... | U.{8} | .)
    | \(\?P<\w+> | \(\?P=\w+\) | \(\?[a-zA-Z01]+\) | \[:\^?\w+:\] | \{\d*,?\d*\} | .""",
    re.DOTALL | re.VERBOSE,
)
WORD = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"
CLASSES = {
    "w": WORD,
    "W": f"[^{WORD}]",
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "s": r"\p{White_Space}",
    "S": r"\P{White_Space}",
}
EDGE = f"(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))"
PLACES = {"A": "^", "Z": "$", "z": "$", "b": EDGE, "B": f"(?!{EDGE})"}
CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a"}
NAMED = {"Alphabetic", "White_Space", "Uppercase", "Lowercase", "Emoji", "Letter", "Number"}
NAMED |= {"Punctuation", "Symbol", "Mark", "Separator", "Other"}


class error(Exception):
    """A pattern that is none, or that RegExp does not know."""


def leading_flags(pattern):
    """The flags that a pattern begins with, as in (?i)."""
    found = re.match(r"\(\?([a-zA-Z01]+)\)", pattern)
    return sum(FLAGS.get(letter, 0) for letter in found[1]) if found else 0


def translated(pattern, flags):
    """The same pattern for RegExp, which of the flags needs i alone."""
    tokens, words, i = TOKEN.findall(pattern), [], 0
    verbose, places = flags & VERBOSE, _places(flags)
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if token == "[":
            i, word = _class(tokens, i, pattern)
            words.append(word)
        elif verbose and token.isspace():
            pass
        elif verbose and token == "#":
            while i < len(tokens) and tokens[i - 1] != "\n":
                i += 1
        elif re.fullmatch(r"\(\?[a-zA-Z01]+\)", token):
            pass  # flags for the whole: leading_flags
        elif token in places:
            words.append(places[token])
        else:
            words.append(_outside(token, pattern))
    return "".join(words)


def _places(flags):
    """What a dot, ^ and $ are in Python: a line ends at \\n, and $ stands before the last."""
    begin, end = PLACES["A"], PLACES["Z"]
    if flags & MULTILINE:
        edges = {"^": f"(?:{begin}|(?<=\\n))", "$": f"(?:{end}|(?=\\n))"}
    else:
        edges = {"^": begin, "$": f"(?=\\n?{end})"}
    return edges | {".": "[^]" if flags & DOTALL else r"[^\n]"}


def _outside(token, pattern):
    """What stands outside of a class of characters."""
    if token.startswith("(?P<"):
        return "(?<" + token[4:]
    if token.startswith("(?P="):
        return f"\\k<{token[4:-1]}>"
    if token[0] == "\\" and (word := PLACES.get(token[1:])):
        return word
    if token[0] == "\\" and token[1:] in CLASSES:
        return f"[{CLASSES[token[1:]]}]"
    if token[0] == "\\" and token[1:].isdigit():
        return token  # a group again
    if token[0] == "\\":
        return _escape(token, pattern)
    if re.fullmatch(r"\{\d+,?\d*\}", token):
        return token
    if re.fullmatch(r"\{,\d+\}", token):
        return "{0" + token[1:]
    return "".join(f"\\{each}" if each in "{}]/" else each for each in token)


def _class(tokens, i, pattern):
    """A class of characters, from behind its bracket: (where it ends, its words)."""
    words, start = ["["], i
    if i < len(tokens) and tokens[i] == "^":
        words.append("^")
        start = i = i + 1
    while i < len(tokens) and (tokens[i] != "]" or i == start):
        token = tokens[i]
        if token.startswith("[:"):
            name = token.strip("[:]")
            words.append(f"\\{'P' if name[0] == '^' else 'p'}{{{_property(name.strip('^'))}}}")
        elif token[0] == "\\" and token[1:] in CLASSES:
            words.append(CLASSES[token[1:]])
        elif token[0] == "\\":
            words.append(_escape(token, pattern))
        elif token == "-" and i > start and tokens[i + 1 : i + 2] not in ([], ["]"]):
            words.append("-")
        else:
            words += map(_character, token)
        i += 1
    if i == len(tokens):
        raise error(f"{pattern!r} is not a pattern: a bracket [ is never closed")
    return i + 1, "".join(words) + "]"


def _escape(token, pattern):
    """What a backslash begins, inside a class and outside."""
    letter, rest = token[1:2], token[2:]
    if letter in ("p", "P"):
        name = rest.strip("{}")
        if name.startswith("^"):
            letter, name = "pP"[letter == "p"], name[1:]
        return f"\\{letter}{{{_property(name)}}}"
    if letter in ("x", "u", "U") and rest:
        return _character(chr(int(rest, 16)))
    if letter in CONTROLS:
        return _character(CONTROLS[letter])
    if not letter or letter.isalnum():
        raise error(f"{token} in {pattern!r} is not in the page: use the notebook")
    return _character(letter)


def _property(name):
    """The name of a property, as JavaScript spells it."""
    long = {"alpha": "Alphabetic", "digit": "Nd", "space": "White_Space", "upper": "Uppercase"}
    long |= {"lower": "Lowercase", "punct": "P"}
    name = long.get(name.lower(), name.removeprefix("Is"))
    known = len(name) < 3 or "=" in name or name in NAMED
    return name if known else f"Script={name}"


def _character(character):
    plain = character.isascii() and character.isalnum()
    return character if plain else f"\\u{{{ord(character):x}}}"
