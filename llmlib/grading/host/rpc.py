"""One submission's process, seen from here: started, called, restarted when it hung or died."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from llmlib.course.checking.run_cells import BY_THE_CLOCK
from llmlib.course.checking.submission import Plan
from llmlib.grading.host import memory_kills
from llmlib.grading.host.processor_time import TimeLimit
from llmlib.grading.host.sandbox import Child, Sandbox
from llmlib.grading.host.time_limits import CLOCK_FACTOR, Died, Exceeded, Limits, OutOfTime, Starved
from llmlib.grading.wire import Closed, Left, UnsupportedValue

END = 5  # seconds for a test's fork to end when it is told to, or a cell when it is interrupted
NOTES = 20  # on cells that were left out
LONGEST_TEXT = 600  # characters of an error message, as in guest/process.py
ENDED = "ended the process it ran in: out of memory, an exit or a crash"
Files = dict[str, str]  # the path below a folder of sys.path -> source
Call = Callable[[str, Sequence, dict[str, Any]], Any]


class LearnerError(Exception):
    """What a learner's function raised, in the words of its process; or why a value could not be
    used, in the grader's words: then there is nothing but `text`."""

    def __init__(self, text: str, kind: str = "", builtin: str = "", place: str = "") -> None:
        super().__init__(text)
        self.text, self.kind, self.builtin, self.place = text, kind, builtin, place

    def __str__(self) -> str:  # whatever else it is: a KeyError would put it in quotes
        return self.text


def cut(said: Sequence[str]) -> list[str]:
    """Texts of a learner's process, cut where they arrive: the honest half of it sends no more."""
    return [each[:LONGEST_TEXT] for each in said]


class RemoteProcess:
    """Runs a job's cells in the sandbox when first needed; `notes` says what went wrong with them.
    Of llmlib it has `files` alone; `answer` answers calls of what is not in it.
    After an `Exceeded` or `Starved` it is to be stopped."""

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

    def begin(self, disallowed: Sequence[str], in_place: Sequence[str] = ()) -> None:
        """Enter the process for one test cell, in which the names in `disallowed` refuse and the
        functions `in_place` are the course's, asked for."""
        self.refused = set()
        if self.child is None:
            self._start()
        self._send(["test", list(disallowed), list(in_place)], self._within(END, "your code"))

    def call(self, name: str, args: Sequence, kwargs: dict[str, Any]) -> Any:
        """Call the learner's function `name`. Raises LearnerError or Exceeded."""
        left = self._within(self.limits.call, f"`{name}`")
        try:
            self._send(["call", name, list(args), kwargs], left)
        except UnsupportedValue as what:
            raise LearnerError(f"`{name}` was given {what}") from None
        match self._receive(left, f"`{name}`"):
            case ["value", value]:
                return value
            case ["error", [str(), str(kind), str(), str()] as said] if kind:  # else it is ours
                raise LearnerError(*cut(said))
            case ["ended", _]:
                raise self._died(f"`{name}` {ENDED}")
        raise Exceeded(f"the process of `{name}` sent something that is no answer")

    def end(self, disallowed: Collection[str] = ()) -> None:
        """Leave it. Raises Exceeded when it does not end as it should."""
        left = self._within(END, "the process of your code")
        self._send(["end"], left)
        match self._receive(left):
            case ["refused", list(names)]:
                self.refused = {name for name in disallowed if name in names}
        if repr(self._receive(left)) != "['ended', 0]":  # a tensor's != is no bool
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
                why = f"took longer than {self.limits.cell:g} s"
            except (Closed, UnsupportedValue):
                self._died("")
                why = "ended the process (memory, exit or crash)"
            if self.at is None:
                break
            self.skip[self.at] = f"its cell {why}"
            self._note(self.at, f"{why}; the rest was graded without it")
        raise OutOfTime("your notebook's cells could not be run to the end within the limits")

    def _note(self, number: int, why: str) -> None:
        note = f"{self.job.steps[number].title}: this cell {why}."
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
        left = self._within(seconds, "your notebook")
        self.channel.send([*job, seconds, tries, CLOCK_FACTOR], left)
        for _ in range(2 * len(steps) + 1):  # each begins and may fail; who says more is no cell
            limit = TimeLimit(seconds + END, "the cell", self.sandbox.usage)
            match self._next(self._shorter(limit)):
                case ["ready"]:
                    self.ran = True
                    return
                case ["cell", int(number)] if 0 <= number < len(steps):
                    self.at = number
                case ["error", [str(), str(k), str(), str()] as said] if k and self.at is not None:
                    if k == "KeyboardInterrupt":
                        if said[0] == BY_THE_CLOCK and limit.starved():
                            raise Starved
                        why = f"took longer than {seconds:g} s, or than it had, and was interrupted"
                        self._note(self.at, why)
                        said = [f"its cell {why}"]
                    self.errors[steps[self.at].title] = LearnerError(*cut(said))
                case _:
                    break
        raise Closed

    def _next(self, left: Left) -> Any:
        """The next message. What the code asks for in the meantime is answered."""
        while True:
            match self.channel.receive(left):
                case ["ask", str(name), list(args), dict(kwargs)]:
                    self.channel.send(self.answer(name, args, kwargs), left)
                case message:
                    return message

    def _send(self, value: Any, left: Left) -> None:
        try:
            self.channel.send(value, left)
        except Closed:
            raise self._died("the process of your code is gone") from None

    def _receive(self, left: Left, name: str = "your code") -> Any:
        try:
            return self._next(left)
        except UnsupportedValue as what:  # the honest half of it would have refused to send that
            said = f"the process of {name} sent something that may not cross"
            raise Exceeded(said, str(what)[:LONGEST_TEXT]) from None
        except Closed:
            raise self._died(f"{name} {ENDED}") from None

    def _died(self, what: str) -> Died:
        """What to raise of a process that ended. Raises `NoMemory` where the kernel has ended it,
        or another one at the same time, because memory ran out."""
        if memory_kills.count() != self.kills:
            raise memory_kills.NoMemory
        return Died(what)

    def _within(self, seconds: float, what: str) -> Left:
        return self._shorter(TimeLimit(seconds, what, self.sandbox.usage))

    def _shorter(self, limit: TimeLimit) -> Left:
        """Until the end of this limit, or the notebook's."""
        return lambda: min(self.notebook.left(), limit.left())
