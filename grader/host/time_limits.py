"""Define how much of this machine's time a submission may take, and what is raised when it takes
more. Memory, files and processes are limited in guest/jail.py."""

from dataclasses import astuple, dataclass

CLOCK_FACTOR = 4  # seconds by the clock, for each second on a processor that a limit allows


@dataclass(frozen=True)
class Limits:
    """Hold seconds on a processor. What exceeds one costs that cell, call, test or notebook. These
    are the defaults and proportions; nbgrader_config.py sets a cell's, `c.Execute.timeout`."""

    cell: float = 30
    call: float = 20
    test: float = 60
    notebook: float = 300

    @classmethod
    def for_cell(cls, seconds: float) -> "Limits":
        """Return limits in the proportions of the defaults, with so many seconds for one cell."""
        times = seconds / cls.cell
        return cls(*(round(times * limit, 3) for limit in astuple(cls())))


class Exceeded(BaseException):
    """Escape every `except Exception` in a test. `detail` may hold the learner's choice."""

    def __init__(self, limit: str, detail: str = "") -> None:
        super().__init__(limit)
        self.detail = detail


class OutOfTime(Exceeded):
    """Report that it worked, or waited, for longer than it may."""


class Died(Exceeded):
    """Report that the process ended, by itself or because it was killed."""


class Starved(BaseException):
    """Report that this machine had too much to do: nothing can be said of the submission yet."""

    def __str__(self) -> str:
        return "this machine was too busy to run it: run the same command again when it is quieter"
