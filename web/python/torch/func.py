"""`torch.func`: the gradient of a function as a function."""

from torch import autograd
from torch.creation import zeros_like
from torch.names import lacking

__getattr__ = lacking("torch.func")


def grad_and_value(func, argnums=0):
    """A function that gives the gradient by some arguments, and the value."""

    def both(*args, **kwargs):
        args = list(args)
        places = [argnums] if isinstance(argnums, int) else argnums
        leaves = []
        for i in places:
            args[i] = _copied(args[i], leaves)
        with autograd.enable_grad():
            value = func(*args, **kwargs)
            found = iter(autograd.grad(value, leaves, allow_unused=True))
        grads = tuple(_copied(args[i], [], found) for i in places)
        return (grads[0] if isinstance(argnums, int) else grads), value.detach()

    return both


def _copied(given, leaves, grads=None):
    """Nested lists, tuples and dicts with a leaf for each tensor, or with its gradient."""
    if isinstance(given, (list, tuple)):
        return type(given)([_copied(each, leaves, grads) for each in given])
    if isinstance(given, dict):
        return {key: _copied(each, leaves, grads) for key, each in given.items()}
    if grads is not None:
        found = next(grads)
        return zeros_like(given.detach()) if found is None else found
    leaves.append(given.detach().clone().requires_grad_())
    return leaves[-1]


def grad(func, argnums=0):
    """A function that gives the gradient by some arguments."""
    both = grad_and_value(func, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[0]
