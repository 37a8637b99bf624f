"""Heads switched off, or replaced otherwise, in a running model; and random tokens said twice, on
which it is measured what that does."""

from itertools import cycle

import torch

from llmlib.attention import attention_weights


def repeated(seed=0, half=25, n=2):
    """`n` texts of `half` random tokens, said twice -> [n, 2 * half]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1000, 40000, (n, half), generator=generator).repeat(1, 2)


def replaced(model, replace_heads, heads, by="zero", watch=None):
    """The model in which `replace_heads(z, heads of the layer, by)` stands behind attention, for
    `heads`, a list of (layer, head). `watch`, a list, collects each layer's shares."""
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer, shares = next(layers), attention_weights(q, k, mask)
        if watch is not None:
            watch.append(shares)
        chosen = [head for at, head in heads if at == layer]
        return replace_heads(shares @ v, chosen, by) if chosen else shares @ v

    return model.using(attention=attention)


def repetition_loss(model, texts):
    """Loss at positions 1, 2, ... of `texts`, a mean over them, in nats."""
    log_p = torch.log_softmax(model(texts)[:, :-1], dim=-1)
    return -log_p.gather(-1, texts[:, 1:, None]).squeeze(-1).mean(0)


def maps_of(model, replace_heads, heads, texts, by="zero"):
    """Every head's shares with `heads` replaced -> [text, n_layer, n_head, seq, seq]."""
    seen = []
    replaced(model, replace_heads, heads, by, watch=seen)(texts, last=True)
    return torch.stack(seen, dim=1)


def write_sizes(model, texts):
    """The mean length of what each head writes -> [n_layer, n_head]."""
    w_o, sizes = [layer.o[0] for layer in model.weights.layers], []

    def attention(q, k, v, mask=None):
        z = attention_weights(q, k, mask) @ v
        own = w_o[len(sizes)].unflatten(1, (z.shape[1], -1))  # d_model n_head head_dim
        sizes.append(torch.einsum("dhk,bhsk->bhsd", own, z).norm(dim=-1).mean((0, 2)))
        return z

    model.using(attention=attention)(texts, last=True)
    return torch.stack(sizes)
