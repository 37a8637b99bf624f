"""Find which global names source code reads and binds, according to the compiler's `symtable`."""

import ast
import contextlib
import functools
import symtable
import warnings
from typing import NamedTuple

from classroom.checking.run_cells import to_python

IMPORTS = (ast.Import, ast.ImportFrom)
MAX_ANALYSED = 50_000  # characters of one cell; no honest one is longer, a hostile one costs time
# From Python 3.12 on, "\w" warns whenever it is parsed. A cell that is only read here should not
# warn, once for each reading and without the name of its file.
warnings.filterwarnings("ignore", category=SyntaxWarning, module="<unknown>")


class Names(NamedTuple):
    """Hold the global names that source reads in any scope, binds, and reads at once."""

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    at_once: frozenset[str] = frozenset()


class _Normalized(ast.NodeTransformer):
    """Rewrite what `symtable` reports differently from version to version.

    - A comprehension becomes a generator, which has a scope of its own in every Python. From 3.12
      on the others are part of the scope around them (PEP 709), with their variables.
    - `n += 1` becomes `n = n + 1`: the compiler reports only that it binds n.
    - `await x` becomes `x`: from 3.14 on it is an error outside of a function, but notebooks allow
      it.
    """

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        before = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], ast.BinOp(before, node.op, node.value))

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    visit_SetComp = visit_ListComp

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        return self.generic_visit(ast.comprehension(node.target, node.iter, node.ifs, is_async=0))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.generic_visit(ast.For(node.target, node.iter, node.body, node.orelse))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.generic_visit(ast.With(node.items, node.body))

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return self.generic_visit(ast.GeneratorExp(pair, node.generators))


@functools.lru_cache(4096)  # the course's own cells are read with every notebook
def names(source: str, longest: int = MAX_ANALYSED) -> Names:
    """Return the `Names` of a cell; empty if it is not Python or longer than `longest`."""
    if len(source) > longest:
        return Names()
    try:
        text = to_python(source)
        with contextlib.suppress(
            RecursionError
        ):  # nested so deep that only the compiler can read it
            text = ast.unparse(ast.fix_missing_locations(_Normalized().visit(ast.parse(text))))
        table = symtable.symtable(text, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names()
    top = table.get_symbols()
    at_once = {symbol.get_name() for symbol in top if symbol.is_referenced()}
    later: set[str] = set()
    todo = [(child, at_once) for child in table.get_children()]
    walrus_names: set[str] = set()  # by `:=` in a comprehension of the cell itself
    while todo:
        scope, reads = todo.pop()
        runs = scope.get_name() == "genexpr" or scope.get_type() == "class"  # with what is around
        reads = reads if runs else later
        outer = [symbol for symbol in scope.get_symbols() if symbol.is_global()]
        if reads is at_once:
            walrus_names |= {symbol.get_name() for symbol in outer if symbol.is_assigned()}
        reads |= {symbol.get_name() for symbol in outer if symbol.is_referenced()}
        todo += [(child, reads) for child in scope.get_children()]
    symbols = (s for s in top if s.is_assigned() or s.is_imported() or s.is_namespace())
    binds = frozenset(symbol.get_name() for symbol in symbols) | walrus_names
    return Names(frozenset(at_once | later), binds, frozenset(at_once))
