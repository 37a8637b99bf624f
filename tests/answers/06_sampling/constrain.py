# %% right: a loop over the choices, in place on a copy
def constrain(logits, new, choices):
    out = logits.clone().fill_(-math.inf)
    for choice in choices:
        if len(choice) > len(new) and all(a == b for a, b in zip(choice, new)):
            out[..., choice[len(new)]] = logits[..., choice[len(new)]]
    return out

# %% right: a set of allowed ids and a mask
def constrain(logits, new, choices):
    start = tuple(new)
    allowed = {tuple(c)[len(start)] for c in choices if tuple(c[: len(start)]) == start and len(c) > len(start)}
    cut = torch.tensor([i not in allowed for i in range(logits.shape[-1])])
    return logits.masked_fill(cut, float("-inf"))

# %% right: a tree of dictionaries
class Tree(dict):
    def add(self, ids):
        node = self
        for i in ids:
            node = node.setdefault(i, Tree())

def constrain(logits, new, choices):
    node = Tree()
    for choice in choices:
        node.add(choice)
    for i in new:
        node = node.get(i, Tree())
    penalty = torch.full((logits.shape[-1],), -math.inf, dtype=logits.dtype)
    penalty[list(node)] = 0.0
    return logits + penalty

# %% right: strings as keys, in double precision
def constrain(logits, new, choices):
    key = "".join(f"{i}," for i in new)
    places = sorted({c[len(new)] for c in choices if "".join(f"{i}," for i in c).startswith(key) and len(c) > len(new)})
    index = torch.tensor(places, dtype=torch.long)
    return torch.full(logits.shape, -math.inf, dtype=torch.float64).index_copy(-1, index, logits.double().index_select(-1, index))

# %% wrong: only the first token of each choice, whatever is written
# says: after 5 two choices are open
def constrain(logits, new, choices):
    out = torch.full_like(logits, -math.inf)
    allowed = [each[0] for each in choices]
    out[..., allowed] = logits[..., allowed]
    return out

# %% wrong: any token of any choice
# says: only 5 and 9 begin a choice
def constrain(logits, new, choices):
    out = torch.full_like(logits, -math.inf)
    allowed = [i for each in choices for i in each]
    out[..., allowed] = logits[..., allowed]
    return out

# %% wrong: goes by how much is written, not by what
# says: a choice that began otherwise is closed
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    allowed = [each[n] for each in choices if len(each) > n]
    out[..., allowed] = logits[..., allowed]
    return out

# %% wrong: compares the last token only
# says: begins with all that is written
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    allowed = [each[n] for each in choices if len(each) > n and each[:n][-1:] == new[-1:]]
    out[..., allowed] = logits[..., allowed]
    return out

# %% wrong: cuts to zero
# says: everything else is -inf
def constrain(logits, new, choices):
    n, out = len(new), torch.zeros_like(logits)
    allowed = [each[n] for each in choices if len(each) > n and each[:n] == new]
    out[..., allowed] = logits[..., allowed]
    return out

# %% wrong: all allowed tokens become equally likely
# says: with their own logits
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    out[..., [each[n] for each in choices if len(each) > n and each[:n] == new]] = 0.0
    return out

# %% wrong: keeps the likeliest allowed token alone
# says: only 5 and 9 begin a choice
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    allowed = [each[n] for each in choices if len(each) > n and each[:n] == new]
    best = max(allowed, key=lambda i: logits.reshape(-1, logits.shape[-1])[0, i])
    out[..., best] = logits[..., best]
    return out

# %% wrong: returns ids
# says: only 5 and 9 begin a choice
def constrain(logits, new, choices):
    n = len(new)
    return torch.tensor(sorted({each[n] for each in choices if len(each) > n and each[:n] == new}))

# %% wrong: one row of logits only
# says: out of bounds
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    for each in choices:
        if len(each) > n and each[:n] == new:
            out[each[n]] = logits[each[n]]
    return out

# %% wrong: a choice that is shorter than what is written stays open
# says: those shorter than what is written are closed
def constrain(logits, new, choices):
    out = torch.full_like(logits, -math.inf)
    for each in choices:
        n = min(len(new), len(each) - 1)
        if each[:n] == new[:n]:
            out[..., each[n]] = logits[..., each[n]]
    return out

# %% wrong: cuts in the caller's logits
# says: the caller's logits have changed
def constrain(logits, new, choices):
    ok = sorted({c[len(new)] for c in choices if len(c) > len(new) and c[:len(new)] == new})
    mask = torch.ones(logits.shape[-1], dtype=torch.bool)
    mask[ok] = False
    logits[..., mask] = -math.inf
    return logits

# %% wrong: a complete choice is asked for one token more
# says: list index out of range
def constrain(logits, new, choices):
    ok = sorted({c[len(new)] for c in choices if c[:len(new)] == new})
    out = torch.full_like(logits, -math.inf)
    out[..., ok] = logits[..., ok]
    return out


# %% wrong: shortens the caller's choices
# says: has changed what it was given besides the logits
def constrain(logits, new, choices):
    for t in new:
        choices[:] = [c[1:] for c in choices if c and c[0] == t]
    out = torch.full_like(logits, -math.inf)
    for c in choices:
        if c:
            out[..., c[0]] = logits[..., c[0]]
    return out


# %% wrong: no choice is open, so everything may come
# says: no choice goes on with what is written
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    allowed = [each[n] for each in choices if len(each) > n and each[:n] == new]
    if not allowed:
        return logits.clone()
    out[..., allowed] = logits[..., allowed]
    return out


# %% wrong: an empty list as an index
# says: IndexError
def constrain(logits, new, choices):
    n, mask = len(new), torch.ones(logits.shape[-1], dtype=torch.bool)
    allowed = [each[n] for each in choices if len(each) > n and each[:n] == new]
    mask[torch.tensor(allowed)] = False
    return logits.masked_fill(mask, -math.inf)


# %% wrong: one or two dimensions only
# says: out of bounds
def constrain(logits, new, choices):
    n, out = len(new), torch.full_like(logits, -math.inf)
    allowed = [each[n] for each in choices if len(each) > n and each[:n] == new]
    if logits.dim() == 1:
        out[allowed] = logits[allowed]
    else:
        out[:, allowed] = logits[:, allowed]
    return out


# %% wrong: compares ids as text
# says: compare ids, not text
def constrain(logits, new, choices):
    out, start = torch.full_like(logits, -math.inf), str(new)[:-1]
    for each in choices:
        if len(each) > len(new) and str(each).startswith(start):
            out[..., each[len(new)]] = logits[..., each[len(new)]]
    return out


# %% wrong: sorts the caller's choices
# says: has changed what it was given besides the logits
from bisect import bisect_left
def constrain(logits, new, choices):
    choices.sort()
    out, n = torch.full_like(logits, -math.inf), len(new)
    for each in choices[bisect_left(choices, new) :]:
        if each[:n] != new:
            break
        if len(each) > n:
            out[..., each[n]] = logits[..., each[n]]
    return out


# %% wrong: what is written may come in any order
# says: begins with all that is written
def constrain(logits, new, choices):
    out = torch.full_like(logits, -math.inf)
    for choice in choices:
        if sorted(choice[: len(new)]) == sorted(new) and len(choice) > len(new):
            out[..., choice[len(new)]] = logits[..., choice[len(new)]]
    return out


# %% wrong: finds what is written anywhere in a choice
# says: begins with all that is written
def constrain(logits, new, choices):
    out, n = torch.full_like(logits, -math.inf), len(new)
    for choice in choices:
        for start in range(len(choice) - n if new else min(1, len(choice))):
            if choice[start : start + n] == new:
                out[..., choice[start + n]] = logits[..., choice[start + n]]
    return out


# %% wrong: zeros are taken for what was cut
# says: 0 is a logit like others
def constrain(logits, new, choices):
    mask = torch.zeros(logits.shape[-1])
    for choice in choices:
        if choice[: len(new)] == new and len(choice) > len(new):
            mask[choice[len(new)]] = 1
    out = logits * mask
    return out.masked_fill(out == 0, -math.inf)


# %% wrong: a list
# says: return a tensor, not a list
def constrain(logits, new, choices):
    out = torch.full_like(logits, -math.inf)
    for choice in choices:
        if choice[: len(new)] == new and len(choice) > len(new):
            out[..., choice[len(new)]] = logits[..., choice[len(new)]]
    return out.tolist()
