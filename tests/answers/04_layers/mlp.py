# %% right: matrix products instead of linear
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    hidden = gelu(x @ w_in.T + b_in)
    return hidden @ w_out.T + b_out

# %% right: a loop over the hidden columns
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    out = torch.zeros_like(x) + b_out
    for i in range(len(w_in)):
        column = gelu((x * w_in[i]).sum(-1, keepdim=True) + b_in[i])
        out = out + column * w_out[:, i]
    return out

# %% right: einsum in double precision
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    hidden = torch.einsum("...d,md->...m", x.double(), w_in.double()) + b_in
    return torch.einsum("...m,dm->...d", gelu(hidden), w_out.double()) + b_out

# %% right: a helper class and an extra argument
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

class Linear:
    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def __call__(self, x):
        return (self.weight @ x[..., None]).squeeze(-1) + self.bias

def mlp(x, w_in, b_in, w_out, b_out, activation=None):
    up, down = Linear(w_in, b_in), Linear(w_out, b_out)
    return down((activation or gelu)(up(x)))

# %% wrong: no activation, so two linear maps in a row
# says: between the two linear maps stands GELU
def mlp(x, w_in, b_in, w_out, b_out):
    return linear(linear(x, w_in, b_in), w_out, b_out)

# %% wrong: activation at the end as well
# says: with no activation
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return gelu(linear(gelu(linear(x, w_in, b_in)), w_out, b_out))

# %% wrong: ReLU
# says: the activation is ReLU
def mlp(x, w_in, b_in, w_out, b_out):
    return linear(torch.relu(linear(x, w_in, b_in)), w_out, b_out)

# %% wrong: w_in not transposed
# says: x @ w_in.T
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return gelu(x @ w_in + b_in) @ w_out.T + b_out

# %% wrong: w_out not transposed
# says: neurons @ w_out.T
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return gelu(x @ w_in.T + b_in) @ w_out + b_out

# %% wrong: b_in added after GELU
# says: b_in is added before GELU
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return linear(gelu(linear(x, w_in)) + b_in, w_out, b_out)

# %% wrong: b_out forgotten
# says: zero weights give b_out itself
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return linear(gelu(linear(x, w_in, b_in)), w_out)

# %% wrong: b_in forgotten
# says: b_in is added before GELU
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return linear(gelu(linear(x, w_in)), w_out, b_out)

# %% wrong: the residual connection belongs to the block
# says: zero weights give b_out itself
def gelu(z):
    return 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))

def mlp(x, w_in, b_in, w_out, b_out):
    return x + linear(gelu(linear(x, w_in, b_in)), w_out, b_out)

# %% wrong: SiLU
# says: the activation is SiLU
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(z * torch.sigmoid(z), w_out, b_out)

# %% wrong: the exact form with erf
# says: tanh form, not with the exact erf
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(0.5 * z * (1 + torch.erf(z / math.sqrt(2))), w_out, b_out)

# %% wrong: the sigmoid approximation of the paper
# says: inside tanh stands
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(z * torch.sigmoid(1.702 * z), w_out, b_out)

# %% wrong: the cube forgotten
# says: inside tanh stands
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * z)), w_out, b_out)

# %% wrong: the root of two over pi
# says: inside tanh stands
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(0.5 * z * (1 + torch.tanh(math.sqrt(2) / math.pi * (z + 0.044715 * z**3))), w_out, b_out)

# %% wrong: another constant before the cube
# says: inside tanh stands
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.44715 * z**3))), w_out, b_out)

# %% wrong: the half forgotten
# says: half of z times
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))), w_out, b_out)

# %% wrong: one added outside the product
# says: half of z times
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(0.5 * z * 1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)), w_out, b_out)

# %% wrong: tanh spelled out with exp, which overflows
# says: must not become NaN
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    return linear(0.5 * z * (1 + ((math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)).exp() - (-math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)).exp()) / ((math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)).exp() + (-math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)).exp())), w_out, b_out)


# %% wrong: a list
# says: return one tensor
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    return linear(z, w_out, b_out).tolist()


# %% wrong: drops the dimensions of length 1
# says: also where a dimension is 1
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    return linear(z, w_out, b_out).squeeze()


# %% wrong: no return
# says: is there a return?
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    z = linear(z, w_out, b_out)


# %% wrong: tanh from exp(2u), which overflows from about z = 11
# says: must not become NaN
def mlp(x, w_in, b_in, w_out, b_out):
    z = linear(x, w_in, b_in)
    e = torch.exp(2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))
    return linear(0.5 * z * (1 + (e - 1) / (e + 1)), w_out, b_out)
