"""Decide which values may be passed to a learner's function and returned by it. `run_tests` copies
them in a check; `grading/wire` sends them between processes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.bool),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
)
# Converted by the base class's own method: a subclass could override what it returns.
SINGLE: dict[type, Callable[[Any], Any]] = {bool: bool, int: int, float: float}
SINGLE |= {str: str.__str__, bytes: bytes, bytearray: bytes}
COLLECTIONS: dict[Any, type] = {list: list, tuple: tuple, set: set, frozenset: set}
EXACT = frozenset({type(None), bool, int, float, str, bytes, list, tuple, set, dict})


class UnsupportedValue(Exception):
    """Say which value cannot be passed between processes, and why."""


def to_plain(value: Any) -> Any:
    """Return `value` as None, a bool, int, float, str, bytes, list, tuple, set, dict or tensor,
    converted from a subclass or a numpy type. The items of a collection are not converted. Raises
    `UnsupportedValue` for any other type."""
    if type(value) in EXACT:
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.array(value, order="C"))
    if isinstance(value, torch.Tensor):
        return _dense(value)
    for base, kind in SINGLE.items():
        if isinstance(value, base):
            return kind(value)
    for base, collection in COLLECTIONS.items():
        if isinstance(value, base):
            return collection(base.__iter__(value))
    if isinstance(value, dict):
        return dict(dict.items(value))
    use = "use tensors, numbers, strings, lists, tuples or dicts"
    raise UnsupportedValue(f"a value of type {type(value).__name__[:40]}; {use}")


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return `tensor`; `UnsupportedValue` unless it is dense, on the CPU, its type in `DTYPES`."""
    on_cpu = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if on_cpu and tensor.dtype in DTYPES:
        return tensor
    description = f"a tensor of {tensor.dtype}, layout {tensor.layout}, on {tensor.device}"
    raise UnsupportedValue(f"{description}: use a dense one on the CPU, such as float32 or int64")
