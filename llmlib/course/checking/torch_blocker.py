"""Blocks functions of torch that an exercise does not allow, while a check calls the learner's
function. It catches what the text does not show, such as `x.softmax(-1)`.

The text is read by `disallowed`. This is a module of its own because the process that runs a check
needs it and should not load nbformat. The grader blocks more (`grading/guest/blocked_calls.py`), in
a process that is thrown away afterwards.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode, resolve_name

from llmlib.course.feedback import DISALLOWED

# Methods of tensors that do the same as a module.
METHODS_OF = {"torch.autograd": ("backward", "grad")}


class DisallowedCall(RuntimeError):
    """A function that is not allowed was called; the text is what the learner reads."""


def block_torch(disallowed: Iterable[str]) -> contextlib.AbstractContextManager:
    """A context in which functions of torch raise `DisallowedCall` if their last name is that of
    one of `disallowed` (dotted names): `torch.softmax` and `x.softmax` are the same function."""
    full_names: dict[str, list[str]] = {}
    for name in (each for each in disallowed if each.startswith("torch.")):
        for last in METHODS_OF.get(name, [name.rpartition(".")[2]]):
            if not last[0].isupper():  # a class is no function
                full_names.setdefault(last, []).append(name)
    # With nothing to block there is no TorchFunctionMode: it makes every call slower.
    return TorchBlocker(full_names) if full_names else contextlib.nullcontext()


class TorchBlocker(TorchFunctionMode):
    """Blocks functions by their last names: {"softmax": ["torch.softmax"]}."""

    def __init__(self, full_names: dict[str, list[str]]) -> None:
        super().__init__()
        self.full_names = full_names

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if names := self.full_names.get(getattr(function, "__name__", "")):
            called = resolve_name(function)
            raise DisallowedCall(DISALLOWED.format(called if called in names else names[0]))
        return function(*args, **(kwargs or {}))
