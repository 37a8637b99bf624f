"""Refuses what an exercise does not allow while a test calls the learner's function: `llmlib
check`, the kernel and the grader all use it. What is written decides nothing, only what is called.

torch's operators are refused at its dispatcher, by kernels of ours between autograd and the
backends: for every thread, and whatever called them (a method, a module, compiled code, a kept
function, a C entry). They look at `board`, which is shared with processes that fork, and otherwise
pass the call on. Modes of torch see its Python functions, in the thread of the call alone.

All of it works inside the process that it restricts, whose owner can switch it off, and it does not
see another road to the same numbers. SECURITY.md says what is left open, and what answers that.
"""

import builtins
import contextlib
import functools
import mmap
import pkgutil
import sys
import types
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import torch
from torch._C import DispatchKey, _dispatch_keyset_full_after
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from exercises.course_packages import PACKAGES, is_inside, is_ours
from exercises.operators import Match, class_matcher, matcher

TORCH = str(Path(torch.__file__).parent)
AUTOGRAD = "torch.autograd"
GRADIENT_NODE = torch.Tensor.grad_fn  # what gives the node that computes a gradient
# Above every backend, and in each thread's keys by default.
SELECT = "BackendSelect"
# What is made of other operators is taken apart here, before it reaches the backends.
COMPOSITE = ("AutogradCPU", "AutogradCUDA", "AutogradMPS", "AutogradOther", "AutogradNestedTensor")
MOST = 512  # names on the board
# Kept from before any cell: one may put its own in their place.
MODES: tuple[Any, ...] = (TorchFunctionMode, TorchDispatchMode)
ENTER = {each: each.__enter__ for each in MODES}
EXIT = {each: each.__exit__ for each in MODES}
frame_at = sys._getframe

names: list[str] = []  # what the board has room for, in its order
board = mmap.mmap(-1, 2 * MOST)  # by name: is it refused now? From MOST on: was it called then?
_libraries: dict[str, torch.library.Library] = {}
_watched: dict[str, list[int]] = {}  # by operator: the places of the names that it is refused for
Values = dict[str, Any]


class DisallowedCall(RuntimeError):
    """A function that is not allowed was called; the text is its name in the exercise's list."""


def new_board() -> None:
    """A board of its own for this process and those that it forks."""
    global board
    board = mmap.mmap(-1, 2 * MOST)


def called() -> set[str]:
    """What was called although it was refused, in any process with this board."""
    return {name for number, name in enumerate(names) if board[MOST + number]}


def forget() -> None:
    """Before a test: nothing was called yet."""
    board[MOST:] = bytes(MOST)


def note(name: str) -> None:
    """Something of this name was called, and is refused."""
    board[MOST + _place(name)] = 1


def refuse(name: str) -> NoReturn:
    """Note the call of this name and raise `DisallowedCall`."""
    note(name)
    raise DisallowedCall(name)


def _place(name: str) -> int:
    if name not in names:
        names.append(name)
    return names.index(name)


def watch(disallowed: Iterable[str]) -> None:
    """Put kernels before the operators that these names of torch stand for, once a process."""
    new = [name for name in dict.fromkeys(disallowed) if _is_torchs(name) and name not in names]
    places = {_place(name): matcher((name,)) for name in new}
    if AUTOGRAD in new:
        torch.autograd.Variable._execution_engine = Engine()  # type: ignore[assignment]
    for operator in torch._C._dispatch_get_all_op_names() if new else ():
        space, _, word = operator.partition("::")
        base, _, overload = word.partition(".")
        if found := [place for place, match in places.items() if match(base)]:
            if operator in _watched:  # for another name: a second kernel would replace the first
                _watched[operator] += found
                continue
            handle = getattr(getattr(torch.ops, space), base)
            _watched[operator] = found
            _watch(operator, getattr(handle, overload or "default"), found)


def _is_torchs(name: str) -> bool:
    return name.startswith("torch.")


def _watch(operator: str, handle: Any, places: list[int]) -> None:
    """Put a kernel before one operator, which refuses where one of `places` says so."""
    space, _, word = operator.partition("::")
    library = _libraries.setdefault(space, torch.library.Library(space, "IMPL"))
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(
        operator, "CompositeImplicitAutograd"
    )
    # Straight to a backend: between autograd and there torch.func leaves its level, and with it the
    # gradient of all that is taken apart only below.
    below = _dispatch_keyset_full_after(DispatchKey.BackendSelect)
    kernel = functools.partial(_kernel, handle, below, places)
    for key in (SELECT, *COMPOSITE) if composite else (SELECT,):
        library.impl(word, kernel, key, with_keyset=True)


def _kernel(handle: Any, below: Any, places: list[int], keys: Any, *args: Any, **more: Any) -> Any:
    for place in places:
        if board[place] and not _times_another(args):
            refuse(names[place])
    return handle.redispatch(keys & below, *args, **more)


def _times_another(args: Sequence[Any]) -> bool:
    """Are these the arguments of torch's stopwatch, for something else than an optimizer's step?"""
    return type(next(iter(args), None)) is str and not args[0].startswith("Optimizer.step#")


class Engine:
    """Stands before torch's engine, which every gradient that Python asks for comes from."""

    def __init__(self) -> None:
        self.engine = torch.autograd.Variable._execution_engine

    def run_backward(self, *args: Any, **more: Any) -> Any:
        """As torch's, unless gradients are refused."""
        if board[_place(AUTOGRAD)]:
            refuse(AUTOGRAD)
        return self.engine.run_backward(*args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


class block:
    """A context in which functions that one of `disallowed` (dotted names) stands for raise
    `DisallowedCall`. `space` are the learner's globals: what they hold of llmlib, but for the
    objects in `given` that are not listed, and of another library of which a part is disallowed,
    refuses as well."""

    def __init__(
        self, disallowed: Iterable[str], space: Values | None = None, given: Iterable[Any] = ()
    ) -> None:
        self.names, self.space = tuple(disallowed), {} if space is None else space
        self.torchs = tuple(filter(_is_torchs, self.names))
        self.given = {*map(id, given)} - {id(each) for name in self.names for each in _along(name)}
        self.after = contextlib.ExitStack()

    def __enter__(self) -> "block":
        watch(self.torchs)
        self.before, places = called(), [_place(name) for name in self.torchs]
        with contextlib.ExitStack() as after:
            for place in places:
                after.callback(board.__setitem__, place, board[place])
                board[place] = 1
            if self.torchs:  # with nothing to refuse there are no modes: every call is slower
                match = matcher(self.torchs)
                seen = OperatorMode(match, class_matcher(self.torchs), frame_at(1))
                for mode in (FunctionMode(match), seen):
                    kind = MODES[isinstance(mode, TorchDispatchMode)]
                    ENTER[kind](mode)
                    after.callback(EXIT[kind], mode, None, None, None)
            others = [name for name in self.names if not _is_torchs(name)]
            for name in others:
                _replace(name, self.space, after)
            closed = {_library(name): name for name in others} | dict.fromkeys(PACKAGES, "")
            for library in closed.keys() & sys.stdlib_module_names:
                del closed[library]  # of Python's own only what is listed
            if self.space:
                _close(closed, self.space, self.given, after)
            self.after = after.pop_all()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, *_: object) -> None:
        self.after.close()
        if isinstance(error, Exception) and not isinstance(error, DisallowedCall):
            for name in called() - self.before:  # compiled code made another exception of it
                raise DisallowedCall(name) from None


def _library(name: str) -> str:
    return name.partition(".")[0]


def _replace(name: str, space: Values, after: contextlib.ExitStack) -> None:
    """Replace a function in its module, if that is imported, and where `space` has it."""
    module, _, last = name.rpartition(".")
    if _library(name) in sys.modules and not is_inside(name):
        with contextlib.suppress(ImportError, AttributeError, ValueError):
            parent = pkgutil.resolve_name(module)
            original, refusing = getattr(parent, last), StandIn(name)
            after.callback(setattr, parent, last, original)
            setattr(parent, last, refusing)
            _put({key: refusing for key, value in space.items() if value is original}, space, after)


def _along(dotted: str) -> Iterator[Any]:
    """The object of a dotted name and those that hold it, as far as they are loaded."""
    first, *rest = dotted.split(".")
    value = sys.modules.get(first)
    while value is not None:
        yield value
        value = getattr(value, "__dict__", {}).get(rest.pop(0)) if rest else None


def home(value: Any) -> str:
    """The dotted name of a module, or of a function or class where it was made; else ""."""
    if isinstance(value, types.ModuleType):
        return str(value.__name__)
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
        return f"{value.__module__}.{value.__name__}"
    return ""


def _put(new: Values, space: Values, after: contextlib.ExitStack) -> None:
    """Values of `space` replaced; each comes back unless the function has put another there."""

    def back(key: str, refusing: Any, original: Any) -> None:
        if space.get(key) is refusing:
            space[key] = original

    for key, refusing in new.items():
        after.callback(back, key, refusing, space[key])
        space[key] = refusing


def _close(
    closed: Mapping[str, str], space: Values, given: Container[int], after: contextlib.ExitStack
) -> None:
    """Replace what `space` has of these libraries, {library: what to call it}, and refuse imports
    of them in the learner's functions."""

    new = {}
    for key, value in space.items():
        made = "" if is_ours(str(type(value).__module__)) else home(type(value))
        whole = home(value) or made  # also an object of a library's class
        if _library(whole) in closed and id(value) not in given:
            new[key] = StandIn(closed[_library(whole)] or whole)
    _put(new, space, after)
    original = builtins.__import__

    def guarded(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if globals is not space or _library(name) not in closed:
            return original(name, globals, locals, fromlist, level)
        whole = [f"{name}.{each}" for each in fromlist or ()] or [name]
        with contextlib.suppress(ImportError):  # in the grader the course is not there
            module = original(name, globals, locals, fromlist, level)
            if fromlist and all(id(getattr(module, each, None)) in given for each in fromlist):
                return module
        refuse(closed[_library(name)] or whole[0])

    after.callback(setattr, builtins, "__import__", original)
    builtins.__import__ = guarded


class StandIn:
    """Refuses to be called, and so do its attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse, whatever it is given."""
        refuse(self._name)

    def __getattr__(self, name: str) -> NoReturn:
        refuse(self._name)


class FunctionMode(TorchFunctionMode):
    """Sees the functions of torch that a learner calls, by their Python names."""

    def __init__(self, match: Match) -> None:
        super().__init__()
        self.match = match

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        word = getattr(function, "__name__", "").partition(".")[0]
        word = "grad_fn" if getattr(function, "__self__", None) is GRADIENT_NODE else word
        name = self.match(word)
        if name and not _times_another(args):
            refuse(name)
        return function(*args, **(kwargs or {}))


class OperatorMode(TorchDispatchMode):
    """Sees which of torch's own Python functions operators are called from, up to `test`."""

    def __init__(self, match: Match, match_class: Match, test: FrameType) -> None:
        super().__init__()
        self.match, self.match_class, self.test = match, match_class, test

    def __torch_dispatch__(
        self,
        function: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if name := self.caller(frame_at(1)):
            refuse(name)
        return function(*args, **(kwargs or {}))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Else the first operator imports torch's compiler, for more than a second."""
        return False

    def caller(self, frame: FrameType | None) -> str | None:
        """The disallowed name that one of torch's functions on the stack belongs to."""
        while frame and frame is not self.test:
            code = frame.f_code
            if code.co_filename.startswith(TORCH):
                name = self.match(code.co_name) or self.match_class(code.co_qualname)
                if name:
                    return name
            frame = frame.f_back
        return None
