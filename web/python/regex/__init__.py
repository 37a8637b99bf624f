"""A stand-in for the package `regex`, for the page only: the browser's RegExp finds what Python
asks for. `translation` says a pattern in its words. What RegExp cannot do is refused, by name."""

from re import escape  # noqa: F401 - as regex has it

from pyodide.code import run_js
from pyodide.ffi import JsException

from regex.translation import (
    DOTALL,
    IGNORECASE,
    MULTILINE,
    VERBOSE,
    error,
    leading_flags,
    translated,
)

I, M, S, X = IGNORECASE, MULTILINE, DOTALL, VERBOSE  # noqa: E741 - as regex names them
U = UNICODE = 32
V0 = V1 = 0  # what they tell apart, the page does not know

_new = run_js("(pattern, flags) => new RegExp(pattern, flags)")
# All matches, or the first alone: [what lies before it, the match, its groups …] each.
_find = run_js("""(expression, text, all, start) => {
  const found = [];
  let end = start;
  expression.lastIndex = start;
  for (let match; (match = expression.exec(text)); ) {
    found.push([text.slice(end, match.index), ...match]);
    end = match.index + match[0].length;
    if (!all) break;
    if (match[0] === "") expression.lastIndex += text.codePointAt(end) > 0xffff ? 2 : 1;
  }
  return found;
}""")


class Match:
    """Where a pattern was found: `group`, `groups`, `start`, `end` and `span` as regex has them; of
    a group only its text."""

    def __init__(self, string, start, groups):
        self.string, self._start, self._groups = string, start, tuple(groups)

    def group(self, *numbers):
        """The text of a group, or of several; 0 is the whole match."""
        found = tuple(self._groups[number] for number in numbers or (0,))
        return found if len(found) > 1 else found[0]

    def __getitem__(self, number):
        return self.group(number)

    def groups(self, default=None):
        """The texts of all groups."""
        return tuple(default if each is None else each for each in self._groups[1:])

    def start(self):
        """Where the match begins."""
        return self._start

    def end(self):
        """Where it ends."""
        return self._start + len(self._groups[0])

    def span(self):
        """Both."""
        return self.start(), self.end()


class Pattern:
    """A compiled pattern."""

    def __init__(self, pattern, flags=0):
        flags |= leading_flags(pattern)
        self.pattern, self.flags = pattern, flags
        self._source = translated(pattern, flags)
        self._flags = "vi" if flags & IGNORECASE else "v"
        self._all = self._expression("g")
        self.groups = (
            len(_find(_new(f"(?:{self._source})|", f"{self._flags}g"), "", False, 0)[0]) - 2
        )

    def _expression(self, how, behind=""):
        try:
            return _new(
                f"(?:{self._source}){behind}" if behind else self._source, self._flags + how
            )
        except JsException as wrong:
            why = str(wrong).rpartition(": ")[2]
            raise error(
                f"{self.pattern!r} is not a pattern, or not one for the page: {why}"
            ) from None

    def _matches(self, expression, string, pos, all=True):
        if not isinstance(string, str):
            raise TypeError(f"expected a string, got {type(string).__name__}")
        at = pos = min(max(pos, 0), len(string))
        start = len(string[:pos].encode("utf-16-le")) // 2  # as JavaScript counts
        for before, *groups in _find(expression, string, all, start).to_py():
            at += len(before)
            yield Match(string, at, groups)
            at += len(groups[0])

    def finditer(self, string, pos=0):
        """All matches."""
        return self._matches(self._all, string, pos)

    def findall(self, string, pos=0):
        """Their texts; those of the groups, if there are groups."""
        matches = self.finditer(string, pos)
        if self.groups < 2:
            return [each.group(self.groups) or "" for each in matches]
        return [each.groups("") for each in matches]

    def search(self, string, pos=0):
        """The first match, or None."""
        return next(self._matches(self._all, string, pos, False), None)

    def match(self, string, pos=0):
        """The match at the beginning, or None."""
        return next(self._matches(self._expression("gy"), string, pos, False), None)

    def fullmatch(self, string, pos=0):
        """The match of the whole, or None."""
        whole = self._expression("gy", "$")
        return next(self._matches(whole, string, pos, False), None)

    def split(self, string, maxsplit=0):
        """What lies between the matches, with their groups."""
        pieces, at = [], 0
        for each in [*self.finditer(string)][: maxsplit or None]:
            pieces += [string[at : each.start()], *each.groups()]
            at = each.end()
        return [*pieces, string[at:]]

    def sub(self, by, string, count=0):
        """The string with its matches replaced, by a text or by what a function makes of each."""
        if isinstance(by, str) and "\\" in by:
            raise error(f"{by!r} refers to groups, which is not in the page: give a function")
        pieces, at = [], 0
        for each in [*self.finditer(string)][: count or None]:
            pieces += [string[at : each.start()], by(each) if callable(by) else by]
            at = each.end()
        return "".join([*pieces, string[at:]])


_known = {}


def compile(pattern, flags=0):
    """The Pattern of a text. regex.error where it is none, or none for the page."""
    if isinstance(pattern, Pattern):
        return pattern
    if (pattern, flags) not in _known:
        _known[pattern, flags] = Pattern(pattern, flags)
    return _known[pattern, flags]


def _of(name):
    def function(pattern, *args, flags=0, **kwargs):
        return getattr(compile(pattern, flags), name)(*args, **kwargs)

    function.__name__ = name
    return function


findall, finditer, search, match = map(_of, ("findall", "finditer", "search", "match"))
fullmatch, split, sub = map(_of, ("fullmatch", "split", "sub"))


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"regex.{name} is not in the page: use the notebook")
