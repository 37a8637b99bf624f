"""What the learner's process says of an exception, and the exception that a test cell meets."""

from typing import NamedTuple

ALLOWED = {  # the learner's exceptions arrive as these, so that a test may expect a ValueError
    each.__name__: each
    for each in (
        *(ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError),
        *(NotImplementedError, AttributeError, NameError, RuntimeError, RecursionError),
        MemoryError,
    )
}


class Told(NamedTuple):
    """What the learner's process says of an exception: all four are its own words."""

    kind: str
    builtin: str
    text: str
    place: str


class LearnerError(Exception):
    """What a learner's function raised, as it was `told`, or why its value could not be used."""

    told: Told | None = None


def learner_error(told: Told) -> LearnerError:
    """Never an AssertionError, a Mistake or a StopIteration: those are the test's own words."""
    bases = (LearnerError, ALLOWED[told.builtin]) if told.builtin in ALLOWED else (LearnerError,)
    error = type("LearnerError", bases, {"__str__": lambda self: told.text})(told.text)
    error.told = told
    return error
