"""The decode step of a Llama with int4 matrices: a single new token's logits, by the compiled loops
of fast/numba_kernels.py in place of `forward`.

They need numba (the extra `fast`). Without it, and for what they do not know, `forward` answers. On
a new computer the first token waits some ten seconds, until numba has compiled them:
`DecodeStep.compile` does that beforehand.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from llmlib.checkpoint import available_memory
from llmlib.fast import attention
from llmlib.fast.quantized import GROUP, Packed
from llmlib.parts import LLAMA_PARTS

one_at_a_time = threading.Lock()  # a token's threads wait for each other: two tokens' would mix


def decode_step(model):
    """What computes model(ids [1, 1], cache), or None where only `forward` can."""
    if not _known(model) or not _fits(model.weights):
        return None
    try:
        from llmlib.fast import numba_kernels
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep what it compiles
        return None
    return DecodeStep(model, numba_kernels)


def _fits(weights):
    """Whether there is memory for the matrices once more, in the order in which the loops read
    them: five bits a number, and some to make it with.
    """
    there = available_memory()
    matrices = [matrix for layer in weights.layers for matrix in _matrices(layer)]
    return there is None or sum(matrix.rows.numel() for matrix in matrices) < there


def _known(model):
    """Whether the loops compute all that `forward` would."""
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


def _matrices(layer):
    return [layer.q[0], layer.k[0], layer.v[0], layer.o[0], *layer.mlp[:3]]


def _known_layer(layer):
    biases = [layer.q[1], layer.k[1], layer.v[1], layer.o[1], *layer.mlp[3:]]
    return (
        all(map(_is_packed, _matrices(layer)))
        and all(bias is None for bias in biases)
        and not (layer.qk_norm or layer.post_norm_1 or layer.post_norm_2)
        and bool(layer.norm_1 and layer.norm_2)
    )


def _is_packed(matrix, fours=True):
    """Whether it is stored as int4; else, as int8."""
    if not isinstance(matrix, Packed) or matrix.device.type != "cpu":
        return False
    return (matrix.group_scales if fours else matrix.scale) is not None


@contextmanager
def one_thread():
    """For what torch does between two decode steps. With more, those that helped it would look for
    further work for some milliseconds, on the cores that the next step's threads need.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


class DecodeStep:
    """Called as its model is: (ids [1, 1], cache) -> logits [1, 1, vocab]."""

    def __init__(self, model, kernels):
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
        """Whether numba keeps compiled loops on this computer; they may be of another state."""
        kept = Path(self.kernels.token.stats.cache_path)
        return any(kept.glob("numba_kernels.token-*.nbc"))

    def compile(self):
        """Compile the loops, or read what is kept of them, by computing a token with them."""
        self(torch.zeros(1, 1, dtype=torch.long), self.model.new_cache(context=1))

    def is_of(self, model):
        """Whether nothing has been replaced in it."""
        mine = self.model
        return (
            model.parts is mine.parts
            and model.weights is mine.weights
            and model.config is mine.config
        )

    def __call__(self, ids, cache):
        """None for a cache that is full, or of another kind than `new_cache` makes."""
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
        arrived = np.zeros(n_threads * kernels.LINE, np.int64)
        with one_at_a_time:
            arguments = (
                n_threads,
                cache.length,
                np.stack([np.cos(angles), np.sin(angles)]),
                float(config.eps),
                self.matrices,
                kernels.Cache(*addresses, *shape[1:]),
                kernels.Shared(
                    arrived=arrived,
                    x=self.model.weights.embedding[ids[0, 0]].numpy(),
                    logits=logits.view(-1).numpy(),
                    **self.between,
                ),
            )
            others = []
            try:
                for i in range(1, n_threads):
                    threads = _threads(os.getpid(), n_threads - 1)
                    others.append(threads.submit(kernels.token, i, *arguments))
                kernels.token(0, *arguments)
            except BaseException:  # Ctrl-C, say, before this thread came to where others wait
                arrived[0] = kernels.ALWAYS
                raise
            finally:
                for other in others:
                    other.result()
        cache.length += 1
        return logits

    def _matrices(self, weights):
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

    def _int4(self, of_each_layer):
        whole = None
        for i, matrices in enumerate(of_each_layer):
            blocks = self._blocks(matrices)
            if whole is None:
                shapes = [(len(of_each_layer), *block.shape) for block in blocks]
                whole = self.kernels.Int4(*map(np.empty, shapes, (np.uint8, np.uint16)))
            whole.fours[i], whole.scales[i] = blocks
        return whole

    def _blocks(self, matrices):
        """The matrices, one below the other, as Int4 has them."""
        rows = torch.cat([matrix.rows for matrix in matrices]).float()
        scales = torch.cat([matrix.group_scales for matrix in matrices], dim=1)
        scale, offset = scales.float().unbind(-1)
        d_out, d_in = rows.shape
        filled_up = self._filled_up(d_out)
        groups = rows.view(d_out, -1, GROUP)
        # the rows are these numbers' values, rounded to 16 bits: this finds the numbers again
        numbers = (groups - offset.T[..., None]) / scale.T[..., None] + 8
        numbers = numbers.round_().clamp_(0, 15).to(torch.uint8).view(d_out, d_in // 2, 2)
        fours = torch.zeros(filled_up, d_in // 2, dtype=torch.uint8)
        fours[:d_out] = numbers[..., 0] | numbers[..., 1] << 4
        scales = torch.zeros(filled_up, d_in // GROUP, 2, dtype=torch.bfloat16)
        scales[:d_out] = torch.stack([scale.T, offset.T], dim=-1)
        fours = fours.view(-1, self.kernels.ROWS, d_in // 2)
        scales = scales.view(torch.uint16).view(-1, self.kernels.ROWS, d_in // GROUP, 2)
        return fours.transpose(1, 2).numpy(), scales.permute(0, 2, 3, 1).numpy()

    def _filled_up(self, d_out):
        return -(-d_out // self.kernels.ROWS) * self.kernels.ROWS


@lru_cache(maxsize=1)
def _threads(process, number):
    """That help the calling one; a forked process has none of its parent's."""
    return ThreadPoolExecutor(number, thread_name_prefix="decode")
