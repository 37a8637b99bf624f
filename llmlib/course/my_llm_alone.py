"""A learner's definitions as a file of its own can have them: without llmlib, and no notebook."""

import ast
import importlib
from collections.abc import Iterable, Set
from dataclasses import replace
from functools import cache

from llmlib.course.definitions import Definition

STARS = ("math", "numpy", "torch")  # packages whose names may be looked up here


def without_llmlib(definitions: Iterable[Definition], known: Set[str]) -> list[Definition]:
    """Of a `from torch import *` a definition for each name, and of what is imported from llmlib
    none: those of its functions that are `known` the file has under their own names."""
    found: list[Definition] = []
    for each in definitions:
        module, _, last = each.origin.rpartition(".")
        package = each.origin.partition(".")[0]
        if last == "*" and package in STARS:
            found += (_imported(each, module, name) for name in _public(module))
        elif package != "llmlib":
            found.append(each)
        elif last in known - each.names:  # under another name
            same, name = f"{next(iter(each.names))} = {last}", frozenset({last})
            found.append(replace(each, source=same, reads=name, at_once=name, kind=ast.Assign))
    return found


def _imported(star: Definition, module: str, name: str) -> Definition:
    line, origin = f"from {module} import {name}", f"{module}.{name}"
    return replace(star, source=line, names=frozenset({name}), origin=origin)


@cache
def _public(module: str) -> list[str]:
    """The names that `from module import *` gives."""
    found = importlib.import_module(module)
    return getattr(found, "__all__", [name for name in vars(found) if name[0] != "_"])


def awaiting(chosen: list[Definition]) -> str:
    """The first line of a definition that awaits outside of a function: in a file no Python."""
    for each in chosen:
        try:
            compile(each.source, "my_llm.py", "exec", dont_inherit=True)
        except SyntaxError:
            return each.source.partition("\n")[0]
    return ""
