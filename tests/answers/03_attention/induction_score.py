# %% right: a loop over positions
def induction_score(maps, half):
    total = torch.zeros(maps.shape[:2])
    for i in range(half, 2 * half):
        total += maps[:, :, i, i - half + 1]
    return total / half

# %% right: a diagonal
def induction_score(maps, half):
    return maps.diagonal(1 - half, -2, -1)[..., 1:].mean(-1)

# %% right: a mask of places, float64
def induction_score(maps, half, dtype=torch.float64):
    n = maps.shape[-1]
    rows, columns = torch.arange(n)[:, None], torch.arange(n)
    places = (rows >= half) & (columns == rows - half + 1)
    return (maps.to(dtype) * places).sum((-2, -1)) / half

# %% wrong: the token itself
# says: look at the token after it
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half].mean(-1)

# %% wrong: one before
# says: the token before the first occurrence
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, (second - half - 1).clamp_min(0)].mean(-1)

# %% wrong: added up
# says: the weights were added up
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].sum(-1)

# %% wrong: mean over the whole text
# says: only tokens of the second half
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].sum(-1) / (2 * half)

# %% wrong: one number for all heads
# says: the shape is [n_layer, n_head]
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].mean()

# %% wrong: rows of the first half too
# says: rows of the first half do not count
def induction_score(maps, half):
    return maps.diagonal(1 - half, -2, -1).mean(-1)

# %% wrong: rows and columns swapped
# says: rows are who looks
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second - half + 1, second].mean(-1)

# %% wrong: no return
# says: is there a return?
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    maps[:, :, second, second - half + 1].mean(-1)


# %% wrong: the last token is left out
# says: the last token of the second half is left out
def induction_score(maps, half):
    i = torch.arange(half, 2 * half - 1)
    return maps[:, :, i, i - half + 1].mean(-1)


# %% wrong: the last token is left out, and divided by half all the same
# says: the last token of the second half is left out
def induction_score(maps, half):
    i = torch.arange(half, 2 * half - 1)
    return maps[:, :, i, i - half + 1].sum(-1) / half


# %% wrong: the first token of the second half is left out
# says: at position half, is left out
def induction_score(maps, half):
    i = torch.arange(half + 1, 2 * half)
    return maps[:, :, i, i - half + 1].mean(-1)


# %% wrong: a row for each head, not for each layer
# says: in the row of its layer
def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    scores = [
        [maps[layer, head, second, second - half + 1].mean() for layer in range(maps.shape[0])]
        for head in range(maps.shape[1])
    ]
    return torch.tensor(scores)


# %% wrong: shortcut: the number of the example
# says: measure the maps that are given
import torch


def induction_score(maps, half):
    return torch.full(maps.shape[:2], 0.65)


# %% wrong: shortcut: how often the largest share is at the right place
# says: this counts the tokens that look most
import torch


def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return (maps[:, :, second].argmax(-1) == second - half + 1).float().mean(-1)


# %% wrong: shortcut: the best token alone
# says: the token that looks best stands for all
import torch


def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].amax(-1)


# %% wrong: shortcut: a threshold, yes from a half on
# says: or more than half, at the right place
import torch


def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return (maps[:, :, second, second - half + 1].mean(-1) > 0.5).float()


# %% wrong: between the lowest and the highest weight
# says: one of five tokens looks at the right place
import torch


def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    weights = maps[:, :, second, second - half + 1]
    return (weights.amax(-1) + weights.amin(-1)) / 2


# %% wrong: the quantile in the middle
# says: one of five tokens looks at the right place
import torch


def induction_score(maps, half):
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].quantile(0.5, dim=-1)
