"""`python tests/mutants.py [NOTEBOOK …]`: change the official solutions a little; which changes
do the test cells miss?

Each mutant is one small change of one solution (an operator, a comparison, a constant, a
condition, a line left out). A mutant that passes the visible and the hidden tests survived: a test
is missing, or the change changes nothing.
"""

import ast
import copy
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import proofs as A  # noqa: E402

from llmlib.course import cells  # noqa: E402

OPERATORS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.FloorDiv:
    [ast.Div],
    ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult], ast.Mod: [ast.Mult], ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt], ast.GtE:
    [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.And:
    [ast.Or], ast.Or: [ast.And],
}  # fmt: skip


def changes(node):
    """Functions that change a node of this kind in place, each with what it does in words."""
    for field in ("op", "ops"):
        kind = getattr(node, field, None)
        for at, each in enumerate(kind if isinstance(kind, list) else [kind]):
            for other in OPERATORS.get(type(each), ()):
                yield (
                    f"{type(each).__name__} -> {other.__name__}",
                    _set(field, other(), at if isinstance(kind, list) else None),
                )
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} -> {node.value + 1}", _set("value", node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} -> {not node.value}", _set("value", not node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "USub dropped", _set("op", ast.UAdd())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "Not dropped", _set("operand", ast.UnaryOp(ast.Not(), node.operand))
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition turned round", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.Slice) and node.lower is not None:
        yield "slice start dropped", _set("lower", None)
    if isinstance(node, ast.Slice) and node.upper is not None:
        yield "slice end dropped", _set("upper", None)
    for at, each in enumerate(
        getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []
    ):
        if isinstance(each, (ast.Assign, ast.AugAssign)) or (
            isinstance(each, ast.Expr) and isinstance(each.value, ast.Call)
        ):
            yield f"left out: {ast.unparse(each)}", _set("body", ast.Pass(), at)


def _set(field, value, at=None):
    def change(node):
        if at is None:
            setattr(node, field, value)
        else:
            getattr(node, field)[at] = value

    return change


def mutants(source):
    """(line, what was changed, the changed source) of every mutant of a solution."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for words, change in changes(node):
            other = copy.deepcopy(tree)
            target = list(ast.walk(other))[number]
            change(target)
            yield getattr(node, "lineno", 0), words, ast.unparse(ast.fix_missing_locations(other))


EQUIVALENT = {  # why a survivor is no gap: (exercise, change) -> reason
    "USub dropped": "`dim=-1` became `dim=1`, the same axis of a two-dimensional tensor",
    "looks_ahead: Gt -> GtE": "differs only where a difference is exactly 1e-5",
    "accept_draft: Lt -> LtE": (
        "differs only where a drawn number equals the ratio exactly, which has probability 0"
    ),
    "repetition_penalty: Gt -> GtE": "a logit of 0 is 0 both multiplied and divided",
    "fit_power_law: Sub -> Add": (
        "the other factor has mean 0, so a shift of this one adds nothing to the sum"
    ),
    "fit_power_law: Lt -> LtE": "a floor of exactly 0 is pinned to 0",
    "fit_power_law: 1000 -> 1001": (
        "moves the grid of exponents by a thousandth of itself, below the tolerance"
    ),
    "fit_power_law: 1 -> 2": "moves an end of the grid of exponents, which no tested fit reaches",
    "fit_power_law: 2001 -> 2002": (
        "moves an end of the grid of exponents, which no tested fit reaches"
    ),
    "attend: 10000.0 -> 10001.0": ("changes angles by less than the tolerance at the tested sizes"),
    "beam_search: 0 -> 1": (
        "`beam[0] and` guards the first step, at which no beam has an id or a score"
    ),
    "write_cache: 2 -> 3": "a number in the text of an error message",
    "stream_decode: 3 -> 4": "a character has at most four bytes, so at most three wait",
    "stream_decode: 192 -> 193": "the byte 192 begins no character",
    "stream_decode: GtE -> Gt": "the byte 192 begins no character",
    "top_k: True -> False": "torch sorts small tensors stably in any case",
    "top_p: True -> False": "torch sorts small tensors stably in any case",
}


def reason(answer):
    """Why this survivor is equivalent, or None."""
    change = answer.title.split(": ", 1)[1]
    return EQUIVALENT.get(f"{answer.function}: {change}") or EQUIVALENT.get(change)


def main(names):
    """Run all mutants; without names the result also goes into INSTRUCTORS.md."""
    A.SECONDS = 10
    survivors, total = [], 0
    for name in names or [each.name for each in cells.course().lessons]:
        for exercise in A.notebook(name).exercises:
            for line, words, code in mutants(exercise.solution):
                total += 1
                answer = A.Answer(name, exercise.name, "mutant", f"line {line}: {words}", code)
                if A.verdict(answer, hidden=True) is None:
                    survivors.append(
                        [
                            name,
                            f"`{exercise.name}`",
                            f"line {line}: {words}",
                            reason(answer) or "**a gap**",
                        ]
                    )
                    print("survived:", *survivors[-1], flush=True)
    gaps = sum(row[-1] == "**a gap**" for row in survivors)
    lead = f"{total} mutants of the solutions: {total - len(survivors)} fail a test cell, "
    lead += f"{len(survivors)} survive, "
    lead += f"of which {gaps} show a gap."
    print(lead)
    if not names:
        import sections

        head = ["notebook", "exercise", "change that survives", "why"]
        sections.write("mutants", f"{lead}\n\n{sections.table(head, survivors)}")


if __name__ == "__main__":
    main(sys.argv[1:])
