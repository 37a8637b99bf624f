"""`torch.nn.init`: how layers begin."""

from torch.autograd import no_grad
from torch.names import lacking

__getattr__ = lacking("torch.nn.init")


@no_grad()
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform numbers of [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal numbers."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor, val):
    """One number."""
    return tensor.fill_(val)


def zeros_(tensor):
    """0."""
    return constant_(tensor, 0)


def ones_(tensor):
    """1."""
    return constant_(tensor, 1)
