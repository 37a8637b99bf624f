"""Activation patching: what heads computed in one run is put into another, at its last token."""

from itertools import cycle

import torch

from llmlib.attention import attention_weights


def last_z(model, ids):
    """What each head computes for the last token: a tensor [1, n_head, 1, head_dim] a layer."""
    z = []

    def attention(q, k, v, mask=None):
        out = attention_weights(q, k, mask) @ v
        z.append(out[:, :, -1:].clone())
        return out

    model.using(attention=attention)(ids, last=True)
    return z


def patched(model, replace_heads, ids, sets, source):
    """Logits of the last token of `ids`, once for each set of (layer, head) in `sets`, whose z
    `replace_heads` takes from the run on `source` -> [len(sets), vocab].

    Only the last token's z is replaced, so all earlier tokens are computed once, into a cache.
    """
    ids, other = torch.as_tensor(ids), last_z(model, source)
    one = model.new_cache(1, context=len(ids))
    model(ids[:-1], cache=one)
    cache = model.new_cache(len(sets), context=len(ids))
    for into, held in ((cache.keys, one.keys), (cache.values, one.values)):
        for layer, tensor in enumerate(held):
            into[layer][:] = tensor
    cache.length = one.length
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer, z = next(layers), attention_weights(q, k, mask) @ v
        rows = []
        for row, heads in zip(z.split(1), sets, strict=True):
            chosen = [head for at, head in heads if at == layer]
            rows.append(replace_heads(row, chosen, other[layer]) if chosen else row)
        return torch.cat(rows)

    return model.using(attention=attention)(ids[-1:].repeat(len(sets), 1), cache=cache)[:, -1]


def recovered(logits, clean, corrupted, right, other):
    """Which part of the way from the corrupted run to the clean one: 1 on clean, 0 on corrupted.
    The measure is how far the logit of `right` is above that of `other`."""
    far, start, end = (each[..., right] - each[..., other] for each in (logits, corrupted, clean))
    return (far - start) / (end - start)
