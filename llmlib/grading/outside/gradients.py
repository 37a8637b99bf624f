"""Autograd across the boundary: the gradient of a call is asked of the learner's process."""

from typing import Any

import torch

from llmlib.grading.outside.told import LearnerError


class _Remote(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, process: Any, number: int, outputs: list[torch.Tensor], *inputs: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.process, ctx.number, ctx.shapes = process, number, [each.shape for each in inputs]
        return tuple(each.detach().clone() for each in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        found = ctx.process.gradients(ctx.number, list(gradients))
        for got, shape in zip(found, ctx.shapes, strict=True):
            if got is not None and (type(got) is not torch.Tensor or got.shape != shape):
                raise LearnerError("a gradient of the wrong shape came back")
        return None, None, None, *found


def differentiable(
    process: Any, number: int, inputs: list[torch.Tensor], outputs: list[torch.Tensor], value: Any
) -> Any:
    """`value`, whose tensors `outputs` ask their gradient of the learner's process."""
    made = _Remote.apply(process, number, outputs, *inputs)
    made = dict(zip(map(id, outputs), made, strict=True))

    def swap(item: Any) -> Any:
        if type(item) is torch.Tensor:
            return made.get(id(item), item)
        if type(item) in (list, tuple, set):
            return type(item)(map(swap, item))
        return {key: swap(each) for key, each in item.items()} if type(item) is dict else item

    return swap(value)
