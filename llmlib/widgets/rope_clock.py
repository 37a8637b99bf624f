"""The RoPE clock of notebook 2: a query and a key turn as they move along a text."""

import math

import torch

from llmlib.widgets.kernel import Widget


def rope_clock(apply_rope, q, k, theta):
    """Move a query and a key, q and k [head_dim], along a text, turned by the learner's own
    `apply_rope(x, positions, theta)`; lock their distance and the score stays."""
    half, head_dim = len(q) // 2, len(q)

    def answer(question):
        places, pair = question["places"], question["pair"]
        unit = torch.zeros(head_dim)
        unit[pair] = 1.0  # a hand at 3 o'clock
        positions = torch.tensor([*places, *places])
        vectors = apply_rope(torch.stack([unit, unit, q, k]), positions, theta)
        score = (vectors[2] @ vectors[3] / math.sqrt(head_dim)).item()
        return {"hands": vectors[:2, [pair, pair + half]].tolist(), "score": score}

    return Widget("rope_clock", answer, "apply_rope", pairs=half)
