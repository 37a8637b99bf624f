"""What is about untrusted files: how one is opened, and which forbidden names its code uses."""

import ast
import os
import stat

from llmlib.course import handed_in
from llmlib.course.handed_in import Cell, Job, Unreadable, parse, plan

__all__ = ["Cell", "Job", "Unreadable", "data", "forbidden_names", "parse", "plan", "read"]
MAX_FILE = 256 << 20  # bytes; outputs are dropped, so a notebook that printed a lot is still graded


def data(path):
    """The bytes of a regular file that is no link. Raises `Unreadable`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Unreadable("there is no file of that name") from None
    except OSError:
        raise Unreadable("it is a link or cannot be opened; hand in the file itself") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Unreadable("it is not a file")
    with open(handle, "rb") as file:
        if status.st_size > MAX_FILE:
            raise Unreadable(
                f"it is larger than {MAX_FILE >> 20} MB; clear its outputs and hand it in again"
            )
        return file.read(MAX_FILE)


def read(path):
    """The cells of the notebook at `path`. Raises `Unreadable` for whatever is not a notebook of plain JSON."""
    return handed_in.read(data(path))


def _parsed(source):
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def forbidden_names(exercise, job):
    """The names in `exercise.off` that its function or a helper of the learner's uses, as far as
    text shows.

    This names the fault early; `off.forbid` is what stops it at run time.
    """
    if not exercise.off:
        return []
    aliases, bodies = {}, {}
    for (_, source), mine in zip(job.cells, job.own, strict=True):
        tree = _parsed(source)
        for each in ast.walk(tree) if tree else ():
            if isinstance(each, ast.Import):
                for alias in each.names:
                    aliases[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(each, ast.ImportFrom) and each.module:
                aliases.update(
                    {
                        alias.asname or alias.name: f"{each.module}.{alias.name}"
                        for alias in each.names
                    }
                )
            elif mine and isinstance(each, (ast.FunctionDef, ast.ClassDef)):
                bodies[each.name] = each
            elif mine and isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                bodies.setdefault(each.targets[0].id, each.value)
    used, todo, seen = set(), [exercise.name], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in bodies:
            continue
        seen.add(name)
        for each in ast.walk(bodies[name]):
            dotted = _dotted(each)
            if dotted:
                first, _, rest = dotted.partition(".")
                used.add(
                    aliases.get(first, first if first not in bodies else "")
                    + ("." + rest if rest else "")
                )
                todo.append(first)
    return [name for name in exercise.off if name in used]


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
