"""Checks an exercise in the page as `llmlib check` does: llmlib's own code runs the reader's
cell and the released test cell, and says what is wrong in the same words. Runs in Pyodide
(worker.js)."""

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path

import not_in_the_page

not_in_the_page.switch_on()

import torch_operators  # noqa: E402 - what is imported above makes it importable

torch_operators.switch_on()

from classroom.checking import run_cells, run_tests  # noqa: E402
from classroom.checking.definitions import definitions  # noqa: E402
from classroom.checking.scopes import names  # noqa: E402
from classroom.checking.snapshots import Home, Snapshots  # noqa: E402

# {notebook: {imports, steps: [[title, source]], exercises: {name: {check, disallowed}}}}, of
# authoring/site/python_parts.py
BOOKS = json.loads(Path(__file__).with_name("exercises.json").read_text(encoding="utf-8"))
SECONDS = 20  # named in a message; the page stops what takes longer
PRINTED = 10_000  # characters
SENTENCES = {  # for exceptions that come without a text
    MemoryError: "the code asks for more memory than there is, so let it hold less at a time",
    SystemExit: "the code ends Python, so let it return a value instead",
    KeyboardInterrupt: "the code interrupts itself, so let it return a value instead",
}
_passed = {}  # (notebook, exercise, its code, the others that it uses): did the check pass


def check(notebook, name, code, others, tell=lambda name: None):
    """{passed, message, printed, uses} for the reader's `code` of an exercise, as JSON. `others`
    is their code of other exercises, {name: code}: one that this exercise calls is used if it
    passes its own check, else the course's is. `tell` hears the name of the exercise whose check
    begins."""
    sys.setrecursionlimit(3000)  # as in the grader
    printed, sys.stdin = _Printed(), _Empty()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        message, uses = _judge(notebook, name, code, others, tell)
    found = {"passed": message is None, "message": message or "", "printed": printed.text()}
    found["uses"] = [{"name": each, "whose": whose} for each, whose in uses.items()]
    return json.dumps(found)


def _judge(notebook, name, code, others, tell):
    """(What is wrong, or None; {exercise that this one uses: "reader" or "course"})."""
    book, chosen, uses = BOOKS[notebook], {name: code}, {}
    others = {each: text for each, text in others.items() if each in book["exercises"]}
    while missing := [each for each in _called(book, name, others | chosen) if each not in chosen]:
        first, rest = missing[0], {key: others[key] for key in others if key not in chosen}
        mine = rest.pop(first, None)
        uses[first] = "course"
        chosen[first] = dict(book["steps"])[first]
        if mine is not None and _passes(notebook, first, mine, rest, tell):
            uses[first], chosen[first] = "reader", mine
    order = [title for title, _ in book["steps"] if title in uses]
    tell(name)
    return _outcome(book, name, chosen), {each: uses[each] for each in order}


def _passes(notebook, name, code, others, tell):
    key = notebook, name, code, frozenset(others.items())
    if key not in _passed:
        with contextlib.redirect_stdout(None):
            _passed[key] = _judge(notebook, name, code, others, tell)[0] is None
    return _passed[key]


def _called(book, name, cells):
    """The exercises whose functions the check of `name` may call, in the order of the notebook."""
    return reached(book, names(book["exercises"][name]["check"]).reads | {name}, cells)


def reached(book, todo, cells):
    """The exercises whose functions the names of `todo` lead to, in the order of the notebook."""
    parts = []  # (exercise, what it makes, what it reads); a given cell is many, one for each name
    for title, source in book["steps"]:
        if title in book["exercises"]:
            read = names(cells.get(title, source))
            parts.append((title, read.binds, read.reads))
        else:
            parts += [(None, each.names, each.reads) for each in definitions([source])]
    known, used = set(), set()
    while todo:
        known |= todo
        made = [each for each in parts if each[1] & todo]
        used |= {title for title, *_ in made}
        todo = set().union(*(read for *_, read in made)) - known
    return [each for each in book["exercises"] if each in used]


def _outcome(book, name, cells):
    """What is wrong when the check of `name` runs after the given cells and `cells`, else None."""
    exercise, space, failure = book["exercises"][name], vars(run_cells.new_main()), None
    warnings.simplefilter("ignore")
    titles = [title for title, _ in book["steps"]]
    homes = {each: Home(titles.index(each)) for each in book["exercises"]}
    kept = Snapshots(space, homes)
    for number, (title, source) in enumerate(book["steps"]):
        error = run_cells.run(title, cells.get(title, source), space)
        kept.after(number)
        if title == name:
            failure = _told(error)
    warnings.simplefilter("ignore")  # a cell may have made them errors
    given = name, exercise["check"], kept, book["imports"], exercise["disallowed"]
    try:
        error = run_tests.judge(*given)
    except Exception as missing:  # noqa: BLE001 - what the course imports needs more than is here
        error = missing
    undefined = isinstance(error, NameError)  # because the cell that defines it failed
    return (undefined and failure) or _told(error, name)


def _told(error, name=""):
    """What the notebook says of an exception, with a sentence where that is a name alone."""
    if type(error) in SENTENCES and not run_cells.error_text(error):
        error.args = (SENTENCES[type(error)],)
    return run_tests.error_message(error, SECONDS, name)


class _Empty(io.TextIOBase):
    """Stands for the keyboard, on which nobody types while a check runs: in the notebook's checks
    it is empty, too."""

    def readable(self):
        return True

    def readline(self, size=-1):
        raise EOFError("nothing can be typed in while a check runs: use the function's arguments")

    read = readline


class _Printed(io.TextIOBase):
    """What is printed, as much of it as a page should show."""

    def __init__(self):
        self.pieces, self.left, self.cut = [], PRINTED, False

    def writable(self):
        return True

    def write(self, text):
        self.cut |= len(text) > self.left
        if self.left and text:
            self.pieces.append(text[: self.left])
            self.left -= len(self.pieces[-1])
        return len(text)

    def text(self):
        return "".join(self.pieces) + "…" * self.cut
