"""Run a toy model that writes down its passes: the check of `generate_cached` runs a learner's loop
on it.

A test starts a run and reads its passes; the loop's model is `forward` of that run. When a
submission is graded, its `forward` asks the grader, where the run is kept: what a submission says
of its passes counts for nothing.
"""

from dataclasses import dataclass, field
from itertools import count

import torch

VOCAB = 11
RUNS = 8  # the newest ones are kept
PASSES = 200  # of one run: a loop that does not stop ends here


@dataclass
class _Run:
    length: int = 0
    sum: int = 0
    passes: list[tuple[int, int]] = field(default_factory=list)


_runs: dict[int, _Run] = {}
_numbers = count(1)


def start() -> int:
    """Begin a run, with nothing read yet; returns its number."""
    number = next(_numbers)
    _runs[number] = _Run()
    _runs.pop(number - RUNS, None)
    return number


def forward(run: int, ids: list[int]) -> torch.Tensor:
    """Return logits [seq, VOCAB] of the next tokens `ids` [seq] of a run. The likeliest next id is
    the sum of (position + 1) * (id + 1) over all tokens so far, modulo VOCAB. ValueError for what
    is no list of ids, and once a run has had PASSES passes."""
    state = _runs.get(run) if type(run) is int else None
    if state is None:
        raise ValueError("this run of the toy model is over: take the model that you were given")
    if type(ids) is not list or not all(type(i) is int and 0 <= i < VOCAB for i in ids):
        raise ValueError(f"the toy model takes ids from 0 to {VOCAB - 1}")
    if len(state.passes) == PASSES or len(ids) > PASSES:
        raise ValueError(f"the toy model takes at most {PASSES} passes: does the loop end?")
    state.passes.append((state.length, len(ids)))
    rows = torch.zeros(len(ids), VOCAB)
    for row, token_id in zip(rows, ids):
        state.length += 1
        state.sum += state.length * (token_id + 1)
        row[:] = -((torch.arange(VOCAB) - state.sum) % VOCAB)
    return rows


def passes(run: int) -> list[tuple[int, int]]:
    """Return (position of its first token, tokens) of each pass of a run so far."""
    return list(_runs[run].passes)
