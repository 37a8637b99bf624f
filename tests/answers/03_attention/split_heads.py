# %% right: slices, stacked
def split_heads(x, n_head):
    head_dim = x.shape[-1] // n_head
    return torch.stack([x[:, :, h * head_dim:(h + 1) * head_dim] for h in range(n_head)], dim=1)

# %% right: chunks
def split_heads(x, n_head):
    return torch.cat([part.unsqueeze(1) for part in x.chunk(n_head, dim=-1)], dim=1)

# %% right: unflatten and permute
def split_heads(x, n_head, contiguous=True):
    heads = x.unflatten(-1, (n_head, -1)).permute(0, 2, 1, 3)
    return heads.contiguous() if contiguous else heads

# %% right: element by element
def split_heads(x, n_head):
    batch, seq, width = x.shape
    head_dim = width // n_head
    out = x.new_zeros(batch, n_head, seq, head_dim)
    for h in range(n_head):
        for c in range(head_dim):
            out[:, h, :, c] = x[:, :, h * head_dim + c]
    return out

# %% wrong: one reshape
# says: cut the columns of each row first
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.reshape(batch, n_head, seq, width // n_head)

# %% wrong: positions and heads not swapped
# says: swap positions and heads as a last step
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.view(batch, seq, n_head, width // n_head)

# %% wrong: columns dealt out like cards
# says: a head is a block of neighbouring columns
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.view(batch, seq, width // n_head, n_head).permute(0, 3, 1, 2)

# %% wrong: n_head taken for the width of a head
# says: not the width of one
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.view(batch, seq, width // n_head, n_head).transpose(1, 2)

# %% wrong: heads last
# says: the shape must be [batch, n_head, seq, head_dim]
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.view(batch, seq, n_head, width // n_head).transpose(2, 3)

# %% wrong: heads in reverse order
# says: head 0 is columns 0 to 3
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.view(batch, seq, n_head, width // n_head).transpose(1, 2).flip(1)

# %% wrong: the batch is merged into the heads
# says: the shape must be [batch, n_head, seq, head_dim]
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.view(batch, seq, n_head, width // n_head).transpose(1, 2).reshape(batch * n_head, seq, width // n_head)

# %% wrong: texts of a batch are mixed up
# says: text 2's own last 4 columns
def split_heads(x, n_head):
    batch, seq, width = x.shape
    return x.transpose(0, 1).reshape(batch, seq, n_head, width // n_head).transpose(1, 2)

# %% wrong: returns nothing
# says: is there a return?
def split_heads(x, n_head):
    batch, seq, width = x.shape
    x.view(batch, seq, n_head, width // n_head).transpose(1, 2)

# %% right: windows over the columns
def split_heads(x, n_head):
    head_dim = x.shape[-1] // n_head
    return x.unfold(-1, head_dim, head_dim).transpose(1, 2)

# %% wrong: a list of heads
# says: return one tensor
def split_heads(x, n_head):
    return list(x.chunk(n_head, dim=-1))

# %% wrong: one text only
# says: a batch of 3 texts stays a batch of 3
def split_heads(x, n_head):
    return x.view(1, -1, n_head, x.shape[-1] // n_head).transpose(1, 2)


# %% wrong: a head is taken to be 4 columns wide
# says: not always 4
def split_heads(x, n_head):
    return x.view(x.shape[0], x.shape[1], -1, 4).transpose(1, 2)
