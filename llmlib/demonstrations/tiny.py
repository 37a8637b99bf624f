"""The tiny model that notebook 5 trains, and batches for it."""

from dataclasses import replace

import torch

from llmlib import training
from llmlib.model import forward

CONFIG = replace(training.tiny_config(d_model=64), context=64)


def tiny_model(seed=0, parts=training.PARTS):
    """(its weights as a list of tensors, the model as a function ids -> logits, the weights as
    the engine takes them)"""
    weights = training.new_weights(CONFIG, seed)
    return training.tensors(weights), lambda ids: forward(ids, weights, CONFIG, parts), weights


def windows(ids, n, batch=8, seed=0):
    """n batches of `batch` pieces of 65 tokens, from random places of the stream `ids`."""
    g = torch.Generator().manual_seed(seed)
    piece, last = torch.arange(CONFIG.context + 1), len(ids) - CONFIG.context
    starts = [torch.randint(last, (batch, 1), generator=g) for _ in range(n)]
    return [ids[start + piece] for start in starts]
