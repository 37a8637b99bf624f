"""Functions that only look at the same numbers in another way, and those that copy them when no
strides can."""

import itertools
import math

from torch.names import public
from torch.strides import completed, dimension, dimensions, sizes
from torch.tensors import Tensor, view


@public("view", function=False)
def view_(x, *shape):
    """Another shape over the same numbers; RuntimeError where their strides do not allow it."""
    if shape and not isinstance(shape[0], (int, list, tuple, Tensor)):
        from torch.names import refuse

        refuse("view as another type")
    shape = completed(sizes(shape), x.numel())
    if x._geometry.reshaped(shape) is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return view(x, lambda geometry: geometry.reshaped(shape))


@public()
def reshape(x, *shape):
    """As `view` if that is possible, else of a copy."""
    shape = completed(sizes(shape), x.numel())
    return view_(x if x._geometry.reshaped(shape) is not None else x.contiguous(), shape)


@public(function=False)
def view_as(x, other):
    """`view` with another tensor's shape."""
    return view_(x, other.shape)


@public(function=False)
def reshape_as(x, other):
    """`reshape` to another tensor's shape."""
    return reshape(x, other.shape)


@public()
def flatten(x, start_dim=0, end_dim=-1):
    """Several dimensions as one."""
    first, last = dimension(start_dim, x.dim()), dimension(end_dim, x.dim())
    if not x.shape:
        return reshape(x, 1)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    middle = math.prod(x.shape[first : last + 1])
    return reshape(x, *x.shape[:first], middle, *x.shape[last + 1 :]) if first < last else x


@public()
def ravel(x):
    """One dimension."""
    return reshape(x, -1)


@public()
def unflatten(x, dim, sizes):
    """One dimension as several."""
    dim = dimension(dim, x.dim())
    shape = completed(tuple(sizes), x.shape[dim])
    return view_(x, *x.shape[:dim], *shape, *x.shape[dim + 1 :])


@public()
def permute(x, *dims):
    """The dimensions in another order."""
    order = [dimension(each, x.dim()) for each in sizes(dims)]
    if len(order) != x.dim():
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {x.dim()} is not "
            f"equal to len(dims) = {len(order)}"
        )
    if len(set(order)) < len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return view(x, lambda geometry: geometry.permuted(order))


@public("transpose", "swapaxes", "swapdims", in_place=False)
def transpose(x, dim0, dim1):
    """Two dimensions change places."""
    order = list(range(x.dim()))
    first, second = dimension(dim0, x.dim()), dimension(dim1, x.dim())
    if order:
        order[first], order[second] = second, first
    return permute(x, order)


@public()
def t(x):
    """A matrix transposed; a vector as it is."""
    if x.dim() > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.dim()}D")
    return transpose(x, 0, 1) if x.dim() == 2 else x


Tensor.T = property(lambda x: permute(x, *reversed(range(x.dim()))))
Tensor.mT = property(lambda x: transpose(x, -2, -1) if x.dim() else x)
Tensor.H = property(lambda x: transpose(x, 0, 1))


@public("movedim", "moveaxis")
def movedim(x, source, destination):
    """Dimensions put at other places, the rest in their order."""
    source, destination = (
        [dimension(each, x.dim()) for each in (dims if isinstance(dims, (list, tuple)) else [dims])]
        for dims in (source, destination)
    )
    order = [i for i in range(x.dim()) if i not in source]
    for place, dim in sorted(zip(destination, source)):
        order.insert(place, dim)
    return permute(x, order[: x.dim()])


@public(function=False)
def expand(x, *shape, implicit=False):
    """Sizes of 1 repeated without a copy."""
    shape = sizes(shape)
    return view(x, lambda geometry: geometry.expanded(shape))


@public(function=False)
def expand_as(x, other):
    """`expand` to another tensor's shape."""
    return expand(x, other.shape)


@public()
def broadcast_to(x, size):
    """As `expand`."""
    return expand(x, size)


@public()
def unsqueeze(x, dim):
    """A new dimension of size 1."""
    dim = dimension(dim, x.dim() + 1)
    return view(x, lambda geometry: geometry.unsqueezed(dim))


@public()
def squeeze(x, dim=None):
    """Without dimensions of size 1: all, or those named."""
    dims = range(x.dim()) if dim is None else dimensions(dim, x.dim()) if dim != () else ()
    return view(x, lambda geometry: geometry.squeezed(dims))


@public()
def narrow(x, dim, start, length):
    """`length` indices of a dimension from `start` on."""
    return _narrowed(x, dim, start, length)


def _narrowed(x, dim, start, length, one_of_many=False):
    dim, start = dimension(dim, x.dim()), int(start)
    size = x.shape[dim]
    if not -size <= start <= size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-size}, {size}], "
            f"but got {start})"
        )
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return view(x, lambda geometry: geometry.sliced(dim, start, length), one_of_many)


@public()
def select(x, dim, index):
    """One index of a dimension, which goes."""
    return _selected(x, dim, index)


def _selected(x, dim, index, one_of_many=False):
    if not x.dim():
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = dimension(dim, x.dim()), int(index)
    size = x.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(x.shape)} at "
            f"dimension {dim}"
        )
    return view(x, lambda geometry: geometry.selected(dim, index % size), one_of_many)


@public()
def unbind(x, dim=0):
    """A tuple with one tensor for each index of a dimension."""
    if not x.dim():
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    return tuple(_selected(x, dim, i, one_of_many=True) for i in range(x.size(dim)))


@public()
def split(x, split_size_or_sections, dim=0):
    """A tuple of pieces along a dimension, of one size or of those listed."""
    parts, size = split_size_or_sections, x.size(dim)
    if isinstance(parts, int):
        if parts < 0 or (parts == 0 and size):
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}"
                if parts == 0
                else f"split expects split_size be non-negative, but got split_size={parts}"
            )
        parts = [min(parts, size - at) for at in range(0, size, parts or 1)] or [0]
    if sum(parts) != size:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size "
            f"at dimension {dim}), but got split_sizes={list(parts)}"
        )
    starts = [sum(parts[:i]) for i in range(len(parts))]
    return tuple(_narrowed(x, dim, *each, one_of_many=True) for each in zip(starts, parts))


split_with_sizes = public("split_with_sizes")(
    lambda x, split_sizes, dim=0: split(x, split_sizes, dim)
)


@public()
def chunk(x, chunks, dim=0):
    """So many pieces along a dimension, the last ones perhaps smaller or missing."""
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = x.size(dim)
    if not size:
        return split(x, [0] * chunks, dim)
    return split(x, -(-size // chunks), dim)


@public()
def tensor_split(x, indices_or_sections, dim=0):
    """Pieces whose sizes differ by one at most, or that end at the indices."""
    cut, size = indices_or_sections, x.size(dim)
    if isinstance(cut, int):
        parts = [size // cut + (i < size % cut) for i in range(cut)]
        cut = list(itertools.accumulate(parts))[:-1]
    edges = [0, *(min(max(at + size if at < 0 else at, 0), size) for at in cut), size]
    return tuple(narrow(x, dim, a, max(b - a, 0)) for a, b in zip(edges, edges[1:]))


@public()
def diagonal(x, offset=0, dim1=0, dim2=1):
    """The elements whose two indices differ by `offset`."""
    first, second = dimension(dim1, x.dim()), dimension(dim2, x.dim())
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return view(x, lambda geometry: geometry.diagonal(offset, first, second))


@public(function=False)
def unfold(x, dimension_, size, step):
    """Windows along a dimension, which overlap if `step` is smaller than `size`."""
    dim = dimension(dimension_, x.dim())
    if size > x.shape[dim]:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dim} is {x.shape[dim]} but size is {size}"
        )
    return view(x, lambda geometry: geometry.unfolded(dim, size, step))


@public(function=False)
def repeat(x, *times):
    """Copies side by side."""
    times = sizes(times)
    if len(times) < x.dim():
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * (len(times) - x.dim()) + tuple(x.shape)
    lined = reshape(x, [n for size in shape for n in (1, size)])
    spread = expand(lined, [n for pair in zip(times, shape) for n in pair])
    copies = spread.clone() if spread.is_contiguous() else spread.contiguous()  # never x itself
    return view_(copies, [n * size for n, size in zip(times, shape)])


@public()
def tile(x, *dims):
    """As `repeat`, with ones in front if dimensions are missing."""
    dims = sizes(dims)
    return repeat(x, (1,) * (x.dim() - len(dims)) + dims)


@public()
def atleast_1d(x):
    """With one dimension if it had none."""
    return x if x.dim() else reshape(x, 1)


@public()
def atleast_2d(x):
    """With two dimensions if it had fewer."""
    return x if x.dim() > 1 else reshape(x, 1, -1)
