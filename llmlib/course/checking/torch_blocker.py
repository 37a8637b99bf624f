"""What text does not show of a ready-made answer, such as `x.softmax(-1)`: functions of torch's
that an exercise forbids, refused while a check calls the learner's. The grader refuses more, in a
process that is thrown away afterwards (`grading/guest/blocked_calls.py`)."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode, resolve_name

from llmlib.course.feedback import OFF

WHOLE = {"torch.autograd": ("backward", "grad")}  # of a module, what else leads there


class Off(RuntimeError):
    """A function that is off was called; the text is what the learner reads."""


def refusing(off: Iterable[str]) -> contextlib.AbstractContextManager:
    """In this context a function of torch's raises `Off` if one of the names `off` ends in its
    own, since `torch.softmax` and `x.softmax` are the same."""
    known: dict[str, list[str]] = {}
    for name in (each for each in off if each.startswith("torch.")):
        for last in WHOLE.get(name, [name.rpartition(".")[2]]):
            if not last[0].isupper():  # a class is no function
                known.setdefault(last, []).append(name)
    return Refusing(known) if known else contextlib.nullcontext()  # each call takes longer in one


class Refusing(TorchFunctionMode):
    """Refuses functions by their last names."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        super().__init__()
        self.known = known

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if names := self.known.get(getattr(function, "__name__", "")):
            full = resolve_name(function)
            raise Off(OFF.format(full if full in names else names[0]))
        return function(*args, **(kwargs or {}))
