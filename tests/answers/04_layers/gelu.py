# %% right: number by number with math.tanh
def gelu(x):
    c = math.sqrt(2 / math.pi)
    return torch.tensor([0.5 * v * (1 + math.tanh(c * (v + 0.044715 * v**3))) for v in x.flatten().tolist()]).reshape(x.shape)

# %% right: as x times a sigmoid, since (1 + tanh z) / 2 = sigmoid(2z)
def gelu(x):
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x.pow(3)))

# %% right: in place, in double precision, the bracket multiplied out
def gelu(x):
    z = x.double()
    inner = z * z
    inner *= 0.044715
    inner += 1
    inner *= z
    inner *= 0.7978845608028654
    return (z + z * inner.tanh_()) / 2

# %% right: a helper function and an extra argument
def phi(x, cubic):
    return (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + cubic * x * x * x))) / 2

def gelu(x, cubic=0.044715):
    return torch.mul(x, phi(x, cubic))

# %% wrong: ReLU
# says: GELU bends smoothly
def gelu(x):
    return torch.clamp(x, min=0)

# %% wrong: SiLU
# says: SiLU gives -0.269
def gelu(x):
    return x * torch.sigmoid(x)

# %% wrong: the exact form with erf
# says: tanh form, not with the exact erf
def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))

# %% wrong: the sigmoid approximation of the paper
# says: inside tanh stands
def gelu(x):
    return x * torch.sigmoid(1.702 * x)

# %% wrong: the cube forgotten
# says: the cube included
def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * x))

# %% wrong: x for its cube
# says: the cube included
def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x)))

# %% wrong: a square for the cube
# says: the cube included
def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**2)))

# %% wrong: without the factor x
# says: half of x times
def gelu(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

# %% wrong: the half forgotten
# says: half of x times
def gelu(x):
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

# %% wrong: one added outside the product
# says: half of x times
def gelu(x):
    return 0.5 * x * 1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))

# %% wrong: tanh spelled out with exp, which overflows
# says: must not become NaN
# caught by: hidden
def gelu(x):
    z = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + (z.exp() - (-z).exp()) / (z.exp() + (-z).exp()))
