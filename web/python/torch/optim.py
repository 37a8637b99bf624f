"""`torch.optim`: AdamW, Adam and SGD, each step in torch's order of operations."""

from torch.autograd import enable_grad, no_grad
from torch.creation import zeros_like
from torch.names import lacking, refuse
from torch.tensors import Tensor

__getattr__ = lacking("torch.optim")


class Optimizer:
    """Groups of parameters with their settings, and a state for each parameter."""

    def __init__(self, params, defaults):
        params = list(params)
        if not params:
            raise ValueError("optimizer got an empty parameter list")
        groups = params if isinstance(params[0], dict) else [{"params": params}]
        self.defaults, self.state, self.param_groups = defaults, {}, []
        for group in groups:
            group = defaults | group
            mine = group["params"]
            group["params"] = [mine] if isinstance(mine, Tensor) else list(mine)
            self.param_groups.append(group)

    def zero_grad(self, set_to_none=True):
        """Forget the gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if set_to_none or p.grad is None else zeros_like(p.grad)

    @no_grad()
    def step(self, closure=None):
        """Move every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, p.grad, group, self.state.setdefault(p, {}))
        return loss


class AdamW(Optimizer):
    """Adam with weight decay of its own."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        maximize=False,
        **speed,
    ):
        if amsgrad or maximize:
            refuse("AdamW(amsgrad or maximize)")
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    def _decay(self, p, grad, group):
        p.mul_(1 - group["lr"] * group["weight_decay"])
        return grad

    def _move(self, p, grad, group, state):
        lr, (beta1, beta2) = group["lr"], group["betas"]
        if not state:
            state.update(step=0, exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
        state["step"] += 1
        grad = self._decay(p, grad, group)
        state["exp_avg"].lerp_(grad, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        size = lr / (1 - beta1 ** state["step"])
        root = (1 - beta2 ** state["step"]) ** 0.5
        denominator = (state["exp_avg_sq"].sqrt() / root).add_(group["eps"])
        p.addcdiv_(state["exp_avg"], denominator, value=-size)


class Adam(AdamW):
    """Weight decay as a part of the gradient."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        maximize=False,
        **speed,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize)

    def _decay(self, p, grad, group):
        decay = group["weight_decay"]
        return grad.add(p, alpha=decay) if decay else grad


class SGD(Optimizer):
    """Down the gradient, perhaps with momentum."""

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        maximize=False,
        **speed,
    ):
        if maximize:
            refuse("SGD(maximize)")
        settings = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
        super().__init__(params, settings | dict(nesterov=nesterov))

    def _move(self, p, grad, group, state):
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        if momentum := group["momentum"]:
            if "buffer" not in state:
                state["buffer"] = grad.clone()
            else:
                state["buffer"].mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            buffer = state["buffer"]
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        p.add_(grad, alpha=-group["lr"])
