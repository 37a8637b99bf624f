"""A stand-in for the little of numpy that answers to the exercises use, over the page's torch.

There is no numpy in the page. What is here gives numpy's numbers: whole numbers are int64, others
float64, unless a type is named. Any other name says that it is not in the page.
"""

import math
import random as _random
import types

import torch as _torch

inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None


class generic:
    """A number of numpy's."""

    def item(self):
        """Python's own."""
        return self._plain(self)


class number(generic):
    """Not a truth value."""


class bool_(generic, int):
    """True or false."""

    _plain, dtype = bool, "bool"


class int64(number, int):
    """A whole number of 64 bits."""

    _plain, dtype = int, "int64"


class int32(number, int):
    """A whole number of 32 bits."""

    _plain, dtype = int, "int32"


class float64(number, float):
    """A float of 64 bits."""

    _plain, dtype = float, "float64"


class float32(number, float):
    """A float of 32 bits."""

    _plain, dtype = float, "float32"


_TYPES = {each.dtype: each for each in (bool_, int64, int32, float64, float32)}
_PYTHON = {bool: "bool", int: "int64", float: "float64"}


def _type(wanted):
    """torch's type for numpy's or Python's."""
    name = _PYTHON.get(wanted) or getattr(wanted, "dtype", wanted)
    if name not in _TYPES:
        __getattr__(str(name))
    return getattr(_torch, name)


class ndarray:
    """An array: a tensor with numpy's names."""

    def __init__(self, tensor):
        self._t = tensor

    shape = property(lambda self: tuple(self._t.shape))
    ndim = property(lambda self: self._t.dim())
    size = property(lambda self: self._t.numel())
    dtype = property(lambda self: str(self._t.dtype).removeprefix("torch."))
    T = property(lambda self: ndarray(self._t.T))

    def __repr__(self):
        return f"array({self._t.tolist()})"

    def __len__(self):
        return len(self._t)

    def __bool__(self):
        return bool(self._t)

    def __float__(self):
        return float(self._t)

    def __iter__(self):
        return (_out(each) for each in self._t)

    def __getitem__(self, key):
        key = key._t if isinstance(key, ndarray) else key
        return _out(self._t[key])

    def tolist(self):
        """Nested lists."""
        return self._t.tolist()

    def item(self):
        """Its only number."""
        return self._t.item()

    def copy(self):
        """A copy."""
        return ndarray(self._t.clone())

    def astype(self, dtype):
        """In another type."""
        return ndarray(self._t.to(_type(dtype)))

    def reshape(self, *shape):
        """In another shape."""
        return ndarray(self._t.reshape(*shape))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return __getattr__(f"ndarray.{name}")


def _in(x):
    """A tensor of an array, a tensor, a number or lists of them."""
    if isinstance(x, ndarray):
        return x._t
    if isinstance(x, _torch.Tensor):
        return x
    made = _torch.tensor(x, dtype=None)
    if made.dtype is _torch.float32:
        made = _torch.tensor(x, dtype=_torch.float64)
    return made


def _out(t):
    """An array, or without dimensions a number."""
    name = str(t.dtype).removeprefix("torch.")
    return _TYPES[name](t.item()) if not t.dim() and name in _TYPES else ndarray(t)


def _operator(name):
    method = getattr(_torch.Tensor, name)

    def apply(self, other):
        return _out(method(self._t, _in(other)))

    setattr(ndarray, name, apply)


for _name in "add sub mul truediv pow floordiv mod and or xor".split():
    _operator(f"__{_name}__")
    _operator(f"__r{_name}__")
for _name in "eq ne lt le gt ge matmul".split():
    _operator(f"__{_name}__")
ndarray.__neg__, ndarray.__invert__ = (
    (lambda self: ndarray(-self._t)),
    (lambda self: ndarray(~self._t)),
)


def _each(name):
    def apply(x):
        return _out(getattr(_torch, name)(_in(x)))

    return apply


exp, log, sqrt, abs, isnan, floor = map(_each, "exp log sqrt abs isnan floor".split())


def _reduction(name, spread=False):
    def apply(x, axis=None, keepdims=False, dtype=None):
        t = _in(x) if dtype is None else _in(x).to(_type(dtype))
        more = {} if dtype is None else {"dtype": _type(dtype)}
        if name == "mean" and not t.is_floating_point():
            t = t.double()
        if name in ("amax", "amin"):
            more = {}
        return _out(getattr(_torch, name)(t, axis, keepdims, **more))

    return apply


sum, mean, prod, max, min, any, all = map(_reduction, "sum mean prod amax amin any all".split())


def std(x, axis=None, ddof=0, keepdims=False):
    """The standard deviation; of a sample with `ddof` 1."""
    return _out(_torch.std(_in(x).double(), axis, keepdim=keepdims, correction=ddof))


for _name in "sum mean prod max min any all std".split():
    setattr(ndarray, _name, globals()[_name])


def array(x, dtype=None, order=None):
    """An array of numbers, copied."""
    t = _in(x).clone()
    return ndarray(t if dtype is None else t.to(_type(dtype)))


def asarray(x, dtype=None):
    """The array itself, or a new one."""
    return x if isinstance(x, ndarray) and dtype is None else array(x, dtype)


def where(condition, x=None, y=None):
    """x where the condition is true, else y; of a condition alone the indices. Without dimensions
    it is still an array."""
    if x is None:
        return tuple(map(ndarray, _in(condition).nonzero(as_tuple=True)))
    return ndarray(_torch.where(_in(condition), _in(x), _in(y)))


def maximum(a, b):
    """The larger of each two."""
    return _out(_torch.maximum(_in(a), _in(b)))


def swapaxes(x, first, second):
    """Two dimensions change places."""
    return ndarray(_in(x).transpose(first, second))


def flatnonzero(x):
    """Where what is not 0 stands, in order."""
    return ndarray(_in(x).reshape(-1).nonzero().flatten())


def average(x, weights=None):
    """The mean, with weights."""
    if weights is None:
        return mean(x)
    values, weights = _in(x).double(), _in(weights).double()
    return _out((values * weights).sum() / weights.sum())


def linspace(start, stop, num=50):
    """So many numbers at equal distances."""
    return ndarray(_torch.linspace(start, stop, num, dtype=_torch.float64))


def polyfit(x, y, deg):
    """The straight line with the least squares: its slope, and where it begins."""
    if deg != 1:
        __getattr__("polyfit")
    x, y = _in(x).double(), _in(y).double()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return ndarray(_torch.stack([slope, y.mean() - slope * x.mean()]))


random = types.SimpleNamespace(rand=_random.random)


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"numpy.{name} is not in the page: use the notebook, or torch")
