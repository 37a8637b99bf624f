"""Stand in a test cell for a learner's function: it can be called, and nothing else."""

from typing import Any, NoReturn

from exercises import check
from grader.host.rpc import Call, LearnerError

REFUSED = (
    "eq ne lt le gt ge bool len iter getitem contains hash add radd sub mul matmul index float int"
)
ALLOWED = (  # the learner's exceptions arrive as these, so that a test may expect a ValueError
    *(ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError),
    *(NotImplementedError, AttributeError, NameError, RuntimeError, RecursionError, MemoryError),
)


class Proxy:
    """Call a learner's function, as a test sees it: it equals nothing and is not true."""

    __slots__ = ("_call", "_name")

    def __init__(self, call: Call, name: str) -> None:
        self._call, self._name = call, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the learner's function in the sandbox. LearnerError for what it raises there."""
        try:
            return self._call(self._name, args, kwargs)
        except LearnerError as error:
            # Never an AssertionError, a Mistake or a StopIteration: those are the test's own words.
            builtin = [base for base in ALLOWED if base.__name__ == error.builtin]
            bases = (LearnerError, *builtin)
            kind = type("LearnerError", bases, {})
            exception = kind(error.text, error.kind, error.builtin, error.place)
            exception.call = check.call(self._name, args, kwargs)
            raise exception from None

    def _refuse(self, *_: Any) -> NoReturn:
        description = f"`{self._name}` is a function of the learner's"
        raise LearnerError(f"{description}: a test may only call it")


for _name in REFUSED.split():
    setattr(Proxy, f"__{_name}__", Proxy._refuse)
