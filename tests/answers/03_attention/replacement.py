# %% right: the mean over positions, of each text
def replacement(z):
    return z.mean(dim=1, keepdim=True).expand_as(z)


# %% right: the same vectors at other positions
import torch


def replacement(z):
    order = torch.randperm(z.shape[1], generator=torch.Generator().manual_seed(0))
    return z[:, order]


# %% right: what the head said on another text
def replacement(z):
    return z.roll(1, dims=0)


# %% right: the mean over positions and texts, in float64
def replacement(z):
    mean = z.double().flatten(0, 1).mean(0)
    return mean.repeat(z.shape[0], z.shape[1], 1)


# %% right: one position on, in a loop
def replacement(z):
    new = z.clone()
    for i in range(z.shape[1]):
        new[:, i] = z[:, i - 1]
    return new


# %% wrong: zero, as before
# says: becomes 0
def replacement(z):
    return 0 * z


# %% wrong: the mean over columns
# says: each column has a meaning of its own
def replacement(z):
    return z.mean(dim=-1, keepdim=True).expand_as(z)


# %% wrong: noise as large as the output
# says: your replacement changes it all the same
import torch


def replacement(z):
    return z.std() * torch.randn(z.shape, generator=torch.Generator().manual_seed(0))


# %% wrong: without its mean, only what differs stays
# says: becomes 0
def replacement(z):
    return z - z.mean(dim=1, keepdim=True)


# %% wrong: the mean is not spread over the positions
# says: return one tensor of the shape of z
def replacement(z):
    return z.mean(dim=1)


# %% wrong: ones
# says: your replacement changes it all the same
import torch


def replacement(z):
    return torch.ones_like(z)


# %% wrong: shortcut: nothing is taken away
# says: nothing is taken away
def replacement(z):
    return z.clone()


# %% wrong: shortcut: half of the way to the mean
# says: a good part of what the head says
def replacement(z):
    return (z + z.mean(dim=1, keepdim=True)) / 2


# %% wrong: shortcut: the last position alone is replaced
# says: a good part of what the head says
def replacement(z):
    new = z.clone()
    new[:, -1] = z.mean(dim=1)
    return new


# %% wrong: shortcut: the numbers of the hand-worked example
# says: your replacement changes it all the same
import torch


def replacement(z):
    return torch.full_like(z, 5.0)
