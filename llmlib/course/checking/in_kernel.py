"""In the learner's kernel, a check refuses what `llmlib check` and the grader refuse: while a cell
"# Check of NAME" runs, NAME stands for the learner's function within `torch_blocker.block`."""

import functools
from collections.abc import Callable
from typing import Any

from llmlib.course import feedback


def switch_on() -> None:
    """Register with IPython, once a kernel. The cell that runs now counts: it imports checks."""
    if shell := feedback.new_shell("refusals"):
        put_back: list[Callable[[], None]] = []

        def begin(cell: str) -> None:
            if found := feedback.FIRST_LINE.match(cell):
                put_back.append(guard(found[1], shell.user_ns))

        shell.events.register("pre_run_cell", lambda info: begin(info.raw_cell or ""))
        shell.events.register("post_run_cell", lambda _: put_back and put_back.pop()())
        begin((shell.user_ns.get("In") or [""])[-1])


def guard(name: str, space: dict[str, Any]) -> Callable[[], None]:
    """Put a guarded function in the place of the learner's; returns what puts theirs back."""
    from llmlib.course.checking import submission
    from llmlib.course.checking.torch_blocker import DisallowedCall, block
    from llmlib.course.format import notebooks

    mine, notebook = space.get(name), feedback.home(name)[0]
    if not callable(mine) or notebook is None:  # an answer of the quiz is a letter
        return lambda: None
    book, given = notebooks.load(notebook), dict[str, Any]()
    disallowed = next(each.disallowed for each in book.exercises if each.name == name)
    exec(submission.given_imports(book), given)

    @functools.wraps(mine)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        space[name] = mine  # what it calls of itself is in the block already
        try:
            with block(disallowed, space, given.values()):
                return mine(*args, **kwargs)
        except DisallowedCall as error:
            line = feedback.DISALLOWED.format(error)
            error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
            raise
        finally:
            if space.get(name) is mine:
                space[name] = guarded

    def put_back() -> None:
        if space.get(name) is guarded:
            space[name] = mine

    space[name] = guarded
    return put_back
