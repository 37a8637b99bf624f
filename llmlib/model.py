"""The whole LLM on one screen: token ids in, logits out. Each word of `forward` is a function from the files of llmlib.

GPT-2 and the Llama family (SmolLM2 among them) are two settings of it: `Config` says which, `Parts` names the functions.
"""
from dataclasses import dataclass, replace
from typing import Any, Callable

import torch
from torch.nn.functional import linear

from llmlib.attention import causal_mask, merge_heads, repeat_kv, scaled_dot_product_attention, split_heads
from llmlib.embeddings import apply_rope, embed
from llmlib.kv_cache import new_cache, write_cache
from llmlib.layers import layer_norm, mlp, pre_norm_block, rms_norm, swiglu
from llmlib.output_head import unembed
from llmlib.sampling import sample


@dataclass(frozen=True)
class Config:
    n_layer: int
    n_head: int
    n_kv_head: int                      # fewer than n_head: grouped queries
    d_model: int
    head_dim: int
    vocab_size: int
    context: int                        # the longest text, in tokens
    eps: float                          # inside the norms' root
    rope_theta: float | None            # None: positions are learned, as in GPT-2
    rope_factor: float = 1.0            # positions are divided by it ("linear" RoPE scaling)
    stop_ids: tuple[int, ...] = ()      # the tokens that end a text


@dataclass(frozen=True)
class Parts:
    """The functions that `forward` and `generate` call, by their place in the model. Replace any with `model.using(...)`."""
    norm: Callable                                  # layer_norm or rms_norm, chosen by the loader
    mlp: Callable                                   # mlp or swiglu
    embedding: Callable = embed
    position: Callable = apply_rope                 # not called where positions are learned
    mask: Callable = causal_mask
    split_heads: Callable = split_heads
    repeat_kv: Callable = repeat_kv
    attention: Callable = scaled_dot_product_attention
    merge_heads: Callable = merge_heads
    block: Callable = pre_norm_block
    unembedding: Callable = unembed
    cache: Callable = write_cache
    sampling: Callable = sample


@dataclass(frozen=True)
class Layer:
    """One layer's weights. norm_1, norm_2 and mlp are the arguments that norm and mlp take; q, k, v, o are (weight, bias or None)."""
    norm_1: tuple
    q: tuple
    k: tuple
    v: tuple
    o: tuple
    norm_2: tuple
    mlp: tuple


@dataclass(frozen=True)
class Weights:
    embedding: torch.Tensor             # vocab d_model
    positions: torch.Tensor | None      # context d_model, where positions are learned
    layers: list[Layer]
    norm: tuple                         # the final norm
    unembedding: torch.Tensor           # vocab d_model; the embedding itself where weights are tied


def forward(ids, weights, config, parts, cache=None):
    """ids [batch, seq] -> logits [batch, seq, vocab]. With a cache, `ids` are the tokens after those already in it."""
    start = cache.length if cache else 0
    positions = torch.arange(start, start + ids.shape[1])
    x = parts.embedding(ids, weights.embedding)                                                 # batch seq d_model
    if weights.positions is not None:
        x = x + parts.embedding(positions, weights.positions)
    mask = parts.mask(ids.shape[1], start)                                                      # seq start+seq
    for i, layer in enumerate(weights.layers):
        x = parts.block(x,
                        norm_1=lambda x: parts.norm(x, *layer.norm_1, config.eps),
                        attend=lambda x: attend(x, layer, config, parts, positions, mask, cache, i),
                        norm_2=lambda x: parts.norm(x, *layer.norm_2, config.eps),
                        feed_forward=lambda x: parts.mlp(x, *layer.mlp))
    if cache:
        cache.length += ids.shape[1]
    return parts.unembedding(parts.norm(x, *weights.norm, config.eps), weights.unembedding)     # batch seq vocab


def attend(x, layer, config, parts, positions, mask, cache=None, i=0):
    """Self-attention of layer i: x [batch, seq, d_model] -> what attention adds to the residual stream, of the same shape."""
    q = parts.split_heads(linear(x, *layer.q), config.n_head)                                   # batch n_head seq head_dim
    k = parts.split_heads(linear(x, *layer.k), config.n_kv_head)                                # batch n_kv_head seq head_dim
    v = parts.split_heads(linear(x, *layer.v), config.n_kv_head)
    if config.rope_theta is not None:
        q, k = (parts.position(t, positions / config.rope_factor, config.rope_theta) for t in (q, k))
    if cache:
        k = parts.cache(cache.keys[i], k, cache.length)                                         # batch n_kv_head start+seq head_dim
        v = parts.cache(cache.values[i], v, cache.length)
    k, v = (parts.repeat_kv(t, config.n_head // config.n_kv_head) for t in (k, v))
    return linear(parts.merge_heads(parts.attention(q, k, v, mask)), *layer.o)                  # batch seq d_model


@dataclass(frozen=True)
class Model:
    """Weights, how to use them, and the tokenizer they were trained with. `model(ids)` are the logits."""
    config: Config
    weights: Weights
    parts: Parts
    tokenizer: Any = None
    folder: Any = None

    def __call__(self, ids, cache=None):
        """ids (a list, or a tensor [seq] or [batch, seq]) -> logits [batch, seq, vocab]. ValueError for ids or lengths out of range."""
        with torch.no_grad():
            return forward(self.check_ids(ids, cache), self.weights, self.config, self.parts, cache)

    def using(self, **parts):
        """The same model with some of its functions replaced: model.using(attention=my_attention). TypeError for an unknown part."""
        unknown = set(parts) - set(Parts.__dataclass_fields__)
        if unknown:
            raise TypeError(f"the model has no part {', '.join(sorted(unknown))}: its parts are {', '.join(Parts.__dataclass_fields__)}")
        own = {name: in_dtype(function, self.weights.embedding.dtype) for name, function in parts.items()}
        return replace(self, parts=replace(self.parts, **own))

    def new_cache(self, batch=1, context=None):
        return new_cache(self.config, batch, context or self.config.context)

    def check_ids(self, ids, cache=None):
        """`ids` as a tensor [batch, seq], or a ValueError that says what is wrong with them."""
        ids = torch.as_tensor(ids)
        ids = ids[None] if ids.dim() == 1 else ids
        if ids.dim() != 2 or ids.numel() == 0 or ids.is_floating_point():
            raise ValueError("ids must be whole numbers of shape [seq] or [batch, seq], at least one, "
                             f"not {tuple(ids.shape)} of {ids.dtype}"
                             + (": is the text empty?" if ids.numel() == 0 else ""))
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            bad = ids[(ids < 0) | (ids >= self.config.vocab_size)][0].item()
            raise ValueError(f"id {bad} is not in this model's vocabulary of {self.config.vocab_size} tokens: "
                             "was it made by another tokenizer?")
        length = ids.shape[1] + (cache.length if cache else 0)
        if length > self.config.context:
            raise ValueError(f"the text is {length} tokens long, but this model's context holds {self.config.context}: shorten it")
        return ids.long()


def in_dtype(function, dtype):
    """`function`, its result in `dtype` if that is a tensor of floats: one that computes in float64 fits into the model too."""
    def run(*args, **kwargs):
        result = function(*args, **kwargs)
        return result.to(dtype) if isinstance(result, torch.Tensor) and result.is_floating_point() else result
    return run


GPT2_PARTS = Parts(norm=layer_norm, mlp=mlp)
LLAMA_PARTS = Parts(norm=rms_norm, mlp=swiglu)
