"""Compute with sizes: bytes, bandwidth, training compute, and the power laws that tie them to the
loss."""

import torch
from torch import Tensor

H100 = {
    "bytes": 80e9,
    "bytes_per_second": 3.35e12,
    "flops_per_second": 989e12,
}  # NVIDIA's data sheet, SXM; dense bf16


def quantize_int8(w: Tensor):
    """Return weights as whole numbers from -127 to 127, with one scale an output channel: w [out,
    in] -> q int8 [out, in], scale [out, 1].

    The largest |weight| of a row becomes 127, so q * scale is off by at most scale / 2. A row of
    zeros gets scale 1. Weights in 16 bits are divided in 32, which a quotient of 127 needs.
    """
    w = w.to(torch.promote_types(w.dtype, torch.float32))
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest == 0, 1.0, largest / 127)  # a NaN stays one
    return torch.round(w / scale).to(torch.int8), scale


def dequantize(q: Tensor, scale: Tensor):
    """Return the weights that q [out, in] and scale [out, 1] stand for."""
    return q * scale


def rounded(w: Tensor, bits: int, block: int | str):
    """Return w [out, in] after a trip through whole numbers of `bits` bits, one scale for each
    `block` weights of a row: 32, "row", or "matrix" for one scale in all. ValueError for fewer than
    two bits, and for blocks that do not divide a row."""
    if bits < 2:
        raise ValueError(f"bits is {bits}: fewer than 2 leave no number but 0")
    if block not in ("matrix", "row") and w.shape[1] % block:
        raise ValueError(f"a row of {w.shape[1]} weights cannot be cut into blocks of {block}")
    largest = 2 ** (bits - 1) - 1  # 127, 7, 3, 1
    groups = w.reshape({"matrix": (1, -1), "row": (len(w), -1)}.get(block, (-1, block)))
    scale = (groups.abs().amax(dim=1, keepdim=True) / largest).clamp(min=1e-12)
    return (torch.round(groups / scale) * scale).view_as(w)


def fit_power_law(n: Tensor, loss: Tensor):
    """Fit loss = e + a * n^-alpha by least squares, e not negative: two 1-D tensors -> (e, a,
    alpha), floats.

    Given alpha, e and a are a straight-line fit to n^-alpha; so only alpha is searched, in steps of
    0.001 from 0.001 to 2.
    """
    alphas = torch.arange(1, 2001, dtype=torch.float64)[:, None] / 1000
    x, y = n.double() ** -alphas, loss.double()  # 2000 runs; runs
    x_mean, y_mean = x.mean(1, keepdim=True), y.mean()
    a = ((x - x_mean) * (y - y_mean)).sum(1, keepdim=True) / (x - x_mean).pow(2).sum(
        1, keepdim=True
    )
    e = y_mean - a * x_mean
    below = e < 0  # a floor below zero means nothing: pin it there
    e, a = (
        e.clamp(min=0),
        torch.where(below, (x * y).sum(1, keepdim=True) / x.pow(2).sum(1, keepdim=True), a),
    )
    best = (e + a * x - y).pow(2).sum(1).argmin()
    return e[best].item(), a[best].item(), alphas[best].item()


def training_flops(parameters: float, tokens: float):
    """Return the compute of training, 6 N D (Kaplan et al. 2020): a multiply and an add a weight
    and token, forward once and backward twice."""
    return 6 * parameters * tokens


PUBLISHED = (
    1.69,
    406.4,
    0.34,
    410.7,
    0.28,
)  # Hoffmann et al. 2022, approach 3: rounded, not converged
CORRECTED = 1.8172, 482.01, 0.3478, 2085.43, 0.3658  # Besiroglu et al. 2024, from the same runs


def chinchilla_loss(parameters: float, tokens: float, constants: tuple[float, ...] = PUBLISHED):
    """Return the loss in nats per token, E + A/N^alpha + B/D^beta (Hoffmann et al. 2022,
    arXiv:2203.15556), with `constants` as published or as fitted again by Besiroglu et al. 2024
    (arXiv:2404.10102)."""
    e, a, alpha, b, beta = constants
    return e + a / parameters**alpha + b / tokens**beta


def kaplan_loss_ratio(times_parameters: float):
    """Return by what factor the loss changes when the parameters are multiplied: N^-0.076 (Kaplan
    et al. 2020, arXiv:2001.08361)."""
    return times_parameters**-0.076
