"""Describe what a model is made of: its settings, the functions it calls, its weights."""

from dataclasses import dataclass, replace
from typing import Any, Callable

import torch

from llmlib.attention import causal_mask, merge_heads, repeat_kv, split_heads
from llmlib.embeddings import embed
from llmlib.fast import attention as fast_attention
from llmlib.fast import layers as fast
from llmlib.kv_cache import write_cache
from llmlib.layers import pre_norm_block
from llmlib.sampling import sample


# fmt: off
@dataclass(frozen=True)
class Config:
    """Hold a model's settings, as `forward` needs them; architectures.py reads them."""
    n_layer: int
    n_head: int
    n_kv_head: int                      # fewer than n_head: grouped queries
    d_model: int
    head_dim: int
    vocab_size: int
    context: int                        # the longest text, in tokens
    eps: float                          # inside the norms' root
    rope_theta: Any                     # a number, or one a pair of columns (Llama 3); GPT-2: None
    rope_factor: float = 1.0            # positions are divided by it ("linear" RoPE scaling)
    stop_ids: tuple[int, ...] = ()      # the tokens that end a text
    no_rope: tuple[int, ...] = ()       # layers that know no positions (SmolLM3)
    window: int | None = None           # how many tokens a row looks at, itself included,
    windowed: tuple[int, ...] = ()      # in these layers (Mistral: all; Gemma 3: five of six)
    local_rope: Any = None              # rope_theta and rope_factor of those, if others (Gemma 3)
    embedding_scale: float = 1.0        # by which what the embedding looks up is multiplied (Gemma)

    def theta(self, i: int):
        """Return RoPE's theta in layer i; None where it knows no positions."""
        if i in self.no_rope:
            return None
        return self.local_rope[0] if self.local_rope and i in self.windowed else self.rope_theta



@dataclass(frozen=True)
class Parts:
    """Name the functions that `forward` and `generate` call, by their place in the model. Replace
    any with `model.using(...)`.

    The defaults from `fast` and `fast_attention` compute what the taught functions of those names
    compute.
    """
    norm: Callable                                  # layer_norm or rms_norm, chosen by the loader
    mlp: Callable                                   # mlp or swiglu
    embedding: Callable = embed
    position: Callable = fast.apply_rope            # not called where positions are learned
    mask: Callable = causal_mask
    split_heads: Callable = split_heads
    repeat_kv: Callable = fast_attention.share_kv
    attention: Callable = fast_attention.attention
    merge_heads: Callable = merge_heads
    block: Callable = pre_norm_block
    unembedding: Callable = fast.linear
    cache: Callable = write_cache
    sampling: Callable = sample

    @property
    def causal(self):
        """Tell whether the mask hides the future and nothing else, which spares attention reading
        it."""
        return self.mask is causal_mask

    def using(self, dtype: torch.dtype, **functions: Callable):
        """Return these parts, with some replaced by functions of your own, whose results become
        `dtype`. TypeError for an unknown part."""
        fields = self.__dataclass_fields__
        if unknown := set(functions) - set(fields):
            raise TypeError(
                f"the model has no part {', '.join(sorted(unknown))}: "
                f"its parts are {', '.join(fields)}"
            )
        functions = {name: fitting(name, function, dtype) for name, function in functions.items()}
        if "attention" in functions and self.repeat_kv is fast_attention.share_kv:
            functions.setdefault("repeat_kv", repeat_kv)  # which only the engine's own does without
        return replace(self, **functions)


@dataclass(frozen=True)
class Layer:
    """Hold one layer's weights. norm_1, norm_2 and mlp are the arguments that norm and mlp take; q,
    k, v, o are (weight, bias or None)."""
    norm_1: tuple                       # before attention; () where there is none
    q: tuple
    k: tuple
    v: tuple
    o: tuple
    norm_2: tuple                       # before the MLP
    mlp: tuple
    qk_norm: tuple = ()                 # of queries, of keys: a head wide (Qwen3) or all (OLMo 2)
    post_norm_1: tuple = ()             # behind attention and the MLP (OLMo 2, Gemma 3)
    post_norm_2: tuple = ()


@dataclass(frozen=True)
class Weights:
    """Hold all weights of a model, in float32 or as fast/quantized.py packs them."""
    embedding: torch.Tensor             # vocab d_model
    positions: torch.Tensor | None      # context d_model, where positions are learned
    layers: list[Layer]
    norm: tuple                         # the final norm
    unembedding: torch.Tensor           # vocab d_model; the embedding itself where weights are tied
# fmt: on


def fitting(name: str, function: Callable, dtype: torch.dtype):
    """Return `function`, its result in `dtype` if that is a tensor of floats: one that computes in
    float64 fits into the model too. ValueError if the part is the mask, and its result none. An
    attention gets its four tensors and not `causal`."""

    def run(*args: Any, **kwargs: Any):
        if name == "attention":
            kwargs.pop("causal", None)
        result = function(*args, **kwargs)
        if name == "mask":
            return _who_may_look(result, *args)
        floats = isinstance(result, torch.Tensor) and result.is_floating_point()
        return result.to(dtype) if floats else result

    return run


def _who_may_look(mask: torch.Tensor, seq: int, start: int):
    """Return the mask, if it is one: torch would add one of numbers to the scores."""
    shape = seq, start + seq
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != shape:
        description = (
            f"{mask.dtype} {list(mask.shape)}" if isinstance(mask, torch.Tensor) else type(mask)
        )
        raise ValueError(
            f"the mask is {description}: it must be a bool tensor {list(shape)}, True = look"
        )
    return mask


GPT2_PARTS = Parts(norm=fast.layer_norm, mlp=fast.mlp)
LLAMA_PARTS = Parts(norm=fast.rms_norm, mlp=fast.swiglu)
