"""Single neurons of a Llama model's feed-forward: what they read, how strongly they answer, and
what happens when one is held or switched off."""

from itertools import count, cycle

import torch
from torch.nn.functional import linear

from llmlib import layers
from llmlib.demonstrations.residual_stream import losses_of_runs


def mlp_inputs(model, ids):
    """What each layer's feed-forward reads: ids [seq] -> [n_layer, seq, d_model]."""
    seen = []

    def watching(x, *weights):
        seen.append(x[0])
        return layers.swiglu(x, *weights)

    model.using(mlp=watching)(ids, last=True)
    return torch.stack(seen)


def strengths(x, w_gate, w_up, *_):
    """The number at which each neuron stands: x [..., d_model] -> [..., d_mlp]. What the neuron
    writes is this number times its column of w_down."""
    gate = linear(x, w_gate)
    return gate * torch.sigmoid(gate) * linear(x, w_up)


def strengths_on(model, ids, layer, neuron):
    """The number of one neuron at each token of a text -> [seq]."""
    w_gate, w_up = (w[neuron : neuron + 1] for w in model.weights.layers[layer].mlp[:2])
    return strengths(mlp_inputs(model, ids)[layer], w_gate, w_up)[:, 0]


def neuron_held(model, layer, neuron, value):
    """The model with one neuron held at `value` at the last token; None leaves it alone."""
    layer_numbers = cycle(range(model.config.n_layer))

    def feed_forward(x, w_gate, w_up, w_down):
        out = layers.swiglu(x, w_gate, w_up, w_down)
        if next(layer_numbers) == layer and value is not None:
            mine = slice(neuron, neuron + 1)
            now = strengths(x[:, -1], w_gate[mine], w_up[mine])
            out[:, -1] += (value - now) * w_down[:, neuron]
        return out

    return model.using(mlp=feed_forward)


def losses_without(model, ids, layer, groups):
    """The loss on a text `ids` [seq] of the whole model, then with each group of a layer's neurons
    switched off -> 1 + len(groups) numbers, in nats per token."""
    w_gate, w_up, w_down = model.weights.layers[layer].mlp[:3]
    layer_numbers = count()

    def block(x, norm_1, attend, norm_2, feed_forward):
        x = x + attend(norm_1(x))
        read = norm_2(x)
        x = x + feed_forward(read)
        if next(layer_numbers) == layer:
            numbers = strengths(read, w_gate, w_up)
            x = torch.cat([x, *(x - numbers[..., g] @ w_down[:, g].T for g in groups)])
        return x

    return losses_of_runs(model, ids, block)
