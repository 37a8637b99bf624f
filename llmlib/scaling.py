"""Arithmetic of size: bytes, bandwidth, training compute, and the power laws that tie them to the
loss."""

import torch

H100 = {
    "bytes": 80e9,
    "bytes_per_second": 3.35e12,
    "flops_per_second": 989e12,
}  # NVIDIA's data sheet, SXM; dense bf16


def quantize_int8(w):
    """Weights as whole numbers from -127 to 127, with one scale an output channel: w [out, in] ->
    q int8 [out, in], scale [out, 1].

    The largest |weight| of a row becomes 127, so q * scale is off by at most scale / 2. A row of
    zeros gets scale 1.
    """
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w / scale).to(torch.int8), scale


def dequantize(q, scale):
    """The weights that q [out, in] and scale [out, 1] stand for."""
    return q * scale


def fit_power_law(n, loss):
    """Fit loss = e + a * n^-alpha by least squares, e and a not negative: two 1-D tensors -> (e,
    a, alpha), floats.

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
    errors = (e + a * x - y).pow(2).sum(1).masked_fill(a[:, 0] < 0, float("inf"))
    best = errors.argmin()
    return e[best].item(), a[best].item(), alphas[best].item()


def training_flops(parameters, tokens):
    """Compute of training, 6 N D (Kaplan et al. 2020): a multiply and an add a weight and token,
    forward once and backward twice."""
    return 6 * parameters * tokens


def chinchilla_loss(parameters, tokens):
    """Loss in nats per token, as fitted by Hoffmann et al. 2022 (arXiv:2203.15556, approach 3) to
    their own data."""
    return 1.69 + 406.4 / parameters**0.34 + 410.7 / tokens**0.28


def kaplan_loss_ratio(times_parameters):
    """By what factor the loss changes when the parameters are multiplied: N^-0.076 (Kaplan et al.
    2020, arXiv:2001.08361)."""
    return times_parameters**-0.076


def seconds_a_token(weight_bytes, bytes_per_second):
    """The bandwidth floor of decoding: each new token needs every weight read once, and memory is
    only so fast."""
    return weight_bytes / bytes_per_second
