"""One submission's process, seen from the trusted side: started, called, started anew when it
hung or died."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from llmlib.course.handed_in import Job
from llmlib.grading.outside.gradients import differentiable
from llmlib.grading.outside.sandbox import Broken, Sandbox
from llmlib.grading.outside.told import LearnerError, Told, learner_error
from llmlib.grading.wire import Channel, Closed, Grads, NotPlain, TooSlow

STARTS = 4  # of one submission's process, each time without one more cell that hung or ended it


@dataclass(frozen=True)
class Limits:
    """Seconds of wall-clock time. Who exceeds one pays with that cell, call, test or notebook,
    nobody else does."""

    cell: float = 30
    call: float = 20
    test: float = 60
    notebook: float = 300


class Exceeded(BaseException):
    """A limit was exceeded or the process ended: no `except Exception` in a test may swallow it."""


class RemoteProcess:
    """Runs a job's cells in the sandbox when first needed. `notes` says what went wrong with
    them."""

    def __init__(self, sandbox: Sandbox, job: Job, limits: Limits) -> None:
        self.sandbox, self.job, self.limits, self.notes = sandbox, job, limits, list(job.notes)
        self.deadline = time.monotonic() + limits.notebook
        self.skip: set[int] = set()
        self.errors: dict[str, Told] = {}  # by the cell's title
        self.channel: Channel | None = None
        self.rng: torch.Tensor | None = None  # the state of the random generator over there

    def start(self) -> None:
        """Run the cells. One that hangs or ends the process is left out, the others run again."""
        for _ in range(STARTS):
            self.stop()
            at: list[int] = []
            try:
                return self._run_cells(at)
            except TooSlow:
                why = f"took longer than {self.limits.cell:g} s"
            except (Closed, NotPlain, Broken):
                why = "ended the process (memory, exit or crash)"
            if not at or time.monotonic() > self.deadline:
                break
            title = self.job.steps[at[-1]].title
            self.notes.append(f"{title}: this cell {why}; the rest was graded without it.")
            self.skip.add(at[-1])
        self.stop()
        raise Exceeded("your notebook's cells could not be run to the end within the limits")

    def _run_cells(self, at: list[int]) -> None:
        """Run them; appends to `at` the number of each that begins."""
        cells = [[step.title, step.source] for step in self.job.steps]
        self.errors = {}
        self.channel = channel = Channel(self.sandbox.fork())
        channel.send([cells, sorted(self.skip)], self._by(self.limits.cell))
        for _ in range(
            2 * len(cells) + 1
        ):  # each begins and may fail; whoever says more is no cell
            match channel.receive(self._by(self.limits.cell)):
                case ["ready"]:
                    return
                case ["cell", int(number)] if 0 <= number < len(cells):
                    at.append(number)
                case ["error", [str(), str(), str(), str()] as told] if at:
                    self.errors[cells[at[-1]][0]] = Told(*told)
                case _:
                    break
        raise Closed

    def stop(self) -> None:
        """End the process and everything in its namespace."""
        if self.channel:
            self.channel.sock.close()
            self.channel = None
            self.sandbox.kill()

    def begin(self, off: Sequence[str]) -> None:
        """Enter the process for one test cell, in which the names in `off` refuse."""
        if self.channel is None:
            self.start()
        self.rng = None
        self._send(["test", list(off)])

    def end(self) -> None:
        """Leave it. Raises Exceeded when it does not end as it should."""
        if self.channel:
            self._send(["end"])
            if self._receive(5) != ["ended", 0]:
                raise Exceeded("the process of your code did not end as it should")

    def call(self, name: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Call the learner's function `name`. Raises LearnerError or Exceeded."""
        inputs: list[torch.Tensor] = []
        outputs: list[torch.Tensor] = []
        try:
            self._share_rng()
            message = ["call", name, list(args), kwargs]
            self._send(message, inputs if torch.is_grad_enabled() else None)
            number, value = self._reply(name, outputs)
        except NotPlain as what:
            raise LearnerError(f"`{name}` was given {what}") from None
        if inputs and outputs:
            return differentiable(self, number, inputs, outputs, value)
        for each in outputs:
            each.requires_grad_(False)
        return value

    def gradients(self, number: int, sent: list) -> list:
        """The gradients of call `number`'s inputs, given those of its outputs (None for unused
        ones)."""
        self._send(["gradients", number, sent])
        return self._reply("backward")[1]

    def _share_rng(self) -> None:
        state = torch.get_rng_state()
        if self.rng is None or not torch.equal(state, self.rng):
            self._send(["state", state])
            self.rng = state

    def _reply(self, name: str, grads: Grads = None) -> tuple[int, Any]:
        match self._receive(self.limits.call, name, grads):
            case ["value", number, value]:
                return number, value
            case ["error", [str(), str(), str(), str()] as told]:
                raise learner_error(Told(*told))
        self.stop()
        raise Exceeded(_ended(name))

    def _send(self, value: Any, grads: Grads = None) -> None:
        try:
            self._open().send(value, self._by(self.limits.call), grads)
        except (Closed, TooSlow):
            raise Exceeded("the process of your code is gone") from None

    def _receive(self, seconds: float, name: str = "your code", grads: Grads = None) -> Any:
        try:
            return self._open().receive(self._by(seconds), grads)
        except TooSlow:
            whole = time.monotonic() >= self.deadline
            what = f"the notebook took longer than {self.limits.notebook:g} s"
            what = what if whole else f"`{name}` took longer than {seconds:g} s"
            raise Exceeded(f"{what} and was stopped") from None
        except NotPlain as what:  # the honest half of it would have refused to send that
            self.stop()
            raise Exceeded(f"the process of `{name}` sent {what}") from None
        except Closed:
            raise Exceeded(_ended(name)) from None

    def _open(self) -> Channel:
        if self.channel is None:  # it was stopped before
            raise Closed
        return self.channel

    def _by(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self.deadline)


def _ended(name: str) -> str:
    return f"`{name}` ended the process it ran in: out of memory, an exit or a crash"
