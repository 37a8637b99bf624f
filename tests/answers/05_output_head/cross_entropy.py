# %% right: maximum, sum, minus the target's logit, zeros where nothing counts
def cross_entropy(logits, targets, ignored=-100):
    counts = (targets != ignored).to(logits.dtype)
    m = logits.amax(-1)
    total = (logits - m[..., None]).exp().sum(-1).log() + m
    own = logits.gather(-1, targets.where(targets != ignored, 0).unsqueeze(-1)).squeeze(-1)
    return ((total - own) * counts).sum() / counts.sum()

# %% right: a loop over the positions
def cross_entropy(logits, targets, ignored=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).tolist()
    losses = []
    for row, target in zip(rows.double(), ids):
        if target != ignored:
            row = row - row.max()
            losses.append(row.exp().sum().log() - row[target])
    return sum(losses) / len(losses)

# %% right: one-hot mask in double precision
def cross_entropy(logits, targets, ignored=-100, reduce=torch.mean):
    z = logits.double() - logits.double().max(-1, keepdim=True).values
    log_p = z - torch.log(torch.exp(z).sum(-1, keepdim=True))
    hot = targets[..., None] == torch.arange(logits.shape[-1])
    return reduce(-log_p[hot & (targets != ignored)[..., None]])

# %% right: logaddexp, token by token
def cross_entropy(logits, targets, ignored=-100):
    keep = targets.flatten() != ignored
    logits, targets = logits.flatten(0, -2)[keep], targets.flatten()[keep]
    total = logits[..., 0]
    for i in range(1, logits.shape[-1]):
        total = torch.logaddexp(total, logits[..., i])
    return (total - torch.take_along_dim(logits, targets[..., None], -1)[..., 0]).mean()

# %% wrong: forgets the minus
# says: with the minus
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    return (z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[..., None]).mean()

# %% wrong: logarithm of the softmax
# says: never take the logarithm of a rounded probability
def cross_entropy(logits, targets):
    return -softmax(logits).log().gather(-1, targets[..., None]).mean()

# %% wrong: clips the probability
# says: do not clip
def cross_entropy(logits, targets):
    return -softmax(logits).clamp(min=1e-9).log().gather(-1, targets[..., None]).mean()

# %% wrong: sum instead of mean
# says: take the mean
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[..., None]).sum()

# %% wrong: in bits
# says: natural logarithm
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[..., None]).mean() / math.log(2)

# %% wrong: divides by the number of logits
# says: divide by the number of positions
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[..., None]).sum() / logits.numel()

# %% wrong: no mean at all
# says: return one number
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[..., None])[..., 0]

# %% wrong: overflows
# says: subtract the maximum
def cross_entropy(logits, targets):
    return (logits.exp().sum(-1).log() - logits.gather(-1, targets[..., None])[..., 0]).mean()

# %% wrong: mean over all tokens, not the target's
# says: pick the target's probability
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).mean()

# %% wrong: uses the likeliest token instead of the target
# says: the loss of a token 2000 below the best is 2000
def cross_entropy(logits, targets):
    z = logits - logits.amax(-1, keepdim=True)
    log_p = z - z.exp().sum(-1, keepdim=True).log()
    return -log_p.amax(-1).mean()

# %% wrong: counts the ignored positions in the mean
# says: it must not be counted either
def cross_entropy(logits, targets, ignored=-100):
    z = logits - logits.amax(-1, keepdim=True)
    log_p = z - z.exp().sum(-1, keepdim=True).log()
    own = log_p.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return -(own * (targets != ignored)).sum() / targets.numel()

# %% wrong: takes an ignored position for token 0
# says: leave it out of the mean
def cross_entropy(logits, targets, ignored=-100):
    z = logits - logits.amax(-1, keepdim=True)
    log_p = z - z.exp().sum(-1, keepdim=True).log()
    return -log_p.gather(-1, targets.clamp(min=0)[..., None]).mean()

# %% wrong: knows only -100
# says: compare with the argument
def cross_entropy(logits, targets, ignored=-100):
    counts = targets >= 0
    logits, targets = logits[counts], targets[counts]
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[:, None]).mean()

# %% wrong: a tensor of one element
# says: a tensor of no dimensions
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    logits, targets = logits[counts], targets[counts]
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[:, None]).mean(0)

# %% wrong: a plain number
# says: a tensor of no dimensions
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    logits, targets = logits[counts], targets[counts]
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[:, None]).mean().item()

# %% wrong: cut off from the logits
# says: a gradient must find its way back
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    logits, targets = logits[counts].detach(), targets[counts]
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.exp().sum(-1, keepdim=True).log()).gather(-1, targets[:, None]).mean()

# %% wrong: a new tensor of plain numbers
# says: no .item(), .tolist(), .detach() or numpy
def cross_entropy(logits, targets, ignored=-100):
    rows, losses = logits.flatten(0, -2).double().tolist(), []
    for row, target in zip(rows, targets.flatten().tolist()):
        if target != ignored:
            m = max(row)
            losses.append(m + math.log(sum(math.exp(z - m) for z in row)) - row[target])
    return torch.tensor(sum(losses) / len(losses))

# %% wrong: no gradient through the sum of exponentials
# says: a gradient must find its way back
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    logits, targets = logits[counts], targets[counts]
    z = logits - logits.amax(-1, keepdim=True)
    return -(z - z.detach().exp().sum(-1, keepdim=True).log()).gather(-1, targets[:, None]).mean()

# %% wrong: subtracts the largest of all logits
# says: subtract the maximum of each row
def cross_entropy(logits, targets, ignored=-100):
    keep = targets != ignored
    z, t = logits[keep], targets[keep]
    z = z - z.max()
    return (z.exp().sum(-1).log() - z[torch.arange(len(t)), t]).mean()


# %% wrong: puts 0 into the caller's targets
# says: cross_entropy has changed what it was given
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    targets[~counts] = 0
    m = logits.amax(-1, keepdim=True)
    lp = logits - m - (logits - m).exp().sum(-1, keepdim=True).log()
    l = -lp.gather(-1, targets[..., None])[..., 0]
    return (l * counts).sum() / counts.sum()


# %% wrong: an ignored target that is beyond the vocabulary is an index
# says: it is no index
def cross_entropy(logits, targets, ignored=-100):
    m = logits.amax(-1, keepdim=True)
    log_p = logits - m - (logits - m).exp().sum(-1, keepdim=True).log()
    counts = targets != ignored
    losses = -log_p.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return losses[counts].mean()


# %% wrong: view, which cannot flatten a slice
# says: Use .reshape(...) instead
def cross_entropy(logits, targets, ignored=-100):
    logits, targets = logits.view(-1, logits.shape[-1]), targets.view(-1)
    logits, targets = logits[targets != ignored], targets[targets != ignored]
    z = logits - logits.amax(-1, keepdim=True)
    log_p = z - z.exp().sum(-1, keepdim=True).log()
    return -log_p.gather(-1, targets[:, None]).mean()


# %% wrong: shifts the caller's logits
# says: the caller's logits have changed
def cross_entropy(logits, targets, ignored=-100):
    logits -= logits.amax(-1, keepdim=True)
    logits, targets = logits[targets != ignored], targets[targets != ignored]
    log_p = logits - logits.exp().sum(-1, keepdim=True).log()
    return -log_p.gather(-1, targets[:, None]).mean()


# %% wrong: the mean of the rows' means
# says: not the mean of the rows' means
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    z = logits - logits.amax(-1, keepdim=True)
    log_p = z - z.exp().sum(-1, keepdim=True).log()
    own = -log_p.gather(-1, targets.where(counts, 0)[..., None])[..., 0]
    return ((own * counts).sum(-1) / counts.sum(-1)).mean()


# %% right: sums and counts by recursion over the leading dimensions
def cross_entropy(logits, targets, ignored=-100):
    def total(z, t):
        if t.dim():
            parts = [total(a, b) for a, b in zip(z, t)]
            return sum(p[0] for p in parts), sum(p[1] for p in parts)
        if t == ignored:
            return 0.0, 0
        z = z - z.max()
        return z.exp().sum().log() - z[t], 1
    loss, n = total(logits, targets)
    return loss / n


# %% wrong: a tiny number added to the probability, in double precision
# says: do not clip the probability, and add nothing to it
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    p = softmax(logits[counts].double()).gather(-1, targets[counts][:, None])
    return -(p + 1e-300).log().mean()


# %% wrong: softmax over the positions
# says: over the vocabulary
def cross_entropy(logits, targets, ignored=-100):
    counts = targets != ignored
    logits, targets = logits[counts], targets[counts]
    shifted = logits - logits.amax(dim=0, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=0, keepdim=True).log()
    return -log_p.gather(-1, targets[:, None]).mean()
