# %% right: argmax and a mask
def apply_temperature(logits, t):
    if t > 0:
        return logits / t
    ids = torch.arange(logits.shape[-1])
    return torch.where(ids == logits.argmax(-1, keepdim=True), logits, torch.tensor(float("-inf")))

# %% right: top one through topk, in place
def apply_temperature(logits, t, *, cut=float("-inf")):
    if t == 0:
        value, place = logits.topk(1, dim=-1)
        out = torch.empty_like(logits).fill_(cut)
        return out.scatter_(-1, place, value)
    out = logits.clone()
    out /= t
    return out

# %% right: rows one by one in double precision
def apply_temperature(logits, t):
    def one(row):
        if t != 0:
            return [z / t for z in row]
        best = max(range(len(row)), key=row.__getitem__)
        return [z if i == best else -math.inf for i, z in enumerate(row)]
    rows = logits.double().reshape(-1, logits.shape[-1]).tolist()
    return torch.tensor([one(row) for row in rows], dtype=torch.float64).reshape(logits.shape)

# %% wrong: multiplies
# says: temperature divides the logits
def apply_temperature(logits, t):
    return logits * t

# %% wrong: returns probabilities
# says: temperature divides the logits
def apply_temperature(logits, t):
    return softmax(logits / t) if t else torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()

# %% wrong: shifts logits to the largest
# says: leave their sum and their softmax alone
def apply_temperature(logits, t):
    if t == 2:
        return logits / t
    return logits / t - (logits / t).amax(-1, keepdim=True)

# %% wrong: divides by 0
# says: without dividing by 0
def apply_temperature(logits, t):
    return logits / t

# %% wrong: a small number instead of 0
# says: without dividing by 0
def apply_temperature(logits, t):
    return logits / max(t, 1e-6)

# %% wrong: T = 0 leaves the logits as they are
# says: T = 0 keeps the largest logit
def apply_temperature(logits, t):
    return logits if t == 0 else logits / t

# %% wrong: keeps all that equal the largest
# says: exactly one of them stays
def apply_temperature(logits, t):
    if t == 0:
        return logits.masked_fill(logits < logits.amax(-1, keepdim=True), -math.inf)
    return logits / t

# %% wrong: one largest for the whole batch
# says: each row keeps its own largest
def apply_temperature(logits, t):
    if t == 0:
        out = torch.full_like(logits, -math.inf).reshape(-1)
        out[logits.argmax()] = logits.max()
        return out.reshape(logits.shape)
    return logits / t

# %% wrong: three dimensions forgotten
# caught by: hidden
# says: at T = 0
def apply_temperature(logits, t):
    if t == 0:
        if logits.dim() == 3:
            return logits.masked_fill(logits < logits.amax((-1, -2), keepdim=True), -math.inf)
        return torch.full_like(logits, -math.inf).scatter(-1, logits.argmax(-1, keepdim=True), logits.amax(-1, keepdim=True))
    return logits / t

# %% wrong: everything below 0.1 is treated as 0
# says: T = 0.05 is small but not 0
def apply_temperature(logits, t):
    if t < 0.1:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, largest, logits.gather(-1, largest))
    return logits / t

# %% wrong: everything below 0.01 is treated as 0
# says: only T = 0 is a case of its own
def apply_temperature(logits, t):
    if t < 0.01:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, largest, logits.gather(-1, largest))
    return logits / t

# %% wrong: rounds to two places
# caught by: hidden
# says: temperature divides the logits
def apply_temperature(logits, t):
    if t == 0:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, largest, logits.gather(-1, largest))
    return (logits / t * 100).round() / 100

# %% wrong: divides the caller's logits in place
# says: the caller's logits have changed
def apply_temperature(logits, t):
    if t == 0:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, largest, logits.gather(-1, largest))
    logits /= t
    return logits

# %% wrong: changes the caller's logits at T = 0 only
# says: at T = 0 the caller's logits have changed
def apply_temperature(logits, t):
    if t == 0:
        best = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).bool()
        logits[~best] = -math.inf
        return logits
    return logits / t

# %% wrong: everything below 1e-5 is treated as 0
# says: very small but not 0
def apply_temperature(logits, t):
    if t < 1e-5:
        return torch.full_like(logits, -math.inf).scatter(-1, logits.argmax(-1, keepdim=True), logits.amax(-1, keepdim=True))
    return logits / t


# %% wrong: asks for the whole number 0 alone
# says: T = 0.0 is T = 0, too
def apply_temperature(logits, t):
    if type(t) is int and t == 0:
        k = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, k, logits.gather(-1, k))
    return logits / t


# %% wrong: hands the caller's tensor back at T = 1
# says: has returned the very tensor
def apply_temperature(logits, t):
    if t == 1:
        return logits
    if t == 0:
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, best, logits.gather(-1, best))
    return logits / t


# %% wrong: a product with one-hot, zeros cut
# says: the largest logit may be negative, or 0
def apply_temperature(logits, t):
    if t == 0:
        out = logits * torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1])
        return torch.where(out == 0, -math.inf, out)
    return logits / t


# %% wrong: drops dimensions of 1 at T = 0
# says: the shape stays as it is
def apply_temperature(logits, t):
    if t == 0:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, largest, logits.gather(-1, largest)).squeeze()
    return logits / t


# %% wrong: a list
# says: return a tensor, not a list
def apply_temperature(logits, t):
    row = logits.tolist()
    if t == 0:
        return [z if i == row.index(max(row)) else -math.inf for i, z in enumerate(row)]
    return [z / t for z in row]
