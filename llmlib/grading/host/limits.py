"""What a submission may take of this machine's time, and what is raised where it takes more."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True)
class Limits:
    """Seconds that a submission may take. What exceeds one costs that cell, call, test or notebook.
    This is the one place that says them: all follow from `c.Execute.timeout`, a cell's seconds."""

    cell: float = 30
    call: float = 20
    test: float = 60
    notebook: float = 300

    @classmethod
    def for_cell(cls, seconds: float) -> "Limits":
        """Limits in the proportions of the defaults, with so many seconds for one cell."""
        times = seconds / cls.cell
        return cls(
            *(round(times * each, 3) for each in (cls.cell, cls.call, cls.test, cls.notebook))
        )


class Exceeded(BaseException):
    """No `except Exception` in a test may swallow it. `detail` may hold the learner's choice."""

    def __init__(self, limit: str, detail: str = "") -> None:
        super().__init__(limit)
        self.detail = detail


class OutOfTime(Exceeded):
    """It worked, or waited, for longer than it may."""


class Died(Exceeded):
    """The process ended, by itself or because it was killed."""


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """A limit on our own work, such as a test cell: Exceeded. An alarm set before goes on after."""

    def stop(*_: Any) -> NoReturn:
        raise OutOfTime(f"{what} took longer than {seconds:g} s and was stopped")

    before, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    left = signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    try:
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # also where it rings just here
            signal.signal(signal.SIGALRM, before)
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(0.01, left + began - time.monotonic()))
