"""How far AdamW moves one weight for each gradient that comes (notebook 5)."""

import torch


def moved(adamw_step, gradients, rate=0.1):
    """The distance from where the weight began, in rates, over the number of gradients that are
    not 0: `gradients` holds one a step, `adamw_step` is notebook 5's."""
    weight, means = torch.zeros(1), [torch.zeros(1), torch.zeros(1)]
    for step, gradient in enumerate(gradients, 1):
        weight, *means = adamw_step(weight, torch.tensor([gradient]), *means, step, rate, 0.0)
    return abs(weight.item()) / rate / sum(gradient != 0 for gradient in gradients)
