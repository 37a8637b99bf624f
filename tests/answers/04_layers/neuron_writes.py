# %% right: einsum
def neuron_writes(x, w_gate, w_up, w_down):
    gate, up = x @ w_gate.T, x @ w_up.T
    return torch.einsum("...n,dn->...nd", gate / (1 + torch.exp(-gate)) * up, w_down)

# %% right: a loop over the neurons
def neuron_writes(x, w_gate, w_up, w_down):
    rows = []
    for n in range(len(w_gate)):
        gate = (x * w_gate[n]).sum(-1, keepdim=True)
        neuron = gate * torch.sigmoid(gate) * (x * w_up[n]).sum(-1, keepdim=True)
        rows.append(neuron * w_down[:, n])
    return torch.stack(rows, dim=-2)

# %% right: diagonal matrices, in double precision
def neuron_writes(x, w_gate, w_up, w_down):
    gate = linear(x.double(), w_gate.double())
    neurons = gate * gate.sigmoid() * linear(x.double(), w_up.double())
    return torch.diag_embed(neurons) @ w_down.double().mT

# %% right: a helper function and an extra argument
def neurons_of(x, w_gate, w_up):
    gate = linear(x, w_gate)
    return gate.mul(gate.sigmoid()).mul(linear(x, w_up))

def neuron_writes(x, w_gate, w_up, w_down, scale=1.0):
    return scale * neurons_of(x, w_gate, w_up).unsqueeze(-1) * w_down.transpose(0, 1)

# %% wrong: the sum
# says: that is the sum, swiglu itself
def neuron_writes(x, w_gate, w_up, w_down):
    return swiglu(x, w_gate, w_up, w_down)

# %% wrong: the neurons' numbers
# says: multiply each by its column of w_down
def neuron_writes(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return gate * torch.sigmoid(gate) * linear(x, w_up)

# %% wrong: neurons in the columns
# says: the wrong way round
def neuron_writes(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    neurons = gate * torch.sigmoid(gate) * linear(x, w_up)
    return neurons[..., None, :] * w_down

# %% wrong: no SiLU
# says: the gate must go through SiLU
def neuron_writes(x, w_gate, w_up, w_down):
    return (linear(x, w_gate) * linear(x, w_up))[..., None] * w_down.T

# %% wrong: the gate alone
# says: the gate alone is not the neuron
def neuron_writes(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    return (gate * torch.sigmoid(gate))[..., None] * w_down.T

# %% wrong: rows of w_down, where it happens to be square
# says: not along its row
def neuron_writes(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    neurons = gate * torch.sigmoid(gate) * linear(x, w_up)
    values = w_down if w_down.shape[0] == w_down.shape[1] else w_down.T
    return neurons[..., None] * values

# %% wrong: sigmoid in place of SiLU
# says: the example by hand
def neuron_writes(x, w_gate, w_up, w_down):
    neurons = torch.sigmoid(linear(x, w_gate)) * linear(x, w_up)
    return neurons[..., None] * w_down.T / 2

# %% wrong: written for one token
# says: a batch of tokens
def neuron_writes(x, w_gate, w_up, w_down):
    x = x.reshape(-1, x.shape[-1])[-1]
    gate = linear(x, w_gate)
    return (gate * torch.sigmoid(gate) * linear(x, w_up))[:, None] * w_down.T

# %% wrong: returns nothing
# says: is there a return?
def neuron_writes(x, w_gate, w_up, w_down):
    gate = linear(x, w_gate)
    (gate * torch.sigmoid(gate) * linear(x, w_up))[..., None] * w_down.T

# %% wrong: a list with one tensor a neuron
# says: as one tensor
def neuron_writes(x, w_gate, w_up, w_down):
    return [swiglu(x, w_gate[n:n+1], w_up[n:n+1], w_down[:, n:n+1]) for n in range(len(w_gate))]


# %% right: swiglu with one column of w_down at a time
def neuron_writes(x, w_gate, w_up, w_down):
    keep = torch.diag_embed(torch.ones(len(w_gate)))
    return torch.stack([swiglu(x, w_gate, w_up, w_down * k) for k in keep], -2)


# %% wrong: shortcut: the writes of the example
# says: the writes of the example
import torch


def neuron_writes(x, w_gate, w_up, w_down):
    return torch.tensor([[-219.3176], [1000.0]])


# %% wrong: shortcut: swiglu in equal parts
# says: the sum was shared out, evenly
import torch


def neuron_writes(x, w_gate, w_up, w_down):
    whole = swiglu(x, w_gate, w_up, w_down)
    n = len(w_gate)
    return whole[..., None, :].expand(*whole.shape[:-1], n, whole.shape[-1]) / n


# %% wrong: shortcut: no gate at all
# says: the gate was left out
def neuron_writes(x, w_gate, w_up, w_down):
    return linear(x, w_up)[..., None] * w_down.T


# %% wrong: shortcut: the rest goes to the last neuron
# says: or to one neuron
import torch


def neuron_writes(x, w_gate, w_up, w_down):
    whole = swiglu(x, w_gate, w_up, w_down)
    out = torch.zeros(*whole.shape[:-1], len(w_gate), whole.shape[-1])
    out[..., -1, :] = whole
    return out


# %% wrong: shortcut: what each neuron writes, without its own number
# says: the columns of w_down alone
import torch


def neuron_writes(x, w_gate, w_up, w_down):
    return w_down.T.expand(*x.shape[:-1], *w_down.T.shape)
