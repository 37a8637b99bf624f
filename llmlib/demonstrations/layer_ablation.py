"""Layers left out, swapped or skipped by some tokens: what each costs, in nats per token."""

import torch

from llmlib.demonstrations.residual_stream import loss_from, residual_stream


def losses_without(model, ids):
    """The loss on a text `ids` [seq] without each of the layers -> [n_layer] numbers."""
    stack, before = model.weights.layers, residual_stream(model, ids[:-1])
    return [loss_from(model, before[i], stack[i + 1 :], ids) for i in range(len(stack))]


def losses_swapped(model, ids):
    """The loss with each layer and the next one swapped -> [n_layer - 1] numbers."""
    stack, before = model.weights.layers, residual_stream(model, ids[:-1])
    orders = ([stack[i + 1], stack[i], *stack[i + 2 :]] for i in range(len(stack) - 1))
    return [loss_from(model, before[i], order, ids) for i, order in enumerate(orders)]


def loss_skipped_at(model, ids, layer, positions):
    """The loss if the tokens at some positions (a bool for each) skip a layer."""
    before = residual_stream(model, ids[:-1])
    mixed = torch.where(positions[:, None], before[layer], before[layer + 1])
    return loss_from(model, mixed, model.weights.layers[layer + 1 :], ids)
