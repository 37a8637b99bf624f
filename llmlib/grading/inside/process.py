"""The learner's process, inside the sandbox: runs the cells, then answers calls, one fork per
test cell.

Nothing here is trusted: the learner's code may do to this process what it likes. The grader reads
plain values from the socket (wire.py), and nothing else.
"""

import builtins
import os
import socket
import sys
import traceback
import warnings
from typing import Any

import torch

from llmlib.course import run_cells
from llmlib.grading.inside import off
from llmlib.grading.wire import Channel, Closed, NotPlain

TEXT = 600  # characters of an error message


class Missing(NameError):
    """A test called a function that the learner's cells did not define."""


def serve(sock: socket.socket) -> None:
    """Run a job, [[[title, source], …], [number to leave out, …]]; then serve one test after the
    other."""
    channel = Channel(sock)
    cells, skip = channel.receive()
    main = run_cells.new_main()
    warnings.simplefilter("ignore")
    sys.path.insert(0, os.getcwd())
    sys.setrecursionlimit(3000)
    for number, (title, source) in enumerate(cells):
        if number not in skip:
            channel.send(["cell", number])
            error = run_cells.run(title, source, main.__dict__)
            if error is not None:
                channel.send(["error", describe(error)])
    channel.send(["ready"])
    while True:
        _, forbidden = channel.receive()
        pid = os.fork()
        if pid == 0:
            try:
                torch.set_num_threads(1)  # those that a cell may have started are not in this fork
                off.forbid(forbidden, main.__dict__)
                answer(channel, main.__dict__)
            except BaseException:  # noqa: BLE001 - a broken channel: the grader knows already
                os._exit(3)
            os._exit(0)
        channel.send(["ended", os.waitpid(pid, 0)[1]])


def answer(channel: Channel, space: dict[str, Any]) -> None:
    """Serve the messages of one test cell until ["end"]."""
    graphs: list[
        tuple[list, list]
    ] = []  # of each call whose result can be differentiated: its inputs and outputs
    while True:
        inputs: list[torch.Tensor] = []
        outputs: list[torch.Tensor] = []
        kind, *rest = channel.receive(grads=inputs)
        if kind == "end":
            return
        try:
            if kind == "state":  # of the random generator
                torch.set_rng_state(rest[0])
            elif kind == "call":
                channel.send(["value", len(graphs), call(space, *rest)], grads=outputs)
                graphs.append((inputs, outputs))
            else:
                number, wanted = rest
                given, made = graphs[number]
                channel.send(["value", 0, gradients(given, made, wanted)])
        except Closed:
            return
        except BaseException as error:  # noqa: BLE001 - it travels as text
            channel.send(["error", describe(error)])


def call(space: dict[str, Any], function: str, args: list, kwargs: dict[str, Any]) -> Any:
    if function not in space:
        raise Missing
    return space[function](*args, **kwargs)


def gradients(inputs: list[torch.Tensor], outputs: list[torch.Tensor], wanted: list) -> list:
    """Those of a call's `inputs`, given the gradients `wanted` of its outputs (None for unused
    ones)."""
    pairs = [
        (each, gradient.to(each.dtype))
        for each, gradient in zip(outputs, wanted, strict=True)
        if gradient is not None
    ]
    if not pairs:
        return [None] * len(inputs)
    used, given = zip(*pairs)
    return list(torch.autograd.grad(used, inputs, given, retain_graph=True, allow_unused=True))


def describe(error: BaseException) -> list[str]:
    """[class, nearest built-in class, text, place in the learner's code] of an exception, as
    strings."""
    kind = type(error)
    bases = (each.__name__ for each in kind.__mro__ if vars(builtins).get(each.__name__) is each)
    try:
        text = str(error)[:TEXT]
    except BaseException:  # noqa: BLE001 - a __str__ of the learner's
        text = "(its text cannot be shown)"
    place = ""
    for frame in traceback.extract_tb(error.__traceback__, limit=200):
        if frame.filename[:1] == "<" and not frame.filename.startswith("<frozen"):
            place = f"{frame.filename.strip('<>')}, line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename.strip('<>')}, line {error.lineno}"
    name = "NotPlain" if isinstance(error, NotPlain) else kind.__name__[:80]
    return [name, next(bases, "Exception"), text, place]
