# ruff: noqa: F401 - what is imported here is what `torch` has
"""A stand-in for PyTorch, for the page only.

This is not PyTorch. It is the part of PyTorch that the course's exercises use, in plain Python, so
that they can be written in a web page with nothing installed. It is slow: a list of Python's
numbers takes the place of fast memory. It is meant to give PyTorch's numbers or none: a name that
it lacks says so and points to the notebook. Where a real build of PyTorch can be had in the page,
put that on the path instead: `import torch` is all that anybody writes.

What to read, in this order:

strides       which numbers of a list a tensor sees: views
dtypes        types of numbers, rounding, promotion
tensors       a tensor: storage, geometry, writing in place
autograd      gradients
elementwise, indexing, views, summation, reduction, sorting, products, joining, creation
              the functions
random        torch's random numbers, draw by draw
names         how they all get here

Limits: one device; no second derivatives; results and copies stand in order in memory, whatever
the strides of what they were made from; sums of 16-bit floats, products of matrices, exponentials
and their like are rounded once from 64 bits, so the last digits may differ from PyTorch's.
"""

import math

from torch import autograd, dtypes, names
from torch import tensors as _tensors
from torch.autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from torch.devices import contiguous_format, device, preserve_format, strided
from torch.dtypes import finfo, get_default_dtype, iinfo, promote_types, set_default_dtype
from torch.strides import Size
from torch.tensors import Tensor

# Each registers its functions.
from torch import creation, elementwise, indexing, joining, products  # isort: skip
from torch import printing, reduction, sorting, summation, views  # isort: skip
from torch import random  # isort: skip
from torch.random import (  # isort: skip
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__version__ = "2.13+page"
inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None

for _name, _method in names.METHODS.items():
    if _name not in vars(Tensor):
        setattr(Tensor, _name, _method)
for _name, _function in names.IN_PLACE.items():
    setattr(Tensor, _name + "_", _tensors.in_place(_function))
globals().update(names.FUNCTIONS)
for _type in dtypes.TYPES:
    globals()[_type.name] = _type
globals().update(dtypes.SYNONYMS)
dtype = dtypes.dtype
__getattr__ = names.lacking("torch")

from torch import func, linalg, nn, optim, special  # noqa: E402 - they use what is above


def is_tensor(x):
    """Is it a tensor?"""
    return isinstance(x, Tensor)


def is_floating_point(x):
    """Is it of floats?"""
    return x.is_floating_point()


def is_complex(x):
    """Is it of complex numbers?"""
    return x.is_complex()


def numel(x):
    """How many numbers."""
    return x.numel()


def clone(x, *, memory_format=None):
    """A copy."""
    return x.clone()


def detach(x):
    """The same numbers, not remembered."""
    return x.detach()


def set_num_threads(count):
    """Nothing: there is one."""


def get_num_threads():
    """1."""
    return 1


def use_deterministic_algorithms(mode):
    """Nothing: everything is deterministic."""
