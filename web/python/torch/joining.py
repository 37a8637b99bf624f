"""Several tensors as one."""

import itertools

from torch import dtypes
from torch.autograd import record
from torch.dtypes import promote_types
from torch.names import public
from torch.strides import broadcast, dimension
from torch.tensors import make, new, numbers
from torch.views import atleast_1d, atleast_2d, split


@public("cat", "concat", "concatenate", method=False)
def cat(tensors, dim=0):
    """One after the other along a dimension."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    parts = [t for t in tensors if tuple(t.shape) != (0,)] or tensors[:1]
    first = parts[0]
    if not all(t.dim() for t in parts):
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    dim = 0 if first.shape == (0,) else dimension(dim, first.dim())
    d = tensors[0].dtype
    for number, t in enumerate(parts):
        if t.dim() != first.dim():
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.dim()} and {t.dim()}"
            )
        if any(i != dim and a != b for i, (a, b) in enumerate(zip(first.shape, t.shape))):
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size "
                f"{first.shape[dim - 1]} but got size {t.shape[dim - 1]} for tensor number "
                f"{number} in the list."
            )
    for t in tensors:
        d = promote_types(d, t.dtype)
    order = [dim, *(i for i in range(first.dim()) if i != dim)]
    back = [order.index(i) for i in range(first.dim())]
    values = [v for t in parts for v in numbers(t.detach().permute(order))]
    sizes = [t.shape[dim] for t in parts]
    shape = [sum(sizes), *(n for i, n in enumerate(first.shape) if i != dim)]
    out = make(values, shape, d).permute(back).contiguous().detach()

    def vjp(g):
        pieces = [piece.to(t.dtype) for piece, t in zip(split(g, sizes, dim), parts)]
        return pieces + [t.detach().new_zeros(t.shape) for t in empty]

    empty = [t for t in tensors if not any(t is each for each in parts)]
    return record(out, parts + empty, vjp)


@public(method=False)
def stack(tensors, dim=0):
    """One after the other along a new dimension."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for number, t in enumerate(tensors):
        if t.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at "
                f"entry 0 and {list(t.shape)} at entry {number}"
            )
    return cat([t.unsqueeze(dim) for t in tensors], dim)


@public("hstack", method=False)
def hstack(tensors):
    """Along the second dimension, vectors along their only one."""
    tensors = [atleast_1d(t) for t in tensors]
    return cat(tensors, 0 if tensors[0].dim() == 1 else 1)


@public("vstack", "row_stack", method=False)
def vstack(tensors):
    """Along the first dimension, vectors as rows."""
    return cat([atleast_2d(t) for t in tensors], 0)


@public(method=False)
def broadcast_tensors(*tensors):
    """All expanded to their common shape."""
    shape = broadcast(*(t.shape for t in tensors))
    return tuple(t.expand(shape) for t in tensors)


@public(method=False)
def meshgrid(*tensors, indexing="ij"):
    """Coordinates of a grid."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if indexing != "ij":
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = [t.numel() for t in tensors]
    made = []
    for i, t in enumerate(tensors):
        made.append(t.reshape([-1 if i == j else 1 for j in range(len(shape))]).expand(shape))
    if indexing != "ij":
        made = [made[1].transpose(0, 1), made[0].transpose(0, 1), *made[2:]]
    return tuple(made)


@public(method=False)
def cartesian_prod(*tensors):
    """Every choice of one number from each."""
    if len(tensors) == 1:
        return tensors[0]
    rows = list(itertools.product(*(numbers(t) for t in tensors)))
    values = [v for row in rows for v in row]
    return new(values, (len(rows), len(tensors)), tensors[0].dtype)


@public(method=False)
def combinations(input, r=2, with_replacement=False):
    """Every choice of r numbers of a vector."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(numbers(input), r))
    return new([v for row in rows for v in row], (len(rows), r), input.dtype)


@public(method=False)
def broadcast_shapes(*shapes):
    """The common shape."""
    from torch.strides import Size

    return Size(broadcast(*((each,) if isinstance(each, int) else each for each in shapes)))


@public(method=False)
def block_diag(*tensors):
    """Matrices along the diagonal of a larger one."""
    tensors = [atleast_2d(t) for t in tensors]
    rows, columns = (sum(t.shape[i] for t in tensors) for i in (0, 1))
    out, at = new([0.0] * (rows * columns), (rows, columns), dtypes.float32), (0, 0)
    out = out.to(tensors[0].dtype)
    for t in tensors:
        out[at[0] : at[0] + t.shape[0], at[1] : at[1] + t.shape[1]] = t
        at = at[0] + t.shape[0], at[1] + t.shape[1]
    return out
