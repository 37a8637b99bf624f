"""The trusted half: test cells run here and reach the learner's functions in the sandbox by name.

`Runner.grade` turns a notebook's source and the cells that were handed in into a `Graded`. Nothing
of the submission is executed, imported or unpickled in this process.
"""

import ast
import builtins
import contextlib
import io
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import torch

from llmlib.course import handed_in
from llmlib.course.cells import Exercise, Notebook
from llmlib.course.check import Mistake
from llmlib.course.forbidden import forbidden_names, sentence
from llmlib.grading.outside.remote import Exceeded, Limits, RemoteProcess
from llmlib.grading.outside.sandbox import Sandbox
from llmlib.grading.outside.told import LearnerError
from llmlib.grading.results import Graded, Outcome

Call = Callable[[str, tuple, dict[str, Any]], Any]
LONGEST = 700  # characters of a message
SLACK = 15  # seconds beyond a notebook's limit, for our own part of the work
REFUSED = (
    "eq ne lt le gt ge bool len iter getitem contains hash add radd sub mul matmul index float int"
)


class Proxy:
    """A learner's function, seen from a test: it can be called and nothing else; it equals
    nothing and is not true."""

    __slots__ = ("_call", "_name")

    def __init__(self, call: Call, name: str) -> None:
        self._call, self._name = call, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(self._name, args, kwargs)

    def _refuse(self, *_: Any) -> NoReturn:
        raise LearnerError(
            f"`{self._name}` is a function of the learner's: a test may only call it"
        )


for _name in REFUSED.split():
    setattr(Proxy, f"__{_name}__", Proxy._refuse)


class Names(dict):
    """A test cell's globals: our imports; a name that is neither those nor its own is the
    learner's."""

    def __init__(self, ours: dict[str, Any], call: Call) -> None:
        super().__init__(ours, __name__="test_cell")
        self._call = call

    def __missing__(self, name: str) -> Proxy:
        if hasattr(builtins, name):
            raise KeyError(name)
        return Proxy(self._call, name)


class Runner:
    """Grades submissions one after the other in one sandbox. `notebooks` are those whose imports
    are loaded before."""

    def __init__(
        self, notebooks: Iterable[Notebook], unsafe: bool = False, limits: Limits = Limits()
    ) -> None:
        self.unsafe, self.limits = unsafe, limits
        self.sandbox = Sandbox(sorted(set().union(*map(modules, notebooks))), unsafe)

    def close(self) -> None:
        self.sandbox.close()

    def grade(self, notebook: Notebook, cells: list[handed_in.Cell]) -> Graded:
        """Grade one submission of `notebook` (a `cells.Notebook`); `cells` is its list of
        `handed_in.Cell`."""
        outcomes = []
        process = RemoteProcess(self.sandbox, handed_in.plan(notebook, cells), self.limits)
        try:
            with alarm(self.limits.notebook + SLACK, "the notebook"):
                ours = trusted_names(notebook)
                for exercise in notebook.exercises:
                    outcomes.append(_outcome(process, exercise, ours))
        except Exceeded as limit:
            rest = notebook.exercises[len(outcomes) :]
            outcomes += [Outcome(each.name, 0.0, float(each.points), str(limit)) for each in rest]
        finally:
            process.stop()
        notes = tuple(map(_line, process.notes))
        return Graded(tuple(outcomes), notes, self.unsafe, process.job.steps)


def modules(notebook: Notebook) -> set[str]:
    """The names of the modules that a notebook's given cells import."""
    found: set[str] = set()
    for line in ast.parse(handed_in.imports(notebook)).body:
        if isinstance(line, ast.Import):
            found |= {alias.name for alias in line.names}
        elif isinstance(line, ast.ImportFrom) and line.module:
            found |= {line.module, *(f"{line.module}.{alias.name}" for alias in line.names)}
    return found


def trusted_names(notebook: Notebook) -> dict[str, Any]:
    """What the given cells import: in a test cell these names are ours, not the learner's."""
    space: dict[str, Any] = {}
    exec(handed_in.imports(notebook), space)
    return {name: space[name] for name in space.keys() - {each.name for each in notebook.exercises}}


def _outcome(process: RemoteProcess, exercise: Exercise, ours: dict[str, Any]) -> Outcome:
    points, used = float(exercise.points), forbidden_names(exercise, process.job)
    failed = (sentence(used[0]), "", True) if used else _failure(process, exercise, ours)
    if failed is None:
        return Outcome(exercise.name, points, points)
    claim, detail, named = failed
    return Outcome(exercise.name, 0.0, points, _line(claim) or "it failed", _line(detail), named)


def _failure(
    process: RemoteProcess, exercise: Exercise, ours: dict[str, Any]
) -> tuple[str, str, bool] | None:
    """(claim, detail, is it a mistake that a check names) of a test cell that fails; None where
    it passes."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        process.begin(exercise.off)
        seconds = min(process.limits.test, max(1.0, process.deadline - time.monotonic()))
        with alarm(seconds, "the check"), contextlib.redirect_stdout(io.StringIO()):
            code = compile(exercise.full, _file(exercise), "exec")  # our own source
            exec(code, Names(ours, process.call))
        process.end()
        return None
    except Mistake as mistake:
        failed = mistake.claim, "" if _hidden(exercise, mistake) else mistake.detail, True
    except LearnerError as error:
        failed = *_words(process, exercise, error), False
    except Exceeded as limit:
        process.stop()
        return str(limit), "", False
    except Exception as error:  # noqa: BLE001 - the test cell stumbled over what came back
        detail = "" if _hidden(exercise, error) else f"{type(error).__name__}: {error}"
        failed = f"the check could not use what `{exercise.name}` returned", detail, False
    finally:
        torch.set_rng_state(state)
    try:
        process.end()
    except Exceeded:
        process.stop()
    return failed


def _words(process: RemoteProcess, exercise: Exercise, error: LearnerError) -> tuple[str, str]:
    """(claim, detail) of an exception of the learner's; without its text where the input was a
    hidden one."""
    told = error.told
    if told is None:
        return str(error), ""
    if told.kind == "Off" and told.text in exercise.off:
        return sentence(told.text), ""
    if _hidden(exercise, error):
        return "your code raised an exception on an input of the hidden tests", ""
    if told.kind == "NotPlain":
        return f"`{exercise.name}` returned {told.text}", ""
    if told.kind == "NotImplementedError":
        return f"`{exercise.name}` is not written yet", ""
    broke = process.errors.get(exercise.name)  # its cell broke off before it was defined
    if told.kind == "Missing" and not broke:
        return f"`{exercise.name}` is not defined: write it and run its cell", ""
    told = broke if broke and told.builtin == "NameError" else told
    return f"your code raised {told.kind}: {told.text}", told.place


def _hidden(exercise: Exercise, error: BaseException) -> bool:
    """Was the test cell in its hidden part when it raised `error`?"""
    begin, line, at = exercise.full.find("### BEGIN HIDDEN TESTS"), 0, error.__traceback__
    while at:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == _file(exercise) else line
        at = at.tb_next
    return begin >= 0 and line > exercise.full[:begin].count("\n")


def _file(exercise: Exercise) -> str:
    return f"<test_{exercise.name}>"


@contextlib.contextmanager
def alarm(seconds: float, what: str) -> Iterator[None]:
    """Raise Exceeded after that time. An alarm that was set before goes on afterwards."""

    def stop(*_: Any) -> NoReturn:
        raise Exceeded(f"{what} took longer than {seconds:g} s and was stopped")

    before, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    left = signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left + began - time.monotonic()))


def _line(message: object) -> str:
    """One line of printable text, bounded."""
    text = " ".join(str(message).encode("utf-8", "replace").decode().split())
    return "".join(each for each in text if each.isprintable())[:LONGEST]
