"""Names that a learner's cell makes anew, and what there is to say of what that changes."""

from collections.abc import Iterator, Sequence, Set
from itertools import islice

from llmlib.course.checking.definitions import BUILTINS, FUNCTIONS, definitions
from llmlib.course.checking.run_cells import ADDED
from llmlib.course.checking.scopes import names

MOST = 9  # sentences
Steps = Sequence[tuple[str, str, bool]]  # handed_in's: title, source, is it the learner's


def notes(steps: Steps, helpers: str, functions: Set[str]) -> list[str]:
    """A sentence each, on `steps` in the order in which they run: where they make a function of
    `helpers`, source that tests call, and where one of the exercises' `functions` is used to what
    a cell below it makes into something else."""
    return [*_redefined(steps, helpers), *islice(_below(steps, functions), MOST)]


def _redefined(steps: Steps, helpers: str) -> Iterator[str]:
    """A sentence for each of the `helpers` that a cell of the learner's makes anew."""
    bound = frozenset().union(*(names(source).binds for _, source, own in steps if own))
    for name in sorted(bound & names(helpers).binds):
        yield f"A cell makes `{name}` anew, which the checks use: they used the original."


def _below(steps: Steps, functions: Set[str]) -> Iterator[str]:
    """A sentence for each name that one of the `functions` reads and that a cell of the learner's
    below it makes into something else: since all cells run before the first check, what was right
    above that cell may not be any more."""
    used: dict[str, str] = {}  # name -> the function that reads it
    made: dict[str, str] = dict.fromkeys(BUILTINS, "")  # name -> by which source
    for title, source, own in steps:
        found, told = names(source), definitions([source]) if own else []
        again = {name for each in told if each.imports for name in each.names}
        sources = {name: each.source for each in told for name in each.names}
        written = {name for each in told if each.kind in FUNCTIONS for name in each.names}
        for name in sorted(found.binds & used.keys() - again - (written & functions)):
            if own and (name not in sources or sources[name] != made.get(name)):
                added = title.startswith(ADDED)
                where = title.capitalize() if added else f"The cell of `{title}`"
                whose = f"`{used[name]}`, above it, is checked with the new one"
                yield f"{where} makes `{name}` anew: {whose}."
        made |= dict.fromkeys(found.binds, "") | sources
        if title in functions:
            later = (found.reads - found.at_once) & made.keys()
            used |= dict.fromkeys((*later, title), title)
