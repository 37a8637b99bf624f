"""Drawings of notebook 5."""

import torch
from matplotlib.figure import Figure

from llmlib.plots.output_head import logits_to_loss


def from_vector_to_loss() -> Figure:
    """Logits, the probabilities that softmax makes of them, and -ln p of the token that came."""
    logits = [4.0, 2.5, 2.0, 0.5]
    shares = torch.softmax(torch.tensor(logits), -1).tolist()
    return logits_to_loss(["blue", "grey", "clear", "green"], logits, shares)
