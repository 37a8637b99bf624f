"""The learner's process, inside the sandbox: runs the cells, then answers calls, one fork per test cell.

Nothing here is trusted: the learner's code may do to this process what it likes. The grader only reads plain values
from the socket (boundary.py).
"""

import builtins
import os
import sys
import traceback
import warnings

import torch

from llmlib.course import run_cells
from llmlib.grading import off
from llmlib.grading.boundary import Channel, Closed, Refused

TEXT = 600  # characters of an error message


def serve(sock):
    """Run a job: {"cells": [[title, source], …], "skip": [number, …]}, then serve one test after the other."""
    channel = Channel(sock)
    job = channel.receive()
    main = run_cells.new_main()
    torch.set_num_threads = lambda number: None  # a fork of a process with threads hangs
    warnings.simplefilter("ignore")
    sys.path.insert(0, os.getcwd())
    sys.setrecursionlimit(3000)
    for number, (title, source) in enumerate(job["cells"]):
        if number not in job["skip"]:
            channel.send(["cell", number])
            error = run_cells.run(title, source, main.__dict__)
            if error is not None:
                channel.send(["error", number, describe(error)])
    channel.send(["ready"])
    while True:
        _, forbidden = channel.receive()
        pid = os.fork()
        if pid == 0:
            try:
                off.forbid(forbidden, main.__dict__)
                answer(channel, main.__dict__)
            except BaseException:  # noqa: BLE001 - a broken channel: the grader knows already
                os._exit(3)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        channel.send(["ended", status])


def describe(error):
    """[class, nearest built-in class, text, place in the learner's code] of an exception, as plain strings."""
    kind = type(error)
    builtin = next(
        (base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base),
        "Exception",
    )
    try:
        text = str(error)[:TEXT]
    except BaseException:  # noqa: BLE001 - a __str__ of the learner's
        text = "(its text cannot be shown)"
    place = ""
    for frame in traceback.extract_tb(error.__traceback__, limit=200):
        if (
            frame.filename.startswith("<")
            and frame.filename.endswith(">")
            and not frame.filename.startswith("<frozen")
        ):
            place = f"{frame.filename[1:-1]}, line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename.strip('<>')}, line {error.lineno}"
    return [kind.__name__[:80], builtin, text, place]


def answer(channel, space):
    """Serve the calls of one test cell until ["end"]."""
    graphs = []  # of each call whose result can be differentiated: the inputs and outputs
    while True:
        inputs = []
        kind, *rest = channel.receive(grads=inputs)
        if kind == "end":
            return
        if kind == "state":
            torch.set_rng_state(rest[0])
            continue
        try:
            outputs = []
            if kind == "call":
                function, args, kwargs = rest
                if function not in space:
                    raise NameError(f"`{function}` is not defined: write it and run its cell")
                reply = ["value", len(graphs), space[function](*args, **kwargs)]
                graphs.append((inputs, outputs))
            else:  # the gradient of an earlier call: its number, and the gradients of that call's outputs
                sources, results = graphs[rest[0]]
                pairs = [
                    (r, g.to(r.dtype))
                    for r, g in zip(results, rest[1], strict=True)
                    if g is not None
                ]
                found = [None] * len(sources)
                if pairs:
                    results, gradients = zip(*pairs)
                    found = torch.autograd.grad(
                        results, sources, gradients, retain_graph=True, allow_unused=True
                    )
                reply = ["value", 0, list(found)]
            channel.send(reply, grads=outputs)
        except Closed:
            return
        except Refused as refused:
            channel.send(["error", ["Refused", "TypeError", f"it returned {refused}", ""]])
        except BaseException as error:  # noqa: BLE001 - whatever the learner's function raises travels as text
            channel.send(["error", describe(error)])
