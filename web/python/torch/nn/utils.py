"""`torch.nn.utils`: bounds on gradients."""

import math

from torch.autograd import no_grad
from torch.names import lacking
from torch.tensors import Tensor, make, numbers

__getattr__ = lacking("torch.nn.utils")


@no_grad()
def clip_grad_norm_(parameters, max_norm, norm_type=2.0):
    """Make all gradients together no longer than `max_norm`; gives how long they were."""
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    grads = [each.grad for each in parameters if each.grad is not None]
    if norm_type == math.inf:
        total = max(max(map(abs, numbers(grad))) for grad in grads)
    else:
        total = sum(abs(v) ** norm_type for grad in grads for v in numbers(grad)) ** (1 / norm_type)
    factor = min(1.0, max_norm / (total + 1e-6))
    for grad in grads:
        grad.mul_(factor)
    return make([total], (), grads[0].dtype)


@no_grad()
def clip_grad_value_(parameters, clip_value):
    """Keep every number of the gradients between -clip_value and clip_value."""
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    for each in parameters:
        if each.grad is not None:
            each.grad.clamp_(-clip_value, clip_value)
