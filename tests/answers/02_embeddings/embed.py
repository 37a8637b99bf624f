# %% right: one-hot rows times the table
def embed(ids, table):
    one_hot = (ids[..., None] == torch.arange(table.shape[0])).to(table.dtype)
    if not one_hot.sum(dim=-1).eq(1).all():
        raise IndexError("an id without a row")
    return one_hot @ table


# %% right: a loop over the ids, put back into shape
def embed(ids, table):
    rows = []
    for i in ids.flatten().tolist():
        if i < 0:
            raise IndexError(i)
        rows.append(table[i])
    return torch.stack(rows).reshape(*ids.shape, table.shape[1])


# %% right: index_select, with an argument of its own
def embed(ids, table, check=True):
    if check and ((ids < 0) | (ids >= len(table))).any():
        raise IndexError("no such token")
    return torch.index_select(table, 0, ids.reshape(-1)).view(ids.shape + (-1,))


# %% right: a class behind the function, double precision
class Table:
    def __init__(self, rows):
        self.rows = rows.double()

    def __getitem__(self, ids):
        return self.rows[torch.where(ids < 0, len(self.rows), ids)]  # torch raises for these


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
    if ids.min() < 0:
        raise IndexError("padding")
    return table[ids] if ids.dim() < 3 else table[ids.flatten(0, 1)]


# %% wrong: the return is forgotten
# says: is there a return?
def embed(ids, table):
    table[ids]


# %% wrong: a negative id counts from the end
# says: do not count rows from the end
def embed(ids, table):
    return table[ids]


# %% wrong: asks for ids that are too large only
# says: do not count rows from the end
def embed(ids, table):
    if ids.max() >= len(table):
        raise IndexError("too large")
    return table[ids]


# %% wrong: any id is bent into the table
# says: must raise IndexError, not pass
def embed(ids, table):
    return table[ids % len(table)]


# %% wrong: ids outside are set to the nearest row
# says: must raise IndexError, not pass
def embed(ids, table):
    return table[ids.clamp(0, len(table) - 1)]


# %% wrong: row 0 for ids that are not there
# says: must raise IndexError, not pass
def embed(ids, table):
    return table[torch.where((ids < 0) | (ids >= len(table)), 0, ids)]


# %% wrong: -1 alone is refused
# says: id -4 is no token either
def embed(ids, table):
    if (ids == -1).any():
        raise IndexError("padding")
    return table[ids]


# %% wrong: only the first text is looked at
# says: id -4 is no token either
def embed(ids, table):
    if ids.reshape(-1, ids.shape[-1])[0].min() < 0:
        raise IndexError("padding")
    return table[ids]


# %% wrong: another error
# says: not raise another error
def embed(ids, table):
    if ids.min() < 0 or ids.max() >= len(table):
        raise ValueError("no such token")
    return table[ids]


# %% wrong: a text of one token loses a dimension
# says: a text of one token is still a text
def embed(ids, table):
    if ids.min() < 0:
        raise IndexError("padding")
    return table[ids].squeeze(0)


# %% wrong: id 0 is refused, too
# says: it is no error
def embed(ids, table):
    if ids.min() <= 0:
        raise IndexError("no such token")
    return table[ids]

# %% right: recursion over the dimensions of ids
def embed(ids, table):
    if ids.dim() == 0:
        if not 0 <= (row := ids.item()) < table.size(0):
            raise IndexError(f"no token {row}")
        return table[row]
    return torch.stack([embed(each, table) for each in ids])

# %% wrong: an assert in place of IndexError
# says: not another error
def embed(ids, table):
    assert ids.min() >= 0
    return table[ids]

# %% wrong: the last row is refused, too
# says: id 3, its last row, is no error
def embed(ids, table):
    if (ids < 0).any() or (ids >= len(table) - 1).any():
        raise IndexError("no such token")
    return table[ids]

# %% wrong: ids are compared with the number of columns
# says: however many columns there are
def embed(ids, table):
    if (ids < 0).any() or (ids >= table.shape[1]).any():
        raise IndexError("no such token")
    return table[ids]


# %% wrong: ids made bytes
# says: far beyond 255
# caught by: hidden
def embed(ids, table):
    if ids.min() < 0:
        raise IndexError
    return table[ids.to(torch.uint8).long()]


# %% wrong: a single id becomes a text of one
# says: a tensor without dimensions, gives one row
def embed(ids, table):
    ids = torch.atleast_1d(ids)
    if ids.min() < 0:
        raise IndexError("negative")
    return table[ids]


# %% wrong: a loop over ids, which a single id does not have
# says: a loop over it or its length raises an error
def embed(ids, table):
    if ids.min() < 0:
        raise IndexError("negative")
    return torch.stack([table[each] for each in ids])


# %% wrong: a list of rows
# says: return one tensor
def embed(ids, table):
    if ids.min() < 0:
        raise IndexError("negative")
    return [table[each] for each in ids]
