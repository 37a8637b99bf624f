"""Read a GGUF file as llama.cpp writes it: metadata by name, and tensors that become float32 one at
a time.

The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md. The blocks of quantized numbers are
read by the package `gguf`.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from llmlib import installation

# How the file numbers the kinds of its values, and what `struct` calls them.
NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
UINT32, TEXT, ARRAY, UINT64 = 4, 8, 9, 10
VERSIONS = 2, 3
PLAIN = {"F32": np.float32, "F16": np.float16}  # the others are bytes
QUANTIZATIONS = (
    *("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
    *("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"),
)


class _Damaged(Exception):
    pass


@dataclass(frozen=True)
class Stored:
    """Hold a tensor as the file holds it: rows of blocks. `to` makes numbers of them."""

    blocks: np.ndarray
    kind: Any  # gguf.GGMLQuantizationType
    shape: tuple[int, ...]

    def __getitem__(self, index: int):
        """Return one of several that are stacked."""
        return Stored(self.blocks[index], self.kind, self.shape[1:])

    def numel(self):
        """Count how many numbers it holds."""
        return math.prod(self.shape)

    def to(self, device: str | torch.device, dtype: torch.dtype):
        """Return the numbers as a tensor."""

        from gguf.quants import dequantize

        numbers = np.array(dequantize(self.blocks, self.kind), np.float32)  # its own copy
        return torch.from_numpy(numbers).view(self.shape).to(device, dtype)


class GgufFile:
    """Read `metadata` {name: number, text or list} and `tensors` {name: Stored} of the file at
    `path`.

    Raises ValueError for a file that is damaged, cut short, or holds what cannot be read, and
    ModuleNotFoundError where the package `gguf` is not installed; each says what to do.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            import gguf
        except ModuleNotFoundError:
            install = installation.pip_command("install", "gguf")
            raise ModuleNotFoundError(
                f"a GGUF file is read with the package gguf, which is not installed: type {install}"
            ) from None
        try:
            if not self.path.stat().st_size:
                raise _Damaged("it is empty")
            self._data, self._at = np.memmap(self.path, np.uint8, "r"), 0
            self._read(gguf)
        except (_Damaged, UnicodeDecodeError, RecursionError) as error:
            reason = f"{self.path} is damaged or cut short ({error}): copy it again"
            raise ValueError(reason) from None

    def _bytes(self, size: int):
        if size > len(self._data) - self._at:
            raise _Damaged(f"{size} bytes are missing at {self._at}")
        self._at += size
        return self._data[self._at - size : self._at]

    def _numbers(self, kind: int, count: int):
        code = NUMBERS[kind]
        raw = self._bytes(count * struct.calcsize("<" + code))
        return struct.unpack(f"<{count}{code}", raw)

    def _value(self, kind: int):
        if kind in NUMBERS:
            return self._numbers(kind, 1)[0]
        if kind == TEXT:
            return self._bytes(self._value(UINT64)).tobytes().decode("utf-8")
        if kind != ARRAY:
            raise _Damaged(f"a value is of kind {kind}")
        inner, count = self._value(UINT32), self._value(UINT64)
        if inner in NUMBERS:
            return list(self._numbers(inner, count))
        return [self._value(inner) for _ in range(count)]  # which ends where the file does

    def _read(self, gguf: ModuleType):
        if self._bytes(4).tobytes() != b"GGUF":
            raise _Damaged("it does not begin with GGUF")
        version = self._value(UINT32)
        if version not in VERSIONS:
            raise ValueError(
                f"{self.path} is a GGUF file of version {version}: this engine reads 2 and 3, "
                "in little-endian order"
            )
        n_tensors, n_keys = self._value(UINT64), self._value(UINT64)
        self.metadata = {}
        for _ in range(n_keys):
            name = self._value(TEXT)
            if name in self.metadata:
                raise ValueError(f"{self.path} holds the key {name} twice: get another copy")
            self.metadata[name] = self._value(self._value(UINT32))
        if (parts := self.metadata.get("split.count", 1)) not in (0, 1):
            raise ValueError(
                f"{self.path} is one of {parts} parts: join them with "
                "llama-gguf-split --merge, and load the whole"
            )
        heads = {}
        for _ in range(n_tensors):
            name = self._value(TEXT)
            if name in heads:
                raise ValueError(f"{self.path} holds the tensor {name} twice: get another copy")
            dimensions = [self._value(UINT64) for _ in range(self._value(UINT32))]
            heads[name] = dimensions[::-1], self._value(UINT32), self._value(UINT64)
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _Damaged(f"its alignment is {alignment}")
        start = -(-self._at // alignment) * alignment
        self.tensors = {n: self._tensor(gguf, n, start, *head) for n, head in heads.items()}

    def _tensor(
        self, gguf: ModuleType, name: str, start: int, shape: list[int], kind: int, offset: int
    ):
        try:
            kind = gguf.GGMLQuantizationType(kind)
        except ValueError:
            raise _Damaged(f"the tensor {name} is of kind {kind}") from None
        if kind.name not in QUANTIZATIONS:
            raise ValueError(
                f"{self.path} stores the tensor {name} as {kind.name}: "
                f"this engine reads {', '.join(QUANTIZATIONS)}"
            )
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if not shape or 0 in shape or shape[-1] % block:
            raise _Damaged(f"the tensor {name} has the shape {shape}")
        self._at = start + offset
        row = shape[-1] // block * size
        raw = self._bytes(row * math.prod(shape[:-1]))
        blocks = raw.view(PLAIN.get(kind.name, np.uint8)).reshape(*shape[:-1], -1)
        return Stored(blocks, kind, tuple(shape))
