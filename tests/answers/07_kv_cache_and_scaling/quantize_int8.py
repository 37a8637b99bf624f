# %% right: row by row
def quantize_int8(w):
    q, scales = [], []
    for row in w:
        largest = max(abs(x) for x in row.tolist())
        scale = largest / 127 if largest else 1.0
        q.append([round(x / scale) for x in row.tolist()])
        scales.append([scale])
    return torch.tensor(q, dtype=torch.int8), torch.tensor(scales)


# %% right: maximum and minimum, in double precision
def quantize_int8(w):
    w = w.double()
    scale = torch.maximum(w.max(dim=-1, keepdim=True).values, -w.min(dim=-1, keepdim=True).values).div(127)
    scale[scale == 0] = 1
    return w.div(scale).round().clamp(-127, 127).type(torch.int8), scale


# %% right: the infinity norm, and adding a half
def row_scales(w):
    return torch.linalg.vector_norm(w, ord=float("inf"), dim=1, keepdim=True) / 127


def quantize_int8(w, levels=127):
    scale = row_scales(w)
    scale = scale.masked_fill(scale == 0, 1.0)
    x = w / scale
    return (x.sign() * (x.abs() + 0.5).floor()).to(torch.int8), scale


# %% right: a list of the two
def quantize_int8(w):
    largest = w.abs().max(1).values[:, None]
    scale = largest / 127 + (largest == 0)
    return [(w / scale).round().char(), scale]


# %% wrong: one scale for the whole matrix
# says: have scales 0.01 and 0.1
def quantize_int8(w):
    scale = (w.abs().max() / 127).expand(w.shape[0], 1)
    return torch.round(w / scale).to(torch.int8), scale


# %% wrong: one scale a column
# says: scales of the three columns
def quantize_int8(w):
    scale = w.abs().amax(dim=0, keepdim=True) / 127
    return torch.round(w / scale).to(torch.int8), scale.T


# %% wrong: cuts off instead of rounding
# says: round to the nearest, do not cut off
def quantize_int8(w):
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return (w / scale * 1.00001).to(torch.int8), scale


# %% wrong: rounds down
# says: round to the nearest, do not cut off
def quantize_int8(w):
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.floor(w / scale + 1e-4).to(torch.int8), scale


# %% wrong: divides by 128, which int8 does not hold
# says: scales 0.01 and 0.1
def quantize_int8(w):
    scale = w.abs().amax(dim=1, keepdim=True) / 128
    return torch.round(w / scale).to(torch.int8), scale


# %% wrong: the largest weight, not the largest in absolute value
# says: scales 0.01 and 0.1
def quantize_int8(w):
    largest = w.amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w / scale).clamp(-127, 127).to(torch.int8), scale


# %% wrong: leaves the whole numbers as floats
# says: q must be int8
def quantize_int8(w):
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w / scale), scale


# %% wrong: a scale without its dimension
# says: shape [out, 1]
def quantize_int8(w):
    largest = w.abs().amax(dim=1)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w / scale[:, None]).to(torch.int8), scale


# %% wrong: divides a row of zeros by zero
# says: a row of zeros gets scale 1
def quantize_int8(w):
    scale = w.abs().amax(dim=1, keepdim=True) / 127
    return torch.round(w / scale).nan_to_num().to(torch.int8), scale


# %% wrong: the sign is lost
# says: keep the weights' signs
def quantize_int8(w):
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w.abs() / scale).to(torch.int8), scale


# %% wrong: the largest weight keeps its sign in the scale
# says: make each scale positive
def quantize_int8(w):
    largest = w.gather(1, w.abs().argmax(dim=1, keepdim=True))
    scale = torch.where(largest != 0, largest / 127, 1.0)
    return torch.round(w / scale).to(torch.int8), scale


# %% wrong: small rows are taken for rows of zeros
# says: a row of small weights has a small scale
def quantize_int8(w):
    scale = w.abs().amax(dim=1, keepdim=True).clamp(min=1) / 127
    scale = torch.where(w.any(dim=1, keepdim=True), scale, 1.0)
    return torch.round(w / scale).to(torch.int8), scale


# %% wrong: rows below 1e-6 are taken for rows of zeros
# says: a row of very small weights
def quantize_int8(w):
    m = w.abs().amax(1, keepdim=True)
    s = torch.where(m > 1e-6, m / 127, 1.0)
    return (w / s).round().to(torch.int8), s


# %% wrong: one row of zeros gives all rows scale 1
# says: concerns itself alone
def quantize_int8(w):
    m = w.abs().amax(1, keepdim=True)
    s = m / 127 if (m > 0).all() else torch.ones_like(m)
    return (w / s).round().to(torch.int8), s


# %% wrong: divides the caller's weights in place
# says: the caller's weights have changed
def quantize_int8(w):
    s = w.abs().amax(1, keepdim=True) / 127
    s[s == 0] = 1
    w /= s
    return w.round_().to(torch.int8), s


# %% right: the nearest of all whole numbers, the lower one of two
def quantize_int8(w):
    s = w.abs().amax(1, keepdim=True) / 127
    s = s + (s == 0)
    c = torch.arange(-127, 128)
    return c[((w / s)[..., None] - c).abs().argmin(-1)].to(torch.int8), s


# %% wrong: the scale first
# says: the order is (q, scale)
def quantize_int8(w):
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return scale, torch.round(w / scale).to(torch.int8)


# %% wrong: no return
# says: is there a return?
def quantize_int8(w):
    scale = w.abs().amax(dim=1, keepdim=True) / 127


# %% wrong: the largest weight is taken for 1e-8 at least
# says: there is no smallest scale
def quantize_int8(w):
    largest = w.abs().amax(1, keepdim=True)
    scale = torch.where(largest > 0, largest.clamp(min=1e-8) / 127, 1.0)
    return torch.round(w / scale).to(torch.int8), scale


# %% wrong: lists
# says: return two tensors
def quantize_int8(w):
    q, scale = [], []
    for row in w.tolist():
        one = max(map(abs, row)) / 127 or 1.0
        q.append([round(x / one) for x in row])
        scale.append([one])
    return q, scale
