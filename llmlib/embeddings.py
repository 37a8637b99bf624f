"""Ids to vectors, and where in the text they stand: look-up, learned positions, sinusoids, rotary embedding."""
import torch


def embed(ids, table):
    """Look up one row per id: ids [...] (integers), table [vocab, d_model] -> [..., d_model].

    The same as one-hot rows times the table, without the multiplication. Raises IndexError for an id outside the table.
    """
    return table[ids]


def learned_positions(positions, table):
    """GPT-2's positions (Radford et al. 2019): a second table, one row per position. positions [seq] -> [seq, d_model]."""
    return embed(positions, table)


def sinusoidal_positions(seq, d_model):
    """Fixed positions of Vaswani et al. 2017, section 3.5 -> [seq, d_model]: sin in the even columns, cos in the odd ones.

    Column pair i turns at 10000^(-2i/d_model) radians a position. Raises ValueError if d_model is odd.
    """
    if d_model % 2:
        raise ValueError(f"d_model is {d_model}: it must be even, since sines and cosines come in pairs")
    angles = torch.arange(seq)[:, None] * _frequencies(d_model, 10000.0)        # seq d_model/2
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)        # seq d_model


def apply_rope(x, positions, theta=10000.0):
    """Rotary position embedding (Su et al. 2021, arXiv:2104.09864, section 3.4): x [..., seq, head_dim], positions [seq] -> like x.

    Column i is paired with column i + head_dim/2 (the half-split pairing of Llama-family weights; the paper pairs neighbours), and each
    pair is turned by position * theta^(-2i/head_dim) radians. Raises ValueError if head_dim is odd.
    """
    head_dim = x.shape[-1]
    if head_dim % 2:
        raise ValueError(f"head_dim is {head_dim}: it must be even, since rotary embedding turns pairs of columns")
    positions = torch.as_tensor(positions)
    angles = positions[:, None] * _frequencies(head_dim, theta)                 # seq head_dim/2
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)                                          # ... seq head_dim/2, twice
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _frequencies(width, theta):
    return 1.0 / theta ** (torch.arange(0, width, 2) / width)
