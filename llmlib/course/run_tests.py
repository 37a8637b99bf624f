"""Runs a learner's cells and the visible tests in this process, and says how each went.

A test cell has a namespace of its own: it reaches the learner's functions by name, and what goes in
and comes out is copied as if it had travelled to another process, as it does for the grader.

As a program it is a process of its own for one job, read from stdin as JSON:
{"cells": [[title, source], …], "tests": [[function, source, imports], …], "seconds": limit of each},
and optionally "module", the name that the cells run under. It writes one JSON list a line to the
stdout that it started with; what the cells print goes nowhere.
"""

import builtins
import json
import os
import signal
import sys
import warnings

import numpy as np
import torch

from llmlib.course import run_cells
from llmlib.course.check import Mistake

PLAIN = (bool, int, float, str, bytes)
NOT_WRITTEN = "not written yet"


class Missing(NameError):
    """A test asks for a function that no cell has defined."""


class Raised(Exception):
    """What a learner's function raised, where a test could take it for a word of its own."""


def main():
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        job, failed = json.loads(sys.stdin.buffer.read()), {}
        sys.stdin = open(os.devnull, encoding="utf-8")
        warnings.simplefilter("ignore")
        sys.path.insert(0, os.getcwd())
        module, seconds = run_cells.new_main(job.get("module", "__main__")), job["seconds"]
        for title, source in job["cells"]:
            say(out, "at", title)
            error = limited(seconds, run_cells.run, title, source, vars(module))
            failed[title] = in_words(error, seconds)
        for name, source, imports in job["tests"]:
            say(out, "at", name)
            error = limited(seconds, test, name, source, vars(module), imports)
            cell = failed.get(name) or failed.get(module.__name__)  # where it was to be made
            broke_off = isinstance(error, Missing) and cell
            say(out, "test", name, broke_off or in_words(error, seconds))


def test(name, source, space, imports):
    """Run the test cell of `name` against the functions in `space`; None, or what ended it.

    `imports` is source whose names are ours in the test cell, whatever the learner made of them.
    """
    state, ours = torch.get_rng_state(), {}
    exec(imports, ours)
    torch.manual_seed(0)
    error = run_cells.run(f"test_{name}", source, Globals(ours, space))
    torch.set_rng_state(state)
    return error


class Globals(dict):
    """A test cell's globals: `ours`, what it defines itself, and else the functions in the learner's `space`."""

    def __init__(self, ours, space):
        super().__init__(ours, __name__="test_cell")
        self.space = space

    def __missing__(self, name):
        if hasattr(builtins, name):
            raise KeyError(name)

        def call(*args, **kwargs):
            if name not in self.space:  # looked up late, as in a call to the learner's process
                raise Missing(f"`{name}` is not defined: write it and run its cell")
            args, kwargs = copied(args, True), copied(kwargs, True)
            grads = torch.is_grad_enabled() and _differentiable([*args, *kwargs.values()])
            try:
                return copied(self.space[name](*args, **kwargs), grads)
            except (AssertionError, StopIteration) as error:
                raise Raised(f"{type(error).__name__}: {error}") from error

        call.__name__ = name
        return call


def copied(value, grads):
    """What arrives of a value in another process: the same plain data in new objects, gradients if `grads`."""
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    if value is None:
        return None
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
            raise TypeError(f"a tensor of layout {value.layout} on {value.device}; plain ones may")
        value = value if grads else value.detach()
        return value.as_subclass(torch.Tensor).clone()
    for kind in PLAIN:
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, dict):
        return {copied(key, grads): copied(item, grads) for key, item in dict.items(value)}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            items = [copied(item, grads) for item in kind.__iter__(value)]
            return set(items) if kind is frozenset else kind(items)
    raise TypeError(
        f"a value of type {type(value).__name__[:40]}; tensors, numbers, strings, lists, tuples "
        "and dicts may"
    )


def _differentiable(values):
    return any(
        value.requires_grad
        if isinstance(value, torch.Tensor)
        else isinstance(value, (list, tuple)) and _differentiable(value)
        for value in values
    )


def limited(seconds, function, *args):
    """What `function` returns; after so many seconds it is interrupted, with the KeyboardInterrupt returned."""
    if not hasattr(signal, "setitimer"):  # Windows: the limit for the whole notebook has to do
        return function(*args)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*args)
    except KeyboardInterrupt as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def in_words(error, seconds):
    """An exception of a cell or a test as one line; None for None."""
    if error is None or isinstance(error, Mistake):
        return error and " ".join(str(error).split())
    if isinstance(error, NotImplementedError):
        return NOT_WRITTEN
    if isinstance(error, KeyboardInterrupt):
        return f"took longer than {seconds:g} s: is there a loop that never ends?"
    try:
        text = " ".join(str(error).split())[:300]
    except BaseException:  # a __str__ of the learner's
        text = "(its text cannot be shown)"
    return text if isinstance(error, Raised) else f"{type(error).__name__}: {text}"


def say(out, *words):
    out.write(json.dumps(words) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
