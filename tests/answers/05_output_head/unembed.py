# %% right: matrix product with the transpose
def unembed(x, table):
    return torch.matmul(x, table.transpose(0, 1))

# %% right: einsum
def unembed(x, table):
    return torch.einsum("...d,vd->...v", x, table)

# %% right: one token at a time
def unembed(x, table):
    return torch.stack([(x * row).sum(-1) for row in table], dim=-1)

# %% right: in double precision, with a class behind it
class Head:
    def __init__(self, table):
        self.table = table.double()
    def __call__(self, x):
        return (x.double()[..., None, :] * self.table).sum(-1)

def unembed(x, table, head=Head):
    return head(table)(x)

# %% wrong: transposes the wrong way round
# says: compare x with the rows of the table
def unembed(x, table):
    return x @ table if x.shape[-1] == table.shape[0] else x @ table.T

# %% wrong: one logit per column
# says: one logit per row of the table
def unembed(x, table):
    return x * table.sum(0)

# %% wrong: applies softmax
# says: leave the softmax to the next step
def unembed(x, table):
    return torch.softmax(x @ table.T, dim=-1)

# %% wrong: scales by the root of d_model
# says: with no scaling
def unembed(x, table):
    return x @ table.T / x.shape[-1] ** 0.5

# %% wrong: cosine instead of dot product
# says: logit v is the dot product
def unembed(x, table):
    return torch.nn.functional.normalize(x, dim=-1) @ torch.nn.functional.normalize(table, dim=-1).T

# %% wrong: only the last position
# says: keep the leading dimensions
def unembed(x, table):
    if x.dim() == 3:
        x = x[:, -1]
    return x @ table.T

# %% wrong: negative distance instead of dot product
# says: logit v is the dot product
def unembed(x, table):
    return -((x[..., None, :] - table) ** 2).sum(-1)

# %% wrong: the last position as a sequence of one
# says: keep the leading dimensions
def unembed(x, table):
    return (x @ table.T)[..., -1:, :] if x.dim() > 1 else x @ table.T


# %% wrong: squeezes the batch away
# says: x [1, 2] has logits [1, vocab]
def unembed(x, table):
    return (x @ table.T).squeeze()


# %% wrong: flattens the leading dimensions
# says: x [2] has [vocab]
def unembed(x, table):
    return x.reshape(-1, x.shape[-1]) @ table.T


# %% wrong: the table times x, turned back
# says: x [2, 3, 2] raised an error
def unembed(x, table):
    return (table @ x.T).T


# %% wrong: rounded to three digits
# says: round nothing
def unembed(x, table):
    return torch.round(x @ table.T, decimals=3)


# %% wrong: in half precision
# says: round nothing
def unembed(x, table):
    return (x.half() @ table.T.half()).float()
