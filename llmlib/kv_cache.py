"""The KV cache: keys and values of past tokens are kept, so that each new token costs one token's work."""
from dataclasses import dataclass

import torch


def write_cache(store, new, start):
    """Write new keys (or values) behind the `start` old ones, in place, and return all of them so far.

    store [batch, n_kv_head, context, head_dim], new [batch, n_kv_head, seq, head_dim] -> store[:, :, :start + seq].
    Raises ValueError when the context is full.
    """
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError(f"the KV cache holds {store.shape[2]} positions, but {end} are needed: shorten the prompt or ask for fewer new tokens")
    store[:, :, start:end] = new
    return store[:, :, :end]


@dataclass
class KVCache:
    """Two tensors a layer and a position. `length` counts the tokens seen; a new prompt needs a new cache."""
    keys: list
    values: list
    length: int = 0

    @property
    def nbytes(self):
        return sum(tensor.nbytes for tensor in self.keys + self.values)


def new_cache(config, batch, context, dtype=torch.float32):
    """An empty cache for `batch` texts of up to `context` tokens."""
    shape = (batch, config.n_kv_head, context, config.head_dim)
    return KVCache(*([torch.zeros(shape, dtype=dtype) for _ in range(config.n_layer)] for _ in range(2)))


def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    """Bytes of a cache of `seq` tokens: 2 (keys and values) x layers x key/value heads x head_dim x bytes a number, for each."""
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq
