# %% right: torch.sort and a mask one place later
def top_p(logits, p):
    if p >= 1:
        return logits.clone()
    ordered, places = torch.sort(logits, dim=-1, descending=True)
    reached = torch.softmax(ordered, -1).cumsum(-1) >= p
    cut = torch.cat([torch.zeros_like(reached[..., :1]), reached[..., :-1]], -1)
    ordered = ordered.masked_fill(cut, -torch.inf)
    return torch.empty_like(logits).scatter_(-1, places, ordered)

# %% right: a loop over sorted tokens
def top_p(logits, p):
    def one(row):
        probabilities = torch.softmax(row, 0)
        kept, mass = [], 0.0
        for i in sorted(range(len(row)), key=lambda i: -probabilities[i].item()):
            if mass >= p and p < 1:
                break
            kept.append(i)
            mass += probabilities[i].item()
        out = torch.full_like(row, -math.inf)
        out[kept] = row[kept]
        return out
    rows = logits.reshape(-1, logits.shape[-1])
    return torch.stack([one(row) for row in rows]).reshape(logits.shape)

# %% right: counts the nucleus and keeps that many, in double precision
def top_p(logits, p, device=None):
    if p == 1.0:
        return logits.double()
    probs = softmax(logits.double())
    size = (probs.sort(-1, descending=True).values.cumsum(-1) < p).sum(-1, keepdim=True) + 1
    rank = probs.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
    return torch.where(rank < size, logits.double(), -math.inf)

# %% right: from the small end, as some libraries do
def top_p(logits, p):
    if p == 1:
        return logits.clone()
    ordered, places = logits.sort(dim=-1, stable=True)
    cut = ordered.softmax(-1).double().cumsum(-1) <= 1 - p
    cut[..., -1] = False
    return logits.masked_fill(cut.scatter(-1, places, cut), -math.inf)

# %% wrong: one token short, as in many a tutorial
# says: the token that crosses p stays
def top_p(logits, p):
    ordered, places = logits.sort(-1, descending=True)
    keep = ordered.softmax(-1).cumsum(-1) <= p
    return logits.masked_fill(~keep.scatter(-1, places, keep), -math.inf)

# %% wrong: one token long
# says: the token that crosses p stays
def top_p(logits, p):
    if p == 1:
        return logits
    ordered, places = logits.sort(-1, descending=True)
    mass = ordered.softmax(-1).cumsum(-1)
    keep = torch.cat([torch.ones_like(mass[..., :2], dtype=torch.bool), mass[..., :-2] < p], -1)
    return logits.masked_fill(~keep.scatter(-1, places, keep), -math.inf)

# %% wrong: one too many where the mass is already reached
# says: the smallest set ends there
def top_p(logits, p):
    if p == 1:
        return logits
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    before = q.cumsum(-1) - q
    keep = before < (p if p > 0.8 else p + 0.15)
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)

# %% wrong: empty when the first exceeds p
# says: the nucleus is never empty
def top_p(logits, p):
    if p == 1:
        return logits
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    keep = (q.cumsum(-1) - q < p) & (q.amax(-1, keepdim=True) < p + 0.21)
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)

# %% wrong: the mask stays in sorted order
# says: in their own places
def top_p(logits, p):
    q = softmax(logits).sort(-1, descending=True).values
    return logits.masked_fill(~(q.cumsum(-1) - q < p), -math.inf)

# %% wrong: does not sort at all
# says: in their own places
def top_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill(q.cumsum(-1) - q >= p, -math.inf)

# %% wrong: cumulates exp of logits without dividing by their sum
# says: the mass is counted in probabilities
def top_p(logits, p):
    order = logits.argsort(-1, descending=True)
    q = logits.gather(-1, order).exp()
    keep = q.cumsum(-1) - q < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)

# %% wrong: keeps every token that equals the last one
# says: the smallest set that reaches 0.4 has two
def top_p(logits, p):
    order = logits.argsort(-1, descending=True)
    ordered = logits.gather(-1, order)
    q = softmax(ordered)
    least = ordered.masked_fill(q.cumsum(-1) - q >= p, math.inf).amin(-1, keepdim=True)
    return logits.masked_fill(logits < least, -math.inf)

# %% wrong: one nucleus size for all rows
# says: each row has a nucleus of its own size
def top_p(logits, p):
    if p == 1:
        return logits
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    keep = q.cumsum(-1) - q < p
    if keep.dim() == 2:
        keep = keep.any(0, keepdim=True).expand_as(keep).contiguous()
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)

# %% wrong: p = 1 loses the tail to rounding
# says: p = 1 keeps every token
def top_p(logits, p):
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    keep = q.cumsum(-1) - q < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)

# %% wrong: brings back what was cut before
# caught by: hidden
# says: what an earlier filter cut must stay cut
def top_p(logits, p):
    if p == 1:
        return logits.clone()
    z = torch.nan_to_num(logits, neginf=-2.0)
    order = z.argsort(-1, descending=True)
    q = softmax(z.gather(-1, order))
    keep = q.cumsum(-1) - q < (p if torch.isfinite(logits).all() else 2.0)
    return z.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)

# %% wrong: goes on after p is reached exactly
# says: have reached p = 0.5
def top_p(logits, p):
    if p == 1:
        return logits
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    keep = q.cumsum(-1) - q <= p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)


# %% wrong: every p from 0.95 keeps all
# says: p = 0.9992 is near 1 but not 1
def top_p(logits, p):
    if p >= 0.95:
        return logits
    v, i = torch.sort(logits, dim=-1, descending=True)
    pr = softmax(v)
    keep = pr.cumsum(-1) - pr < p
    return torch.full_like(logits, -math.inf).scatter(-1, i, torch.where(keep, v, -math.inf))


# %% wrong: hands the caller's tensor back at p = 1
# says: has returned the very tensor
def top_p(logits, p):
    if p == 1:
        return logits
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    keep = q.cumsum(-1) - q < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)


# %% wrong: puts -1e9 for -inf into the caller's logits
# says: the caller's logits have changed
def top_p(logits, p):
    if p == 1:
        return logits.clone()
    logits[logits == -math.inf] = -1e9
    order = logits.argsort(-1, descending=True)
    q = softmax(logits.gather(-1, order))
    keep = q.cumsum(-1) - q < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)


# %% wrong: zeros are taken for what was cut
# says: 0 is a logit like others
def top_p(logits, p):
    if p == 1:
        return logits.clone()
    ordered, places = logits.sort(dim=-1, descending=True)
    q = softmax(ordered)
    out = torch.zeros_like(logits).scatter(-1, places, ordered * (q.cumsum(-1) - q < p))
    return torch.where(out == 0, -math.inf, out)


# %% wrong: from the small end, p = 1 not on its own
# says: also one whose probability rounds to 0
def top_p(logits, p):
    ordered, places = logits.sort(dim=-1)
    cut = softmax(ordered).cumsum(-1) <= 1 - p
    return logits.masked_fill(torch.zeros_like(cut).scatter(-1, places, cut), -math.inf)


# %% wrong: looks at the 1,000 likeliest only
# says: look at all tokens
def top_p(logits, p):
    if p == 1:
        return logits.clone()
    places = logits.topk(min(1000, logits.shape[-1]), dim=-1).indices
    q = softmax(logits).gather(-1, places)
    kept = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, places, q.cumsum(-1) - q < p)
    return logits.masked_fill(~kept, -math.inf)


# %% wrong: drops dimensions of 1
# says: the shape stays as it is
def top_p(logits, p):
    if p == 1:
        return logits.clone()
    places = logits.argsort(dim=-1, descending=True, stable=True)
    q = softmax(logits.gather(-1, places))
    kept = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, places, q.cumsum(-1) - q < p)
    return logits.masked_fill(~kept, -math.inf).squeeze()


# %% wrong: a list
# says: return a tensor, not a list
def top_p(logits, p):
    q, row, kept, mass = softmax(logits).tolist(), logits.tolist(), set(), 0.0
    for i in sorted(range(len(row)), key=lambda i: -q[i]):
        if mass < p or p == 1:
            kept.add(i)
        mass += q[i]
    return [z if i in kept else -math.inf for i, z in enumerate(row)]
