# %% right: backward, and the copies' own gradients
def gradient_lengths(loss, layers):
    copies = [[w.detach().clone().requires_grad_(True) for w in layer] for layer in layers]
    loss(copies).backward()
    return torch.tensor([[w.grad.pow(2).sum().sqrt().item() for w in layer] for layer in copies])

# %% right: a grad call for each matrix
def gradient_lengths(loss, layers, keep=True):
    found = torch.zeros(len(layers), len(layers[0]))
    for i in range(len(layers)):
        for j in range(len(layers[0])):
            copies = [[w.clone() for w in layer] for layer in layers]
            copies[i][j].requires_grad_()
            (gradient,) = torch.autograd.grad(loss(copies), [copies[i][j]])
            found[i, j] = torch.linalg.vector_norm(gradient)
    return found

# %% right: torch.func, in double precision at the end
def gradient_lengths(loss, layers):
    gradients = torch.func.grad(lambda ls: loss(ls))([[w.clone() for w in layer] for layer in layers])
    rows = [[g.double().flatten() for g in layer] for layer in gradients]
    return torch.stack([torch.stack([(g @ g).sqrt() for g in row]) for row in rows]).float()

# %% wrong: the mean of the entries' sizes
# says: this is a mean over the entries
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.abs().mean() for g in found]).view(len(layers), -1)

# %% wrong: the root mean square
# says: this is a mean over the entries
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.square().mean().sqrt() for g in found]).view(len(layers), -1)

# %% wrong: squared
# says: the root is missing
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.square().sum() for g in found]).view(len(layers), -1)

# %% wrong: entries summed with their signs
# says: entries of both signs cancel
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.sum().abs() for g in found]).view(len(layers), -1)

# %% wrong: the largest entry
# says: this is the largest entry
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.abs().max() for g in found]).view(len(layers), -1)

# %% wrong: the sum of sizes
# says: this is the sum of sizes
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.abs().sum() for g in found]).view(len(layers), -1)

# %% wrong: gradients left on the caller's matrices
# says: carry a gradient now: work on copies
def gradient_lengths(loss, layers):
    for layer in layers:
        for w in layer:
            w.requires_grad_()
    loss(layers).backward()
    return torch.stack([torch.stack([w.grad.norm() for w in layer]) for layer in layers])

# %% wrong: two calls of backward added up
# says: gradients of two calls were added up
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    for _ in range(2):
        loss(copies).backward()
    return torch.stack([torch.stack([w.grad.norm() for w in layer]) for layer in copies])

# %% wrong: the matrices' own lengths
# says: not of their gradients
def gradient_lengths(loss, layers):
    loss(layers)
    return torch.stack([torch.stack([w.norm() for w in layer]) for layer in layers])

# %% wrong: matrices by layers
# says: layers and matrices are the wrong way round
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.norm() for g in found]).view(len(layers), -1).T

# %% wrong: one length a layer
# says: one number for each matrix of each layer
def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    return torch.stack([g.norm() for g in found]).view(len(layers), -1).mean(dim=1)

# %% wrong: nothing returned
# says: gave back None
def gradient_lengths(loss, layers):
    loss(layers)


# %% wrong: shortcut: the gradient's length for the matrix's own length
# says: divided by the lengths of the matrices
import torch


def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    own = [w.norm() for layer in layers for w in layer]
    return torch.stack([g.norm() / o for g, o in zip(found, own)]).view(len(layers), -1)


# %% wrong: shortcut: the other matrices are taken out while one is measured
# says: the other matrices were 0
import torch


def gradient_lengths(loss, layers):
    rows = []
    for i, layer in enumerate(layers):
        row = []
        for j in range(len(layer)):
            copies = [[torch.zeros_like(w) for w in many] for many in layers]
            copies[i][j] = layers[i][j].clone().requires_grad_()
            row.append(torch.autograd.grad(loss(copies), copies[i][j])[0].norm())
        rows.append(torch.stack(row))
    return torch.stack(rows)


# %% wrong: shortcut: the first layer stands for all
# says: one layer stands for all
import torch


def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), copies[0])
    return torch.stack([g.norm() for g in found]).repeat(len(layers), 1)


# %% wrong: shortcut: the slope in the direction of the matrix
# says: this is the slope in one direction
import torch


def gradient_lengths(loss, layers):
    copies = [[w.clone().requires_grad_() for w in layer] for layer in layers]
    found = torch.autograd.grad(loss(copies), sum(copies, []))
    own = sum(layers, [])
    along = [(g * w).sum().abs() / w.norm() for g, w in zip(found, own)]
    return torch.stack(along).view(len(layers), -1)
