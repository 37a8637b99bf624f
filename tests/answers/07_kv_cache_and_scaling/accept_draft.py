# %% right: row by row
def accept_draft(drafted, p, q, u, v):
    ids = []
    for i, x in enumerate(drafted.tolist()):
        if u[i] < p[i, x] / q[i, x]:
            ids.append(x)
            continue
        more = [max(a - b, 0.0) for a, b in zip(p[i].tolist(), q[i].tolist())]
        left = float(v[i]) * sum(more)
        for y, weight in enumerate(more):
            left -= weight
            if left < 0:
                break
        ids.append(y)
    return torch.tensor(ids)


# %% right: gather, and the given draw on rescaled weights
def accept_draft(drafted, p, q, u, v):
    column = drafted.unsqueeze(1)
    ratio = (p.gather(1, column) / q.gather(1, column)).squeeze(1).clamp(max=1)
    out = drafted.clone()
    refused = u >= ratio
    if refused.any():
        more = torch.relu(p[refused] - q[refused])
        out[refused] = draw(more / more.sum(-1, keepdim=True), v[refused])
    return out


# %% right: one-hot look-up and a search in double precision
def chance_to_keep(drafted, p, q):
    chosen = torch.nn.functional.one_hot(drafted.long(), p.shape[1]).double()
    return torch.minimum(torch.ones(len(drafted), dtype=torch.float64), (chosen * p).sum(1) / (chosen * q).sum(1))


def accept_draft(drafted, p, q, u, v, eps=0.0):
    keep = (u.double() < chance_to_keep(drafted, p, q)).long()
    edges = torch.maximum(p.double() - q.double(), torch.zeros(())).cumsum(1).contiguous()
    other = torch.searchsorted(edges, (v.double()[:, None] * edges[:, -1:]).contiguous(), right=True)[:, 0].clamp(max=p.shape[1] - 1)
    return keep * drafted + (1 - keep) * other


# %% wrong: keeps with probability p
# says: p(1) = q(1): a drafted 1 is always kept
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    return torch.where(u < p[rows, drafted], drafted, draw((p - q).clamp(min=0), v))


# %% wrong: the ratio upside down
# says: the drafted 2 must be replaced
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    return torch.where(u < q[rows, drafted] / p[rows, drafted], drafted, draw((p - q).clamp(min=0), v))


# %% wrong: the replacement is drawn from p
# says: whatever v is, the replacement is 0
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    return torch.where(u * q[rows, drafted] < p[rows, drafted], drafted, draw(p, v))


# %% wrong: the replacement is drawn from |p - q|
# says: whatever v is, the replacement is 0
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    return torch.where(u * q[rows, drafted] < p[rows, drafted], drafted, draw((p - q).abs(), v))


# %% wrong: keeps only what p finds at least as likely
# says: u = 0.39 is below it
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    return torch.where(p[rows, drafted] >= q[rows, drafted], drafted, draw((p - q).clamp(min=0), v))


# %% wrong: the replacement is always the likeliest
# says: v = 0.1 draws 0 and v = 0.9 draws 1
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    return torch.where(u * q[rows, drafted] < p[rows, drafted], drafted, (p - q).argmax(-1))


# %% wrong: keeps everything
# says: the drafted 2 must be replaced
def accept_draft(drafted, p, q, u, v):
    return drafted


# %% wrong: draws with weights that do not sum to 1
# says: whatever v is, the replacement is 0
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    edges = (p - q).clamp(min=0).cumsum(-1)
    other = (edges <= v[:, None]).sum(-1).clamp(max=p.shape[1] - 1)
    return torch.where(u * q[rows, drafted] < p[rows, drafted], drafted, other)


# %% wrong: the first row's u decides for all
# says: each row has its own p, q, u and v
# caught by: hidden
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    u = u[:1].expand(len(u)) if len(u) == 2 else u
    return torch.where(u * q[rows, drafted] < p[rows, drafted], drafted, draw((p - q).clamp(min=0), v))


# %% wrong: keeps the id at u = p / q, too
# says: a drafted 2 is never kept
def accept_draft(drafted, p, q, u, v):
    r = torch.arange(len(drafted))
    return torch.where(u * q[r, drafted] <= p[r, drafted], drafted, draw((p - q).clamp(min=0), v))


# %% wrong: looks the ids up in the first row
# says: each row has its own p and q
def accept_draft(drafted, p, q, u, v):
    return torch.where(u * q[0, drafted] < p[0, drafted], drafted, draw((p - q).clamp(min=0), v))


# %% wrong: a buffer of zeros, which are floats
# says: an id is a whole number
def accept_draft(drafted, p, q, u, v):
    out = torch.zeros(len(drafted))
    for i, x in enumerate(drafted.tolist()):
        if u[i] * q[i, x] < p[i, x]:
            out[i] = x
        else:
            out[i] = draw((p[i] - q[i]).clamp(min=0)[None], v[i : i + 1])[0]
    return out


# %% wrong: the first row's v for all
# says: each row has its own v
def accept_draft(drafted, p, q, u, v):
    r = torch.arange(len(drafted))
    return torch.where(
        u * q[r, drafted] < p[r, drafted], drafted, draw((p - q).clamp(min=0), v[:1].expand_as(v))
    )


# %% wrong: draws with the u that has just refused
# says: u only decides
def accept_draft(drafted, p, q, u, v):
    r = torch.arange(len(drafted))
    return torch.where(u * q[r, drafted] < p[r, drafted], drafted, draw((p - q).clamp(min=0), u))


# %% right: logarithms, and draws for the refused rows alone
def accept_draft(drafted, p, q, u, v):
    d = drafted.long()[:, None]
    keep = u.log() < (p.gather(1, d).log() - q.gather(1, d).log())[:, 0]
    out = drafted.clone()
    for i in (~keep).nonzero()[:, 0].tolist():
        out[i] = draw((p[i] - q[i]).clamp(min=0)[None], v[i][None])[0]
    return out


# %% wrong: no return
# says: is there a return?
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))


# %% right: what p has more than q, in place
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    kept = u * q[rows, drafted] < p[rows, drafted]
    p -= q
    return torch.where(kept, drafted, draw(p.clamp_(min=0), v))


# %% wrong: the first v for the first row that is replaced
# says: each row has its own v, also behind a row that is kept
def accept_draft(drafted, p, q, u, v):
    rows = torch.arange(len(drafted))
    refused = u * q[rows, drafted] >= p[rows, drafted]
    out = drafted.clone()
    if refused.any():
        more = (p[refused] - q[refused]).clamp(min=0)
        out[refused] = draw(more, v[: len(more)])
    return out


# %% wrong: a list
# says: return a tensor, not a list
def accept_draft(drafted, p, q, u, v):
    other = draw((p - q).clamp(min=0), v).tolist()
    return [
        x if u[row] * q[row, x] < p[row, x] else other[row]
        for row, x in enumerate(drafted.tolist())
    ]
