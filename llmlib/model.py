"""The whole LLM on one screen: token ids in, logits out. Each word of `forward` is a function from
the files of llmlib.

GPT-2 and the Llama family (Llama 3, SmolLM, Qwen, Mistral, OLMo, Gemma 3) are settings of it:
`Config` says which, and `Parts` names the functions; both are in parts.py. A mixture of experts is
another `mlp` (experts.py).
"""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from llmlib.fast import attention, layers
from llmlib.kv_cache import new_cache
from llmlib.parts import GPT2_PARTS, LLAMA_PARTS, Config, Layer, Parts, Weights, fitting

__all__ = ["GPT2_PARTS", "LLAMA_PARTS", "Config", "Layer", "Model", "Parts", "Weights", "forward"]


# fmt: off
def forward(ids, weights, config, parts, cache=None, last=False):
    """ids [batch, seq] -> logits [batch, seq, vocab], or [batch, 1, vocab] if only the `last` ones
    are wanted.

    With a cache, `ids` are the tokens after those already in it.
    """
    start, seq = cache.length if cache else 0, ids.shape[1]
    positions = cache.positions(seq) if cache else torch.arange(seq)
    x = parts.embedding(ids, weights.embedding)                             # batch seq d_model
    if weights.positions is not None:
        x = x + parts.embedding(positions, weights.positions)
    if config.embedding_scale != 1:
        x = x * config.embedding_scale
    full, local = views(positions, parts.mask(seq, start), config)

    def norm(x, weights):
        return parts.norm(x, *weights, config.eps) if weights else x

    rest = config, parts
    for i, layer in enumerate(weights.layers):
        seen = local if i in config.windowed else full
        x = parts.block(
            x,
            norm_1=lambda x: norm(x, layer.norm_1),
            attend=lambda x: norm(attend(x, i, layer, *rest, *seen, cache), layer.post_norm_1),
            norm_2=lambda x: norm(x, layer.norm_2),
            feed_forward=lambda x: norm(parts.mlp(x, *layer.mlp), layer.post_norm_2),
        )
    if cache:
        cache.length += seq
    return parts.unembedding(norm(x[:, -1:] if last else x, weights.norm), weights.unembedding)


def views(positions, mask, config):
    """(positions, mask [seq, start+seq]) of the layers that look at everything, and of those with
    a window.
    """
    full = positions / config.rope_factor, mask
    if config.window is None:
        return full, full
    seq, length = mask.shape
    if length > config.window:
        mask = mask & torch.ones_like(mask).triu(length - seq - config.window + 1)
    return full, (positions / config.local_rope[1] if config.local_rope else full[0], mask)


def attend(x, i, layer, config, parts, positions, mask, cache=None):
    """Self-attention of layer i: x [batch, seq, d_model] -> what attention adds to the residual
    stream, of the same shape.
    """
    n_q, n_k = config.n_head, config.n_kv_head
    qkv = layers.linears(x, layer.q, layer.k, layer.v)                    # batch seq heads*head_dim
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
    return layers.linear(parts.merge_heads(parts.attention(q, k, v, mask)), *layer.o)


def norm_queries_and_keys(qkv, layer, config, parts):
    """qkv with its queries and its keys normalized, in groups as wide as the norm's weight: a
    head, or all heads at once.
    """
    *qk, v = qkv.split([len(w) for w, _ in (layer.q, layer.k, layer.v)], dim=-1)
    qk = [(t.unflatten(-1, (-1, len(w))), w) for t, w in zip(qk, layer.qk_norm)]
    return torch.cat([*(parts.norm(t, w, config.eps).flatten(-2) for t, w in qk), v], dim=-1)
# fmt: on


@dataclass(frozen=True)
class Model:
    """Weights, how to use them, and the tokenizer they were trained with. `model(ids)` are the
    logits.
    """

    config: Config
    weights: Weights
    parts: Parts
    tokenizer: Any = None
    folder: Any = None
    decode_step: Any = None  # a quicker way to one token's logits (decode_step.py)

    def __call__(self, ids, cache=None, last=False):
        """ids (a list, or a tensor [seq] or [batch, seq]) -> logits [batch, seq, vocab]. ValueError
        for ids or lengths out of range.

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

    def _by_decode_step(self, ids, cache):
        """None where there is none that knows all of this."""
        step = self.decode_step
        return step(ids, cache) if step and len(ids) == 1 and step.is_of(self) else None

    def using(self, **parts):
        """The same model with some functions replaced: model.using(attention=my_attention).
        TypeError for an unknown part.
        """
        known = Parts.__dataclass_fields__
        if unknown := set(parts) - set(known):
            raise TypeError(
                f"the model has no part {', '.join(sorted(unknown))}: "
                f"its parts are {', '.join(known)}"
            )
        if "attention" in parts and self.parts.attention in attention.ATTENTIONS:
            # What only that one does without, unless somebody's own is there already.
            for name, (quick, plain) in attention.QUICK_AND_PLAIN.items():
                if getattr(self.parts, name) is quick:
                    parts.setdefault(name, plain)
        dtype = self.weights.embedding.dtype
        own = {name: fitting(name, function, dtype) for name, function in parts.items()}
        return replace(self, parts=replace(self.parts, **own))

    def new_cache(self, batch=1, context=None):
        device = self.weights.embedding.device
        context = self.config.context if context is None else context
        return new_cache(self.config, batch, context, device=device)

    def check_ids(self, ids, cache=None):
        """`ids` as a tensor [batch, seq], or a ValueError that says what is wrong with them."""
        try:
            ids = torch.as_tensor(ids)
        except (TypeError, ValueError, RuntimeError) as error:  # texts, None, unlike rows
            raise ValueError(
                f"ids must be whole numbers of shape [seq] or [batch, seq] ({error}): "
                "turn text into ids with the model's tokenizer first"
            ) from None
        ids = ids[None] if ids.dim() == 1 else ids
        # of any width, signed or not; True and False are a mask
        whole = ids.dtype != torch.bool and torch.can_cast(ids.dtype, torch.long)
        if ids.dim() != 2 or ids.numel() == 0 or not whole:
            raise ValueError(
                "ids must be whole numbers of shape [seq] or [batch, seq], at least one, "
                f"not {tuple(ids.shape)} of {ids.dtype}"
                + (": is the text empty?" if ids.numel() == 0 else "")
            )
        ids = ids.long()
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            bad = ids[(ids < 0) | (ids >= self.config.vocab_size)][0].item()
            raise ValueError(
                f"id {bad} is not in this model's vocabulary of {self.config.vocab_size} tokens: "
                "was it made by another tokenizer?"
            )
        if cache and (held := len(cache.keys[0])) != len(ids):
            raise ValueError(
                f"the cache is one of {held} texts, and the ids are {len(ids)}: make a "
                f"new_cache({len(ids)})"
            )
        length = ids.shape[1] + (cache.length if cache else 0)
        if length > self.config.context:
            raise ValueError(
                f"the text is {length} tokens long, but this model's context holds "
                f"{self.config.context}: shorten it"
            )
        return ids
