"""A model of another one's shape that has learned nothing (notebook 5)."""

from dataclasses import replace

import torch

SPREAD = 0.02  # standard deviation of the weights, the figure that GPT-2 started from


def untrained(model, seed=0):
    """`model` with random weights; its table is tied, the gains of its norms are 1."""
    generator = torch.Generator().manual_seed(seed)

    def noise(tensor):
        if tensor.dim() == 1:
            return torch.ones_like(tensor)
        return torch.empty_like(tensor).normal_(0, SPREAD, generator=generator)

    def fresh(part):
        return tuple(None if tensor is None else noise(tensor) for tensor in part)

    embedding = noise(model.weights.embedding)
    layers = [
        type(layer)(**{name: fresh(part) for name, part in vars(layer).items()})
        for layer in model.weights.layers
    ]
    weights = replace(
        model.weights,
        embedding=embedding,
        unembedding=embedding,
        layers=layers,
        norm=fresh(model.weights.norm),
    )
    return replace(model, weights=weights)
