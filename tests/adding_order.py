"""Another order of adding, as on another processor: torch's products, sums, means, norms and
softmaxes of floats add in it, the same one each time for a length. Only rounding moves.

    ADDING_ORDER=1 .venv/bin/pytest solutions/03_attention.ipynb

runs a notebook in the first of these orders (`kernel_set_up.py`). A processor of another maker adds
in one of its own: an output that moves here may move there.
"""

import functools

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
EXACT_TO = torch.float32, torch.float64  # shorter floats are added as float32, and rounded once
FEW, LARGE = 16, 1 << 16


@functools.cache
def order(seed, length):
    """The order in which so many numbers are added, as indices."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + length)
    return torch.randperm(length, generator=generator)


class AddingOrder(TorchDispatchMode):
    """While it is on, torch adds in the order of `seed` in this thread, also in a backward pass."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in ADDING and _adds_floats(args):
            return ADDING[function](self, function, *args, **kwargs)
        if function.namespace == "aten":  # in inference mode `linear` comes whole
            with self:
                parts = function.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        return function(*args, **kwargs)

    def turned(self, x, *dims):
        """`x` with the entries along these dimensions in this order."""
        for dim in dims if x.ndim else ():
            x = x.index_select(dim, order(self.seed, x.shape[dim]))
        return x

    def turned_pair(self, a, b):
        """The factors of a product, whose last and first dimension are summed over."""
        return self.turned(a, -1), self.turned(b, max(-2, -b.ndim))

    def cut(self, a, b):
        """Where a product is cut in two, since turning a matrix for a few vectors takes 30 times as
        long as the product; 0 where it is turned."""
        few = min(a.shape[-2] if a.ndim > 1 else 1, b.shape[-1] if b.ndim > 1 else 1)
        if few > FEW or max(a.numel(), b.numel()) < LARGE:
            return 0
        return int(order(self.seed, a.shape[-1])[0]) or 1

    def back(self, x, dim):
        """`x` in the order that it had before it was `turned`."""
        return x.index_select(dim, order(self.seed, x.shape[dim]).argsort())


def _adds_floats(args):
    tensors = [each for each in args if isinstance(each, torch.Tensor)]
    return bool(tensors) and all(each.dtype in EXACT_TO and each.is_cpu for each in tensors)


def _product(mode, function, a, b, *more, **words):
    if cut := mode.cut(a, b):
        return sum(function(*part) for part in _parts(a, b, cut))
    return function(*mode.turned_pair(a, b), *more, **words)


def _added_product(mode, function, c, a, b, *, beta=1, alpha=1):
    if cut := mode.cut(a, b):
        for part in _parts(a, b, cut):
            c, beta = function(c, *part, beta=beta, alpha=alpha), 1
        return c
    return function(c, *mode.turned_pair(a, b), beta=beta, alpha=alpha)


def _parts(a, b, cut):
    """A product's two parts, the later one first."""
    dim, rest = max(-2, -b.ndim), a.shape[-1] - cut
    for start, length in ((cut, rest), (0, cut)):
        yield a.narrow(-1, start, length), b.narrow(dim, start, length)


def _all(mode, function, x, *more, **words):
    return function(mode.turned(x.reshape(-1), 0), *more, **words)


def _along(mode, function, x, dims=None, *more, **words):
    chosen = [dims] if isinstance(dims, int) else dims or range(x.ndim)
    return function(mode.turned(x, *chosen), dims, *more, **words)


def _norm(mode, function, x, power=2, dims=None, *more, **words):
    return function(mode.turned(x, *(dims or range(x.ndim))), power, dims, *more, **words)


def _softmax(mode, function, x, dim, *more, **words):
    if not x.ndim:
        return function(x, dim, *more, **words)
    return mode.back(function(mode.turned(x, dim), dim, *more, **words), dim)


def _softmax_backward(mode, function, gradient, y, dim, *more, **words):
    if not y.ndim:
        return function(gradient, y, dim, *more, **words)
    turned = mode.turned(gradient, dim), mode.turned(y, dim)
    return mode.back(function(*turned, dim, *more, **words), dim)


def _layer_norm(mode, function, x, shape, weight, bias, eps):
    if len(shape) > 1:
        return function(x, shape, weight, bias, eps)
    weight, bias = (each if each is None else mode.turned(each, 0) for each in (weight, bias))
    y, mean, rstd = function(mode.turned(x, -1), shape, weight, bias, eps)
    return mode.back(y, -1), mean, rstd


def _attention(mode, function, q, k, v, *more, **words):
    """The scores add in another order; the positions stay, since a mask speaks of them."""
    return function(mode.turned(q, -1), mode.turned(k, -1), v, *more, **words)


ADDING = {
    aten.mm.default: _product,
    aten.bmm.default: _product,
    aten.mv.default: _product,
    aten.dot.default: _product,
    aten.addmm.default: _added_product,
    aten.baddbmm.default: _added_product,
    aten.addmv.default: _added_product,
    aten.sum.default: _all,
    aten.mean.default: _all,
    aten.sum.dim_IntList: _along,
    aten.mean.dim: _along,
    aten.logsumexp.default: _along,
    aten.linalg_vector_norm.default: _norm,
    aten._softmax.default: _softmax,
    aten._log_softmax.default: _softmax,
    aten._softmax_backward_data.default: _softmax_backward,
    aten._log_softmax_backward_data.default: _softmax_backward,
    aten.native_layer_norm.default: _layer_norm,
    aten._scaled_dot_product_flash_attention_for_cpu.default: _attention,
}
