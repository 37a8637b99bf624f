"""Digest code: what it does, not how it is written. Comments, docstrings and layout do not count,
so that what was measured or drawn stays valid when only they change."""

import ast
import hashlib
from collections.abc import Iterable, Set
from functools import cache
from pathlib import Path
from typing import Any

from classroom import import_closure

ROOTS = import_closure.Roots(import_closure.ROOTS | {"authoring": Path(__file__).parent})


def digest(parts: Iterable[str | ast.AST | Path]) -> str:
    """Digest texts as they stand, syntax trees and files. Files other than Python are their
    bytes."""
    result = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            status = part.stat()
            data = _file(part, status.st_mtime_ns, status.st_size)
        else:
            data = (part if isinstance(part, str) else repr(plain(part))).encode()
        result.update(len(data).to_bytes(8, "big") + data)
    return result.hexdigest()[:16]


@cache
def _file(path: Path, *version: int) -> bytes:
    data = path.read_bytes()
    return hashlib.sha256(
        repr(plain(ast.parse(data))).encode() if path.suffix == ".py" else data
    ).digest()


def closure(
    starts: Iterable[str | Path], only: Set[str] = frozenset(), but: Set[str] = frozenset()
) -> list[Path]:
    """Return the files of ours that `starts` (code, or files of code) may run, in a fixed order:
    `only` those that have one of these names, or are in a folder of one, and none `but`."""
    paths = sorted(import_closure.closure(starts, ROOTS))
    return [
        path
        for path in paths
        if (names := _names(path)) is not None and not names & but and (names & only or not only)
    ]


def _names(path: Path) -> set[str] | None:
    """Return the names of a file of ours and of its folders; None for another one."""
    inside = [root for root in ROOTS.values() if path.is_relative_to(root)]
    return {inside[0].name, *path.relative_to(inside[0]).parts} if inside else None


def definition(module: ast.Module, name: str) -> list[ast.stmt]:
    """Return a function, class or CONSTANT of a module with those that it uses, in the module's
    order."""
    nodes = {target: node for node in module.body for target in _defines(node)}
    names, queue = set(), [name]
    while queue:
        if (target := queue.pop()) in nodes and target not in names:
            names.add(target)
            used = (node for node in ast.walk(nodes[target]) if isinstance(node, ast.Name))
            queue += [node.id for node in used]
    if not names:
        raise ValueError(f"the module defines no {name}")
    return [node for node in module.body if names & {*_defines(node)}]


def _defines(node: ast.stmt) -> list[str]:
    """Return the names of ours that a statement makes; a notebook's variables are not among
    them."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, "targets", [getattr(node, "target", None)])  # `A = 1`, `A: int = 1`
    names = (target.elts if isinstance(target, ast.Tuple) else [target] for target in targets)
    single = [name for target in names for name in target]
    return [name.id for name in single if isinstance(name, ast.Name) and name.id.isupper()]


def plain(node: Any) -> Any:
    """Return a syntax tree as lists, the same on every Python: without docstrings and what is
    empty."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    body = fields.get("body")
    if isinstance(body, list) and body and _is_docstring(body[0]):
        fields["body"] = body[1:]
    pairs = [(name, plain(value)) for name, value in fields.items() if value not in (None, [])]
    return [type(node).__name__, *pairs]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
