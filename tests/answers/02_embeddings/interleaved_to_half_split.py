# %% right: even rows, then odd rows, a head at a time
def interleaved_to_half_split(w, n_head):
    heads = [torch.cat([head[0::2], head[1::2]]) for head in w.chunk(n_head)]
    return torch.cat(heads)


# %% right: a list of row numbers
def interleaved_to_half_split(w, n_head):
    head_dim = w.shape[0] // n_head
    order = []
    for head in range(n_head):
        order += [head * head_dim + i for i in range(0, head_dim, 2)]
        order += [head * head_dim + i for i in range(1, head_dim, 2)]
    return w[order]


# %% right: a permutation matrix, in double precision
def permutation(head_dim):
    rows = torch.zeros(head_dim, head_dim, dtype=torch.float64)
    for i in range(head_dim):
        rows[i, 2 * i if i < head_dim // 2 else 2 * i - head_dim + 1] = 1
    return rows


def interleaved_to_half_split(w, n_head):
    heads = w.double().unflatten(0, (n_head, -1))
    return torch.einsum("ij,hjd->hid", permutation(heads.shape[1]), heads).flatten(0, 1)


# %% right: in place, into an empty matrix
def interleaved_to_half_split(w, n_head, d_model=None):
    out = torch.empty_like(w)
    head_dim = len(w) // n_head
    for row in range(len(w)):
        head, i = divmod(row, head_dim)
        out[head * head_dim + i // 2 + (i % 2) * (head_dim // 2)] = w[row]
    return out


# %% wrong: the way back
# says: the way back
def interleaved_to_half_split(w, n_head):
    return w.view(n_head, 2, -1, w.shape[-1]).transpose(1, 2).reshape(w.shape)


# %% wrong: all heads as one
# says: each head is reordered by itself
def interleaved_to_half_split(w, n_head):
    return torch.cat([w[0::2], w[1::2]])


# %% wrong: columns move
# says: rows move
def interleaved_to_half_split(w, n_head):
    return torch.cat([w[:, 0::2], w[:, 1::2]], dim=1)


# %% wrong: nothing moves
# says: nothing has moved
def interleaved_to_half_split(w, n_head):
    return w.view(n_head, -1, 2, w.shape[-1]).reshape(w.shape)


# %% wrong: the two halves change places
# says: even rows first
def interleaved_to_half_split(w, n_head):
    return torch.cat([torch.cat([head[len(head) // 2 :], head[: len(head) // 2]]) for head in w.chunk(n_head)])


# %% wrong: odd rows first
# says: even rows first
def interleaved_to_half_split(w, n_head):
    return torch.cat([torch.cat([head[1::2], head[0::2]]) for head in w.chunk(n_head)])


# %% wrong: the odd rows backwards
# says: even rows first
def interleaved_to_half_split(w, n_head):
    return torch.cat([torch.cat([head[0::2], head[1::2].flip(0)]) for head in w.chunk(n_head)])


# %% wrong: one head comes back with a dimension of its own
# says: the shape of w
def interleaved_to_half_split(w, n_head):
    return w.view(n_head, -1, 2, w.shape[-1]).transpose(1, 2).flatten(1, 2)


# %% wrong: only the first head
# says: each head is reordered by itself
def interleaved_to_half_split(w, n_head):
    head_dim = len(w) // n_head
    first = w[:head_dim]
    return torch.cat([first[0::2], first[1::2], w[head_dim:]])


# %% wrong: a head is taken to be 4 rows high
# says: each head is reordered by itself
# caught by: hidden
def interleaved_to_half_split(w, n_head):
    size = 4 if n_head > 1 else len(w)
    return torch.cat([torch.cat([head[0::2], head[1::2]]) for head in w.split(size)])


# %% wrong: the return is forgotten
# says: is there a return?
def interleaved_to_half_split(w, n_head):
    w.view(n_head, -1, 2, w.shape[-1]).transpose(1, 2).reshape(w.shape)

# %% right: recursion, the first head and the rest
def interleaved_to_half_split(w, n_head):
    if n_head == 0:
        return w
    size = len(w) // n_head
    head, rest = w[:size], w[size:]
    return torch.cat([head[::2], head[1::2], interleaved_to_half_split(rest, n_head - 1)])

# %% wrong: the height of a head is taken from d_model
# says: the number of columns, may be another
def interleaved_to_half_split(w, n_head):
    heads = w.split(w.shape[1] // n_head)
    return torch.cat([torch.cat([head[::2], head[1::2]]) for head in heads])


# %% wrong: a list of rows
# says: return one tensor
def interleaved_to_half_split(w, n_head):
    rows = []
    for head in w.chunk(n_head):
        rows += [*head[0::2], *head[1::2]]
    return rows
