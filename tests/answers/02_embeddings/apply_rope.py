# %% right: complex numbers
def apply_rope(x, positions, theta=10000.0):
    half = x.shape[-1] // 2
    angles = torch.outer(positions.double(), theta ** (-torch.arange(half).double() / half))
    turned = torch.complex(x[..., :half].double(), x[..., half:].double()) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], dim=-1).to(x.dtype)


# %% right: rotate_half with doubled angles
def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def apply_rope(x, positions, theta=10000.0, factor=1.0):
    inverse = 1.0 / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    angles = (positions / factor)[:, None] * inverse
    angles = torch.cat([angles, angles], dim=-1)
    return x * angles.cos() + rotate_half(x) * angles.sin()


# %% right: one 2 x 2 matrix a pair, in loops
import math


def apply_rope(x, positions, theta=10000.0):
    out = torch.empty_like(x)
    head_dim = x.shape[-1]
    for row, position in enumerate(positions.tolist()):
        for i in range(head_dim // 2):
            j = i + head_dim // 2
            angle = position * theta ** (-2 * i / head_dim)
            cos, sin = math.cos(angle), math.sin(angle)
            out[..., row, i] = cos * x[..., row, i] - sin * x[..., row, j]
            out[..., row, j] = sin * x[..., row, i] + cos * x[..., row, j]
    return out


# %% right: a class that keeps the angles, written in place
class Rotary:
    def __init__(self, width, theta):
        self.speeds = torch.pow(theta, -torch.arange(width // 2) / (width // 2))

    def __call__(self, x, positions):
        angles = torch.einsum("s,f->sf", positions.to(torch.float32), self.speeds)
        half = x.shape[-1] // 2
        out = x.clone()
        out[..., :half] = x[..., :half] * angles.cos() - x[..., half:] * angles.sin()
        out[..., half:] = x[..., half:] * angles.cos() + x[..., :half] * angles.sin()
        return out


def apply_rope(x, positions, theta=10000.0):
    return Rotary(x.shape[-1], theta)(x, positions)


# %% right: x itself is turned
def apply_rope(x, positions, theta=10000.0):
    half = x.shape[-1] // 2
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x[..., :half].clone(), x[..., half:].clone()
    x[..., :half] = first * angles.cos() - second * angles.sin()
    x[..., half:] = second * angles.cos() + first * angles.sin()
    return x


# %% wrong: neighbours are the pairs
# says: not with its neighbour
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin()], dim=-1).flatten(-2)


# %% wrong: turns the other way
# says: the signs are the other way round
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() + second * angles.sin(), second * angles.cos() - first * angles.sin()], dim=-1)


# %% wrong: both signs are plus
# says: keeps its length
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() + second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: adds sinusoids
# says: position 0 turns by nothing
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    return x + torch.cat([angles.sin(), angles.cos()], dim=-1)


# %% wrong: positions count from 1
# says: position 0 turns by nothing
def apply_rope(x, positions, theta=10000.0):
    angles = (positions + 1)[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: the second half reads the first half that is already turned
# says: keeps its length
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    first = first * angles.cos() - second * angles.sin()
    second = second * angles.cos() + first * angles.sin()
    return torch.cat([first, second], dim=-1)


# %% wrong: every pair turns at the same speed
# says: theta^(-2i/head_dim)
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None].float()
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: the exponent is i/head_dim
# says: theta^(-2i/head_dim)
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(x.shape[-1] // 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: theta is always 10000
# says: use the theta that is given
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / 10000.0 ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: the row number in place of the position
# says: the positions that are given
def apply_rope(x, positions, theta=10000.0):
    angles = torch.arange(x.shape[-2])[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: fractions of a position are cut off
# says: do not round
def apply_rope(x, positions, theta=10000.0):
    angles = positions.long()[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: positions run along the heads
# says: the last dimension but one
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    if x.dim() > 2:
        angles = angles[:, None]
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: one batch dimension too few
# says: the shape of x
def apply_rope(x, positions, theta=10000.0):
    x = x.reshape(-1, *x.shape[-2:])
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: angles in half precision, good enough for short texts only
# says: far into a text
# caught by: hidden
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    angles = torch.where(angles < 200, angles, angles.bfloat16().float())
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


# %% wrong: the return is forgotten
# says: is there a return?
def apply_rope(x, positions, theta=10000.0):
    angles = positions[:, None] * theta ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    a, b = x.chunk(2, dim=-1)
    torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], dim=-1)


# %% wrong: halves taken apart, but put together as neighbours
# says: each number in its old column
def apply_rope(x, positions, theta=10000.0):
    head_dim = x.shape[-1]
    angles = positions[:, None] * theta ** (-torch.arange(0, head_dim, 2) / head_dim)
    first, second = x.chunk(2, dim=-1)
    turned = first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()
    return torch.stack(turned, dim=-1).flatten(-2)

# %% wrong: pairs count from 1
# says: i counts from 0
def apply_rope(x, positions, theta=10000.0):
    half = x.shape[-1] // 2
    angles = positions[:, None] * theta ** (-torch.arange(1, half + 1) / half)
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


# %% right: a matrix a position, kept by position, theta and head_dim
class R:
    cache = {}

    def __call__(self, x, positions, theta=10000.0):
        d = x.shape[-1]
        key = (d, float(theta), tuple(positions.tolist()))
        if key not in self.cache:
            m = torch.zeros(len(positions), d, d, dtype=torch.float64)
            for p, pos in enumerate(positions.tolist()):
                for i in range(d // 2):
                    a = torch.tensor(pos * theta ** (-2 * i / d), dtype=torch.float64)
                    j = i + d // 2
                    m[p, i, i] = m[p, j, j] = a.cos()
                    m[p, j, i] = a.sin()
                    m[p, i, j] = -a.sin()
            self.cache[key] = m
        return torch.einsum("sij,...sj->...si", self.cache[key], x.double()).float()


apply_rope = R()


# %% wrong: counts on from the first position
# says: each row turns by its own position
def apply_rope(x, positions, theta=10000.0):
    d = x.shape[-1]
    a = (positions[0] + torch.arange(x.shape[-2]))[:, None] * theta ** (-torch.arange(0, d, 2) / d)
    f, s = x.chunk(2, -1)
    return torch.cat([f * a.cos() - s * a.sin(), s * a.cos() + f * a.sin()], -1)


# %% wrong: positions sorted
# says: do not sort them
def apply_rope(x, positions, theta=10000.0):
    d = x.shape[-1]
    a = positions.sort().values[:, None] * theta ** (-torch.arange(0, d, 2) / d)
    f, s = x.chunk(2, -1)
    return torch.cat([f * a.cos() - s * a.sin(), s * a.cos() + f * a.sin()], -1)


# %% wrong: angles are kept, and theta is forgotten
# says: the same positions with another theta
_angles = {}


def apply_rope(x, positions, theta=10000.0):
    half, key = x.shape[-1] // 2, (tuple(positions.tolist()), x.shape[-1])
    if key not in _angles:
        _angles[key] = positions[:, None] * theta ** (-torch.arange(half) / half)
    cos, sin = _angles[key].cos(), _angles[key].sin()
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


# %% wrong: the two pairs of the example, however many there are
# says: head_dim 6 has three pairs, and all of them turn
def apply_rope(x, positions, theta=10000.0):
    half = x.shape[-1] // 2
    turned = x.clone()
    for i in range(min(2, half)):
        angles = positions * theta ** (-i / half)
        a, b = x[..., i], x[..., i + half]
        turned[..., i] = a * angles.cos() - b * angles.sin()
        turned[..., i + half] = b * angles.cos() + a * angles.sin()
    return turned


# %% wrong: the two halves as a list
# says: return one tensor
def apply_rope(x, positions, theta=10000.0):
    half = x.shape[-1] // 2
    angles = positions[:, None] * theta ** (-torch.arange(half) / half)
    a, b = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return [a * cos - b * sin, b * cos + a * sin]
