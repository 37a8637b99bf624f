"""Run a mixture of experts: a router asks a few of many MLPs for each token."""

import torch
from torch import Tensor

from llmlib.fast.layers import swiglu


def mixture_of_experts(
    x: Tensor, router: Tensor, *experts: tuple, top_k: int, normalize: bool = True
):
    """Return the answers of the `top_k` experts that the router likes best, each weighed by the
    router's probability (Shazeer et al. 2017, arXiv:1701.06538): x [..., d_model] -> the same.

    router [n_expert, d_model]; each of `experts` are the weights of one `swiglu`. With `normalize`
    the probabilities of those asked sum to 1. An expert that no token asks is not read.
    """
    rows = x.flatten(0, -2)
    probabilities = torch.softmax(rows @ router.T, dim=-1)  # rows n_expert
    shares, choices = probabilities.topk(top_k, dim=-1)  # rows top_k, twice
    if normalize:
        shares = shares / shares.sum(-1, keepdim=True)
    y = torch.zeros_like(rows)
    for e in choices.unique().tolist():
        row, place = (choices == e).nonzero(as_tuple=True)
        y.index_add_(0, row, swiglu(rows[row], *experts[e]) * shares[row, place, None])
    return y.view_as(x)
