"""Note what an instructor may want to look at in a cell's text. A note costs no points and accuses
nobody: it says in plain words what was seen, and there may be good reasons for it."""

import ast
from collections.abc import Iterator

from classroom.checking.run_cells import to_python
from classroom.checking.scopes import MAX_ANALYSED

RUN_TEXT = {"eval", "exec", "compile", "__import__"}
PROCESSES = {"subprocess", "multiprocessing", "threading", "_thread", "concurrent", "socket"}
# What people use these modules for in a notebook. Their import alone is no finding.
EVERYDAY = {
    "gc": {"collect", "disable", "enable"},
    "inspect": {"getsource", "getdoc", "signature"},
    "concurrent": {"futures"},
    "concurrent.futures": {"ThreadPoolExecutor", "as_completed", "wait"},
}
INSIDE = {"gc", "ctypes", "inspect", "importlib", "marshal", "pickle", "mmap", "builtins"}
MODULES = {"torch", "np", "numpy", "sys", "os", "F", "nn"}  # as they are usually called
TOO_LONG = "is too long to be looked at"
TOO_DEEP = "is nested too deeply to be looked at"


def notes(source: str) -> list[str]:
    """Return what the text of one cell does, each in a few words, without repetition."""
    if len(source) > MAX_ANALYSED:
        return [TOO_LONG]
    try:
        tree = ast.parse(to_python(source))
    except (RecursionError, MemoryError):
        return [TOO_DEEP]
    except (SyntaxError, ValueError):  # it does not run
        return []
    nodes = [*ast.walk(tree)]
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    bare = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in inner}
    return sorted({note for node in nodes for note in _seen(node, bare)})


def _seen(node: ast.AST, bare: set[str]) -> Iterator[str]:
    """Yield what one node does; `bare` are the names that the cell uses otherwise than for an
    attribute of theirs."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in RUN_TEXT:
            yield f"runs a text as code ({name})"
        case ast.Import(names=aliases):
            for alias in aliases:
                if alias.name not in EVERYDAY or alias.asname or alias.name in bare:
                    yield from _imported(alias.name)
        case ast.ImportFrom(module=str(module), names=aliases):
            if {alias.name for alias in aliases} - EVERYDAY.get(module, set()):
                yield from _imported(module)
        case ast.Attribute(attr=name, value=ast.Name(id=module)) if (
            module in EVERYDAY and name not in EVERYDAY[module]
        ):
            yield f"looks into the running program ({module}.{name})"
        case ast.Attribute(
            attr=name, value=ast.Attribute(attr="futures", value=ast.Name(id="concurrent"))
        ) if name not in EVERYDAY["concurrent.futures"]:
            yield from _imported("concurrent")
        case ast.Attribute(attr="fork" | "system" | "popen" as name, value=ast.Name(id="os")):
            yield f"starts a process (os.{name})"
        case ast.Attribute(attr=name, value=ast.Name(id=module)) if (
            module in MODULES and name[:1] == "_" and name not in ("__version__", "__file__")
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
