"""Notes on names that a learner's cell redefines, where that changes how exercises are checked."""

from collections.abc import Iterator, Sequence, Set
from itertools import islice

from llmlib.course.checking.definitions import BUILTINS, FUNCTIONS, definitions
from llmlib.course.checking.run_cells import ADDED_TITLE
from llmlib.course.checking.scopes import names

MAX_NOTES = 9
Steps = Sequence[tuple[str, str, bool]]  # submission's: title, source, is it the learner's


def notes(steps: Steps, helpers: str, functions: Set[str]) -> list[str]:
    """One sentence for each name, on `steps` in the order in which they run. A note is due where a
    step redefines a function of `helpers` (source that tests call), and where it redefines a name
    that one of the exercises' `functions` above it reads."""
    return [
        *_helpers_redefined(steps, helpers),
        *islice(_redefined_below(steps, functions), MAX_NOTES),
    ]


def _helpers_redefined(steps: Steps, helpers: str) -> Iterator[str]:
    """A sentence for each of the `helpers` that a cell of the learner's redefines."""
    bound = frozenset().union(*(names(source).binds for _, source, own in steps if own))
    for name in sorted(bound & names(helpers).binds):
        yield f"A cell redefines `{name}`, which the checks use: they used the original."


def _redefined_below(steps: Steps, functions: Set[str]) -> Iterator[str]:
    """A sentence for each name that one of the `functions` reads and that a cell of the learner's
    below it redefines. All cells run before the first check, so a function that was right above
    that cell may no longer be."""
    used: dict[str, str] = {}  # name -> the function that reads it
    sources: dict[str, str] = dict.fromkeys(BUILTINS, "")  # name -> the source that defined it
    for title, source, own in steps:
        found, defined = names(source), definitions([source]) if own else []
        imported = {name for each in defined if each.imports for name in each.names}
        new = {name: each.source for each in defined for name in each.names}
        written = {name for each in defined if each.kind in FUNCTIONS for name in each.names}
        for name in sorted(found.binds & used.keys() - imported - (written & functions)):
            if own and (name not in new or new[name] != sources.get(name)):
                added = title.startswith(ADDED_TITLE)
                where = title.capitalize() if added else f"The cell of `{title}`"
                which = f"`{used[name]}`, above it, is checked with the new one"
                yield f"{where} redefines `{name}`: {which}."
        sources |= dict.fromkeys(found.binds, "") | new
        if title in functions:
            later = (found.reads - found.at_once) & sources.keys()
            used |= dict.fromkeys((*later, title), title)
