"""Take functions out of a notebook's cells, with what they use, as source text that can stand in one file with others.

A notebook here is a list of (grade_id or None, source) of its code cells. Nothing is run.
"""

import ast
import builtins
import io
import re
import tokenize

KEPT = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
LOG_SOFTMAX = (
    "def log_softmax(x, dim=-1):\n    return torch.log_softmax(x, dim)"  # given in notebook 6
)


def piece(function, notebook):
    """The definitions in the cells of that grade_id; None where there is no such cell, or it is not Python."""
    found = [_definitions(source) for name, source in notebook if name == function]
    return "\n\n\n".join(found) if found and None not in found else None


def with_what_it_uses(code, notebook, known):
    """`code` preceded by what it uses of the notebook's other cells; and a list of the names that no cell defines."""
    missing = []
    while free := _free_names(code) - known - set(missing):
        name = min(free)
        found = LOG_SOFTMAX if name == "log_softmax" else _definition_of(name, notebook)
        if found is None:
            missing.append(name)
        else:
            code = found + "\n\n\n" + code
    return code, missing


def without_imports(code):
    """(the import lines, the code without them)."""
    imports = [s for s in _top_level(code) if isinstance(s, (ast.Import, ast.ImportFrom))]
    lines = code.split("\n")
    for statement in imports:
        lines[statement.lineno - 1 : statement.end_lineno] = [""] * (
            statement.end_lineno - statement.lineno + 1
        )
    return [ast.unparse(s) for s in imports], re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip()


def without_clashes(code, suffix, taken, fixed):
    """Rename what `code` defines under a name that means something else in `taken` (name -> source); `fixed` names stay."""
    for statement in _top_level(code):
        for name in _defines(statement) - fixed:
            text = _text(code, statement)
            if taken.setdefault(name, text) != text:
                code = _rename(code, name, name + suffix)
    return code


def _definitions(source):
    """A cell without its marks, notebook commands, try-outs and imports of llmlib; None if it is not Python."""
    lines = [
        line
        for line in source.split("\n")
        if not re.match(r"\s*### (BEGIN|END) SOLUTION|[%!]", line)
    ]
    source = "\n".join(lines).strip()
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return None
    if all(_is_kept(statement) for statement in statements):
        return source  # comments between the definitions stay as well
    return "\n\n\n".join(
        _text(source, statement) for statement in statements if _is_kept(statement)
    )


def _is_kept(statement):
    ours = (
        isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == "llmlib"
    )
    return isinstance(statement, KEPT) and not ours


def _top_level(code):
    return [statement for statement in ast.parse(code).body if isinstance(statement, KEPT)]


def _text(source, statement):
    first = min(
        [statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))]
    )
    return "\n".join(source.split("\n")[first - 1 : statement.end_lineno])


def _defines(statement):
    """The names that a statement makes."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _free_names(code):
    """Names that `code` reads and nowhere makes."""
    nodes = list(ast.walk(ast.parse(code)))
    made = (
        set(dir(builtins))
        | {"__name__"}
        | {node.arg for node in nodes if isinstance(node, ast.arg)}
    )
    made |= {
        (node.asname or node.name).split(".")[0] for node in nodes if isinstance(node, ast.alias)
    }
    made |= {
        n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler))
    }
    names = [node for node in nodes if isinstance(node, ast.Name)]
    made |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names} - made


def _definition_of(name, notebook):
    """The last statement of the notebook that defines `name`; an import makes that one name only."""
    found = None
    for _, source in notebook:
        source = _definitions(source) or ""
        for statement in _top_level(source):
            if name in _defines(statement):
                found = _text(source, statement)
                if isinstance(statement, (ast.Import, ast.ImportFrom)):
                    statement.names = [
                        a for a in statement.names if name == (a.asname or a.name).split(".")[0]
                    ]
                    found = ast.unparse(statement)
    return found


def _rename(code, old, new):
    """`code` with the name `old` changed, but not where it is an attribute or stands in a string."""
    lines, places, before = code.split("\n"), [], ""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME and token.string == old and before != ".":
            places.append((token.start[0] - 1, token.start[1], token.end[1]))
        before = token.string
    for row, left, right in reversed(places):
        lines[row] = lines[row][:left] + new + lines[row][right:]
    return "\n".join(lines)
