"""Which global names a piece of source reads and binds, by the compiler's account, `symtable`."""

import functools
import symtable
from typing import NamedTuple

from llmlib.course.run_cells import python

MAX_ANALYSED = 50_000  # characters of one cell; no honest one is longer, a hostile one costs time


class Names(NamedTuple):
    """The global names that a piece of source reads, in whatever scope, those that it binds, and
    those that it reads at once, when it runs."""

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    at_once: frozenset[str] = frozenset()


@functools.lru_cache(4096)  # the course's own cells are asked for with each notebook that is read
def names(source: str, longest: int = MAX_ANALYSED) -> Names:
    """The `Names` of a cell; none of a cell that is not Python."""
    if len(source) > longest:
        return Names()
    try:
        table = symtable.symtable(python(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names()
    reads: set[str] = set()
    todo = table.get_children()
    while todo:
        scope = todo.pop()
        reads |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
        todo += scope.get_children()
    top = table.get_symbols()
    at_once = frozenset(symbol.get_name() for symbol in top if symbol.is_referenced())
    binds = (s for s in top if s.is_assigned() or s.is_imported() or s.is_namespace())
    return Names(at_once.union(reads), frozenset(s.get_name() for s in binds), at_once)
