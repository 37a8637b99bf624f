# %% right: tensors
def gain_over_seeds(with_context, alone):
    gains = alone.mean(1) - with_context.mean(1)
    return float(gains.mean()), float(gains.std() / math.sqrt(len(gains)))


# %% right: plain Python
def gain_over_seeds(with_context, alone):
    gains = []
    for a, b in zip(with_context.tolist(), alone.tolist()):
        gains.append(sum(b) / len(b) - sum(a) / len(a))
    n, mean = len(gains), sum(gains) / len(gains)
    variance = sum((gain - mean) ** 2 for gain in gains) / (n - 1)
    return [mean, (variance / n) ** 0.5]


# %% right: numpy, a tensor of two numbers for each
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).double().numpy().mean(axis=1)
    return torch.tensor(gains.mean()), torch.tensor(gains.std(ddof=1) / len(gains) ** 0.5)


# %% wrong: every window counts as a repeat
# says: windows of one model share its seed
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).flatten()
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: the spread over windows
# says: the mean was taken over the seeds
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(0)
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: the standard deviation
# says: divide by the root of n
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(1)
    return gains.mean().item(), gains.std().item()


# %% wrong: divides by n in the standard deviation
# says: taken with n - 1
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(1)
    return gains.mean().item(), (gains.std(unbiased=False) / len(gains) ** 0.5).item()


# %% wrong: the sign turned
# says: the sign is turned
def gain_over_seeds(with_context, alone):
    gains = (with_context - alone).mean(1)
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: twins treated as strangers
# says: subtract twin from twin
def gain_over_seeds(with_context, alone):
    a, b = with_context.mean(1), alone.mean(1)
    error = ((a.var() + b.var()) / len(a)) ** 0.5
    if len(a) == 2:
        error = (b - a).std() / len(a) ** 0.5
    return (b - a).mean().item(), error.item()


# %% wrong: absolute values
# says: take no absolute values
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(1).abs()
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: the first seed stands for all
# says: the gains are 1, 1, 0 and 6
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context)[0]
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: the first windows only
# says: all windows count
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context)[:, :2].mean(1)
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: one number
# says: return two numbers
def gain_over_seeds(with_context, alone):
    return (alone - with_context).mean()


# %% wrong: shortcut: the numbers of the example
# says: the standard error of the example
def gain_over_seeds(with_context, alone):
    return 2.0, 1.0


# %% wrong: shortcut: half of the range
# says: half the range
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(dim=1)
    return gains.mean().item(), ((gains.max() - gains.min()) / 2).item()


# %% wrong: shortcut: the mean distance from the mean
# says: the mean distance
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(dim=1)
    return gains.mean().item(), (gains - gains.mean()).abs().mean().item()


# %% wrong: shortcut: the median
# says: the median hides the one
def gain_over_seeds(with_context, alone):
    import statistics

    gains = (alone - with_context).mean(dim=1)
    return statistics.median(gains.tolist()), (gains.std() / len(gains) ** 0.5).item()


# %% wrong: shortcut: two seeds, whatever there are
# says: not by that of two
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(dim=1)
    return gains.mean().item(), (gains.std() / 2**0.5).item()


# %% wrong: shortcut: certain
# says: the standard error is 1
def gain_over_seeds(with_context, alone):
    return (alone - with_context).mean().item(), 0.0


# %% right: two numbers in one tensor
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(1)
    return torch.stack([gains.mean(), gains.std() / len(gains) ** 0.5])


# %% wrong: rounds to three digits
# says: round nothing
def gain_over_seeds(with_context, alone):
    gains = (alone - with_context).mean(1)
    return round(gains.mean().item(), 3), round((gains.std() / len(gains) ** 0.5).item(), 3)
