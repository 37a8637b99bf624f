"""Which tensors and numbers may go into a learner's function and come out of it, in a check (where
`run_tests` copies them) as in the grader (where `grading/wire` sends them)."""

from typing import Any

import numpy as np
import torch

DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.bool),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
)


def from_numpy(value: Any) -> Any:
    """An array of numpy's as a tensor, a number as Python's; anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value, order="C"))
    return value


def refused(tensor: torch.Tensor) -> str:
    """Why a tensor may not; nothing where it may."""
    dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if dense and tensor.dtype in DTYPES:
        return ""
    what = f"a tensor of {tensor.dtype}, layout {tensor.layout}, on {tensor.device}"
    return f"{what}: use a dense one on the CPU, of a type such as float32 or int64"
