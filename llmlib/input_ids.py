"""Check what a model is asked: token ids, before anything is computed from them."""

import torch
from torch import Tensor

from llmlib.kv_cache import KVCache
from llmlib.parts import Config


def check(ids: list[int] | Tensor, config: Config, cache: KVCache | None = None):
    """Return `ids` (a list, or a tensor [seq] or [batch, seq]) as a tensor [batch, seq] of whole
    numbers. Raises ValueError for other shapes and kinds, ids beyond the vocabulary, a text longer
    than the context, and a cache of another number of texts."""
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
    if ids.min() < 0 or ids.max() >= config.vocab_size:
        bad = ids[(ids < 0) | (ids >= config.vocab_size)][0].item()
        raise ValueError(
            f"id {bad} is not in this model's vocabulary of {config.vocab_size} tokens: "
            "was it made by another tokenizer?"
        )
    if cache and (n_texts := len(cache.keys[0])) != len(ids):
        raise ValueError(
            f"the cache is one of {n_texts} texts, and the ids are {len(ids)}: make a "
            f"new_cache({len(ids)})"
        )
    length = ids.shape[1] + (cache.length if cache else 0)
    if length > config.context:
        raise ValueError(
            f"the text is {length} tokens long, but this model's context holds "
            f"{config.context}: shorten it"
        )
    return ids
