"""Decide which names an exercise is judged with: those that its own cell left. What a later cell
makes of them changes nothing, unless it corrects what the exercise calls.

The kernel's check, `llmlib check`, the page and the grader all use this module. It imports the
standard library only: it runs beside somebody else's code, too.
"""

import builtins
import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

Namespace = dict[str, Any]
Failure = TypeVar("Failure")


class Home(NamedTuple):
    """Hold the cell that answers an exercise: the number of its step; `again`: that of the last
    cell below it which defines the function, or what it reads, once more, or None."""

    step: int
    again: int | None = None


class Snapshot(NamedTuple):
    """Hold the names of a notebook, and Python's own, at one time."""

    names: Namespace
    builtin: Namespace


class Snapshots:
    """Keep the names that the home of each exercise left in `space`, a notebook's globals, and
    those that the cell left which defines it `again`. A name that nobody had defined by then is
    what the first cell below makes of it."""

    def __init__(self, space: Namespace, homes: Mapping[str, Home]) -> None:
        self.space, self.homes = space, homes
        self.left: dict[str, Snapshot] = {}
        self.again: dict[str, Snapshot] = {}

    def after(self, step: int) -> None:
        """Note that the step of this number has run."""
        for exercise, (names, builtin) in (*self.left.items(), *self.again.items()):
            new = self.space.keys() - names.keys() - builtin.keys() - {exercise}
            names.update((name, self.space[name]) for name in new)
        for exercise, home in self.homes.items():
            if home.step == step:
                self.left[exercise] = take(self.space)
            if home.again == step:
                self.again[exercise] = take(self.space)

    def restore(
        self, exercise: str, own_names: bool, course_names: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """Give `space` the names that the exercise's own cell left, or the one that defines it
        again; where neither ran, they stay as they are. `course_names` are the course's."""
        snapshot = (self.left if own_names else self.again).get(exercise)
        if snapshot:
            put(self.space, snapshot)
            self.space.update(course_names)

    @contextlib.contextmanager
    def restored(
        self, exercise: str, own_names: bool, course_names: Mapping[str, Any] = MappingProxyType({})
    ) -> Iterator[None]:
        """Do as `restore`; afterwards the names are those of before."""
        before = take(self.space)
        self.restore(exercise, own_names, course_names)
        try:
            yield
        finally:
            put(self.space, before)


def take(space: Namespace) -> Snapshot:
    """Return the names in `space`, and Python's own, as they are now."""
    return Snapshot(dict(space), dict(vars(builtins)))


def put(space: Namespace, snapshot: Snapshot) -> None:
    """Give `space`, and Python's own module, these names."""
    space.clear()
    space.update(snapshot.names)
    current, then = vars(builtins), snapshot.builtin
    for name in current.keys() - then.keys():
        del current[name]
    current.update(then)


def judged(
    home: Home | None, attempt: Callable[[bool], Failure | None]
) -> tuple[Failure | None, bool]:
    """Return (why an exercise fails, or None; was it judged with the names that its home left?)

    `attempt` runs its test with these names if it is given True, else with those that the last
    cell left which defines the function, or what it reads, once more. The first decide. Where they
    fail, the last count if the test passes with them. Without a home the end of the notebook
    counts."""
    if home is None:
        return attempt(False), False
    failure = attempt(True)
    if failure is not None and home.again is not None and attempt(False) is None:
        return None, False
    return failure, True
