"""Turn ids into vectors, and mark where in the text they stand: look-up, neighbours, sinusoids,
rotary embedding (RoPE; how checkpoints stretch it is in rope_scaling.py, what runs in
fast/layers.py)."""

import torch
from torch import Tensor


def embed(ids: Tensor | list[int], table: Tensor):
    """Look up one row per id: ids [...] (integers), table [vocab, d_model] -> [..., d_model].

    The same as one-hot rows times the table, without the multiplication. Raises IndexError for an
    id past its end; negative ids count from there, and a `Model` refuses them beforehand.
    """
    ids = torch.as_tensor(ids)
    return table[ids.long() if ids.dtype == torch.uint8 else ids]  # torch takes bytes for a mask


def embedding_gradient(ids: Tensor, grad_output: Tensor, vocab_size: int):
    """Return what `embed` passes back to its table: ids [...], grad_output [..., d_model] ->
    [vocab_size, d_model].

    Row t is the sum of grad_output over the places where token t stands: one-hot rows, transposed,
    times grad_output.
    """
    grad_output = grad_output.flatten(0, -2)  # n d_model
    gradient = torch.zeros(vocab_size, grad_output.shape[-1], dtype=grad_output.dtype)
    return gradient.index_add(0, ids.flatten(), grad_output)


def nearest(table: Tensor, token_id: int, k: int):
    """Return the k tokens whose rows point most nearly the same way: table [vocab, d_model] -> k
    ids, largest cosine first.

    `token_id` itself is left out; of a smaller table, all the others. A row of zeros points
    nowhere: its cosine is 0.
    """
    unit = table / table.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    cosines = unit @ unit[token_id]  # vocab
    cosines[token_id] = -torch.inf
    return cosines.topk(min(k, len(table) - 1)).indices.tolist()


def sinusoidal_positions(seq: int, d_model: int):
    """Return fixed positions (Vaswani et al. 2017, section 3.5) -> [seq, d_model]: sin in even
    columns, cos in odd ones.

    Column pair i turns at 10000^(-2i/d_model) radians a position. Raises ValueError if d_model is
    odd.
    """
    if d_model % 2:
        raise ValueError(
            f"d_model is {d_model}: it must be even, since sines and cosines come in pairs"
        )
    frequencies = 1.0 / 10000.0 ** (torch.arange(0, d_model, 2) / d_model)  # d_model/2
    angles = torch.arange(seq)[:, None] * frequencies  # seq d_model/2
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # seq d_model


def apply_rope(x: Tensor, positions: Tensor, theta: float = 10000.0):
    """Apply rotary position embedding (Su et al. 2021, arXiv:2104.09864): x [..., seq, head_dim],
    positions [seq] -> like x.

    Column i is paired with column i + head_dim/2 (the half-split pairing of Llama-family weights;
    the paper pairs neighbours), and turned by position * theta^(-2i/head_dim) radians. Raises
    ValueError if head_dim is odd, x is of whole numbers, or the positions are not one a row.
    """
    head_dim = x.shape[-1]
    if head_dim % 2:
        raise ValueError(
            f"head_dim is {head_dim}: it must be even, since rotary embedding turns pairs of "
            f"columns"
        )
    positions = torch.as_tensor(positions)
    if not x.is_floating_point() or positions.shape != x.shape[-2:-1]:
        raise ValueError(
            f"x is {x.dtype} {list(x.shape)} and positions {list(positions.shape)}: they must be "
            f"floats [..., seq, head_dim] and [seq]"
        )
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2) / head_dim)  # head_dim/2
    angles = positions[:, None] * frequencies  # seq head_dim/2
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    # ... seq head_dim/2, twice
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def interleaved_to_half_split(w: Tensor, n_head: int):
    """Reorder the rows of W_q or W_k [n_head * head_dim, d_model], head by head into the order 0 2
    4 … 1 3 5 … -> the same shape.

    Weights made for RoPE over neighbouring columns then give the same attention scores under
    `apply_rope`.
    """
    # n_head head_dim/2 2 d_model
    pairs = w.view(n_head, -1, 2, w.shape[-1])
    return pairs.transpose(1, 2).reshape(w.shape)
