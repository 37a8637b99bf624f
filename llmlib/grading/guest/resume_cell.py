"""Resumes a cell below a statement that the sandbox cannot run: something of the course is not in
here, or the process may not do it."""

import ast
import errno
import traceback
import types
from collections.abc import Iterator
from typing import Any, NoReturn

from llmlib.course.checking import run_cells

REFUSED = errno.EPERM, errno.EACCES, errno.EROFS
lost: set[str] = set()  # names that cells would have made of what is not in here
missed: set[str] = set()  # modules of the course that the cell asked for, and that are not in here


class NotInHere(RuntimeError):
    """A function of the course was called that is not in this process; the text is its name."""


def run(title: str, source: str, space: dict[str, Any]) -> BaseException | None:
    """Run one cell. If a statement fails only because of the sandbox, the statements below it run
    anyway, as they do on the learner's computer."""
    missed.clear()
    error = run_cells.run(title, source, space)
    if error and (missed or absent(error)):
        trace = traceback.extract_tb(error.__traceback__)
        broke = [(at.lineno or 0, at.colno or 0) for at in trace if at.filename == f"<{title}>"]
        for again, below in not_run(run_cells.to_python(source), broke[0]) if broke else ():
            failed = run_cells.run(title, again, space) if again else error
            if failed and (missed or absent(failed)):
                lost.update(made(below))
                space.update((name, it) for name, it in missing(below) if name not in space)
    return error


class Missing:
    """Stands for what an import would have taken from the course: says its name when it is used."""

    def __init__(self, dotted: str) -> None:
        self._dotted = dotted

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """It is not in the sandbox."""
        raise NotInHere(self._dotted)

    def __getattr__(self, name: str) -> NoReturn:
        if name[:2] == "__":
            raise AttributeError(name)
        raise NotInHere(f"{self._dotted}.{name}")


def missing(statement: ast.stmt) -> Iterator[tuple[str, Missing]]:
    """(name, its `Missing`) of an import that failed."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        module = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
        for alias in statement.names:
            if f"{module}{alias.name}".startswith("llmlib.") and (alias.asname or module):
                yield alias.asname or alias.name, Missing(f"{module}{alias.name}")


def not_run(text: str, broke: tuple[int, int]) -> Iterator[tuple[str, ast.stmt]]:
    """(source, statement) from the (line, column) on at which a cell failed: an import name by
    name, since some of its names may be here; of another failed statement nothing to run."""
    for each in ast.parse(text).body:
        decorators = getattr(each, "decorator_list", [])
        each.lineno = min(part.lineno for part in [each, *decorators])
        after = (each.lineno, each.col_offset) > broke
        if not after and (each.end_lineno or 0, each.end_col_offset or 0) < broke:
            continue
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            for alias in list(each.names):
                each.names = [alias]
                yield ast.unparse(each), each
        else:
            newlines, segment = "\n" * (each.lineno - 1), ast.get_source_segment(text, each)
            yield f"{newlines}{segment}" if after else "", each


def absent(error: BaseException) -> bool:
    """Did it fail because something of the course, or a right, is missing in here?"""
    match error:
        case NameError():
            return error.name in lost
        case ImportError():
            home = error.name
        case AttributeError(obj=types.ModuleType() as module):
            home = getattr(module, "__name__", None)
        case AttributeError(obj=types.FunctionType() as stand_in):
            home = stand_in.__module__
        case OSError():  # no program starts, there is no network, and all but /tmp is read-only
            chain: list[Any] = [error]
            while chain[-1]:  # a URLError comes of another one
                chain.append(chain[-1].__context__)
            return any(getattr(each, "errno", None) in REFUSED for each in chain)
        case _:  # an attribute of anything else is the learner's mistake
            return isinstance(error, NotInHere)
    return str(home).partition(".")[0] == "llmlib"


def made(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement would have made."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):  # its decorator is not in here
            yield node.name


class MissingModules:
    """The last finder: notes which module of llmlib nobody found, also where a cell catches it."""

    def find_spec(self, name: str, *_: Any) -> None:
        """It finds nothing, and notes what was looked for."""
        missed.update([name] * name.startswith("llmlib."))


def no_program(*_: Any) -> NoReturn:
    """In place of what starts a program: PermissionError."""
    raise PermissionError(errno.EPERM, "no program starts here")
