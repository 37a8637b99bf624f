"""What llmlib's torch_blocker asks torch for, to refuse the operators that an exercise does not
allow: a dispatcher. The stand-in for torch has none, so its functions and methods are taken for its
operators, each known by its name, and a kernel in front of one is a function around it.

Were the real torch here, this file would go.
"""

import functools
import sys
import types

import torch

OWNERS = ("nn.functional", "linalg", "special", "fft", "optim")
_functions = {}  # operator: [(its owner, attribute, function)]
KEY = 1  # the only one


def switch_on():
    """Add the modules that torch_blocker imports."""
    for owner in _owners():
        for attribute, value in list(vars(owner).items()):
            if isinstance(value, types.FunctionType) and not attribute.startswith("_"):
                _functions.setdefault(attribute, []).append((owner, attribute, value))
    _module("_C", DispatchKey=_AnyKey(), _dispatch_keyset_full_after=lambda key: KEY)
    torch._C._dispatch_get_all_op_names = lambda: [f"page::{name}" for name in _functions]
    torch._C._dispatch_has_kernel_for_dispatch_key = lambda operator, key: False
    _module("ops", page=_Page(), aten=_Page())
    # what llmlib/fast would compute with
    _module("backends.cpu", get_cpu_capability=lambda: "DEFAULT")
    _module("cpu", _is_amx_tile_supported=lambda: False)
    for name in ("mkl", "mkldnn"):
        _module(f"backends.{name}", is_available=lambda: False)
    _module("library", Library=Library)
    _module("overrides", TorchFunctionMode=Mode)
    _module("utils._python_dispatch", TorchDispatchMode=Mode)


def _owners():
    """What holds functions: torch, some of its modules, its tensors, and the optimizers."""
    yield from (torch, torch.Tensor)
    for name in OWNERS:
        if module := sys.modules.get(f"torch.{name}"):
            yield module
            yield from (each for each in vars(module).values() if isinstance(each, type))


def _module(name, **values):
    """A module of torch: the one that is there, or a new one, with these names as well."""
    parent, _, last = name.rpartition(".")
    owner = _module(parent) if parent else torch
    module = sys.modules.setdefault(f"torch.{name}", types.ModuleType(f"torch.{name}"))
    vars(module).update(values)
    setattr(owner, last, module)
    return module


class _AnyKey:
    """DispatchKey: one key stands for all."""

    def __getattr__(self, name):
        return KEY


class _Page:
    """torch.ops.page, and torch.ops.aten, which is imported and never called: operators by name."""

    def __getattr__(self, name):
        return types.SimpleNamespace(default=_Handle(name))


class _Handle:
    """An operator: one or more functions of a name. `redispatch` goes on with the one that was
    called, which its kernel's arguments begin with."""

    def __init__(self, name):
        self.name = name

    def redispatch(self, function, *args, **kwargs):
        return function(*args, **kwargs)


class _Called:
    """The keys that a kernel gets and hands on: which function was called."""

    def __init__(self, function):
        self.function = function

    def __and__(self, _):
        return self.function


class Library:
    """torch.library.Library, for kernels in front of the stand-in's functions."""

    def __init__(self, *_):
        pass

    def impl(self, name, kernel, *_, **__):
        """Put a kernel before all functions of this name."""
        for owner, attribute, function in _functions[name]:
            setattr(owner, attribute, _behind(kernel, function))


def _behind(kernel, function):
    keys = _Called(function)

    @functools.wraps(function)
    def called(*args, **kwargs):
        return kernel(keys, *args, **kwargs)

    return called


class Mode:
    """A mode of torch's. The kernels see all that it would see."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
