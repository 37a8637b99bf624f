# %% right: subtract the maximum, divide by the sum
def softmax(x, dim=-1):
    e = (x - x.max(dim=dim, keepdim=True).values).exp()
    return e / e.sum(dim, keepdim=True)

# %% right: through the logarithm of the sum, in double precision
def softmax(x, dim=-1):
    kind, x = x.dtype, x.double()
    m = x.amax(dim, keepdim=True)
    return (x - m - (x - m).exp().sum(dim, keepdim=True).log()).exp().to(kind)

# %% right: in place on a copy, dimension moved to the end
def softmax(x, dim=-1):
    y = x.clone().movedim(dim, -1)
    y -= y.amax(-1, keepdim=True)
    y.exp_()
    y /= y.sum(-1, keepdim=True)
    return y.movedim(-1, dim)

# %% right: a loop over the rows
def softmax(x, dim=-1, eps=0.0):
    rows = x.movedim(dim, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    out = torch.stack([one_row(row) for row in flat])
    return out.reshape(rows.shape).movedim(-1, dim)

def one_row(row):
    powers = torch.tensor([math.exp(v) for v in (row - row.max()).tolist()], dtype=row.dtype)
    return powers / powers.sum()

# %% wrong: overflows on large logits
# says: subtract the maximum
def softmax(x, dim=-1):
    return x.exp() / x.exp().sum(dim, keepdim=True)

# %% wrong: divides by the sum without exponentiating
# says: exponentiate
def softmax(x, dim=-1):
    return x / x.sum(dim, keepdim=True)

# %% wrong: sums over the whole tensor
# says: each row must sum to 1
def softmax(x, dim=-1):
    e = (x - x.max()).exp()
    return e / e.sum()

# %% wrong: forgets keepdim
# says: each row must sum to 1
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim)

# %% wrong: always the last dimension
# says: dim=0 asks for columns
def softmax(x, dim=-1):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)

# %% wrong: base 2
# says: exponentiate with e
def softmax(x, dim=-1):
    e = 2 ** (x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)

# %% wrong: clips large logits
# says: do not clip
def softmax(x, dim=-1):
    e = x.clamp(max=80).exp()
    return e / e.sum(dim, keepdim=True)

# %% wrong: subtracts the maximum of the whole tensor
# says: maximum of each row
def softmax(x, dim=-1):
    e = (x - x.max()).exp()
    return e / e.sum(dim, keepdim=True).clamp(min=1e-30)

# %% wrong: returns log-probabilities
# says: return no logarithm
def softmax(x, dim=-1):
    m = x.amax(dim, keepdim=True)
    return x - m - (x - m).exp().sum(dim, keepdim=True).log()

# %% wrong: a small number in the divisor
# says: add nothing to the sum
def softmax(x, dim=-1):
    e = torch.exp(x - x.amax(dim=dim, keepdim=True))
    return e / (e.sum(dim=dim, keepdim=True) + 1e-8)

# %% wrong: subtracts the mean
# says: subtract the largest, not the mean
def softmax(x, dim=-1):
    e = torch.exp(x - x.mean(dim=dim, keepdim=True))
    return e / e.sum(dim=dim, keepdim=True)


# %% wrong: works in the caller's tensor
# says: the caller's logits have changed
def softmax(x, dim=-1):
    x -= x.amax(dim=dim, keepdim=True)
    x = x.exp_()
    return x / x.sum(dim=dim, keepdim=True)


# %% wrong: clips the exponents at -50
# says: not exactly 0
def softmax(x, dim=-1):
    e = torch.exp((x - x.amax(dim=dim, keepdim=True)).clamp(min=-50))
    return e / e.sum(dim=dim, keepdim=True)


# %% wrong: subtracts the largest absolute value
# says: subtract the largest as it is
def softmax(x, dim=-1):
    e = torch.exp(x - x.abs().amax(dim=dim, keepdim=True).nan_to_num(posinf=0))
    return e / e.sum(dim=dim, keepdim=True)


# %% wrong: no return
# says: is there a return?
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()


# %% wrong: puts -1e9 for -inf into the caller's tensor
# says: the caller's logits have changed
def softmax(x, dim=-1):
    x[x == -math.inf] = -1e9
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


# %% wrong: a list
# says: return one tensor
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return (e / e.sum(dim, keepdim=True)).tolist()


# %% wrong: drops the dimensions of length 1
# says: also where a dimension is 1
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return (e / e.sum(dim, keepdim=True)).squeeze()


# %% wrong: the maximum along the last dimension, the sum along dim
# says: for the maximum and for the sum
def softmax(x, dim=-1):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


# %% wrong: rounds the probabilities
# says: not 0: round nothing
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return (e / e.sum(dim, keepdim=True)).round(decimals=5)


# %% wrong: always in double precision
# says: float32 stays float32
def softmax(x, dim=-1):
    e = (x.double() - x.double().amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


# %% wrong: in single precision, then back to the type of x
# says: the precision of float32
def softmax(x, dim=-1):
    y = x.float()
    e = (y - y.amax(dim, keepdim=True)).exp()
    return (e / e.sum(dim, keepdim=True)).to(x.dtype)


# %% wrong: the last dimension from three dimensions up
# says: whatever the number of dimensions
def softmax(x, dim=-1):
    dim = dim if x.dim() < 3 else -1
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


# %% wrong: clips the exponents at -60, and only the finite ones
# says: clip nothing
def softmax(x, dim=-1):
    apart = x - x.amax(dim, keepdim=True)
    e = torch.where(apart == -math.inf, apart, apart.clamp(min=-60)).exp()
    return e / e.sum(dim, keepdim=True)
