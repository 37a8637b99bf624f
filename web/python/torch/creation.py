"""New tensors: of Python's numbers, of one number, of a sequence, of parts of a matrix."""

import math
import operator

from torch import devices, dtypes
from torch.autograd import record, saving
from torch.dtypes import FLOAT, get_default_dtype, of_python, promote_types
from torch.names import public
from torch.strides import Size, sizes
from torch.tensors import Tensor, beside, check_fits, make, new, numbers


@public(method=False)
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of nested lists of numbers, copied."""
    devices.check(device)
    if isinstance(data, Tensor):
        flat, shape, kinds = numbers(data), tuple(data.shape), [data.dtype]
    else:
        flat, kinds = [], []
        shape = _walk(data, flat, kinds, 0)
    if dtype is None:
        dtype = kinds[0] if kinds else get_default_dtype()
        for each in kinds[1:]:
            dtype = promote_types(dtype, each)
    if dtype.kind < dtypes.COMPLEX and any(type(v) is complex for v in flat):
        raise TypeError("can't convert complex to float")
    if dtype.kind == dtypes.INT and not isinstance(data, Tensor):
        for value in flat:
            check_fits(value, dtype)
    out = make(flat, shape, dtype)
    return out.requires_grad_() if requires_grad else out


def _walk(data, flat, kinds, depth):
    """Put the numbers of nested data into `flat`; gives its shape."""
    if not isinstance(data, Tensor) and hasattr(data, "tolist"):  # numpy's
        data = data.tolist()
    if isinstance(data, Tensor):
        kinds.append(data.dtype)
        flat.extend(numbers(data))
        return tuple(data.shape)
    if not isinstance(data, (list, tuple, range)):
        try:
            d = of_python(data)
        except TypeError:
            if isinstance(data, str):
                raise TypeError("new(): invalid data type 'str'") from None
            if not hasattr(data, "__index__"):
                raise RuntimeError(f"Could not infer dtype of {type(data).__name__}") from None
            data, d = operator.index(data), dtypes.int64
        if d not in kinds:
            kinds.append(d)
        flat.append(data)
        return ()
    shape = None
    for each in data:
        mine = _walk(each, flat, kinds, depth + 1)
        if shape is not None and mine != shape:
            raise ValueError(
                f"expected sequence of length {shape[0] if shape else 0} at dim {depth + 1} "
                f"(got {mine[0] if mine else 0})"
            )
        shape = mine
    return (len(data), *(shape or ()))


@public(method=False)
def as_tensor(data, dtype=None, device=None):
    """`data` itself if it is a tensor of the type, else a copy."""
    devices.check(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return tensor(data, dtype=dtype)


@public(method=False)
def asarray(data, *, dtype=None, device=None, copy=None):
    """As `as_tensor`."""
    return tensor(data, dtype=dtype) if copy else as_tensor(data, dtype, device)


@public(method=False)
def from_numpy(array):
    """A tensor of numpy's array: a copy here."""
    d = next(each for each in dtypes.TYPES if each.name == str(array.dtype))
    return tensor(array.tolist(), dtype=d)


@public(method=False)
def scalar_tensor(value, *, dtype=None, device=None):
    """One float without dimensions."""
    return full((), value, dtype=dtype or get_default_dtype(), device=device)


@public(method=False)
def full(size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None):
    """One number everywhere."""
    devices.check(device)
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    if dtype is None:
        dtype = fill_value.dtype if isinstance(fill_value, Tensor) else of_python(value)
    shape = sizes((size,) if isinstance(size, (list, tuple)) else (size,))
    if any(n < 0 for n in shape):
        bad = next(n for n in shape if n < 0)
        raise RuntimeError(f"Trying to create tensor with negative dimension {bad}: {list(shape)}")
    check_fits(value, dtype)
    (one,) = dtypes.stored([value], dtype)
    out = new([one] * Size(shape).numel(), shape, dtype)
    return out.requires_grad_() if requires_grad else out


def _constant(name, value):
    def op(*shape, size=None, dtype=None, **more):
        shape = sizes(shape if size is None else (size,))
        return full(shape, value, dtype=dtype or get_default_dtype(), **more)

    def like(x, *, dtype=None, memory_format=None, **more):
        return full_like(x, value, dtype=dtype, **more)

    def of_its_type(x, *shape, size=None, dtype=None, **more):
        shape = sizes(shape if size is None else (size,))
        return full(shape, value, dtype=dtype or x.dtype, **more)

    public(f"new_{name}", function=False)(of_its_type)
    return public(name, method=False)(op), public(f"{name}_like", method=False)(like)


zeros, zeros_like = _constant("zeros", 0)
ones, ones_like = _constant("ones", 1)
# torch leaves whatever was in memory; 0 is one of the things that may have been there.
empty, empty_like = _constant("empty", 0)


@public(method=False)
def full_like(x, fill_value, *, dtype=None, memory_format=None, **more):
    """One number, in the shape and type of a tensor."""
    dtype, on = dtype or x.dtype, more.pop("requires_grad", False)
    out = beside(numbers(full(x.shape, fill_value, dtype=dtype, **more)), x, dtype)
    return out.requires_grad_() if on else out


@public(function=False)
def new_full(x, size, fill_value, *, dtype=None, **more):
    """One number, in the type of a tensor."""
    return full(size, fill_value, dtype=dtype or x.dtype, **more)


@public(function=False)
def new_tensor(x, data, *, dtype=None, **more):
    """As `torch.tensor`, in the type of a tensor."""
    return tensor(data, dtype=dtype or x.dtype, **more)


@public(method=False)
def eye(n, m=None, *, dtype=None, device=None, requires_grad=False):
    """Ones on the diagonal."""
    devices.check(device)
    m = n if m is None else m
    ones_and_zeros = [i == j for i in range(n) for j in range(m)]
    out = make(ones_and_zeros, (n, m), dtype or get_default_dtype())
    return out.requires_grad_() if requires_grad else out


@public(method=False)
def arange(start, end=None, step=1, *, dtype=None, device=None, requires_grad=False):
    """start, start + step, … below end."""
    devices.check(device)
    start, end = (0, start) if end is None else (start, end)
    given = [each.item() if isinstance(each, Tensor) else each for each in (start, end, step)]
    if dtype is None:
        floats = any(isinstance(each, float) for each in given)
        dtype = get_default_dtype() if floats else dtypes.int64
    start, end, step = given
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = math.ceil((end - start) / step)
    out = make([start + i * step for i in range(count)], (count,), dtype)
    return out.requires_grad_() if requires_grad else out


@public(method=False)
def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False):
    """So many numbers at equal distances, both ends among them."""
    devices.check(device)
    dtype = dtype or get_default_dtype()
    start, end = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    step = (end - start) / (steps - 1) if steps > 1 else 0.0
    if dtype.kind == FLOAT:
        start, end, step = dtypes.stored([start, end, step], dtype)
    half = steps // 2
    values = [start + i * step if i < half else end - step * (steps - i - 1) for i in range(steps)]
    out = make(values if steps > 1 else [start] * steps, (steps,), dtype)
    return out.requires_grad_() if requires_grad else out


@public(method=False)
def logspace(start, end, steps, base=10.0, *, dtype=None, device=None):
    """Powers whose exponents stand at equal distances."""
    values = [base**v for v in numbers(linspace(start, end, steps, dtype=dtypes.float64))]
    return make(values, (steps,), dtype or get_default_dtype())


def _masked(x, keep):
    if x.dim() < 2:
        raise RuntimeError("tril/triu: input tensor must have at least 2 dimensions")
    rows, columns = x.shape[-2:]
    mask = [keep(i, j) for i in range(rows) for j in range(columns)]
    mask = new(mask, (rows, columns), dtypes.bool_)
    from torch.elementwise import where

    return saving(where(mask, x, zeros((), dtype=x.dtype)))


@public(in_place=True)
def tril(x, diagonal=0):
    """The lower triangle, 0 above."""
    return _masked(x, lambda i, j: j - i <= diagonal)


@public(in_place=True)
def triu(x, diagonal=0):
    """The upper triangle, 0 below."""
    return _masked(x, lambda i, j: j - i >= diagonal)


def _triangle(name, keep):
    def op(row, col, offset=0, *, dtype=None, device=None, layout=None):
        found = [(i, j) for i in range(row) for j in range(col) if keep(j - i, offset)]
        values = [i for i, _ in found] + [j for _, j in found]
        return make(values, (2, len(found)), dtype or dtypes.int64)

    return public(name, method=False)(op)


tril_indices = _triangle("tril_indices", operator.le)
triu_indices = _triangle("triu_indices", operator.ge)


@public()
def diag_embed(x, offset=0, dim1=-2, dim2=-1):
    """Vectors on the diagonals of matrices."""
    size = x.shape[-1] + abs(offset)
    out = zeros(*x.shape[:-1], size, size, dtype=x.dtype)
    out.diagonal(offset, -2, -1).copy_(x.detach())
    out = record(out, [x], lambda g: [g.diagonal(offset, -2, -1)])
    if (dim1, dim2) == (-2, -1):
        return out
    from torch.views import movedim

    return movedim(out, (-2, -1), (dim1, dim2))


@public()
def diag(x, diagonal=0):
    """The diagonal of a matrix, or a matrix with a diagonal."""
    if x.dim() not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {x.dim()}D")
    return diag_embed(x, diagonal) if x.dim() == 1 else x.diagonal(diagonal).clone()
