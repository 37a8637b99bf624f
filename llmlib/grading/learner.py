"""One submission's process, seen from the trusted side: started, called, and started anew when it hung or died."""

import time
from dataclasses import dataclass

import torch

from llmlib.grading.boundary import Channel, Closed, Refused, TooSlow
from llmlib.grading.sandbox import Broken

ALLOWED = {  # the learner's exceptions arrive as these, so that a test may expect a ValueError
    each.__name__: each
    for each in (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        ZeroDivisionError,
        OverflowError,
        NotImplementedError,
    )
    + (AttributeError, NameError, RuntimeError, RecursionError, MemoryError)
}
STARTS = 4  # of one submission's process, each time without one more cell that hung or ended it


@dataclass(frozen=True)
class Limits:
    """Seconds of wall-clock time. Who exceeds one pays with that cell, call, test or notebook, nobody else does."""

    cell: float = 30
    call: float = 20
    test: float = 60
    notebook: float = 300


class LearnerError(Exception):
    """What a learner's function raised, or why its value could not be used. `told` is (class, text, place)."""

    told = None


class Exceeded(BaseException):
    """A limit was exceeded or the process ended: no `except Exception` in a test may swallow it."""


def learner_error(kind, builtin, text, place):
    """Never an AssertionError, a Mistake or a StopIteration: those are the test's own words."""
    base = ALLOWED.get(builtin)
    made = type(
        "LearnerError",
        (LearnerError, base) if base else (LearnerError,),
        {"__str__": lambda self: text},
    )
    error = made(text)
    error.told = (kind, text, place)
    return error


class Learner:
    """One submission's process: started when needed, started anew when it hung or died."""

    def __init__(self, runner, job):
        self.runner, self.job, self.limits, self.notes = runner, job, runner.limits, list(job.notes)
        self.deadline = time.monotonic() + runner.limits.notebook
        self.skip, self.errors = set(), {}
        self.channel, self.sock, self.rng = None, None, None

    def start(self):
        """Run the learner's cells. A cell that hangs or ends the process is left out and the others run again."""
        for _ in range(STARTS):
            self.stop()
            number, self.errors = None, {}
            try:
                self._fork()
                cells = [list(each) for each in self.job.cells]
                self.channel.send(
                    {"cells": cells, "skip": sorted(self.skip)}, self._by(self.limits.cell)
                )
                while True:
                    kind, *rest = self.channel.receive(self._by(self.limits.cell))
                    if kind == "ready":
                        return
                    if kind == "cell":
                        number = range(len(cells))[rest[0]]
                    elif kind == "error":
                        self.errors[number] = tuple(map(str, rest[1]))
            except (TooSlow, Closed, Refused, ValueError, TypeError, IndexError) as error:
                if number is None or time.monotonic() > self.deadline:
                    break
                hung = isinstance(error, TooSlow)
                why = (
                    f"took longer than {self.limits.cell:g} s"
                    if hung
                    else "ended the process (memory, exit or crash)"
                )
                self.notes.append(
                    f"{self.job.cells[number][0]}: this cell {why}; the rest was graded without it."
                )
                self.skip.add(number)
        self.stop()
        raise Exceeded("your notebook's cells could not be run to the end within the limits")

    def _fork(self):
        try:
            self.sock = self.runner.sandbox.fork()
        except Broken:
            self.runner.start_sandbox()
            self.sock = self.runner.sandbox.fork()
        self.channel = Channel(self.sock)

    def stop(self):
        """End the process and everything in its namespace."""
        if self.sock:
            self.sock.close()
            self.sock = self.channel = None
            try:
                self.runner.sandbox.kill()
            except Broken:
                self.runner.start_sandbox()

    def begin(self, off):
        """Enter the process for one test cell, in which the names in `off` refuse."""
        if self.channel is None:
            self.start()
        self.rng = None
        self._send(["test", list(off)])

    def end(self):
        """Leave it. Raises Exceeded when it does not end as it should."""
        if self.channel is not None:
            self._send(["end"])
            reply = self._receive(5)
            if reply != ["ended", 0]:
                raise Exceeded("the process of your code did not end as it should")

    def call(self, name, args, kwargs):
        """Call the learner's function `name`. Raises LearnerError or Exceeded."""
        inputs, outputs = [], []
        try:
            self._share_rng()
            self._send(
                ["call", name, list(args), kwargs], inputs if torch.is_grad_enabled() else None
            )
            _, number, value = self._reply(name, outputs)
        except Refused as refused:
            raise LearnerError(f"`{name}` was given or returned {refused}") from None
        if inputs and outputs:
            return _differentiable(self, number, inputs, outputs, value)
        for each in outputs:
            each.requires_grad_(False)
        return value

    def gradients(self, number, sent):
        """The gradients of call `number`'s inputs, given those of its outputs (None for unused ones)."""
        self._send(["vjp", number, sent])
        return self._reply("backward")[2]

    def _share_rng(self):
        state = torch.get_rng_state()
        if self.rng is None or not torch.equal(state, self.rng):
            self._send(["state", state])
            self.rng = state

    def _reply(self, name, grads=None):
        reply = self._receive(self.limits.call, name, grads)
        if type(reply) is list and len(reply) == 3 and reply[0] == "value":
            return reply
        if (
            type(reply) is list
            and len(reply) == 2
            and reply[0] == "error"
            and type(reply[1]) is list
            and len(reply[1]) == 4
        ):
            raise learner_error(*(str(part) for part in reply[1]))
        self.stop()
        raise Exceeded(f"`{name}` ended the process it ran in: out of memory, an exit or a crash")

    def _send(self, value, grads=None):
        try:
            self.channel.send(value, self._by(self.limits.call), grads)
        except (Closed, TooSlow, AttributeError):
            raise Exceeded("the process of your code is gone") from None

    def _receive(self, seconds, name="your code", grads=None):
        try:
            return self.channel.receive(self._by(seconds), grads)
        except TooSlow:
            whole = time.monotonic() >= self.deadline
            limit = (
                f"the notebook took longer than {self.limits.notebook:g} s"
                if whole
                else f"`{name}` took longer than {seconds:g} s"
            )
            raise Exceeded(f"{limit} and was stopped") from None
        except Refused as refused:  # our own half would have refused to send it
            self.stop()
            raise Exceeded(f"the process of `{name}` sent {refused}") from None
        except (Closed, AttributeError):
            raise Exceeded(
                f"`{name}` ended the process it ran in: out of memory, an exit or a crash"
            ) from None

    def _by(self, seconds):
        return min(time.monotonic() + seconds, self.deadline)


class _Remote(torch.autograd.Function):
    @staticmethod
    def forward(ctx, learner, number, outputs, *inputs):
        ctx.learner, ctx.number, ctx.shapes = learner, number, [each.shape for each in inputs]
        return tuple(each.detach().clone() for each in outputs)

    @staticmethod
    def backward(ctx, *gradients):
        found = ctx.learner.gradients(ctx.number, list(gradients))
        for got, shape in zip(found, ctx.shapes, strict=True):
            if got is not None and (type(got) is not torch.Tensor or got.shape != shape):
                raise LearnerError("a gradient of the wrong shape came back")
        return None, None, None, *found


def _differentiable(learner, number, inputs, outputs, value):
    """`value` with its tensors `outputs` replaced by ones whose gradient is asked of the learner's process."""
    made = dict(
        zip(map(id, outputs), _Remote.apply(learner, number, outputs, *inputs), strict=True)
    )

    def swap(item):
        if type(item) is torch.Tensor:
            return made.get(id(item), item)
        if type(item) in (list, tuple, set):
            return type(item)(map(swap, item))
        return {key: swap(each) for key, each in item.items()} if type(item) is dict else item

    return swap(value)
