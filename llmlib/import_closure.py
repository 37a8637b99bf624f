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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
FROM = re.compile(r"\bfrom\s+([\w.]+)\s+import\s*(\([^)]*\)|[^\n;]*)")
PLAIN = re.compile(r"\bimport\s+(\w+)")
FILE = re.compile(r"[\w-]+(?:\.\w+)+")
DYNAMIC = {"import_module", "__import__", "walk_packages", "iter_modules"}


class Roots(dict[str, Path]):
    """Where modules are: {the first word of a name: its file or folder}. What a name was found to
    be is remembered for each of these tables."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__


ROOTS = Roots({PACKAGE.name: PACKAGE})


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
        if isinstance(start, Path):
            waiting.append(start)
        else:
            waiting += [*_named(start, roots), *_data_named(start, roots)]
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += _needs(path, _changed(path), roots)
    return found


def _changed(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@functools.cache
def _digest(path: Path, _: tuple[int, int]) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\0" + path.read_bytes()).digest()


@functools.cache
def _needs(path: Path, changed: tuple[int, int], roots: Roots) -> list[Path]:
    """What a file needs by itself."""
    if path.suffix != ".py":
        return []
    code = _read(path, changed)[0]
    text = "\n".join(code.strings)
    named, files = _named(text, roots), set(FILE.findall(text))
    needed = [*named, *_imported(code, path, roots)]
    if not named and code.dynamic:
        needed += path.parent.glob("*.py")
    needed += [each for each in path.parent.iterdir() if each.name in files]
    return [*needed, *_data_named(text, roots)]


class Code(NamedTuple):
    """What a piece of code refers to."""

    strings: set[str]  # that are part of an expression: docstrings are not
    imports: set[tuple[int, str]]  # (dots in front, name)
    dynamic: bool  # does it import by a name that it computes?


@functools.cache
def _read(path: Path, _: tuple[int, int]) -> tuple[Code, Code]:
    """The code of a module that others import, and that of its `__getattr__`."""
    body = ast.parse(path.read_bytes()).body
    lazy = [each for each in body if getattr(each, "name", "") == "__getattr__"]
    return _code(each for each in body if each not in lazy and not _is_program(each)), _code(lazy)


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _code(body: Iterable[ast.stmt]) -> Code:
    strings, imports, plain, attributes, alone = set(), set(), set(), set(), set()
    called: set[str] = set()
    for node in ast.walk(ast.Module([*body], [])):
        match node:
            case ast.Expr(value=ast.Constant() as text):
                alone.add(text)
            case ast.Constant(value=str(text)) if node not in alone:
                strings.add(text)
            case ast.Import():
                plain |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                name = f"{node.module}." if node.module else ""
                imports |= {(node.level, f"{name}{alias.name}") for alias in node.names}
            case ast.Attribute(value=ast.Name(id=name)):
                attributes.add((name, node.attr))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                called.add(name)
    called |= {attribute for _, attribute in attributes}
    asked = {(0, f"{name}.{attribute}") for name, attribute in attributes if name in plain}
    imports |= asked | {(0, name) for name in plain}
    return Code(strings, imports, not called.isdisjoint(DYNAMIC))


def _imported(code: Code, path: Path, roots: Roots) -> Iterator[Path]:
    """The files of all that a module's code imports, or asks a package for."""
    for level, name in code.imports:
        if level:
            base = path.parents[level - 1]
            yield from _module(f".{name}", Roots({"": base}))
        else:
            yield from _module(name, roots)


def _named(text: str, roots: Roots) -> list[Path]:
    """The files of all modules that a text names, or imports as code does."""
    names = {*DOTTED.findall(text), *PLAIN.findall(text)}
    for module, imported in FROM.findall(text):
        names |= {f"{module}.{each}" for each in re.findall(r"\w+", imported)}
    return [path for name in names for path in _module(name, roots)]


def _data_named(text: str, roots: Roots) -> Iterator[Path]:
    """The files beside modules that a text names, whatever folder they are in."""
    files = set(FILE.findall(text))
    for root in roots.values():
        yield from (each for each in _data(root) if each.name in files)


@functools.cache
def _module(name: str, roots: Roots) -> list[Path]:
    """The files of a dotted name, as far as it is one of a module: its packages, and itself."""
    first, *rest = name.split(".")
    at, found = roots.get(first), list[Path]()
    if at is None or at.is_file():
        return [at] if at else []
    for word in [*rest, ""]:
        package, file = at / "__init__.py", at / f"{word}.py"
        found += [package] if package.is_file() else []
        at = at / word
        if word and file.is_file():
            return [*found, file]
        if word and not at.is_dir():
            if package.is_file():
                code, lazy = _read(package, _changed(package))
                found += _imported(lazy, package, roots) if word in code.strings else []
            return found
    return found


@functools.cache
def _data(root: Path) -> tuple[Path, ...]:
    """The files of a folder that are no modules."""
    found = root.rglob("*") if root.is_dir() else ()
    kept = (each for each in found if each.suffix not in (".py", ".pyc") and each.is_file())
    return tuple(sorted(kept))
