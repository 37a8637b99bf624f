"""Random numbers: the Mersenne Twister and, draw by draw, what torch makes of it on a processor.

The same seed gives the same numbers as torch: `rand`, `randn`, `randint`,
`randperm`, `multinomial`, `bernoulli` and `exponential_`.
"""

import contextlib
import math

from torch import devices, dtypes
from torch.dtypes import get_default_dtype, stored
from torch.names import lacking, public, refuse
from torch.sorting import topk
from torch.strides import Size, sizes
from torch.tensors import Tensor, make, new, numbers, write

N, M = 624, 397


class Generator:
    """A source of random numbers with a state of its own."""

    def __init__(self, device="cpu"):
        devices.check(device)
        self.device = devices.CPU
        self.manual_seed(67280421310721)

    def manual_seed(self, seed):
        """Begin again with this number."""
        self._seed, state = int(seed), [int(seed) & 0xFFFFFFFF]
        for i in range(1, N):
            state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) & 0xFFFFFFFF)
        self._state, self._at, self._normal = state, N, None
        return self

    def initial_seed(self):
        """The number that it began with."""
        return self._seed

    def seed(self):
        """Begin with a number that nobody chose."""
        import secrets

        self.manual_seed(secrets.randbits(63))
        return self._seed

    def get_state(self):
        """What `set_state` brings back."""
        values = [*self._state, self._at, self._normal is not None, self._seed]
        out = new(values, (len(values),), dtypes.int64)
        out._normal = self._normal
        return out

    def set_state(self, state):
        """Go on from there."""
        values = numbers(state)
        self._state, self._at, self._seed = values[:N], values[N], values[N + 2]
        self._normal = getattr(state, "_normal", None)
        return self

    def clone_state(self):
        """Another one that draws the same."""
        return Generator().set_state(self.get_state())

    def bits(self):
        """The next 32 bits."""
        if self._at >= N:
            self._twist()
        y = self._state[self._at]
        self._at += 1
        y ^= y >> 11
        y ^= y << 7 & 0x9D2C5680
        y ^= y << 15 & 0xEFC60000
        return y ^ y >> 18

    def _twist(self):
        s = self._state
        for i in range(N):
            y = s[i] & 0x80000000 | s[(i + 1) % N] & 0x7FFFFFFF
            s[i] = s[(i + M) % N] ^ y >> 1 ^ (0x9908B0DF if y & 1 else 0)
        self._at = 0

    def long_bits(self):
        """The next 64 bits."""
        return self.bits() << 32 | self.bits()

    def uniform(self, d):
        """A number of [0, 1) with all the digits that the type has."""
        draw = self.long_bits() if d is dtypes.float64 else self.bits()
        return (draw & (1 << d.digits) - 1) / (1 << d.digits)

    def normal(self):
        """A number of the normal distribution; each second one was made with the first."""
        if self._normal is not None:
            kept, self._normal = self._normal, None
            return kept
        turn, size = self.uniform(dtypes.float64), self.uniform(dtypes.float64)
        radius = math.sqrt(-2 * math.log1p(-size))
        self._normal = radius * math.sin(2 * math.pi * turn)
        return radius * math.cos(2 * math.pi * turn)


default_generator = Generator()


def _source(generator):
    return default_generator if generator is None else generator


def manual_seed(seed):
    """Begin the common generator again."""
    return default_generator.manual_seed(seed)


def seed():
    """Begin the common generator with a number that nobody chose."""
    return default_generator.seed()


def initial_seed():
    """The number that the common generator began with."""
    return default_generator.initial_seed()


def get_rng_state():
    """The common generator's state."""
    return default_generator.get_state()


def set_rng_state(state):
    """The common generator goes on from there."""
    default_generator.set_state(state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True):
    """A context after which the common generator is as it was before."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


def _uniform(shape, d, source, low=0.0, high=1.0):
    low, high = stored([low, high], d)
    (width,) = stored([high - low], d)
    return make([source.uniform(d) * width + low for _ in range(Size(shape).numel())], shape, d)


def _normal(count, d, source, mean=0.0, std=1.0):
    """So many normal numbers. From 16 on torch makes them sixteen at a time: eight pairs of
    uniform numbers give a radius and an angle each. The last sixteen may overlap the ones before.
    """
    if count < 16:
        return stored([source.normal() * std + mean for _ in range(count)], d)
    values = [source.uniform(d) for _ in range(count)]
    for at in range(0, count - 15, 16):
        values[at : at + 16] = _sixteen(values[at : at + 16], d, mean, std)
    if count % 16:
        values[-16:] = _sixteen([source.uniform(d) for _ in range(16)], d, mean, std)
    return stored(values, d)


def _sixteen(uniform, d, mean, std):
    radius = [math.sqrt(-2 * math.log(1 - u)) for u in uniform[:8]]
    angle = [2 * math.pi * u for u in uniform[8:]]
    pairs = list(zip(radius, angle))
    found = [r * math.cos(a) for r, a in pairs] + [r * math.sin(a) for r, a in pairs]
    return [v * std + mean for v in found]


@public(method=False)
def rand(*size, generator=None, dtype=None, device=None, requires_grad=False):
    """Uniform numbers of [0, 1)."""
    devices.check(device)
    out = _uniform(sizes(size), dtype or get_default_dtype(), _source(generator))
    return out.requires_grad_() if requires_grad else out


@public(method=False)
def randn(*size, generator=None, dtype=None, device=None, requires_grad=False):
    """Numbers of the normal distribution."""
    devices.check(device)
    shape, d = sizes(size), dtype or get_default_dtype()
    out = new(_normal(Size(shape).numel(), d, _source(generator)), shape, d)
    return out.requires_grad_() if requires_grad else out


@public(method=False)
def rand_like(x, *, generator=None, dtype=None, device=None):
    """`rand` in the shape and type of a tensor."""
    return rand(x.shape, generator=generator, dtype=dtype or x.dtype)


@public(method=False)
def randn_like(x, *, generator=None, dtype=None, device=None):
    """`randn` in the shape and type of a tensor."""
    return randn(x.shape, generator=generator, dtype=dtype or x.dtype)


@public(method=False)
def randint(low, high=None, size=None, *, generator=None, dtype=None, device=None):
    """Whole numbers from low on, below high."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    values = _whole(Size(sizes((size,))).numel(), low, high, _source(generator))
    return make(values, sizes((size,)), dtype or dtypes.int64)


def _whole(count, low, high, source):
    width = high - low
    draw = source.long_bits if width >= 1 << 28 else source.bits
    return [low + draw() % width for _ in range(count)]


@public(method=False)
def randint_like(x, low, high=None, *, dtype=None):
    """`randint` in the shape and type of a tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, x.shape, dtype=dtype or x.dtype)


@public(method=False)
def randperm(n, *, generator=None, dtype=None, device=None):
    """The numbers below n in a random order."""
    source, values = _source(generator), list(range(n))
    for i in range(n - 1):
        other = i + source.bits() % (n - i)
        values[i], values[other] = values[other], values[i]
    return make(values, (n,), dtype or dtypes.int64)


@public(method=False)
def normal(mean, std=1.0, size=None, *, generator=None, dtype=None):
    """Normal numbers of a mean and a standard deviation."""
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        shape = (mean if isinstance(mean, Tensor) else std).shape
        return randn(shape, generator=generator) * std + mean
    d, shape = dtype or get_default_dtype(), sizes((size,))
    return new(_normal(Size(shape).numel(), d, _source(generator), mean, std), shape, d)


def _exponential(shape, d, source, rate=1.0):
    draws = (source.uniform(dtypes.float64) for _ in range(Size(shape).numel()))
    return make([-math.log1p(-u) / rate for u in draws], shape, d)


@public()
def multinomial(x, num_samples, replacement=False, *, generator=None):
    """Indices drawn with these probabilities, which need not add up to 1."""
    values, source = numbers(x), _source(generator)
    if any(v < 0 or v != v or v == math.inf for v in values):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    width = x.shape[-1]
    rows = [values[i : i + width] for i in range(0, len(values), width)]
    if not all(map(any, rows)):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and num_samples > width:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if not replacement or num_samples == 1:  # a race: the first to arrive are drawn
        time = _exponential(x.shape, x.dtype, source)
        race = x.detach() / time
        if num_samples == 1:
            return race.argmax(-1, keepdim=True)
        return topk(race, num_samples, -1).indices
    drawn = [i for row in rows for i in _with_replacement(row, num_samples, x.dtype, source)]
    return new(drawn, (*x.shape[:-1], num_samples), dtypes.int64)


def _with_replacement(row, count, d, source):
    """By search in the running sums, which are made in the type of the probabilities."""
    edges, total = [], 0.0
    for v in row:
        (total,) = stored([total + v], d)
        edges.append(total)
    edges = stored([edge / total for edge in edges], d)
    edges[-1] = 1.0
    found = []
    for _ in range(count):
        u, low, high = source.uniform(dtypes.float64), 0, len(row)
        while low < high:
            middle = low + (high - low) // 2
            low, high = (middle + 1, high) if edges[middle] < u else (low, middle)
        found.append(low)
    return found


@public()
def bernoulli(x, p=None, *, generator=None):
    """1 with the probability that the tensor names, else 0."""
    if p is not None:
        refuse("bernoulli(p)")
    source = _source(generator)
    return make([source.uniform(dtypes.float32) < v for v in numbers(x)], x.shape, x.dtype)


def _fill(name, draw):
    def method(self, *args, generator=None, **more):
        return write(self, draw(self, _source(generator), *args, **more))

    return public(name, function=False)(method)


def _normal_like(x, source, mean=0.0, std=1.0):
    return new(_normal(x.numel(), x.dtype, source, mean, std), x.shape, x.dtype)


def _uniform_like(x, source, a=0.0, b=1.0):
    return _uniform(x.shape, x.dtype, source, a, b)


def _exponential_like(x, source, lambd=1.0):
    return _exponential(x.shape, x.dtype, source, lambd)


def _random_like(x, source, low=0, high=None):
    low, high = (0, low) if high is None else (low, high)
    if not high:
        refuse("random_ without bounds")
    return make(_whole(x.numel(), low, high, source), x.shape, x.dtype)


normal_ = _fill("normal_", _normal_like)
uniform_ = _fill("uniform_", _uniform_like)
exponential_ = _fill("exponential_", _exponential_like)
random_ = _fill("random_", _random_like)
__getattr__ = lacking("torch.random")
