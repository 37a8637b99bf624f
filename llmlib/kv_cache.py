"""Decode fast: keys and values of past tokens are kept (the KV cache), and several tokens can be
checked in one pass (speculation)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


def write_cache(store: Tensor, new: Tensor, start: int):
    """Write new keys (or values) behind the `start` old ones, in place, and return all of them so
    far.

    store [batch, n_kv_head, context, head_dim], new [batch, n_kv_head, seq, head_dim] -> store[:,
    :, :start + seq]. Raises ValueError when the context is full.
    """
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError(
            f"the KV cache holds {store.shape[2]} positions, but {end} are needed: "
            "shorten the prompt or ask for fewer new tokens"
        )
    store[:, :, start:end] = new
    return store[:, :, :end]


@dataclass
class KVCache:
    """Hold two tensors a layer and a position. `length` counts the tokens seen; a new prompt needs
    a new cache."""

    keys: list
    values: list
    length: int = 0

    def positions(self, seq: int):
        """Return the positions of the next `seq` tokens: [seq]."""
        return torch.arange(self.length, self.length + seq)

    @property
    def nbytes(self):
        """Return the bytes of both tensors, of all layers."""
        return sum(tensor.nbytes for tensor in self.keys + self.values)


def new_cache(
    config: Any,
    batch: int,
    context: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
):
    """Make an empty cache for `batch` texts of up to `context` tokens."""
    shape = (2, config.n_layer, batch, config.n_kv_head, context, config.head_dim)
    keys, values = torch.zeros(shape, dtype=dtype, device=device)
    return KVCache(list(keys), list(values))


def cache_bytes(n_layer: int, n_kv_head: int, head_dim: int, seq: int, bytes_per_number: float = 4):
    """Return the bytes of a cache of `seq` tokens: 2 (keys and values) x layers x key/value heads x
    head_dim x bytes a number, for each."""
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq


def generate_cached(
    model: Any,
    cache: KVCache,
    ids: list[int],
    max_new_tokens: int,
    pick: Callable[[Tensor], Tensor],
    chunk: int | None = None,
):
    """Continue `ids` (a list), yielding each new id as soon as it is picked; every token passes
    through the model at most once.

    model(ids [1, seq], cache) -> logits [1, seq, vocab] adds seq tokens to the cache; pick(logits
    [1, vocab]) -> ids [1]. The prompt goes in by `chunk` tokens at a time (None: all at once).
    Stops after max_new_tokens, after one of model.config.stop_ids (which is yielded), or when
    prompt and answer fill model.config.context.
    """
    prompt = torch.tensor([ids])
    for part in prompt.split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for count in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or count == room:
            return
        logits = model(new[None], cache)


def accept_draft(drafted: Tensor, p: Tensor, q: Tensor, u: Tensor, v: Tensor):
    """Apply speculative decoding's rule (Leviathan et al. 2022, arXiv:2211.17192): turn draws from
    q into draws from p.

    drafted [batch] are ids drawn from the draft model's q [batch, vocab]; p [batch, vocab] is the
    target model's; u and v [batch] are uniform in [0, 1). An id is kept with probability min(1,
    p/q), decided by u; else one is drawn by v from max(p - q, 0), rescaled.
    """
    at = drafted[:, None]  # for `gather`, which refuses an id of -1
    keep = u * q.gather(-1, at)[:, 0] < p.gather(-1, at)[:, 0]
    edges = (p - q).clamp(min=0).double().cumsum(-1)
    replacement = (edges <= v.double()[:, None] * edges[:, -1:]).sum(-1).clamp(max=p.shape[-1] - 1)
    return torch.where(keep, drafted, replacement)
