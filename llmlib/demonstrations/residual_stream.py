"""The residual stream of a real model: what each sublayer writes to it, and the rest of the model
run from any point of it."""

from dataclasses import replace

import torch

from llmlib import layers, output_head


def with_layers(model, layer_list):
    """The same model with these layers only."""
    return replace(model, weights=replace(model.weights, layers=layer_list))


def residual_writes(model, ids, block=layers.pre_norm_block):
    """The embedding, then what each sublayer adds to the stream: ids [seq] ->
    [1 + 2 * n_layer, seq, d_model]; ids [batch, seq] -> [1 + 2 * n_layer, batch, seq, d_model].
    Their sum is the final stream."""
    added = []

    def noted(sublayer):
        def run(x):
            added.append(sublayer(x))
            return added[-1]

        return run

    def watched(x, norm_1, attend, norm_2, feed_forward):
        if not added:
            added.append(x)
        return block(x, norm_1, noted(attend), norm_2, noted(feed_forward))

    ids = torch.as_tensor(ids)
    model.using(block=watched)(ids, last=True)  # nobody reads the logits: one will do
    found = torch.stack(added)
    return found[:, 0] if ids.dim() == 1 else found


def residual_stream(model, ids, block=layers.pre_norm_block):
    """The stream as layer 0, 1, ... reads it, and the final one: [1 + n_layer, ..., seq, d_model],
    with a batch dimension if `ids` have one."""
    return residual_writes(model, ids, block).cumsum(dim=0)[::2]


def run_from(model, x, layer_list, last=False):
    """The logits after these layers alone, started from the stream x [seq, d_model] or
    [batch, seq, d_model] in place of an embedding."""
    x = x if x.dim() == 3 else x[None]
    started = with_layers(model, layer_list).using(embedding=lambda ids, table: x)
    return started(torch.zeros(x.shape[:2], dtype=torch.long), last=last)


def head(model, x):
    """The final norm, and the table read backwards: x [..., d_model] -> logits [..., vocab]."""
    x = model.parts.norm(x, *model.weights.norm, model.config.eps)
    return output_head.unembed(x, model.weights.unembedding)


def mean_loss(model, ids):
    """Mean of -log p(next token) over the text `ids` [seq], in nats."""
    ids = torch.as_tensor(ids)
    return output_head.cross_entropy(model(ids[:-1])[0], ids[1:]).item()


def losses_of_runs(model, ids, block):
    """The same loss at the end of each run of a batch, to which `block` may add runs on the way."""
    ids = torch.as_tensor(ids)
    ends = model.using(block=block, unembedding=lambda x, table: x)(ids[:-1])
    table = model.weights.unembedding
    found = (output_head.cross_entropy(output_head.unembed(x, table), ids[1:]) for x in ends)
    return [loss.item() for loss in found]  # one at a time: logits are large
