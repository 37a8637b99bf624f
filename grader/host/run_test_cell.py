"""Test cells run here, on this side; the functions they call run in the sandbox.

Nothing of the submission is executed, imported or unpickled in this process: the text is that of
the course's own `Exercise` and `Notebook`, and what it meets of the learner's are plain values.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import torch

from exercises.format.notebooks import Exercise, Notebook
from exercises.format.source import given_imports
from grader.host.processor_time import TimeLimit, time_limit
from grader.host.rpc import RemoteProcess
from grader.host.time_limits import Exceeded

SLACK = 15  # seconds beyond a notebook's limit, for our own part of the work
Space = dict[str, Any]  # a test cell's globals


@contextlib.contextmanager
def within_limits(learner: RemoteProcess, *references: RemoteProcess) -> Iterator[None]:
    """Bound all that is done for one notebook: its time has an end, and so have its processes."""
    seconds, usage = learner.limits.notebook + SLACK, learner.sandbox.usage
    try:
        with time_limit(TimeLimit(seconds, "the notebook", usage)):
            yield
    finally:
        for process in (learner, *references):
            process.stop()


def run(
    learner: RemoteProcess, exercise: Exercise, hidden: bool, space: Space, mode: tuple
) -> BaseException | None:
    """Return what the visible or hidden half of a test cell raised, or the limit it exceeded; None
    if it passes. `mode`: the functions that are the course's, do its own cell's names count."""
    source = exercise.hidden if hidden else exercise.visible
    failure: BaseException | None = None
    quiet = contextlib.redirect_stdout(io.StringIO())
    try:
        learner.begin(exercise.disallowed, mode[0], exercise.name, mode[1])
        limit = TimeLimit(learner.limits.test, "the check", learner.sandbox.usage)
        try:
            with torch.random.fork_rng(devices=()), quiet, time_limit(limit, learner.notebook):
                torch.manual_seed(0)
                exec(compile(source, f"<test_{exercise.name}>", "exec"), space)
        except Exception as error:  # noqa: BLE001 - it stumbled over what came back
            failure = error
        learner.end(exercise.disallowed)
    except Exceeded as exceeded:
        learner.stop()
        failure = failure or exceeded
    return failure


def ours(notebook: Notebook) -> Space:
    """Return what the given cells import: in a test cell these are ours, not the learner's."""
    space: Space = {}
    exec(given_imports(notebook), space)
    answers = {exercise.name for exercise in notebook.exercises}
    return {name: space[name] for name in space.keys() - answers}
