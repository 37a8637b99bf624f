"""Change a function a little: an operator, a comparison, a constant, a condition, or a line left
out. Tests use it to find what no check would notice, `oral_questions` to ask what a line is for."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

OPERATORS: dict[type, list[type]] = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Div], ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult], ast.Mod: [ast.Mult],
    ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE], ast.In: [ast.NotIn], ast.NotIn: [ast.In],
    ast.And: [ast.Or], ast.Or: [ast.And],
}  # fmt: skip
Change = Callable[[Any], None]


class Mutant(NamedTuple):
    """Hold `source` with one change in `line`: `before` became `after`, or was left out."""

    line: int
    words: str  # the kind of change
    before: str
    after: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of `source`. Raises SyntaxError where it is not Python."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for words, change, left_out in _changes(node):
            tree_copy = copy.deepcopy(tree)
            target = list(ast.walk(tree_copy))[number]
            change(target)
            line = getattr(left_out or node, "lineno", 0)
            after = "" if left_out else _text(target)
            text = ast.unparse(ast.fix_missing_locations(tree_copy))
            yield Mutant(line, words, _text(left_out or node), after, text)


def _changes(node: Any) -> Iterator[tuple[str, Change, ast.stmt | None]]:
    """Yield functions that change a node of this kind in place, each with what it does in words,
    and the statement that it leaves out."""
    for field in ("op", "ops"):
        kind = getattr(node, field, None)
        for index, operator in enumerate(kind if isinstance(kind, list) else [kind]):
            for replacement in OPERATORS.get(type(operator), ()):
                words = f"{type(operator).__name__} -> {replacement.__name__}"
                place = index if isinstance(kind, list) else None
                yield words, _set(field, replacement(), place), None
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, (bool, int, float)):
        new_value = not value if isinstance(value, bool) else value + 1
        yield f"{value} -> {new_value}", _set("value", new_value), None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "USub dropped", _set("op", ast.UAdd()), None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "Not dropped", _set("operand", ast.UnaryOp(ast.Not(), node.operand)), None
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition turned round", _set("test", ast.UnaryOp(ast.Not(), node.test)), None
    for field, words in (("lower", "start"), ("upper", "end")):
        if isinstance(node, ast.Slice) and getattr(node, field):
            yield f"slice {words} dropped", _set(field, None), None
    body = getattr(node, "body", None)
    for index, statement in enumerate(body if isinstance(body, list) else []):
        if isinstance(statement, (ast.Assign, ast.AugAssign)) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        ):
            yield f"left out: {ast.unparse(statement)}", _set("body", ast.Pass(), index), statement


def _set(field: str, value: Any, at: int | None = None) -> Change:
    def change(node: Any) -> None:
        if at is None:
            setattr(node, field, value)
        else:
            getattr(node, field)[at] = value

    return change


def _text(node: ast.AST) -> str:
    """Return its first line: of a loop or an `if`, the head."""
    return ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]
