"""Compute the decode step of a Llama with int4 matrices: a single new token's logits, by the
compiled loops of fast/numba_kernels.py in place of `forward`.

They need numba (the extra `fast`). Without it, and for what they do not know, `forward` answers. On
a new computer the first token waits some ten seconds, until numba has compiled them:
`DecodeStep.compile` does that beforehand.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmlib.checkpoints.checkpoint import available_memory
from llmlib.fast import attention
from llmlib.fast.quantized import GROUP, Packed
from llmlib.kv_cache import KVCache
from llmlib.parts import LLAMA_PARTS, Layer, Weights

one_at_a_time = threading.Lock()  # a token's threads wait for each other: two tokens' would mix


def decode_step(model: Any):
    """Return what computes model(ids [1, 1], cache), or None where only `forward` can."""
    if not _known(model) or not _fits(model.weights):
        return None
    try:
        from llmlib.fast import numba_kernels
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep what it compiles
        return None
    return DecodeStep(model, numba_kernels)


def _fits(weights: Weights):
    """Tell whether there is memory for the matrices once more, in the order in which the loops read
    them: five bits a number, and some to make it with."""
    memory = available_memory()
    matrices = [matrix for layer in weights.layers for matrix in _matrices(layer)]
    return memory is None or sum(matrix.rows.numel() for matrix in matrices) < memory


def _known(model: Any):
    """Tell whether the loops compute all that `forward` would."""
    config, weights, parts = model.config, model.weights, model.parts
    if parts.attention not in attention.ATTENTIONS:
        return False
    return (
        replace(parts, attention=LLAMA_PARTS.attention) == LLAMA_PARTS
        and config.theta(0) is not None
        and not (config.no_rope or config.windowed or config.window or config.local_rope)
        and config.embedding_scale == 1
        and weights.positions is None
        and _is_packed(weights.unembedding, fours=False)
        and all(map(_known_layer, weights.layers))
    )


def _matrices(layer: Layer):
    return [layer.q[0], layer.k[0], layer.v[0], layer.o[0], *layer.mlp[:3]]


def _known_layer(layer: Layer):
    biases = [layer.q[1], layer.k[1], layer.v[1], layer.o[1], *layer.mlp[3:]]
    return (
        all(map(_is_packed, _matrices(layer)))
        and all(bias is None for bias in biases)
        and not (layer.qk_norm or layer.post_norm_1 or layer.post_norm_2)
        and bool(layer.norm_1 and layer.norm_2)
    )


def _is_packed(matrix: Tensor | Packed, fours: bool = True):
    """Tell whether the matrix is stored as int4 (as int8 if `fours` is False)."""
    if not isinstance(matrix, Packed) or matrix.device.type != "cpu":
        return False
    return (matrix.group_scales if fours else matrix.scale) is not None


@contextmanager
def one_thread():
    """Limit torch to one thread between two decode steps. More threads would look for further work
    for some milliseconds, on the cores that the next step's threads need."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


class DecodeStep:
    """Compute one token's logits, called as its model is: (ids [1, 1], cache) -> logits [1, 1,
    vocab]."""

    def __init__(self, model: Any, kernels: ModuleType):
        self.model, self.kernels = model, kernels
        self.matrices = self._matrices(model.weights)
        config = model.config
        exponents = torch.arange(0, config.head_dim, 2) / config.head_dim
        self.frequencies = (1.0 / config.rope_theta**exponents).float().numpy()
        n_heads = config.n_head + 2 * config.n_kv_head
        parts = -(-config.context // kernels.PART), config.n_head, config.head_dim + 2
        self.between = {  # what the threads hand to each other, the same memory for each token
            "heads": np.empty(self._filled_up(n_heads * config.head_dim), np.float32),
            "parts": np.empty(parts, np.float32),
            "hidden": np.empty(self.matrices.gate.fours.shape[1] * kernels.ROWS, np.float32),
        }

    def is_compiled(self):
        """Tell whether numba keeps compiled loops on this computer, perhaps of an older version."""
        folder = Path(self.kernels.token.stats.cache_path)
        return any(folder.glob("numba_kernels.token-*.nbc"))

    def compile(self):
        """Compile the loops, or read what is kept of them, by computing a token with them."""
        self(torch.zeros(1, 1, dtype=torch.long), self.model.new_cache(context=1))

    def is_of(self, model: Any):
        """Tell whether `model` is the one that this step was made for, with nothing replaced in
        it."""
        original = self.model
        return (
            model.parts is original.parts
            and model.weights is original.weights
            and model.config is original.config
        )

    def __call__(self, ids: Tensor, cache: KVCache):
        """Compute the logits; return None for a cache that is full, or of another kind than
        `new_cache` makes."""
        config, kernels = self.model.config, self.kernels
        stores = [*cache.keys, *cache.values]
        context = stores[0].shape[2]
        shape = 1, config.n_kv_head, context, config.head_dim
        plain = all(
            store.shape == shape and store.dtype == torch.float32 and store.is_contiguous()
            for store in stores
        )
        if not plain or cache.length >= context:
            return None
        n_threads = min(torch.get_num_threads(), config.d_model // kernels.ROWS or 1)
        addresses = np.array([store.data_ptr() for store in stores]).reshape(2, -1)
        angles = np.float32(cache.length / config.rope_factor) * self.frequencies
        logits = torch.empty(1, 1, config.vocab_size, dtype=torch.float32, device="cpu")
        arrivals = np.zeros(n_threads * kernels.LINE, np.int64)
        with one_at_a_time:
            arguments = (
                n_threads,
                cache.length,
                np.stack([np.cos(angles), np.sin(angles)]),
                float(config.eps),
                self.matrices,
                kernels.Cache(*addresses, *shape[1:]),
                kernels.Shared(
                    arrived=arrivals,
                    x=self.model.weights.embedding[ids[0, 0]].numpy(),
                    logits=logits.view(-1).numpy(),
                    **self.between,
                ),
            )
            jobs = []
            try:
                for i in range(1, n_threads):
                    threads = _threads(os.getpid(), n_threads - 1)
                    jobs.append(threads.submit(kernels.token, i, *arguments))
                kernels.token(0, *arguments)
            except BaseException:  # Ctrl-C, say, before this thread came to where others wait
                arrivals[0] = kernels.ALWAYS
                raise
            finally:
                for job in jobs:
                    job.result()
        cache.length += 1
        return logits

    def _matrices(self, weights: Weights):
        layers = weights.layers
        return self.kernels.Matrices(
            norms=np.stack(
                [[layer.norm_1[0].numpy(), layer.norm_2[0].numpy()] for layer in layers]
            ),
            qkv=self._int4([(layer.q[0], layer.k[0], layer.v[0]) for layer in layers]),
            o=self._int4([layer.o[:1] for layer in layers]),
            gate=self._int4([layer.mlp[:1] for layer in layers]),
            up=self._int4([layer.mlp[1:2] for layer in layers]),
            down=self._int4([layer.mlp[2:3] for layer in layers]),
            last_norm=weights.norm[0].numpy(),
            table=weights.unembedding.rows.numpy(),
            table_scale=weights.unembedding.scale.float().numpy(),
        )

    def _int4(self, of_each_layer: Sequence[Sequence[Packed]]):
        stack = None
        for i, matrices in enumerate(of_each_layer):
            blocks = self._blocks(matrices)
            if stack is None:
                shapes = [(len(of_each_layer), *block.shape) for block in blocks]
                stack = self.kernels.Int4(*map(np.empty, shapes, (np.uint8, np.uint16)))
            stack.fours[i], stack.scales[i] = blocks
        return stack

    def _blocks(self, matrices: Sequence[Packed]):
        """Return the rows of the matrices, one matrix below the other, as the two arrays of an
        Int4: (fours [blocks, d_in/2, 64], scales [blocks, d_in/32, 2, 64])."""
        rows = torch.cat([matrix.rows for matrix in matrices]).float()  # d_out d_in
        scales = torch.cat([matrix.group_scales for matrix in matrices], dim=1)
        scales = scales.transpose(0, 1)  # d_out d_in/32 2
        numbers = _four_bit_numbers(rows, scales.float())
        pairs = numbers.unflatten(1, (-1, 2))
        fours = pairs[..., 0] | pairs[..., 1] << 4  # d_out d_in/2: two columns a byte
        fours, scales = self._in_blocks(fours), self._in_blocks(scales)
        return fours.transpose(1, 2).numpy(), scales.permute(0, 2, 3, 1).view(torch.uint16).numpy()

    def _in_blocks(self, rows: Tensor):
        """Cut rows into blocks of ROWS, the last one filled up with zeros: [blocks, ROWS, ...]."""
        n_missing = self._filled_up(len(rows)) - len(rows)
        zeros = rows.new_zeros(n_missing, *rows.shape[1:])
        return torch.cat([rows, zeros]).unflatten(0, (-1, self.kernels.ROWS))

    def _filled_up(self, d_out: int):
        return -(-d_out // self.kernels.ROWS) * self.kernels.ROWS


def _four_bit_numbers(rows: Tensor, scales: Tensor):
    """Return the numbers 0 to 15 [d_out, d_in] that `rows` were made of: (number - 8) * scale +
    offset, rounded to 16 bits. scales [d_out, d_in/32, 2] are each group's scale and offset."""
    scale, offset = scales[..., None].unbind(2)  # d_out d_in/32 1, twice
    numbers = (rows.unflatten(1, (-1, GROUP)) - offset) / scale + 8
    return numbers.round_().clamp_(0, 15).to(torch.uint8).flatten(1)


@lru_cache(maxsize=1)
def _threads(process: int, number: int):
    """Return the pool of threads that help the calling one; a forked process has none of its
    parent's."""
    return ThreadPoolExecutor(number, thread_name_prefix="decode")
