# %% right: a loop over the tokens, sorted
def nearest(table, token_id, k):
    query = table[token_id]
    cosines = []
    for other, row in enumerate(table):
        if other != token_id:
            cosines.append((float(row @ query / (row.norm() * query.norm())), other))
    return [other for _, other in sorted(cosines, reverse=True)[:k]]


# %% right: dividing by the rows' norms alone gives the same order
def nearest(table, token_id, k):
    score = (table @ table[token_id]) / table.pow(2).sum(dim=1).sqrt()
    order = score.argsort(descending=True).tolist()
    order.remove(token_id)
    return order[:k]


# %% right: distance between the normalised rows
def nearest(table, token_id, k, eps=1e-12):
    unit = table.double() / (table.double().norm(dim=1, keepdim=True) + eps)
    distance = (unit - unit[token_id]).norm(dim=1)
    distance[token_id] = float("inf")
    return torch.topk(distance, k, largest=False).indices.tolist()


# %% right: a helper and einsum, the token's row taken out beforehand
def cosines(rows, query):
    return torch.einsum("vd,d->v", rows, query) / torch.einsum("vd,vd->v", rows, rows).sqrt()


def nearest(table, token_id, k):
    others = [i for i in range(len(table)) if i != token_id]
    best = cosines(table[others], table[token_id]).sort(descending=True).indices[:k]
    return [others[i] for i in best]


# %% wrong: the dot product
# says: long, not near
def nearest(table, token_id, k):
    score = table @ table[token_id]
    score[token_id] = -torch.inf
    return score.topk(k).indices.tolist()


# %% wrong: divides by the query's length only
# says: long, not near
def nearest(table, token_id, k):
    score = table @ (table[token_id] / table[token_id].norm())
    score[token_id] = -torch.inf
    return score.topk(k).indices.tolist()


# %% wrong: the distance between the tips
# says: compare directions, not how far apart the tips are
def nearest(table, token_id, k):
    distance = (table - table[token_id]).norm(dim=1)
    distance[token_id] = torch.inf
    return distance.topk(k, largest=False).indices.tolist()


# %% wrong: lists the token itself
# says: not its own neighbour
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    return (unit @ unit[token_id]).topk(k).indices.tolist()


# %% wrong: the farthest first
# says: the opposite way
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = unit @ unit[token_id]
    score[token_id] = torch.inf
    return score.topk(k, largest=False).indices.tolist()


# %% wrong: the size of the cosine without its sign
# says: the opposite way
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = (unit @ unit[token_id]).abs()
    score[token_id] = -torch.inf
    return score.topk(k).indices.tolist()


# %% wrong: one neighbour short
# says: k neighbours, not counting the token itself
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    order = (unit @ unit[token_id]).topk(k).indices.tolist()
    return [other for other in order if other != token_id]


# %% wrong: drops the first place, whoever stands there
# says: by its id
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    order = (unit @ unit[token_id]).argsort(descending=True, stable=True).tolist()
    return order[1 : k + 1]


# %% wrong: the token itself gets cosine 0
# says: with -inf, not with 0
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = unit @ unit[token_id]
    score[token_id] = 0
    return score.topk(k).indices.tolist()


# %% wrong: the token itself gets cosine -1
# says: with -inf, not with -1
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = unit @ unit[token_id]
    score[token_id] = -1
    return score.topk(k).indices.tolist()


# %% wrong: cosines in place of ids
# says: the ids, as whole numbers
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = unit @ unit[token_id]
    score[token_id] = -torch.inf
    return score.topk(k).values.tolist()


# %% wrong: a tensor in place of a list
# says: the ids, as whole numbers
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = unit @ unit[token_id]
    score[token_id] = -torch.inf
    return score.topk(k).indices


# %% wrong: the nearest k in the order of their ids
# says: nearest first
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    score = unit @ unit[token_id]
    score[token_id] = -torch.inf
    return sorted(score.topk(k).indices.tolist())


# %% wrong: the return is forgotten
# says: is there a return?
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    (unit @ unit[token_id]).topk(k).indices.tolist()


# %% wrong: rows of length 1 made once
# says: keep nothing from an earlier call
_u = []


def nearest(table, token_id, k):
    if not _u:
        _u.append(table / table.norm(dim=-1, keepdim=True))
    c = _u[0] @ _u[0][token_id]
    c[token_id] = -torch.inf
    return c.topk(k).indices.tolist()


# %% wrong: the token's row removed, and the ids behind it moved up
# says: come out one too small
def nearest(table, token_id, k):
    u = table / table.norm(dim=-1, keepdim=True)
    c = torch.cat([(u @ u[token_id])[:token_id], (u @ u[token_id])[token_id + 1 :]])
    return c.topk(k).indices.tolist()


# %% wrong: the caller's rows are divided by their lengths
# says: the caller's table has changed
def nearest(table, token_id, k):
    table /= table.norm(dim=-1, keepdim=True)
    cosines = table @ table[token_id]
    cosines[token_id] = -torch.inf
    return cosines.topk(k).indices.tolist()


# %% wrong: the angle, by acos
# says: acos of that is NaN
def nearest(table, token_id, k):
    unit = table / table.norm(dim=-1, keepdim=True)
    angles = torch.acos(unit @ unit[token_id])
    angles[token_id] = torch.inf
    return angles.argsort()[:k].tolist()


# %% wrong: ids that went through a float tensor
# says: 1, not 1.0
def nearest(table, token_id, k):
    unit = table / table.norm(dim=-1, keepdim=True)
    scored = torch.stack([unit @ unit[token_id], torch.arange(len(table))], dim=1).tolist()
    best = sorted((each for each in scored if each[1] != token_id), reverse=True)
    return [number for cosine, number in best[:k]]


# %% wrong: divides by squared lengths
# says: short, not near
def nearest(table, token_id, k):
    scores = table @ table[token_id] / table.pow(2).sum(dim=-1)
    scores[token_id] = -torch.inf
    return scores.topk(k).indices.tolist()


# %% right: plain numbers and a heap
import heapq, math


def nearest(table, token_id, k):
    rows = table.tolist()

    def cosine(i):
        return sum(map(float.__mul__, rows[i], rows[token_id])) / math.hypot(*rows[i])

    return heapq.nlargest(k, (i for i in range(len(rows)) if i != token_id), key=cosine)


# %% wrong: k + 1 ids, less the token's own where it is among them
# says: need not stand among the first k + 1
def nearest(table, token_id, k):
    unit = table / table.norm(dim=-1, keepdim=True)
    best = (unit @ unit[token_id]).topk(k + 1).indices.tolist()
    return [i for i in best if i != token_id]


# %% wrong: k + 1 ids, and the token's own must be among them
# says: need not stand among the first k + 1
def nearest(table, token_id, k):
    unit = table / table.norm(dim=-1, keepdim=True)
    best = (unit @ unit[token_id]).topk(k + 1).indices.tolist()
    best.remove(token_id)
    return best


# %% wrong: leaves out every row that equals the token's
# says: leave out token_id alone, by its id
def nearest(table, token_id, k):
    unit = table / table.norm(dim=-1, keepdim=True)
    order = (unit @ unit[token_id]).argsort(descending=True).tolist()
    return [i for i in order if not torch.equal(table[i], table[token_id])][:k]


# %% wrong: a list of tensors of one id each
# says: a list of ints, not of tensors
def nearest(table, token_id, k):
    unit = table / table.norm(dim=-1, keepdim=True)
    cosines = unit @ unit[token_id]
    cosines[token_id] = -torch.inf
    return list(cosines.topk(k).indices)


# %% wrong: divides by the sum of the sizes
# says: not the sum of its sizes
def nearest(table, token_id, k):
    unit = table / table.abs().sum(dim=-1, keepdim=True)
    scores = unit @ unit[token_id]
    scores[token_id] = -torch.inf
    return scores.topk(k).indices.tolist()


# %% wrong: differences of the normalised rows, added up
# says: not by the sum of the differences
def nearest(table, token_id, k):
    unit = table / table.norm(dim=1, keepdim=True)
    distance = (unit - unit[token_id]).abs().sum(dim=1)
    distance[token_id] = float("inf")
    return torch.topk(distance, k, largest=False).indices.tolist()
