"""What an instructor may want to look at in a cell's text. A note costs no points and accuses
nobody: it says in plain words what was seen, and there may be good reasons for it."""

import ast
from collections.abc import Iterator

from llmlib.course.checking.run_cells import to_python
from llmlib.course.checking.scopes import MAX_ANALYSED

RUN_TEXT = {"eval", "exec", "compile", "__import__"}
PROCESSES = {"subprocess", "multiprocessing", "threading", "_thread", "concurrent", "socket"}
INSIDE = {"gc", "ctypes", "inspect", "importlib", "marshal", "pickle", "mmap", "builtins"}
MODULES = {"torch", "np", "numpy", "sys", "os", "F", "nn"}  # as they are usually called
TOO_LONG = "is too long to be looked at"
TOO_DEEP = "is nested too deeply to be looked at"


def notes(source: str) -> list[str]:
    """What the text of one cell does, each in a few words, without repetition."""
    if len(source) > MAX_ANALYSED:
        return [TOO_LONG]
    try:
        tree = ast.parse(to_python(source))
    except (RecursionError, MemoryError):
        return [TOO_DEEP]
    except (SyntaxError, ValueError):  # it does not run
        return []
    return sorted({note for node in ast.walk(tree) for note in _seen(node)})


def _seen(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in RUN_TEXT:
            yield f"runs a text as code ({name})"
        case ast.Import(names=aliases):
            for alias in aliases:
                yield from _imported(alias.name)
        case ast.ImportFrom(module=str(module)):
            yield from _imported(module)
        case ast.Attribute(attr="fork" | "system" | "popen" as name, value=ast.Name(id="os")):
            yield f"starts a process (os.{name})"
        case ast.Attribute(attr=name, value=ast.Name(id=module)) if (
            module in MODULES and name[:1] == "_"
        ):
            yield f"uses an inner part of a library ({module}.{name})"
        case ast.Attribute(attr="__globals__" | "__code__" | "__closure__" as name):
            yield f"looks into a function ({name})"


def _imported(module: str) -> Iterator[str]:
    root = module.partition(".")[0]
    if root in PROCESSES:
        yield f"starts threads, processes or connections ({root})"
    if root in INSIDE:
        yield f"looks into the running program ({root})"
    if inner := [part for part in module.split(".") if part[:1] == "_" != part[1:2]]:
        yield f"uses an inner part of a library ({inner[0]})"
