# %% right: one-hot rows times the table
def embed(ids, table):
    one_hot = (ids[..., None] == torch.arange(table.shape[0])).to(table.dtype)
    return one_hot @ table


# %% right: a loop over the ids, put back into shape
def embed(ids, table):
    rows = [table[i] for i in ids.flatten().tolist()]
    return torch.stack(rows).reshape(*ids.shape, table.shape[1])


# %% right: index_select, with an argument of its own
def embed(ids, table, check=True):
    if check and ids.max() >= len(table):
        raise IndexError("no such token")
    return torch.index_select(table, 0, ids.reshape(-1)).view(ids.shape + (-1,))


# %% right: a class behind the function, double precision
class Table:
    def __init__(self, rows):
        self.rows = rows.double()

    def __getitem__(self, ids):
        return self.rows[ids]


def embed(ids, table):
    return Table(table)[ids]


# %% wrong: picks columns
# says: a row of the table, not a column
def embed(ids, table):
    return table[:, ids]


# %% wrong: counts tokens from 1
# says: rows count from 0
def embed(ids, table):
    return table[ids - 1]


# %% wrong: each token once, in the order of the ids
# says: in the order of the text
def embed(ids, table):
    return table[ids.unique()]


# %% wrong: one vector for the whole text
# says: do not add them up or average them
def embed(ids, table):
    return table[ids].mean(dim=-2)


# %% wrong: rows scaled to length 1
# says: nothing is scaled
def embed(ids, table):
    rows = table[ids]
    return rows / rows.norm(dim=-1, keepdim=True)


# %% wrong: times the root of d_model, as in the first transformer
# says: nothing is scaled
def embed(ids, table):
    return table[ids] * table.shape[1] ** 0.5


# %% wrong: a batch becomes one long list
# says: keep the shape of ids
def embed(ids, table):
    return table[ids.flatten()]


# %% wrong: only the first text of a batch
# says: keep the shape of ids
def embed(ids, table):
    return table[ids.reshape(-1, ids.shape[-1])[0]]


# %% wrong: texts and places exchanged
# says: keep the shape of ids
def embed(ids, table):
    return table[ids.T] if ids.dim() == 2 else table[ids]


# %% wrong: batches of texts only, not batches of batches
# says: keep the shape of ids
# caught by: hidden
def embed(ids, table):
    return table[ids] if ids.dim() < 3 else table[ids.flatten(0, 1)]


# %% wrong: the return is forgotten
# says: is there a return?
def embed(ids, table):
    table[ids]
