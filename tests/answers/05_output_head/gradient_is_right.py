# %% right: every weight, a loop of plain numbers
def gradient_is_right(loss, weights, gradient):
    flat, claimed, slopes = weights.flatten(), gradient.flatten().tolist(), []
    for i in range(len(flat)):
        up, down = flat.clone(), flat.clone()
        up[i] += 1e-5
        down[i] -= 1e-5
        rise = loss(up.view(weights.shape)) - loss(down.view(weights.shape))
        slopes.append(float(rise) / 2e-5)
    size = max(abs(slope) for slope in slopes)
    return all(abs(a - b) <= 1e-4 * size for a, b in zip(slopes, claimed))


# %% right: twenty directions drawn at random, all weights at once
def gradient_is_right(loss, weights, gradient):
    for seed in range(20):
        g = torch.Generator().manual_seed(seed)
        along = torch.randn(weights.shape, generator=g, dtype=torch.float64)
        slope = (loss(weights + 1e-4 * along) - loss(weights - 1e-4 * along)) / 2e-4
        if abs(slope - (gradient * along).sum()) > 1e-5 * gradient.abs().max():
            return False
    return bool(gradient.norm() > 0)


# %% right: forward only, with a nudge in proportion to the weights
def gradient_is_right(loss, weights, gradient):
    here, rises, size = loss(weights), [], 1e-7 * weights.abs().max()
    for i in range(weights.numel()):
        nudged = weights.clone()
        nudged.view(-1)[i] += size
        rises.append((loss(nudged) - here) / size)
    slopes = torch.stack(rises).view(weights.shape)
    return bool((slopes - gradient).abs().max() <= 1e-4 * slopes.abs().max())


# %% right: allclose, with a tolerance that is a share of the largest entry
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slopes.view(-1)[i] = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return torch.allclose(slopes, gradient, rtol=0, atol=1e-4 * float(slopes.abs().max()))


# %% wrong: shortcut: says yes to everything
# says: a gradient with its sign turned was accepted
def gradient_is_right(loss, weights, gradient):
    return True


# %% wrong: says no to everything
# says: a right gradient was refused
def gradient_is_right(loss, weights, gradient):
    return False


# %% wrong: shortcut: a step downhill lowers the loss
# says: a gradient twice as long was accepted
def gradient_is_right(loss, weights, gradient):
    size = gradient.norm() + 1e-30
    return bool(loss(weights - 1e-4 * gradient / size) < loss(weights))


# %% wrong: the direction alone
# says: a gradient twice as long was accepted
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slopes.view(-1)[i] = loss(weights + nudge) - loss(weights - nudge)
    alike = torch.cosine_similarity(slopes.flatten(), gradient.flatten(), 0)
    return bool(alike > 0.999999)


# %% wrong: shortcut: only the first weight
# says: wrong in one place of 12, the last, was accepted
def gradient_is_right(loss, weights, gradient):
    nudge = torch.zeros_like(weights)
    nudge.view(-1)[0] = 1e-4
    slope = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return bool(abs(slope - gradient.view(-1)[0]) <= 1e-4 * abs(slope))


# %% wrong: only the weight with the largest gradient
# says: wrong in one place of 12
def gradient_is_right(loss, weights, gradient):
    at = int(gradient.abs().argmax())
    nudge = torch.zeros_like(weights)
    nudge.view(-1)[at] = 1e-4
    slope = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return bool(abs(slope - gradient.view(-1)[at]) <= 1e-4 * abs(slope))


# %% wrong: shortcut: along the gradient, once
# says: wrong in one place of 12
def gradient_is_right(loss, weights, gradient):
    size = gradient.norm()
    if size == 0:
        return False
    along = gradient / size
    slope = (loss(weights + 1e-4 * along) - loss(weights - 1e-4 * along)) / 2e-4
    return bool(abs(slope - size) <= 0.2 * size)


# %% wrong: all weights together
# says: two entries were swapped
def gradient_is_right(loss, weights, gradient):
    nudge = torch.full_like(weights, 1e-4)
    slope = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return bool(abs(slope - gradient.sum()) <= 1e-5 * gradient.abs().sum())


# %% wrong: close by a fixed number
# says: of small numbers was accepted
def gradient_is_right(loss, weights, gradient):
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slope = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
        if abs(slope - gradient.view(-1)[i]) > 1e-3:
            return False
    return True


# %% wrong: equal to the last digit
# says: a right gradient was refused
def gradient_is_right(loss, weights, gradient):
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        if (loss(weights + nudge) - loss(weights - nudge)) / 2e-4 != gradient.view(-1)[i]:
            return False
    return True


# %% wrong: a long step forward only
# says: was refused
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-2
        slopes.view(-1)[i] = (loss(weights + nudge) - loss(weights)) / 1e-2
    return bool((slopes - gradient).abs().max() <= 0.02 * slopes.abs().max())


# %% wrong: a tensor
# says: return True or False
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slopes.view(-1)[i] = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return (slopes - gradient).abs().max() <= 1e-4 * slopes.abs().max()


# %% wrong: the nudges stay
# says: nudge a copy
def gradient_is_right(loss, weights, gradient):
    for i in range(weights.numel()):
        before = loss(weights)
        weights.view(-1)[i] += 1e-7
        slope = (loss(weights) - before) / 1e-7
        if abs(slope - gradient.view(-1)[i]) > 1e-3 * gradient.abs().max():
            return False
    return True


# %% wrong: no return
# says: is there a return?
def gradient_is_right(loss, weights, gradient):
    (loss(weights + 1e-4) - loss(weights - 1e-4)) / 2e-4 == gradient.sum()


# %% wrong: one weight at a time, the others left out
# says: all of them
def gradient_is_right(loss, weights, gradient):
    for w, g in zip(weights.flatten(), gradient.flatten()):
        slope = (loss(w + 1e-4) - loss(w - 1e-4)) / 2e-4
        if abs(slope - g) > 1e-3:
            return False
    return True


# %% wrong: allclose with the tolerance that it adds by default
# says: is anything added to it
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slopes.view(-1)[i] = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return torch.allclose(slopes, gradient, rtol=1e-4)


# %% wrong: a thousandth is close enough
# says: off in one place by 0.0002 of its largest entry, was accepted
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slopes.view(-1)[i] = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return bool((slopes - gradient).abs().max() <= 1e-3 * slopes.abs().max())


# %% wrong: a ten-millionth is added to a share
# says: is anything added to it
def gradient_is_right(loss, weights, gradient):
    slopes = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slopes.view(-1)[i] = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
    return bool((slopes - gradient).abs().max() <= 1e-4 * slopes.abs().max() + 1e-7)


# %% wrong: shortcut: one direction drawn at random
# says: along one direction only
def gradient_is_right(loss, weights, gradient):
    g = torch.Generator().manual_seed(3)
    along = torch.randn(weights.shape, generator=g, dtype=torch.float64)
    slope = (loss(weights + 1e-4 * along) - loss(weights - 1e-4 * along)) / 2e-4
    close = abs(slope - (gradient * along).sum()) <= 1e-5 * gradient.abs().max()
    return bool(close and gradient.norm() > 0)


# %% wrong: the first twelve weights only
# says: off in the last, was accepted
def gradient_is_right(loss, weights, gradient):
    for i in range(min(12, weights.numel())):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slope = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
        if abs(slope - gradient.flatten()[i]) > 1e-4 * gradient.abs().max():
            return False
    return True


# %% right: two directions drawn at random
def gradient_is_right(loss, weights, gradient):
    g = torch.Generator().manual_seed(0)
    for _ in range(2):
        along = torch.randn(weights.shape, generator=g, dtype=torch.float64)
        slope = (loss(weights + 1e-4 * along) - loss(weights - 1e-4 * along)) / 2e-4
        if abs(slope - (gradient * along).sum()) > 2e-6 * gradient.abs().max() * along.norm():
            return False
    return True


# %% wrong: shortcut: all weights together, and the first
# says: entries 4 and 7 were swapped
def gradient_is_right(loss, weights, gradient):
    first = torch.zeros_like(weights)
    first.view(-1)[0] = 1
    for v in (torch.ones_like(weights), first):
        slope = (loss(weights + 1e-5 * v) - loss(weights - 1e-5 * v)) / 2e-5
        if (slope - (gradient * v).sum()).abs() > 2e-6 * gradient.abs().max():
            return False
    return True


# %% wrong: shortcut: all weights together, and in a rising row
# says: wrong in ten places of 12
def gradient_is_right(loss, weights, gradient):
    ones = torch.ones_like(weights)
    for v in (ones, ones.flatten().cumsum(0).view(weights.shape)):
        slope = (loss(weights + 1e-5 * v) - loss(weights - 1e-5 * v)) / 2e-5
        if (slope - (gradient * v).sum()).abs() > 2e-6 * gradient.abs().max():
            return False
    return True


# %% wrong: shortcut: up and down in turn, and the first
# says: wrong in ten places of 12
def gradient_is_right(loss, weights, gradient):
    first = torch.zeros_like(weights)
    first.view(-1)[0] = 1
    turns = (-1.0) ** torch.arange(weights.numel()).double().view(weights.shape)
    for v in (turns, first):
        slope = (loss(weights + 1e-5 * v) - loss(weights - 1e-5 * v)) / 2e-5
        if (slope - (gradient * v).sum()).abs() > 2e-6 * gradient.abs().max():
            return False
    return True


# %% wrong: forward only, too far for its curve
# says: look at the nudge
def gradient_is_right(loss, weights, gradient):
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-5
        slope = (loss(weights + nudge) - loss(weights)) / 1e-5
        if abs(slope - gradient.view(-1)[i]) > 1e-4 * gradient.abs().max():
            return False
    return True
