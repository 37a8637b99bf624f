"""One submission's process, seen from the trusted side: started, called, started anew when it
hung or died."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from llmlib.course.handed_in import Job
from llmlib.grading.outside.kit import Files
from llmlib.grading.outside.sandbox import Broken, Child, Sandbox
from llmlib.grading.outside.told import Died, Exceeded, LearnerError, Told, learner_error
from llmlib.grading.wire import Channel, Closed, NotPlain, TooSlow

STARTS = 4  # of one submission's process, each time without one more cell that hung or ended it
Call = Callable[[str, Sequence, dict[str, Any]], Any]


@dataclass(frozen=True)
class Limits:
    """Seconds of wall-clock time. Who exceeds one pays with that cell, call, test or notebook,
    nobody else does."""

    cell: float = 30
    call: float = 20
    test: float = 60
    notebook: float = 300


class RemoteProcess:
    """Runs a job's cells in the sandbox when first needed. `notes` says what went wrong with them.

    What its code asks for by name, the grader has answered by `ask`, if the name is in `may_ask`.
    """

    def __init__(
        self, sandbox: Sandbox, job: Job, kit: Files, limits: Limits, ask: Call | None = None
    ) -> None:
        self.sandbox, self.job, self.kit, self.limits = sandbox, job, kit, limits
        self.ask, self.may_ask, self.notes = ask, frozenset[str](), list(job.notes)
        self.deadline = time.monotonic() + limits.notebook
        self.skip: set[int] = set()
        self.errors: dict[str, Told] = {}  # by the cell's title
        self.refused: set[str] = set()  # ready-made functions that the last test's code called
        self.child: Child | None = None

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
        self.child = self.sandbox.fork()
        job = [self.kit, cells, sorted(self.skip)]
        self.child.channel.send(job, self._by(self.limits.cell))
        for _ in range(2 * len(cells) + 1):  # each begins and may fail; who says more is no cell
            match self._next(self._by(self.limits.cell)):
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
        if self.child:
            child, self.child = self.child, None
            self.sandbox.kill(child)

    def begin(self, off: Sequence[str], in_place: Sequence[str] = ()) -> None:
        """Enter the process for one test cell, in which the names in `off` refuse and the
        functions `in_place` are the course's, asked for."""
        if self.child is None:
            self.start()
        self.refused = set()
        self._send(["test", list(off), list(in_place)])

    def end(self, off: Collection[str] = ()) -> None:
        """Leave it. Raises Exceeded when it does not end as it should."""
        if self.child:
            self._send(["end"])
            match self._receive(5):
                case ["refused", list(names)]:
                    self.refused = {name for name in off if name in names}
            if self._receive(5) != ["ended", 0]:
                raise Exceeded("the process of your code did not end as it should")

    def call(self, name: str, args: Sequence, kwargs: dict[str, Any]) -> Any:
        """Call the learner's function `name`. Raises LearnerError or Exceeded."""
        try:
            self._send(["call", name, list(args), kwargs])
        except NotPlain as what:
            raise LearnerError(f"`{name}` was given {what}") from None
        match self._receive(self.limits.call, name):
            case ["value", value]:
                return value
            case ["error", [str(), str(), str(), str()] as told]:
                raise learner_error(Told(*told))
        self.stop()
        raise Exceeded(f"the process of `{name}` sent something that is no answer")

    def _next(self, deadline: float) -> Any:
        """The next message. What the code asks for in the meantime is answered."""
        while True:
            message = self._open().receive(deadline)
            match message:
                case ["ask", str(name), list(args), dict(kwargs)]:
                    self._open().send(self._answer(name, args, kwargs), deadline)
                case _:
                    return message

    def _answer(self, name: str, args: list, kwargs: dict) -> list:
        if self.ask is None or name not in self.may_ask:
            return ["off"]
        try:
            return ["value", self.ask(name, args, kwargs)]
        except LearnerError as error:
            return ["error", error.told.builtin if error.told else "TypeError", str(error)]
        except Died as limit:
            return ["error", "RuntimeError", str(limit)]

    def _send(self, value: Any) -> None:
        try:
            self._open().send(value, self._by(self.limits.call))
        except (Closed, TooSlow):
            raise Died("the process of your code is gone") from None

    def _receive(self, seconds: float, name: str = "your code") -> Any:
        try:
            return self._next(self._by(seconds))
        except TooSlow:
            whole = time.monotonic() >= self.deadline
            what = f"the notebook took longer than {self.limits.notebook:g} s"
            what = what if whole else f"`{name}` took longer than {seconds:g} s"
            raise Exceeded(f"{what} and was stopped") from None
        except NotPlain as what:  # the honest half of it would have refused to send that
            self.stop()
            said = f"the process of `{name}` sent something that may not cross"
            raise Exceeded(said, str(what)) from None
        except Closed:
            said = f"`{name}` ended the process it ran in: out of memory, an exit or a crash"
            raise Died(said) from None

    def _open(self) -> Channel:
        if self.child is None:  # it was stopped before
            raise Closed
        return self.child.channel

    def _by(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self.deadline)
