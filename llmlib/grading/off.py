"""Ready-made answers that an exercise forbids, made to refuse in the process that is about to be tested.

That process is a fork for one exercise, so nothing has to be put back. Three ways, because a learner may have kept a
reference: a Python function gets other code in place, a torch operator is overridden in torch's dispatcher (which is
under every name it has), and any other name is replaced where it stands.
"""

import builtins
import contextlib
import functools
import importlib
import inspect
import sys
import types

import torch

FAMILIES = {  # operators that do the same work under another name
    "cross_entropy": ("cross_entropy_loss", "nll_loss"),
    "scaled_dot_product_attention": (
        "_scaled_dot_product",
        "_safe_softmax_attention",
        "_native_multi_head_attention",
    ),
    "multi_head_attention_forward": ("_scaled_dot_product", "_native_multi_head_attention"),
    "MultiheadAttention": (
        "_scaled_dot_product",
        "scaled_dot_product_attention",
        "_native_multi_head_attention",
    ),
}
KEEP = []  # torch.library removes its overrides when the object goes


def sentence(name):
    return f"`{name}` is off in this exercise: write this one yourself"


def forbid(names, space):
    """Make every dotted name in `names` refuse, whatever reference leads to it. `space` is the learner's namespace."""
    for name in names:
        refusal = _refusal(name)
        if hasattr(builtins, name):  # off for the learner, not for the libraries around
            space[name] = refusal
            continue
        if name.startswith("torch."):
            _forbid_operator(name)
        parent, last, target = _find(name)
        if isinstance(target, types.ModuleType):
            sys.modules[name] = None
            for each in vars(target).values():
                _refuse_in_place(each, name)
        for each in (target, getattr(target, "__wrapped__", None)):
            for part in vars(each).values() if inspect.isclass(each) else [each]:
                _refuse_in_place(part, name)
        if parent is not None:
            with contextlib.suppress(
                AttributeError, TypeError
            ):  # a name in C code that cannot be replaced
                setattr(parent, last, refusal)
        if callable(target) or isinstance(target, types.ModuleType):
            for module in [
                space,
                *(
                    vars(sys.modules[each])
                    for each in list(sys.modules)
                    if each.startswith("llmlib")
                ),
            ]:
                module.update({key: refusal for key, value in module.items() if value is target})


def _find(name):
    """The object that holds the last part of a dotted name, that part, and what it is; Nones where there is no such."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            parent, found = None, importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            parent, found = found, getattr(found, part, None)
        return parent, parts[-1], found
    return None, parts[-1], None


def _refusal(name):
    def refuse(*_, **__):
        raise RuntimeError(sentence(name))

    return refuse


def _refuse_in_place(function, name):
    function = getattr(function, "__func__", function)  # behind a classmethod or staticmethod
    if not isinstance(function, types.FunctionType):
        return
    free = function.__code__.co_freevars  # code can only be replaced by code with as many of these
    unused = "".join(f"    {each} = None\n" for each in free)
    fault = f"raise RuntimeError({sentence(name)!r}, {', '.join(free)})"
    space = {}
    exec(
        f"def outer():\n{unused}    def refuse(*_, **__):\n        {fault}\n    return refuse",
        space,
    )
    function.__code__ = space["outer"]().__code__


def _forbid_operator(name):
    last = name.rsplit(".", 1)[-1]
    same = {
        last,
        f"_{last}",
        f"{last}_",
        f"special_{last}",
        f"native_{last}",
        f"_safe_{last}",
        f"_fused_{last}",
    }
    family = FAMILIES.get(last, ())
    wanted = {each for each in operators() if each in same or (family and each.startswith(family))}
    library = torch.library.Library("aten", "IMPL")  # noqa: TOR901 - it must outlive this function
    KEEP.append(library)
    for operator in wanted - {each for each in wanted if each.endswith("_backward")}:
        packet = getattr(torch.ops.aten, operator)
        for overload in packet.overloads():
            full = operator if overload == "default" else f"{operator}.{overload}"
            for key in ("CPU", "AutogradCPU"):
                with contextlib.suppress(RuntimeError):
                    library.impl(full, _refusal(name), key, allow_override=True)


@functools.cache  # called once before the fork
def operators():
    """The names of all of torch's operators."""
    names = (schema.name for schema in torch._C._jit_get_all_schemas())
    return {name.removeprefix("aten::") for name in names if name.startswith("aten::")}
