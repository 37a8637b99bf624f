"""Read a notebook's cells as definitions: what each top-level statement binds and reads, and which
of them a function needs. Nothing is run."""

import ast
import builtins
import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace

from classroom.checking.run_cells import to_python
from classroom.checking.scopes import IMPORTS, names

BUILTINS = frozenset(dir(builtins)) | {"__name__", "__doc__", "__file__"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)
MUTATING_METHODS = "setdefault pop popitem append update add insert extend sort reverse".split()
MUTATING_METHODS += "clear remove".split()
# Functions that change their first argument.
MUTATING_FUNCTIONS = "next setattr heapify heappush heappop heappushpop heapreplace".split()
MUTATING_FUNCTIONS += "insort shuffle".split()
MAX_ALIASES = 99  # names of one object that are followed
SOLUTION_MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


@dataclass(frozen=True)
class Call:
    """Describe a call that is a statement of its own: `build()`, `fill(TABLE, 3)`."""

    function: str
    has_arguments: bool = False
    arguments: frozenset[str] = frozenset()  # those that are names


@dataclass(frozen=True)
class Changes:
    """Name what a statement changes without binding a name; of a function: what a call changes."""

    objects: frozenset[str] = frozenset()  # names of objects: TABLE of `TABLE[0] = 1`
    aliases: frozenset[tuple[str, str]] = frozenset()  # `a = b`: (a, b) and (b, a)
    calls: frozenset[Call] = frozenset()
    arguments: bool = False  # a function that changes its own arguments


@dataclass(frozen=True)
class Definition:
    """Hold one statement that makes or changes names."""

    source: str
    names: frozenset[str]  # what it makes or changes
    reads: frozenset[str]  # names that others make
    at_once: frozenset[str]  # what it reads when it runs, and not only when it is called
    kind: type[ast.stmt]
    origin: str = ""  # what an imported name stands for: "torch.nn.functional.softmax"
    changes: Changes = Changes()
    procedure: bool = False  # a function that returns nothing: it is called for what it changes
    cell: int = 0  # the number of the cell that it is in

    @property
    def imports(self) -> bool:
        """Say whether it is an import."""
        return self.kind in IMPORTS


def definitions(cells: Iterable[str]) -> list[Definition]:
    """Return the definitions in the sources of a notebook's cells, in order; a cell that is not
    Python has none. Statements that only show something are left out."""
    results: list[Definition] = []
    import_names: set[str] = set()
    effects = _Effects()
    for number, cell in enumerate(cells):
        for definition in _of_cell(cell):
            names = definition.names | (effects.changed_by(definition) - import_names)
            if names:
                results.append(replace(definition, names=names, cell=number))
                import_names |= names if definition.imports else set()
    return results


@dataclass(frozen=True)
class _Effect:
    """Describe what calling a function changes."""

    objects: frozenset[str]
    arguments: bool
    procedure: bool


class _Effects:
    """Record what the statements above show: which names are one object, what calls change."""

    def __init__(self) -> None:
        self.aliases: dict[str, frozenset[str]] = {}  # name -> other names of its object
        self.calls: dict[str, _Effect] = {}

    def changed_by(self, definition: Definition) -> frozenset[str]:
        """Return the names of the objects that `definition` changes as it runs. It is noted for
        those below, so ask in order."""
        self.aliases |= dict.fromkeys(definition.names, frozenset())
        for name, alias in definition.changes.aliases:
            aliases = self.aliases.get(alias, frozenset())
            if name in definition.names and len(aliases) < MAX_ALIASES:  # no endless chain
                self.aliases[name] |= aliases | {alias}
        objects = self._objects(definition.changes)
        if definition.kind not in (*FUNCTIONS, ast.ClassDef):
            return objects
        effect = _Effect(objects, definition.changes.arguments, definition.procedure)
        self.calls |= dict.fromkeys(definition.names, effect)
        decorators = (self.calls[name] for name in definition.at_once if name in self.calls)
        return frozenset().union(*(effect.objects for effect in decorators))

    def _objects(self, changes: Changes) -> frozenset[str]:
        objects = changes.objects.union(*(self.aliases.get(name, ()) for name in changes.objects))
        for call in changes.calls:
            effect = self.calls.get(call.function)
            if effect and (effect.procedure or not call.has_arguments):
                objects |= effect.objects | (call.arguments if effect.arguments else frozenset())
        return objects


def needed(targets: Set[str], pool: list[Definition], external: Set[str]) -> list[Definition]:
    """Return the definitions in `pool` that make the names `targets`, with all that these need, in
    order. `external` names come from elsewhere; a notebook's own definition of one goes first."""
    makers: dict[str, list[int]] = {}
    for number, definition in enumerate(pool):
        for name in definition.names:
            makers.setdefault(name, []).append(number)
    numbers: set[int] = set()
    todo = set(targets)
    while todo:
        name = todo.pop()
        elsewhere = name in external or name in BUILTINS
        for number in makers.get(name, [] if elsewhere else makers.get("*", [])):
            if number not in numbers:
                numbers.add(number)
                todo |= pool[number].reads
    return [pool[number] for number in sorted(numbers)]


def _statements(cell: str) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every top-level statement of a cell with its text, including the comments right above
    it."""
    lines = [line for line in re.split(r"\r\n?|\n", cell) if line.strip() not in SOLUTION_MARKS]
    source = to_python("\n".join(lines))
    tree = ast.parse(source)
    lines, end = source.split("\n"), 0
    begin = Counter(statement.lineno for statement in tree.body)  # how many on each line
    for statement in tree.body:
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)]) - 1
        last = statement.end_lineno or first + 1
        while first > end and lines[first - 1].startswith("#"):
            first -= 1
        text = "\n".join(lines[first:last])
        if first < end or begin[last] > (statement.lineno == last):
            text = ast.unparse(statement)  # `a = 1; b = 2`
        yield text, statement
        end = last


@functools.lru_cache(4096)  # each exercise asks again, and a cell may take long to read
def _of_cell(cell: str) -> tuple[Definition, ...]:
    try:
        return tuple(part for statement in _statements(cell) for part in _definitions(*statement))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _definitions(source: str, statement: ast.stmt) -> Iterator[Definition]:
    if isinstance(statement, IMPORTS):
        yield from _imports(statement)
        return
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return  # `T: dict[int, int]` makes nothing
    reads, binds, at_once = names(source)
    changes = _changes(statement)
    if isinstance(statement, FUNCTIONS):
        changes = _when_called(statement, changes, reads)
    if binds or changes != Changes():
        reads -= _made_first(statement)
        kind, procedure = type(statement), not _returns(statement)
        yield Definition(source, binds, reads, at_once, kind, changes=changes, procedure=procedure)


def _when_called(
    function: ast.FunctionDef | ast.AsyncFunctionDef, changes: Changes, reads: Set[str]
) -> Changes:
    """Keep, of the changes in a function's body those that reach beyond it: the objects of global
    names, calls, and its arguments."""
    global_names = (node.names for node in ast.walk(function) if isinstance(node, ast.Global))
    parameters = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return Changes(
        objects=(changes.objects & reads).union(*global_names),
        calls=frozenset(call for call in changes.calls if call.function in reads),
        arguments=bool(parameters & _changes(function, certain=True).objects),
    )


def _returns(statement: ast.stmt) -> bool:
    """Say whether there is a `return` of something, or a `yield`, anywhere in `statement`."""
    yields = (ast.Yield, ast.YieldFrom)
    nodes = list(ast.walk(statement))
    return any(isinstance(n, yields) or (isinstance(n, ast.Return) and n.value) for n in nodes)


def _imports(statement: ast.Import | ast.ImportFrom) -> Iterator[Definition]:
    """Yield one definition for each name."""
    for alias in statement.names:
        first = alias.name.partition(".")[0]
        if isinstance(statement, ast.ImportFrom):
            module = statement.module or ""
            origin, line = f"{module}.{alias.name}", ast.unparse(ast.ImportFrom(module, [alias], 0))
        else:
            origin, line = alias.name if alias.asname else first, ast.unparse(ast.Import([alias]))
        name = frozenset({alias.asname or first})
        yield Definition(line, name, frozenset(), frozenset(), type(statement), origin)


def _made_first(statement: ast.stmt) -> set[str]:
    """Return the names that a statement makes before it reads them, such as a loop's variables."""
    first = dict(reversed([*_uses(statement)]))  # the first use of a name wins
    return {name for name, reads in first.items() if not reads}


def _uses(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """Yield (name, is it read) in the order of evaluation, however deep they are nested."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name):
            yield node.id, isinstance(node.ctx, ast.Load)
        if isinstance(node, SCOPES):  # what it reads, it reads before what comes after it
            inside = (name for name in ast.walk(node) if isinstance(name, ast.Name))
            yield from ((name.id, True) for name in inside if isinstance(name.ctx, ast.Load))
        if isinstance(node, (ast.Name, *SCOPES)):
            continue
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, True
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For)):
            late = [node.iter if isinstance(node, ast.For) else node.value]
            siblings = [child for child in children if child not in late]
            children = [child for child in late if child] + siblings
        todo += reversed(children)


def _changes(statement: ast.stmt, certain: bool = False) -> Changes:
    """Find what a statement changes, in loops too. A method called as a statement probably changes
    its object, but `ax.plot(…)` may not: with `certain` only methods known to do so count."""
    if isinstance(statement, ast.ClassDef):
        return Changes()
    rows: dict[str, str] = {}  # of `for row in TABLE: row[i] = …`
    objects, aliases, calls = set[str](), set[tuple[str, str]](), set[Call]()
    for node in ast.walk(statement):
        match node:
            case ast.For(ast.Name(row), ast.Name(table)):
                rows[row] = table
            case ast.Assign([ast.Name(b), ast.Name(a)]) | ast.Assign([ast.Name(a)], ast.Name(b)):
                rows[a] = b
                aliases |= {(a, b), (b, a)}
            case ast.Expr(ast.Call() as call):
                calls |= {result for result in (_call(call),) if result}
        target = _changed_object(node, certain)
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value
        if isinstance(target, ast.Name):
            objects.add(rows.get(target.id, target.id))
    return Changes(frozenset(objects), frozenset(aliases), frozenset(calls))


def _call(node: ast.Call) -> Call | None:
    """Return a call of a function by its name; of `register("m")(f)` that of register."""
    match node:
        case ast.Call(ast.Call(ast.Name(name))):
            return Call(name)
        case ast.Call(ast.Name(name), positional, keywords):
            values = [*positional, *(keyword.value for keyword in keywords)]
            arguments = frozenset(value.id for value in values if isinstance(value, ast.Name))
            return Call(name, bool(values), arguments)
    return None


def _changed_object(node: ast.AST, certain: bool) -> ast.AST | None:
    """Return the expression for the object that a node changes; None where it changes none."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute() as method)) if not certain:
            return method
        case ast.Call(ast.Attribute(attr=name) as method) if (
            name in MUTATING_METHODS or name[-1] == "_"
        ):
            return method
        case ast.Call(ast.Name(name) | ast.Attribute(attr=name), [first, *_]) if (
            name in MUTATING_FUNCTIONS
        ):
            return first
        case ast.Subscript() | ast.Attribute() if not isinstance(node.ctx, ast.Load):
            return node
    return None
