"""A notebook's cells as definitions: what each top-level statement binds and reads, and which of
them a function needs. Nothing is run."""

import ast
import builtins
import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace

from llmlib.course.checking.run_cells import python
from llmlib.course.checking.scopes import IMPORTS, names

BUILTINS = frozenset(dir(builtins)) | {"__name__", "__doc__", "__file__"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)
CHANGES = "setdefault pop popitem append update add insert extend sort reverse clear remove".split()
# what changes the first that it is given
FIRST = "next setattr heapify heappush heappop heappushpop heapreplace insort shuffle".split()
GIVEN = "(…)"  # among what a function changes: what it is given
MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


@dataclass(frozen=True)
class Definition:
    """One statement that makes or changes names."""

    source: str
    names: frozenset[str]  # what it makes or changes
    reads: frozenset[str]  # of what others make
    at_once: frozenset[str]  # what it reads when it runs, and not only when it is called
    kind: type[ast.stmt]
    origin: str = ""  # what the name of an import stands for: "torch.nn.functional.softmax"
    # the names whose objects it changes, "TABLE"; two names of one object, "a=b"; what these change
    # when they are called, "build()", "fill(…)", also of what they are given: "fill(…)TABLE"
    changes: frozenset[str] = frozenset()
    procedure: bool = False  # a function that returns nothing: it is called for what it changes

    @property
    def imports(self) -> bool:
        return self.kind in IMPORTS


def definitions(cells: Iterable[str]) -> list[Definition]:
    """The definitions in the sources of a notebook's cells, in order; a cell that is not Python has
    none. Try-outs that only show something are left behind."""
    found: list[Definition] = []
    imported: set[str] = set()
    effects: dict[str, frozenset[str]] = {}  # "build()" -> the names whose objects it changes
    for cell in cells:
        for each in _of_cell(cell):
            effects |= {name: frozenset() for name in each.names}
            for name, _, old in (name.partition("=") for name in each.changes if "=" in name):
                if name in each.names and len(same := effects.get(old, frozenset())) < 99:
                    effects[name] |= same | {old}  # not of a local name, nor in an endless chain
            changed = each.changes.union(*(effects.get(name, ()) for name in each.changes))
            calls = [name.partition(")") for name in each.changes]  # "fill(…)TABLE"
            changed |= {given for call, _, given in calls if GIVEN in effects.get(call + ")", ())}
            if each.kind in (*FUNCTIONS, ast.ClassDef):  # not now, but when it is called
                ways = ("()", "(…)") if each.procedure else ("()",)
                effects |= {name + way: changed for name in each.names for way in ways}
                changed = frozenset(f"{name}()" for name in each.at_once)  # its decorators
                changed = changed.union(*(effects.get(name, ()) for name in changed))
            changed = frozenset(filter(str.isidentifier, changed))
            if made := each.names | (changed - imported):
                found.append(replace(each, names=made))
                imported |= made if each.imports else set()
    return found


def needed(wanted: Set[str], found: list[Definition], known: Set[str]) -> list[Definition]:
    """Of the definitions `found`, those that make the names `wanted`, and all that these need, in
    order. `known` are names that come from elsewhere; a notebook's own come before them."""
    makers: dict[str, list[int]] = {}
    for number, each in enumerate(found):
        for name in each.names:
            makers.setdefault(name, []).append(number)
    chosen: set[int] = set()
    todo = set(wanted)
    while todo:
        name = todo.pop()
        elsewhere = name in known or name in BUILTINS
        for number in makers.get(name, [] if elsewhere else makers.get("*", [])):
            if number not in chosen:
                chosen.add(number)
                todo |= found[number].reads
    return [found[number] for number in sorted(chosen)]


def _statements(cell: str) -> Iterator[tuple[str, ast.stmt]]:
    """Each top-level statement of a cell with its text, the comments right above it included."""
    lines = [line for line in re.split(r"\r\n?|\n", cell) if line.strip() not in MARKS]
    source = python("\n".join(lines))
    tree = ast.parse(source)
    lines, end = source.split("\n"), 0
    begin = Counter(statement.lineno for statement in tree.body)  # how many on each line
    for statement in tree.body:
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(each.lineno for each in decorators)]) - 1
        last = statement.end_lineno or first + 1
        while first > end and lines[first - 1].startswith("#"):
            first -= 1
        text = "\n".join(lines[first:last])
        if first < end or begin[last] > (statement.lineno == last):
            text = ast.unparse(statement)  # `a = 1; b = 2`
        yield text, statement
        end = last


@functools.lru_cache(4096)  # each exercise asks anew, and a cell may be dear to read
def _of_cell(cell: str) -> tuple[Definition, ...]:
    try:
        return tuple(each for statement in _statements(cell) for each in _definitions(*statement))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _definitions(source: str, statement: ast.stmt) -> Iterator[Definition]:
    if isinstance(statement, IMPORTS):
        yield from _imports(statement)
        return
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return  # `T: dict[int, int]` makes nothing
    reads, binds, at_once = names(source)
    changed = frozenset(_changed(statement))
    if isinstance(statement, FUNCTIONS):
        inside = (each for each in ast.walk(statement) if isinstance(each, ast.Global))
        calls = {name for name in changed if "(" in name and name.partition("(")[0] in reads}
        given = {each.arg for each in ast.walk(statement.args) if isinstance(each, ast.arg)}
        calls |= {GIVEN} if given.intersection(_changed(statement, surely=True)) else set()
        changed = (changed & reads).union(calls, *(each.names for each in inside))
    if binds or changed:
        reads -= _made_first(statement)
        kind, procedure = type(statement), not _returns(statement)
        yield Definition(source, binds, reads, at_once, kind, changes=changed, procedure=procedure)


def _returns(statement: ast.stmt) -> bool:
    """Is there a `return` of something, or a `yield`, anywhere in it?"""
    giving = (ast.Yield, ast.YieldFrom)
    nodes = list(ast.walk(statement))
    return any(isinstance(n, giving) or (isinstance(n, ast.Return) and n.value) for n in nodes)


def _imports(statement: ast.Import | ast.ImportFrom) -> Iterator[Definition]:
    """One definition for each name."""
    for alias in statement.names:
        first = alias.name.partition(".")[0]
        if isinstance(statement, ast.ImportFrom):
            module = statement.module or ""
            origin, one = f"{module}.{alias.name}", ast.unparse(ast.ImportFrom(module, [alias], 0))
        else:
            origin, one = alias.name if alias.asname else first, ast.unparse(ast.Import([alias]))
        name = frozenset({alias.asname or first})
        yield Definition(one, name, frozenset(), frozenset(), type(statement), origin)


def _made_first(statement: ast.stmt) -> set[str]:
    """The names that a statement makes before it reads them, such as those of a loop."""
    first = dict(reversed([*_uses(statement)]))  # the first use of a name is what stays
    return {name for name, reads in first.items() if not reads}


def _uses(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """(name, is it read) in the order in which they are evaluated, however deep they stand."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name):
            yield node.id, isinstance(node.ctx, ast.Load)
        if isinstance(node, SCOPES):  # what it reads, it reads before what comes after it
            inside = (each for each in ast.walk(node) if isinstance(each, ast.Name))
            yield from ((each.id, True) for each in inside if isinstance(each.ctx, ast.Load))
        if isinstance(node, (ast.Name, *SCOPES)):
            continue
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, True
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For)):
            late = [node.iter if isinstance(node, ast.For) else node.value]
            others = [each for each in children if each not in late]
            children = [each for each in late if each] + others
        todo += reversed(children)


def _changed(statement: ast.stmt, surely: bool = False) -> Iterator[str]:
    """The names whose objects a statement changes: `TABLE[i] = …`, `TABLE.update(…)`, in a loop
    too; and "build()" or "fill(…)TABLE", where that is all it does: what these change is known.
    A method that is called for nothing else changes something, but not `surely`: `ax.plot(…)`."""
    if isinstance(statement, ast.ClassDef):
        return
    rows: dict[str, str] = {}  # of `for row in TABLE: row[i] = …`
    for node in ast.walk(statement):
        target: ast.AST | None = None
        match node:
            case ast.For(ast.Name(row), ast.Name(table)):
                rows[row] = table
            case ast.Assign([ast.Name(b), ast.Name(a)]) | ast.Assign([ast.Name(a)], ast.Name(b)):
                rows[a] = b
                yield from (f"{a}={b}", f"{b}={a}")  # two names of one object
            case ast.Expr(ast.Call(ast.Call(ast.Name(name)))):  # `register("m")(f)`
                yield f"{name}()"
            case ast.Expr(ast.Call(ast.Name(name), given, named)):
                yield f"{name}(…)" if given or named else f"{name}()"
                values = [*given, *(each.value for each in named)]
                yield from (f"{name}(…){each.id}" for each in values if isinstance(each, ast.Name))
            case ast.Expr(ast.Call(ast.Attribute() as called)) if not surely:
                target = called
            case ast.Call(ast.Attribute(attr=attr) as called) if attr in CHANGES or attr[-1] == "_":
                target = called  # for its value, but it changes something as well
            case ast.Call(ast.Name(attr) | ast.Attribute(attr=attr), [first, *_]) if attr in FIRST:
                target = first
            case ast.Subscript() | ast.Attribute() if not isinstance(node.ctx, ast.Load):
                target = node
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value
        if isinstance(target, ast.Name):
            yield rows.get(target.id, target.id)
