"""Gradients to judge: right ones, and ones that are wrong in a place or two."""

import torch


def made(
    shape: int | tuple[int, ...], size: float, bend: float, seed: int
) -> tuple[torch.Tensor, torch.Tensor, float, torch.Tensor]:
    """(weights, pulls, bend, gradient): of the loss in notebook 5's verdict_on_made_loss, at
    random weights, for gradients of about `size`."""
    shape = (shape,) if isinstance(shape, int) else shape
    g = torch.Generator().manual_seed(seed)
    weights = torch.randn(shape, generator=g).double() * (1.0 if bend else size)
    pulls = size * (1 + torch.rand(shape, generator=g).double())
    gradient = pulls + bend * weights**3 + weights.sum() / 10
    return weights, pulls, bend, gradient


def wrong_in(kind: str, gradient: torch.Tensor) -> torch.Tensor:
    """A copy that is wrong in its "first", "middle", "last", "smallest" or "largest" entry, or in
    its "swapped" first two."""
    wrong = gradient.clone().flatten()
    if kind == "swapped":
        wrong[:2] = wrong[:2].flip(0)
    else:
        size = wrong.abs()
        places = {"first": 0, "middle": len(wrong) // 2, "last": len(wrong) - 1}
        places |= {"smallest": int(size.argmin()), "largest": int(size.argmax())}
        wrong[places[kind]] *= -1
    return wrong.view(gradient.shape)
