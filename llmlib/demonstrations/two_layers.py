"""Two layers that guess the next token, trained by a backward pass made by hand (notebook 5)."""

import torch

WIDTH, HIDDEN, VOCAB, RATE = 64, 128, 512, 1.0


def logits(x, w_in, w_out):
    """[N, d] -> [N, vocab]: the first weights, the gate, the second weights."""
    return (x @ w_in.T).clamp(min=0) @ w_out.T


def _start(seed):
    """A random vector for each token, and weights for both layers; the second begin small."""
    g = torch.Generator().manual_seed(seed)
    vectors = torch.randn(VOCAB, WIDTH, generator=g)
    w_in = 2 * torch.randn(HIDDEN, WIDTH, generator=g) * WIDTH**-0.5
    return vectors, w_in, 0.01 * torch.randn(VOCAB, HIDDEN, generator=g), g


def _drawn(ids, vectors, g, n=512):
    """n places of the stream `ids`: the vector of the token there, and the token after it."""
    at = torch.randint(len(ids) - 1, (n,), generator=g)
    return vectors[ids[at]], ids[at + 1]


def batch(ids, seed=0):
    """(x, w_in, w_out, targets) before training."""
    vectors, w_in, w_out, g = _start(seed)
    x, targets = _drawn(ids, vectors, g)
    return x, w_in, w_out, targets


def nudged(loss, x, w_in, w_out, targets, name, place, by=1e-3):
    """How `loss` changes with one weight of "w_in" or "w_out", measured in float64."""
    around = []
    for step in (by, -by):
        weights = {"w_in": w_in.double(), "w_out": w_out.double()}
        weights[name] = weights[name].clone()
        weights[name].view(-1)[place] += step
        around.append(float(loss(logits(x.double(), **weights), targets)))
    return (around[0] - around[1]) / (2 * by)


def gate_forgotten(x, w_in, w_out, targets):
    """The backward pass with a planted bug: on its way back the gradient passes a shut gate."""
    hidden = (x @ w_in.T).clamp(min=0)
    at_logits = torch.softmax(hidden @ w_out.T, -1)
    at_logits[torch.arange(len(targets)), targets] -= 1
    at_logits /= len(targets)
    return (at_logits @ w_out).T @ x, at_logits.T @ hidden


def train(backward, loss, ids, steps, seed=0):
    """Losses of gradient descent with the gradients that `backward` gives."""
    vectors, w_in, w_out, g = _start(seed)
    losses = []
    for _ in range(steps):
        x, targets = _drawn(ids, vectors, g)
        losses.append(float(loss(logits(x, w_in, w_out), targets)))
        for_in, for_out = backward(x, w_in, w_out, targets)
        w_in, w_out = w_in - RATE * for_in, w_out - RATE * for_out
    return losses
