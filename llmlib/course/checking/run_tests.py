"""Runs a learner's cells and the visible tests in this process, and says how each went.

A test cell has a namespace of its own: it reaches the learner's functions by name, and what goes in
and comes out is copied as if it had travelled to another process, as it does for the grader.

As a program it is a process of its own for one job, read from stdin as JSON: {"cells": [[title,
source], …], "tests": [[function, source, imports], …], "seconds": limit of each, "tries": of all
the cells "cell 12" together}, and optionally "module", the name that the cells run under,
"homes", {function: title of the cell that makes it}, and "off", {function: names of what its test
refuses}. It writes one JSON list a line to the stdout
that it started with; what the cells print goes nowhere.
"""

import builtins
import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from traceback import walk_tb
from typing import Any, TextIO

import torch

from llmlib.course.check import Mistake
from llmlib.course.checking import run_cells
from llmlib.course.checking.plain_data import NotPlain, plain
from llmlib.course.checking.torch_blocker import Off, refusing
from llmlib.course.feedback import NOT_WRITTEN, NOT_WRITTEN_YET, TOO_SLOW, one_line

BUILTINS = frozenset(dir(builtins))
Space = dict[str, Any]


class Raised(Exception):
    """What a learner's function raised, where a test could take it for a word of its own."""


def main() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        job = json.loads(sys.stdin.buffer.read())
        failed: dict[str, str | None] = {}
        sys.stdin = open(os.devnull, encoding="utf-8")
        warnings.simplefilter("ignore")
        sys.path.insert(0, os.getcwd())
        sys.setrecursionlimit(3000)  # as in the grader
        module, seconds = run_cells.new_main(job.get("module", "__main__")), job["seconds"]
        timed = run_cells.Timed(seconds, job["tries"])
        for title, source in job["cells"]:
            say(out, "at", title)
            error = timed.run(title, source, vars(module))
            said = in_words(error, timed.limit)
            failed[title] = said or failed.get(title)
            say(out, "cell", title, said)
        warnings.simplefilter("ignore")  # a cell may have made them errors
        for name, source, imports in job["tests"]:
            say(out, "at", name)
            off = job.get("off", {}).get(name, ())
            error = run_cells.limited(seconds, test, name, source, vars(module), imports, off)
            homes = name, job.get("homes", {}).get(name), module.__name__  # where it was to be made
            cell = next(filter(None, map(failed.get, homes)), None)
            unknown = isinstance(error, NameError)  # since the cell that was to make it broke off
            say(out, "test", name, (unknown and cell) or in_words(error, seconds, name))


def test(
    name: str, source: str, space: Space, imports: str, off: Iterable[str] = ()
) -> BaseException | None:
    """Run the test cell of `name` against the functions in `space`; None, or what ended it.
    `imports` is source whose names are ours in the test cell, whatever the learner made of them;
    `off` is what refuses when these functions call it."""
    ours = Space()
    exec(imports, ours)
    with (
        torch.random.fork_rng(devices=()),
        torch.enable_grad(),  # a cell may have switched them off
        default_dtype(torch.float32) as theirs,
    ):
        torch.manual_seed(0)
        names = Names(ours, lambda called: calling(called, space, theirs, off))
        return run_cells.run(f"test_{name}", source, names)


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[torch.dtype]:
    """Makes `dtype` the default in this context, and gives the one before: a learner's choice."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield before
    finally:
        torch.set_default_dtype(before)


class Names(Space):
    """A test cell's globals: `ours`, what it defines itself, and for any other name, but Python's
    own, what `theirs` gives: the learner's."""

    def __init__(self, ours: Space, theirs: Callable[[str], Callable[..., Any]]) -> None:
        super().__init__(ours, __name__="test_cell")
        self.theirs = theirs

    def __missing__(self, name: str) -> Callable[..., Any]:
        if name in BUILTINS:  # as they were: a cell may have added to them
            raise KeyError(name)
        return self.theirs(name)


def calling(name: str, space: Space, dtype: torch.dtype, off: Iterable[str]) -> Callable[..., Any]:
    """The learner's function `name`, as a test cell has it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if name not in space:  # looked up late, as in a call to the learner's process
            raise run_cells.Missing(name=name)
        args, kwargs = copied(args), copied(kwargs)
        try:
            with default_dtype(dtype), refusing(off):
                return copied(space[name](*args, **kwargs))
        except (AssertionError, StopIteration) as error:
            raise Raised(f"{type(error).__name__}: {error}") from error

    call.__name__ = name
    return call


def copied(value: Any) -> Any:
    """What arrives of a value in another process: the same plain data in new objects. Raises
    `NotPlain`."""
    match value := plain(value):
        case torch.Tensor():
            value = value.detach().as_subclass(torch.Tensor)
            return value.clone(memory_format=torch.contiguous_format)
        case dict():
            return {copied(key): copied(item) for key, item in value.items()}
        case list() | tuple() | set():
            return type(value)(map(copied, value))
    return value


def in_words(error: BaseException | None, seconds: float, name: str = "") -> str | None:
    """An exception of a cell, or of the test of `name`, as one line; None for None."""
    if error is None or isinstance(error, Mistake):
        return one_line(error) if error else None
    stub = error.args in ((), (NOT_WRITTEN,))  # torch raises the same kind, with words of its own
    if isinstance(error, NotImplementedError) and stub:
        *_, at = name, *(frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__))
        other = name and at != name
        return f"it calls {at}, which is {NOT_WRITTEN_YET}" if other else NOT_WRITTEN_YET
    if isinstance(error, Off):
        return str(error)
    if isinstance(error, NotPlain):
        return f"`{name}` returned {error}"
    unknown = error.name if isinstance(error, NameError) else None
    if unknown and (unknown == name or isinstance(error, run_cells.Missing)):
        return f"`{unknown}` is not defined: write it and run its cell"
    if isinstance(error, KeyboardInterrupt):
        return f"{TOO_SLOW} {seconds:g} s: is there a loop that never ends?"
    text = one_line(run_cells.text_of(error))[:300]
    if isinstance(error, Raised):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")  # `raise TypeError` says no more


def say(out: TextIO, *words: str | None) -> None:
    out.write(json.dumps(words) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
    os._exit(0)  # all is said: to take torch apart would take half a second
