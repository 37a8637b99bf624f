"""Resume a cell below a statement that the sandbox cannot run: something of the course is not in
here, or the process may not do it."""

import ast
import errno
import traceback
import types
from collections.abc import Iterator
from typing import Any, NoReturn

from classroom.checking import run_cells
from exercises.course_packages import is_inside, is_ours

HIDDEN = "llmlib", "transformers"  # what the sandbox does not show, or in part
REFUSED = errno.EPERM, errno.EACCES, errno.EROFS
lost: set[str] = set()  # names that cells would have made of what is not in here
missed: set[str] = set()  # modules of the course that the cell asked for, and that are not in here


class NotInHere(RuntimeError):
    """Say that a function of the course was called that this process lacks; the text is its
    name."""


def run(title: str, source: str, space: dict[str, Any]) -> BaseException | None:
    """Run one cell. If a statement fails only because of the sandbox, the statements below it run
    anyway, as they do on the learner's computer."""
    missed.clear()
    error = run_cells.run(title, source, space)
    if error and (missed or absent(error)):
        trace = traceback.extract_tb(error.__traceback__)
        broke = [(at.lineno or 0, at.colno or 0) for at in trace if at.filename == f"<{title}>"]
        for again, below in not_run(run_cells.to_python(source), broke[0]) if broke else ():
            failure = run_cells.run(title, again, space) if again else error
            if failure and (missed or absent(failure)):
                lost.update(made(below))
                stand_ins = dict(missing(below))
                space.update({name: stand_ins[name] for name in stand_ins.keys() - space.keys()})
    return error


class Missing:
    """Stand for what an import would have taken from the course: say its name when it is used."""

    def __init__(self, full_name: str) -> None:
        self._dotted = full_name

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `NotInHere`."""
        raise NotInHere(self._dotted)

    def __getattr__(self, name: str) -> NoReturn:
        if name[:2] == "__":
            raise AttributeError(name)
        raise NotInHere(f"{self._dotted}.{name}")


def missing(statement: ast.stmt) -> Iterator[tuple[str, Missing]]:
    """Yield (name, its `Missing`) of an import that failed."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        module = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
        for alias in statement.names:
            if is_inside(f"{module}{alias.name}") and (alias.asname or module):
                yield alias.asname or alias.name, Missing(f"{module}{alias.name}")


def not_run(text: str, broke: tuple[int, int]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield (source, statement) from the (line, column) on at which a cell failed: an import name
    by name, since some of its names may be here; of another failed statement nothing to run."""
    for statement in ast.parse(text).body:
        decorators = getattr(statement, "decorator_list", [])
        statement.lineno = min(part.lineno for part in [statement, *decorators])
        after = (statement.lineno, statement.col_offset) > broke
        if not after and (statement.end_lineno or 0, statement.end_col_offset or 0) < broke:
            continue
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in list(statement.names):
                statement.names = [alias]
                yield ast.unparse(statement), statement
        else:
            segment = ast.get_source_segment(text, statement)
            yield "\n" * (statement.lineno - 1) + f"{segment}" if after else "", statement


def absent(error: BaseException) -> bool:
    """Say whether it failed because something of the course, or a right, is missing in here."""
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
            return any(getattr(exception, "errno", None) in REFUSED for exception in chain)
        case _:  # an attribute of anything else is the learner's mistake
            return isinstance(error, NotInHere)
    return is_ours(str(home)) or str(home).partition(".")[0] in HIDDEN


def made(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement would have made."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):  # its decorator is not in here
            yield node.name


class MissingModules:
    """Note, as the last finder, what module of the course is missing, also where a cell hides
    it."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Find nothing, and note what was looked for."""
        missed.update([name] * is_inside(name))


def no_program(*_: Any) -> NoReturn:
    """Raise PermissionError, in place of what starts a program."""
    raise PermissionError(errno.EPERM, "no program starts here")
