# %% right: norm of the sum, then one product
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(0)
    return (writes * weight / (final.square().mean() + eps) ** 0.5) @ direction

# %% right: a loop over the writes, in double precision
def attribution(writes, direction, weight, eps=1e-5):
    writes, reads = writes.double(), (weight * direction).double()
    total = sum(writes)
    rms = math.sqrt(float((total * total).mean()) + eps)
    return torch.stack([torch.dot(write, reads) / rms for write in writes])

# %% right: einsum, a helper function and an extra argument
def root_mean_square(x, eps):
    return torch.sqrt((x @ x) / x.shape[-1] + eps)

def attribution(writes, direction, weight, eps=1e-5, dim=0):
    scale = root_mean_square(writes.sum(dim=dim), eps)
    return torch.einsum("nd,d,d->n", writes, direction, weight) / scale

# %% right: the last of the sums so far
def attribution(writes, direction, weight, eps=1e-5):
    so_far = writes.cumsum(dim=0)
    final = so_far[-1]
    inverse = torch.rsqrt(final.pow(2).mean() + eps)
    return torch.tensor([(w * inverse * weight * direction).sum().item() for w in writes])

# %% wrong: each write normalised by itself
# says: each write was normalised by itself
def attribution(writes, direction, weight, eps=1e-5):
    return rms_norm(writes, weight, eps) @ direction

# %% wrong: nothing divided
# says: nothing was divided
def attribution(writes, direction, weight, eps=1e-5):
    return writes @ (weight * direction)

# %% wrong: the whole logit
# says: that is the whole logit
def attribution(writes, direction, weight, eps=1e-5):
    return rms_norm(writes.sum(0), weight, eps) @ direction

# %% wrong: sums so far
# says: these are running sums
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    terms = writes @ (weight * direction) / torch.sqrt(final.pow(2).mean() + eps)
    return terms.cumsum(0)

# %% wrong: divided by the length
# says: not by its length
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    return writes @ (weight * direction) / torch.sqrt(final.pow(2).sum() + eps)

# %% wrong: the norm's weight forgotten
# says: the norm's weight multiplies each entry
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    return writes @ direction / torch.sqrt(final.pow(2).mean() + eps)

# %% wrong: eps outside the root
# says: inside the root
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    return writes @ (weight * direction) / (final.pow(2).mean().sqrt() + eps)

# %% wrong: eps forgotten
# says: eps is added to the mean square
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    return writes @ (weight * direction) / final.pow(2).mean().sqrt()

# %% wrong: the mean square of all writes
# says: the example by hand
def attribution(writes, direction, weight, eps=1e-5):
    return writes @ (weight * direction) / torch.sqrt(writes.pow(2).mean() + eps)

# %% wrong: returns nothing
# says: is there a return?
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    writes @ (weight * direction) / torch.sqrt(final.pow(2).mean() + eps)

# %% wrong: a list of numbers
# says: as one tensor
def attribution(writes, direction, weight, eps=1e-5):
    total = writes.sum(0)
    root = torch.sqrt(total.square().mean() + eps)
    return [float((write * weight) @ direction / root) for write in writes]


# %% wrong: the caller's writes are divided
# says: the caller's writes have changed
def attribution(writes, direction, weight, eps=1e-5):
    writes /= torch.sqrt(writes.sum(dim=0).pow(2).mean() + eps)
    return writes @ (weight * direction)

# %% wrong: the caller's direction is multiplied by the weight
# says: attribution has changed what it was given
def attribution(writes, direction, weight, eps=1e-5):
    direction *= weight
    final = writes.sum(dim=0)
    return writes @ direction / torch.sqrt(final.pow(2).mean() + eps)


# %% wrong: eps of 1e-6 by default
# says: left out, eps is 1e-5
def attribution(writes, direction, weight, eps=1e-6):
    final = writes.sum(dim=0)
    return writes @ (weight * direction) / torch.sqrt(final.pow(2).mean() + eps)


# %% wrong: what the first write leaves is shared evenly
# says: a write's term is its own dot product
# caught by: hidden
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(dim=0)
    terms = writes @ (weight * direction) / torch.sqrt(final.pow(2).mean() + eps)
    return torch.cat([terms[:1], terms[1:].mean().expand(len(terms) - 1)]) if len(terms) > 1 else terms


# %% right: the logit with and without each write
def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(0)
    head = lambda s: (s * weight) @ direction / final.square().mean().add(eps).sqrt()
    return torch.stack([head(final) - head(final - w) for w in writes])


# %% wrong: the logit shared out by the size of the dot products
# says: a write may lower the logit
def attribution(writes, direction, weight, eps=1e-5):
    logit = rms_norm(writes.sum(0), weight, eps) @ direction
    sizes = (writes @ (weight * direction)).abs()
    return logit * sizes / sizes.sum()

# %% wrong: the lens after each write
# says: as the logit lens does
def attribution(writes, direction, weight, eps=1e-5):
    return rms_norm(writes.cumsum(0), weight, eps) @ direction

# %% wrong: what each write changes in the lens
# says: as the logit lens does
def attribution(writes, direction, weight, eps=1e-5):
    lens = rms_norm(writes.cumsum(0), weight, eps) @ direction
    return torch.cat([lens[:1], lens[1:] - lens[:-1]])


# %% wrong: shortcut: the numbers of the example
# says: compute them from what is given
import torch


def attribution(writes, direction, weight, eps=1e-5):
    return torch.tensor([2.0, 1.4])


# %% wrong: shortcut: the logit in equal parts
# says: the logit was shared out, evenly
import torch


def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(0)
    logit = final / (final.pow(2).mean() + eps).sqrt() * weight @ direction
    return logit.repeat(len(writes)) / len(writes)


# %% wrong: shortcut: what the logit loses without the write, normed again
# says: these losses do not add up
import torch


def attribution(writes, direction, weight, eps=1e-5):
    def logit(x):
        return x / (x.pow(2).mean() + eps).sqrt() * weight @ direction

    whole = writes.sum(0)
    return torch.stack([logit(whole) - logit(whole - write) for write in writes])


# %% wrong: shortcut: gradient times write
# says: this is gradient times write
import torch


def attribution(writes, direction, weight, eps=1e-5):
    x = writes.sum(0).clone().requires_grad_()
    with torch.enable_grad():
        logit = x / (x.pow(2).mean() + eps).sqrt() * weight @ direction
    (slope,) = torch.autograd.grad(logit, x)
    return writes @ slope


# %% wrong: shortcut: shared out by the length of the writes
# says: by the length of the writes
import torch


def attribution(writes, direction, weight, eps=1e-5):
    final = writes.sum(0)
    logit = final / (final.pow(2).mean() + eps).sqrt() * weight @ direction
    lengths = writes.norm(dim=-1)
    return logit * lengths / lengths.sum()
