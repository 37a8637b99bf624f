# %% right: slices
def next_token_pairs(ids):
    return ids[..., :-1], ids[..., 1:]

# %% right: narrow
def next_token_pairs(ids):
    n = ids.shape[1] - 1
    return ids.narrow(1, 0, n), ids.narrow(1, 1, n).clone()

# %% right: Python lists
def next_token_pairs(ids):
    rows = ids.tolist()
    inputs = [row[:-1] for row in rows]
    targets = [row[1:] for row in rows]
    return torch.tensor(inputs), torch.tensor(targets)

# %% right: windows of two
def next_token_pairs(ids):
    pairs = ids.unfold(1, 2, 1)
    return [pairs[..., 0], pairs[..., 1].to(torch.int32)]

# %% wrong: no shift
# says: shift the targets by one
def next_token_pairs(ids):
    return ids[:, :-1], ids[:, :-1]

# %% wrong: swapped
# says: swapped
def next_token_pairs(ids):
    return ids[:, 1:], ids[:, :-1]

# %% wrong: keeps all inputs
# says: all but the last token
def next_token_pairs(ids):
    return ids, ids[:, 1:]

# %% wrong: rolls and keeps the full length
# says: all but the last token
def next_token_pairs(ids):
    return ids, ids.roll(-1, 1)

# %% wrong: slices the batch
# says: the batch stays whole
def next_token_pairs(ids):
    return ids[:-1], ids[1:]

# %% wrong: shifts by two
# says: all but the last token
def next_token_pairs(ids):
    return ids[:, :-2], ids[:, 2:]

# %% wrong: only one tensor
# says: return two tensors
def next_token_pairs(ids):
    return ids[:, 1:]

# %% wrong: the target is the last token everywhere
# says: the very next token
def next_token_pairs(ids):
    return ids[:, :-1], ids[:, -1:].expand(-1, ids.shape[1] - 1)

# %% right: a named tuple
from collections import namedtuple

Pair = namedtuple("Pair", "inputs targets")

def next_token_pairs(ids):
    return Pair(ids[:, :-1], ids[:, 1:])

# %% wrong: buffers of zeros, which are floats
# says: as floats they cannot be looked up
def next_token_pairs(ids):
    batch, seq = ids.shape
    inputs, targets = torch.zeros(batch, seq - 1), torch.zeros(batch, seq - 1)
    for i in range(seq - 1):
        inputs[:, i] = ids[:, i]
        targets[:, i] = ids[:, i + 1]
    return inputs, targets

# %% wrong: nested lists
# says: return two tensors
def next_token_pairs(ids):
    rows = ids.tolist()
    return [row[:-1] for row in rows], [row[1:] for row in rows]


# %% wrong: remembers its answer by the shape
# says: keep nothing between calls
def next_token_pairs(ids, _m={}):
    return _m.setdefault(ids.shape[0], (ids[:, :-1], ids[:, 1:]))


# %% wrong: a dictionary from each token to the next
# says: do not look the token up
def next_token_pairs(ids):
    after = {}
    for row in ids.tolist():
        after.update(zip(row, row[1:]))
    inputs = ids[:, :-1]
    return inputs, torch.tensor([[after[token] for token in row] for row in inputs.tolist()])


# %% wrong: 16 bits
# says: ids go up to 49151
def next_token_pairs(ids):
    ids = ids.to(torch.int16)
    return ids[:, :-1], ids[:, 1:]
