# %% right: one run at a time
def patch_map(clean, corrupted, rest):
    high, low = float(rest(0, clean[0][None])), float(rest(0, corrupted[0][None]))
    rows = []
    for i in range(len(clean)):
        row = []
        for p in range(clean.shape[1]):
            x = corrupted[i].clone()
            x[p] = clean[i, p]
            row.append((float(rest(i, x[None])) - low) / (high - low))
        rows.append(row)
    return torch.tensor(rows)

# %% right: a mask and torch.where, ends from the last state
def patch_map(clean, corrupted, rest, extra=None):
    n, seq, _ = clean.shape
    last = rest(n - 1, torch.stack([corrupted[-1], clean[-1]]))
    here = torch.eye(seq, dtype=torch.bool)[..., None]
    scores = torch.stack([rest(i, torch.where(here, clean[i], corrupted[i])) for i in range(n)])
    return (scores - last[0]) / (last[1] - last[0])

# %% right: corrupted plus the difference at one place
def one_place(clean, corrupted, p):
    weight = torch.zeros(len(clean), 1)
    weight[p] = 1
    return corrupted + weight * (clean - corrupted)

def patch_map(clean, corrupted, rest):
    def score(i, x):
        return rest(i, x.unsqueeze(0)).squeeze(0)

    n, seq, _ = clean.shape
    gap = score(0, clean[0]) - score(0, corrupted[0])
    out = torch.empty(n, seq)
    for i in range(n):
        for p in range(seq):
            out[i, p] = (score(i, one_place(clean[i], corrupted[i], p)) - score(0, corrupted[0])) / gap
    return out

# %% right: in place on the corrupted run, and put back
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    found = torch.zeros(clean.shape[:2])
    for i, state in enumerate(corrupted):
        for p in range(len(state)):
            old = state[p].clone()
            state[p] = clean[i, p]
            found[i, p] = ((rest(i, state[None]) - low) / (high - low)).item()
            state[p] = old
    return found

# %% wrong: patches pile up in the caller's stream
# says: has changed: patch a copy
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    found = torch.zeros(clean.shape[:2])
    for i in range(len(clean)):
        for p in range(clean.shape[1]):
            corrupted[i, p] = clean[i, p]
            found[i, p] = ((rest(i, corrupted[i : i + 1]) - low) / (high - low)).item()
    return found

# %% wrong: patches pile up in a copy
# says: the patches of earlier positions are still in place
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    found = torch.zeros(clean.shape[:2])
    for i in range(len(clean)):
        x = corrupted[i : i + 1].clone()
        for p in range(clean.shape[1]):
            x[0, p] = clean[i, p]
            found[i, p] = ((rest(i, x) - low) / (high - low)).item()
    return found

# %% wrong: the vacuous control, clean into clean
# says: a map of ones says nothing of the model
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    here = torch.eye(clean.shape[1], dtype=torch.bool)[..., None]
    runs = [rest(i, torch.where(here, x, x)) for i, x in enumerate(clean)]
    return (torch.stack(runs) - low) / (high - low)

# %% wrong: the other way round
# says: this patches corrupted vectors into the clean run
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    here = torch.eye(clean.shape[1], dtype=torch.bool)[..., None]
    runs = [rest(i, torch.where(here, y, x)) for i, (x, y) in enumerate(zip(clean, corrupted))]
    return (torch.stack(runs) - low) / (high - low)

# %% wrong: all positions at once
# says: a map of ones says nothing of the model
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    seq = clean.shape[1]
    runs = [rest(i, x.repeat(seq, 1, 1)) for i, x in enumerate(clean)]
    return (torch.stack(runs) - low) / (high - low)

# %% wrong: added instead of replaced
# says: the clean vector was added to the corrupted one
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    here = torch.eye(clean.shape[1])[..., None]
    runs = [rest(i, y + here * x) for i, (x, y) in enumerate(zip(clean, corrupted))]
    return (torch.stack(runs) - low) / (high - low)

# %% wrong: scores
# says: these are scores
def patch_map(clean, corrupted, rest):
    here = torch.eye(clean.shape[1], dtype=torch.bool)[..., None]
    runs = [rest(i, torch.where(here, x, y)) for i, (x, y) in enumerate(zip(clean, corrupted))]
    return torch.stack(runs)

# %% wrong: a share of the clean score
# says: the corrupted run must be at 0
def patch_map(clean, corrupted, rest):
    here = torch.eye(clean.shape[1], dtype=torch.bool)[..., None]
    runs = [rest(i, torch.where(here, x, y)) for i, (x, y) in enumerate(zip(clean, corrupted))]
    return torch.stack(runs) / rest(0, clean[:1])

# %% wrong: the mean over positions
# says: nothing averaged
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    here = torch.eye(clean.shape[1], dtype=torch.bool)[..., None]
    runs = [rest(i, torch.where(here, x, y)) for i, (x, y) in enumerate(zip(clean, corrupted))]
    return ((torch.stack(runs) - low) / (high - low)).mean(dim=1)

# %% wrong: positions by states
# says: states and positions are the wrong way round
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    here = torch.eye(clean.shape[1], dtype=torch.bool)[..., None]
    runs = [rest(i, torch.where(here, x, y)) for i, (x, y) in enumerate(zip(clean, corrupted))]
    return ((torch.stack(runs) - low) / (high - low)).T

# %% wrong: a stream without its batch dimension
# says: a single one is x[None]
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[0]), rest(0, clean[0])
    return (torch.zeros(clean.shape[:2]) - low) / (high - low)

# %% wrong: nothing returned
# says: gave back None
def patch_map(clean, corrupted, rest):
    (rest(0, clean[:1]) - rest(0, corrupted[:1])).item()


# %% wrong: shortcut: nothing patched, the difference alone runs on
# says: the difference of the two runs went through the layers alone
import torch


def patch_map(clean, corrupted, rest):
    n_states, seq, d = clean.shape
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows = []
    for i in range(n_states):
        x = torch.zeros(seq, seq, d)
        x[range(seq), range(seq)] = clean[i] - corrupted[i]
        rows.append(rest(i, x) / (high - low))
    return torch.stack(rows)


# %% wrong: shortcut: one less what the other way round breaks
# says: What breaks an answer is not what brings it back
import torch


def patch_map(clean, corrupted, rest):
    n_states, seq, _ = clean.shape
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows = []
    for i in range(n_states):
        x = clean[i].repeat(seq, 1, 1)
        x[range(seq), range(seq)] = corrupted[i]
        rows.append(1 - (rest(i, x) - low) / (high - low))
    return torch.stack(rows)


# %% wrong: shortcut: patches pile up, and each gets what it adds
# says: what it adds to the patches before it
import torch


def patch_map(clean, corrupted, rest):
    n_states, seq, _ = clean.shape
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows = []
    for i in range(n_states):
        x, row, before = corrupted[i].clone(), [], low
        for p in range(seq):
            x[p] = clean[i, p]
            now = rest(i, x[None])
            row.append((now - before) / (high - low))
            before = now
        rows.append(torch.cat(row))
    return torch.stack(rows)


# %% wrong: shortcut: the slope at the corrupted run times the difference
# says: a slope or a distance is no patch
import torch


def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows = []
    for i in range(len(clean)):
        x = corrupted[i].clone().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(rest(i, x[None]).sum(), x)
        rows.append(((clean[i] - corrupted[i]) * slope).sum(-1) / (high - low))
    return torch.stack(rows)


# %% wrong: shortcut: how far apart the two runs are
# says: before the layer token 0 carries the answer
import torch


def patch_map(clean, corrupted, rest):
    far = (clean - corrupted).norm(dim=-1)
    return far / far.sum(-1, keepdim=True)


# %% wrong: shortcut: nothing runs on, only the last state is patched
# says: right after the last layer, wrong before it
import torch


def patch_map(clean, corrupted, rest):
    n_states, seq, _ = clean.shape
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    x = corrupted[-1].repeat(seq, 1, 1)
    x[range(seq), range(seq)] = clean[-1]
    row = (rest(n_states - 1, x) - low) / (high - low)
    return row.repeat(n_states, 1)


# %% wrong: the right map, cut off below 0 and above 1
# says: recovered may be below 0 or above 1
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows, every = [], torch.arange(clean.shape[1])
    for i in range(len(clean)):
        x = corrupted[i].repeat(len(every), 1, 1)
        x[every, every] = clean[i]
        rows.append(((rest(i, x) - low) / (high - low)).clamp(0, 1))
    return torch.stack(rows)


# %% wrong: the right map without its signs
# says: recovered may be below 0 or above 1
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows, every = [], torch.arange(clean.shape[1])
    for i in range(len(clean)):
        x = corrupted[i].repeat(len(every), 1, 1)
        x[every, every] = clean[i]
        rows.append(((rest(i, x) - low) / (high - low)).abs())
    return torch.stack(rows)


# %% wrong: the distance between the runs without its sign
# says: the clean run is at 1
def patch_map(clean, corrupted, rest):
    low, high = rest(0, corrupted[:1]), rest(0, clean[:1])
    rows, every = [], torch.arange(clean.shape[1])
    for i in range(len(clean)):
        x = corrupted[i].repeat(len(every), 1, 1)
        x[every, every] = clean[i]
        rows.append((rest(i, x) - low) / (high - low).abs())
    return torch.stack(rows)
