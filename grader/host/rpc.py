"""Run one submission's process: start it, call it, restart it when it hung or died."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from classroom.checking.run_cells import BY_THE_CLOCK, timed_out
from classroom.checking.submission import Plan
from grader.host import memory_kills
from grader.host.processor_time import TimeLimit
from grader.host.sandbox import Child, Sandbox
from grader.host.time_limits import CLOCK_FACTOR, Died, Exceeded, Limits, OutOfTime, Starved
from grader.wire import Closed, Left, UnsupportedValue

END = 5  # seconds for a test's fork to end when it is told to, or a cell when it is interrupted
NOTES = 20  # on cells that were left out
LONGEST_TEXT = 600  # characters of an error message, as in guest/process.py
ENDED = "ended the process it ran in: out of memory, an exit or a crash"
Files = dict[str, str]  # the path below a folder of sys.path -> source
Call = Callable[[str, Sequence, dict[str, Any]], Any]


class LearnerError(Exception):
    """Carry what a learner's function raised, in the words of its process; or why a value could not
    be used, in the grader's words: then there is nothing but `text`."""

    def __init__(self, text: str, kind: str = "", builtin: str = "", place: str = "") -> None:
        super().__init__(text)
        self.text, self.kind, self.builtin, self.place, self.call = text, kind, builtin, place, ""

    def __str__(self) -> str:  # whatever else it is: a KeyError would put it in quotes
        return self.text


def cut(texts: Sequence[str]) -> list[str]:
    """Cut texts of a learner's process where they arrive: the honest half of it sends no more."""
    return [text[:LONGEST_TEXT] for text in texts]


class RemoteProcess:
    """Run a job's cells in the sandbox when first needed; `notes` says what went wrong with them.
    Of llmlib it has `files` alone; `answer` answers calls of what is not in it. After an `Exceeded`
    or `Starved` it is to be stopped."""

    def __init__(
        self, sandbox: Sandbox, job: Plan, files: Files, limits: Limits, answer: Call | None = None
    ) -> None:
        self.sandbox, self.job, self.files, self.limits = sandbox, job, files, limits
        self.answer = answer or (lambda *_: ["off"])
        self.notebook = TimeLimit(limits.notebook, "the notebook", sandbox.usage)
        self.notes, self.skip, self.ran = list(job.notes), dict[int, str](), False
        self.errors: dict[str, LearnerError] = {}  # by the cell's title
        self.refused: set[str] = set()  # ready-made functions that the last test's code called
        self.child: Child | None = None
        self.kills = 0  # by the kernel, until the process began

    def stop(self) -> None:
        """End the process and everything in its namespace."""
        if self.child:
            child, self.child = self.child, None
            self.sandbox.kill(child)

    def begin(self, disallowed: Sequence[str], in_place: Sequence[str] = (), *names: Any) -> None:
        """Enter the process for one test cell, in which the names in `disallowed` refuse, the
        functions `in_place` are the course's, and what `Snapshots.restore(*names)` does is done."""
        self.refused = set()
        if self.child is None:
            self._start()
        self._send(["test", [*disallowed], [*in_place], *names], self._within(END, "your code"))

    def call(self, name: str, args: Sequence, kwargs: dict[str, Any]) -> Any:
        """Call the learner's function `name`. Raises LearnerError or Exceeded."""
        timeout = self._within(self.limits.call, f"`{name}`")
        try:
            self._send(["call", name, list(args), kwargs], timeout)
        except UnsupportedValue as error:
            raise LearnerError(f"`{name}` was given {error}") from None
        match self._receive(timeout, f"`{name}`"):
            case ["value", value]:
                return value
            case ["error", [str(), str(kind), str(), str()] as texts] if kind:  # else it is ours
                raise LearnerError(*cut(texts))
            case ["ended", _]:
                raise self._died(f"`{name}` {ENDED}")
        raise Exceeded(f"the process of `{name}` sent something that is no answer")

    def end(self, disallowed: Collection[str] = ()) -> None:
        """Leave it. Raises Exceeded when it does not end as it should."""
        timeout = self._within(END, "the process of your code")
        self._send(["end"], timeout)
        match self._receive(timeout):
            case ["refused", list(names)]:
                self.refused = {name for name in disallowed if name in names}
        if repr(self._receive(timeout)) != "['ended', 0]":  # a tensor's != is no bool
            raise Exceeded("the process of your code did not end as it should")

    def _start(self) -> None:
        """Run the cells. One that hangs or ends the process is left out, the others run again.
        Raises `Broken` where this machine starts no process, which is no fault of theirs."""
        while True:
            self.stop()
            self.at: int | None = None  # the number of the cell that runs
            try:
                return self._run_cells()
            except OutOfTime:
                self.notebook.left()
                reason = f"took longer than {self.limits.cell:g} s"
            except (Closed, UnsupportedValue):
                self._died("")
                reason = "ended the process (memory, exit or crash)"
            if self.at is None:
                break
            self.skip[self.at] = f"its cell {reason}"
            self._note(self.at, f"{reason}; the rest was graded without it")
        raise OutOfTime("your notebook's cells could not be run to the end within the limits")

    def _note(self, number: int, reason: str) -> None:
        note = f"{self.job.steps[number].label}: this cell {reason}."
        # later on, which cell it is could tell of a hidden input
        if not self.ran and len(self.notes) < NOTES and note not in self.notes:
            self.notes.append(note)

    def _run_cells(self) -> None:
        steps, seconds = self.job.steps, self.limits.cell
        self.kills, self.child = memory_kills.count(), self.sandbox.fork()
        self.errors = {steps[number].title: LearnerError(why) for number, why in self.skip.items()}
        self.channel = self.child.channel  # closed when it is stopped
        tries = (self.limits.notebook - self.notebook.used()) / 2
        job = [self.files, [list(step[:2]) for step in steps], sorted(self.skip)]
        timeout = self._within(seconds, "your notebook")
        self.channel.send([*job, seconds, tries, CLOCK_FACTOR, dict(self.job.homes)], timeout)
        for _ in range(2 * len(steps) + 1):  # each begins and may fail; who says more is no cell
            limit = TimeLimit(seconds + END, "the cell", self.sandbox.usage)
            match self._next(self._shorter(limit)):
                case ["ready"]:
                    self.ran = True
                    return
                case ["cell", int(number)] if 0 <= number < len(steps):
                    self.at = number
                case ["error", [str(), str(k), str(), str()] as texts] if k and self.at is not None:
                    if k == "KeyboardInterrupt" and timed_out(texts[0]):
                        if texts[0] == BY_THE_CLOCK and limit.starved():
                            raise Starved
                        why = f"took longer than {seconds:g} s, or than it had, and was interrupted"
                        self._note(self.at, why)
                        texts = [f"its cell {why}"]
                    self.errors[steps[self.at].title] = LearnerError(*cut(texts))
                case _:
                    break
        raise Closed

    def _next(self, timeout: Left) -> Any:
        """Return the next message. What the code asks for in the meantime is answered."""
        while True:
            match self.channel.receive(timeout):
                case ["ask", str(name), list(args), dict(kwargs)]:
                    self.channel.send(self.answer(name, args, kwargs), timeout)
                case message:
                    return message

    def _send(self, value: Any, timeout: Left) -> None:
        try:
            self.channel.send(value, timeout)
        except Closed:
            raise self._died("the process of your code is gone") from None

    def _receive(self, timeout: Left, name: str = "your code") -> Any:
        try:
            return self._next(timeout)
        except UnsupportedValue as error:  # the honest half of it would have refused to send that
            message = f"the process of {name} sent something that may not cross"
            raise Exceeded(message, str(error)[:LONGEST_TEXT]) from None
        except Closed:
            raise self._died(f"{name} {ENDED}") from None

    def _died(self, reason: str) -> Died:
        """Return what to raise of a process that ended. Raises `NoMemory` where the kernel has
        ended it, or another one at the same time, because memory ran out."""
        if memory_kills.count() != self.kills:
            raise memory_kills.NoMemory
        return Died(reason)

    def _within(self, seconds: float, purpose: str) -> Left:
        return self._shorter(TimeLimit(seconds, purpose, self.sandbox.usage))

    def _shorter(self, limit: TimeLimit) -> Left:
        """Wait until the end of this limit, or the notebook's."""
        return lambda: min(self.notebook.left(), limit.left())
