"""Test cells run here, on this side; the functions they call run in the sandbox.

Nothing of the submission is executed, imported or unpickled in this process: the text is that of
the course's own `Exercise` and `Notebook`, and what it meets of the learner's are plain values.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from llmlib.course.checking import submission
from llmlib.course.format.notebooks import Exercise, Notebook
from llmlib.grading.host.processor_time import TimeLimit, time_limit
from llmlib.grading.host.rpc import RemoteProcess
from llmlib.grading.host.time_limits import Exceeded

SLACK = 15  # seconds beyond a notebook's limit, for our own part of the work
Space = dict[str, Any]  # a test cell's globals


@contextlib.contextmanager
def within_limits(learner: RemoteProcess, *others: RemoteProcess) -> Iterator[None]:
    """Around all that is done for one notebook: its time has an end, and so have its processes."""
    seconds, usage = learner.limits.notebook + SLACK, learner.sandbox.usage
    try:
        with time_limit(TimeLimit(seconds, "the notebook", usage)):
            yield
    finally:
        for each in (learner, *others):
            each.stop()


def run(
    learner: RemoteProcess, exercise: Exercise, hidden: bool, space: Space, reference: Sequence[str]
) -> BaseException | None:
    """What the visible or the hidden half of a test cell raised, or the limit it exceeded; None
    where it passes. In the learner's process the functions `reference` are the course's own."""
    source = exercise.hidden if hidden else exercise.visible
    raised: BaseException | None = None
    quiet = contextlib.redirect_stdout(io.StringIO())
    try:
        learner.begin(exercise.disallowed, reference)
        limit = TimeLimit(learner.limits.test, "the check", learner.sandbox.usage)
        try:
            with torch.random.fork_rng(devices=()), quiet, time_limit(limit, learner.notebook):
                torch.manual_seed(0)
                exec(compile(source, f"<test_{exercise.name}>", "exec"), space)
        except Exception as error:  # noqa: BLE001 - it stumbled over what came back
            raised = error
        learner.end(exercise.disallowed)
    except Exceeded as exceeded:
        learner.stop()
        raised = raised or exceeded
    return raised


def ours(notebook: Notebook) -> Space:
    """What the given cells import: in a test cell these names are ours, not the learner's."""
    space: Space = {}
    exec(submission.given_imports(notebook), space)
    return {name: space[name] for name in space.keys() - {each.name for each in notebook.exercises}}
