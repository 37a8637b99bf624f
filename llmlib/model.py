"""Show the whole LLM on one screen: token ids in, logits out. Each word of `forward` is a function
from the files of llmlib.

GPT-2 and the Llama family are settings of it: `Config` says which, and `Parts` names the functions;
both are in parts.py. A mixture of experts is another `mlp` (experts.py).
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from llmlib import input_ids
from llmlib.fast import layers
from llmlib.kv_cache import KVCache, new_cache
from llmlib.parts import GPT2_PARTS, LLAMA_PARTS, Config, Layer, Parts, Weights

__all__ = ["GPT2_PARTS", "LLAMA_PARTS", "Config", "Layer", "Model", "Parts", "Weights", "forward"]


# fmt: off
def forward(ids: Tensor, weights: Weights, config: Config, parts: Parts,
            cache: KVCache | None = None, last: bool = False):
    """Run the model: ids [batch, seq] -> logits [batch, seq, vocab], or [batch, 1, vocab] if only
    the `last` ones are wanted.

    With a cache, `ids` are the tokens after those already in it.
    """
    start, seq = cache.length if cache else 0, ids.shape[1]
    positions = cache.positions(seq) if cache else torch.arange(seq)    # seq
    x = parts.embedding(ids, weights.embedding)                         # batch seq d_model
    if weights.positions is not None:                                   # GPT-2: learned
        x = x + parts.embedding(positions, weights.positions)
    if config.embedding_scale != 1:
        x = x * config.embedding_scale
    full, local = views(positions, parts.mask(seq, start), config, parts)
    for i, layer in enumerate(weights.layers):
        view = local if i in config.windowed else full
        x = parts.block(                                                # batch seq d_model
            x,
            norm_1=partial(norm, weights=layer.norm_1, config=config, parts=parts),
            attend=partial(attend, i=i, layer=layer, config=config, parts=parts,
                           positions=view.positions, mask=view.mask, causal=view.causal,
                           cache=cache),
            norm_2=partial(norm, weights=layer.norm_2, config=config, parts=parts),
            feed_forward=partial(feed_forward, layer=layer, config=config, parts=parts),
        )
    if cache:
        cache.length += seq
    x = norm(x[:, -1:] if last else x, weights.norm, config, parts)
    return parts.unembedding(x, weights.unembedding)                    # batch seq vocab


class View(NamedTuple):
    """Describe what a layer's tokens see of each other."""

    positions: torch.Tensor                                             # seq; RoPE turns by them
    mask: torch.Tensor                                                  # seq start+seq; True = look
    causal: bool                                                        # it hides just the future


def views(positions: Tensor, mask: Tensor, config: Config, parts: Parts):
    """Return the View of the layers that look at everything, and that of those with a window."""
    seq, length = mask.shape
    full = local = View(positions / config.rope_factor, mask, causal=parts.causal)
    if config.window is not None and length > config.window:
        near = torch.ones_like(mask).triu(length - seq - config.window + 1)
        local = local._replace(mask=mask & near, causal=False)
    if config.local_rope:
        local = local._replace(positions=positions / config.local_rope[1])
    return full, local


def norm(x: Tensor, weights: tuple, config: Config, parts: Parts):
    """Return x [..., d_model] normalized; as it is where a layer has no such norm."""
    return parts.norm(x, *weights, config.eps) if weights else x


def feed_forward(x: Tensor, layer: Layer, config: Config, parts: Parts):
    """Return what the MLP adds to the residual stream: x [batch, seq, d_model] -> the same
    shape."""
    return norm(parts.mlp(x, *layer.mlp), layer.post_norm_2, config, parts)


def attend(x: Tensor, i: int, layer: Layer, config: Config, parts: Parts, positions: Tensor,
           mask: Tensor, cache: KVCache | None = None, causal: bool = False):
    """Return what self-attention of layer i adds to the residual stream: x [batch, seq, d_model] ->
    the same shape."""
    n_q, n_k = config.n_head, config.n_kv_head
    qkv = layers.linears(x, layer.q, layer.k, layer.v)                  # batch seq heads*head_dim
    if layer.qk_norm:
        qkv = norm_queries_and_keys(qkv, layer, config, parts)
    heads = parts.split_heads(qkv, n_q + 2 * n_k)                       # batch heads seq head_dim
    qk, v = heads.split_with_sizes([n_q + n_k, n_k], dim=1)             # what split calls
    if (theta := config.theta(i)) is not None:
        qk = parts.position(qk, positions, theta)                       # each head turns by itself
    q, k = qk.split_with_sizes([n_q, n_k], dim=1)
    q = q.contiguous()                                                  # some functions view it
    if cache:
        k = parts.cache(cache.keys[i], k, cache.length)                 # batch n_k start+seq …
        v = parts.cache(cache.values[i], v, cache.length)
    k, v = (parts.repeat_kv(t, n_q // n_k) for t in (k, v))
    output = parts.merge_heads(parts.attention(q, k, v, mask, causal=causal))
    return norm(layers.linear(output, *layer.o), layer.post_norm_1, config, parts)


def norm_queries_and_keys(qkv: Tensor, layer: Layer, config: Config, parts: Parts):
    """Return qkv with its queries and its keys normalized, in groups as wide as the norm's weight:
    a head, or all heads at once."""
    *qk, v = qkv.split([len(w) for w, _ in (layer.q, layer.k, layer.v)], dim=-1)
    qk = [(t.unflatten(-1, (-1, len(w))), w) for t, w in zip(qk, layer.qk_norm)]
    return torch.cat([*(parts.norm(t, w, config.eps).flatten(-2) for t, w in qk), v], dim=-1)
# fmt: on


@dataclass(frozen=True)
class Model:
    """Hold weights, how to use them, and the tokenizer they were trained with. `model(ids)` are the
    logits."""

    config: Config
    weights: Weights
    parts: Parts
    tokenizer: Any = None
    folder: Any = None
    decode_step: Any = None  # a quicker way to one token's logits (decode_step.py)

    def __call__(self, ids: list[int] | Tensor, cache: KVCache | None = None, last: bool = False):
        """Return the logits: ids (a list, or a tensor [seq] or [batch, seq]) -> logits [batch, seq,
        vocab]. ValueError for ids or lengths out of range.

        With `last`, only the last position's logits [batch, 1, vocab] are computed.
        """
        device = self.weights.embedding.device  # also where the functions make their new tensors
        ids = self.check_ids(ids, cache).to(device)
        next_one = cache is not None and ids.shape[1] == 1
        if next_one and (logits := self._by_decode_step(ids, cache)) is not None:
            return logits
        # For one token the time between torch's operations counts; its inference mode has less of
        # it. The tensors made there may not be changed outside: the copy may.
        quick = torch.inference_mode() if next_one else torch.no_grad()
        with quick, nullcontext() if device.type == "cpu" else device:
            logits = forward(ids, self.weights, self.config, self.parts, cache, last)
        return logits.clone() if next_one else logits

    def _by_decode_step(self, ids: Tensor, cache: KVCache):
        """Return the logits by the decode step, or None where none can compute them."""
        step = self.decode_step
        return step(ids, cache) if step and len(ids) == 1 and step.is_of(self) else None

    def using(self, **parts: Callable):
        """Return the same model with some functions replaced: model.using(attention=my_attention).
        TypeError for an unknown part."""
        return replace(self, parts=self.parts.using(self.weights.embedding.dtype, **parts))

    def new_cache(self, batch: int = 1, context: int | None = None):
        """Make an empty cache for `batch` texts of up to `context` tokens, or as many as it
        holds."""
        device = self.weights.embedding.device
        context = self.config.context if context is None else context
        return new_cache(self.config, batch, context, device=device)

    def check_ids(self, ids: list[int] | Tensor, cache: KVCache | None = None):
        """Return `ids` as a tensor [batch, seq], or raise a ValueError that says what is wrong with
        them."""
        return input_ids.check(ids, self.config, cache)
