"""Runs a cell as a notebook does: IPython's own syntax, a top-level await, tracebacks with lines;
and, where asked, within its time.

Only the standard library, and IPython where a cell uses its syntax. Whoever calls this runs
somebody's code.
"""

import __future__

import ast
import asyncio
import contextlib
import inspect
import linecache
import os
import re
import shlex
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

# What may be IPython's syntax: magics, help, and a whole cell that is indented or a transcript.
IPYTHON = re.compile(
    r"^[ \t]*[%!?]|\?[ \t]*$|=[ \t]*[%!]|\A(?:[ \t]*\n)*(?:[ \t]+\S|>>>|In \[)", re.MULTILINE
)
RUNS = re.compile(r"\A(?:\s*%%(?:time|timeit|capture|prun)\b.*)+")  # the rest runs as it is
TIMED = re.compile(r"^%time[ \t]+(?=\S)", re.MULTILINE)  # and so does the rest of that line
SHELL = re.compile(r"^from IPython import get_ipython[ \t]*$", re.MULTILINE)  # it is there already
MAX_MAGICS = 200  # in one cell, or notebook: IPython's transformer reads a cell once for each
ADDED = "cell "  # how the title of a learner's own cell begins: "cell 12"
HELPERS = "the checks' helpers"  # the title of the last step, where there are any
now = time.monotonic  # kept from before any cell: one may put its own in its place


class Missing(NameError):
    """A test asks for a function that no cell has defined."""


@lru_cache(maxsize=256)  # a cell with many magics takes IPython seconds, and is read several times
def python(source: str) -> str:
    """`source` as Python: magics and shell lines call `get_ipython()`. SyntaxError for neither."""
    below = RUNS.sub(lambda found: "\n" * found[0].count("\n"), source)  # keeps its line's number
    source = SHELL.sub("pass", TIMED.sub("", below))
    found = sum(1 for _ in IPYTHON.finditer(source))
    if found > MAX_MAGICS:
        raise SyntaxError("too much notebook syntax in one cell")
    if found:
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            return TransformerManager().transform_cell(source)
        except RuntimeError:  # more magics than IPython transforms
            raise SyntaxError("too much notebook syntax in one cell") from None
    return source


def new_main(name: str = "__main__") -> types.ModuleType:
    """A fresh module, in which classes find themselves, with what a notebook's cells expect."""
    module = sys.modules[name] = types.ModuleType(name)
    if name == "__main__":  # a notebook
        shell = Shell(vars(module))
        vars(module).update(get_ipython=lambda: shell, display=shell.display)
    return module


def run(title: str, source: str, space: dict[str, Any]) -> BaseException | None:
    """Execute one cell in `space`; None, or what it raised: SystemExit, KeyboardInterrupt too."""
    name = f"<{title}>"
    try:
        source = python(source)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for feature in [each for each in space.values() if type(each) is __future__._Feature]:
            flags |= feature.compiler_flag  # an earlier cell's: a kernel keeps them
        code = compile(source, name, "exec", flags, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, space))
        else:
            exec(code, space)
    except BaseException as error:  # noqa: BLE001 - a cell may raise anything
        return error
    return None


class Timed:
    """Runs one cell after the other with `runs`, each for so many `seconds`; those that a learner
    added have `left` together. `limit` is what the last one had."""

    def __init__(
        self, seconds: float, left: float, runs: Callable[..., BaseException | None] = run
    ) -> None:
        self.seconds, self.left, self.runs, self.limit = seconds, left, runs, seconds

    def run(self, title: str, source: str, space: dict[str, Any]) -> BaseException | None:
        """As `run`; who is too slow gets what Ctrl-C does, and what it has made is kept."""
        added, began = title.startswith(ADDED), now()
        self.limit = round(max(0.5, min(self.left, self.seconds)), 1) if added else self.seconds
        error = limited(self.limit, self.runs, title, source, space)
        self.left -= (now() - began) * added
        return error


def limited(
    seconds: float, function: Callable[..., BaseException | None], *args: Any
) -> BaseException | None:
    """What `function` returns, or the KeyboardInterrupt that ended it after so many seconds."""
    try:
        with alarm(seconds):
            return function(*args)
    except KeyboardInterrupt as error:
        return error


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """After so many seconds raises what Ctrl-C does; but on Windows, again each second from then
    on: a cell may catch one, `input()` swallow one."""
    with contextlib.ExitStack() as after:
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            after.callback(signal.setitimer, signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, seconds, 1)
        else:  # Windows: Ctrl-C from a thread, which Python's own loops and time.sleep heed
            timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGINT])
            timer.start()
            after.callback(timer.join)  # else it could ring just after this function
            after.callback(timer.cancel)
        yield


def text_of(error: BaseException) -> str:
    """What an exception says; its class may be the learner's own."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - whatever its __str__ raises
        return "(its text cannot be shown)"


class Shell:
    """What `get_ipython()` gives: magics do nothing but write a file, or run one, or %time's code,
    or go to a folder, or set a variable of the environment.
    What they write is where the folder is that `!mkdir` would have made."""

    def __init__(self, space: dict[str, Any]):
        self.space = space

    def display(self, *_: object, **named: object) -> "Shell | None":
        return self if "display_id" in named else None  # a handle, which can be updated

    def run_line_magic(self, name: str, line: str, *_: object, **__: object) -> None:
        words = [each for each in line.split() if each[0] != "-"] or [""]
        if name == "cd" and os.path.isdir(words[0]):
            os.chdir(words[0])
        if name in ("env", "set_env") and "=" in line:
            variable, value = line.split("=", 1)
            os.environ[variable.strip()] = value.strip()
        files = filter(os.path.isfile, (words[0], f"{words[0]}.py"))
        if name == "run" and (file := next(files, None)):
            with open(file, encoding="utf-8") as text:
                name, line = "time", text.read()
        if name == "time" and line and (error := run("%time", line, self.space)):
            raise error

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        if name in ("writefile", "file"):
            *options, path = shlex.split(line.replace("\\", "/"))
            how = "a" if "-a" in options else "w"
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, how, encoding="utf-8") as file:
                file.write(body)

    def getoutput(self, *_: object, **__: object) -> list[str]:
        return []  # no program runs: of `files = !ls` there are none

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None
