"""Sums of word vectors, such as king - man + woman: where they land."""

import torch


def landing(table, plus, minus, other, k, inputs_allowed=True):
    """The k tokens nearest to row plus - row minus + row other, each row at length 1 -> [(id,
    cosine), …], the nearest first; with or without the three words that went in."""
    unit = table / table.norm(dim=1, keepdim=True)
    result = unit[plus] - unit[minus] + unit[other]
    cosines = unit @ (result / result.norm())
    if not inputs_allowed:
        cosines[[plus, minus, other]] = -torch.inf
    values, ids = cosines.topk(k)
    return list(zip(ids.tolist(), values.tolist()))


def share_right(table, sums):
    """The share of the sums [(plus, minus, other, answer), …] that land nearest to their answer;
    the three words that went in are left out."""
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for some in torch.tensor(sums).split(256):
        *went_in, answers = some.T
        plus, minus, other = (unit[ids] for ids in went_in)
        scores = (plus - minus + other) @ unit.T
        for ids in went_in:
            scores[torch.arange(len(some)), ids] = -torch.inf
        right += int((scores.argmax(dim=1) == answers).sum())
    return right / len(sums)
