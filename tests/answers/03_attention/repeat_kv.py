# %% right: expand and reshape
def repeat_kv(x, n_rep):
    batch, n_kv_head, seq, head_dim = x.shape
    return x[:, :, None].expand(batch, n_kv_head, n_rep, seq, head_dim).reshape(batch, n_kv_head * n_rep, seq, head_dim)

# %% right: a loop over the query heads
def repeat_kv(x, n_rep):
    return torch.stack([x[:, h // n_rep] for h in range(x.size(1) * n_rep)], dim=1)

# %% right: indexing
def repeat_kv(x, n_rep, dim=1):
    return x[:, torch.arange(x.shape[1] * n_rep) // n_rep]

# %% right: stack and flatten
def repeat_kv(x, n_rep):
    if n_rep == 1:
        return x
    return torch.stack([x] * n_rep, dim=2).flatten(1, 2)

# %% wrong: copies of the whole row of heads
# says: copies must stand next to each other
def repeat_kv(x, n_rep):
    return x.repeat(1, n_rep, 1, 1)

# %% wrong: cat of the heads
# says: A B C A B C
def repeat_kv(x, n_rep):
    return torch.cat([x] * n_rep, dim=1)

# %% wrong: positions repeated
# says: positions were repeated
def repeat_kv(x, n_rep):
    return x.repeat_interleave(n_rep, dim=2)

# %% wrong: the batch repeated
# says: the batch was repeated
def repeat_kv(x, n_rep):
    return x.repeat_interleave(n_rep, dim=0)

# %% wrong: columns repeated
# says: columns were repeated
def repeat_kv(x, n_rep):
    return x.repeat_interleave(n_rep, dim=-1)

# %% wrong: n_rep more copies
# says: two of each head in all
def repeat_kv(x, n_rep):
    return x.repeat_interleave(n_rep + 1, dim=1)

# %% wrong: a new dimension
# says: the shape is [batch, n_kv_head * n_rep, seq, head_dim]
def repeat_kv(x, n_rep):
    return x[:, :, None].expand(-1, -1, n_rep, -1, -1)

# %% wrong: the values are shared out among the copies
# says: unchanged inside
def repeat_kv(x, n_rep):
    return x.repeat_interleave(n_rep, dim=1) / n_rep

# %% wrong: two copies, whatever n_rep
# says: with n_rep = 1 every query head has keys of its own
def repeat_kv(x, n_rep):
    return x.repeat_interleave(2, dim=1)

# %% wrong: copies of every head go to the end after the second
# says: query head
# caught by: hidden
def repeat_kv(x, n_rep):
    if n_rep <= 2:
        return x.repeat_interleave(n_rep, dim=1)
    return torch.cat([x.repeat_interleave(2, dim=1)] + [x] * (n_rep - 2), dim=1)

# %% wrong: returns nothing
# says: is there a return?
def repeat_kv(x, n_rep):
    x.repeat_interleave(n_rep, dim=1)


# %% wrong: the heads of the first text alone
# says: a batch of 2 texts stays a batch of 2
def repeat_kv(x, n_rep):
    return torch.stack([x[0, h // n_rep] for h in range(x.shape[1] * n_rep)])[None]


# %% wrong: a list of heads
# says: return one tensor
def repeat_kv(x, n_rep):
    return [x[:, h // n_rep] for h in range(x.shape[1] * n_rep)]
