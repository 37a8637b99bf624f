"""Turn the last vector into a distribution over the vocabulary, and measure how wrong that
distribution was."""

import math

import torch
from torch import Tensor


def unembed(x: Tensor, table: Tensor):
    """Return the logits, one per token of the vocabulary: x [..., d_model], table [vocab, d_model]
    -> [..., vocab].

    With tied weights (Press & Wolf 2016, arXiv:1608.05859) the table is the embedding table itself.
    """
    return x @ table.T


def softmax(x: Tensor, dim: int = -1):
    """Return exp(x) over its sum along `dim`. The largest entry is subtracted first: that changes
    nothing but keeps exp from overflowing."""
    exps = torch.exp(_below_largest(x, dim))
    return exps / exps.sum(dim=dim, keepdim=True)


def log_softmax(x: Tensor, dim: int = -1):
    """log(softmax(x)), computed without ever taking the logarithm of a rounded-off zero."""
    differences = _below_largest(x, dim)
    return differences - differences.exp().sum(dim=dim, keepdim=True).log()


def _below_largest(x: Tensor, dim: int):
    x = x if x.is_floating_point() else x.float()  # differences of small whole numbers overflow
    return x - x.amax(dim=dim, keepdim=True)


def next_token_pairs(ids: Tensor):
    """Return inputs and targets for training: ids [batch, seq] -> two tensors [batch, seq - 1], the
    targets one place ahead of the inputs."""
    return ids[:, :-1], ids[:, 1:]


def cross_entropy(logits: Tensor, targets: Tensor, ignored: int = -100):
    """Return the mean of -log p(target) in nats: logits [..., vocab], targets [...] (ids) -> a
    scalar. Shift the targets by one before calling; positions whose target is `ignored` do not
    count. ValueError for shapes that do not belong together."""
    counts = targets != ignored
    return token_losses(logits, targets.where(counts, 0))[counts].mean()


def token_losses(logits: Tensor, targets: Tensor):
    """Return -log p(target) at each position, in nats: logits [..., vocab], targets [...] ->
    [...]."""
    _belong_together(logits, targets)
    return -log_softmax(logits).gather(-1, targets[..., None]).squeeze(-1)


def _belong_together(logits: Tensor, targets: Tensor):
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} need targets of shape "
            f"{tuple(logits.shape[:-1])}, not {tuple(targets.shape)}"
        )


def perplexity(logits: Tensor, targets: Tensor):
    """Return exp of the mean loss per token: how many equally likely tokens the model was as unsure
    between. A scalar."""
    return cross_entropy(logits, targets).exp()


def logits_gradient(logits: Tensor, targets: Tensor, ignored: int = -100):
    """Return the gradient of the mean loss with respect to the logits, (softmax - one-hot) / N:
    logits [..., vocab], targets [...] -> [..., vocab]. As in `cross_entropy`, positions whose
    target is `ignored` do not count: their rows are 0. ValueError for shapes that do not belong
    together."""
    _belong_together(logits, targets)
    counts = targets != ignored
    p, at = softmax(logits), targets.where(counts, 0)[..., None]
    off = p.scatter_add(-1, at, -torch.ones_like(at, dtype=p.dtype))  # unlike p[at], takes no -1
    return off * counts[..., None] / counts.sum()


def corpus_perplexity(losses: list[float], counts: list[int]):
    """Return the perplexity of a text cut into batches: the mean loss (nats per token) and the
    number of tokens of each batch, as lists of numbers. ValueError for lists of unlike length or no
    token."""
    if not sum(counts):
        raise ValueError("the batches hold no token: there is nothing to take the mean of")
    total = sum(loss * n for loss, n in zip(losses, counts, strict=True))
    return math.exp(total / sum(counts))


def bits_per_byte(loss: float, n_tokens: int, n_bytes: int):
    """Return the loss in nats per token, as bits per byte of text: a unit in which models with
    different tokenizers can be compared."""
    return loss * n_tokens / n_bytes / math.log(2)
