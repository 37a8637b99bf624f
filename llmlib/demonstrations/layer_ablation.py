"""Layers left out, swapped or skipped by some tokens: what each costs, in nats per token. All runs
of a function share one pass over the layers: a run joins the batch where it parts from the rest."""

from itertools import count

import torch

from llmlib.demonstrations.residual_stream import losses_of_runs, with_layers
from llmlib.layers import pre_norm_block


def losses_without(model, ids):
    """The loss on a text `ids` [seq] with all layers, then without each -> 1 + n_layer numbers."""

    def block(x, **functions):
        return torch.cat([pre_norm_block(x, **functions), x[:1]])  # the first run is the whole one

    return losses_of_runs(model, ids, block)


def losses_swapped(model, ids):
    """The loss with all layers in place, then with each and the next one swapped -> n_layer
    numbers."""
    stack, step = model.weights.layers, count()
    order = [stack[0]]
    for layer, following in zip(stack, stack[1:]):
        order += [following, layer]  # the second is for the run that swaps the two
    read = waiting = None  # by the layer before; a run that has that layer to catch up on

    def block(x, **functions):
        nonlocal read, waiting
        if next(step) % 2:
            both = pre_norm_block(torch.cat([x, read]), **functions)
            read, waiting = x[:1], both[-1:]
            return both[:-1]
        if waiting is not None:
            return torch.cat([x, pre_norm_block(waiting, **functions)])
        read = x
        return pre_norm_block(x, **functions)

    return losses_of_runs(with_layers(model, order), ids, block)


def losses_skipped_at(model, ids, layer, groups):
    """The loss with all layers, then with one layer skipped by the tokens at some positions: for
    each group of them, a bool a position -> 1 + len(groups) numbers."""
    layer_numbers = count()

    def block(x, **functions):
        out = pre_norm_block(x, **functions)
        if next(layer_numbers) == layer:
            out = torch.cat([out, *(torch.where(at[:, None], x, out) for at in groups)])
        return out

    return losses_of_runs(model, ids, block)
