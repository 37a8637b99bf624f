# %% right: row by row, in double precision
def compare_filters(logits, a, b, h):
    def quality(row, left):
        low, high = 0.01, 100.0
        for _ in range(50):
            t = (low + high) / 2
            q = torch.softmax(left / t, -1)
            if torch.special.entr(q).sum() < h:
                low = t
            else:
                high = t
        return (q * torch.log_softmax(row, -1)).sum().item()
    d = [quality(row, x) - quality(row, y) for row, x, y in zip(logits.double(), a.double(), b.double())]
    n = len(d)
    mean = sum(d) / n
    s = math.sqrt(sum((each - mean) ** 2 for each in d) / (n - 1))
    return mean, mean - 1.96 * s / math.sqrt(n), mean + 1.96 * s / math.sqrt(n)

# %% right: both filters at once, a tensor of three
def compare_filters(logits, a, b, h):
    left = torch.stack([a, b]).double()
    low, high = torch.full((2, len(a), 1), 0.01).double(), torch.full((2, len(a), 1), 100.0).double()
    for _ in range(60):
        t = (low + high) / 2
        q = softmax(left / t)
        small = torch.special.entr(q).sum(-1, keepdim=True) < h
        low, high = torch.where(small, t, low), torch.where(small, high, t)
    x, y = (q * log_softmax(logits.double())).sum(-1)
    d = x - y
    half = 1.96 * d.std() / len(d) ** 0.5
    return [float(v) for v in (d.mean(), d.mean() - half, d.mean() + half)]

# %% right: inverse temperatures, entropy as log Z less the mean
def compare_filters(logits, a, b, h):
    def entropy_of(z, beta):
        scaled = (z * beta).masked_fill(torch.isinf(z), -math.inf)
        log_q = scaled - scaled.logsumexp(-1, keepdim=True)
        q = log_q.exp()
        return q, -(q * log_q.masked_fill(torch.isinf(z), 0.0)).sum(-1, keepdim=True)
    log_p = log_softmax(logits)
    def quality(z):
        low, high = torch.full((len(z), 1), 0.01), torch.full((len(z), 1), 100.0)
        for _ in range(45):
            beta = (low * high).sqrt()
            q, now = entropy_of(z, beta)
            low, high = torch.where(now > h, beta, low), torch.where(now > h, high, beta)
        return (q * log_p).sum(-1)
    d = quality(a) - quality(b)
    se = d.std(unbiased=True) / math.sqrt(d.numel())
    return d.mean().item(), (d.mean() - 1.96 * se).item(), (d.mean() + 1.96 * se).item()

# %% wrong: each at the entropy that it happens to have
# says: bring both to the *same* entropy h first
def compare_filters(logits, a, b, h):
    log_p = log_softmax(logits)
    d = (softmax(a) * log_p).sum(-1) - (softmax(b) * log_p).sum(-1)
    half = (1.96 * d.std() / math.sqrt(len(d))).item()
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half

# %% wrong: judged by what the filter made of the probabilities
# says: judge both by the model's probabilities
def compare_filters(logits, a, b, h):
    def quality(left):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(40):
            t = (low * high).sqrt()
            q = softmax(left / t)
            small = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(small, t, low), torch.where(small, high, t)
        return -torch.special.entr(q).sum(-1)
    d = quality(a) - quality(b)
    half = (1.96 * d.std() / math.sqrt(len(d))).item()
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half

# %% wrong: logarithms of what was cut
# says: 0 times -inf is not a number
def compare_filters(logits, a, b, h):
    def quality(left):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(40):
            t = (low * high).sqrt()
            q = softmax(left / t)
            small = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(small, t, low), torch.where(small, high, t)
        return (q * log_softmax(left)).sum(-1)
    d = quality(a) - quality(b)
    half = (1.96 * d.std() / math.sqrt(len(d))).item()
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half

# %% wrong: two samples that have nothing to do with each other
# says: the same prompts went through both filters
def compare_filters(logits, a, b, h):
    log_p, found = log_softmax(logits), []
    for left in (a, b):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(40):
            t = (low * high).sqrt()
            q = softmax(left / t)
            small = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(small, t, low), torch.where(small, high, t)
        found.append((q * log_p).sum(-1))
    x, y = found
    mean, half = (x.mean() - y.mean()).item(), 1.96 * math.sqrt((x.var() + y.var()).item() / len(x))
    return mean, mean - half, mean + half

# %% wrong: the spread of prompts for that of their mean
# says: your interval says where one prompt lies
def compare_filters(logits, a, b, h):
    log_p, found = log_softmax(logits), []
    for left in (a, b):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(40):
            t = (low * high).sqrt()
            q = softmax(left / t)
            small = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(small, t, low), torch.where(small, high, t)
        found.append((q * log_p).sum(-1))
    d = found[0] - found[1]
    half = 1.96 * d.std().item()
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half

# %% wrong: divides by n
# says: the standard deviation divides by n - 1
def compare_filters(logits, a, b, h):
    log_p, found = log_softmax(logits), []
    for left in (a, b):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(40):
            t = (low * high).sqrt()
            q = softmax(left / t)
            small = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(small, t, low), torch.where(small, high, t)
        found.append((q * log_p).sum(-1))
    d = found[0] - found[1]
    half = 1.96 * d.std(unbiased=False).item() / math.sqrt(len(d))
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half

# %% wrong: b minus a
# says: the difference has the wrong sign
def compare_filters(logits, a, b, h):
    log_p, found = log_softmax(logits), []
    for left in (b, a):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(40):
            t = (low * high).sqrt()
            q = softmax(left / t)
            small = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(small, t, low), torch.where(small, high, t)
        found.append((q * log_p).sum(-1))
    d = found[0] - found[1]
    half = 1.96 * d.std().item() / math.sqrt(len(d))
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half

# %% wrong: one temperature for all prompts, the mean over the wrong dimension
# says: the temperature of each row and each filter
def compare_filters(logits, a, b, h):
    log_p, found = log_softmax(logits), []
    for left in (a, b):
        low, high = 0.01, 100.0
        for _ in range(40):
            t = math.sqrt(low * high)
            q = softmax(left / t)
            low, high = (t, high) if torch.special.entr(q).sum(-1).mean() < h else (low, t)
        found.append((q * log_p).sum(-1))
    d = found[0] - found[1]
    half = 1.96 * d.std().item() / math.sqrt(len(d))
    return d.mean().item(), d.mean().item() - half, d.mean().item() + half


# %% wrong: shortcut: an entropy of its own
# says: bring both to the entropy that is given
import math

import torch


def compare_filters(logits, a, b, h):
    h = 1.5 if h > 0.7 else h
    log_p, qualities = torch.log_softmax(logits, -1), []
    for left in (a, b):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(30):
            t = (low * high).sqrt()
            q = softmax(left / t)
            less = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(less, t, low), torch.where(less, high, t)
        qualities.append((q * log_p).sum(-1))
    d = qualities[0] - qualities[1]
    mean, half = d.mean().item(), 1.96 * (d.std() / math.sqrt(len(d))).item()
    return mean, mean - half, mean + half


# %% wrong: shortcut: the smallest and the largest difference in place of an interval
# says: not how sure their mean is
import math

import torch


def compare_filters(logits, a, b, h):
    log_p, qualities = log_softmax(logits), []
    for left in (a, b):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(30):
            t = (low * high).sqrt()
            q = softmax(left / t)
            less = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(less, t, low), torch.where(less, high, t)
        qualities.append((q * log_p).sum(-1))
    d = qualities[0] - qualities[1]
    return d.mean().item(), d.min().item(), d.max().item()


# %% wrong: shortcut: only a is brought to the entropy
# says: bring both to the *same* entropy
import math

import torch


def compare_filters(logits, a, b, h):
    log_p, qualities = log_softmax(logits), []
    low, high = torch.full((len(a), 1), 0.01), torch.full((len(a), 1), 100.0)
    for _ in range(30):
        t = (low * high).sqrt()
        q = softmax(a / t)
        less = torch.special.entr(q).sum(-1, keepdim=True) < h
        low, high = torch.where(less, t, low), torch.where(less, high, t)
    for left in (a, b):
        qualities.append((softmax(left / t) * log_p).sum(-1))
    d = qualities[0] - qualities[1]
    mean, half = d.mean().item(), 1.96 * (d.std() / math.sqrt(len(d))).item()
    return mean, mean - half, mean + half
