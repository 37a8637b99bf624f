"""Attention with a bug, planted to see what notices it."""

import math

import torch

from llmlib.attention import attention_weights


def off_by_one(q, k, v, mask=None):
    """Divides by √65 in place of √64."""
    return attention_weights(q * math.sqrt(64 / 65), k, mask) @ v


def leaky(q, k, v, mask=None):
    """The mask takes 12 from a score, not everything: a little of the future leaks."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores - 12.0 * ~mask, dim=-1) @ v


def weak_head(q, k, v, mask=None):
    """Head 7 of every layer says a tenth too little."""
    out = attention_weights(q, k, mask) @ v
    out[:, 7] *= 0.9
    return out


BUGS = {"√65 for √64": off_by_one, "mask of −12": leaky, "a weak head": weak_head}
