"""Put the definitions of learners' functions into the template: my_llm.py as text.

A definition can go into the file if it needs neither llmlib nor a notebook (`without_llmlib`,
`undefined_names`, `top_level_await`). Where two notebooks define a name differently, one of them
is renamed (`render`).
"""

import ast
import importlib
import re
import symtable
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from classroom.checking.definitions import BUILTINS, FUNCTIONS, Definition, definitions
from classroom.checking.scopes import IMPORTS
from exercises.course_packages import is_ours

TEMPLATE = Path(__file__).with_name("template.py").read_text(encoding="utf-8")
PLACE = "# The learner's functions go here.\n"
HEADER = '''"""my_llm.py: an LLM engine, written exercise by exercise by me. It runs SmolLM2-135M.

    python my_llm.py "The best thing about the sea is"

Under a notebook's name stand my functions; the rest loads tables and weights, and calls them.
"""
'''
FIRST_WORDS = b'"""my_llm.py:'  # every such file begins so
FILL_MARK = "# Filled in from llmlib, not mine.\n"
STARS = ("math", "numpy", "torch")  # packages whose names may be looked up here
REBINDERS = (*FUNCTIONS, ast.ClassDef, ast.Assign, ast.AnnAssign)
HAS_NAME = (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


@dataclass(frozen=True)
class Section:
    """Hold a notebook's part of the file: its `functions`, and the definitions that make them. They
    are the learner's or, if `filled`, the course's."""

    notebook: str
    functions: frozenset[str]
    definitions: list[Definition]
    filled: bool = False


def render(sections: list[Section], exercises: Set[str]) -> str:
    """Return the file's text: the template, the sections in its middle, all imports at its top.
    `exercises` are the names of all functions that belong there; the sections call each other."""
    tree = ast.parse(TEMPLATE)
    own_imports = [statement for statement in tree.body if isinstance(statement, IMPORTS)]
    imports = {ast.unparse(statement) for statement in own_imports}
    body = "\n".join(TEMPLATE.split("\n")[own_imports[-1].end_lineno :])
    before, _, after = body.partition(PLACE)
    meanings = {
        name: {definition.source}
        for definition in definitions([TEMPLATE])
        for name in definition.names
    }
    meanings |= {name: {"Python's"} for name in BUILTINS}
    meanings |= {name: {"an exercise"} for name in exercises}
    parts, last = [], ""
    for section in sections:
        section = replace(section, definitions=without_replaced(section.definitions))
        made_by = _without_clashes(section, meanings)
        imports |= {definition.source for definition in made_by if definition.imports}
        head = "" if section.notebook == last else f"# {f' {section.notebook} ':-^98}\n\n"
        parts.append(
            head
            + _joined([definition for definition in made_by if not definition.imports], section)
        )
        last = section.notebook
    lines = sorted(imports, key=lambda line: ("__future__" not in line, line[:5] == "from ", line))
    parts.append(f"# {' the engine ':-^98}\n\n{after.strip()}\n")
    return "\n\n\n".join([HEADER + "\n".join(lines) + "\n\n" + before.strip(), *parts])


def sections_of(text: str) -> list[tuple[str, str]]:
    """Return (notebook, source) pairs: the file cut at its headings and between its imports, so
    that an error in one notebook's section is not blamed on the others."""
    parts = re.split(r"^# -+ (\w[\w ]*) -+$\n", text, flags=re.MULTILINE)
    head = re.split(r"^((?:import|from) .+\n)", parts[0], flags=re.MULTILINE)
    return [*(("my_llm", part) for part in head), *zip(parts[1::2], parts[2::2])]


def _joined(made_by: list[Definition], section: Section) -> str:
    """Return the text of the definitions, with two empty lines around functions and classes."""
    large = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef}
    text = ""
    for before, definition in zip([None, *made_by], made_by):
        if before:
            text += "\n\n\n" if large & {before.kind, definition.kind} else "\n"
        text += FILL_MARK if section.filled and definition.names & section.functions else ""
        text += definition.source
    return text


def _without_clashes(section: Section, meanings: dict[str, set[str]]) -> list[Definition]:
    """Return a section's definitions without those that the file has already. A name that means
    something else in the file is changed: `TABLE` of notebook 3 becomes `TABLE_of_03`."""
    own_meanings: dict[str, set[str]] = {}
    for definition in section.definitions:
        for name in definition.names - section.functions:
            own_meanings.setdefault(name, set()).add(_meaning(definition))
    clash = {
        name
        for name in own_meanings
        if meanings.get(name, own_meanings[name]) != own_meanings[name]
    }
    clash |= _changed_by_calls(section) & own_meanings.keys() & meanings.keys()
    for _ in section.definitions:  # the same text, but it reads a name that was changed
        dependents = [
            definition.names - section.functions
            for definition in section.definitions
            if definition.reads & clash
        ]
        clash |= meanings.keys() & set().union(*dependents)
    suffix = "_of_llmlib" if section.filled else f"_of_{section.notebook[:2]}"
    new = {name: name + suffix for name in clash}
    result = []
    for definition in section.definitions:
        if clash & (definition.names | definition.reads):
            result.append(replace(definition, source=renamed(definition.source, new)))
        elif (
            definition.names & section.functions
            or definition.imports
            or not definition.names <= set(meanings)
        ):
            result.append(definition)
    for name in own_meanings.keys() - clash:
        meanings[name] = own_meanings[name]
    return result


def _changed_by_calls(section: Section) -> set[str]:
    """Return the names of objects that its functions change, such as a cache: that of another
    notebook is another object, even if its text is the same."""
    objects = (
        definition.changes.objects
        for definition in section.definitions
        if definition.kind in FUNCTIONS
    )
    return (
        set()
        .union(*objects)
        .difference(*(definition.names for definition in section.definitions if definition.imports))
    )


def without_replaced(statements: list[Definition]) -> list[Definition]:
    """Drop a definition whose names are all redefined below it, before any statement reads them."""
    result: list[Definition] = []
    reads = [_read_when_it_runs(number, statements) for number in range(len(statements))]
    for number, statement in enumerate(statements):
        names = set(statement.names)
        for then, later in zip(reads[number + 1 :], statements[number + 1 :]):
            if not names or then & names:
                break
            if later.kind in REBINDERS or later.imports:
                names -= later.names
        if names:
            result.append(statement)
    return result


def _read_when_it_runs(number: int, statements: list[Definition]) -> set[str]:
    """Return the names that a statement reads as it runs, itself or in functions above that it
    calls."""
    todo, names = set(statements[number].at_once), set[str]()
    while todo:
        name = todo.pop()
        names.add(name)
        for statement in statements[:number]:
            todo |= statement.reads - names if name in statement.names else set()
    return names


def _meaning(definition: Definition) -> str:
    """Return the same for definitions that make a name alike: `import torch.nn` makes `torch`."""
    plain = definition.kind is ast.Import and " as " not in definition.source
    return definition.source.partition(".")[0] if plain else definition.source


def renamed(source: str, new: dict[str, str]) -> str:
    """Return `source` with global names changed as in {old: new}; local names, attributes and
    keywords stay. Comments are lost: this is for the rare helper whose name another notebook uses,
    too."""
    tree = ast.parse(source)
    _rename(tree, new)
    return ast.unparse(tree)


def _rename(node: ast.AST, new: dict[str, str], method_names: dict[str, str] | None = None) -> None:
    """Rename in place. A function's name, decorators and defaults are outside of its scope; its
    local names hide global ones inside. A class's names do, too, but not in its methods, which get
    `method_names`."""
    method_names = new if method_names is None else method_names
    inside = new, method_names
    if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
        local_names = _locals(node)
        visible = {old: name for old, name in method_names.items() if old not in local_names}
        inside = visible, method_names if isinstance(node, ast.ClassDef) else visible
    if isinstance(node, HAS_NAME) and node.name:
        node.name = new.get(node.name, node.name)
    elif isinstance(node, ast.Name):
        node.id = new.get(node.id, node.id)
    elif isinstance(node, ast.Global):
        node.names = [new.get(name, name) for name in node.names]
    elif isinstance(node, ast.alias):
        node.asname = new.get(node.asname or node.name, node.asname)
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _rename(child, *(inside if field == "body" else (new, method_names)))


def _locals(scope: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef) -> set[str]:
    text = re.sub(r"^( *)nonlocal ", r"\1global ", ast.unparse(scope), flags=re.MULTILINE)
    tables = symtable.symtable(
        text, "cell", "exec"
    ).get_children()  # by itself it has no enclosing function
    name = "lambda" if isinstance(scope, ast.Lambda) else scope.name
    matches: list[symtable.SymbolTable] = []
    while not matches:  # a function with type parameters is inside a scope of theirs
        scopes = (
            table for table in tables if isinstance(table, (symtable.Function, symtable.Class))
        )
        matches = [table for table in scopes if table.get_name() == name]
        tables = [inner for table in tables for inner in table.get_children()]
    return {symbol.get_name() for symbol in matches[-1].get_symbols() if symbol.is_local()}


def without_llmlib(
    candidates: Iterable[Definition], names_in_file: Set[str], checks: bool = False
) -> list[Definition]:
    """Return the definitions without imports from llmlib, whose functions the file has under their
    own names if they are in `names_in_file`; `from torch import *` becomes one import of all its
    names. What comes from another package of the course stays for `checks`, and is nothing of
    an engine's."""
    result: list[Definition] = []
    for definition in candidates:
        module, _, last = definition.origin.rpartition(".")
        package = definition.origin.partition(".")[0]
        if last == "*" and package in STARS:
            names = ", ".join(_public(module))
            imports = definitions([f"from {module} import {names}"] if names else [])
            result += [replace(line, cell=definition.cell) for line in imports]
        elif not is_ours(package):
            result.append(definition)
        elif package != "llmlib":
            result += [definition] * checks
        elif last in names_in_file - definition.names:  # under another name
            source, name = f"{next(iter(definition.names))} = {last}", frozenset({last})
            result.append(
                replace(definition, source=source, reads=name, at_once=name, kind=ast.Assign)
            )
    return result


def undefined_names(statements: list[Definition], names_in_file: Set[str], lazy: bool) -> set[str]:
    """Return the names that the `statements` read and nothing defines. With `lazy` annotations a
    name that only they read does not count: Python does not evaluate them."""
    names = BUILTINS.union(names_in_file, *(statement.names for statement in statements))
    if "*" in names:
        return set()
    nodes = [node for statement in statements for node in ast.walk(ast.parse(statement.source))]
    hints: set[ast.AST] = set()
    for node in nodes:
        names |= set(node.names) if isinstance(node, ast.Global) else set()  # when it is called
        annotations = [getattr(node, kind, None) for kind in ("annotation", "returns")]
        hints.update(node for hint in annotations if lazy and hint for node in ast.walk(hint))
    loads = {node.id for node in nodes if isinstance(node, ast.Name) and node not in hints}
    return set().union(*(statement.reads & loads for statement in statements)) - names


@cache
def _public(module: str) -> list[str]:
    """Return the names that `from module import *` gives."""
    try:
        package = importlib.import_module(module)
    except (Exception, SystemExit):  # noqa: BLE001 - it fails in the learner's cell as well
        return []
    return getattr(package, "__all__", [name for name in vars(package) if name[0] != "_"])


def top_level_await(statements: list[Definition]) -> str:
    """Return the first line of a definition that awaits outside of a function, which a file may
    not; or ""."""
    for statement in statements:
        try:
            compile(statement.source, "my_llm.py", "exec", dont_inherit=True)
        except SyntaxError:
            return statement.source.partition("\n")[0]
    return ""
