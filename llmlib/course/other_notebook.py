"""A function that the learner wrote in another notebook, to build on in this one."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from llmlib.course.checking import submission
from llmlib.course.checking.definitions import definitions, needed
from llmlib.course.checking.scopes import names
from llmlib.course.feedback import NOT_WRITTEN, NOT_WRITTEN_YET, one_line
from llmlib.course.format import notebooks


def function_from(notebook: str, function: str, folder: Path | str = ".") -> Callable[..., Any]:
    """The learner's `function` from `notebook`, a file of `folder`, if it passes its check; else
    the course's own, and one sentence is printed that says why."""
    book = notebooks.load(notebook)
    test = next(each.visible for each in book.exercises if each.name == function)
    try:
        cells = submission.load(Path(folder) / f"{notebook}.ipynb")
        steps = submission.plan(book, cells).steps
        return _checked(function, test, (step.source for step in steps))
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        why = one_line(error)
        why = NOT_WRITTEN_YET if why in ("", NOT_WRITTEN) else why
    print(f"{function} is the course's own here: yours in {notebook} cannot be used ({why}).")
    given = (c.source for c in book.cells if notebooks.kind(c) in ("given", "solution"))
    return _checked(function, test, given)


def _checked(function: str, test: str, cells: Iterable[str]) -> Callable[..., Any]:
    """The function that the cells define, after its check has run."""
    read = names(test)
    space: dict[str, Any] = {}
    for each in needed({function} | (read.reads - read.binds), definitions(cells), frozenset()):
        exec(each.source, space)
    exec(test, space)
    return space[function]
