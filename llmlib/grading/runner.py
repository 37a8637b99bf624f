"""The trusted half: runs each test cell here, with the learner's functions reached by name in the sandbox.

`Runner.grade` is a function from a notebook's source and a submission's cells to a result of plain values. Nothing of
the submission is executed, imported or unpickled in this process.
"""

import ast
import builtins
import contextlib
import io
import re
import signal
import time

import torch

from llmlib.course import cells as course
from llmlib.course.check import Mistake
from llmlib.grading import submission
from llmlib.grading.learner import Exceeded, Learner, LearnerError, Limits
from llmlib.grading.off import sentence
from llmlib.grading.sandbox import Sandbox

LONGEST = 700  # characters of a message


class Proxy:
    """A learner's function, seen from a test: it can be called and nothing else; it equals nothing and is not true."""

    __slots__ = ("_call", "_name")

    def __init__(self, call, name):
        self._call, self._name = call, name

    def __call__(self, *args, **kwargs):
        return self._call(self._name, args, kwargs)


def _refuse(self, *_):
    raise LearnerError(f"`{self._name}` is a function of the learner's: a test may only call it")


for _name in "eq ne lt le gt ge bool len iter getitem contains hash add radd sub mul matmul index float int".split():
    setattr(Proxy, f"__{_name}__", _refuse)


class Names(dict):
    """A test cell's globals: our imports; any other name that the cell does not define is the learner's."""

    def __init__(self, ours, call):
        super().__init__(ours, __name__="test_cell")
        self._call = call

    def __missing__(self, name):
        if hasattr(builtins, name):
            raise KeyError(name)
        return Proxy(self._call, name)


class Runner:
    """Grades submissions one after the other in one sandbox. `notebooks` are those whose imports are loaded before."""

    def __init__(self, notebooks, unsafe=False, limits=None):
        self.unsafe, self.limits, self.sandbox = unsafe, limits or Limits(), None
        self.preload = sorted(set().union(*map(imports, notebooks)))
        self.start_sandbox()

    def start_sandbox(self):
        """Start one, in place of a broken one if there is any. Raises `sandbox.Unavailable`."""
        self.close()
        self.sandbox = Sandbox(self.preload, self.unsafe)

    def close(self):
        if self.sandbox:
            self.sandbox.close()

    def grade(self, notebook, handed_in):
        """Grade one submission of `notebook` (a `course.Notebook`); `handed_in` is its list of `submission.Cell`.

        Returns {"tests": {function: {"points", "max", "named", "message"}}, "notes": [sentence, …], "unsafe": bool};
        `named` says that a check named the mistake, `message` is None where the test cell passes.
        """
        learner = Learner(self, submission.plan(notebook, handed_in))
        try:
            ours = trusted_names(notebook)
            tests = {each.name: _graded(learner, each, ours) for each in notebook.exercises}
        finally:
            learner.stop()
        return {
            "tests": tests,
            "notes": [_line(each) for each in learner.notes],
            "unsafe": self.unsafe,
        }


def imports(notebook):
    """The modules that a notebook's given cells import."""
    found = set()
    for cell in notebook.cells:
        if course.kind(cell) == "given":
            for each in ast.walk(ast.parse(cell.source)):
                if isinstance(each, ast.Import):
                    found |= {alias.name for alias in each.names}
                elif isinstance(each, ast.ImportFrom):
                    found |= {each.module} | {f"{each.module}.{alias.name}" for alias in each.names}
    return found


def trusted_names(notebook):
    """What the given cells import: in a test cell these names are ours, whatever the learner's process made of them."""
    space = {}
    for cell in notebook.cells:
        if course.kind(cell) == "given":
            lines = [
                each
                for each in ast.parse(cell.source).body
                if isinstance(each, (ast.Import, ast.ImportFrom))
            ]
            exec(compile(ast.Module(lines, []), "<given>", "exec"), space)
    return {
        name: value
        for name, value in space.items()
        if name not in {each.name for each in notebook.exercises}
    }


def _graded(learner, exercise, ours):
    points = float(exercise.points)
    used = submission.forbidden_names(exercise, learner.job)
    named, message = (True, sentence(used[0])) if used else _run(learner, exercise, ours)
    return {
        "points": 0.0 if message else points,
        "max": points,
        "named": named,
        "message": _line(message),
    }


def _run(learner, exercise, ours):
    """(did a check name the mistake, what the learner reads) of one test cell; (False, None) where it passes."""
    named, message, state = False, None, torch.get_rng_state()
    torch.manual_seed(0)
    try:
        learner.begin(exercise.off)
        seconds = min(learner.limits.test, max(1.0, learner.deadline - time.monotonic()))
        with _alarm(seconds), contextlib.redirect_stdout(io.StringIO()):
            exec(
                compile(exercise.full, _file(exercise), "exec"), Names(ours, learner.call)
            )  # our own source
        learner.end()
    except Mistake as mistake:
        hidden = _hidden(exercise, mistake)
        named, message = True, str(mistake.claim) if hidden else str(mistake)
    except LearnerError as error:
        message = _words(learner, exercise, error)
    except Exceeded as limit:
        message = str(limit)
        learner.stop()
    except Exception as error:  # noqa: BLE001 - the test cell stumbled over what came back
        message = f"the check could not use what `{exercise.name}` returned ({type(error).__name__}: {error})"
    finally:
        torch.set_rng_state(state)
    if message:
        try:
            learner.end()
        except Exceeded:
            learner.stop()
    return named, message


def _words(learner, exercise, error):
    """An exception of the learner's in one sentence; without its text where the input was a hidden one."""
    if error.told is None:
        return str(error)
    kind, text, place = error.told
    place = f" ({place})" if re.fullmatch(r"[\w ]{1,60}, line \d+", place) else ""
    if text == sentence(next((name for name in exercise.off if name in text), "")):
        return text
    if _hidden(exercise, error):
        return f"your code raised an exception on an input of the hidden tests{place}"
    if kind == "NotImplementedError":
        return f"`{exercise.name}` is not written yet"
    failed = next(
        (
            each
            for number, each in learner.errors.items()
            if learner.job.cells[number][0] == exercise.name
        ),
        None,
    )
    if kind == "NameError" and failed:  # its cell broke off before it was defined
        kind, _, text, place = failed
    return f"your code raised {kind}: {text}{place}" if place else text or kind


def _hidden(exercise, error):
    """Was the test cell in its hidden part when it raised `error`?"""
    begin, line, at = exercise.full.find("### BEGIN HIDDEN TESTS"), 0, error.__traceback__
    while at:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == _file(exercise) else line
        at = at.tb_next
    return begin >= 0 and line > exercise.full[:begin].count("\n")


def _file(exercise):
    return f"<test_{exercise.name}>"


@contextlib.contextmanager
def _alarm(seconds):
    def stop(*_):
        raise Exceeded(f"the check took longer than {seconds:g} s and was stopped")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _line(message):
    """One line of printable text, bounded."""
    if message is None:
        return None
    text = " ".join(message.encode("utf-8", "replace").decode().split())
    return "".join(each for each in text if each.isprintable())[:LONGEST] or "the check failed"
