"""Run a learner's cells and the visible tests in this process, and report each result.

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
    homes       optional: {function: [number of the cell that answers it, again]}, snapshots' homes

Results go to stdout, one JSON list a line; what the cells print is discarded.
"""

import builtins
import contextlib
import functools
import json
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from traceback import walk_tb
from typing import Any, TextIO

import torch

from classroom.checking import exceptions, run_cells
from classroom.checking.plain_data import UnsupportedValue, to_plain
from classroom.checking.snapshots import Home, Snapshots, judged
from exercises import check, torch_blocker
from exercises.check import Mistake
from exercises.feedback import DISALLOWED, NOT_WRITTEN, NOT_WRITTEN_YET, TOO_SLOW, one_line
from exercises.torch_blocker import DisallowedCall, block

BUILTINS = frozenset(dir(builtins))
Namespace = dict[str, Any]


class LearnerError(Exception):
    """Carry what a learner's function raised, where a test could mistake it for an error of its
    own; `where` it was raised."""

    where = ""


def main() -> None:
    """Read a job from standard input, run its cells and tests, write a line for each result."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        job = json.loads(sys.stdin.buffer.read())
        torch_blocker.new_board()  # a process that was forked has its parent's
        failures: dict[str, str | None] = {}  # title of a cell -> its error message
        sys.stdin = open(os.devnull, encoding="utf-8")
        warnings.simplefilter("ignore")
        sys.path.insert(0, os.getcwd())
        sys.setrecursionlimit(3000)  # as in the grader
        module, seconds = run_cells.new_main(job.get("module", "__main__")), job["seconds"]
        timer = run_cells.CellTimer(seconds, job["added_seconds"])
        homes = {name: Home(*home) for name, home in job.get("homes", {}).items()}
        snapshots = Snapshots(vars(module), homes)
        for number, (title, source) in enumerate(job["cells"]):
            report(out, "at", title)
            error = timer.run(title, source, vars(module))
            message = error_message(error, timer.limit)
            snapshots.after(number)
            failures[title] = message or failures.get(title)
            report(out, "cell", title, message)
        warnings.simplefilter("ignore")  # a cell may have made them errors
        for name, source, imports in job["tests"]:
            report(out, "at", name)
            disallowed = job.get("disallowed", {}).get(name, ())
            arguments = name, source, snapshots, imports, disallowed
            run_limited = functools.partial(run_cells.run_with_limit, seconds)
            error = judge(*arguments, run_limited)
            titles = name, job.get("defined_in", {}).get(name), module.__name__
            failure = next(filter(None, map(failures.get, titles)), None)
            is_undefined = isinstance(error, NameError)  # because the cell that defines it failed
            message = (is_undefined and failure) or error_message(error, seconds, name)
            report(out, "test", name, message)


def judge(
    name: str,
    source: str,
    snapshots: Snapshots,
    imports: str,
    disallowed: Iterable[str] = (),
    run_limited: Callable[..., BaseException | None] = lambda function, *args: function(*args),
) -> BaseException | None:
    """Run `test` with the names that decide (`snapshots.judged`), called by `run_limited`."""

    def attempt(own_names: bool) -> BaseException | None:
        words = name, source, snapshots.space, imports, disallowed
        with snapshots.restored(name, own_names, helpers(snapshots.space)):
            return run_limited(test, *words)

    return judged(snapshots.homes.get(name) if name in snapshots.left else None, attempt)[0]


def helpers(space: Namespace) -> Namespace:
    """Return the functions that the checks' own step made, the last to run: none replaces them."""
    code = f"<{run_cells.HELPERS_TITLE}>"
    return {
        name: value
        for name, value in space.items()
        if isinstance(value, (types.FunctionType, type))
        and getattr(getattr(value, "__code__", None), "co_filename", "") == code
    }


def test(
    name: str, source: str, space: Namespace, imports: str, disallowed: Iterable[str] = ()
) -> BaseException | None:
    """Run the test cell of `name` against the learner's functions in `space`; returns the exception
    that ended it, or None. `imports` is the course's own source: the test cell uses its names
    whatever the learner made of them. `disallowed` are the names that the learner's functions may
    not call."""
    course_names = Namespace()
    exec(imports, course_names)
    course_values = [*course_names.values()]
    with (
        torch.random.fork_rng(devices=()),
        torch.enable_grad(),  # a cell may have switched gradients off
        default_dtype(torch.float32) as learners_dtype,
    ):
        torch.manual_seed(0)

        def look_up(function: str) -> Callable[..., Any]:
            return learner_function(function, space, learners_dtype, disallowed, course_values)

        torch_blocker.forget()
        error = run_cells.run(f"test_{name}", source, TestNamespace(course_names, look_up))
        disallowed_calls = sorted(torch_blocker.called())
        return DisallowedCall(disallowed_calls[0]) if error and disallowed_calls else error


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[torch.dtype]:
    """Make `dtype` the default in this context; the context's value is the default before."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield before
    finally:
        torch.set_default_dtype(before)


class TestNamespace(Namespace):
    """Hold a test cell's globals: the `imports`, what the cell defines itself, and Python's own
    names; any other name is the learner's, which `look_up` returns."""

    def __init__(self, imports: Namespace, look_up: Callable[[str], Callable[..., Any]]) -> None:
        super().__init__(imports, __name__="test_cell")
        self.look_up = look_up

    def __missing__(self, name: str) -> Callable[..., Any]:
        # Python's own names are the original ones: a cell may have added to them. What reads a
        # traceback asks for names such as __tracebackhide__.
        if name in BUILTINS or name.startswith("__"):
            raise KeyError(name)
        return self.look_up(name)


def learner_function(
    name: str,
    space: Namespace,
    dtype: torch.dtype,
    disallowed: Iterable[str],
    course: Iterable[Any],
) -> Callable[..., Any]:
    """Return the learner's function `name` as a test calls it; `course` is what given cells
    import."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if name not in space:  # looked up at the call, as in the learner's process
            raise run_cells.MissingFunction(name=name)
        args, kwargs = copied(args), copied(kwargs)
        try:
            with default_dtype(dtype), block(disallowed, space, course):
                return copied(space[name](*args, **kwargs))
        except (AssertionError, StopIteration) as error:
            learner_error = LearnerError(f"{type(error).__name__}: {error}")
            learner_error.where = where(error, name, args, kwargs)
            raise learner_error from error
        except Exception as error:
            with contextlib.suppress(Exception):  # of a class that takes no attribute
                error.where = where(error, name, args, kwargs)  # type: ignore[attr-defined]
            raise

    call.__name__ = name
    return call


def where(error: BaseException, name: str, args: Iterable[Any], kwargs: Namespace) -> str:
    """Return the line of the learner's that raised it, and the call of the check's."""
    return "; ".join(filter(None, (exceptions.place(error), check.call(name, args, kwargs))))


def copied(value: Any) -> Any:
    """Return `value` as another process would get it: new plain data. Raises `UnsupportedValue`."""
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
    """Return one line for the exception of a cell, or of the test of `name`; None for None."""
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
    missing_name = error.name if isinstance(error, NameError) else None
    if missing_name and (missing_name == name or isinstance(error, run_cells.MissingFunction)):
        return f"`{missing_name}` is not defined: write it and run its cell"
    if isinstance(error, KeyboardInterrupt) and run_cells.timed_out(run_cells.error_text(error)):
        return f"{TOO_SLOW} {seconds:g} s: is there a loop that never ends?"
    text = one_line(exceptions.plain(run_cells.error_text(error)))[:400]
    if not isinstance(error, LearnerError):
        text = f"{type(error).__name__}: {text}".removesuffix(": ")  # `raise TypeError` has no text
    place = getattr(error, "where", "") or exceptions.place(error)
    return f"{text} ({place})" if type(place) is str and place else text


def report(out: TextIO, *fields: str | None) -> None:
    """Write one result as a line of JSON."""
    out.write(json.dumps(fields) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
    os._exit(0)  # without unloading torch, which would take half a second
