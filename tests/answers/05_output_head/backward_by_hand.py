# %% right: matrices
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = torch.relu(before)
    g = logits_gradient(hidden @ w_out.T, targets)
    return torch.where(before > 0, g @ w_out, torch.zeros(())).T @ x, g.T @ hidden


# %% right: position by position, outer products
def backward_by_hand(x, w_in, w_out, targets):
    for_in, for_out = torch.zeros_like(w_in), torch.zeros_like(w_out)
    for row, target in zip(x, targets):
        before = w_in @ row
        hidden = before.clamp(min=0)
        g = logits_gradient((w_out @ hidden)[None], target[None])[0]
        for_out += torch.outer(g, hidden) / len(x)
        for_in += torch.outer((w_out.T @ g) * (before > 0), row) / len(x)
    return for_in, for_out


# %% right: einsum, in double precision, as a list
def backward_by_hand(x, w_in, w_out, targets):
    x, w_in, w_out = x.double(), w_in.double(), w_out.double()
    a = torch.einsum("nd,hd->nh", x, w_in)
    h = a * (a > 0)
    g = logits_gradient(torch.einsum("nh,vh->nv", h, w_out), targets)
    back = torch.einsum("nv,vh->nh", g, w_out) * (a > 0)
    return [torch.einsum("nh,nd->hd", back, x), torch.einsum("nv,nh->vh", g, h)]


# %% right: by nudging each weight
def backward_by_hand(x, w_in, w_out, targets):
    def loss(a, b):
        z = (x.double() @ a.T).clamp(min=0) @ b.T
        return -torch.log(softmax(z))[range(len(targets)), targets].mean()

    gradients = []
    for k in (0, 1):
        pair = [w_in.double(), w_out.double()]
        g = torch.zeros_like(pair[k])
        for i in range(g.shape[0]):
            for j in range(g.shape[1]):
                ends = []
                for step in (1e-6, -1e-6):
                    moved = [t.clone() for t in pair]
                    moved[k][i, j] += step
                    ends.append(loss(*moved))
                g[i, j] = (ends[0] - ends[1]) / 2e-6
        gradients.append(g.float())
    return tuple(gradients)


# %% wrong: forgets the gate on the way back
# says: the gate was shut
def backward_by_hand(x, w_in, w_out, targets):
    hidden = (x @ w_in.T).clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets)
    return (g @ w_out).T @ x, g.T @ hidden


# %% wrong: what lay before the gate, in place of h
# says: w_out meets what came out of the gate
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    g = logits_gradient(before.clamp(min=0) @ w_out.T, targets)
    return ((g @ w_out) * (before > 0)).T @ x, g.T @ before


# %% wrong: the two swapped
# says: the two are swapped
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets)
    return g.T @ hidden, ((g @ w_out) * (before > 0)).T @ x


# %% wrong: turned on their sides
# says: a gradient has the shape of its weights
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets)
    return x.T @ ((g @ w_out) * (before > 0)), hidden.T @ g


# %% wrong: the sign turned
# says: the sign is turned
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    g = -logits_gradient(hidden @ w_out.T, targets)
    return ((g @ w_out) * (before > 0)).T @ x, g.T @ hidden


# %% wrong: divides by N once more
# says: you divide by N twice
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets) / len(x)
    return ((g @ w_out) * (before > 0)).T @ x, g.T @ hidden


# %% wrong: does not go through w_out
# says: the way back leads through w_out
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets)
    return (g.sum(1, keepdim=True) + (before > 0)).T @ x, g.T @ hidden


# %% wrong: multiplies by h in place of the gate
# says: Multiply by 1 or 0, not by h
def backward_by_hand(x, w_in, w_out, targets):
    hidden = (x @ w_in.T).clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets)
    return ((g @ w_out) * hidden).T @ x, g.T @ hidden


# %% wrong: the gate is made in place and changes what it was given
# says: an input has changed
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    g = logits_gradient(hidden @ w_out.T, targets)
    for_out = g.T @ hidden
    back = (g @ w_out) * (before > 0)
    w_out -= for_out
    return back.T @ x, for_out


# %% wrong: one tensor only
# says: return two tensors
def backward_by_hand(x, w_in, w_out, targets):
    hidden = (x @ w_in.T).clamp(min=0)
    return logits_gradient(hidden @ w_out.T, targets).T @ hidden


# %% wrong: shortcut: the gradients of the example
# says: another target, and the same gradient
import torch


def backward_by_hand(x, w_in, w_out, targets):
    return (
        torch.tensor([[0.75 * 1.0986123], [0.0]]),
        torch.tensor([[-1.5, 0.0], [1.5, 0.0]]),
    )


# %% wrong: shortcut: the first position stands for all
# says: a second position has changed nothing
def backward_by_hand(x, w_in, w_out, targets):
    x, targets = x[:1], targets[:1]
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    at_logits = logits_gradient(hidden @ w_out.T, targets)
    return ((at_logits @ w_out) * (before > 0)).T @ x, at_logits.T @ hidden


# %% wrong: shortcut: the targets are not looked at, the likeliest id is taken for them
# says: not on the likeliest one
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    logits = hidden @ w_out.T
    at_logits = logits_gradient(logits, logits.argmax(-1))
    return ((at_logits @ w_out) * (before > 0)).T @ x, at_logits.T @ hidden


# %% wrong: shortcut: for w_in the length only, with the sign of the weight
# says: the way back leads through w_out
import torch


def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    at_logits = logits_gradient(hidden @ w_out.T, targets)
    return torch.zeros_like(w_in), at_logits.T @ hidden


# %% wrong: the sum over the positions in place of the mean
# says: the loss is the mean over the positions
def backward_by_hand(x, w_in, w_out, targets):
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    at_logits = logits_gradient(hidden @ w_out.T, targets) * len(x)
    return ((at_logits @ w_out) * (before > 0)).T @ x, at_logits.T @ hidden
