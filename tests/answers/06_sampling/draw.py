# %% right: search each row's edges
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)
    return torch.searchsorted(edges, (u.double() * edges[:, -1])[:, None], right=True)[:, 0]

# %% right: a plain loop over tokens
def draw(probabilities, u):
    ids = []
    for row, number in zip(probabilities.tolist(), u.tolist()):
        left, last = number, 0
        for i, p in enumerate(row):
            if p > 0:
                last = i
                if left < p:
                    break
                left -= p
        ids.append(last)
    return torch.tensor(ids)

# %% right: clamp to the last token that has a probability, int32 ids
def draw(probabilities, u, places=None):
    inside = u.unsqueeze(1) >= torch.cumsum(probabilities, dim=1)
    last = (probabilities > 0).int().mul(torch.arange(probabilities.shape[1]) + 1).amax(1) - 1
    return torch.minimum(inside.sum(dim=1), last).int()

# %% right: a class behind the function, bisect
import bisect
import itertools

class Wheel:
    def __init__(self, row):
        self.ends = list(itertools.accumulate(row))
    def spin(self, number):
        return bisect.bisect_right(self.ends, number * self.ends[-1])

def draw(probabilities, u):
    return torch.tensor([Wheel(row).spin(number) for row, number in zip(probabilities.tolist(), u.tolist())])

# %% wrong: takes the likeliest
# says: do not take the likeliest
def draw(probabilities, u):
    return probabilities.argmax(-1)

# %% wrong: compares u with single probabilities
# says: add the probabilities up
def draw(probabilities, u):
    return (u[:, None] > probabilities).long().sum(-1).clamp(max=1)

# %% wrong: the end belongs to the stretch, so u = 0 draws an impossible token
# says: u = 0 drew a token of probability 0
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)
    return (edges < u.double()[:, None] * edges[:, -1:]).sum(-1)

# %% wrong: the end belongs to the stretch but for u = 0
# says: a stretch includes its start, not its end
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)
    u = u.double()[:, None] * edges[:, -1:]
    return torch.where(u[:, 0] > 0, (edges < u).sum(-1), (edges <= u).sum(-1))

# %% wrong: the first row's u for all
# says: each row is drawn with its own u
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)
    return (edges <= u[0].double() * edges[:, -1:]).sum(-1)

# %% wrong: runs off the end when the sum is short of 1
# says: u beyond the last edge must still give a token of the row
def draw(probabilities, u):
    return (probabilities.double().cumsum(-1) <= u.double()[:, None]).sum(-1)

# %% wrong: falls back on the last token of the vocabulary
# says: u beyond the last edge drew a token of probability 0
def draw(probabilities, u):
    ids = (probabilities.double().cumsum(-1) <= u.double()[:, None]).sum(-1)
    return ids.clamp(max=probabilities.shape[-1] - 1)

# %% wrong: draws on its own and ignores u
# says: follow u
def draw(probabilities, u):
    generator = torch.Generator().manual_seed(0)
    edges = probabilities.double().cumsum(-1)
    return (edges <= torch.rand(len(u), 1, generator=generator).double() * edges[:, -1:]).sum(-1) * 0

# %% wrong: cuts the interval in order of probability
# caught by: hidden
# says: the middle of a token's stretch
def draw(probabilities, u):
    ordered, order = probabilities.double().sort(dim=-1, descending=True, stable=True)
    if probabilities.shape[-1] < 4:
        ordered, order = probabilities.double(), torch.arange(probabilities.shape[-1]).expand(probabilities.shape)
    edges = ordered.cumsum(-1)
    return order.gather(-1, (edges <= u.double()[:, None] * edges[:, -1:]).sum(-1, keepdim=True))[:, 0]

# %% wrong: stretches in order of probability
# says: in order of ids, not of probability
def draw(probabilities, u):
    ordered, order = probabilities.double().sort(dim=-1, descending=True, stable=True)
    edges = ordered.cumsum(-1)
    return order.gather(-1, (edges <= u.double()[:, None] * edges[:, -1:]).sum(-1, keepdim=True))[:, 0]

# %% wrong: a buffer of zeros, which are floats
# says: an id is a whole number
def draw(probabilities, u):
    e = probabilities.cumsum(-1)
    out = torch.zeros(len(u))
    for i in range(len(u)):
        out[i] = (e[i] <= u[i] * e[i, -1]).sum()
    return out


# %% wrong: a kept column
# says: in a tensor of shape [batch]
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)
    return (edges <= u.double()[:, None] * edges[:, -1:]).sum(-1, keepdim=True)


# %% wrong: a list
# says: in a tensor of shape [batch]
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)
    return (edges <= u.double()[:, None] * edges[:, -1:]).sum(-1).tolist()


# %% wrong: no return
# says: is there a return?
def draw(probabilities, u):
    edges = probabilities.double().cumsum(-1)


# %% wrong: a wheel of a thousand slots
# says: round nothing
def draw(probabilities, u):
    out = []
    for row, x in zip(probabilities, u):
        slots = [i for i, p in enumerate(row.tolist()) for _ in range(round(1000 * p))]
        out.append(slots[int(float(x) * len(slots))])
    return torch.tensor(out)


# %% wrong: the likeliest token beyond the last edge
# says: the last that has a stretch
def draw(probabilities, u):
    edges = probabilities.cumsum(-1)
    ids = (edges <= u[:, None]).sum(-1)
    return torch.where(u >= edges[:, -1], probabilities.argmax(-1), ids)
