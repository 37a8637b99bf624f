"""Compute attention: each position asks (q), every position it may look at answers (k), and what it
reads is a mean of values (v).

The rotary embedding of q and k (RoPE) is in embeddings.py; fast/attention.py is what runs."""

import math
from typing import Any

import torch
from torch import Tensor


def causal_mask(seq: int, start: int = 0):
    """Return who may look at whom -> bool [seq, start + seq], True = may look. Row i is position
    start + i, and sees itself and what came before.

    `start` counts the positions before these rows (those in a KV cache).
    """
    return torch.arange(start + seq) <= torch.arange(start, start + seq)[:, None]


def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None):
    """softmax(q kᵀ / √head_dim) v (Vaswani et al. 2017, section 3.2.1): q [..., seq_q, head_dim],
    k and v [..., seq_k, head_dim] -> like q.

    `mask` (bool, broadcast to [..., seq_q, seq_k], True = may look) is applied before the softmax,
    so that each row still sums to 1.
    """
    return attention_weights(q, k, mask) @ v


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None):
    """Return the share of attention from each query to each key -> [..., seq_q, seq_k], each row
    summing to 1."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1)


def split_heads(x: Tensor, n_head: int):
    """Cut the columns into heads: [batch, seq, n_head * head_dim] -> [batch, n_head, seq,
    head_dim]. ValueError if they do not divide."""
    if x.dim() != 3:
        raise ValueError(f"x is {list(x.shape)}: it must be [batch, seq, n_head * head_dim]")
    batch, seq, width = x.shape
    if n_head < 1 or width % n_head:
        raise ValueError(f"{width} columns cannot be cut into {n_head} heads of the same width")
    return x.view(batch, seq, n_head, width // n_head).transpose(1, 2)


def merge_heads(x: Tensor):
    """Put the heads side by side again: [batch, n_head, seq, head_dim] -> [batch, seq, n_head *
    head_dim]."""
    return x.transpose(1, 2).flatten(-2)


def repeat_kv(x: Tensor, n_rep: int):
    """Repeat key/value heads for grouped queries (Ainslie et al. 2023): [batch, n_kv_head, seq,
    head_dim] -> [batch, n_kv_head * n_rep, seq, head_dim].

    Each key/value head serves n_rep query heads that stand next to each other: heads 0, 0, 0, 1,
    1, 1, ... for n_rep = 3. arXiv:2305.13245.
    """
    return x.repeat_interleave(n_rep, dim=1)


def multi_head_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_head: int,
    n_kv_head: int | None = None,
    mask: Tensor | None = None,
    context: int | None = None,
):
    """Compute multi-head attention (Vaswani et al. 2017, section 3.2.2): x [batch, seq, d_model] ->
    the same.

    Queries are grouped if n_kv_head < n_head. Weights as torch.nn.Linear stores them: w_q [n_head
    * head_dim, d_model], w_k and w_v [n_kv_head * head_dim, d_model], w_o [d_model, n_head *
    head_dim]. Keys and values come from `context` [batch, seq_k, d_model] if given
    (cross-attention), else from x. Programs outside the course call it; the engine does not.
    """
    n_kv_head = n_kv_head or n_head
    if n_head % n_kv_head:
        raise ValueError(
            f"{n_head} query heads cannot share {n_kv_head} key/value heads evenly: n_kv_head must "
            f"divide n_head"
        )
    context = x if context is None else context
    q = split_heads(x @ w_q.T, n_head)  # batch n_head seq head_dim
    k, v = (
        repeat_kv(split_heads(context @ w.T, n_kv_head), n_head // n_kv_head) for w in (w_k, w_v)
    )
    return merge_heads(scaled_dot_product_attention(q, k, v, mask)) @ w_o.T


def attention_maps(model: Any, ids: list[int] | Tensor):
    """Return every head's attention weights on one text: ids [seq] -> [n_layer, n_head, seq, seq];
    row i says where token i looks. ValueError for several texts."""
    ids, maps = model.check_ids(ids), []
    if len(ids) != 1:
        raise ValueError(f"the ids are {len(ids)} texts: attention_maps takes one at a time")

    def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None):
        weights = attention_weights(q, k, mask)
        maps.append(weights[0])
        return weights @ v

    model.using(attention=attention)(ids, last=True)
    return torch.stack(maps)
