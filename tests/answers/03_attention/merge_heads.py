# %% right: concatenation
def merge_heads(x):
    return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)

# %% right: permute and reshape
def merge_heads(x):
    batch, n_head, seq, head_dim = x.shape
    return x.permute(0, 2, 1, 3).reshape(batch, seq, n_head * head_dim)

# %% right: filled in place
def merge_heads(x):
    batch, n_head, seq, head_dim = x.size()
    out = torch.empty(batch, seq, n_head * head_dim, dtype=x.dtype)
    for h in range(n_head):
        out[..., h * head_dim:(h + 1) * head_dim] = x[:, h]
    return out

# %% right: einsum to swap, contiguous to view
def merge_heads(x):
    x = torch.einsum("bhsd->bshd", x).contiguous()
    return x.view(*x.shape[:2], -1)

# %% wrong: one reshape
# says: swap heads and positions back
def merge_heads(x):
    batch, n_head, seq, head_dim = x.shape
    return x.reshape(batch, seq, n_head * head_dim)

# %% wrong: heads added up
# says: not added up or averaged
def merge_heads(x):
    return x.sum(dim=1)

# %% wrong: heads averaged
# says: not added up or averaged
def merge_heads(x):
    return x.mean(dim=1)

# %% wrong: columns dealt out in turn
# says: shuffled column by column
def merge_heads(x):
    return x.permute(0, 2, 3, 1).flatten(-2)

# %% wrong: heads not joined
# says: the shape must be [batch, seq, n_head * head_dim]
def merge_heads(x):
    return x.transpose(1, 2)

# %% wrong: heads in reverse order
# says: row 0 must be head 0's row 0
def merge_heads(x):
    return x.flip(1).transpose(1, 2).flatten(-2)

# %% wrong: heads set one below the other
# says: the shape must be [batch, seq, n_head * head_dim]
def merge_heads(x):
    return x.flatten(1, 2)

# %% wrong: texts of a batch are mixed up
# says: text 2 must be made of its own heads
def merge_heads(x):
    batch, n_head, seq, head_dim = x.shape
    return x.permute(2, 0, 1, 3).reshape(batch, seq, n_head * head_dim)

# %% wrong: returns nothing
# says: is there a return?
def merge_heads(x):
    x.transpose(1, 2).flatten(-2)

# %% right: recursion, the first head and the rest
def merge_heads(x):
    first, rest = x[:, 0], x[:, 1:]
    return first if rest.shape[1] == 0 else torch.cat([first, merge_heads(rest)], dim=-1)

# %% wrong: a list of heads
# says: return one tensor
def merge_heads(x):
    return [x[:, h] for h in range(x.shape[1])]

# %% wrong: one text only
# says: a batch of 3 texts stays a batch of 3
def merge_heads(x):
    return torch.cat(list(x[0]), dim=-1)[None]
