"""Runs a learner's cells and the visible tests in this process, and reports the result of each.

A test cell has a namespace of its own. It calls the learner's functions by name; arguments and
results are copied as if they had been sent to another process, as in the grader.

As a program it runs one job, read from stdin as JSON:

    cells       [[title, source], …]
    tests       [[function, source, imports], …]
    seconds     time limit of one cell or test
    added_seconds  time limit of all added cells ("cell 12") together
    disallowed  optional: {function: dotted names that may not be called in its test}
    defined_in  optional: {function: title of the cell that should define it}
    module      optional: the module name that the cells run under

Results go to stdout, one JSON list a line; what the cells print is discarded.
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
from llmlib.course.checking import run_cells, torch_blocker
from llmlib.course.checking.plain_data import UnsupportedValue, to_plain
from llmlib.course.checking.torch_blocker import DisallowedCall, block
from llmlib.course.feedback import DISALLOWED, NOT_WRITTEN, NOT_WRITTEN_YET, TOO_SLOW, one_line

BUILTINS = frozenset(dir(builtins))
Namespace = dict[str, Any]


class LearnerError(Exception):
    """What a learner's function raised, where a test could mistake it for an error of its own."""


def main() -> None:
    """Read a job from standard input, run its cells and tests, write a line for each result."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        job = json.loads(sys.stdin.buffer.read())
        torch_blocker.new_board()  # a process that was forked has its parent's
        failed: dict[str, str | None] = {}  # title of a cell -> its error message
        sys.stdin = open(os.devnull, encoding="utf-8")
        warnings.simplefilter("ignore")
        sys.path.insert(0, os.getcwd())
        sys.setrecursionlimit(3000)  # as in the grader
        module, seconds = run_cells.new_main(job.get("module", "__main__")), job["seconds"]
        timer = run_cells.CellTimer(seconds, job["added_seconds"])
        for title, source in job["cells"]:
            report(out, "at", title)
            error = timer.run(title, source, vars(module))
            message = error_message(error, timer.limit)
            failed[title] = message or failed.get(title)
            report(out, "cell", title, message)
        warnings.simplefilter("ignore")  # a cell may have made them errors
        for name, source, imports in job["tests"]:
            report(out, "at", name)
            disallowed = job.get("disallowed", {}).get(name, ())
            given = name, source, vars(module), imports, disallowed
            error = run_cells.run_with_limit(seconds, test, *given)
            homes = name, job.get("defined_in", {}).get(name), module.__name__
            failure = next(filter(None, map(failed.get, homes)), None)
            undefined = isinstance(error, NameError)  # because the cell that defines it failed
            message = (undefined and failure) or error_message(error, seconds, name)
            report(out, "test", name, message)


def test(
    name: str, source: str, space: Namespace, imports: str, disallowed: Iterable[str] = ()
) -> BaseException | None:
    """Run the test cell of `name` against the learner's functions in `space`; returns the exception
    that ended it, or None. `imports` is the course's own source: the test cell uses its names
    whatever the learner made of them. `disallowed` are the names that the learner's functions may
    not call."""
    imported = Namespace()
    exec(imports, imported)
    given = [*imported.values()]
    with (
        torch.random.fork_rng(devices=()),
        torch.enable_grad(),  # a cell may have switched gradients off
        default_dtype(torch.float32) as learners_dtype,
    ):
        torch.manual_seed(0)

        def look_up(called: str) -> Callable[..., Any]:
            return learner_function(called, space, learners_dtype, disallowed, given)

        torch_blocker.forget()
        error = run_cells.run(f"test_{name}", source, TestNamespace(imported, look_up))
        refused = sorted(torch_blocker.called())
        return DisallowedCall(refused[0]) if error and refused else error


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[torch.dtype]:
    """Makes `dtype` the default in this context; the context's value is the default before."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield before
    finally:
        torch.set_default_dtype(before)


class TestNamespace(Namespace):
    """A test cell's globals: what is `imported`, what the cell defines itself, and Python's own
    names; any other name is the learner's, which `look_up` returns."""

    def __init__(self, imported: Namespace, look_up: Callable[[str], Callable[..., Any]]) -> None:
        super().__init__(imported, __name__="test_cell")
        self.look_up = look_up

    def __missing__(self, name: str) -> Callable[..., Any]:
        # Python's own names are the original ones: a cell may have added to them. What reads a
        # traceback asks for names such as __tracebackhide__.
        if name in BUILTINS or name.startswith("__"):
            raise KeyError(name)
        return self.look_up(name)


def learner_function(
    name: str, space: Namespace, dtype: torch.dtype, disallowed: Iterable[str], given: Iterable[Any]
) -> Callable[..., Any]:
    """The learner's function `name` as a test cell calls it; `given` is what the course imports."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if name not in space:  # looked up at the call, as in the learner's process
            raise run_cells.MissingFunction(name=name)
        args, kwargs = copied(args), copied(kwargs)
        try:
            with default_dtype(dtype), block(disallowed, space, given):
                return copied(space[name](*args, **kwargs))
        except (AssertionError, StopIteration) as error:
            raise LearnerError(f"{type(error).__name__}: {error}") from error

    call.__name__ = name
    return call


def copied(value: Any) -> Any:
    """`value` as another process would receive it: the same plain data in new objects. Raises
    `UnsupportedValue`."""
    match value := to_plain(value):
        case torch.Tensor():
            value = value.detach().as_subclass(torch.Tensor)
            return value.clone(memory_format=torch.contiguous_format)
        case dict():
            return {copied(key): copied(item) for key, item in value.items()}
        case list() | tuple() | set():
            return type(value)(map(copied, value))
    return value


def error_message(error: BaseException | None, seconds: float, name: str = "") -> str | None:
    """One line for the exception of a cell, or of the test of `name`; None for None."""
    if error is None or isinstance(error, Mistake):
        return one_line(error) if error else None
    if isinstance(error, NotImplementedError) and error.args in ((), (NOT_WRITTEN,)):  # not torch's
        *_, raised_in = name, *(frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__))
        if name and raised_in != name:
            return f"it calls {raised_in}, which is {NOT_WRITTEN_YET}"
        return NOT_WRITTEN_YET
    if isinstance(error, DisallowedCall):
        return DISALLOWED.format(error)
    if isinstance(error, UnsupportedValue):
        return f"`{name}` returned {error}"
    undefined = error.name if isinstance(error, NameError) else None
    if undefined and (undefined == name or isinstance(error, run_cells.MissingFunction)):
        return f"`{undefined}` is not defined: write it and run its cell"
    if isinstance(error, KeyboardInterrupt):
        return f"{TOO_SLOW} {seconds:g} s: is there a loop that never ends?"
    text = one_line(run_cells.error_text(error))[:300]
    if isinstance(error, LearnerError):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")  # `raise TypeError` has no text


def report(out: TextIO, *fields: str | None) -> None:
    """Write one result as a line of JSON."""
    out.write(json.dumps(fields) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
    os._exit(0)  # without unloading torch, which would take half a second
