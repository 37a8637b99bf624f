"""Find the import closure of a piece of code: the files of the course that it may run. What is kept
of its result (a check's outcome, a grade, a test's pass) holds until one of them changes.

A module needs the modules that it imports, wherever the line stands, and the packages around them.
It also needs what its strings name, docstrings aside: the module in "classroom.complete", the
code in "from grader.guest import zygote", the file in "page.html". One that imports what it
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

from exercises.course_packages import PACKAGES
from llmlib.installation import ROOT

DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
FROM = re.compile(r"\bfrom\s+([\w.]+)\s+import\s*(\([^)]*\)|[^\n;]*)")
PLAIN = re.compile(r"\bimport\s+(\w+)")
FILE = re.compile(r"[\w-]+(?:\.\w+)+")
DYNAMIC = {"import_module", "__import__", "walk_packages", "iter_modules"}


class Roots(dict[str, Path]):
    """Say where modules are: {the first word of a name: its file or folder}. The files of a name
    are cached for each of these tables."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__


ROOTS = Roots({name: ROOT / name for name in PACKAGES})


def fingerprint(starts: Iterable[str | Path], roots: Roots = ROOTS) -> str:
    """Digest the closure of `starts`: files, and texts that hold code or names of modules."""
    digest = hashlib.sha256()
    for path in sorted(closure(starts, roots)):
        digest.update(_digest(path, _changed(path)))
    return digest.hexdigest()


def closure(starts: Iterable[str | Path], roots: Roots = ROOTS) -> set[Path]:
    """Return the files that `starts` may run, and what they read beside themselves."""
    files: set[Path] = set()
    queue: list[Path] = []
    for start in starts:
        if isinstance(start, Path):
            queue.append(start)
        else:
            queue += [*_named(start, roots), *_data_named(start, roots)]
    while queue:
        if (path := queue.pop()) not in files:
            files.add(path)
            queue += _needs(path, _changed(path), roots)
    return files


def _changed(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@functools.cache
def _digest(path: Path, _: tuple[int, int]) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\0" + path.read_bytes()).digest()


@functools.cache
def _needs(path: Path, version: tuple[int, int], roots: Roots) -> list[Path]:
    """Return what a file needs by itself."""
    if path.suffix != ".py":
        return []
    code = _read(path, version)[0]
    text = "\n".join(code.strings)
    modules, file_names = _named(text, roots), set(FILE.findall(text))
    needs = [*modules, *_imported(code, path, roots)]
    if not modules and code.dynamic:
        needs += path.parent.glob("*.py")
    needs += [file for file in path.parent.iterdir() if file.name in file_names]
    return [*needs, *_data_named(text, roots)]


class Code(NamedTuple):
    """Hold what a piece of code refers to."""

    strings: set[str]  # that are part of an expression: docstrings are not
    imports: set[tuple[int, str]]  # (dots in front, name)
    dynamic: bool  # does it import by a name that it computes?


@functools.cache
def _read(path: Path, _: tuple[int, int]) -> tuple[Code, Code]:
    """Read the code of a module that others import, and that of its `__getattr__`."""
    body = ast.parse(path.read_bytes()).body
    lazy = [node for node in body if getattr(node, "name", "") == "__getattr__"]
    return _code(node for node in body if node not in lazy and not _is_program(node)), _code(lazy)


def _is_program(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _code(body: Iterable[ast.stmt]) -> Code:
    strings, imports, plain, attributes, docstrings = set(), set(), set(), set(), set()
    calls: set[str] = set()
    for node in ast.walk(ast.Module([*body], [])):
        match node:
            case ast.Expr(value=ast.Constant() as text):
                docstrings.add(text)
            case ast.Constant(value=str(text)) if node not in docstrings:
                strings.add(text)
            case ast.Import():
                plain |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                name = f"{node.module}." if node.module else ""
                imports |= {(node.level, f"{name}{alias.name}") for alias in node.names}
            case ast.Attribute(value=ast.Name(id=name)):
                attributes.add((name, node.attr))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                calls.add(name)
    calls |= {attribute for _, attribute in attributes}
    imports |= {(0, name) for name in plain}
    imports |= {(0, f"{name}.{attribute}") for name, attribute in attributes if name in plain}
    return Code(strings, imports, not calls.isdisjoint(DYNAMIC))


def _imported(code: Code, path: Path, roots: Roots) -> Iterator[Path]:
    """Yield the files of all that a module's code imports, or asks a package for."""
    for level, name in code.imports:
        if level:
            base = path.parents[level - 1]
            yield from _module(f".{name}", Roots({"": base}))
        else:
            yield from _module(name, roots)


def _named(text: str, roots: Roots) -> list[Path]:
    """Return the files of all modules that a text names, or imports as code does."""
    names = {*DOTTED.findall(text), *PLAIN.findall(text)}
    for module, targets in FROM.findall(text):
        names |= {f"{module}.{word}" for word in re.findall(r"\w+", targets)}
    return [path for name in names for path in _module(name, roots)]


def _data_named(text: str, roots: Roots) -> Iterator[Path]:
    """Yield the files beside modules that a text names, whatever folder they are in."""
    names = set(FILE.findall(text))
    for root in roots.values():
        yield from (file for file in _data(root) if file.name in names)


@functools.cache
def _module(name: str, roots: Roots) -> list[Path]:
    """Return the files of a dotted name, as far as it is a module's: its packages, then itself."""
    first, *words = name.split(".")
    folder = roots.get(first)
    if folder is None:
        return []
    if folder.is_file():
        return [folder]
    files = _init(folder)
    for word in words:
        file, subfolder = folder / f"{word}.py", folder / word
        if file.is_file():
            return [*files, file]
        if not subfolder.is_dir():  # the name of something in the package
            return [*files, *_lazy_imports(folder, word, roots)]
        folder = subfolder
        files += _init(folder)
    return files


def _init(folder: Path) -> list[Path]:
    """Return the `__init__.py` of a folder, if it has one."""
    package = folder / "__init__.py"
    return [package] if package.is_file() else []


def _lazy_imports(folder: Path, name: str, roots: Roots) -> list[Path]:
    """Return what a package's `__getattr__` imports, if `name` is one that it serves."""
    for package in _init(folder):
        code, lazy = _read(package, _changed(package))
        if name in code.strings:
            return [*_imported(lazy, package, roots)]
    return []


@functools.cache
def _data(root: Path) -> tuple[Path, ...]:
    """Return the files of a folder that are no modules."""
    paths = root.rglob("*") if root.is_dir() else ()
    return tuple(sorted(p for p in paths if p.suffix not in (".py", ".pyc") and p.is_file()))
