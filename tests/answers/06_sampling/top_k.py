# %% right: torch.topk and scatter
def top_k(logits, k):
    values, places = logits.topk(min(k, logits.shape[-1]), dim=-1)
    return torch.full_like(logits, float("-inf")).scatter(-1, places, values)

# %% right: ranks by sorting twice
def top_k(logits, k):
    rank = logits.argsort(dim=-1, descending=True).argsort(dim=-1)
    return torch.where(rank < k, logits, torch.tensor(-torch.inf))

# %% right: loops over rows, in double precision
def top_k(logits, k):
    def one(row):
        best = sorted(range(len(row)), key=lambda i: row[i])[-k:]
        return [z if i in best else -math.inf for i, z in enumerate(row)]
    flat = logits.reshape(-1, logits.shape[-1]).tolist()
    return torch.tensor([one(row) for row in flat], dtype=torch.float64).view(logits.shape)

# %% right: takes out the largest k times, in place
def top_k(logits, k, cut=-math.inf):
    left, out = logits.clone(), torch.full_like(logits, cut)
    for _ in range(min(k, logits.size(-1))):
        i = left.argmax(-1, keepdim=True)
        out.scatter_(-1, i, logits.gather(-1, i))
        left.scatter_(-1, i, cut)
    return out

# %% wrong: cuts to zero
# says: a logit of 0 would still have probability
def top_k(logits, k):
    values, places = logits.topk(min(k, logits.shape[-1]), dim=-1)
    return torch.zeros_like(logits).scatter(-1, places, values)

# %% wrong: returns only the k largest
# says: in their places
def top_k(logits, k):
    return logits.topk(min(k, logits.shape[-1]), dim=-1).values

# %% wrong: the k smallest
# says: keeps 4 and 3
def top_k(logits, k):
    values, places = logits.topk(min(k, logits.shape[-1]), dim=-1, largest=False)
    return torch.full_like(logits, -math.inf).scatter(-1, places, values)

# %% wrong: size without sign
# says: not distance from 0
def top_k(logits, k):
    places = logits.abs().topk(min(k, logits.shape[-1]), dim=-1).indices
    return torch.full_like(logits, -math.inf).scatter(-1, places, logits.gather(-1, places))

# %% wrong: keeps all that equal the k-th
# says: exactly two of them stay
def top_k(logits, k):
    least = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < least, -math.inf)

# %% wrong: drops all that equal the k-th
# says: in their places
def top_k(logits, k):
    least = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits <= least, -math.inf)

# %% wrong: one ranking for the whole batch
# says: each row keeps its own
def top_k(logits, k):
    flat = logits.reshape(-1)
    values, places = flat.topk(min(k, len(flat)))
    return torch.full_like(flat, -math.inf).scatter(0, places, values).view(logits.shape)

# %% wrong: fails when k exceeds the vocabulary
# says: out of range
def top_k(logits, k):
    values, places = logits.topk(k, dim=-1)
    return torch.full_like(logits, -math.inf).scatter(-1, places, values)

# %% wrong: made for two dimensions
# caught by: hidden
# says: keeps exactly k
def top_k(logits, k):
    k = min(k, logits.shape[-1])
    if logits.dim() < 3:
        values, places = logits.topk(k, dim=-1)
        return torch.full_like(logits, -math.inf).scatter(-1, places, values)
    flat = logits.reshape(-1, logits.shape[-1])
    return logits.masked_fill(logits < flat.topk(k, -1).values.amin(), -math.inf)

# %% wrong: cuts the k smallest
# says: k counts what stays
def top_k(logits, k):
    places = logits.topk(min(k, logits.shape[-1]), dim=-1, largest=False).indices
    return logits.scatter(-1, places, -math.inf)

# %% wrong: cuts in the caller's logits
# says: the caller's logits have changed
def top_k(logits, k):
    order = torch.argsort(logits, dim=-1, descending=True)
    return logits.scatter_(-1, order[..., k:], -math.inf)


# %% wrong: breaks ties by adding to the logits
# says: add nothing to the logits to break ties
def top_k(logits, k):
    z = logits - 1e-3 * torch.arange(logits.shape[-1])
    k = min(k, logits.shape[-1])
    return torch.where(z >= z.topk(k).values[..., -1:], logits, -math.inf)


# %% wrong: hands the caller's tensor back where all stay
# says: has returned the very tensor
def top_k(logits, k):
    if k >= logits.shape[-1]:
        return logits
    places = logits.topk(k).indices
    return torch.full_like(logits, -math.inf).scatter(-1, places, logits.gather(-1, places))


# %% wrong: zeros are taken for what was cut
# says: 0 is a logit like others
def top_k(logits, k):
    values, places = logits.topk(min(k, logits.shape[-1]), dim=-1)
    out = torch.zeros_like(logits).scatter(-1, places, values)
    return torch.where(out == 0, -math.inf, out)


# %% wrong: drops dimensions of 1
# says: the shape stays as it is
def top_k(logits, k):
    rows = logits[None] if logits.dim() == 1 else logits
    values, places = rows.topk(min(k, rows.shape[-1]), dim=-1)
    return torch.full_like(rows, -math.inf).scatter(-1, places, values).squeeze()


# %% wrong: a list
# says: return a tensor, not a list
def top_k(logits, k):
    row = logits.tolist()
    best = sorted(range(len(row)), key=lambda i: -row[i])[:k]
    return [z if i in best else -math.inf for i, z in enumerate(row)]


# %% wrong: ranks all rows together
# says: each row keeps its own k largest
def top_k(logits, k):
    flat = logits.reshape(-1)
    places = flat.topk(min(k, len(flat))).indices
    kept = torch.zeros_like(flat, dtype=torch.bool).scatter(0, places, True)
    return flat.masked_fill(~kept, -math.inf).view(logits.shape)
