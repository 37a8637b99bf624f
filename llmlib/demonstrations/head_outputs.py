"""What single heads receive, look at and write in one run of a model."""

from dataclasses import dataclass

import torch

from llmlib.attention import attention_weights


@dataclass(frozen=True)
class Heads:
    """Of one text, by layer: what attention receives [n_layer, seq, d_model]; each head's shares
    [n_layer, n_head, seq, seq]; its mixture of values z [n_layer, n_head, seq, head_dim]; the
    lengths of its values [n_layer, n_head, seq]; and what it writes [n_layer, n_head, seq,
    d_model]. The stream after each layer [n_layer, seq, d_model]."""

    received: torch.Tensor
    shares: torch.Tensor
    z: torch.Tensor
    value_lengths: torch.Tensor
    writes: torch.Tensor
    stream: torch.Tensor


def heads(model, ids):
    """Run the model on one text and keep what its heads do -> Heads."""
    received, shares, z, lengths, stream = [], [], [], [], []

    def attention(q, k, v, mask=None):
        shares.append(attention_weights(q, k, mask)[0])
        z.append(shares[-1] @ v[0])
        lengths.append(v[0].norm(dim=-1))
        return z[-1][None]

    def block(x, norm_1, attend, norm_2, feed_forward):
        received.append(norm_1(x)[0])
        x = x + attend(norm_1(x))
        x = x + feed_forward(norm_2(x))
        stream.append(x[0])
        return x

    model.using(attention=attention, block=block)(ids, last=True)
    w_o = torch.stack([layer.o[0] for layer in model.weights.layers])
    w_o = w_o.unflatten(2, (model.config.n_head, model.config.head_dim))
    found = received, shares, z, lengths, stream
    received, shares, z, lengths, stream = (torch.stack(each) for each in found)
    writes = torch.einsum("ldhk,lhsk->lhsd", w_o, z)
    return Heads(received, shares, z, lengths, writes, stream)


def copying(found):
    """How far each write points to what its head looks at: cosines [n_layer, n_head, seq] between
    the write and the mixture, by the head's shares, of the vectors that attention received."""
    mixture = torch.einsum("lhij,ljd->lhid", found.shares, found.received)
    return torch.cosine_similarity(found.writes, mixture, dim=-1)


def made_to_copy(found, head_dim=64, seed=0):
    """The mean cosine of a head that does copy: it passes on `head_dim` random directions."""
    x = found.received.flatten(0, 1)
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(x.shape[-1], head_dim, generator=generator))[0]
    return torch.cosine_similarity(x @ basis @ basis.T, x, dim=-1).mean().item()
