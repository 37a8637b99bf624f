# %% right: the mean over positions, of each text
def replacement(z):
    return z.mean(dim=1, keepdim=True).expand_as(z)


# %% right: the median over positions
def replacement(z):
    return z.median(dim=1, keepdim=True).values.expand_as(z)


# %% right: the mean over all positions but the first
def replacement(z):
    return z[:, 1:].mean(dim=1, keepdim=True).repeat(1, z.shape[1], 1)


# %% right: the mean over positions and texts, in float64
def replacement(z):
    mean = z.double().flatten(0, 1).mean(0)
    return mean.repeat(z.shape[0], z.shape[1], 1)


# %% right: a sum in a loop
import torch


def replacement(z):
    new = torch.zeros_like(z)
    for text in range(len(z)):
        total = 0
        for position in range(z.shape[1]):
            total = total + z[text, position]
        new[text, :] = total / z.shape[1]
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


# %% wrong: a running mean
# says: position 0 keeps its own output
import torch


def replacement(z):
    return z.cumsum(dim=1) / torch.arange(1, z.shape[1] + 1)[None, :, None]


# %% wrong: the positions from last to first
# says: the same vectors in another order
def replacement(z):
    return z.flip(1)


# %% wrong: one position on
# says: the same vectors in another order
def replacement(z):
    return z.roll(1, 1)


# %% wrong: half a text on: a text that is said twice gets its own vectors back
# says: the same vectors in another order
def replacement(z):
    return z.roll(z.shape[1] // 2, 1)


# %% wrong: shuffled positions
# says: the same vectors in another order
import torch


def replacement(z):
    return z[:, torch.randperm(z.shape[1], generator=torch.Generator().manual_seed(0))]


# %% wrong: what the head said on another text
# says: gets another vector than position 0
def replacement(z):
    return z.roll(1, dims=0)


# %% wrong: the mean over texts, at each position
# says: gets another vector than position 0
def replacement(z):
    return z.mean(dim=0, keepdim=True).expand_as(z)


# %% wrong: the mean of the other positions
# says: gets another vector than position 0
def replacement(z):
    return (z.sum(dim=1, keepdim=True) - z) / (z.shape[1] - 1)


# %% wrong: shortcut: the last position stands for all
# says: not typical of the head
def replacement(z):
    return z[:, -1:].expand_as(z)


# %% wrong: shortcut: the largest number of each column
# says: not typical of the head
def replacement(z):
    return z.amax(dim=1, keepdim=True).expand_as(z)


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


# %% wrong: shortcut: the first position stands for all
# says: position 0 keeps its own output
def replacement(z):
    return z[:, :1].expand_as(z)


# %% wrong: the vector that is nearest to the others, of each text
# says: even the one nearest to the others
import torch


def replacement(z):
    nearest = torch.cdist(z, z).sum(-1).argmin(1)
    return z[torch.arange(len(z)), nearest][:, None].expand_as(z)


# %% wrong: shortcut: between the largest and the smallest number
# says: your replacement follows it
def replacement(z):
    return ((z.amax(dim=1, keepdim=True) + z.amin(dim=1, keepdim=True)) / 2).expand_as(z)


# %% wrong: shortcut: position 0, its mean over the texts
# says: position 0 of 40 says something unusual
def replacement(z):
    return z[:, :1].mean(dim=0, keepdim=True).expand_as(z)


# %% wrong: shortcut: the first four positions
# says: position 0 of 40 says something unusual
def replacement(z):
    return z[:, :4].mean(dim=1, keepdim=True).expand_as(z)


# %% wrong: a mean that counts long vectors most
# says: your replacement follows it
def replacement(z):
    weights = z.norm(dim=-1, keepdim=True) ** 4
    return ((weights * z).sum(1, keepdim=True) / weights.sum(1, keepdim=True)).expand_as(z)


# %% wrong: shortcut: longer texts keep their own output
# says: in a text of 40 tokens
def replacement(z):
    return z if z.shape[1] > 16 else z.mean(dim=1, keepdim=True).expand_as(z)


# %% wrong: shortcut: three positions in the middle
# says: position 2 of 40 says something unusual
def replacement(z):
    return z[:, 2:5].mean(dim=1, keepdim=True).expand_as(z)


# %% wrong: shortcut: three positions apart
# says: position 1 of 40 says something unusual
def replacement(z):
    return z[:, [1, 5, 9]].mean(dim=1, keepdim=True).expand_as(z)
