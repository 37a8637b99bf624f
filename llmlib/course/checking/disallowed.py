"""Ready-made answers that an exercise does not allow, found in the text of a learner's notebook.

`check` and `grade` report them. While the code runs, `torch_blocker` refuses functions of torch,
and the grader's processes do not have the answers in llmlib.
"""

import ast
import re
import sys
from collections.abc import Iterator

from llmlib.course.checking.definitions import BUILTINS, FUNCTIONS, Definition, definitions, needed
from llmlib.course.checking.operators import matcher
from llmlib.course.checking.scopes import IMPORTS, MAX_ANALYSED, names
from llmlib.course.checking.submission import Plan
from llmlib.course.format.source import Exercise

OPEN = {"torch", *sys.stdlib_module_names}  # only what is listed of these is not allowed
ALIKE = ("torch.", "scipy.")  # libraries with functions that do the same as a listed one
MAX_DOTS = 9  # of one attribute chain, such as `torch.nn.functional.softmax`


def disallowed_names(exercise: Exercise, plan: Plan) -> list[str]:
    """The dotted names that the function of `exercise` or a helper of it uses against the rules, as
    far as the text shows: those in `exercise.disallowed` and what these stand for (`operators`);
    those of llmlib that no given cell imports; and all of another library, except torch and
    Python's own, where a part of it is disallowed. A local name never counts, even if a cell
    defines the same name."""
    own = [step.source for step in plan.steps if step.own]
    if sum(map(len, own)) > 4 * MAX_ANALYSED:
        return []
    given = [each for step in plan.steps if not step.own for each in definitions([step.source])]
    used = _used_names(exercise.name, given, definitions(own))
    provided = tuple(f"{each.origin}." for each in given if each.imports)
    libraries = {name.partition(".")[0] for name in exercise.disallowed} - OPEN
    closed = tuple(f"{library}." for library in libraries | {"llmlib"})
    others = {n for n in used if n.startswith(closed) and not f"{n}.".startswith(provided)}
    listed = [n for n in exercise.disallowed if any(f"{u}.".startswith(f"{n}.") for u in used)]
    match = matcher(tuple(n for n in exercise.disallowed if n.startswith("torch.")))
    last = [u.rpartition(".")[2] for u in sorted(used) if u.startswith(ALIKE)]
    same = (match(function) for name in last for function in _functions(name))
    listed = listed or [*dict.fromkeys(filter(None, same))]
    return listed + sorted(others.difference(listed), key=len, reverse=True)


def _functions(name: str) -> tuple[str, ...]:
    """What a name of torch may be called as a function: `RMSNorm` is `rms_norm`, `SiLU` `silu`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name, name.lower(), words.lower()


def _used_names(function: str, given: list[Definition], own: list[Definition]) -> set[str]:
    """The dotted names that a learner's `function` and its helpers use. `given` are the definitions
    of given cells, `own` the learner's."""
    found = [*(each for each in given if each.imports), *own]
    stars = [each.origin.removesuffix("*") for each in found if "*" in each.names]
    # Where a name comes from by the time that a function is called; "" if a cell defines it.
    later = {name: each.origin for each in given for name in each.names}
    for each in found:
        later |= _origins(each)
    now: dict[str, str] = {}  # the same while the statement itself runs
    used: set[str] = set()
    chosen = needed({function}, found, set())
    for each in found:
        if each in chosen and not each.imports:
            at_once = {name: now[name] for name in each.at_once if name in now}
            called = {name: later[name] for name in later.keys() - each.at_once}
            used.update(_dotted_names(each, called | at_once, stars))
        now |= _origins(each)
    makers = [each for each in found if function in each.names]
    return used | ({makers[-1].origin} if makers and makers[-1].imports else set())


def _origins(definition: Definition) -> dict[str, str]:
    """The names that a definition certainly binds, and where it takes them from."""
    if not definition.imports and definition.kind not in (*FUNCTIONS, ast.ClassDef, ast.Assign):
        return {}
    binds = definition.names if definition.imports else names(definition.source).binds
    return dict.fromkeys(binds, definition.origin)


def _dotted_names(
    definition: Definition, origins: dict[str, str], stars: list[str]
) -> Iterator[str]:
    """The full dotted names that a definition reads. A name of unknown origin may belong to any
    module in `stars`, from which all names were imported."""
    tree = ast.parse(definition.source)
    inside = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, IMPORTS)]
    local = definitions(inside)  # imports inside of functions
    origins = origins | {name: each.origin for each in local for name in each.names}
    reads = names(definition.source).reads.union(*(each.names for each in local))
    for node in ast.walk(tree):
        parts: list[str] = []
        part: ast.AST = node
        while isinstance(part, ast.Attribute) and len(parts) < MAX_DOTS:
            parts.append(part.attr)
            part = part.value
        if isinstance(part, ast.Name) and part.id in reads:
            yield ".".join([origins.get(part.id) or part.id, *reversed(parts)])
            if part.id not in origins and part.id not in BUILTINS:
                yield from (f"{star}{part.id}" for star in stars)
