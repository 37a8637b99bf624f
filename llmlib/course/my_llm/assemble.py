"""Puts the definitions of learners' functions into the template: my_llm.py as text.

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

from llmlib.course.checking.definitions import BUILTINS, FUNCTIONS, Definition, definitions
from llmlib.course.checking.scopes import IMPORTS

TEMPLATE = Path(__file__).with_name("template.py").read_text(encoding="utf-8")
PLACE = "# The learner's functions go here.\n"
HEADER = '''"""my_llm.py: an LLM engine, written exercise by exercise by me. It runs SmolLM2-135M.

    python my_llm.py "The best thing about the sea is"

Under a notebook's name stand my functions; the rest loads tables and weights, and calls them.
"""
'''
FIRST_WORDS = b'"""my_llm.py:'  # every such file begins so
FILLED = "# Filled in from llmlib, not mine.\n"
STARS = ("math", "numpy", "torch")  # packages whose names may be looked up here
REPLACING = (*FUNCTIONS, ast.ClassDef, ast.Assign, ast.AnnAssign)
NAMED = (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


@dataclass(frozen=True)
class Section:
    """A notebook's part of the file: its `functions`, and the definitions that make them. They are
    the learner's or, if `filled`, the course's."""

    notebook: str
    functions: frozenset[str]
    definitions: list[Definition]
    filled: bool = False


def render(sections: list[Section], exercises: Set[str]) -> str:
    """The file's text: the template with the sections in its middle and all imports at its top.
    `exercises` are the names of all functions that belong there; the sections call each other."""
    tree = ast.parse(TEMPLATE)
    own_imports = [each for each in tree.body if isinstance(each, IMPORTS)]
    imports = {ast.unparse(each) for each in own_imports}
    rest = "\n".join(TEMPLATE.split("\n")[own_imports[-1].end_lineno :])
    before, _, after = rest.partition(PLACE)
    taken = {name: {each.source} for each in definitions([TEMPLATE]) for name in each.names}
    taken |= {name: {"Python's"} for name in BUILTINS}
    taken |= {name: {"an exercise"} for name in exercises}
    parts, last = [], ""
    for section in sections:
        section = replace(section, definitions=without_replaced(section.definitions))
        made_by = _without_clashes(section, taken)
        imports |= {each.source for each in made_by if each.imports}
        head = "" if section.notebook == last else f"# {f' {section.notebook} ':-^98}\n\n"
        parts.append(head + _joined([each for each in made_by if not each.imports], section))
        last = section.notebook
    lines = sorted(imports, key=lambda line: ("__future__" not in line, line[:5] == "from ", line))
    parts.append(f"# {' the engine ':-^98}\n\n{after.strip()}\n")
    return "\n\n\n".join([HEADER + "\n".join(lines) + "\n\n" + before.strip(), *parts])


def sections_of(text: str) -> list[tuple[str, str]]:
    """(notebook, source): the file cut at its headings and between its imports, so that an error in
    one notebook's section is not blamed on the others."""
    cut = re.split(r"^# -+ (\w[\w ]*) -+$\n", text, flags=re.MULTILINE)
    head = re.split(r"^((?:import|from) .+\n)", cut[0], flags=re.MULTILINE)
    return [*(("my_llm", each) for each in head), *zip(cut[1::2], cut[2::2])]


def _joined(made_by: list[Definition], section: Section) -> str:
    """The text of the definitions, with two empty lines around functions and classes."""
    large = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef}
    text = ""
    for before, each in zip([None, *made_by], made_by):
        if before:
            text += "\n\n\n" if large & {before.kind, each.kind} else "\n"
        text += FILLED if section.filled and each.names & section.functions else ""
        text += each.source
    return text


def _without_clashes(section: Section, taken: dict[str, set[str]]) -> list[Definition]:
    """A section's definitions without those that the file has already. A name that means something
    else in the file is changed: `TABLE` of notebook 3 becomes `TABLE_of_03`."""
    mine: dict[str, set[str]] = {}
    for each in section.definitions:
        for name in each.names - section.functions:
            mine.setdefault(name, set()).add(_meaning(each))
    clash = {name for name in mine if taken.get(name, mine[name]) != mine[name]}
    clash |= _changed_by_calls(section) & mine.keys() & taken.keys()
    for _ in section.definitions:  # the same text, but it reads a name that was changed
        touched = [
            each.names - section.functions for each in section.definitions if each.reads & clash
        ]
        clash |= taken.keys() & set().union(*touched)
    suffix = "_of_llmlib" if section.filled else f"_of_{section.notebook[:2]}"
    new = {name: name + suffix for name in clash}
    found = []
    for each in section.definitions:
        if clash & (each.names | each.reads):
            found.append(replace(each, source=renamed(each.source, new)))
        elif each.names & section.functions or each.imports or not each.names <= set(taken):
            found.append(each)
    for name in mine.keys() - clash:
        taken[name] = mine[name]
    return found


def _changed_by_calls(section: Section) -> set[str]:
    """The names of objects that its functions change, such as a cache: that of another notebook is
    another object, even if its text is the same."""
    changed = (each.changes.objects for each in section.definitions if each.kind in FUNCTIONS)
    return (
        set()
        .union(*changed)
        .difference(*(each.names for each in section.definitions if each.imports))
    )


def without_replaced(chosen: list[Definition]) -> list[Definition]:
    """Drop a definition whose names are all redefined below it, before any statement reads them."""
    kept: list[Definition] = []
    read = [_read_when_it_runs(number, chosen) for number in range(len(chosen))]
    for number, each in enumerate(chosen):
        left = set(each.names)
        for then, later in zip(read[number + 1 :], chosen[number + 1 :]):
            if not left or then & left:
                break
            if later.kind in REPLACING or later.imports:
                left -= later.names
        if left:
            kept.append(each)
    return kept


def _read_when_it_runs(number: int, chosen: list[Definition]) -> set[str]:
    """The names that a statement reads as it runs, itself or in functions above that it calls."""
    todo, seen = set(chosen[number].at_once), set[str]()
    while todo:
        name = todo.pop()
        seen.add(name)
        for each in chosen[:number]:
            todo |= each.reads - seen if name in each.names else set()
    return seen


def _meaning(definition: Definition) -> str:
    """Equal for definitions that make a name in the same way: `import torch.nn` makes `torch`."""
    plain = definition.kind is ast.Import and " as " not in definition.source
    return definition.source.partition(".")[0] if plain else definition.source


def renamed(source: str, new: dict[str, str]) -> str:
    """`source` with global names changed as in {old: new}; local names, attributes and keywords
    stay. Comments are lost: this is for the rare helper whose name another notebook uses, too."""
    tree = ast.parse(source)
    _rename(tree, new)
    return ast.unparse(tree)


def _rename(node: ast.AST, new: dict[str, str], seen: dict[str, str] | None = None) -> None:
    """Rename in place. A function's name, decorators and defaults are outside of its scope; its
    local names hide global ones inside. A class's names do, too, but not in its methods, which get
    `seen`."""
    seen = new if seen is None else seen
    inside = new, seen
    if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
        hidden = _locals(node)
        shown = {old: name for old, name in seen.items() if old not in hidden}
        inside = shown, seen if isinstance(node, ast.ClassDef) else shown
    if isinstance(node, NAMED) and node.name:
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
                _rename(child, *(inside if field == "body" else (new, seen)))


def _locals(scope: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef) -> set[str]:
    text = re.sub(r"^( *)nonlocal ", r"\1global ", ast.unparse(scope), flags=re.MULTILINE)
    tables = symtable.symtable(
        text, "cell", "exec"
    ).get_children()  # by itself it has no enclosing function
    name = "lambda" if isinstance(scope, ast.Lambda) else scope.name
    found: list[symtable.SymbolTable] = []
    while not found:  # a function with type parameters is inside a scope of theirs
        scopes = (each for each in tables if isinstance(each, (symtable.Function, symtable.Class)))
        found = [each for each in scopes if each.get_name() == name]
        tables = [inner for each in tables for inner in each.get_children()]
    return {symbol.get_name() for symbol in found[-1].get_symbols() if symbol.is_local()}


def without_llmlib(
    given: Iterable[Definition], known: Set[str], checks: bool = False
) -> list[Definition]:
    """The definitions without imports from llmlib, whose functions the file has under their own
    names if they are `known`; `from torch import *` becomes one import of all its names. What comes
    from llmlib.course stays for `checks`, and is nothing of an engine's."""
    found: list[Definition] = []
    for each in given:
        module, _, last = each.origin.rpartition(".")
        package = each.origin.partition(".")[0]
        if last == "*" and package in STARS:
            names = ", ".join(_public(module))
            found += definitions([f"from {module} import {names}"] if names else [])
        elif package != "llmlib":
            found.append(each)
        elif module.startswith("llmlib.course"):
            found += [each] * checks
        elif last in known - each.names:  # under another name
            same, name = f"{next(iter(each.names))} = {last}", frozenset({last})
            found.append(replace(each, source=same, reads=name, at_once=name, kind=ast.Assign))
    return found


def undefined_names(chosen: list[Definition], known: Set[str], lazy: bool) -> set[str]:
    """The names that the `chosen` definitions read and nothing defines. With `lazy` annotations a
    name that only they read does not count: Python does not evaluate them."""
    made = BUILTINS.union(known, *(each.names for each in chosen))
    if "*" in made:
        return set()
    nodes = [node for one in chosen for node in ast.walk(ast.parse(one.source))]
    hints: set[ast.AST] = set()
    for each in nodes:
        made |= set(each.names) if isinstance(each, ast.Global) else set()  # when it is called
        found = [getattr(each, kind, None) for kind in ("annotation", "returns")]
        hints.update(node for hint in found if lazy and hint for node in ast.walk(hint))
    used = {each.id for each in nodes if isinstance(each, ast.Name) and each not in hints}
    return set().union(*(each.reads & used for each in chosen)) - made


@cache
def _public(module: str) -> list[str]:
    """The names that `from module import *` gives."""
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit):  # noqa: BLE001 - it fails in the learner's cell as well
        return []
    return getattr(found, "__all__", [name for name in vars(found) if name[0] != "_"])


def top_level_await(chosen: list[Definition]) -> str:
    """The first line of a definition that awaits outside of a function, which a file may not; or
    ""."""
    for each in chosen:
        try:
            compile(each.source, "my_llm.py", "exec", dont_inherit=True)
        except SyntaxError:
            return each.source.partition("\n")[0]
    return ""
