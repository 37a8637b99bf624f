# %% right: a loop over the vectors
def rms_norm(x, weight, eps=1e-5):
    done = []
    for row in x.reshape(-1, x.shape[-1]):
        done.append(row / (sum(v * v for v in row) / len(row) + eps).sqrt() * weight)
    return torch.stack(done).view(x.shape)

# %% right: with rsqrt, in double precision
def rms_norm(x, weight, eps=1e-5):
    y = x.double()
    return (y * torch.rsqrt((y * y).mean(-1, keepdim=True) + eps) * weight).to(x.dtype)

# %% right: from the vector's length
def rms_norm(x, weight, eps=1e-5):
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return weight * x / (length**2 / x.shape[-1] + eps).sqrt()

# %% right: einsum and an extra argument
def rms_norm(x, weight, eps=1e-5, offset=0.0):
    square = torch.einsum("...d,...d->...", x, x) / x.size(-1)
    return torch.einsum("...d,...->...d", x, (square + eps) ** -0.5) * (offset + weight)

# %% wrong: subtracts the mean
# says: does not subtract the mean
def rms_norm(x, weight, eps=1e-5):
    x = x - x.mean(-1, keepdim=True)
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight

# %% wrong: divides by the length, so the sum of squares
# says: the mean of the squares, not of their sum
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.pow(2).sum(-1, keepdim=True) + eps) * weight

# %% wrong: the root is forgotten
# says: divide by the root of the mean square
def rms_norm(x, weight, eps=1e-5):
    return x / (x.pow(2).mean(-1, keepdim=True) + eps) * weight

# %% wrong: eps outside the root
# says: eps stands inside the root
def rms_norm(x, weight, eps=1e-5):
    return x / (x.pow(2).mean(-1, keepdim=True).sqrt() + eps) * weight

# %% wrong: eps forgotten
# says: eps keeps 0 / 0 away
def rms_norm(x, weight, eps=1e-5):
    return x / x.pow(2).mean(-1, keepdim=True).sqrt() * weight

# %% wrong: weight forgotten
# says: times weight, entry by entry
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps)

# %% wrong: times 1 + weight, as Gemma stores its weights
# says: of the mean of the squares
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * (1 + weight)

# %% wrong: one mean square for the whole tensor
# says: each vector is normalised on its own
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.pow(2).mean() + eps) * weight

# %% wrong: the standard deviation about the mean below the line
# says: divides by the standard deviation
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + eps) * weight

# %% wrong: a fixed eps
# says: eps stands inside the root
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight

# %% wrong: a large eps by default
# says: left out, eps is 1e-5
def rms_norm(x, weight, eps=1.0):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight

# %% wrong: the square of the mean
# says: this is the square of the mean
def rms_norm(x, weight, eps=1e-5):
    return x / torch.sqrt(x.mean(-1, keepdim=True).pow(2) + eps) * weight


# %% wrong: divides the caller's stream in place
# says: the caller's x has changed
def rms_norm(x, weight, eps=1e-5):
    x /= (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return x * weight


# %% wrong: the first Llama's eps of 1e-6 by default
# says: left out, eps is 1e-5
def rms_norm(x, weight, eps=1e-6):
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight


# %% wrong: a list of numbers
# says: return one tensor
def rms_norm(x, weight, eps=1e-5):
    return (x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt() * weight).tolist()


# %% wrong: drops the dimensions of length 1
# says: also where a dimension is 1
def rms_norm(x, weight, eps=1e-5):
    return (x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt() * weight).squeeze()


# %% wrong: no return
# says: is there a return?
def rms_norm(x, weight, eps=1e-5):
    x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt() * weight


# %% wrong: left in double precision
# says: the result has the dtype of x
def rms_norm(x, weight, eps=1e-5):
    y = x.double()
    return y * torch.rsqrt((y * y).mean(-1, keepdim=True) + eps) * weight


# %% wrong: the size under no_grad
# says: the gradient does not get back through your norm
def rms_norm(x, weight, eps=1e-5):
    with torch.no_grad():
        size = (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return x / size * weight


# %% wrong: sizes taken out of the tensor as numbers
# says: the gradient does not get back through your norm
def rms_norm(x, weight, eps=1e-5):
    done = []
    for row in x.reshape(-1, x.shape[-1]):
        done.append(row / math.sqrt(sum(v * v for v in row.tolist()) / len(row) + eps) * weight)
    return torch.stack(done).view(x.shape)


# %% right: in place, on copies that no gradient needs
def rms_norm(x, weight, eps=1e-5):
    size = x.pow(2).mean(-1, keepdim=True)
    size += eps
    return x / size.sqrt() * weight


# %% wrong: left in single precision
# says: the result has the dtype of x
def rms_norm(x, weight, eps=1e-5):
    x = x.float()
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight
