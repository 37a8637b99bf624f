"""Functions that make one number of many along dimensions: sums, extremes, spread, running sums."""

import itertools
import math
import operator
from collections import namedtuple

from torch import autograd, dtypes
from torch.autograd import record, saving
from torch.dtypes import FLOAT, stored
from torch.elementwise import log, maximum, minimum, pow_, sqrt, where
from torch.names import public, refuse
from torch.strides import Size, dimension, dimensions
from torch.summation import sums
from torch.tensors import Tensor, make, new, numbers, view


def groups(x, dims):
    """The numbers of `x` that become one, a list for each result."""
    kept = [i for i in range(x.dim()) if i not in dims]
    values = x._storage.values
    inner = x._geometry.permuted(dims)._replace(offset=0).positions()
    return [[values[at + i] for i in inner] for at in x._geometry.permuted(kept).positions()]


def _left(x, dims, keepdim):
    """The shape of the result."""
    shape = [1 if i in dims else n for i, n in enumerate(x.shape)]
    return shape if keepdim else [n for i, n in enumerate(shape) if i not in dims]


def _back(g, x, dims, keepdim):
    """A gradient repeated along the dimensions that were reduced."""
    if not keepdim:
        for dim in sorted(dims):
            g = view(g, lambda geometry, dim=dim: geometry.unsqueezed(dim))
    return g.expand(x.shape)


def _which(x, dim, axis):
    return dimensions(axis if dim is None else dim, x.dim())


def _summed(x, wanted):
    """`x` in the type in which it is summed."""
    if wanted.kind < FLOAT and autograd.recording(x):
        raise RuntimeError(f"Autograd not support dtype: {dtypes.CAPITAL[wanted.name]}")
    return x.to(wanted)


@public("sum")
def sum_(x, dim=None, keepdim=False, *, dtype=None, axis=None):
    """The sum; of whole numbers as int64."""
    dims = _which(x, dim, axis)
    wanted = dtype or (dtypes.int64 if x.dtype.kind < FLOAT else x.dtype)
    source = _summed(x, wanted)
    out = make(sums(source, dims), _left(x, dims, keepdim), wanted)
    return record(out, [source], lambda g: [_back(g, x, dims, keepdim)])


@public()
def nansum(x, dim=None, keepdim=False):
    """The sum without NaN."""
    return sum_(where(x != x, 0.0, x), dim, keepdim)


@public()
def mean(x, dim=None, keepdim=False, *, dtype=None, axis=None):
    """The sum divided by how many."""
    x = x if dtype is None else x.to(dtype)
    if x.dtype.kind < FLOAT:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {dtypes.CAPITAL[x.dtype.name]}"
        )
    dims = _which(x, dim, axis)
    count = Size(x.shape[i] for i in dims).numel()
    total = stored(sums(x, dims), x.dtype)
    out = [each / count if count else math.nan for each in total]
    out = make(out, _left(x, dims, keepdim), x.dtype)
    return record(out, [x], lambda g: [_back(g, x, dims, keepdim) / count])


@public()
def prod(x, dim=None, keepdim=False, *, dtype=None):
    """The product."""
    dims = dimensions(dim, x.dim())
    wanted = dtype or (dtypes.int64 if x.dtype.kind < FLOAT else x.dtype)
    source = _summed(x, wanted)
    out = make([math.prod(each) for each in groups(source, dims)], _left(x, dims, keepdim), wanted)

    def vjp(g):
        found = groups(source, dims)
        if any(0 in each for each in found):
            slopes = [
                [math.prod(each[:i] + each[i + 1 :]) for i in range(len(each))] for each in found
            ]
        else:  # as torch does it: one NaN makes all of its slopes NaN
            slopes = [[math.prod(each) / v for v in each] for each in found]
        kept = [i for i in range(x.dim()) if i not in dims]
        flat = [v for each in slopes for v in each]
        order = x._geometry.fresh([x.shape[i] for i in kept + dims])
        slope = make(flat, order.shape, g.dtype).permute(
            *[(kept + dims).index(i) for i in range(x.dim())]
        )
        return [_back(g, x, dims, keepdim) * slope]

    return record(out, [source], vjp, [source, out])


def _truth(name, f):
    def op(x, dim=None, keepdim=False, axis=None):
        dims = _which(x, dim, axis)
        found = [f(each) for each in groups(x, dims)]
        d = x.dtype if x.dtype is dtypes.uint8 else dtypes.bool_
        return make(found, _left(x, dims, keepdim), d)

    return public(name)(op)


any_, all_ = _truth("any", any), _truth("all", all)


@public()
def count_nonzero(x, dim=None):
    """How many are not 0."""
    return sum_(x != 0, dim)


def _extreme(f):
    """Python's max or min, for which NaN is more extreme than any number."""

    def best(values):
        found = f(values)
        if found != found or any(v != v for v in values):
            return math.nan
        return found

    return best


def _peak(name, f):
    best = _extreme(f)

    def op(x, dim=None, keepdim=False):
        dims = dimensions(() if dim is None else dim, x.dim())
        if any(x.shape[i] == 0 for i in dims):
            raise IndexError(f"{name}(): Expected reduction dim {dims[0]} to have non-zero size.")
        out = new([best(each) for each in groups(x, dims)], _left(x, dims, keepdim), x.dtype)

        def vjp(g):
            at_peak = (x.detach() == _back(kept, x, dims, keepdim)).to(g.dtype)
            share = sum_(at_peak, dims, True) if dims else at_peak
            return [_back(g, x, dims, keepdim) * at_peak / share]

        kept = out.detach()
        return record(out, [x], vjp, [x, out])

    return public(name)(op)


amax, amin = _peak("amax", max), _peak("amin", min)
aminmax_type = namedtuple("aminmax", "min max")


@public()
def aminmax(x, *, dim=None, keepdim=False):
    """Both extremes."""
    return aminmax_type(amin(x, dim, keepdim), amax(x, dim, keepdim))


def _arg_peak(name, f):
    def place(values):
        if any(map(math.isnan, values)):
            return next(i for i, v in enumerate(values) if v != v)
        return values.index(f(values))  # of equal ones the first

    def op(x, dim=None, keepdim=False, axis=None):
        if x.dtype is dtypes.bool_:
            raise RuntimeError(f"{name}(): does not support bool input")
        dim = axis if dim is None else dim
        dims = list(range(x.dim())) if dim is None else dimensions(dim, x.dim())
        found = groups(x, dims)
        if any(x.shape[i] == 0 for i in dims):
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                "the reduction dim with the 'dim' argument."
            )
        return new([place(each) for each in found], _left(x, dims, keepdim), dtypes.int64)

    return public(name)(op)


argmax, argmin = _arg_peak("argmax", max), _arg_peak("argmin", min)


def evenly(x, value):
    """One of the numbers of `x`; each that is equal to it gets its share of the gradient."""
    out = new([value], (), x.dtype)

    def vjp(g):
        (now,) = numbers(out.detach())
        same = [v == now or (v != v and now != now) for v in numbers(x)]
        share = g.item() / sum(same) if any(same) else 0.0
        return [make([share if each else 0.0 for each in same], x.shape, g.dtype)]

    return record(out, [x], vjp, [x, out])


def _with_indices(name, peak, arg, of_two):
    result = namedtuple(name, "values indices")
    result.__module__ = "torch.return_types"

    def op(x, dim=None, keepdim=False, *, other=None):
        if isinstance(dim, Tensor) or other is not None:
            return of_two(x, dim if other is None else other)
        if dim is None:
            if not x.numel():
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                    "Specify the reduction dim with the 'dim' argument."
                )
            return evenly(x, peak(x.detach()).item())
        indices = arg(x.byte() if x.dtype is dtypes.bool_ else x, dim, True)
        values = x.gather(dim, indices) if x.dim() else x.clone()
        saving(values, indices)
        if not keepdim:
            values, indices = values.squeeze(dim), indices.squeeze(dim)
        return result(values, indices)

    return public(name)(op)


max_ = _with_indices("max", amax, argmax, maximum)
min_ = _with_indices("min", amin, argmin, minimum)


def _spread(x, dim, unbiased, keepdim, correction):
    """The variance, computed in 64 bits as torch does it, and the mean."""
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    if x.dtype.kind < FLOAT:
        raise RuntimeError("std and var only support floating point and complex dtypes")
    correction = int(unbiased) if correction is None else correction
    dims = dimensions(dim, x.dim())
    found, count = groups(x, dims), Size(x.shape[i] for i in dims).numel()

    def one(values):
        middle = math.fsum(values) / count
        return math.fsum((v - middle) ** 2 for v in values) / (count - correction)

    def safe(values):
        try:
            return one(values)
        except (ZeroDivisionError, ValueError, OverflowError):
            if count <= correction and count and len({*values}) > 1:
                return math.inf
            return math.nan

    out = make([safe(each) for each in found], _left(x, dims, keepdim), x.dtype)

    if not x.dim() and autograd.recording(x):
        refuse("the gradient of the variance of one number")

    def vjp(g):
        centred = x.detach() - mean(x.detach(), dims, True)
        share = 2 / (count - correction) if count > correction else math.nan
        return [_back(g, x, dims, keepdim) * centred * share]

    return record(out, [x], vjp, [x]), mean(x, dims, keepdim)


@public()
def var(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The mean squared distance from the mean, divided by one less than the count."""
    return _spread(x, dim, unbiased, keepdim, correction)[0]


@public()
def std(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The square root of `var`."""
    return std_mean(x, dim, unbiased, keepdim, correction=correction)[0]


@public()
def var_mean(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """Both."""
    return _spread(x, dim, unbiased, keepdim, correction)


@public()
def std_mean(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """Both."""
    variance, middle = _spread(x, dim, unbiased, keepdim, correction)
    out = sqrt(variance.detach())

    def vjp(g):
        return [where(out.detach() == 0, 0.0, g / (2 * out.detach()))]

    return record(out, [variance], vjp, [x, out]), middle


@public()
def norm(x, p="fro", dim=None, keepdim=False, dtype=None):
    """The length of vectors: the p-th root of the sum of the p-th powers."""
    x = x if dtype is None else x.to(dtype)
    p = 2 if p in ("fro", None) else p
    if p not in (0, 1, 2, math.inf):
        refuse(f"norm(p={p})")
    if x.dtype.kind < FLOAT:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.CAPITAL[x.dtype.name]}"
        )
    size = x.abs()
    if p == math.inf:
        return amax(size, dim, keepdim)
    if p == 0:
        out = sum_((x != 0).to(x.dtype), dim, keepdim)
        return record(out, [x], lambda g: [None], [x, out])
    if p == 1:
        out = sum_(size, dim, keepdim)
        return saving(out, x, out)
    dims = dimensions(dim, x.dim())
    totals = [math.fsum(v**p for v in each) ** (1 / p) for each in groups(size.detach(), dims)]
    out = make(totals, _left(x, dims, keepdim), size.dtype)

    def vjp(g):
        length = _back(out.detach(), x, dims, keepdim)
        part = pow_(size.detach(), p - 1) * x.detach().sign() / pow_(length, p - 1)
        return [_back(g, x, dims, keepdim) * where(length == 0, 0.0, part)]

    return record(out, [x], vjp, [x, out])


@public()
def logsumexp(x, dim, keepdim=False):
    """The logarithm of the sum of exponentials, which cannot overflow."""
    dims, given = dimensions(dim, x.dim()), x
    x = x if x.dtype.kind >= FLOAT else x.float()
    if 0 in [x.shape[i] for i in dims]:
        out = log(sum_(x.detach().exp(), dims, keepdim))
        return record(out, [x], lambda g: [g.new_zeros(x.shape)], [x, out])
    peak = amax(x.detach(), dims, True)
    peak = where(abs(peak) == math.inf, 0.0, peak)
    out = log(sum_((x.detach() - peak).exp(), dims, True)) + peak
    out = (out if keepdim or not dims else out.squeeze(dims)).detach()
    kept = out.detach()

    def vjp(g):
        share = (x.detach() - _back(kept, x, dims, keepdim)).exp()
        return [_back(g, x, dims, keepdim) * share]

    return record(out, [x], vjp, [given, out])


@public()
def dist(x, other, p=2):
    """The length of the difference."""
    return norm(x - other, p)


def lines(x, dim):
    """The lists along one dimension, and a function that makes a tensor of such lists."""
    dim = dimension(dim, x.dim())
    moved = x.transpose(dim, -1) if x.dim() else x
    values, length = numbers(moved), x.shape[dim] if x.dim() else 1
    found = [values[i : i + length] for i in range(0, len(values), length)] if length else []

    def back(lists, d, length=length):
        shape = (*moved.shape[:-1], length) if x.dim() else ()
        out = make([v for each in lists for v in each], shape, d)
        # A tensor of its own: a write to a view would leave out how it was made.
        return out.transpose(dim, -1).contiguous().detach() if x.dim() else out

    return found, back


def _exponentials(values):
    """The exponentials less the largest, and their sum; None where there is no largest."""
    largest = max(values)
    if abs(largest) == math.inf or any(v != v for v in values):
        return None
    found = [math.exp(v - largest) for v in values]
    return found, math.fsum(found), largest


def _float_input(name, x, dim, dtype):
    if dim is None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: the dimension is missing"
        )
    x = x if dtype is None else x.to(dtype)
    if x.dtype.kind < FLOAT and x.numel():
        raise NotImplementedError(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{dtypes.CAPITAL[x.dtype.name]}'"
        )
    return x


@public()
def softmax(x, dim=None, dtype=None):
    """Exponentials along a dimension, divided by their sum."""
    x = _float_input("softmax", x, dim, dtype)
    found, back = lines(x, dim)

    def one(values):
        made = _exponentials(values)
        return [math.nan] * len(values) if made is None else [e / made[1] for e in made[0]]

    out = back(map(one, found), x.dtype)
    kept = out.detach()
    return record(out, [x], lambda g: [kept * (g - sum_(g * kept, dim, True))], [out])


@public()
def log_softmax(x, dim=None, dtype=None):
    """The logarithm of softmax, from the logits themselves."""
    x = _float_input("log_softmax", x, dim, dtype)
    found, back = lines(x, dim)

    def one(values):
        made = _exponentials(values)
        if made is None:
            return [math.nan] * len(values)
        total = made[2] + math.log(made[1])
        return [v - total for v in values]

    out = back(map(one, found), x.dtype)
    kept = out.detach()
    return record(out, [x], lambda g: [g - kept.exp() * sum_(g, dim, True)], [out])


def _running(name, f, start, slope=None):
    def op(x, dim, *, dtype=None):
        wanted = dtype or (dtypes.int64 if x.dtype.kind < FLOAT else x.dtype)
        x = _summed(x, wanted)
        found, back = lines(x, dim)

        out = back([[*itertools.accumulate(each, f, initial=start)][1:] for each in found], wanted)
        if slope is None:
            if autograd.recording(x):
                refuse(f"the gradient of {name}")
            return out
        return record(out, [x], lambda g: [slope(g, dim)])

    return public(name, in_place=True)(op)


cumsum = _running("cumsum", operator.add, 0, lambda g, dim: cumsum(g.flip(dim), dim).flip(dim))
cumprod = _running("cumprod", operator.mul, 1)


@public()
def diff(x, n=1, dim=-1, prepend=None, append=None):
    """Differences of neighbours, n times."""
    from torch.joining import cat

    if not x.size(dim):
        return x
    if not (prepend is append is None):
        x = cat([each for each in (prepend, x, append) if each is not None], dim)
    for _ in range(n):
        size = max(x.size(dim) - 1, 0)
        ends = x.narrow(dim, x.size(dim) - size, size), x.narrow(dim, 0, size)
        x = ends[0] ^ ends[1] if x.dtype is dtypes.bool_ else ends[0] - ends[1]
    return x
