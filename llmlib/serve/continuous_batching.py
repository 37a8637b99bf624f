"""Write many texts at once, in a batch that they join and leave while it runs: continuous batching
(Yu et al. 2022, *Orca*).

A product of a weight matrix with eight vectors takes far less than eight times as long as with one:
reading the matrix is what takes the time. So the newest tokens of all texts go through the model
side by side. Attention has no weights; there each text reads its own cache.

**Each text comes out as if it were alone.** In company its logits do not depend on the others, bit
for bit: the same kernel computes a row of a product in the same order, whatever the other rows
hold. Only the number of rows decides which kernel runs, so a step of several texts has at least
`fewest_rows` rows and at most MOST_TEXTS. (Of a mixture of experts only the last bits depend on the
others: an expert gets as many rows as ask it.) With float32 weights a text that is alone takes the
product of one row: it needs half the time, and differs in the last bits.

Prompts are read one at a time, in blocks that begin at multiples of BLOCK whatever else is there.
A step reads at most BLOCK tokens, so a long prompt delays the other texts by no more (chunked
prefill: Agrawal et al. 2023, *SARATHI*). Blocks that an earlier prompt began with are copied
(`llmlib.serve.prefix_cache`).
"""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from llmlib import generation
from llmlib.fast import layers, quantized
from llmlib.kv_cache import KVCache, write_cache
from llmlib.model import Model, forward
from llmlib.serve.prefix_cache import PrefixCache

MOST_TEXTS = 8  # with more rows, int8 and int4 matrices are multiplied by another kernel
BLOCK = 64  # tokens: fewer at once read the weights too often, more delay the other texts


@dataclass(eq=False)
class Text:
    """Hold a prompt, and what has been written behind it so far."""

    ids: list[int]
    max_length: int  # in tokens, the prompt included
    stop_ids: tuple[int, ...]
    settings: dict  # temperature, top_k, top_p, min_p
    cache: KVCache
    generator: torch.Generator | None
    ended: bool = False


class ContinuousBatch:
    """Hold the texts that `model` is writing."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reading: deque[Text] = deque()  # their prompts, piece by piece, in turns
        self.writing: list[Text] = []
        self.packed = isinstance(model.weights.layers[0].o[0], quantized.Packed)
        self.fewest_rows = 2 if self.packed else layers.FEW_ROWS + 1
        self.prefixes = PrefixCache(model, BLOCK)
        # within a prompt nobody asks for logits
        self.reader = replace(model, parts=replace(model.parts, unembedding=lambda x, table: x))

    def __len__(self) -> int:
        return len(self.reading) + len(self.writing)

    def add(
        self, ids: list[int], max_new_tokens: int, seed: int | None = None, **settings: Any
    ) -> Text:
        """Add a new Text that the next steps read and continue. The arguments are those of
        `generation.steps`, and so are the errors; RuntimeError for one more than MOST_TEXTS."""
        generation.steps(self.model, ids, max_new_tokens, seed, **settings)  # refuses bad ones
        if len(self) == MOST_TEXTS:
            raise RuntimeError(f"the batch is full: it holds {MOST_TEXTS} texts")
        stop_ids = settings.pop("stop_ids", None)
        length = min(self.model.config.context, len(ids) + max_new_tokens)
        text = Text(
            ids=list(ids),
            max_length=length,
            stop_ids=tuple(self.model.config.stop_ids if stop_ids is None else stop_ids),
            settings=settings,
            cache=self.model.new_cache(context=length),
            generator=None if seed is None else torch.Generator().manual_seed(int(seed)),
        )
        if max_new_tokens:
            self.reading.append(text)
        else:
            text.ended = True
        return text

    def remove(self, text: Text) -> None:
        """Take it out, whether it has ended or not."""
        text.ended = True
        self.reading = deque(member for member in self.reading if member is not text)
        self.writing = [member for member in self.writing if member is not text]

    def step(self) -> list[tuple[Text, int | ValueError, Tensor]]:
        """Write one token of every text whose prompt has been read, and read on in the prompts: a
        list of (text, its new id, the logits [vocab] that it was picked from).

        In place of the id stands the ValueError for logits that nothing can be drawn from. Such a
        text has ended, like one that wrote a stop token or is full.
        """
        with torch.inference_mode():
            new = self._write()
            new += self._read()
        return [(text, self._pick(text, logits), logits) for text, logits in new]

    def _read(self) -> list[tuple[Text, Tensor]]:
        """Read BLOCK tokens of one prompt, or of several if they are short."""
        new, budget, last = [], BLOCK, None
        while self.reading:
            text = self.reading[0]
            if not text.cache.length:
                self.prefixes.copy_into(text.cache, text.ids)
            start = text.cache.length
            block = text.ids[start : start + BLOCK]
            if len(block) > budget:
                break
            budget, last = budget - len(block), text
            if start + len(block) < len(text.ids):
                self.reader(block, text.cache, last=True)
                continue
            new.append((text, self.model(block, text.cache, last=True)[0, -1]))
            self.prefixes.keep(text.cache, text.ids)
            self.writing.append(self.reading.popleft())
        if self.reading and self.reading[0] is last:
            self.reading.rotate(-1)  # behind the others
        return new

    def _write(self) -> list[tuple[Text, Tensor]]:
        texts = list(self.writing)
        if not texts:
            return []
        alone = len(self) == 1 and not self.packed
        rows = 1 if alone else max(len(texts), self.fewest_rows)
        ids = torch.zeros(1, rows, dtype=torch.long)
        ids[0, : len(texts)] = torch.tensor([text.ids[-1] for text in texts])
        model = self.model
        cache: Any = _SideBySide([text.cache for text in texts], rows)
        parts = replace(model.parts, cache=cache.write, attention=cache.attention(model))
        logits = forward(ids, model.weights, model.config, parts, cache)[0]
        for text in texts:
            text.cache.length += 1
        return list(zip(texts, logits))

    def _pick(self, text: Text, logits: Tensor) -> int | ValueError:
        u = torch.rand(1, generator=text.generator).to(logits.device)
        try:
            new = self.model.parts.sampling(logits[None].clone(), u, **text.settings).item()
        except ValueError as error:
            self.remove(text)
            return error
        text.ids.append(new)
        if new in text.stop_ids or len(text.ids) == text.max_length:
            self.remove(text)
        return new


class _SideBySide:
    """Stand in for the cache of one text whose tokens are the newest ones of several: each with its
    own position, and its own keys and values."""

    length = 0

    def __init__(self, caches: list[KVCache], rows: int) -> None:
        self.caches, self.rows = caches, rows
        layers = range(len(caches[0].keys))
        self.keys = [[cache.keys[i] for cache in caches] for i in layers]
        self.values = [[cache.values[i] for cache in caches] for i in layers]

    def positions(self, seq: int) -> Tensor:
        """Return the positions of the newest tokens: [rows]. The rows that only fill up are at
        0."""
        positions = torch.zeros(self.rows, dtype=torch.long)
        positions[: len(self.caches)] = torch.tensor([cache.length for cache in self.caches])
        return positions

    def write(self, stores: list[Tensor], new: Tensor, start: int) -> list[Tensor]:
        """Write as `write_cache` does, for each text: new [1, n_kv_head, rows, head_dim] -> a
        list."""
        return [
            write_cache(store, new[:, :, i : i + 1], cache.length)
            for i, (store, cache) in enumerate(zip(stores, self.caches))
        ]

    def attention(self, model: Model) -> Callable[..., Tensor]:
        """Return a function of q [1, n_head, rows, head_dim] and the lists of `write`, for one
        pass: it is called once a layer."""
        config, layer = model.config, itertools.count()

        def attention(
            q: Tensor, keys: list[Tensor], values: list[Tensor], mask: Tensor, causal: bool
        ) -> Tensor:
            answers, is_local = torch.zeros_like(q), next(layer) in config.windowed
            start = -(config.window or 0) if is_local else 0  # a newest token sees a window or all
            for i, (k, v) in enumerate(zip(keys, values)):
                query = q[:, :, i : i + 1]
                answers[:, :, i : i + 1] = model.parts.attention(
                    query, k[:, :, start:], v[:, :, start:], None
                )
            return answers

        return attention
