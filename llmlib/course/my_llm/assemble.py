"""Puts the learner's definitions into the template: my_llm.py as text."""

import ast
import re
import symtable
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path

from llmlib import files
from llmlib.course.checking.definitions import BUILTINS, FUNCTIONS, Definition, definitions
from llmlib.course.checking.scopes import IMPORTS

TEMPLATE = Path(__file__).with_name("template.py").read_text(encoding="utf-8")
PLACE = "# The learner's functions go here.\n"
HEADER = '''"""my_llm.py: an LLM engine, written exercise by exercise by me. It runs SmolLM2-135M.

    python my_llm.py "The capital of France is"

Under a notebook's name stand my functions; the rest loads tables and weights, and calls them.
"""
'''
OURS = '"""my_llm.py:'  # how each of these files begins
FILLED = "# Filled in from llmlib, not mine.\n"
REPLACING = (*FUNCTIONS, ast.ClassDef, ast.Assign, ast.AnnAssign)
NAMED = (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


@dataclass(frozen=True)
class Piece:
    """The functions `wanted` of a notebook, and the definitions, theirs or ours, that make them."""

    notebook: str
    wanted: frozenset[str]
    made_by: list[Definition]
    filled: bool = False


def render(pieces: list[Piece], exercises: Set[str]) -> str:
    """The file's text: the template with the pieces in its middle, all imports at its top.
    `exercises` are the names of all functions that belong there, whose pieces call each other."""
    tree = ast.parse(TEMPLATE)
    ours = [each for each in tree.body if isinstance(each, IMPORTS)]
    imports = {ast.unparse(each) for each in ours}
    rest = "\n".join(TEMPLATE.split("\n")[ours[-1].end_lineno :])
    before, _, after = rest.partition(PLACE)
    taken = {name: {each.source} for each in definitions([TEMPLATE]) for name in each.names}
    taken |= {name: {"Python's"} for name in BUILTINS}
    taken |= {name: {"an exercise"} for name in exercises}
    parts, last = [], ""
    for piece in pieces:
        piece = replace(piece, made_by=without_replaced(piece.made_by))
        made_by = _without_clashes(piece, taken)
        imports |= {each.source for each in made_by if each.imports}
        head = "" if piece.notebook == last else f"# {f' {piece.notebook} ':-^98}\n\n"
        parts.append(head + _joined([each for each in made_by if not each.imports], piece))
        last = piece.notebook
    lines = sorted(imports, key=lambda line: ("__future__" not in line, line[:5] == "from ", line))
    parts.append(f"# {' the engine ':-^98}\n\n{after.strip()}\n")
    return "\n\n\n".join([HEADER + "\n".join(lines) + "\n\n" + before.strip(), *parts])


def parts(text: str) -> list[tuple[str, str]]:
    """(notebook, source): the file cut at its headings, and into each of its imports, so that what
    breaks off in one notebook's part is not put down to the others."""
    cut = re.split(r"^# -+ (\w[\w ]*) -+$\n", text, flags=re.MULTILINE)
    head = re.split(r"^((?:import|from) .+\n)", cut[0], flags=re.MULTILINE)
    return [*(("my_llm", each) for each in head), *zip(cut[1::2], cut[2::2])]


def _joined(made_by: list[Definition], piece: Piece) -> str:
    """The definitions' text: two empty lines around functions and classes."""
    large = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef}
    text = ""
    for before, each in zip([None, *made_by], made_by):
        if before:
            text += "\n\n\n" if large & {before.kind, each.kind} else "\n"
        text += FILLED if piece.filled and each.names & piece.wanted else ""
        text += each.source
    return text


def _without_clashes(piece: Piece, taken: dict[str, set[str]]) -> list[Definition]:
    """A piece's definitions but for what the file has, renamed where it means something else."""
    mine: dict[str, set[str]] = {}
    for each in piece.made_by:
        for name in each.names - piece.wanted:
            mine.setdefault(name, set()).add(_meaning(each))
    clash = {name for name in mine if taken.get(name, mine[name]) != mine[name]}
    clash |= _filled_by_calls(piece) & mine.keys() & taken.keys()
    for _ in piece.made_by:  # the same text, but it reads what is another thing here
        touched = [each.names - piece.wanted for each in piece.made_by if each.reads & clash]
        clash |= taken.keys() & set().union(*touched)
    suffix = "_of_llmlib" if piece.filled else f"_of_{piece.notebook[:2]}"
    new = {name: name + suffix for name in clash}
    found = []
    for each in piece.made_by:
        if clash & (each.names | each.reads):
            found.append(replace(each, source=renamed(each.source, new)))
        elif each.names & piece.wanted or each.imports or not each.names <= set(taken):
            found.append(each)
    for name in mine.keys() - clash:
        taken[name] = mine[name]
    return found


def _filled_by_calls(piece: Piece) -> set[str]:
    """What its functions change, such as a cache: another notebook's is another one, whose text may
    be the same."""
    changed = (each.changes for each in piece.made_by if each.kind in FUNCTIONS)
    return set().union(*changed).difference(*(each.names for each in piece.made_by if each.imports))


def without_replaced(chosen: list[Definition]) -> list[Definition]:
    """Drop a definition whose names are all made anew below it, before any statement reads them."""
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
    """The names that a statement reads at once, itself or in functions from above that it calls."""
    todo, seen = set(chosen[number].at_once), set[str]()
    while todo:
        name = todo.pop()
        seen.add(name)
        for each in chosen[:number]:
            todo |= each.reads - seen if name in each.names else set()
    return seen


def _meaning(definition: Definition) -> str:
    """The same where two notebooks make a name in the same way: `import torch.nn` makes `torch`."""
    plain = definition.kind is ast.Import and " as " not in definition.source
    return definition.source.partition(".")[0] if plain else definition.source


def renamed(source: str, new: dict[str, str]) -> str:
    """`source` with global names changed as in {old: new}; local names, attributes and keywords
    stay as they are. Comments go: this is for the rare helper whose name means something else in
    another notebook."""
    tree = ast.parse(source)
    _rename(tree, new)
    return ast.unparse(tree)


def _rename(node: ast.AST, new: dict[str, str], seen: dict[str, str] | None = None) -> None:
    """A function's own name, decorators and defaults lie outside of it; its local names hide those
    of the same name inside. So do a class's, but not from its methods: these have `seen`."""
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
    tables = symtable.symtable(text, "cell", "exec").get_children()  # alone, it has no nonlocal
    name = "lambda" if isinstance(scope, ast.Lambda) else scope.name
    found: list[symtable.SymbolTable] = []
    while not found:  # a function with type parameters stands in a scope of theirs
        scopes = (each for each in tables if isinstance(each, (symtable.Function, symtable.Class)))
        found = [each for each in scopes if each.get_name() == name]
        tables = [inner for each in tables for inner in each.get_children()]
    return {symbol.get_name() for symbol in found[-1].get_symbols() if symbol.is_local()}


def in_the_way(output: Path) -> str:
    """A sentence where `write` would cost somebody's file; "" where it would not."""
    if output.is_dir():
        return f"{output} is a folder: give the name of a file"
    if output.is_file() and output.read_bytes()[: len(OURS)] not in (b"", OURS.encode()):
        return f"{output} is no my_llm.py, and would be lost: give another name, or move it away"
    return ""


def write(output: Path, text: str) -> None:
    """What was in `output` before, perhaps edited since, is kept beside it, as FILE.old."""
    before = output.read_bytes() if output.is_file() else b""
    if before not in (b"", text.encode()):
        files.write(output.with_name(f"{output.name}.old"), before)
    files.write(output, text)
