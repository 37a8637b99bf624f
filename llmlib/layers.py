"""Compute everything around attention in a transformer layer: the norms, the MLPs, and the residual
block that holds them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5):
    """Apply LayerNorm (Ba et al. 2016, arXiv:1607.06450) over the last dimension: x [..., d_model]
    -> the same.

    weight and bias [d_model]. The variance is the biased one (divided by d_model, not d_model -
    1); eps stands inside the root.
    """
    deviations = x - x.mean(dim=-1, keepdim=True)
    variance = deviations.pow(2).mean(dim=-1, keepdim=True)
    return deviations / torch.sqrt(variance + eps) * weight + bias


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5):
    """Apply RMSNorm (Zhang & Sennrich 2019, arXiv:1910.07467): x [..., d_model] -> the same; weight
    [d_model].

    Each vector is divided by its root mean square, eps inside the root. It does not centre.
    """
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight


def gelu(x: Tensor, approximate: str = "tanh"):
    """Apply GELU (Hendrycks & Gimpel 2016, arXiv:1606.08415): x times the normal distribution's
    Φ(x).

    "tanh" is the paper's approximation, which GPT-2's weights were trained with; "none" is the
    exact form with erf.
    """
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if approximate == "none":
        return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
    raise ValueError(f'approximate is {approximate!r}: it must be "tanh" or "none"')


def mlp(
    x: Tensor,
    w_in: Tensor,
    b_in: Tensor | None,
    w_out: Tensor,
    b_out: Tensor | None,
    approximate: str = "tanh",
):
    """Compute GPT-2's feed-forward: x [..., d_model] -> d_mlp columns -> GELU -> d_model.

    w_in [d_mlp, d_model], w_out [d_model, d_mlp]; biases may be None.
    """
    return linear(gelu(linear(x, w_in, b_in), approximate), w_out, b_out)


def swiglu(
    x: Tensor,
    w_gate: Tensor,
    w_up: Tensor,
    w_down: Tensor,
    b_gate: Tensor | None = None,
    b_up: Tensor | None = None,
    b_down: Tensor | None = None,
):
    """Compute Llama's feed-forward (Shazeer 2020, arXiv:2002.05202): w_down(silu(w_gate x) * w_up
    x).

    x [..., d_model] -> the same; silu(z) = z * sigmoid(z). Weights as torch.nn.Linear stores them:
    w_gate and w_up [d_mlp, d_model], w_down [d_model, d_mlp].
    """
    gate = linear(x, w_gate, b_gate)
    return linear(gate * torch.sigmoid(gate) * linear(x, w_up, b_up), w_down, b_down)


def pre_norm_block(
    x: Tensor, norm_1: Callable, attend: Callable, norm_2: Callable, feed_forward: Callable
):
    """Run one layer: x [batch, seq, d_model] -> the same. The four functions take and return
    [batch, seq, d_model].

    The norms stand before the sublayers and off the residual stream, as in GPT-2 and Llama;
    Vaswani et al. 2017 normalised after each addition (post-norm).
    """
    x = x + attend(norm_1(x))
    return x + feed_forward(norm_2(x))
