"""Take a function that the learner wrote in another notebook, to build on in this one."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from classroom.checking import submission
from classroom.checking.definitions import definitions, needed
from classroom.checking.scopes import names
from exercises.feedback import NOT_WRITTEN, NOT_WRITTEN_YET, one_line
from exercises.format import notebooks


def function_from(notebook: str, function: str, folder: Path | str = ".") -> Callable[..., Any]:
    """Return the learner's `function` from `notebook`, a file of `folder`, if it passes its check;
    else the course's own, and one sentence is printed that says why."""
    book = notebooks.load(notebook)
    test = next(exercise.visible for exercise in book.exercises if exercise.name == function)
    try:
        cells = submission.load(Path(folder) / f"{notebook}.ipynb")
        steps = submission.plan(book, cells).steps
        return _checked(function, test, (step.source for step in steps))
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        reason = one_line(error)
        reason = NOT_WRITTEN_YET if reason in ("", NOT_WRITTEN) else reason
    print(f"{function} is the course's own here: yours in {notebook} cannot be used ({reason}).")
    sources = (c.source for c in book.cells if notebooks.kind(c) in ("given", "solution"))
    return _checked(function, test, sources)


def _checked(function: str, test: str, cells: Iterable[str]) -> Callable[..., Any]:
    """Return the function that the cells define, after its check has run."""
    test_names = names(test)
    space: dict[str, Any] = {}
    for definition in needed(
        {function} | (test_names.reads - test_names.binds), definitions(cells), frozenset()
    ):
        exec(definition.source, space)
    exec(test, space)
    return space[function]
