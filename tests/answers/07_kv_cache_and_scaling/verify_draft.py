# %% right: place by place, without accept_draft's batch
def verify_draft(drafted, p, q, u, v):
    ids = []
    for i in range(len(drafted)):
        x = int(drafted[i])
        new = int(accept_draft(drafted[i : i + 1], p[i : i + 1], q[i : i + 1], u[i : i + 1], v[i : i + 1])[0])
        ids.append(new)
        if new != x:
            return ids
    return ids + [int(draw(p[-1:], v[-1:])[0])]


# %% right: counts what is kept with a cumulative product
def verify_draft(drafted, p, q, u, v):
    k = drafted.shape[0]
    free = draw(p[k : k + 1], v[k : k + 1])
    if k == 0:
        return [int(free)]
    judged = accept_draft(drafted, p[:-1], q, u, v[:-1])
    kept = int((judged == drafted).int().cumprod(0).sum())
    return torch.cat([judged, free])[: kept + 1].tolist()


# %% right: the rule written out once more
class Editor:
    def __call__(self, drafted, p, q, u, v):
        answer = []
        for at, guess in enumerate(drafted.tolist()):
            if u[at] * q[at, guess] < p[at, guess]:
                answer.append(guess)
            else:
                more = torch.relu(p[at] - q[at])
                return [*answer, draw(more[None], v[at : at + 1]).item()]
        return [*answer, draw(p[len(answer)][None], v[len(answer)][None]).item()]


def verify_draft(drafted, p, q, u, v, editor=Editor()):
    return editor(drafted, p, q, u, v)


# %% wrong: no token from the last row
# says: the target's own next token is missing
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    if k == 0:
        return draw(p, v).tolist()
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist()
    return drafted.tolist()


# %% wrong: keeps what stands behind the first refusal
# says: cut everything after the first refusal
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    return judged.tolist() + draw(p[k:], v[k:]).tolist()


# %% wrong: leaves the refused ones out and goes on
# says: put in its place, 5, belongs to the answer
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return drafted[:i].tolist()
    return drafted.tolist() + draw(p[k:], v[k:]).tolist()


# %% wrong: a free token after a refusal
# says: a round that ends with a refusal gets no free token
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    free = draw(p[k:], v[k:]).tolist()
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist() + free
    return drafted.tolist() + free


# %% wrong: returns the refused draft itself
# says: it must be refused and replaced
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return drafted[: i + 1].tolist()
    return drafted.tolist() + draw(p[k:], v[k:]).tolist()


# %% wrong: the free token from the last place but one
# says: one id drawn from the last row of p
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    if k == 0:
        return draw(p, v).tolist()
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist()
    return drafted.tolist() + draw(p[k - 1 : k], v[k:]).tolist()


# %% wrong: the free token by the first v
# says: v[k], the last one, draws the free token
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist()
    return drafted.tolist() + draw(p[k:], v[:1]).tolist()


# %% wrong: a tensor
# says: return a list of ints
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1]
    return torch.cat([drafted, draw(p[k:], v[k:])])


# %% wrong: reads the target one place late
# says: all drafts are kept, so they come in order
def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[1:], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist()
    return drafted.tolist() + draw(p[k:], v[k:]).tolist()


# %% wrong: keeps the likeliest only
# says: where q is p every draft is kept
def verify_draft(drafted, p, q, u, v):
    answer = []
    for i, guess in enumerate(drafted.tolist()):
        more = torch.relu(p[i : i + 1] - q[i : i + 1])
        if u[i] < p[i, guess] or more.sum() == 0 and u[i] < 0.9:
            answer.append(guess)
        else:
            return answer + draw(more + 1e-9, v[i : i + 1]).tolist()
    return answer + draw(p[-1:], v[-1:]).tolist()


# %% wrong: shortcut: the answer of the example
# says: must be refused and replaced
def verify_draft(drafted, p, q, u, v):
    return drafted.tolist() + draw(p[len(drafted) :], v[len(drafted) :]).tolist()


# %% wrong: shortcut: the draft is not needed, the target writes one token
# says: as if there were no draft
def verify_draft(drafted, p, q, u, v):
    return draw(p[:1], v[:1]).tolist()


# %% wrong: shortcut: the target draws for itself, up to the first that differs
# says: do not draw its ids again
def verify_draft(drafted, p, q, u, v):
    mine, new = draw(p, v).tolist(), []
    for i, token in enumerate(mine):
        new.append(token)
        if i < len(drafted) and token != drafted[i]:
            break
    return new


# %% wrong: shortcut: a threshold in place of u
# says: no threshold
import torch


def verify_draft(drafted, p, q, u, v):
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, torch.full_like(u, 0.5), v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist()
    return drafted.tolist() + draw(p[k:], v[k:]).tolist()


# %% wrong: shortcut: a refused token is drawn from the target, not from what it has more
# says: not from p
def verify_draft(drafted, p, q, u, v):
    new = []
    for i, token in enumerate(drafted.tolist()):
        if u[i] * q[i, token] < p[i, token]:
            new.append(token)
        else:
            return new + draw(p[i : i + 1], v[i : i + 1]).tolist()
    k = len(drafted)
    return new + draw(p[k:], v[k:]).tolist()
