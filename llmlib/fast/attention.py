"""Compute the engine's attention: what the taught function computes, by that of torch's operations
which is the fastest here for so many queries and keys."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from llmlib.fast import kernels
from llmlib.fast.layers import by_onednn

MANY_KEYS = 3500  # from here on the cores share one query's keys evenly
MANY_QUERIES = 64  # from here on a processor's unit for matrices is the faster one
LONG = 256  # queries: below, blocks of them are slower on any processor
ROWS = 384  # of scores that are computed at once: they stay near the processor
flash_attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default


def share_kv(x: Tensor, n_rep: int):
    """Stand in for repeat_kv: nothing is copied, since `attention` reads each key/value head n_rep
    times where it stands."""
    return x


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False):
    """Compute scaled_dot_product_attention; k and v may have fewer heads than q (grouped queries).

    `causal` says that the mask hides what comes after each query and nothing else: then another
    function may do it, which does not read the mask.
    """
    seq = q.shape[2]
    start = k.shape[2] - seq
    if causal and q.device.type == "cpu" and not torch.is_grad_enabled():
        if seq == len(q) == 1 and start >= MANY_KEYS:
            return _attention_in_parts(q, k, v)
        blocks = kernels.chosen.long_prompt == "blocks" and kernels.enough_threads()
        if seq >= LONG and q.dtype == torch.float32 and blocks:
            return _attention_in_blocks(q, k, v)
    if causal and (seq == 1 or start == 0):
        return F.scaled_dot_product_attention(q, k, v, is_causal=seq > 1, enable_gqa=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


def attention_in_16_bits(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False
):
    """Compute `attention` for a model whose products are in 16 bits, where the processor has a unit
    for them: a prompt's queries, keys and values are rounded as those products' factors are."""
    if q.shape[2] < MANY_QUERIES:
        return attention(q, k, v, mask, causal)
    return attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask, causal).float()


def _attention_in_blocks(q: Tensor, k: Tensor, v: Tensor):
    """Compute attention for some queries after the other, with no keys but those up to them: q
    [batch, n_head, seq, head_dim], k and v [batch, n_kv_head, start + seq, head_dim].

    The heads that share keys are the rows of one product, which is oneDNN's.
    """
    n_rep, seq, start = q.shape[1] // k.shape[1], q.shape[2], k.shape[2] - q.shape[2]
    size = max(ROWS // n_rep, 1)
    later = torch.ones(size, size, dtype=torch.bool, device=q.device).triu(1)
    answers = torch.empty_like(q, memory_format=torch.contiguous_format)
    q = q / math.sqrt(q.shape[-1])
    by_kv_head = (t.unflatten(1, (-1, n_rep)).flatten(0, 1) for t in (q, answers))
    keys_values = (t.contiguous().flatten(0, 1) for t in (k, v))
    for q, answer, k, v in zip(*by_kv_head, *keys_values):  # n_rep seq head_dim; start+seq head_dim
        for first in range(0, seq, size):
            queries = q[:, first : first + size]  # n_rep rows head_dim
            rows = queries.shape[1]
            end = start + first + rows
            scores = by_onednn(queries.flatten(0, 1), k[:end]).view(n_rep, rows, end)
            scores[..., -rows:].masked_fill_(later[:rows, :rows], -math.inf)
            torch.softmax(scores, dim=-1, out=scores)
            output = by_onednn(scores.flatten(0, 1), v[:end].T)
            answer[:, first : first + size] = output.view_as(queries)
    return answers


def _attention_in_parts(q: Tensor, k: Tensor, v: Tensor):
    """Compute attention for one query a head over many keys, cut into a part for each core (Dao et
    al. 2023, "Flash-Decoding"): q [1, n_head, 1, head_dim], k and v [1, n_kv_head, seq, head_dim].

    The heads that share keys are the rows of one product, which reads each key once for all of
    them. Each part comes with the logarithm of its softmax's sum: by that its answer counts.
    """
    n_kv_head, seq, head_dim = k.shape[1:]
    parts = torch.get_num_threads()
    rows, size = q.view(1, n_kv_head, -1, head_dim), seq // parts
    shape = parts, n_kv_head, size, head_dim
    slices = (x.as_strided(shape, (size * x.stride(2), *x.stride()[1:])) for x in (k, v))
    answers, logs = flash_attention(rows.expand(parts, -1, -1, -1), *slices)
    if parts * size < seq:
        tail = flash_attention(rows, k[:, :, parts * size :], v[:, :, parts * size :])
        answers, logs = torch.cat([answers, tail[0]]), torch.cat([logs, tail[1]])
    return (answers * logs.softmax(0)[..., None]).sum(0).view_as(q)


ATTENTIONS = attention, attention_in_16_bits
