# %% right: one-hot matrix
def logits_gradient(logits, targets):
    return (softmax(logits) - torch.nn.functional.one_hot(targets, logits.shape[1])) / logits.shape[0]

# %% right: a loop over rows and tokens
def logits_gradient(logits, targets):
    rows = []
    for row, target in zip(logits, targets.tolist()):
        p = softmax(row).tolist()
        rows.append([(p[i] - (1 if i == target else 0)) / len(targets) for i in range(len(p))])
    return torch.tensor(rows)

# %% right: scatter_add in double precision
def logits_gradient(logits, targets):
    p = softmax(logits.double())
    minus = torch.full((len(targets), 1), -1.0, dtype=torch.float64)
    return p.scatter_add(1, targets[:, None], minus) / len(targets)

# %% right: comparing with a range of ids
def logits_gradient(logits, targets):
    truth = targets[:, None] == torch.arange(logits.shape[-1])
    return softmax(logits).sub(truth.float()).mul(1 / targets.numel())

# %% wrong: forgets the mean
# says: divide by N
def logits_gradient(logits, targets):
    return softmax(logits) - torch.nn.functional.one_hot(targets, logits.shape[1])

# %% wrong: sign turned
# says: the sign is turned
def logits_gradient(logits, targets):
    return (torch.nn.functional.one_hot(targets, logits.shape[1]) - softmax(logits)) / len(logits)

# %% wrong: only at the target
# says: the wrong tokens have a gradient too
def logits_gradient(logits, targets):
    hot = torch.nn.functional.one_hot(targets, logits.shape[1])
    return hot * (softmax(logits) - 1) / len(logits)

# %% wrong: sets the target's entry to -1
# says: start from the probabilities
def logits_gradient(logits, targets):
    p = softmax(logits)
    p[torch.arange(len(targets)), targets] = -1
    return p / len(targets)

# %% wrong: one number per row
# says: the shape of the logits
def logits_gradient(logits, targets):
    return softmax(logits).gather(1, targets[:, None]) - 1

# %% wrong: logits instead of probabilities
# says: start from the probabilities
def logits_gradient(logits, targets):
    return (logits - torch.nn.functional.one_hot(targets, logits.shape[1])) / len(logits)

# %% wrong: divides by the number of entries
# says: softmax minus one-hot
def logits_gradient(logits, targets):
    return (softmax(logits) - torch.nn.functional.one_hot(targets, logits.shape[1])) / logits.numel()

# %% wrong: subtracts every target from every row
# says: its own target's one-hot row
def logits_gradient(logits, targets):
    p = softmax(logits)
    p[:, targets] -= 1
    return p / len(targets)

# %% wrong: changes its input
# says: return a new tensor
def logits_gradient(logits, targets):
    logits -= logits.amax(-1, keepdim=True)
    p = softmax(logits)
    p[torch.arange(len(targets)), targets] -= 1
    return p / len(targets)

# %% wrong: softmax over the positions
# says: over the vocabulary
def logits_gradient(logits, targets):
    p = softmax(logits, 0)
    p[torch.arange(len(targets)), targets] -= 1
    return p / len(targets)

# %% wrong: the probabilities alone
# says: those are the probabilities themselves
def logits_gradient(logits, targets):
    return softmax(logits) / len(targets)


# %% wrong: remembers the one-hot rows by the shape
# says: keep nothing between calls
_hot = {}


def logits_gradient(logits, targets):
    p = softmax(logits)
    h = _hot.setdefault(tuple(logits.shape), torch.nn.functional.one_hot(targets, logits.shape[1]))
    return (p - h) / len(targets)


# %% right: by nudging, in double precision
def logits_gradient(logits, targets):
    z = logits.double()
    n, v = z.shape
    out = torch.zeros(n, v, dtype=torch.float64)

    def loss(z):
        return (z.exp().sum(-1).log() - z[torch.arange(n), targets]).mean()

    for i in range(n):
        for j in range(v):
            d = torch.zeros_like(z)
            d[i, j] = 1e-5
            out[i, j] = (loss(z + d) - loss(z - d)) / 2e-5
    return out.float()


# %% wrong: no return
# says: is there a return?
def logits_gradient(logits, targets):
    gradient = softmax(logits)


# %% wrong: exp over its sum, which overflows
# says: logits of 300 overflow exp
def logits_gradient(logits, targets):
    e = logits.exp()
    p = e / e.sum(-1, keepdim=True)
    p[torch.arange(len(targets)), targets] -= 1
    return p / len(targets)


# %% wrong: a list of rows
# says: return one tensor
def logits_gradient(logits, targets):
    one_hot = torch.nn.functional.one_hot(targets, logits.shape[1])
    return list((softmax(logits) - one_hot) / len(targets))


# %% wrong: divides by the smaller of N and the vocabulary
# says: N is the number of positions
def logits_gradient(logits, targets):
    one_hot = torch.nn.functional.one_hot(targets, logits.shape[-1])
    return (softmax(logits) - one_hot) / min(logits.shape)
