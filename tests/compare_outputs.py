"""Compare a notebook's outputs as nbval does, but read numbers as numbers: another processor adds
in another order, and the last printed digit may fall on its neighbour.

Words are equal, and so are whole numbers: ids, counts, shapes. A number with a decimal point may
differ by one unit of its last printed place: 0.00632 and 0.00633 agree, 0.31 and 0.33 do not.
"""

import re
from decimal import Decimal

import nbval.plugin

# Not within a word (v1.2), nor a version (2.13.0). Spaces before it are its own: a column keeps
# its width where 9.99 becomes 10.00.
NUMBER = re.compile(
    r" *+(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})++|\d++)\.\d++(?:e[-+]?\d++)?+(?!\.?\d)"
)
CONTEXT = 40  # characters shown before a difference, and after its beginning


def difference(stored: str, seen: str) -> str | None:
    """Return the first difference of two outputs in one line; None where they agree."""
    at, to = 0, 0  # how far both are compared
    pairs = zip([*NUMBER.finditer(stored), None], [*NUMBER.finditer(seen), None], strict=False)
    for old, new in pairs:
        both = old and new  # else the rest is compared as words
        words = stored[at : old.start() if both else None], seen[to : new.start() if both else None]
        if words[0] != words[1]:
            apart = next(
                (i for i, (a, b) in enumerate(zip(*words)) if a != b), min(map(len, words))
            )
            return _line(stored, seen, at + apart, to + apart)
        if both:
            if not _agree(old[0], new[0]):
                return _line(stored, seen, old.start(), new.start())
            at, to = old.end(), new.end()
    return None


def _agree(old: str, new: str) -> bool:
    """Tell whether two numbers differ by one unit at most, and take the same place in a column."""
    if old == new:
        return True
    (a, unit), (b, other) = _value_and_unit(old), _value_and_unit(new)
    spaces = [len(each) - len(each.lstrip()) for each in (old, new)]
    in_place = spaces[0] == spaces[1] or len(old) == len(new)
    return in_place and abs(a - b) <= min(unit, other)


def _value_and_unit(number: str) -> tuple[Decimal, Decimal]:
    value = Decimal(number.strip().replace(",", "").replace("−", "-"))
    return value, Decimal(1).scaleb(int(value.as_tuple().exponent))


def _line(stored: str, seen: str, at: int, to: int) -> str:
    old, new = (
        text[max(0, start - CONTEXT) : start + CONTEXT]
        for text, start in ((stored, at), (seen, to))
    )
    return f"stored {old!r}, seen {new!r}"


class Output(str):
    """Hold an output's text for nbval, which compares by `!=`."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and difference(str(self), str(other)) is None

    def __ne__(self, other: object) -> bool:
        return not self == other


def switch_on() -> None:
    """Let nbval compare so, and say in one line what differs."""
    cell = nbval.plugin.IPyNbCell
    sanitize = cell.sanitize

    def as_output(self, text):
        clean = sanitize(self, text)
        return Output(clean) if isinstance(clean, str) else clean

    def show(self, key, stored, seen):
        line = difference(stored, seen) if isinstance(stored, str) else f"{stored!r}, {seen!r}"
        self.comparison_traceback.append(f"{key}: {line}")

    cell.sanitize, cell.format_output_compare = as_output, show
