"""Run the learner's process: its cells, then the answers to calls, one fork per test cell. Nothing
is trusted here: the learner's code may do to it what it likes. Of the course it has only this, and
what given cells read; the grader reads plain values from the socket, and nothing else."""

import builtins
import importlib.machinery
import os
import socket
import sys
import tempfile
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from classroom.checking import exceptions, run_cells
from classroom.checking.snapshots import Home, Snapshots
from exercises import torch_blocker
from exercises.course_packages import PACKAGES, is_inside, is_ours
from grader.guest import resume_cell
from grader.wire import Channel, UnsupportedValue

TEXT = 600  # characters of an error message
# Kept from before any cell: one may put its own in their place, to run after all cells.
set_threads, seed, quiet = torch.set_num_threads, torch.manual_seed, warnings.simplefilter
set_grad = torch.set_grad_enabled


def serve(sock: socket.socket) -> None:
    """Run a job, then serve one test after the other. A job is [{file: source} of a reduced llmlib,
    [[title, source], …], [number to leave out, …], seconds for a cell, seconds for all that are no
    exercise, seconds by the clock for each of those, {exercise: its `Home`}]."""
    channel = Channel(sock)
    torch_blocker.new_board()
    library, cells, skip, seconds, budget, patience, homes = channel.receive()
    main = run_cells.new_main()
    snapshots = Snapshots(main.__dict__, {name: Home(*home) for name, home in homes.items()})
    # Compiled before any cell runs, executed before each call of one: code may have changed them.
    sources = (source for title, source in cells if title == run_cells.HELPERS_TITLE)
    helpers = compile("\n".join(sources), f"<{run_cells.HELPERS_TITLE}>", "exec")
    # The sandbox allows one thread. Where a cell asks for two all the same, products in bfloat16
    # come out wrong on some processors.
    vars(torch)["set_num_threads"] = lambda _: None
    vars(os)["system"] = resume_cell.no_program  # which would say so by a number
    warnings.simplefilter("ignore")
    sys.path[0] = os.getcwd()  # where the grader's own files were found
    ask = asking(channel)
    install(library, ask)
    sys.setrecursionlimit(3000)
    timer = run_cells.CellTimer(seconds, budget, resume_cell.run, patience)
    for number, (title, source) in enumerate(cells):
        if number not in skip:
            channel.send(["cell", number])
            error = timer.run(title, source, main.__dict__)  # one that goes on is left out outside
            snapshots.after(number)
            if error is not None:
                channel.send(["error", describe(error)])
    channel.send(["ready"])
    while True:
        _, disallowed, in_place, *names = channel.receive()
        pid = os.fork()
        if pid == 0:
            try:
                set_threads(1)  # those that a cell may have started are not in this fork
                seed(0)
                set_grad(True)  # a cell may have switched it off
                quiet("ignore")  # a cell may have made them errors, ours too
                if names:
                    snapshots.restore(*names)
                main.__dict__.update({name: ask(name, name) for name in in_place})
                answer(channel, main.__dict__, disallowed, helpers)
            except BaseException:  # noqa: BLE001 - a broken channel: the grader knows already
                os._exit(3)
            os._exit(0)
        channel.send(["ended", os.waitpid(pid, 0)[1]])


def install(library: dict[str, str], stand_in: Callable) -> None:
    """Make the course's packages of this process, in a folder of its own: of most there is nothing
    in here but their name, so that Python looks for their modules nowhere else."""
    folder = Path(tempfile.mkdtemp(dir=os.getcwd()))
    for name in [module for module in sys.modules if is_ours(module)]:
        del sys.modules[name]
    for file, source in library.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(source, encoding="utf-8")
    for name in PACKAGES:
        package = sys.modules[name] = types.ModuleType(name)
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        vars(package).update(__path__=[str(folder / name)], __spec__=spec)
    vars(sys.modules["llmlib"])["stand_in"] = stand_in
    sys.meta_path.append(resume_cell.MissingModules())


def asking(channel: Channel) -> Callable[[str, str], Callable]:
    """Make stand-ins for what is not in here: they have the grader call it, or are refused."""

    def stand_in(name: str, full_name: str) -> Callable:
        def ask(*args: Any, **kwargs: Any) -> Any:
            channel.send(["ask", name, list(args), kwargs])
            kind, *fields = channel.receive()
            if kind == "value":
                return fields[0]
            if kind == "error":
                raise getattr(builtins, fields[0], Exception)(fields[1])
            torch_blocker.note(full_name)
            raise resume_cell.NotInHere(full_name)

        ask.__name__, ask.__module__ = name, full_name.rpartition(".")[0]
        return ask

    return stand_in


def answer(
    channel: Channel, space: dict[str, Any], disallowed: list[str], helpers: types.CodeType
) -> None:
    """Serve the calls of one test cell until ["end"]. `helpers` are the given functions that the
    tests call. They are defined again after each message: code of the learner's may run while a
    message is read."""
    torch_blocker.forget()
    # What is in here of llmlib is what given cells import.
    course_values = [value for value in space.values() if is_inside(torch_blocker.home(value))]
    while True:
        kind, *fields = channel.receive()
        if kind == "end":
            return channel.send(["refused", sorted(torch_blocker.called())])
        try:
            function, args, kwargs = fields
            if function in helpers.co_names:
                exec(helpers, space)
            if function not in space:
                raise run_cells.MissingFunction
            with torch_blocker.block(disallowed, space, course_values):
                channel.send(["value", space[function](*args, **kwargs)])
        except BaseException as error:  # noqa: BLE001 - it travels as text
            channel.send(["error", describe(error)])


def describe(error: BaseException) -> list[str]:
    """Return an exception as strings: text, class, nearest built-in class, place in learners'
    code."""
    kind = type(error)
    bases = (base.__name__ for base in kind.__mro__ if vars(builtins).get(base.__name__) is base)
    place = exceptions.place(error)
    name = "UnsupportedValue" if isinstance(error, UnsupportedValue) else kind.__name__[:80]
    return [run_cells.error_text(error)[:TEXT], name, next(bases, "Exception"), place]
