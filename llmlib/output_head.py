"""From the last vector to a distribution over the vocabulary, and how wrong that distribution was."""
import torch


def unembed(x, table):
    """Logits, one per token of the vocabulary: x [..., d_model], table [vocab, d_model] -> [..., vocab].

    With tied weights (Press & Wolf 2016, arXiv:1608.05859) the table is the embedding table itself.
    """
    return x @ table.T


def softmax(x, dim=-1):
    """exp(x) over its sum along `dim`. The largest entry is subtracted first: that changes nothing but keeps exp from overflowing."""
    exps = torch.exp(x - x.amax(dim=dim, keepdim=True))
    return exps / exps.sum(dim=dim, keepdim=True)


def log_softmax(x, dim=-1):
    """log(softmax(x)), computed without ever taking the logarithm of a rounded-off zero."""
    shifted = x - x.amax(dim=dim, keepdim=True)
    return shifted - shifted.exp().sum(dim=dim, keepdim=True).log()


def cross_entropy(logits, targets):
    """Mean of -log p(target) in nats: logits [..., vocab], targets [...] (ids) -> a scalar. Shift the targets by one before calling."""
    return token_losses(logits, targets).mean()


def token_losses(logits, targets):
    """-log p(target) at each position, in nats: logits [..., vocab], targets [...] -> [...]."""
    if logits.shape[:-1] != targets.shape:
        raise ValueError(f"logits of shape {tuple(logits.shape)} need targets of shape {tuple(logits.shape[:-1])}, not {tuple(targets.shape)}")
    return -log_softmax(logits).gather(-1, targets[..., None]).squeeze(-1)


def perplexity(logits, targets):
    """exp of the mean loss per token: how many equally likely tokens the model was as unsure between. A scalar."""
    return cross_entropy(logits, targets).exp()
