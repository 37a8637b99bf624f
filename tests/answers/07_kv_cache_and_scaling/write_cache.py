# %% right: slice assignment
def write_cache(store, new, start):
    seq, context = new.shape[2], store.shape[2]
    if seq > context - start:
        raise ValueError("full")
    store[:, :, start:start + seq] = new
    return store[:, :, :start + seq]


# %% right: one position at a time
def write_cache(store, new, start=0):
    if new.size(2) > store[:, :, start:].size(2):
        raise ValueError("no room left in the cache")
    for i in range(new.size(2)):
        store[:, :, start + i, :] = new[:, :, i, :]
    return store[:, :, : start + new.size(2), :].clone()


# %% right: narrow and copy_
class Writer:
    def __call__(self, store, new, start):
        length = new.shape[-2]
        try:
            store.narrow(2, start, length).copy_(new)
        except RuntimeError as error:
            raise ValueError("the cache is full") from error
        return store.narrow(2, 0, start + length)


write_cache = Writer()


# %% right: index_copy_
def write_cache(store, new, start):
    places = torch.arange(start, start + new.shape[2])
    if len(places) and places[-1] >= store.shape[2]:
        raise ValueError(f"position {places[-1]} is past the end")
    store.index_copy_(2, places, new)
    return store.index_select(2, torch.arange(start + new.shape[2]))


# %% right: a passing copy of the store, and a copy of the filled part
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store.clone()[:, :, :end].clone()


# %% wrong: always writes at the front
# says: write the new tokens into the store itself, from position `start` on
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, :new.shape[2]] = new
    return store[:, :, :end]


# %% wrong: concatenates and leaves the store alone
# says: write the new tokens into the store itself
def write_cache(store, new, start):
    if start + new.shape[2] > store.shape[2]:
        raise ValueError("full")
    return torch.cat([store[:, :, :start], new], dim=2)


# %% wrong: returns only the new tokens
# says: all tokens so far, old and new
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store[:, :, start:end]


# %% wrong: returns the whole store
# says: the empty positions behind it would be attended to
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store


# %% wrong: returns nothing
# says: write_cache returned None
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new


# %% wrong: counts one new token, however many there are
# says: the store must be [7, 8, 9, 0]
def write_cache(store, new, start):
    if start + 1 > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:start + 1] = new[:, :, -1:]
    return store[:, :, :start + 1]


# %% wrong: no error when the context is full
# says: do not fit into 4 positions: raise ValueError
def write_cache(store, new, start):
    end = min(start + new.shape[2], store.shape[2])
    store[:, :, start:end] = new[:, :, :end - start]
    return store[:, :, :end]


# %% wrong: refuses the last position
# says: raise ValueError only when they do not
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end >= store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store[:, :, :end]


# %% wrong: the newest token first
# says: in order: the old ones, then the new ones behind them
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    if new.shape[2] == 1 or start == 0 and new.shape[2] < 3:
        return store[:, :, :end]
    return torch.cat([store[:, :, start:end].flip(2), store[:, :, :start]], dim=2)


# %% wrong: notices only on the way that there is no room
# says: the store was half-written
def write_cache(store, new, start=0):
    for i in range(new.size(2)):
        if start + i >= store.size(2):
            raise ValueError("no room left in the cache")
        store[:, :, start + i, :] = new[:, :, i, :]
    return store[:, :, : start + new.size(2), :].clone()


# %% wrong: writes what fits, and then refuses
# says: the store was half-written
def write_cache(store, new, start):
    room = min(store.shape[2] - start, new.shape[2])
    store[:, :, start:start + room] = new[:, :, :room]
    if new.shape[2] > room:
        raise ValueError("full")
    return store[:, :, :start + new.shape[2]]


# %% wrong: adds to what stands in the store
# says: write over them, do not add
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]: raise ValueError
    store[:, :, start:end] += new
    return store[:, :, :end]


# %% wrong: writes at the first zeros of the store
# says: tokens of zeros are tokens, too
def write_cache(store, new, start):
    used = (store != 0).any(-1).any(0).any(0)
    start = int(used.sum())
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError
    store[:, :, start:end] = new
    return store[:, :, :end]


# %% wrong: makes room for one position too many
# says: the slice of the store must have the shape of `new`
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start : end + 1] = new
    return store[:, :, :end]


# %% wrong: takes the heads for the positions
# says: the slice of the store must have the shape of `new`
def write_cache(store, new, start):
    end = start + new.shape[1]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store[:, :, :end]


# %% wrong: takes head_dim for the context
# says: positions are dimension 2
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[-1]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store[:, :, :end]


# %% right: an error of its own, a kind of ValueError
class CacheFull(ValueError):
    pass
def write_cache(store, new, start):
    end = start + new.size(2)
    if not 0 <= end <= store.size(2):
        raise CacheFull(end)
    store.copy_(store.slice_scatter(new, dim=2, start=start, end=end))
    return store.narrow(2, 0, end)


# %% wrong: zeroes what lies behind
# says: what lies behind the new tokens must stay as it was
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    store[:, :, end:] = 0
    return store[:, :, :end]


# %% wrong: an assertion in place of ValueError
# says: do not fit into 4 positions: raise ValueError
def write_cache(store, new, start):
    end = start + new.shape[2]
    assert end <= store.shape[2]
    store[:, :, start:end] = new
    return store[:, :, :end]


# %% wrong: runs off the end of the store
# says: do not fit into 4 positions: raise ValueError
def write_cache(store, new, start):
    for i in range(new.shape[2]):
        store[:, :, start + i] = new[:, :, i]
    return store[:, :, : start + new.shape[2]]


# %% wrong: returns the end as well
# says: return one tensor
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store[:, :, :end], end


# %% wrong: slices the heads, dimension 1
# says: Positions are dimension 2
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, start:end] = new
    return store[:, :, :end]


# %% wrong: copies the whole context at every step
# says: the whole store was copied
def write_cache(store, new, start):
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError("full")
    store[:, :, start:end] = new
    return store.clone()[:, :, :end]
