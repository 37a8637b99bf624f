"""Judge in the learner's kernel what `llmlib check` and the grader judge: while a cell "# Check of
NAME" runs, NAME stands for the learner's function within `torch_blocker.block`, and the names that
it reads are those that its own cell left (snapshots)."""

import builtins
import contextlib
import functools
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from exercises import feedback

OF_IPYTHON = re.compile(r"_+|_i+|_i?\d+")  # inputs and outputs by number
Namespace = dict[str, Any]


def switch_on() -> None:
    """Register with IPython, once a kernel. The cell that runs now counts: it imports checks."""
    if shell := feedback.new_shell("refusals"):
        names = KernelNames(shell)
        shell.events.register("pre_run_cell", lambda info: names.begin(info.raw_cell or ""))
        shell.events.register(
            "post_run_cell",
            lambda result: names.end(
                result.info.raw_cell or "", getattr(result.info, "cell_id", None)
            ),
        )
        names.begin((shell.user_ns.get("In") or [""])[-1])


class KernelNames:
    """Keep the names that exercises' own cells left in a kernel. A cell is an exercise's own by its
    id; where that has not run, or the front end tells no ids, the last cell that defines it is."""

    def __init__(self, shell: Any) -> None:
        from classroom.checking.snapshots import Snapshots

        self.shell, self.kept = shell, Snapshots(shell.user_ns, {})
        self.by_id: set[str] = set()  # exercises whose own cell has run
        self.after = contextlib.ExitStack()

    def begin(self, cell: str) -> None:
        """Begin a cell: that of a check begins to judge."""
        if match := feedback.FIRST_LINE.match(cell):
            with contextlib.ExitStack() as after:
                own_names = self.decides(match[1])
                if own_names is not None:
                    after.enter_context(self.names_of(match[1], own_names))
                after.callback(guard(match[1], self.kept.space))
                self.after = after.pop_all()

    def end(self, cell: str, cell_id: str | None = None) -> None:
        """End a cell: an answer leaves its names."""
        from classroom.checking.snapshots import take

        self.after.close()
        self.kept.after(-1)
        for name, is_own in self.answered(cell, cell_id):
            (self.kept.left if is_own else self.kept.again)[name] = take(self.kept.space)
            if is_own:
                self.kept.again.pop(name, None)

    def answered(self, cell: str, cell_id: str | None) -> Iterator[tuple[str, bool]]:
        """Yield the exercises whose function a cell defines, and whether it is their own cell."""
        from classroom.checking.definitions import definitions
        from classroom.checking.redefinitions import passing
        from exercises.format import notebooks

        cell_definitions = definitions([cell])
        answers = {name for part in cell_definitions if not passing(part) for name in part.names}
        for name in {name for definition in cell_definitions for name in definition.names}:
            notebook = feedback.home(name)[0] if name in self.kept.space else None
            if notebook is None:
                continue
            book = notebooks.load(notebook)
            [stub] = [exercise.stub for exercise in book.exercises if exercise.name == name]
            ids = {node.id for node in book.node.cells if notebooks.grade_id(node) == name}
            if cell.strip() == stub.strip():
                self.kept.left.pop(name, None)
            elif cell_id in ids:
                self.by_id.add(name)
                yield name, True
            elif name in answers:
                yield name, name not in self.by_id

    def decides(self, name: str) -> bool | None:
        """Say whether the exercise is judged with the names that its own cell left, or with those
        of the cell that defines it again. None: with those of now, which are the same."""
        from classroom.checking import run_tests
        from classroom.checking.snapshots import Home, judged
        from exercises.format import notebooks
        from exercises.format.source import given_imports

        if name not in self.kept.left or not self.changed(name):
            return None
        book = notebooks.load(str(feedback.home(name)[0]))
        [exercise] = [candidate for candidate in book.exercises if candidate.name == name]
        imports = given_imports(book)

        def attempt(own_names: bool) -> BaseException | None:
            words = name, exercise.visible, self.kept.space, imports, exercise.disallowed
            with contextlib.redirect_stdout(io.StringIO()), self.names_of(name, own_names):
                return run_tests.test(*words)

        own_names = judged(Home(0, 0), attempt)[1]
        feedback.forget()  # what passed here is counted in the cell of the check
        return own_names

    def changed(self, name: str) -> bool:
        """Say whether any name is another than when the exercise's own cell had run."""
        names, builtin = self.kept.left[name]
        pairs = (names, self.kept.space), (builtin, vars(builtins))
        return any(
            then.get(key, pairs) is not now.get(key, pairs)
            for then, now in pairs
            for key in then.keys() | now.keys()
            if not self.is_ipythons(key)
        )

    def is_ipythons(self, name: str) -> bool:
        """Say whether a name is IPython's own: an input, an output, a function of the shell."""
        return name in self.shell.user_ns_hidden or bool(OF_IPYTHON.fullmatch(name))

    @contextlib.contextmanager
    def names_of(self, name: str, own_names: bool) -> Iterator[None]:
        """Give the names that the exercise's own cell left, or the one that defines it again, but
        for IPython's. What a check's cell makes stays."""
        space = self.kept.space
        ipythons = {key: value for key, value in space.items() if self.is_ipythons(key)}
        additions: Namespace = {}
        with self.kept.restored(name, own_names, ipythons):
            before = dict(space)
            yield
            additions = {k: v for k, v in space.items() if before.get(k, before) is not v}
        space.update(additions)


def guard(name: str, space: Namespace) -> Callable[[], None]:
    """Put a guarded function in the place of the learner's; returns what puts theirs back."""
    from classroom.checking import exceptions, run_cells, run_tests
    from exercises.format import notebooks
    from exercises.format.source import given_imports
    from exercises.torch_blocker import DisallowedCall, block

    function, notebook = space.get(name), feedback.home(name)[0]
    if not callable(function) or notebook is None:  # an answer of the quiz is a letter
        return lambda: None
    book, course_names = notebooks.load(notebook), dict[str, Any]()
    disallowed = next(exercise.disallowed for exercise in book.exercises if exercise.name == name)
    exec(given_imports(book), course_names)

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        space[name] = function  # what it calls of itself is in the block already
        try:
            with block(disallowed, space, course_names.values()):
                return function(*args, **kwargs)
        except DisallowedCall as error:
            line = feedback.DISALLOWED.format(error)
            error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
            raise
        except Exception as error:
            text = run_cells.error_text(error)
            meaning = [exceptions.plain(text)] if exceptions.plain(text) != text else []
            error.add_note("\n".join([*meaning, run_tests.where(error, name, args, kwargs)]))
            raise
        finally:
            if space.get(name) is function:
                space[name] = guarded

    def put_back() -> None:
        if space.get(name) is guarded:
            space[name] = function

    space[name] = guarded
    return put_back
