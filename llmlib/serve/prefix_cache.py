"""Read prompts that begin alike once: prefix caching (Kwon et al. 2023, *PagedAttention*).

A chat's system prompt is the beginning of every request, and the whole conversation so far is the
beginning of the next one. The keys and values of a prompt's first tokens depend on nothing behind
them, so they can be copied.

Only whole blocks are copied, which begin and end where a prompt is cut when it is read. So a copied
number has the bits that reading would have given it: an answer does not depend on who asked before.
"""

from llmlib.kv_cache import KVCache
from llmlib.model import Model

KEPT_BYTES = 1 << 28  # of keys and values; the prompts that were used longest ago go first


class PrefixCache:
    """Keep the keys and values of prompts that `model` has read in blocks of `block` tokens."""

    def __init__(self, model: Model, block: int, most_bytes: int = KEPT_BYTES) -> None:
        self.model, self.block, self.most_bytes = model, block, most_bytes
        self.kept: list[tuple[list[int], KVCache]] = []  # the one used last is the last

    def copy_into(self, cache: KVCache, ids: list[int]) -> None:
        """Fill an empty cache with what is known of the prompt `ids`: `cache.length` tokens then
        need not be read. The last token always must be, since its logits are wanted.
        """
        limit = (len(ids) - 1) // self.block * self.block
        length, i = max(
            ((self._alike(prompt, ids, limit), i) for i, (prompt, _) in enumerate(self.kept)),
            default=(0, 0),
        )
        if length:
            self.kept.append(self.kept.pop(i))
            _copy(self.kept[-1][1], cache, length)
            cache.length = length

    def keep(self, cache: KVCache, ids: list[int]) -> None:
        """Remember the whole blocks of a prompt that has just been read into `cache`, as far as
        there is room.
        """
        room = self.most_bytes // (cache.nbytes // cache.keys[0].shape[2])  # tokens
        length = min(len(ids), room) // self.block * self.block
        if not length or any(prompt[:length] == ids[:length] for prompt, _ in self.kept):
            return
        copy = self.model.new_cache(context=length)
        _copy(cache, copy, length)
        self.kept = [prefix for prefix in self.kept if ids[: len(prefix[0])] != prefix[0]]
        self.kept.append((ids[:length], copy))
        while sum(entry.nbytes for _, entry in self.kept) > self.most_bytes:
            del self.kept[0]

    def _alike(self, prompt: list[int], ids: list[int], limit: int) -> int:
        """Count how many tokens, in whole blocks, the two begin with alike."""
        length = 0
        limit = min(limit, len(prompt))
        while length < limit:
            end = length + self.block
            if prompt[length:end] != ids[length:end]:
                break
            length = end
        return length


def _copy(source: KVCache, target: KVCache, length: int) -> None:
    """Copy the keys and values of the first `length` tokens."""
    pairs = zip(source.keys + source.values, target.keys + target.values)
    for old, new in pairs:
        new[:, :, :length] = old[:, :, :length]
