# %% right: one tensor of what all would say, then only those asked for
import torch


def replace_heads(z, heads, by):
    if isinstance(by, str):
        new = 0 * z if by == "zero" else z.mean(2, keepdim=True).expand_as(z)
    else:
        new = by
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% right: head by head, joined again
import torch


def replace_heads(z, heads, by):
    parts = []
    for head in range(z.shape[1]):
        own = z[:, head]
        if head in heads and isinstance(by, torch.Tensor):
            own = by[:, head]
        elif head in heads and by == "mean":
            own = own.mean(dim=1)[:, None].repeat(1, own.shape[1], 1)
        elif head in heads:
            own = torch.zeros_like(own)
        parts.append(own)
    return torch.stack(parts, dim=1)


# %% right: torch.where with a mask of heads, in float64
import torch


def replace_heads(z, heads, by):
    chosen = torch.zeros(z.shape[1], dtype=torch.bool)
    for head in heads:
        chosen[head] = True
    z = z.double()
    match by:
        case "zero":
            new = torch.zeros_like(z)
        case "mean":
            new = z.sum(-2, keepdim=True) / z.shape[-2]
        case _:
            new = by.double()
    return torch.where(chosen[None, :, None, None], new, z).float()


# %% right: loops over everything
import torch


def replace_heads(z, heads, by):
    out = z.detach().clone()
    for text in range(z.shape[0]):
        for head in heads:
            for position in range(z.shape[2]):
                if by is None or (isinstance(by, str) and by == "zero"):
                    out[text, head, position] = 0.0
                elif isinstance(by, str):
                    out[text, head, position] = z[text, head].mean(0)
                else:
                    out[text, head, position] = by[text, head, position]
    return out


# %% wrong: all heads are replaced
# says: head 0 was replaced, too
import torch


def replace_heads(z, heads, by):
    if isinstance(by, torch.Tensor):
        return by.clone()
    return torch.zeros_like(z) if by == "zero" else z.mean(2, keepdim=True).expand_as(z).clone()


# %% wrong: positions are replaced, not heads
# says: head 1 says 0 at every position
import torch


def replace_heads(z, heads, by):
    new = by if isinstance(by, torch.Tensor) else torch.zeros_like(z)
    out = z.clone()
    out[:, :, heads] = new[:, :, heads]
    return out


# %% wrong: the heads up to the last one in the list
# says: head 0 was replaced, too
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(2, True).expand_as(z)
    out = z.clone()
    if heads:
        out[:, : max(heads) + 1] = new[:, : max(heads) + 1]
    return out


# %% wrong: a range from the first to the last in the list
# says: heads is a list, not a range
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(2, True).expand_as(z)
    out = z.clone()
    if heads:
        span = slice(min(heads), max(heads) + 1)
        out[:, span] = new[:, span]
    return out


# %% wrong: the mean over the columns of a head
# says: the mean runs over the columns
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(3, True).expand_as(z)
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% wrong: the mean over the heads
# says: the mean runs over the heads
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(1, True).expand_as(z)
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% wrong: the mean over the texts
# says: the mean runs over the texts
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(0, True).expand_as(z)
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% wrong: one mean for all texts
# says: each text has a mean of its own
def replace_heads(z, heads, by):
    new = by
    if isinstance(by, str):
        new = 0 * z if by == "zero" else z.mean((0, 2), True).expand_as(z)
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% wrong: one number for a whole head
# says: each column has its own
def replace_heads(z, heads, by):
    new = by
    if isinstance(by, str):
        new = 0 * z if by == "zero" else z.mean((2, 3), True).expand_as(z)
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% wrong: an empty list means all heads
# says: an empty intervention is none
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(2, True).expand_as(z)
    out = z.clone()
    heads = heads or list(range(z.shape[1]))
    out[:, heads] = new[:, heads]
    return out


# %% wrong: another run is halfway mixed in
# says: by a tensor: head 1 says what head 1 said in the other run
def replace_heads(z, heads, by):
    if isinstance(by, str):
        new = 0 * z if by == "zero" else z.mean(2, True).expand_as(z)
    else:
        new = (z + by) / 2
    out = z.clone()
    out[:, heads] = new[:, heads]
    return out


# %% wrong: the other heads are silenced, the chosen ones stay
# says: head 0 was replaced, too
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(2, True).expand_as(z)
    out = new.clone()
    out[:, heads] = z[:, heads]
    return out


# %% wrong: only the last position
# says: head 1 says 0 at every position
def replace_heads(z, heads, by):
    new = by if not isinstance(by, str) else 0 * z if by == "zero" else z.mean(2, True).expand_as(z)
    out = z.clone()
    out[:, heads, -1] = new[:, heads, -1]
    return out


# %% wrong: no return
# says: is there a return?
def replace_heads(z, heads, by):
    out = z.clone()
    out[:, heads] = 0


# %% wrong: shortcut: the clean run comes back
# says: nothing was replaced
def replace_heads(z, heads, by):
    return z.clone()


# %% wrong: shortcut: the other run comes back whole
# says: head 0 stays
import torch


def replace_heads(z, heads, by):
    if isinstance(by, torch.Tensor):
        return by.clone()
    new = z.clone()
    new[:, heads] = 0 if by == "zero" else z[:, heads].mean(-2, keepdim=True)
    return new


# %% wrong: shortcut: the mean is taken for zero
# says: "mean": at every position
import torch


def replace_heads(z, heads, by):
    new = z.clone()
    new[:, heads] = by[:, heads] if isinstance(by, torch.Tensor) else 0.0
    return new


# %% wrong: shortcut: the first of the heads alone
# says: not the first of the list alone
import torch


def replace_heads(z, heads, by):
    new = z.clone()
    for head in heads[:1]:
        if isinstance(by, torch.Tensor):
            new[:, head] = by[:, head]
        else:
            new[:, head] = 0 if by == "zero" else z[:, head].mean(-2, keepdim=True)
    return new


# %% wrong: shortcut: quieter, not silent
# says: head 1 says 0 at every position
import torch


def replace_heads(z, heads, by):
    new = z.clone()
    if isinstance(by, torch.Tensor):
        new[:, heads] = by[:, heads]
    else:
        new[:, heads] = 0.1 * z[:, heads] if by == "zero" else z[:, heads].mean(-2, keepdim=True)
    return new
