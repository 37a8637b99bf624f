"""A learner's definitions as a file of its own can have them: without llmlib, and no notebook."""

import ast
import importlib
from collections.abc import Iterable, Set
from dataclasses import replace
from functools import cache

from llmlib.course.checking.definitions import BUILTINS, Definition, definitions

STARS = ("math", "numpy", "torch")  # packages whose names may be looked up here


def without_llmlib(given: Iterable[Definition], known: Set[str]) -> list[Definition]:
    """Of a `from torch import *` a definition for each name, and of what is imported from llmlib
    none: those of its functions that are `known` the file has under their own names."""
    found: list[Definition] = []
    for each in given:
        module, _, last = each.origin.rpartition(".")
        package = each.origin.partition(".")[0]
        if last == "*" and package in STARS:
            names = ", ".join(_public(module))
            found += definitions([f"from {module} import {names}"] if names else [])
        elif package != "llmlib":
            found.append(each)
        elif last in known - each.names:  # under another name
            same, name = f"{next(iter(each.names))} = {last}", frozenset({last})
            found.append(replace(each, source=same, reads=name, at_once=name, kind=ast.Assign))
    return found


def missing(chosen: list[Definition], known: Set[str], lazy: bool) -> set[str]:
    """The names that the `chosen` definitions read and nobody makes. Where hints are `lazy`, Python
    does not read those that nothing else reads."""
    made = BUILTINS.union(known, *(each.names for each in chosen))
    if "*" in made:
        return set()
    nodes = [node for one in chosen for node in ast.walk(ast.parse(one.source))]
    hints: set[ast.AST] = set()
    for each in nodes:
        made |= set(each.names) if isinstance(each, ast.Global) else set()  # when it is called
        found = [getattr(each, kind, None) for kind in ("annotation", "returns")]
        hints.update(node for hint in found if lazy and hint for node in ast.walk(hint))
    used = {each.id for each in nodes if isinstance(each, ast.Name) and each not in hints}
    return set().union(*(each.reads & used for each in chosen)) - made


@cache
def _public(module: str) -> list[str]:
    """The names that `from module import *` gives."""
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit):  # noqa: BLE001 - in the learner's cell it fails, too
        return []
    return getattr(found, "__all__", [name for name in vars(found) if name[0] != "_"])


def awaiting(chosen: list[Definition]) -> str:
    """The first line of a definition that awaits outside of a function: in a file no Python."""
    for each in chosen:
        try:
            compile(each.source, "my_llm.py", "exec", dont_inherit=True)
        except SyntaxError:
            return each.source.partition("\n")[0]
    return ""
