"""The types of numbers, how each rounds what it stores, and which of two wins.

A number is kept as Python's bool, int, float or complex; `stored` makes it what the type can
hold: a float32 is the nearest of its 2**32 values, an int8 wraps around at 128.
"""

import math
import struct
from array import array

BOOL, INT, FLOAT, COMPLEX = range(4)


class dtype:
    """A type of numbers; `kind` orders them: bool, int, float, complex."""

    def __init__(self, name, kind, bits, digits=0, largest=0.0, smallest=0.0):
        self.name, self.kind, self.bits = name, kind, bits
        self.digits, self.largest, self.smallest = digits, largest, smallest  # of floats

    is_floating_point = property(lambda self: self.kind == FLOAT)
    is_complex = property(lambda self: self.kind == COMPLEX)
    is_signed = property(lambda self: self.name not in ("bool", "uint8"))
    itemsize = property(lambda self: self.bits // 8)

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _by_name, (self.name,)


bool_ = dtype("bool", BOOL, 8)
uint8, int8 = dtype("uint8", INT, 8), dtype("int8", INT, 8)
int16, int32, int64 = (dtype(f"int{bits}", INT, bits) for bits in (16, 32, 64))
float16 = dtype("float16", FLOAT, 16, 11, 65504.0, 2.0**-14)
bfloat16 = dtype("bfloat16", FLOAT, 16, 8, (2 - 2**-7) * 2.0**127, 2.0**-126)
float32 = dtype("float32", FLOAT, 32, 24, (2 - 2**-23) * 2.0**127, 2.0**-126)
float64 = dtype("float64", FLOAT, 64, 53, (2 - 2**-52) * 2.0**1023, 2.0**-1022)
complex64, complex128 = dtype("complex64", COMPLEX, 64), dtype("complex128", COMPLEX, 128)

TYPES = [bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64]
TYPES += [complex64, complex128]
SYNONYMS = dict(long=int64, int=int32, short=int16, float=float32, double=float64, half=float16)
SYNONYMS |= dict(cfloat=complex64, cdouble=complex128)
REAL_OF = {complex64: float32, complex128: float64}
COMPLEX_OF = {float32: complex64, float64: complex128, float16: complex64, bfloat16: complex64}
CAPITAL = dict(bool="Bool", uint8="Byte", int8="Char", int16="Short", int32="Int", int64="Long")
CAPITAL |= dict(float16="Half", bfloat16="BFloat16", float32="Float", float64="Double")
CAPITAL |= dict(complex64="ComplexFloat", complex128="ComplexDouble")  # in torch's messages

C_NAMES = dict(int32="int", float16="c10::Half", bfloat16="c10::BFloat16")
C_NAMES |= dict(float32="float", float64="double")

_default = [float32]


def _by_name(name):
    return next(each for each in TYPES if each.name == name)


def get_default_dtype():
    """The type of a float that Python wrote."""
    return _default[0]


def set_default_dtype(d):
    """Floats that Python wrote become this type from now on."""
    if d.kind != FLOAT:
        raise TypeError("only floating-point types are supported as the default type")
    _default[0] = d


def of_python(value):
    """The type that a number of Python's becomes."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return get_default_dtype()
    if isinstance(value, complex):
        return COMPLEX_OF[get_default_dtype()]
    raise TypeError(f"not a number: {type(value).__name__}")


def at_least(kind, name, d):
    """Raise torch's complaint about a type of a lower kind."""
    if d.kind < kind:
        raise NotImplementedError(f"\"{name}\" not implemented for '{CAPITAL[d.name]}'")


def promote_types(a, b):
    """The type in which numbers of both are computed."""
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda each: each.kind)
    if low.kind != high.kind:
        return complex128 if high is complex64 and low is float64 else high
    if a.kind == FLOAT and a.bits == b.bits:  # float16 and bfloat16
        return float32
    if a.kind == INT and uint8 in (a, b):
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    return max(a, b, key=lambda each: each.bits)


def stored(values, d):
    """A list of numbers as `d` holds them."""
    if d is float32 or d is float64:
        code = "f" if d is float32 else "d"
        try:
            return array(code, values).tolist()
        except (TypeError, OverflowError):  # complex numbers; whole ones beyond all floats
            return array(code, [_real(x) for x in values]).tolist()
    if d.kind == BOOL:
        return [x != 0 for x in values]
    if d.kind == INT:
        values = list(values)
        kinds = set(map(type, values))
        if not kinds <= {int, bool}:
            values = [x if type(x) is int else _whole(x) for x in values]
        elif bool in kinds:
            values = list(map(int, values))
        return _wrapped(values, d)
    if d.kind == COMPLEX:
        values = [complex(x) for x in values]
        if d is complex128:
            return values
        halves = array("f", [half for x in values for half in (x.real, x.imag)])
        return [complex(*pair) for pair in zip(halves[::2], halves[1::2])]
    return [_half(x, d) for x in stored(values, float32)]


def _real(x):
    try:
        return x.real if type(x) is complex else float(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def _whole(x):
    try:
        return int(_real(x))
    except (ValueError, OverflowError):  # NaN and the infinities, as a processor converts them
        return -(1 << 63)


def _wrapped(values, d):
    low = 0 if d is uint8 else -(1 << d.bits - 1)
    if values and (min(values) < low or max(values) >= low + (1 << d.bits)):
        return [(x - low) % (1 << d.bits) + low for x in values]
    return values


def _half(x, d):
    """The nearest float of 16 bits; of two as near, the even one."""
    if d is float16:
        try:
            return struct.unpack("e", struct.pack("e", x))[0]
        except OverflowError:
            return math.copysign(math.inf, x)
    if x != x:
        return x
    (bits,) = struct.unpack("I", struct.pack("f", x))
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return struct.unpack("f", struct.pack("I", bits))[0]


class finfo:
    """Limits of a type of floats."""

    def __init__(self, d=None):
        d = get_default_dtype() if d is None else d
        d = REAL_OF.get(d, d)
        if d.kind != FLOAT:
            raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo")
        self.dtype, self.bits, self.eps = d.name, d.bits, 2.0 ** (1 - d.digits)
        self.max, self.min = d.largest, -d.largest
        self.tiny = self.smallest_normal = d.smallest


class iinfo:
    """Limits of a type of whole numbers."""

    def __init__(self, d):
        if d.kind != INT:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo")
        self.dtype, self.bits = d.name, d.bits
        self.min = 0 if d is uint8 else -(1 << d.bits - 1)
        self.max = self.min + (1 << d.bits) - 1
