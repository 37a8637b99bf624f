"""Find where the answer to an exercise is, and which cells below it use its names again. Nothing is
run; `snapshots` says what follows from it."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import NamedTuple

from classroom.checking.definitions import BUILTINS, FUNCTIONS, Definition, definitions, needed
from classroom.checking.scopes import names
from classroom.checking.snapshots import Home

MAX_NOTES = 9
LONGEST = 60  # characters of a cell's first line
PASSING = (ast.For, ast.AsyncFor, ast.While, ast.Delete)  # with imports: they correct no answer
Steps = Sequence[tuple[str, str, bool]]  # submission's: title, source, is it the learner's
Stubs = Mapping[str, str]  # {exercise: its stub}


class Names(NamedTuple):
    """Hold a step's definitions, and all that it binds."""

    made: list[Definition]
    binds: Set[str]


def homes(steps: Steps, stubs: Stubs) -> dict[str, Home]:
    """Return the `Home` of each exercise that has an answer; `steps` are in the order they run."""
    read = _read(steps)
    places: dict[str, Home] = {}
    for name, stub in stubs.items():
        home = _home(name, stub, steps, read)
        if home is not None:
            reads = _reads(name, read, home)
            again = [
                number
                for number, below in enumerate(read[home + 1 :], home + 1)
                if any(reads & part.names and not passing(part) for part in below.made)
                if below.binds
            ]
            places[name] = Home(home, again[-1] if again else None)
    return places


def answering(
    candidates: Iterable[Definition], steps: Steps, places: Mapping[str, Home], fixes: Set[str]
) -> list[Definition]:
    """Return those of the definitions in `steps` that do not use a name again which an exercise
    above them reads; `places` are the exercises' homes. For `fixes` the new meaning counts."""
    read = _read(steps)
    reads = {name: _reads(name, read, home.step) for name, home in places.items()}
    survivors: list[Definition] = []
    bindings = [set(BUILTINS)]  # by cell: what those above it bind
    for _, source, _ in steps:
        bindings.append(bindings[-1] | names(source).binds)
    for definition in candidates:
        above = (reads[n] for n, home in places.items() if home.step < definition.cell)
        later = {name for name, home in places.items() if home.step >= definition.cell}
        below = (reads[name] for name in places if name in later or name in fixes)
        conflicts = bindings[definition.cell] & frozenset().union(*above)
        conflicts = conflicts.difference(*below)
        if not (definition.names & conflicts and steps[definition.cell][2]):
            survivors.append(definition)
    return survivors


def notes(steps: Steps, helpers: str, places: Mapping[str, Home]) -> list[str]:
    """Return one sentence for each cell of the learner's that redefines a function of `helpers`
    (source that tests call), or that uses a name again which an exercise above it reads; `places`
    are the homes of the exercises."""
    sources = (source for _, source, by_learner in steps if by_learner)
    bindings = frozenset().union(*(names(source).binds for source in sources))
    sentences = [
        f"A cell redefines `{name}`, which the checks use: they used the original."
        for name in sorted(bindings & names(helpers).binds)
    ]
    return [*sentences, *islice(_used_again(steps, places), MAX_NOTES)]


def first_line(source: str) -> str:
    """Return a cell's first line that says something, cut to what fits into a sentence."""
    lines = [" ".join(line.split()) for line in source.splitlines() if line.strip()]
    text = next((line for line in lines if line[0] not in "#%"), lines[0] if lines else "")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _read(steps: Steps) -> list[Names]:
    """Return what the learner's steps define; of the others only what they bind."""
    return [Names(definitions([source]), names(source).binds if by_learner else frozenset())
            for _, source, by_learner in steps]  # fmt: skip


def _home(name: str, stub: str, steps: Steps, read: Sequence[Names]) -> int | None:
    """Return the last cell of the exercise that binds its name; where there is none, the last cell
    of the learner's that defines a function of this name, one with the stub's parameters first."""
    numbers = [n for n, step in enumerate(steps) if step[2] and name in read[n].binds]
    answers = [n for n in numbers if steps[n][0] == name and steps[n][1].strip() != stub.strip()]
    if answers:
        return answers[-1]
    candidates = [
        (_parameters(definition.source) == _parameters(stub), n)
        for n in numbers
        for definition in read[n].made
        if steps[n][0] != name and name in definition.names and definition.kind in FUNCTIONS
    ]
    return max(candidates)[1] if candidates else None


def _parameters(source: str) -> list[str]:
    """Return the parameters of the function that `source` defines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, FUNCTIONS):
            return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return []


def _reads(name: str, read: Sequence[Names], home: int) -> Set[str]:
    """Return the exercise's own name, and the globals that it reads, through functions too."""
    above = [definition for entry in read[: home + 1] for definition in entry.made]
    below = [definition for entry in read[home + 1 :] for definition in entry.made]
    used = needed({name}, above, set())
    reads = frozenset({name}).union(*(definition.reads for definition in used))
    gaps = reads - BUILTINS - frozenset().union(*(definition.names for definition in above))
    return reads.union(*(definition.reads for definition in needed(gaps, below, set())))


def passing(definition: Definition) -> bool:
    """Say whether it uses names for something else (import, loop, `del`): it corrects no answer."""
    return definition.imports or issubclass(definition.kind, PASSING)


def _used_again(steps: Steps, places: Mapping[str, Home]) -> Iterator[str]:
    """Yield a sentence for each cell that binds a name which an exercise above it reads."""
    read = _read(steps)
    reads = {exercise: _reads(exercise, read, home.step) for exercise, home in places.items()}
    before: dict[str, set[str]] = {name: {""} for name in BUILTINS}
    for number, (step, entry) in enumerate(zip(steps, read)):
        new = {name: part.origin or part.source for part in entry.made for name in part.names}
        changes = {name for name in entry.binds if new.get(name, "*") not in before.get(name, ())}
        for exercise, home in places.items():
            again = sorted(changes & reads[exercise]) if home.step < number else []
            if again and step[2]:
                new_one = "" if home.again is None else ", or with the new one if only that passes"
                yield (
                    f"The cell “{first_line(step[1])}” uses the name `{again[0]}` again: "
                    f"`{exercise}`, above it, is judged by its own cell{new_one}."
                )
                break
        for name, source in new.items():
            before.setdefault(name, set()).add(source)
