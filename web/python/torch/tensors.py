"""`Tensor`: a list of numbers, shared by all its views, and a geometry that says which are seen.

Functions of the other files become methods at the end of `torch/__init__.py`. What is here needs
to know how a tensor is stored: making, viewing, reading, writing in place.
"""

import math

from torch import autograd, devices, dtypes, strides
from torch.autograd import Node, node_of, record
from torch.names import refuse
from torch.strides import Geometry, Size


class Storage:
    """The list that a tensor and its views share; `version` counts writes, `replaced` those that
    torch does not see: through the `.data` of a tensor of this `origin`, or another `.data`."""

    __slots__ = "values", "version", "replaced", "origin"

    def __init__(self, values, origin=None):
        self.values, self.version, self.replaced, self.origin = values, 0, 0, origin


def new(values, shape, d, cls=None):
    """A tensor of numbers that are stored as `d` already."""
    return _over(Storage(values), Geometry.fresh(shape), d, cls)


def make(values, shape, d):
    """A tensor of any numbers, rounded to `d`."""
    return new(dtypes.stored(values, d), shape, d)


def beside(values, x, d):
    """A tensor of numbers that are stored as `d` already, its dimensions in the order in which
    those of `x` stand in memory."""
    geometry = x._geometry
    spread = any(step == 0 and n > 1 for n, step in zip(geometry.shape, geometry.strides))
    if spread or geometry.is_contiguous():
        return new(values, geometry.shape, d)
    dims = range(len(geometry.shape))
    order = sorted(dims, key=lambda i: -geometry.strides[i])
    back = Geometry.fresh([geometry.shape[i] for i in order]).permuted(
        [order.index(i) for i in dims]
    )
    placed = [None] * len(values)
    for at, value in zip(back.positions(), values):
        placed[at] = value
    return _over(Storage(placed), back, d)


def _over(storage, geometry, d, cls=None):
    t = object.__new__(cls or Tensor)
    t._storage, t._geometry, t.dtype, t.grad = storage, geometry, d, None
    t._requires_grad, t._node, t._base, t._seen, t._rewrites = False, None, None, 0, 0
    t._made_at, t._fixed = 0, False
    return t


def numbers(t):
    """The numbers of `t` in order, as a new list."""
    values, geometry = t._storage.values, t._geometry
    if geometry.is_contiguous():
        return values[geometry.offset : geometry.offset + t.numel()]
    return [values[at] for at in geometry.positions()]


def numbers_as(t, shape):
    """The same after broadcasting `t` to `shape`."""
    if t._geometry.shape == tuple(shape):
        return numbers(t)
    if t.numel() == 1:
        return [t._storage.values[t._geometry.offset]] * math.prod(shape)
    return [t._storage.values[at] for at in t._geometry.expanded(shape).positions()]


def view(t, change, one_of_many=False):
    """A view of `t`: `change` makes its geometry of t's. The gradient goes back by the same
    change of the places of a tensor that stands in order. For gradients nothing may be written
    into one of the many views that `split` or `unbind` give, nor into one made in `no_grad`: it
    is fixed at the version of its numbers."""
    out, base = _over(t._storage, change(t._geometry), t.dtype), t if t._base is None else t._base
    remembers = autograd.is_grad_enabled()
    if remembers or base._requires_grad:
        out._base, out._seen = base, base._rewrites
    out._made_at, out._fixed = t._storage.version, one_of_many or not remembers or t._fixed
    if not autograd.recording(t):
        return out

    def vjp(g):
        return [scattered(change(Geometry.fresh(t.shape)).positions(), g, t.shape)]

    return record(out, [t], vjp)


def scattered(places, g, shape):
    """A gradient of `shape` with the numbers of `g` added at `places`."""
    total = [0.0] * Size(shape).numel()
    for at, value in zip(places, numbers(g)):
        total[at] += value
    return make(total, shape, g.dtype)


def check_fits(value, d):
    """Raise torch's complaint about a number that a type cannot hold."""
    if d.kind == dtypes.INT:
        low, high = dtypes.iinfo(d).min, dtypes.iinfo(d).max
        if d is dtypes.uint8 and type(value) is int:
            low = -high  # negative whole numbers may wrap around
        fits = low <= value <= high  # NaN does not
    else:
        fits = d.kind != dtypes.FLOAT or not d.largest < abs(value) < math.inf
    if not fits:
        name = dtypes.C_NAMES.get(d.name, f"{d.name}_t")
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")


def operand(x):
    """What Python's operators may meet: a tensor, or a number of Python's, which gives way in
    promotion (`_of_python`)."""
    if isinstance(x, Tensor):
        return x
    d = dtypes.of_python(x)
    t = make([x], (), d) if d.kind == dtypes.INT else new([x], (), d)
    t._of_python = True
    return t


def unbroadcast(g, shape):
    """The gradient of what was broadcast from `shape`: summed where it was repeated."""
    if g.shape == tuple(shape):
        return g
    extra = len(g.shape) - len(shape)
    repeated = [i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1]
    dims = [*range(extra), *repeated]
    return (g.sum(dims, keepdim=True) if dims else g).reshape(shape)


def write(t, result, old=True):
    """Put the numbers of `result` in the place of those of `t`, in every view of them; `old` says
    that the gradient still goes to what was there, as 0."""
    root = t if t._base is None else t._base
    tracked = autograd.is_grad_enabled()
    tracked = tracked and (root.requires_grad or t.requires_grad or result.requires_grad)
    if tracked and t._base is not None and t._fixed:
        raise RuntimeError(
            "Output of a function that returns multiple views, or a view that was created in "
            "no_grad mode, is being modified inplace. You should replace the inplace operation by "
            "an out-of-place one."
        )
    if tracked and t.requires_grad and root.is_leaf:
        a = "a leaf Variable" if t is root else "a view of a leaf Variable"
        raise RuntimeError(f"{a} that requires grad is being used in an in-place operation.")
    if result.dtype.kind > t.dtype.kind:
        have, want = (dtypes.CAPITAL[each.dtype.name] for each in (result, t))
        raise RuntimeError(f"result type {have} can't be cast to the desired output type {want}")
    if tuple(shape := strides.broadcast(t.shape, result.shape)) != tuple(t.shape):
        raise RuntimeError(
            f"output with shape {list(t.shape)} doesn't match the broadcast shape {list(shape)}"
        )
    if t.numel() and t._geometry.repeats():
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    places = t._geometry.positions()
    if not t._geometry.is_dense() and len({*places}) < len(places):
        refuse("a write to windows that overlap")
    if tracked:
        _rewrite(t, root, result, old)
    values = dtypes.stored(numbers_as(result, t.shape), t.dtype)
    storage = t._storage
    for at, value in zip(places, values):
        storage.values[at] = value
    storage.version += 1
    while storage.origin is not None:
        storage = storage.origin
        storage.replaced += 1
    return t


def apart(t, other):
    """Raise torch's complaint if a write to `t` would change what is still to be read."""
    if other._storage.values is not t._storage.values:
        return
    both = t._geometry, other._geometry
    places = [each.positions() for each in both]
    if not all(each.is_dense() for each in both):
        if set(places[0]) & set(places[1]):
            refuse("a write to numbers that the same line reads elsewhere")
    elif t.numel() and other.numel():
        if min(places[0]) <= max(places[1]) and min(places[1]) <= max(places[0]):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )


def _rewrite(t, root, result, old):
    """After a write, the root of all views is a new result: of `result` where `t` sees it, and
    elsewhere of what it was."""
    back = node_of(result)

    def to_result(g):
        return unbroadcast(g.to(result.dtype), result.shape) if back else None

    if t is root and back is None:  # nothing of it is left
        node = Node([node_of(root)], lambda g: [g.new_zeros(g.shape)])
    elif t is root:
        before = [node_of(root)] * old
        node = Node([*before, back], lambda g: [*[g.new_zeros(g.shape)] * old, to_result(g)])
    else:
        order = {p: i for i, p in enumerate(root._geometry.positions())}
        places = [order[p] for p in t._geometry.positions()]

        def vjp(g):
            values = numbers(g)
            part = new([values[i] for i in places], t.shape, g.dtype)
            for i in places:
                values[i] = 0.0
            return [new(values, root.shape, g.dtype), to_result(part)]

        # torch's node of a write to a view goes back but once, as if it had saved something.
        node = Node([node_of(root), back], vjp, saved=[new([], (0,), t.dtype)])
    if root._node is not None:  # what retain_grad() asked for is the gradient of the new numbers
        node.retained, root._node.retained = root._node.retained, None
    root._requires_grad, root._node = True, node
    root._rewrites += 1


# torch writes into expanded tensors by these alone; what that gives is left to it.
WRITE_EXPANDED = "masked_fill", "tril", "triu", "index_fill", "index_put"


def in_place(function):
    """The method that writes what `function` gives into its first argument."""

    def method(self, *args, **kwargs):
        for each in args:
            if isinstance(each, Tensor) and each._geometry != self._geometry:
                apart(self, each)
        if function.__name__ in WRITE_EXPANDED and self._geometry.repeats():
            refuse(f"{function.__name__}_ of an expanded tensor")
        before = new(numbers(self), self.shape, self.dtype)
        if autograd.is_grad_enabled():
            before._requires_grad, before._node = self.requires_grad, node_of(self)
        result = function(before, *args, **kwargs)
        write(self, result, old=False)
        if result._node is not None:  # what it saved of itself is what was written
            (now,) = autograd.stamps([self])
            kept = result._node.saved
            result._node.saved = [now if each[0] is result._storage else each for each in kept]
        return self

    method.__name__ = function.__name__ + "_"
    return method


class UntypedStorage:
    """The memory of a tensor, as torch shows it."""

    def __init__(self, values, itemsize):
        self._values, self._itemsize = values, itemsize

    def data_ptr(self):
        return id(self._values)

    def nbytes(self):
        return self._itemsize * len(self._values)


class Tensor:
    """An array of numbers of one type, as torch's, of which this has the better-known names."""

    _of_python = False

    def __new__(cls, *given, device=None):
        """`torch.Tensor([1, 2])` and `torch.Tensor(2, 3)`: floats, whatever is given."""
        d = dtypes.get_default_dtype()
        if len(given) == 1 and isinstance(given[0], (list, tuple, Tensor)):
            from torch.creation import tensor

            return tensor(given[0], dtype=d)
        return new([0.0] * Size(given).numel(), strides.sizes(given), d)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"'Tensor' object has no attribute {name!r}")
        refuse(f"torch.Tensor.{name}")

    # What it is

    shape = property(lambda self: Size(self._geometry.shape))
    ndim = property(lambda self: len(self._geometry.shape))
    device = property(lambda self: devices.CPU)
    layout = property(lambda self: devices.strided)
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.dtype.itemsize * self.numel())
    is_sparse = is_quantized = is_cuda = is_meta = property(lambda self: False)

    def dim(self):
        """How many dimensions."""
        return len(self._geometry.shape)

    ndimension = dim

    def size(self, dim=None):
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[strides.dimension(dim, self.dim())]

    def numel(self):
        """How many numbers."""
        return Size(self._geometry.shape).numel()

    nelement = numel

    def element_size(self):
        """Bytes of one number."""
        return self.dtype.itemsize

    def is_floating_point(self):
        """Is it of floats?"""
        return self.dtype.is_floating_point

    def is_complex(self):
        """Is it of complex numbers?"""
        return self.dtype.is_complex

    def get_device(self):
        """-1: the processor."""
        return -1

    # How it is stored

    def stride(self, dim=None):
        """The steps in memory between neighbours of each dimension, or of one."""
        steps = self._geometry.strides
        return steps if dim is None else steps[strides.dimension(dim, self.dim())]

    def storage_offset(self):
        """The place of its first number in memory."""
        return self._geometry.offset

    def is_contiguous(self, memory_format=None):
        """Does it stand in memory in order?"""
        return self._geometry.is_contiguous()

    def data_ptr(self):
        """A number that is the same for tensors that begin at the same place."""
        return id(self._storage.values) + self.itemsize * self._geometry.offset

    def untyped_storage(self):
        """The memory: where it begins and how large it is."""
        return UntypedStorage(self._storage.values, self.itemsize)

    def is_set_to(self, other):
        """Is the other one a view of the very same numbers?"""
        return self._storage.values is other._storage.values and self._geometry == other._geometry

    _version = property(lambda self: self._storage.version)

    # Gradients

    def _follow_base(self):
        """If the tensor that this is a view of was rewritten, this is a view of the new one."""
        base = self._base
        if base is None:
            return
        written = self._made_at != self._storage.version
        if written and self._fixed and self.requires_grad:
            raise RuntimeError(
                "Output of a function that returns multiple views, or a view that was created in "
                "no_grad mode, and its base or another view of its base has been modified inplace."
            )
        # After a write of either kind it is a view of a base that asks for gradients by now.
        late = written and base._requires_grad and not self._requires_grad
        if base._rewrites == self._seen and not late:
            return
        self._seen, self._requires_grad = base._rewrites, base._requires_grad
        order = {p: i for i, p in enumerate(base._geometry.positions())}
        places = [order[p] for p in self._geometry.positions()]
        shape, before = base.shape, self._node
        self._node = Node([node_of(base)], lambda g: [scattered(places, g, shape)])
        if before is not None:
            self._node.retained, before.retained = before.retained, None

    @property
    def requires_grad(self):
        """Are operations on it remembered?"""
        base = self._base  # a view of what asks for gradients by now does so, too
        return self._requires_grad or (base is not None and base._requires_grad)

    @requires_grad.setter
    def requires_grad(self, on):
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad=True):
        """Remember operations from now on."""
        if requires_grad and self.dtype.kind < dtypes.FLOAT:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if not requires_grad and not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        self._requires_grad = requires_grad
        return self

    @property
    def is_leaf(self):
        """Did nobody compute it, as far as gradients go?"""
        self._follow_base()
        return self._node is None or self._node.leaf is not None

    @property
    def grad_fn(self):
        """The node of its gradient, if it was computed."""
        return None if self.is_leaf else self._node

    def detach(self):
        """The same numbers, not remembered."""
        return _over(self._storage, self._geometry, self.dtype)

    @property
    def data(self):
        """As `detach`, but what is written there counts for no gradient."""
        return _over(Storage(self._storage.values, self._storage), self._geometry, self.dtype)

    @data.setter
    def data(self, other):
        self._storage.replaced += 1
        self._storage, self._geometry, self.dtype = other._storage, other._geometry, other.dtype

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Add gradients to `.grad` of every leaf that this was made from."""
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def retain_grad(self):
        """Keep `.grad` of this one, too."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node_of(self).retained = self

    # To Python

    def tolist(self):
        """Nested lists; of a tensor without dimensions its number."""

        def nest(values, shape):
            if len(shape) < 2:
                return values if shape else values[0]
            step = Size(shape[1:]).numel()
            return [nest(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]

        return nest(numbers(self), self._geometry.shape)

    def item(self):
        """Its only number."""
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        return self._storage.values[self._geometry.offset]

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __complex__(self):
        return complex(self.item())

    def __index__(self):
        if self.dtype.kind > dtypes.INT or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self):
        if self.numel() != 1:
            many = "more than one value" if self.numel() else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {many} is ambiguous")
        return self.item() != 0

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self):
        return self.flip(0)

    def __contains__(self, value):
        return bool((self == value).any())

    def __hash__(self):
        return id(self)

    def __format__(self, spec):
        return format(self.item(), spec) if not self.shape else object.__format__(self, spec)

    def __deepcopy__(self, memo):
        out = new(numbers(self), self.shape, self.dtype, type(self))
        out._requires_grad = self.requires_grad
        memo[id(self)] = out
        return out

    def __reduce__(self):
        return make, (numbers(self), tuple(self.shape), self.dtype)

    # Other types, and copies

    def to(self, *wanted, dtype=None, device=None, non_blocking=False, copy=False, **_):
        """In another type; the page's only device is the processor."""
        for each in wanted:
            if isinstance(each, dtypes.dtype):
                dtype = each
            elif isinstance(each, Tensor):
                dtype = each.dtype
            else:
                device = each
        devices.check(device)
        if dtype is None or dtype is self.dtype:
            return self.clone() if copy else self
        out = beside(dtypes.stored(numbers(self), dtype), self, dtype)
        return record(out, [self], lambda g: [g.to(self.dtype)])

    def type(self, dtype=None):
        """The name of its type, or the tensor in another."""
        if dtype is None:
            return f"torch.{dtypes.CAPITAL[self.dtype.name]}Tensor"
        return self.to(dtype)

    def type_as(self, other):
        """In the type of another tensor."""
        return self.to(other.dtype)

    def cpu(self):
        """Itself."""
        return self

    to_dense = resolve_conj = resolve_neg = cpu

    def clone(self, memory_format=None):
        """A copy, with its dimensions in the same order in memory."""
        return record(beside(numbers(self), self, self.dtype), [self], lambda g: [g])

    def contiguous(self, memory_format=None):
        """Itself if it stands in order, else a copy that does."""
        if self.is_contiguous():
            return self
        return record(new(numbers(self), self.shape, self.dtype), [self], lambda g: [g])

    def as_subclass(self, cls):
        """Of another class of tensors."""
        return self if cls is Tensor and type(self) is Tensor else view(self, lambda g: g)

    def copy_(self, other, non_blocking=False):
        """Overwrite the numbers by another tensor's, in this one's type."""
        other = operand(other)
        if self.dtype.kind < dtypes.FLOAT and autograd.recording(other):
            refuse("a gradient of numbers written into whole ones or bools")
        other._geometry.expanded(self.shape)  # or it says why not
        if other._geometry != self._geometry:
            apart(self, other)
        elif self._geometry.repeats() and other._storage is self._storage:
            refuse("copying an expanded tensor into itself")  # torch does nothing
        return write(self, other if other.dtype is self.dtype else other.to(self.dtype))

    def fill_(self, value):
        """Overwrite all numbers by one."""
        if not isinstance(value, Tensor):
            if self._geometry.repeats():
                refuse("fill_ of an expanded tensor")  # torch does that
            check_fits(value, self.dtype)
        return self.copy_(operand(value))

    def zero_(self):
        """Overwrite all numbers by 0."""
        return self.fill_(0)

    def set_(self, other):
        """Become a view of another tensor's numbers."""
        self.data = other
        return self

    def numpy(self, force=False):
        """numpy's array of the same numbers."""
        import numpy

        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        return numpy.asarray(self)

    def register_hook(self, hook):
        """Not here."""
        refuse("torch.Tensor.register_hook")

    def __matmul__(self, other):
        return self.matmul(other) if isinstance(other, Tensor) else NotImplemented

    def __pos__(self):
        return self

    def __setitem__(self, key, value):
        from torch.indexing import put

        put(self, key, value)


def _convert(d):
    def method(self, memory_format=None):
        return self.to(d)

    return method


for _name, _d in {**dtypes.SYNONYMS, "bool": dtypes.bool_, "bfloat16": dtypes.bfloat16}.items():
    if _d.kind < dtypes.COMPLEX:
        setattr(Tensor, _name, _convert(_d))
for _name, _d in dict(char=dtypes.int8, byte=dtypes.uint8).items():
    setattr(Tensor, _name, _convert(_d))
