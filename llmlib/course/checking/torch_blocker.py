"""Refuses functions of torch that an exercise does not allow, while a test calls the learner's
function: `llmlib check` and the grader both use it.

It sees operators, by whatever name they were reached: `x.softmax(-1)`, a function kept from before,
a compiled one. It does not see another road to the same numbers, nor what another thread runs. It
works inside the process that it restricts, whose owner can switch it off. `disallowed` reads the
text.
"""

import contextlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from llmlib.course.checking.operators import Match, matcher

TORCH = str(Path(torch.__file__).parent)
# Kept from before any cell: one may put its own in their place.
MODES: tuple[Any, ...] = (TorchFunctionMode, TorchDispatchMode)
ENTER = {each: each.__enter__ for each in MODES}
EXIT = {each: each.__exit__ for each in MODES}
frame_at = sys._getframe


class DisallowedCall(RuntimeError):
    """A function that is not allowed was called; the text is its name in the exercise's list."""


class block:
    """A context in which functions that one of `disallowed` (dotted names) stands for raise
    `DisallowedCall`, and are added to `called`. Names of llmlib are for `disallowed` to find."""

    def __init__(self, disallowed: Iterable[str], called: set[str] | None = None) -> None:
        names = tuple(name for name in disallowed if not name.startswith("llmlib."))
        self.names, self.called = names, set() if called is None else called
        self.modes: list[tuple[type, Any]] = []
        self.replaced: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> None:
        self.before, names = set(self.called), self.names
        if torchs := tuple(name for name in names if name.startswith("torch.")):
            # With nothing to refuse there are no modes: they make every call slower.
            match = matcher(torchs)
            self.modes = [
                (TorchFunctionMode, FunctionMode(match, self.called)),
                (TorchDispatchMode, OperatorMode(match, self.called, frame_at(1))),
            ]
        for kind, mode in self.modes:
            ENTER[kind](mode)
        for name in set(names).difference(torchs):
            self.replace(name)

    def __exit__(self, kind: type | None, error: BaseException | None, *_: object) -> None:
        for parent, last, original in self.replaced:
            setattr(parent, last, original)
        while self.modes:
            mode_kind, mode = self.modes.pop()
            EXIT[mode_kind](mode, None, None, None)
        if isinstance(error, Exception) and not isinstance(error, DisallowedCall):
            for name in self.called - self.before:  # compiled code made another exception of it
                raise DisallowedCall(name) from None

    def replace(self, name: str) -> None:
        """Replace a function of another library in its module, if that is imported."""
        module, _, last = name.rpartition(".")
        if name.partition(".")[0] in sys.modules:
            with contextlib.suppress(ImportError, AttributeError, ValueError):
                parent = pkgutil.resolve_name(module)
                self.replaced.append((parent, last, getattr(parent, last)))
                setattr(parent, last, lambda *_, **__: refuse(name, self.called))


def refuse(name: str, called: set[str]) -> NoReturn:
    """Note the call in `called` and raise DisallowedCall."""
    called.add(name)
    raise DisallowedCall(name)


class FunctionMode(TorchFunctionMode):
    """Sees the functions of torch that a learner calls, by their Python names."""

    def __init__(self, match: Match, called: set[str]) -> None:
        super().__init__()
        self.match, self.called = match, called

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if name := self.match(getattr(function, "__name__", "").partition(".")[0]):
            refuse(name, self.called)
        return function(*args, **(kwargs or {}))


class OperatorMode(TorchDispatchMode):
    """Sees the operators that run, whatever called them, and which of torch's own Python functions
    they are called from, up to `test`."""

    def __init__(self, match: Match, called: set[str], test: FrameType) -> None:
        super().__init__()
        self.match, self.called, self.test = match, called, test

    def __torch_dispatch__(
        self,
        function: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = self.match(function.__name__.partition(".")[0])
        if name := name or self.caller(frame_at(1)):
            refuse(name, self.called)
        return function(*args, **(kwargs or {}))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Else the first operator imports torch's compiler, for more than a second."""
        return False

    def caller(self, frame: FrameType | None) -> str | None:
        """The disallowed name that one of torch's functions on the stack belongs to."""
        while frame and frame is not self.test:
            code = frame.f_code
            if code.co_filename.startswith(TORCH) and (name := self.match(code.co_name)):
                return name
            frame = frame.f_back
        return None
