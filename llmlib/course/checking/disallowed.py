"""Ready-made answers that an exercise forbids, found in the text of what was handed in.

`check` and `grade` name the fault so. What llmlib holds is not there at all when the grader runs
the code; what other libraries hold is refused at run time as far as that goes (by `refusing` in a
check).
"""

import ast
from collections.abc import Iterator

from llmlib.course.authoring.source import Exercise
from llmlib.course.checking.definitions import BUILTINS, FUNCTIONS, Definition, definitions, needed
from llmlib.course.checking.scopes import IMPORTS, MAX_ANALYSED, names
from llmlib.course.checking.submission import Job


def forbidden_names(exercise: Exercise, job: Job) -> list[str]:
    """The names in `exercise.off` that its function or a helper of the learner's uses, as far as
    text shows, and those in llmlib, or in tokenizers where any of it is off, that no given cell
    imports. A local name is the function's own affair, whatever a cell calls by that name."""
    own = [step.source for step in job.steps if step.own]
    if sum(map(len, own)) > 4 * MAX_ANALYSED:
        return []
    given = [each for step in job.steps if not step.own for each in definitions([step.source])]
    found = [*(each for each in given if each.imports), *definitions(own)]
    stars = [each.origin.removesuffix("*") for each in found if "*" in each.names]
    # where a name comes from when a function is called; "": a cell
    late = {name: each.origin for each in given for name in each.names}
    for each in found:
        late |= _made(each)
    now: dict[str, str] = {}  # the same as a statement at the top level finds it
    used: set[str] = set()
    chosen = needed({exercise.name}, found, set())
    for each in found:
        if each in chosen and not each.imports:
            at_once = {name: now[name] for name in each.at_once if name in now}
            called = {name: late[name] for name in late.keys() - each.at_once}
            used.update(_used(each, called | at_once, stars))
        now |= _made(each)
    made = [each for each in found if exercise.name in each.names]
    used |= {made[-1].origin} if made and made[-1].imports else set()
    theirs = tuple(f"{each.origin}." for each in given if each.imports)
    tokenizers = any(name.startswith("tokenizers.") for name in exercise.off)
    whole = ("llmlib.", "tokenizers.") if tokenizers else ("llmlib.",)
    ours = {n for n in used if n.startswith(whole) and not f"{n}.".startswith(theirs)}
    known = [name for name in exercise.off if any(f"{u}.".startswith(f"{name}.") for u in used)]
    return known + sorted(ours.difference(known), key=len, reverse=True)


def _made(definition: Definition) -> dict[str, str]:
    """The names that a definition makes anew for sure, and where it takes them from."""
    if not definition.imports and definition.kind not in (*FUNCTIONS, ast.ClassDef, ast.Assign):
        return {}
    binds = definition.names if definition.imports else names(definition.source).binds
    return dict.fromkeys(binds, definition.origin)


def _used(definition: Definition, origins: dict[str, str], stars: list[str]) -> Iterator[str]:
    """The full dotted names that a definition reads. What is of no known origin may be of any
    module in `stars`, all of whose names were imported."""
    tree = ast.parse(definition.source)
    inside = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, IMPORTS)]
    local = definitions(inside)  # the imports inside of functions
    origins = origins | {name: each.origin for each in local for name in each.names}
    reads = names(definition.source).reads.union(*(each.names for each in local))
    for node in ast.walk(tree):
        parts: list[str] = []
        part: ast.AST = node
        while isinstance(part, ast.Attribute) and len(parts) < 9:
            parts.append(part.attr)
            part = part.value
        if isinstance(part, ast.Name) and part.id in reads:
            yield ".".join([origins.get(part.id) or part.id, *reversed(parts)])
            if part.id not in origins and part.id not in BUILTINS:
                yield from (f"{star}{part.id}" for star in stars)
