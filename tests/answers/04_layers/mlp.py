# %% right: matrix products instead of linear
def mlp(x, w_in, b_in, w_out, b_out):
    hidden = gelu(x @ w_in.T + b_in)
    return hidden @ w_out.T + b_out

# %% right: a loop over the hidden columns
def mlp(x, w_in, b_in, w_out, b_out):
    out = torch.zeros_like(x) + b_out
    for i in range(len(w_in)):
        column = gelu((x * w_in[i]).sum(-1, keepdim=True) + b_in[i])
        out = out + column * w_out[:, i]
    return out

# %% right: einsum in double precision
def mlp(x, w_in, b_in, w_out, b_out):
    hidden = torch.einsum("...d,md->...m", x.double(), w_in.double()) + b_in
    return torch.einsum("...m,dm->...d", gelu(hidden), w_out.double()) + b_out

# %% right: a helper class and an extra argument
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
def mlp(x, w_in, b_in, w_out, b_out):
    return gelu(linear(gelu(linear(x, w_in, b_in)), w_out, b_out))

# %% wrong: ReLU
# says: the activation is GELU
def mlp(x, w_in, b_in, w_out, b_out):
    return linear(torch.relu(linear(x, w_in, b_in)), w_out, b_out)

# %% wrong: w_in not transposed
# says: x @ w_in.T
def mlp(x, w_in, b_in, w_out, b_out):
    return gelu(x @ w_in + b_in) @ w_out.T + b_out

# %% wrong: w_out not transposed
# says: hidden @ w_out.T
def mlp(x, w_in, b_in, w_out, b_out):
    return gelu(x @ w_in.T + b_in) @ w_out + b_out

# %% wrong: b_in added after GELU
# says: b_in is added before GELU
def mlp(x, w_in, b_in, w_out, b_out):
    return linear(gelu(linear(x, w_in)) + b_in, w_out, b_out)

# %% wrong: b_out forgotten
# says: zero weights give b_out itself
def mlp(x, w_in, b_in, w_out, b_out):
    return linear(gelu(linear(x, w_in, b_in)), w_out)

# %% wrong: b_in forgotten
# says: b_in is added before GELU
def mlp(x, w_in, b_in, w_out, b_out):
    return linear(gelu(linear(x, w_in)), w_out, b_out)

# %% wrong: the residual connection belongs to the block
# says: zero weights give b_out itself
def mlp(x, w_in, b_in, w_out, b_out):
    return x + linear(gelu(linear(x, w_in, b_in)), w_out, b_out)
