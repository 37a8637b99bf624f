"""Which values may go into a learner's function and come out of it, in a check (where `run_tests`
copies them) as in the grader (where `grading/wire` sends them)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.bool),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
)
# Past what a subclass may say of itself: an enum of strings, say, or a list that gives other items.
SINGLE: dict[type, Callable[[Any], Any]] = {bool: bool, int: int, float: float}
SINGLE |= {str: str.__str__, bytes: bytes, bytearray: bytes}
COLLECTIONS: dict[Any, type] = {list: list, tuple: tuple, set: set, frozenset: set}
EXACT = frozenset({type(None), bool, int, float, str, bytes, list, tuple, set, dict})


class NotPlain(Exception):
    """A value that may not cross, or what should be one and is not. The text says which and why."""


def plain(value: Any) -> Any:
    """`value` as one of Python's own kinds, whatever subclass or kind of numpy's it is of: None, a
    bool, int, float, str, bytes, list, tuple, set, dict or tensor; what it holds stays as it is.
    Raises `NotPlain` for any other."""
    if type(value) in EXACT:
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.array(value, order="C"))
    if isinstance(value, torch.Tensor):
        return _usable(value)
    for base, kind in SINGLE.items():
        if isinstance(value, base):
            return kind(value)
    for base, collection in COLLECTIONS.items():
        if isinstance(value, base):
            return collection(base.__iter__(value))
    if isinstance(value, dict):
        return dict(dict.items(value))
    may = "use tensors, numbers, strings, lists, tuples or dicts"
    raise NotPlain(f"a value of type {type(value).__name__[:40]}; {may}")


def _usable(tensor: torch.Tensor) -> torch.Tensor:
    dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if dense and tensor.dtype in DTYPES:
        return tensor
    what = f"a tensor of {tensor.dtype}, layout {tensor.layout}, on {tensor.device}"
    raise NotPlain(f"{what}: use a dense one on the CPU, of a type such as float32 or int64")
