"""`x[key]`, `x[key] = value`, and the functions that pick or place elements by index tensors.

Numbers, slices, `None` and `...` only change the geometry, so they give views. Lists and tensors
of indices, and masks, pick positions one by one and give copies.
"""

import operator

from torch import autograd, dtypes
from torch.autograd import Node, node_of, record, saving
from torch.names import public, refuse
from torch.strides import Geometry, Size, broadcast, dimension
from torch.tensors import (
    Tensor,
    apart,
    check_fits,
    make,
    new,
    numbers,
    numbers_as,
    operand,
    scattered,
    unbroadcast,
    view,
    write,
)

INDICES = dtypes.int64, dtypes.int32, dtypes.bool_


def located(geometry, key):
    """What `key` sees: a geometry, and for each dimension that index tensors choose from
    {dimension of that geometry: indices}; without those it is a view."""
    key, picked, dim = _entries(key), {}, 0  # dim: of the geometry made so far
    taken = sum(map(_dimensions_of, key))
    if taken > len(geometry.shape):
        raise IndexError(f"too many indices for tensor of dimension {len(geometry.shape)}")
    if not any(each is Ellipsis for each in key):
        key.append(Ellipsis)
    skip = len(geometry.shape) - taken
    for each in key:
        if each is Ellipsis:
            dim += skip
        elif each is None:
            geometry, dim = geometry.unsqueezed(dim), dim + 1
        elif isinstance(each, bool):
            geometry = geometry.unsqueezed(dim)
            picked[dim] = new([0] if each else [], (int(each),), dtypes.int64)
            dim += 1
        elif isinstance(each, slice):
            geometry, dim = _sliced(geometry, dim, each), dim + 1
        elif isinstance(each, Tensor) and each.dtype is dtypes.bool_:
            for column in _of_mask(geometry, dim, each):
                picked[dim], dim = column, dim + 1
        elif isinstance(each, Tensor) and each.dim():
            picked[dim], dim = each, dim + 1
        else:
            geometry = geometry.selected(dim, _index(geometry, dim, each))
    return geometry, picked


def _entries(key):
    from torch.creation import tensor

    def entry(each):
        if isinstance(each, (list, tuple, range)):
            if not len(each):
                return tensor([], dtype=dtypes.int64)
            listed = tensor(list(each))
            if listed.dtype.kind > dtypes.INT:
                refuse("a list of floats as an index")
            return listed
        if isinstance(each, Tensor) and each.dtype is dtypes.bool_ and not each.dim():
            return bool(each)
        if isinstance(each, Tensor) or isinstance(each, (bool, slice)) or each in (None, Ellipsis):
            return each
        return each.tolist() if hasattr(each, "tolist") else each

    apart = slice, list, tuple, Tensor, type(None), type(Ellipsis)
    if isinstance(key, list) and len(key) < 32 and any(isinstance(each, apart) for each in key):
        key = tuple(key)  # as torch does it
    entries = [entry(each) for each in (key if isinstance(key, tuple) else (key,))]
    for each in entries:
        if isinstance(each, Tensor) and each.dtype is dtypes.uint8:
            refuse("an index of type uint8")
        if isinstance(each, Tensor) and each.dim() and each.dtype not in INDICES:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return entries


def _dimensions_of(each):
    if each is None or each is Ellipsis or isinstance(each, bool):
        return 0
    return each.dim() if isinstance(each, Tensor) and each.dtype is dtypes.bool_ else 1


def _sliced(geometry, dim, part):
    ends = (part.start, part.stop, part.step)
    part = slice(*(None if each is None else operator.index(each) for each in ends))
    if part.step is not None and part.step <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, step = part.indices(geometry.shape[dim])
    return geometry.sliced(dim, start, len(range(start, stop, step)), step)


def _of_mask(geometry, dim, mask):
    size = geometry.shape[dim : dim + mask.dim()]
    if tuple(mask.shape) != tuple(size):
        at = next(i for i, (a, b) in enumerate(zip(mask.shape, size)) if a != b)
        raise IndexError(
            f"The shape of the mask {list(mask.shape)} at index {at} does not match the shape of "
            f"the indexed tensor {list(geometry.shape)} at index {dim + at}"
        )
    return nonzero(mask, as_tuple=True)


def _index(geometry, dim, each):
    try:
        i, size = operator.index(each), geometry.shape[dim]
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(each).__name__})"
        ) from None
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {size}")
    return i % size


def chosen(geometry, picked):
    """The positions that index tensors choose, and the shape of the result: their common shape
    takes the place of their dimensions, or stands in front if others are between them."""
    dims = sorted(picked)
    try:
        common = broadcast(*(picked[dim].shape for dim in dims))
    except RuntimeError:
        shapes = ", ".join(str(list(picked[dim].shape)) for dim in dims)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    steps = [0] * Size(common).numel()
    unread = 0 in (n for i, n in enumerate(geometry.shape) if i not in picked)
    for dim in dims:
        size, stride = geometry.shape[dim], geometry.strides[dim]
        for n, i in enumerate(numbers_as(picked[dim], common)):
            if not -size <= i < size and not (unread and size):
                raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {size}")
            steps[n] += i % size * stride
    together = dims == list(range(dims[0], dims[-1] + 1))
    before = [d for d in range(dims[0] if together else 0) if d not in picked]
    after = [d for d in range(len(before), len(geometry.shape)) if d not in picked]
    outer, inner = geometry.permuted(before), geometry.permuted(after)._replace(offset=0)
    inner = inner.positions()
    found = [at + step + more for at in outer.positions() for step in steps for more in inner]
    shape = [geometry.shape[d] for d in before], common, [geometry.shape[d] for d in after]
    return found, tuple(size for part in shape for size in part)


def _get(x, key):
    geometry, picked = located(x._geometry, key)
    if not picked:
        return view(x, lambda geometry: located(geometry, key)[0])
    places, shape = chosen(geometry, picked)
    values = x._storage.values
    out = new([values[at] for at in places], shape, x.dtype)

    def vjp(g):
        return [scattered(chosen(*located(Geometry.fresh(x.shape), key))[0], g, x.shape)]

    return record(out, [x], vjp, [*picked.values()])


Tensor.__getitem__ = _get


def _check_dtype(x, key, value):
    """Raise as torch where numbers of another dtype would be written by indices."""
    if (
        value.dtype is not x.dtype
        and not value._of_python
        and not (_masks(key) and value.numel() == 1)
    ):
        have, theirs = (dtypes.CAPITAL[each.dtype.name] for each in (x, value))
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{have} for the destination and {theirs} for the source."
        )


def put(x, key, value, add=False):
    """`x[key] = value`, or added to what is there."""
    if isinstance(value, (list, tuple)):
        kind = f"torch.{dtypes.CAPITAL[x.dtype.name]}Tensor"
        raise TypeError(f"can't assign a {type(value).__name__} to a {kind}")
    if key is False:
        return  # nowhere, whatever the value is
    key = None if key is True else key
    geometry, picked = located(x._geometry, key)
    if isinstance(value, (int, float)) and x.dtype.kind == dtypes.INT:
        check_fits(value, x.dtype)
    if value is x and picked and not x.numel():
        refuse("writing an empty tensor into itself")
    value = operand(value) if isinstance(value, (Tensor, bool, int, float, complex)) else value
    if not isinstance(value, Tensor):
        from torch.creation import as_tensor

        value = as_tensor(value)
    if not picked:
        # All of x is x itself: torch remembers a write to a view otherwise.
        target = x if geometry == x._geometry else _get(x, key)
        while value.dim() > target.dim() and value.shape[0] == 1:
            value = value[0]
        target.copy_(target + value if add else value)
        return
    places, shape = chosen(geometry, picked)
    _check_dtype(x, key, value)
    if not _masks(key) or value.numel() != 1:
        apart(x, value)
    if x._geometry.repeats():
        refuse("writing by indices into an expanded tensor")
    while value.dim() > len(shape) and value.shape[0] == 1:
        value = value[0]
    try:
        values = dtypes.stored(numbers_as(value, shape), x.dtype)
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        ) from None
    order = {p: i for i, p in enumerate(x._geometry.positions())}
    write(x, _placed(x, [order[p] for p in places], values, value, shape, add, picked.values()))


def _masks(key):
    return isinstance(key, Tensor) and key.dtype is dtypes.bool_ and key.dim()


def _placed(x, places, values, source, shape, add, saved):
    """A copy of `x` with `values` put at `places`, or added there; their gradient goes to
    `source`, which was broadcast to `shape`."""
    out = numbers(x)
    for at, value in zip(places, values):
        out[at] = dtypes.stored([out[at] + value], x.dtype)[0] if add else value
    result = make(out, x.shape, x.dtype)
    before = new(numbers(x), x.shape, x.dtype)
    if autograd.is_grad_enabled():
        before._requires_grad, before._node = x.requires_grad, node_of(x)

    def vjp(g):
        kept = numbers(g)
        part = new([kept[at] for at in places], shape, g.dtype)
        if not add:
            for at in places:
                kept[at] = 0.0
        return [new(kept, x.shape, g.dtype), unbroadcast(part, source.shape)]

    if autograd.recording(x, source):
        result._requires_grad = True
        result._node = Node([node_of(before), node_of(source)], vjp, saved=saved)
    return result


def _from_zero(x, index):
    if not x.numel():
        refuse("indices of a tensor without numbers")
    if any(i < 0 for i in numbers(index)):
        raise IndexError("index out of range in self")
    return index


def _at(x, dim, index):
    return (slice(None),) * dimension(dim, x.dim()) + (index,)


@public()
def index_select(x, dim, index):
    """The listed indices of a dimension."""
    if index.dim() > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    dim = dimension(dim, x.dim())
    if not x.dim() and index.numel() != 1:
        raise IndexError("index_select(): Index to scalar can have only 1 value")
    if not x.dim():
        if index.item() != 0:
            raise IndexError("index out of range in self")
        return x.clone()
    return _get(x, _at(x, dim, _from_zero(x, index.reshape(-1))))


@public(in_place=True)
def index_fill(x, dim, index, value):
    """A copy with one number at the listed indices."""
    if not x.dim():
        return index_fill(x.reshape(1), dim, index, value).reshape(())
    if not x.numel():
        refuse("index_fill of a tensor without numbers")
    if not isinstance(value, Tensor):
        check_fits(value, x.dtype)
    out = x.clone()
    put(out, _at(x, dim, index), value)
    return out


@public(in_place=True)
def index_copy(x, dim, index, source):
    """A copy with the rows of `source` at the listed indices."""
    out = x.clone()
    put(out, _at(x, dim, _from_zero(x, index)), source)
    return out


@public(in_place=True)
def index_add(x, dim, index, source, *, alpha=1):
    """A copy with the rows of `source` added at the listed indices, again for each repetition."""
    out = x.clone()
    put(out, _at(x, dim, _from_zero(x, index)), source * alpha if alpha != 1 else source, add=True)
    return out


@public(in_place=True)
def index_put(x, indices, values, accumulate=False):
    """A copy with `values` at places that a tuple of index tensors names."""
    out = x.clone()
    put(out, tuple(indices), values, accumulate)
    return out


@public(in_place=True)
def masked_fill(x, mask, value):
    """A copy with one number wherever the mask is true."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{dtypes.CAPITAL[mask.dtype.name].lower()}"
        )
    from torch.elementwise import where

    value = operand(value)
    if value.dim():
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.dim()} dimension(s)."
        )
    check_fits(value.item(), x.dtype)
    return where(mask, value.to(x.dtype), x)


@public()
def masked_select(x, mask):
    """The elements where the mask is true, in order."""
    shape = broadcast(x.shape, mask.shape)
    return saving(_get(x.expand(shape), mask.expand(shape)), x, mask)


@public(in_place=True)
def masked_scatter(x, mask, source):
    """A copy with the numbers of `source`, in order, wherever the mask is true."""
    mask, out = mask.expand(x.shape), x.clone()
    put(out, mask, source.reshape(-1)[: int(mask.sum())])
    return out


def _places(name, x, dim, index):
    """The places in order that `gather` and `scatter` mean: `index` says where along `dim`."""
    if index.dtype not in (dtypes.int64, dtypes.int32) and index.numel():
        raise RuntimeError(f"{name}(): Expected dtype int64 for index")
    dim = dimension(dim, x.dim())
    if max(index.dim(), 1) != max(x.dim(), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    size = x.shape[dim] if x.dim() else 1
    for i in range(x.dim()):
        if i != dim and index.shape[i] > x.shape[i]:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be "
                f"no larger than self {list(x.shape)} apart from dimension {dim}"
            )
    chosen_ = numbers(index)
    for i in chosen_:
        if not 0 <= i < size:
            raise RuntimeError(f"index {i} is out of bounds for dimension {dim} with size {size}")
    steps = Geometry.fresh(x.shape).strides or (1,)
    rest = Geometry(0, index.shape, tuple(0 if i == dim else s for i, s in enumerate(steps)))
    if not index.dim():
        return [i * steps[dim] for i in chosen_]
    return [at + i * steps[dim] for at, i in zip(rest.positions(), chosen_)]


@public()
def gather(x, dim, index, *, sparse_grad=False):
    """out[i, j, …] = x[…, index[i, j, …], …] along `dim`."""
    if not index.numel() and index.dim() != x.dim():
        refuse("gather without indices")
    places, values = _places("gather", x, dim, index), numbers(x)
    out = new([values[at] for at in places], index.shape, x.dtype)
    return record(out, [x], lambda g: [scattered(places, g, x.shape)], [x, index])


@public()
def take_along_dim(x, indices, dim=None):
    """As `gather`, but indices are broadcast."""
    if dim is None:
        return gather(x.reshape(-1), 0, indices.reshape(-1))
    dim = dimension(dim, x.dim())
    shape = [list(each.shape) for each in (x, indices)]
    for each in shape:
        each[dim] = 1
    common = list(broadcast(*shape))
    mine, theirs = ([*common[:dim], t.shape[dim], *common[dim + 1 :]] for t in (x, indices))
    return gather(x.expand(mine), dim, indices.expand(theirs))


@public()
def take(x, index):
    """Elements by their number in order."""
    return saving(_get(x.reshape(-1), index), x, index)


@public(in_place=True)
def scatter(x, dim, index, src=None, *, value=None, reduce=None):
    """A copy with `src` written where `index` says: the opposite of `gather`."""
    return _scatter(x, dim, index, value if src is None else src, reduce)


@public(in_place=True)
def scatter_add(x, dim, index, src):
    """A copy to which `src` is added where `index` says."""
    return _scatter(x, dim, index, src, "add")


@public(in_place=True)
def scatter_reduce(x, dim, index, src, reduce, *, include_self=True):
    """`scatter_add` under another name; other ways to combine are not in the page."""
    if reduce != "sum" or not include_self:
        from torch.names import refuse

        refuse(f"scatter_reduce(reduce={reduce!r}, include_self={include_self})")
    return _scatter(x, dim, index, src, "add")


def _scatter(x, dim, index, source, reduce):
    if reduce not in (None, "add"):
        from torch.names import refuse

        refuse(f"scatter(reduce={reduce!r})")
    places = _places("scatter", x, dim, index)
    if not isinstance(source, Tensor):
        check_fits(source, x.dtype)
        source = new([source], (), dtypes.of_python(source)).to(x.dtype)
    elif source.dtype is not x.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    part = source if source.dim() else source.expand(index.shape)
    part = _get(part, tuple(slice(0, n) for n in index.shape)) if index.dim() else part
    return _placed(x, places, numbers(part), part, index.shape, reduce == "add", [index])


@public()
def slice_scatter(x, src, dim=0, start=None, end=None, step=1):
    """A copy with `src` in a slice of a dimension."""
    out = x.clone()
    put(out, _at(x, dim, slice(start, end, step)), src)
    return out


@public()
def flip(x, *dims):
    """The opposite order along dimensions."""
    for dim in dims[0] if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else dims:
        if not x.dim() and dimension(dim, 0) == 0:
            continue
        x = _rows(x, dim, range(x.size(dim) - 1, -1, -1))
    return x.clone() if not dims or not x.dim() else x


def _rows(x, dim, order):
    return saving(_get(x, _at(x, dim, new(list(order), (len(order),), dtypes.int64))))


@public()
def roll(x, shifts, dims=None):
    """Moved along dimensions, what leaves at one end coming in at the other."""
    if not x.numel():
        return x.clone()
    if dims is None or dims == ():
        return roll(x.reshape(-1), shifts, 0).reshape(x.shape)
    pair = ([each] if isinstance(each, int) else each for each in (shifts, dims))
    for shift, dim in zip(*pair):
        size = x.size(dim)
        x = _rows(x, dim, [(i - shift) % size for i in range(size)])
    return x


@public()
def repeat_interleave(x, repeats, dim=None, *, output_size=None):
    """Each index of a dimension so many times, one copy after the other."""
    if dim is None:
        x, dim = x.reshape(-1), 0
    size = x.size(dim)
    many = numbers(repeats) if isinstance(repeats, Tensor) else [repeats]
    many = many * size if len(many) == 1 else many
    if len(many) != size:
        raise RuntimeError("repeats must have the same size as input along dim")
    return _rows(x, dim, [i for i, count in enumerate(many) for _ in range(count)])


@public()
def nonzero(x, *, as_tuple=False):
    """The indices of what is not 0: a row for each, or a tuple with a tensor for each dimension."""
    if as_tuple and not x.dim():
        x = x.reshape(1)
    shape = x.shape
    found = [at for at, value in enumerate(numbers(x)) if value]
    steps = Geometry.fresh(shape).strides
    columns = [[at // step % size for at in found] for size, step in zip(shape, steps)]
    if as_tuple:
        return tuple(new(column, (len(found),), dtypes.int64) for column in columns)
    # In memory column after column, as torch leaves it: some views of it do not exist.
    flat = [i for column in columns for i in column]
    return new(flat, (len(shape), len(found)), dtypes.int64).T.detach()


@public()
def argwhere(x):
    """As `nonzero`."""
    return nonzero(x)
