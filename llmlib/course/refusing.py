"""What text does not show of a ready-made answer, such as `x.softmax(-1)`: functions of torch's
that an exercise forbids, refused while a check calls the learner's. The grader refuses more, in a
process that is thrown away afterwards (`grading/inside/off.py`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode, resolve_name

from llmlib.course.feedback import OFF

WHOLE = {"torch.autograd": ("backward", "grad")}  # of a module, what else leads there


class Off(RuntimeError):
    """A function that is off was called; the text is what the learner reads."""


class Refusing(TorchFunctionMode):
    """In this context a function of torch's raises `Off` if one of the names `off` ends in its
    own, since `torch.softmax` and `x.softmax` are the same."""

    def __init__(self, off: Iterable[str]) -> None:
        super().__init__()
        self.off: dict[str, list[str]] = {}
        for name in (each for each in off if each.startswith("torch.")):
            for last in WHOLE.get(name, [name.rpartition(".")[2]]):
                self.off.setdefault(last, []).append(name)

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if known := self.off.get(getattr(function, "__name__", "")):
            full = resolve_name(function)
            raise Off(OFF.format(full if full in known else known[0]))
        return function(*args, **(kwargs or {}))
