"""Autograd across the boundary: the gradient of a call is asked of the learner's process."""

import torch

from llmlib.grading.outside.told import LearnerError


class _Remote(torch.autograd.Function):
    @staticmethod
    def forward(ctx, process, number, outputs, *inputs):
        ctx.process, ctx.number, ctx.shapes = process, number, [each.shape for each in inputs]
        return tuple(each.detach().clone() for each in outputs)

    @staticmethod
    def backward(ctx, *gradients):
        found = ctx.process.gradients(ctx.number, list(gradients))
        for got, shape in zip(found, ctx.shapes, strict=True):
            if got is not None and (type(got) is not torch.Tensor or got.shape != shape):
                raise LearnerError("a gradient of the wrong shape came back")
        return None, None, None, *found


def differentiable(process, number, inputs, outputs, value):
    """`value`, whose tensors `outputs` ask their gradient of the learner's process."""
    made = _Remote.apply(process, number, outputs, *inputs)
    made = dict(zip(map(id, outputs), made, strict=True))

    def swap(item):
        if type(item) is torch.Tensor:
            return made.get(id(item), item)
        if type(item) in (list, tuple, set):
            return type(item)(map(swap, item))
        return {key: swap(each) for key, each in item.items()} if type(item) is dict else item

    return swap(value)
