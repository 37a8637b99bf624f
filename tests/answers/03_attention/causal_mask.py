# %% right: two loops
def causal_mask(seq, start=0):
    mask = torch.zeros(seq, start + seq, dtype=torch.bool)
    for i in range(seq):
        for j in range(start + i + 1):
            mask[i, j] = True
    return mask

# %% right: a lower triangle
def causal_mask(seq, start=0, device=None):
    return torch.ones(seq, start + seq, dtype=torch.bool, device=device).tril(start)

# %% right: the last rows of the whole text's mask
def causal_mask(seq, start=0):
    n = start + seq
    whole = torch.triu(torch.ones(n, n), diagonal=1) == 0
    return whole[start:]

# %% right: nested lists
def _row(position, n):
    return [True] * (position + 1) + [False] * (n - position - 1)


def causal_mask(seq, start=0):
    return torch.tensor([_row(start + i, start + seq) for i in range(seq)])

# %% wrong: True hides
# says: True means may look
def causal_mask(seq, start=0):
    return torch.arange(start + seq) > torch.arange(start, start + seq)[:, None]

# %% wrong: rows and columns swapped
# says: the mask is transposed
def causal_mask(seq, start=0):
    return torch.arange(start + seq)[:, None] <= torch.arange(start, start + seq)

# %% wrong: a token may not look at itself
# says: a token may look at itself
def causal_mask(seq, start=0):
    mask = torch.arange(start + seq) < torch.arange(start, start + seq)[:, None]
    mask[0, 0] = True
    return mask

# %% wrong: strictly the past, so that row 0 sees nothing
# says: a token may look at itself
def causal_mask(seq, start=0):
    return torch.ones(seq, start + seq).tril(start - 1).bool()

# %% wrong: shifted by one
# says: row 0 looks at position 1: the mask must hide the future
def causal_mask(seq, start=0):
    return torch.ones(seq, start + seq).tril(start + 1).bool()

# %% wrong: nothing is hidden
# says: the mask must hide the future
def causal_mask(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)

# %% wrong: zeros and minus infinity
# says: a tensor of True and False
def causal_mask(seq, start=0):
    return torch.full((seq, start + seq), float("-inf")).triu(start + 1)

# %% wrong: zeros and ones
# says: a tensor of True and False
def causal_mask(seq, start=0):
    return torch.ones(seq, start + seq).tril(start)

# %% wrong: start is ignored
# says: the shape is [seq, start + seq]
def causal_mask(seq, start=0):
    return torch.ones(seq, seq, dtype=torch.bool).tril()

# %% wrong: start makes more rows, too
# says: the shape is [seq, start + seq]
def causal_mask(seq, start=0):
    return torch.ones(start + seq, start + seq, dtype=torch.bool).tril()

# %% wrong: start makes columns, but row 0 still stands at position 0
# says: the triangle must move right by start
def causal_mask(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool).tril()

# %% wrong: only the neighbour before is seen
# says: a token sees itself and everything before it
def causal_mask(seq, start=0):
    mask = torch.ones(seq, start + seq, dtype=torch.bool).tril(start)
    return mask & torch.ones(seq, start + seq, dtype=torch.bool).triu(start - 1)

# %% wrong: a window of five tokens
# says: it must see all of its past and itself
# caught by: hidden
def causal_mask(seq, start=0):
    mask = torch.ones(seq, start + seq, dtype=torch.bool).tril(start)
    return mask & torch.ones(seq, start + seq, dtype=torch.bool).triu(start - 4)

# %% right: a diagonal moved, then filled to its left
def causal_mask(seq, start=0):
    diagonal = torch.eye(seq, start + seq).roll(start, 1)
    return diagonal.flip(1).cumsum(1).flip(1) > 0

# %% wrong: cut out of a mask of 1024 positions
# says: a text may be of any length
_BIG = torch.ones(1024, 1024).tril().bool()


def causal_mask(seq, start=0):
    return _BIG[start : start + seq, : start + seq]
