"""Run a cell as a notebook does: IPython's syntax, top-level await, tracebacks with source lines,
and a time limit if there is one.

It imports the standard library only, and IPython where a cell uses its syntax. The cells are
somebody else's code.
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

# What may be IPython's syntax: magics, help, a cell that is indented as a whole or a transcript.
IPYTHON = re.compile(
    r"^[ \t]*[%!?]|\?[ \t]*$|=[ \t]*[%!]|\A(?:[ \t]*\n)*(?:[ \t]+\S|>>>|In \[)", re.MULTILINE
)
RUN_MAGICS = re.compile(
    r"\A(?:\s*%%(?:time|timeit|capture|prun)\b.*)+"
)  # the rest of the cell runs as Python
TIME_MAGIC = re.compile(r"^%time[ \t]+(?=\S)", re.MULTILINE)  # the rest of the line runs
IMPORTS_SHELL = re.compile(
    r"^from IPython import get_ipython[ \t]*$", re.MULTILINE
)  # defined already
MAX_MAGICS = 200  # in one cell, or notebook: IPython's transformer reads a cell once for each
ADDED_TITLE = "cell "  # the title of a cell that a learner added begins so: "cell 12"
HELPERS_TITLE = "the checks' helpers"  # the title of the last step, if there are any
# The text of an interruption by a time limit, and of one that the processor's time did not cause.
OUT_OF_TIME, BY_THE_CLOCK = "by the processor's time", "by the clock"
# Read before any cell runs: a cell may replace the functions of `time`.
now, processor_time = time.monotonic, time.process_time


class MissingFunction(NameError):
    """Report that a test calls a function that no cell has defined."""


@lru_cache(maxsize=256)  # a cell with many magics takes IPython seconds, and is read several times
def to_python(source: str) -> str:
    """Return `source` as Python; magics and shell lines call `get_ipython()`. Raises
    SyntaxError."""
    below = RUN_MAGICS.sub(
        lambda match: "\n" * match[0].count("\n"), source
    )  # keeps its line's number
    source = IMPORTS_SHELL.sub("pass", TIME_MAGIC.sub("", below))
    count = sum(1 for _ in IPYTHON.finditer(source))
    if count > MAX_MAGICS:
        raise SyntaxError("too much notebook syntax in one cell")
    if count:
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            return TransformerManager().transform_cell(source)
        except RuntimeError:  # more magics than IPython transforms
            raise SyntaxError("too much notebook syntax in one cell") from None
    return source


def new_main(name: str = "__main__") -> types.ModuleType:
    """Make a new module in `sys.modules`, where pickle finds its classes; `__main__` has what a
    notebook has: get_ipython and display."""
    module = sys.modules[name] = types.ModuleType(name)
    if name == "__main__":  # a notebook
        shell = NotebookShell(vars(module))
        vars(module).update(get_ipython=lambda: shell, display=shell.display)
    return module


def run(title: str, source: str, space: dict[str, Any]) -> BaseException | None:
    """Execute one cell in `space`; returns what it raised, SystemExit and KeyboardInterrupt too, or
    None."""
    name = f"<{title}>"
    try:
        source = to_python(source)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for feature in [value for value in space.values() if type(value) is __future__._Feature]:
            flags |= feature.compiler_flag  # an earlier cell's, which a kernel keeps
        code = compile(source, name, "exec", flags, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, space))
        else:
            exec(code, space)
    except BaseException as error:  # noqa: BLE001 - a cell may raise anything
        return error
    return None


class CellTimer:
    """Run cells one by one with `run_cell`, each for `seconds` at most; all cells that a learner
    added have `added_seconds` together. `limit` is the limit of the last cell."""

    def __init__(
        self,
        seconds: float,
        added_seconds: float,
        run_cell: Callable[..., BaseException | None] = run,
        patience: float = 1,
    ) -> None:
        self.seconds, self.left, self.run_cell = seconds, added_seconds, run_cell
        self.limit, self.patience = seconds, patience

    def run(self, title: str, source: str, space: dict[str, Any]) -> BaseException | None:
        """Run as `run` does; a cell that is too slow gets a KeyboardInterrupt, what it made
        stays."""
        addition, start, used = title.startswith(ADDED_TITLE), now(), processor_time()
        self.limit = round(max(0.5, min(self.left, self.seconds)), 1) if addition else self.seconds
        words = title, source, space
        error = run_with_limit(self.limit, self.run_cell, *words, patience=self.patience)
        self.left -= addition * max(processor_time() - used, (now() - start) / self.patience)
        return error


def run_with_limit(
    seconds: float, function: Callable[..., BaseException | None], *args: Any, patience: float = 1
) -> BaseException | None:
    """Return what `function` returns, or the KeyboardInterrupt that ended it after `seconds`."""
    try:
        with time_limit(seconds, patience):
            return function(*args)
    except KeyboardInterrupt as error:
        return error


@contextlib.contextmanager
def time_limit(seconds: float, patience: float = 1) -> Iterator[None]:
    """Raise KeyboardInterrupt after so many seconds on a processor, or `patience` times as many by
    the clock; and, except on Windows, every second from then on: a cell may catch one, `input()`
    may swallow one."""
    start, used = now(), processor_time()

    def ring(*_: object) -> None:
        at_work = seconds - (processor_time() - used)
        by_the_clock = patience * seconds - (now() - start)
        if min(at_work, by_the_clock) < 0.01:
            raise KeyboardInterrupt(BY_THE_CLOCK if by_the_clock < at_work else OUT_OF_TIME)
        signal.setitimer(signal.ITIMER_REAL, min(at_work, by_the_clock), 1)

    with contextlib.ExitStack() as after:
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, ring)
            after.callback(signal.setitimer, signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, seconds, 1)
        else:  # Windows: Ctrl-C from a thread, which interrupts Python's loops and time.sleep
            timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGINT])
            timer.start()
            after.callback(timer.join)  # else it could fire just after this function
            after.callback(timer.cancel)
        yield


def timed_out(text: str) -> bool:
    """Say whether this is the text of a KeyboardInterrupt that a time limit raised; on Windows its
    Ctrl-C has none."""
    return text in (OUT_OF_TIME, BY_THE_CLOCK) or (os.name == "nt" and not text)


def error_text(error: BaseException) -> str:
    """Return the text of an exception, whose class may be the learner's own."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - whatever its __str__ raises
        return "(its text cannot be shown)"


class NotebookShell:
    """Stand for what `get_ipython()` returns. Of the magics only those work that write or run a
    file, time code, change the folder or set an environment variable. Shell commands do nothing;
    %%writefile makes the folder that `!mkdir` would have made."""

    def __init__(self, space: dict[str, Any]):
        self.space = space

    def display(self, *_: object, **options: object) -> "NotebookShell | None":
        """Replace IPython's display: nothing is shown, a handle comes back if one is asked for."""
        return self if "display_id" in options else None  # a handle for updates

    def run_line_magic(self, name: str, line: str, *_: object, **__: object) -> None:
        """Run a `%magic`: cd and env have an effect, the others none."""
        words = [word for word in line.split() if word[0] != "-"] or [""]
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
        """Run a `%%magic`: only `%%writefile` has an effect."""
        if name in ("writefile", "file"):
            *options, path = shlex.split(line.replace("\\", "/"))
            mode = "a" if "-a" in options else "w"
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, mode, encoding="utf-8") as file:
                file.write(body)

    def getoutput(self, *_: object, **__: object) -> list[str]:
        """Return what `!command` printed: nothing, since no program runs."""
        return []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None
