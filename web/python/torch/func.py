"""`torch.func`: the gradient of a function as a function."""

from torch import autograd
from torch.names import lacking

__getattr__ = lacking("torch.func")


def grad_and_value(func, argnums=0):
    """A function that gives the gradient by some arguments, and the value."""

    def both(*args, **kwargs):
        args = list(args)
        places = [argnums] if isinstance(argnums, int) else argnums
        for i in places:
            args[i] = args[i].detach().clone().requires_grad_()
        with autograd.enable_grad():
            value = func(*args, **kwargs)
            grads = autograd.grad(value, [args[i] for i in places])
        return (grads[0] if isinstance(argnums, int) else grads), value.detach()

    return both


def grad(func, argnums=0):
    """A function that gives the gradient by some arguments."""
    both = grad_and_value(func, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[0]
