# %% right: a loop over the vectors, in plain numbers
def layer_norm(x, weight, bias, eps=1e-5):
    rows = []
    for row in x.reshape(-1, x.shape[-1]).tolist():
        mean = sum(row) / len(row)
        variance = sum((value - mean) ** 2 for value in row) / len(row)
        rows.append([(value - mean) / math.sqrt(variance + eps) for value in row])
    return torch.tensor(rows).reshape(x.shape) * weight + bias

# %% right: in double precision, with torch.var_mean
def layer_norm(x, weight, bias, eps=1e-5):
    variance, mean = torch.var_mean(x.double(), dim=-1, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + eps) * weight + bias

# %% right: in place on a copy, variance with unbiased=False
def layer_norm(x, weight, bias, eps=1e-5):
    y = x.clone()
    y -= y.mean(-1, keepdim=True)
    y /= (y.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
    y *= weight
    y += bias
    return y

# %% right: einsum, a helper function, and an extra argument
def average(x):
    return torch.einsum("...d->...", x)[..., None] / x.shape[-1]

def layer_norm(x, weight, bias, eps=1e-5, centre=True):
    y = x - average(x) if centre else x
    return torch.addcmul(bias, y / (average(y * y) + eps) ** 0.5, weight)

# %% right: a class behind the function
class Norm:
    def __init__(self, weight, bias, eps):
        self.weight, self.bias, self.eps = weight, bias, eps

    def __call__(self, x):
        centred = x - torch.mean(x, -1, True)
        return self.bias + self.weight * centred / torch.sqrt(torch.mean(centred * centred, -1, True) + self.eps)

def layer_norm(x, weight, bias, eps=1e-5):
    return Norm(weight, bias, eps)(x)

# %% wrong: the variance of a sample, divided by d_model - 1
# says: not by d_model - 1
def layer_norm(x, weight, bias, eps=1e-5):
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias

# %% wrong: eps outside the root
# says: eps stands inside the root
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True).sqrt() + eps) * weight + bias

# %% wrong: eps forgotten
# says: eps stands inside the root
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True).sqrt() + 1e-9) * weight + bias

# %% wrong: the mean is not subtracted
# says: subtract the mean first
def layer_norm(x, weight, bias, eps=1e-5):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight + bias

# %% wrong: one mean and variance for the whole tensor
# says: each vector is normalised on its own
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean()
    return centred / torch.sqrt(centred.pow(2).mean() + eps) * weight + bias

# %% wrong: along the positions, as batch norm might
# says: each vector is normalised on its own
def layer_norm(x, weight, bias, eps=1e-5):
    dim = -1 if x.dim() == 1 else -2
    centred = x - x.mean(dim, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(dim, keepdim=True) + eps) * weight + bias

# %% wrong: divided by the variance
# says: not by the variance
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + eps) * weight + bias

# %% wrong: weight and bias forgotten
# says: times weight, then plus bias
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps)

# %% wrong: bias before weight
# says: times weight, then plus bias
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return (centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps) + bias) * weight

# %% wrong: written for at most three dimensions
# says: for x of shape
# caught by: hidden
def layer_norm(x, weight, bias, eps=1e-5):
    dim = min(2, x.dim() - 1)
    centred = x - x.mean(dim, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(dim, keepdim=True) + eps) * weight + bias

# %% wrong: returns nothing
# says: is there a return?
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps) * weight + bias

# %% wrong: the mean of the squares of x for the variance
# says: not of the squares of x
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight + bias

# %% wrong: no eps at all
# says: eps must be added to the variance
def layer_norm(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred / centred.pow(2).mean(-1, keepdim=True).sqrt() * weight + bias

# %% wrong: the mean of the squares less the square of the mean
# says: subtract the mean before you square
def layer_norm(x, weight, bias, eps=1e-5):
    m = x.mean(-1, keepdim=True)
    var = (x**2).mean(-1, keepdim=True) - m**2
    return (x - m) / torch.sqrt(var + eps) * weight + bias


# %% wrong: works in the caller's stream
# says: the caller's x has changed
def layer_norm(x, weight, bias, eps=1e-5):
    x -= x.mean(-1, keepdim=True)
    x /= (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return x * weight + bias


# %% right: mean and variance from all pairs of entries
def layer_norm(x, weight, bias, eps=1e-5):
    var = (x[..., :, None] - x[..., None, :]).square().mean((-1, -2)) / 2
    c = (x[..., :, None] - x[..., None, :]).mean(-1)
    return weight * c / (var[..., None] + eps) ** 0.5 + bias


# %% right: a centring matrix, and a view of all vectors in a row
def layer_norm(x, weight, bias, eps=1e-5):
    d = x.shape[-1]
    flat = x.view(-1, d)
    centre = torch.eye(d) - torch.ones(d, d) / d
    c = flat @ centre
    v = torch.einsum("nd,nd->n", c, c) / d
    return torch.addcmul(bias, c * (v + eps).rsqrt()[:, None], weight).view(x.shape)


# %% wrong: BERT's eps of 1e-12 by default
# says: left out, eps is 1e-5
def layer_norm(x, weight, bias, eps=1e-12):
    c = x - x.mean(-1, keepdim=True)
    return c / (c.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight + bias


# %% right: in double precision, the hypotenuse of deviation and root of eps
def layer_norm(x, weight, bias, eps=1e-5):
    x = x.double()
    return (x - x.mean(-1, True)) / torch.hypot(
        x.std(-1, correction=0, keepdim=True), torch.tensor(eps).double().sqrt()
    ) * weight + bias


# %% wrong: a list
# says: return one tensor
def layer_norm(x, weight, bias, eps=1e-5):
    c = x - x.mean(-1, keepdim=True)
    return (c / (c.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight + bias).tolist()


# %% wrong: drops the dimensions of length 1
# says: also where a dimension is 1
def layer_norm(x, weight, bias, eps=1e-5):
    c = x - x.mean(-1, keepdim=True)
    return (c / (c.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight + bias).squeeze()
