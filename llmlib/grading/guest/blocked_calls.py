"""Ready-made functions of torch and other libraries that an exercise forbids, made to refuse in
the process that is about to be tested. A courtesy: that process is the learner's, who may undo it.
It is a fork for one exercise, so nothing has to be put back. Three ways, because a learner may have
kept a reference: a Python function gets other code in place, a torch operator is overridden in
torch's dispatcher (under every name it has), any other name is replaced in its module."""

import builtins
import contextlib
import functools
import importlib.util
import inspect
import pkgutil
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

import torch

ATTENTION = ("_scaled_dot_product", "_native_multi_head_attention")
FAMILIES = {  # operators that do the same work under another name, by how their names begin
    "softmax": ATTENTION,  # of queries x on keys and values that are an identity
    "logsumexp": ("logcumsumexp", "_logcumsumexp"),
    "layer_norm": ("group_norm", "native_group_norm", "instance_norm", "native_batch_norm"),
    "embedding": ("embedding_bag", "_embedding_bag"),
    "cross_entropy": ("cross_entropy_loss", "nll_loss"),
    "scaled_dot_product_attention": ("_safe_softmax_attention", *ATTENTION),
    "multi_head_attention_forward": ATTENTION,
    "MultiheadAttention": ("scaled_dot_product_attention", *ATTENTION),
}
SAME = "{} _{} {}_ special_{} native_{} _safe_{} _masked_{} _fused_{} _fused_{}_".split()
FLEXIBLE = "torch.nn.attention.flex_attention.flex_attention"
ALIKE = {"torch.nn.functional.scaled_dot_product_attention": FLEXIBLE}  # the same, of Python
KEEP: list = []  # torch.library removes its overrides when the object goes
refused: set[str] = set()  # what was called in this process although it is not allowed


class Blocked(RuntimeError):
    """A function that is not allowed was called; the text is its name in the exercise's list."""


def refuse(name: str) -> NoReturn:
    refused.add(name)
    raise Blocked(name)


def forbid(names: list[str], space: dict[str, Any]) -> None:
    """Make all dotted `names` refuse, whatever leads there; `space` is the learner's namespace."""
    for name in (each for each in names if not each.startswith("llmlib.")):  # those are not here
        if hasattr(builtins, name):  # off for the learner, not for the libraries around
            space[name] = refusal(name)
            continue
        if (library := name.partition(".")[0]) not in sys.modules:
            sys.meta_path.insert(0, BlockOnImport(library, name, space))
            continue
        if name.startswith("torch."):
            refuse_operator(name)
            for function in [*namesakes(name), find(ALIKE.get(name, name))[1]]:
                refuse_in_place(function, name)
        parent, target = find(name)
        if isinstance(target, types.ModuleType):
            sys.modules[name] = None  # type: ignore[assignment]  # import then refuses
        for each in (target, getattr(target, "__wrapped__", None)):
            for part in parts(each):
                refuse_in_place(part, name)
        if parent is not None:
            with contextlib.suppress(AttributeError, TypeError):  # in C code, not to be replaced
                setattr(parent, name.rpartition(".")[2], refusal(name))
        if callable(target) or isinstance(target, types.ModuleType):
            space |= {key: refusal(name) for key, value in space.items() if value is target}


def parts(target: Any) -> list[Any]:
    """A function itself, a class's functions, a module's own: what it imports is not off."""
    if isinstance(target, types.ModuleType):
        found = vars(target).values()
        return [e for e in found if str(getattr(e, "__module__", "")).startswith(target.__name__)]
    return [*vars(target).values()] if inspect.isclass(target) else [target]


class BlockOnImport:
    """Forbids a name once its library is imported: to import `transformers` for the sake of what
    hardly anybody calls would take longer than all tests of its exercise."""

    def __init__(self, library: str, name: str, space: dict[str, Any]) -> None:
        self.library, self.name, self.space = library, name, space

    def find_spec(self, module: str, *_: Any) -> Any:
        """A finder of sys.meta_path: the module's own loader, and `forbid` when it has run."""
        if module != self.library:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(module)
        if spec and spec.loader:
            run = spec.loader.exec_module

            def exec_module(made: types.ModuleType) -> None:
                run(made)
                forbid([self.name], self.space)

            spec.loader.exec_module = exec_module  # type: ignore[assignment,method-assign]
        return spec


def find(name: str) -> tuple[Any, Any]:
    """The object that holds what a dotted name stands for, none for a module, and what it is."""
    with contextlib.suppress(ImportError, AttributeError):  # not there
        found = pkgutil.resolve_name(name)
        whole = isinstance(found, types.ModuleType)
        return None if whole else pkgutil.resolve_name(name.rpartition(".")[0]), found
    return None, None


def namesakes(name: str) -> list[Any]:
    """The functions of that name in what is imported of torch and scipy."""
    last = name.rpartition(".")[2]
    found = [each for key, each in sys.modules.items() if key.startswith(("torch", "scipy"))]
    return [vars(each)[last] for each in found if last in getattr(each, "__dict__", ())]


def refusal(name: str) -> Callable:
    return lambda *_, **__: refuse(name)


def refuse_in_place(function: Any, name: str) -> None:
    """Give a Python function other code, which raises `Blocked`."""
    function = getattr(function, "__func__", function)  # behind a classmethod or staticmethod
    if not isinstance(function, types.FunctionType) or function.__name__ == "refused":
        return
    free = ", ".join(function.__code__.co_freevars)  # its new code must have the same ones
    space: dict[str, Any] = {}
    exec(
        f"def outer({free}):\n"
        "    def refused(*_, **__):\n"
        f"        __import__('sys')._refuse({name!r})\n"  # its globals are another module's
        f"        {free or None}\n"  # never reached, but mentioned
        "    return refused",
        space,
    )
    sys._refuse = refuse  # type: ignore[attr-defined]
    function.__name__ = "refused"
    function.__code__ = space["outer"](*function.__code__.co_freevars).__code__


def refuse_operator(name: str) -> None:
    """Override a torch operator, and those of the same family, in torch's dispatcher."""
    last = name.rpartition(".")[2]
    same, family = {each.format(last) for each in SAME}, FAMILIES.get(last, ())
    wanted = same & operators()
    if family:
        wanted |= {each for each in operators() if each.startswith(family)}
    library = torch.library.Library("aten", "IMPL")  # noqa: TOR901 - it must outlive this function
    KEEP.append(library)
    for operator in wanted:
        if not operator.endswith("_backward"):
            for overload in getattr(torch.ops.aten, operator).overloads():
                full = operator if overload == "default" else f"{operator}.{overload}"
                for key in ("CPU", "AutogradCPU", "MkldnnCPU"):
                    with contextlib.suppress(RuntimeError):
                        library.impl(full, refusal(name), key, allow_override=True)


@functools.cache  # called once before the fork
def operators() -> set[str]:
    """The names of all of torch's operators."""
    names = (schema.name for schema in torch._C._jit_get_all_schemas())
    return {name.removeprefix("aten::") for name in names if name.startswith("aten::")}
