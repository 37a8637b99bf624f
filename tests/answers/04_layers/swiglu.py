# %% right: matrix products, SiLU as a division
def swiglu(x, w_gate, w_up, w_down):
    gate = x @ w_gate.T
    return (gate / (1 + torch.exp(-gate)) * (x @ w_up.T)) @ w_down.T

# %% right: gate and value from one stacked matrix, in double precision
def swiglu(x, w_gate, w_up, w_down):
    gate, up = linear(x.double(), torch.cat([w_gate, w_up]).double()).chunk(2, dim=-1)
    return linear(up * gate * gate.sigmoid(), w_down.double()).to(x.dtype)

# %% right: einsum, a helper function, and biases that default to none
def silu(z):
    return z * (1 + torch.tanh(z / 2)) / 2

def swiglu(x, w_gate, w_up, w_down, b_gate=0.0, b_up=0.0, b_down=0.0):
    gate = torch.einsum("...d,md->...m", x, w_gate) + b_gate
    up = torch.einsum("...d,md->...m", x, w_up) + b_up
    return torch.einsum("...m,dm->...d", silu(gate) * up, w_down) + b_down

# %% right: a loop over the hidden columns
def swiglu(x, w_gate, w_up, w_down):
    rows = x.reshape(-1, x.shape[-1])
    out = torch.zeros_like(rows)
    for to_gate, to_up, down in zip(w_gate, w_up, w_down.T):
        gate, up = rows @ to_gate, rows @ to_up
        out.addr_(gate * gate.sigmoid() * up, down)
    return out.reshape(x.shape)

# %% wrong: sigmoid instead of SiLU
# says: sigmoid alone would give 0.5
def swiglu(x, w_gate, w_up, w_down):
    return linear(torch.sigmoid(linear(x, w_gate)) * linear(x, w_up), w_down)

# %% wrong: SiLU on the value instead of the gate
# says: SiLU goes on the gate
def swiglu(x, w_gate, w_up, w_down):
    up = linear(x, w_up)
    return linear(linear(x, w_gate) * up * torch.sigmoid(up), w_down)

# %% wrong: no activation at all
# says: SiLU goes on the gate
def swiglu(x, w_gate, w_up, w_down):
    return linear(linear(x, w_gate) * linear(x, w_up), w_down)

# %% wrong: SiLU of the product
# says: SiLU goes on the gate alone
def swiglu(x, w_gate, w_up, w_down):
    product = linear(x, w_gate) * linear(x, w_up)
    return linear(product * torch.sigmoid(product), w_down)

# %% wrong: a GELU gate
# says: SiLU(1) is 0.7311
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return linear(0.5 * gate * (1 + torch.erf(gate / 2**0.5)) * linear(x, w_up), w_down)

# %% wrong: no gate, only one way up
# says: the gate multiplies w_up x
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return linear(gate * torch.sigmoid(gate), w_down)

# %% wrong: gate and value added
# says: multiplied, not added
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return linear(gate * torch.sigmoid(gate) + linear(x, w_up), w_down)

# %% wrong: w_gate and w_up not transposed
# says: x @ w_gate.T
def swiglu(x, w_gate, w_up, w_down):
    gate = x @ w_gate
    return linear(gate * torch.sigmoid(gate) * (x @ w_up), w_down)

# %% wrong: w_down forgotten
# says: w_down comes last
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return gate * torch.sigmoid(gate) * linear(x, w_up)

# %% wrong: w_down not transposed
# says: hidden @ w_down.T
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return (gate * torch.sigmoid(gate) * linear(x, w_up)) @ w_down

# %% wrong: SiLU written with exp(z), which overflows
# says: not NaN
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return linear(gate * gate.exp() / (1 + gate.exp()) * linear(x, w_up), w_down)

# %% wrong: SiLU on both
# says: SiLU went on both
def swiglu(x, w_gate, w_up, w_down):
    gate, up = linear(x, w_gate), linear(x, w_up)
    return linear(gate * torch.sigmoid(gate) * (up * torch.sigmoid(up)), w_down)


# %% wrong: x is added
# says: x itself is in the result
def swiglu(x, w_gate, w_up, w_down):
    g = linear(x, w_gate)
    return x + linear(g * torch.sigmoid(g) * linear(x, w_up), w_down)


# %% wrong: a list
# says: return one tensor
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return linear(gate * torch.sigmoid(gate) * linear(x, w_up), w_down).tolist()


# %% wrong: no return
# says: is there a return?
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    gate = linear(gate * torch.sigmoid(gate) * linear(x, w_up), w_down)


# %% wrong: the gate detached
# says: the gradient does not get back through your feed-forward
def swiglu(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate).detach()
    return linear(gate * torch.sigmoid(gate) * linear(x, w_up), w_down)


# %% wrong: in place on two views of one product
# says: nothing written over in place
def swiglu(x, w_gate, w_up, w_down):
    gate, up = linear(x, torch.cat([w_gate, w_up])).chunk(2, dim=-1)
    up *= gate
    up *= gate.sigmoid()
    return linear(up, w_down)
