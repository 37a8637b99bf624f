"""Masks that take most of the looking away: bool [seq, start + seq], True = may look."""

import torch


def only_itself(seq, start=0):
    """Each token sees itself alone: the model's first token, over and over."""
    mask = torch.zeros(seq, start + seq, dtype=torch.bool)
    mask[range(seq), range(start, start + seq)] = True
    return mask


def itself_and_first(seq, start=0):
    """Each token sees itself and the first one, which takes the attention nobody needs."""
    mask = only_itself(seq, start)
    mask[:, 0] = True
    return mask
