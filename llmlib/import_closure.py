"""The import closure of a piece of code: the files of ours that it may run. What is kept of its
result (a check's outcome, a grade, a test's pass) holds until one of them changes.

A module needs the modules that it imports, wherever the line stands, and the packages around them.
It also needs what its strings name, docstrings aside: the module in "llmlib.serve.complete", the
code in "from llmlib.grading.guest import zygote", the file in "page.html". One that imports what it
computes, and names no module, needs all of its own package. What a package's `__getattr__` imports
is needed by those alone who ask for a name in its `__all__`, and what is below a module's
`if __name__ == "__main__":` by nobody.
"""

import ast
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOTS = {PACKAGE.name: PACKAGE}
Roots = Mapping[str, Path]  # the first word of a module's name: its file or folder
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
FROM = re.compile(r"\bfrom\s+([\w.]+)\s+import\s*(\([^)]*\)|[^\n;]*)")
PLAIN = re.compile(r"\bimport\s+(\w+)")
FILE = re.compile(r"[\w-]+(?:\.\w+)+")
DYNAMIC = {"import_module", "__import__", "walk_packages", "iter_modules"}


def fingerprint(starts: Iterable[str | Path], roots: Roots = ROOTS) -> str:
    """A digest of the closure of `starts`: files, and texts that hold code or names of modules."""
    digest = hashlib.sha256()
    for path in sorted(closure(starts, roots)):
        digest.update(_digest(path, _changed(path)))
    return digest.hexdigest()


def closure(starts: Iterable[str | Path], roots: Roots = ROOTS) -> set[Path]:
    """The files that `starts` may run, and what they read beside themselves."""
    found: set[Path] = set()
    waiting: list[Path] = []
    for start in starts:
        waiting += [start] if isinstance(start, Path) else _named(start, roots)
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += _needs(path, _changed(path), tuple(roots.items()))
    return found


def _changed(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@functools.cache
def _digest(path: Path, _: tuple[int, int]) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\0" + path.read_bytes()).digest()


def _tree(path: Path) -> tuple[ast.AST, ast.AST]:
    """The code of a module that others import, and that of its `__getattr__`."""
    tree = ast.parse(path.read_bytes())
    lazy = [each for each in tree.body if getattr(each, "name", "") == "__getattr__"]
    tree.body = [each for each in tree.body if each not in lazy and not _is_program(each)]
    return tree, ast.Module(lazy, [])


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


@functools.cache
def _needs(path: Path, _: tuple[int, int], roots: tuple[tuple[str, Path], ...]) -> list[Path]:
    """What a file needs by itself."""
    if path.suffix != ".py":
        return []
    tree, places = _tree(path)[0], dict(roots)
    strings = "\n".join(_strings(tree))
    named, files = _named(strings, places), set(FILE.findall(strings))
    needed = [*named, *_imported(tree, path, places)]
    if not named and any(_called(node) in DYNAMIC for node in ast.walk(tree)):
        needed += path.parent.glob("*.py")
    needed += [each for each in path.parent.iterdir() if each.name in files]
    for root in places.values():
        needed += [each for each in _data(root) if each.name in files]
    return needed


def _strings(tree: ast.AST) -> Iterator[str]:
    """All texts that are part of an expression: docstrings are not."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def _called(node: ast.AST) -> str:
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def _imported(tree: ast.AST, path: Path, roots: Roots) -> Iterator[Path]:
    """The files of all that a module's code imports, or asks a package for."""
    plain = {
        each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield from _module(alias.name, roots)
            case ast.ImportFrom():
                base = path.parents[node.level - 1] if node.level else None
                places = {"": base} if base else roots
                name = ("." if base and node.module else "") + (node.module or "")
                for alias in node.names:
                    yield from _module(f"{name}.{alias.name}", places)
            case ast.Attribute(value=ast.Name(id=name)) if name in plain:
                yield from _module(f"{name}.{node.attr}", roots)


def _named(text: str, roots: Roots) -> list[Path]:
    """The files of all modules that a text names, or imports as code does."""
    names = [*DOTTED.findall(text), *PLAIN.findall(text)]
    for module, imported in FROM.findall(text):
        names += [f"{module}.{each}" for each in re.findall(r"\w+", imported)]
    return [path for name in dict.fromkeys(names) for path in _module(name, roots)]


def _module(name: str, roots: Roots) -> Iterator[Path]:
    """The files of a dotted name, as far as it is one of a module: its packages, and itself."""
    first, *rest = name.split(".")
    at = roots.get(first)
    if at is None or at.is_file():
        yield from [at] if at else []
        return
    for word in [*rest, ""]:
        package = at / "__init__.py"
        if package.is_file():
            yield package
        at = at / word
        if (file := at.with_suffix(".py")).is_file() and word:
            yield file
            return
        if not word or not at.is_dir():
            if word and package.is_file():
                tree, lazy = _tree(package)
                yield from _imported(lazy, package, roots) if word in _strings(tree) else ()
            return


@functools.cache
def _data(root: Path) -> tuple[Path, ...]:
    """The files of a folder that are no modules."""
    found = root.rglob("*") if root.is_dir() else ()
    kept = (each for each in found if each.suffix not in (".py", ".pyc") and each.is_file())
    return tuple(sorted(kept))
