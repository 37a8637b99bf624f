# %% right: loops and the math module
import math


def sinusoidal_positions(seq, d_model):
    table = torch.zeros(seq, d_model)
    for position in range(seq):
        for i in range(d_model // 2):
            angle = position / 10000 ** (2 * i / d_model)
            table[position, 2 * i] = math.sin(angle)
            table[position, 2 * i + 1] = math.cos(angle)
    return table


# %% right: filled in by strides
def sinusoidal_positions(seq, d_model, base=10_000.0):
    angles = torch.outer(torch.arange(seq), base ** (-torch.arange(0, d_model, 2) / d_model))
    out = torch.empty(seq, d_model)
    out[:, 0::2] = torch.sin(angles)
    out[:, 1::2] = torch.cos(angles)
    return out


# %% right: complex numbers in double precision
def sinusoidal_positions(seq, d_model):
    angles = torch.einsum(
        "s,f->sf",
        torch.arange(seq, dtype=torch.float64),
        torch.exp(-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model * torch.log(torch.tensor(1e4).double())),
    )
    turned = torch.polar(torch.ones_like(angles), angles)
    return torch.stack((turned.imag, turned.real), dim=2).reshape(seq, d_model)


# %% right: a cosine is a sine a quarter turn ahead
def sinusoidal_positions(seq, d_model):
    column = torch.arange(d_model)
    angles = torch.arange(seq).unsqueeze(1) / 10000 ** (column // 2 * 2 / d_model)
    return torch.sin(angles + (column % 2) * (torch.pi / 2))


# %% wrong: all sines, then all cosines
# says: they alternate
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


# %% wrong: the cosine first
# says: the sine comes first
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(1)


# %% wrong: positions count from 1
# says: positions count from 0
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(1, seq + 1)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# %% wrong: the exponent is i/d_model
# says: 2i/d_model
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] / 10000 ** (torch.arange(d_model // 2) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# %% wrong: the exponent is the column, so a sine and its cosine differ in angle
# says: one angle
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] / 10000 ** (torch.arange(d_model) / d_model)
    out = angles.sin()
    out[:, 1::2] = angles[:, 1::2].cos()
    return out


# %% wrong: frequencies from 1 to exactly 1/10000
# says: 2i/d_model
def sinusoidal_positions(seq, d_model):
    steps = torch.arange(d_model // 2) / max(d_model // 2 - 1, 1)
    angles = torch.arange(seq)[:, None] / 10000**steps
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# %% wrong: every pair turns at the same speed
# says: each pair turns more slowly
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None].float().expand(seq, d_model // 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# %% wrong: pairs turn faster and faster
# says: each pair turns more slowly
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] * 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# %% wrong: degrees
# says: 1 radian
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model) * torch.pi / 180
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


# %% wrong: half the columns
# says: d_model columns
def sinusoidal_positions(seq, d_model):
    return (torch.arange(seq)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)).sin()


# %% wrong: positions in columns
# says: d_model columns
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).T


# %% wrong: the return is forgotten
# says: is there a return?
def sinusoidal_positions(seq, d_model):
    angles = torch.arange(seq)[:, None] * 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)
    torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
