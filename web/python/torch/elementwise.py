"""Functions of each element: of one tensor, of two that are broadcast, and choices.

A number is computed as Python computes it, in 64 bits, and then rounded to the type of the result.
torch computes float32 in 32 bits, so its last digit may be another one.
"""

import cmath
import math
import operator

from torch import dtypes
from torch.autograd import record, recording, saving
from torch.dtypes import (
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    at_least,
    get_default_dtype,
    promote_types,
    stored,
)
from torch.names import public, refuse
from torch.strides import broadcast
from torch.tensors import (
    Tensor,
    beside,
    check_fits,
    in_place,
    make,
    new,
    numbers,
    numbers_as,
    operand,
    unbroadcast,
)

inf, nan = math.inf, math.nan
ERRORS = ValueError, OverflowError, ZeroDivisionError


def _each(f, otherwise):
    """`f` of every item of lists; `otherwise` where Python raises an error for a number."""

    def safe(*args):
        try:
            return f(*args)
        except ERRORS:
            return otherwise(*args)

    def apply(*lists):
        try:
            return list(map(f, *lists))
        except ERRORS:
            return list(map(safe, *lists))

    return apply


def _slope(f):
    return _each(f, lambda *_: nan)


def _times_slopes(g, slopes, shape):
    """A gradient times slopes. A slope of `False` lets nothing through: 0 even of an infinity or
    NaN, for which a slope of 0.0 gives NaN."""
    local = make(slopes, shape, g.dtype)
    if not any(each is False for each in slopes):
        return g * local
    pairs = zip(slopes, numbers(g * local))
    return new([0.0 if slope is False else v for slope, v in pairs], shape, g.dtype)


# Of one tensor


def _unary(
    names,
    f,
    slope=None,
    otherwise=lambda x: nan,
    result="float",
    also=True,
    of_complex=None,
    saves="x",
    least=BOOL,
):
    """Register a function. `slope(x, y)` is its derivative; `of_complex` takes its place for
    complex numbers. The result is of floats ("float"), of the same type ("same") or of bools
    ("bool"). The derivative needs what is in `saves`: "x" or "y". `least` is the lowest kind that
    torch takes."""
    names = names.split()
    apply, slopes = _each(f, otherwise), slope and _slope(slope)
    complex_too = _each(of_complex or f, otherwise)

    def op(x):
        d = x.dtype
        at_least(least, f"{names[0].strip('_')}_cpu", d)
        if result == "bool":
            d = dtypes.bool_
        elif result == "float" and d.kind < FLOAT:
            d = get_default_dtype()
        values = numbers(x)
        found = complex_too(values) if x.dtype.is_complex else apply(values)
        y = beside(stored(found, d), x, d)
        if slope is None:
            return y

        def vjp(g):
            return [_times_slopes(g, slopes(numbers(x), numbers(kept)), x.shape)]

        kept = y.detach()
        return record(y, [x], vjp, [dict(x=x, y=y)[each] for each in saves])

    return public(*names, in_place=also)(op)


def _sigmoid(x):
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    small = math.exp(x)
    return small / (1 + small)


def _whole(f):
    """A rounding that leaves whole numbers, infinities and NaN as they are."""

    def rounded(x):
        if type(x) is int or x != x or abs(x) == inf:
            return x
        return math.copysign(float(f(x)), x)

    return rounded


_floor, _trunc = _whole(math.floor), _whole(math.trunc)


def _infinite(sign):
    return lambda x: sign * inf


def _at_edge(edge, value):
    return lambda x: value if x == edge else nan


def _nowhere(x, y):
    return False  # the slope of steps


LN2, LN10 = math.log(2), math.log(10)
exp = _unary("exp", math.exp, lambda x, y: y, _infinite(1), of_complex=cmath.exp, saves="y")
exp2 = _unary("exp2", lambda x: 2.0**x, lambda x, y: y * LN2, _infinite(1), saves="y")
expm1 = _unary("expm1", math.expm1, lambda x, y: y + 1, _infinite(1), saves="y")
log = _unary(
    "log", math.log, lambda x, y: _quotient(1.0, x), _at_edge(0, -inf), of_complex=cmath.log
)
log2 = _unary("log2", math.log2, lambda x, y: _quotient(1.0, x * LN2), _at_edge(0, -inf))
log10 = _unary("log10", math.log10, lambda x, y: _quotient(1.0, x * LN10), _at_edge(0, -inf))
log1p = _unary("log1p", math.log1p, lambda x, y: _quotient(1.0, 1 + x), _at_edge(-1, -inf))
sqrt = _unary(
    "sqrt", math.sqrt, lambda x, y: 0.5 / y if y else inf, of_complex=cmath.sqrt, saves="y"
)
rsqrt = _unary(
    "rsqrt",
    lambda x: 1 / math.sqrt(x),
    lambda x, y: -0.5 * y**3,
    lambda x: math.copysign(inf, x) if x == 0 else nan,
    saves="y",
)
_squared = _unary("_square", lambda x: x * x, lambda x, y: 2 * x, result="same", also=False)
reciprocal = _unary(
    "reciprocal", lambda x: 1 / x, lambda x, y: -y * y, lambda x: math.copysign(inf, x), saves="y"
)
sin = _unary("sin", math.sin, lambda x, y: math.cos(x))
cos = _unary("cos", math.cos, lambda x, y: -math.sin(x))
tan = _unary("tan", math.tan, lambda x, y: 1 + y * y, saves="y")
asin = _unary(
    "asin arcsin", math.asin, lambda x, y: 1 / math.sqrt(1 - x * x) if x * x != 1 else inf
)
acos = _unary(
    "acos arccos", math.acos, lambda x, y: -1 / math.sqrt(1 - x * x) if x * x != 1 else -inf
)
atan = _unary("atan arctan", math.atan, lambda x, y: 1 / (1 + x * x))
sinh = _unary("sinh", math.sinh, lambda x, y: math.cosh(x), lambda x: math.copysign(inf, x))
cosh = _unary("cosh", math.cosh, lambda x, y: math.sinh(x), _infinite(1))
tanh = _unary("tanh", math.tanh, lambda x, y: 1 - y * y, saves="y")
sigmoid = _unary("sigmoid", _sigmoid, lambda x, y: y * (1 - y), saves="y")
erf = _unary("erf", math.erf, lambda x, y: 2 / math.sqrt(math.pi) * math.exp(-x * x))
erfc = _unary("erfc", math.erfc, lambda x, y: -2 / math.sqrt(math.pi) * math.exp(-x * x))
relu = _unary(
    "relu",
    lambda x: x if x > 0 or x != x else type(x)(0),
    lambda x, y: not y <= 0,  # NaN lets the gradient through
    result="same",
    saves="y",
    least=INT,
)
deg2rad = _unary("deg2rad", math.radians, lambda x, y: math.pi / 180, saves="")
rad2deg = _unary("rad2deg", math.degrees, lambda x, y: 180 / math.pi, saves="")
frac = _unary(
    "frac", lambda x: x - math.trunc(x), lambda x, y: 1.0, result="same", saves="", least=FLOAT
)
sign = _unary("sign", lambda x: (x > 0) - (x < 0), _nowhere, result="same", saves="")
floor = _unary("floor", _whole(math.floor), _nowhere, result="same", saves="", least=INT)
ceil = _unary("ceil", _whole(math.ceil), _nowhere, result="same", saves="", least=INT)
trunc = _unary("trunc fix", _whole(math.trunc), _nowhere, result="same", saves="", least=INT)
_rounded = _unary("_round", _whole(round), _nowhere, result="same", also=False, saves="", least=INT)
isnan = _unary("isnan", lambda x: x != x, result="bool", also=False)
isinf = _unary("isinf", lambda x: abs(x) == inf, result="bool", also=False)
isfinite = _unary("isfinite", lambda x: abs(x) < inf, result="bool", also=False)
isposinf = _unary("isposinf", lambda x: x == inf, result="bool", also=False)
isneginf = _unary("isneginf", lambda x: x == -inf, result="bool", also=False)
isreal = _unary("isreal", lambda x: complex(x).imag == 0, result="bool", also=False)
_not = _unary("_not", operator.not_, result="bool", also=False)
_negative = _unary("_neg", operator.neg, lambda x, y: -1.0, result="same", also=False, saves="")
_absolute = _unary(
    "_abs", abs, lambda x, y: float((x > 0) - (x < 0)), result="same", also=False, least=INT
)


def entr_(p):
    """-p ln p."""
    return -p * math.log(p) if p > 0 else 0.0 if p == 0 else p if p != p else -inf


entr = _unary("entr", entr_, lambda x, y: -math.log(x) - 1 if x else inf, also=False)


@public("neg", "negative", in_place=True)
def neg(x):
    """-x."""
    if x.dtype is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return _negative(x)


@public(in_place=True)
def square(x):
    """x * x; of bools in int64."""
    return _squared(x.long() if x.dtype is dtypes.bool_ else x)


@public("abs", "absolute", in_place=True)
def abs_(x):
    """The distance from 0."""
    if x.dtype.kind != COMPLEX:
        return _absolute(x)
    return make([abs(each) for each in numbers(x)], x.shape, dtypes.REAL_OF[x.dtype])


@public(in_place=True)
def logical_not(x):
    """Is it 0?"""
    return _not(x)


@public(in_place=True)
def bitwise_not(x):
    """Every bit turned, of bools the opposite."""
    if x.dtype.kind > INT:
        raise RuntimeError(
            f"\"bitwise_not_cpu\" not implemented for '{dtypes.CAPITAL[x.dtype.name]}'"
        )
    return _not(x) if x.dtype is dtypes.bool_ else make([~i for i in numbers(x)], x.shape, x.dtype)


@public(in_place=True)
def round_(x, *, decimals=0):
    """The nearest whole number, of two as near the even one; or with so many decimals."""
    if not decimals:
        return _rounded(x)
    power = 10.0 ** abs(decimals)
    return div(_rounded(mul(x, power)), power) if decimals > 0 else mul(_rounded(x / power), power)


@public(in_place=True)
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """Numbers in the place of NaN and the infinities."""
    largest = x.dtype.largest
    high, low = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)

    def number(v):
        return nan if v != v else high if v == inf else low if v == -inf else v

    values = numbers(x)
    out = make([number(v) for v in values], x.shape, x.dtype)
    finite = [float(abs(v) < inf) for v in values]
    return record(out, [x], lambda g: [g * make(finite, x.shape, g.dtype)], [x])


# Of two


@public(method=False)
def result_type(*given):
    """The type of a result: tensors decide, those without dimensions and Python's numbers only if
    theirs is of a higher kind."""
    groups = [], [], []
    for x in given:
        x = operand(x)
        groups[2 if x._of_python else 0 if x.dim() else 1].append(x.dtype)
    best = None
    for rank, group in enumerate(groups):
        for d in group[1:]:
            group[0] = promote_types(group[0], d)
        if group and best is None:
            best = group[0]
        elif group and group[0].kind > best.kind:
            d = group[0]
            if rank == 2 and d.kind == COMPLEX and best.kind == FLOAT:
                d = dtypes.COMPLEX_OF[best]
            best = promote_types(best, d) if d.kind == COMPLEX else d
    return best


def _binary(
    names,
    f,
    slopes=None,
    otherwise=lambda a, b: nan,
    result="same",
    also=True,
    of=COMPLEX,
    numbers_too=True,
    least=BOOL,
):
    """Register a function. `slopes` are its derivatives by either argument, of (a, b, y). The
    result is of the common type ("same"), of floats ("float") or of bools ("bool"). It takes
    kinds from `least` to `of`; whether the second may be a number of Python's is `numbers_too`."""
    names = names.split()
    apply = _each(f, otherwise)
    slopes = slopes and [_slope(each) for each in slopes]

    def op(a, b):
        if not numbers_too and not isinstance(b, Tensor):
            raise TypeError(
                f"{names[0]}(): argument 'other' (position 2) must be Tensor, not "
                f"{type(b).__name__}"
            )
        if not isinstance(a, Tensor) and not (isinstance(b, Tensor) and names[0] in MIRRORED):
            refuse(f"torch.{names[0].strip('_')} of a number and another")
        a, b = operand(a), operand(b)
        common = a.dtype if a.dtype is b.dtype else result_type(a, b)
        at_least(least, f"{names[0].strip('_')}_cpu", common)
        if result == "float" and common.kind < FLOAT:
            common = get_default_dtype()
        if common.kind > of:
            raise NotImplementedError(
                f"\"{names[0]}_cpu\" not implemented for '{dtypes.CAPITAL[common.name]}'"
            )
        shape = broadcast(a.shape, b.shape)
        left, right = (_in_common(x, common, shape) for x in (a, b))
        if common.kind <= INT and names[0] in WITHOUT_ZERO and 0 in right:
            raise RuntimeError("ZeroDivisionError")
        values = apply(left, right)
        d = dtypes.bool_ if result == "bool" else common
        first = next((x for x in (a, b) if x.shape == shape), None)
        values = stored(values, d)
        y = new(values, shape, d) if first is None else beside(values, first, d)
        if slopes is None:
            return y

        def part(x, slope, g):
            _check_derivative(names[0], a, b, x)
            if not x.requires_grad:
                return None
            left, right = (_in_common(x, common, shape) for x in (a, b))
            made = numbers(y.detach()) if any(x is y for x in saved) else apply(left, right)
            if names[0] == "div":  # rounded after each step, as torch does it
                mine, theirs = new(left, shape, common), new(right, shape, common)
                by = g / theirs if slope is slopes[0] else -g * (mine / theirs / theirs)
            else:
                by = _times_slopes(g, slope(left, right, made), shape)
            return unbroadcast(by, x.shape).to(x.dtype)

        saved = _saved(names[0], a, b, y)
        return record(y, [a, b], lambda g: [part(a, slopes[0], g), part(b, slopes[1], g)], saved)

    return public(*names, in_place=also)(op)


def _check_derivative(name, a, b, x):
    """Raise torch's complaint where a function of a and b has no derivative by x."""
    if name == "floor_divide" or (x.requires_grad and name == "remainder" and a._of_python):
        raise RuntimeError(f"derivative for aten::{name} is not implemented")
    if not x.requires_grad:
        return
    if x is a and name == "_pow" and b.dtype is dtypes.bool_:
        raise RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported")
    if name in WITH_DIFFERENCE and dtypes.bool_ in (a.dtype, b.dtype):
        refuse(f"the gradient of torch.{name} with bools")  # torch raises for some


def _saved(name, a, b, y):
    """What torch keeps for the gradient."""
    if name in ("_add", "_sub") or (name in ("remainder", "fmod") and not b.requires_grad):
        return ()
    if name == "mul":
        return [x for x, other in ((a, b), (b, a)) if other.requires_grad]
    if name == "div" and not b.requires_grad:
        return [b]
    if name == "_pow" and b._of_python:
        return [a]
    if name == "_pow" and a._of_python:
        return [b, y]
    if name == "hypot":
        return [*(x for x in (a, b) if x.requires_grad), y]
    return [a, b, y] if name == "_pow" else [a, b]


def _in_common(x, common, shape):
    """The numbers of `x`, broadcast, as the type of the result sees them."""
    values = numbers_as(x, shape)
    if x.dtype is common:
        return values
    if common.kind == FLOAT and common.bits == 16 and x._of_python:
        return stored(values, dtypes.float32)  # 16 bits are computed in 32
    return stored(values, common)


def _by_zero(a, b):
    if a != a or b != b or a == 0:
        return nan
    return math.copysign(inf, a) * math.copysign(1, b)


def _quotient(a, b):
    return a / b if b else _by_zero(a, b)


def _power(a, b):
    if type(a) is type(b) is int and b < 0:
        return 0 if a not in (1, -1) else a if b % 2 else 1
    y = pow(a, b, 1 << 64) if type(a) is type(b) is int else a**b
    return nan if type(y) is complex and type(a) is not complex else y


def _power_otherwise(a, b):
    if a == 0:  # to a negative power
        odd = b == math.floor(b) and b % 2 == 1
        return math.copysign(inf, a) if odd else inf
    odd = a < 0 and b == math.floor(b) and b % 2 == 1
    return -inf if odd else inf


def _remainder(a, b):
    if type(a) is type(b) is int:
        return a % b
    left = math.fmod(a, b)
    return left + b if left and (left < 0) != (b < 0) else left


def _larger(a, b):
    return a if a != a or a > b else b


def _smaller(a, b):
    return a if a != a or a < b else b


def _log_of_sum(a, b):
    if a == b and abs(a) == inf:
        return a
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def _ties(first, second):
    """The gradient of a choice; of two equal numbers each gets half."""
    return (
        lambda a, b, y: 0.5 if a == b else not second(a, b),
        lambda a, b, y: 0.5 if a == b else not first(a, b),
    )


MIRRORED = "_add", "_sub", "mul", "div"  # whose first may be a number, too
WITH_DIFFERENCE = "atan2", "logaddexp"  # torch's gradient subtracts, which bools cannot
WITHOUT_ZERO = "remainder", "fmod", "floor_divide"  # of whole numbers
ONE = (lambda a, b, y: 1.0, lambda a, b, y: 1.0)
_add = _binary("_add", operator.add, ONE, also=False)
_sub = _binary("_sub", operator.sub, (ONE[0], lambda a, b, y: -1.0), also=False)
mul = _binary("mul multiply", operator.mul, (lambda a, b, y: b, lambda a, b, y: a))
_divide = _binary(
    "div",
    operator.truediv,
    (lambda a, b, y: _quotient(1.0, b), lambda a, b, y: _quotient(-y, b)),
    _by_zero,
    "float",
)
_powers = _each(_power, _power_otherwise)
_pow = _binary(
    "_pow",
    _power,
    (
        lambda a, b, y: b * _powers([a], [b - 1])[0] if b else False,
        lambda a, b, y: 0.0 if a == 0 and b >= 0 else y * (math.log(a) if a else -inf),
    ),
    _power_otherwise,
    also=False,
    least=INT,
)
_rem = _binary(
    "remainder", _remainder, (ONE[0], lambda a, b, y: -_floor(_quotient(a, b))), least=INT
)
fmod = _binary("fmod", math.fmod, (ONE[0], lambda a, b, y: -_trunc(_quotient(a, b))), least=INT)
floor_divide = _binary("floor_divide", operator.floordiv, ONE, _by_zero, least=INT)
maximum = _binary(
    "maximum", _larger, _ties(operator.gt, operator.lt), also=False, numbers_too=False
)
minimum = _binary(
    "minimum", _smaller, _ties(operator.lt, operator.gt), also=False, numbers_too=False
)
fmax = _binary(
    "fmax",
    lambda a, b: b if a != a else a if b != b else max(a, b),
    (lambda a, b, y: a >= b or b != b, lambda a, b, y: not a >= b and b == b),
    also=False,
)
fmin = _binary(
    "fmin",
    lambda a, b: b if a != a else a if b != b else min(a, b),
    (lambda a, b, y: a <= b or b != b, lambda a, b, y: not a <= b and b == b),
    also=False,
)
hypot = _binary(
    "hypot",
    math.hypot,
    (lambda a, b, y: a / y, lambda a, b, y: b / y),
    result="float",
    numbers_too=False,
    least=FLOAT,
)
atan2 = _binary(
    "atan2 arctan2",
    math.atan2,
    (
        lambda a, b, y: b / (a * a + b * b) if a or b else 0.0,
        lambda a, b, y: -a / (a * a + b * b) if a or b else 0.0,
    ),
    result="float",
    numbers_too=False,
)
logaddexp = _binary(
    "logaddexp",
    _log_of_sum,
    (lambda a, b, y: math.exp(a - y), lambda a, b, y: math.exp(b - y)),
    also=False,
    numbers_too=False,
    least=FLOAT,
)
eq = _binary("eq", operator.eq, result="bool")
ne = _binary("ne not_equal", operator.ne, result="bool")
lt = _binary("lt less", operator.lt, result="bool")
le = _binary("le less_equal", operator.le, result="bool")
gt = _binary("gt greater", operator.gt, result="bool")
ge = _binary("ge greater_equal", operator.ge, result="bool")
logical_and = _binary("logical_and", lambda a, b: bool(a and b), result="bool", numbers_too=False)
logical_or = _binary("logical_or", lambda a, b: bool(a or b), result="bool", numbers_too=False)
logical_xor = _binary(
    "logical_xor", lambda a, b: bool(a) != bool(b), result="bool", numbers_too=False
)
_and = _binary("bitwise_and", operator.and_, of=INT)
_or = _binary("bitwise_or", operator.or_, of=INT)
_xor = _binary("bitwise_xor", operator.xor, of=INT)
_left = _binary("bitwise_left_shift", operator.lshift, of=INT)
_right = _binary("bitwise_right_shift", operator.rshift, of=INT)


@public(in_place=True)
def add(x, other, *, alpha=1):
    """x + alpha * other."""
    return _add(x, other if alpha == 1 else mul(operand(other), alpha))


@public("sub", "subtract", in_place=True)
def sub(x, other, *, alpha=1):
    """x - alpha * other."""
    bools = [operand(each).dtype is dtypes.bool_ for each in (x, other)]
    if any(bools):
        many, use = (
            ("two bool tensors", "the `^` or `logical_xor()`")
            if all(bools)
            else (
                "a bool tensor",
                "If you are trying to invert a mask, use the `~` or `logical_not()`",
            )
        )
        raise RuntimeError(
            f"Subtraction, the `-` operator, with {many} is not supported. "
            + (use if use.startswith("If") else f"Use {use}")
            + " operator instead."
        )
    return _sub(x, other if alpha == 1 else mul(operand(other), alpha))


@public(in_place=True)
def rsub(x, other):
    """other - x."""
    return sub(operand(other), x)


@public("div", "divide", in_place=True)
def div(x, other, *, rounding_mode=None):
    """x / other; "floor" and "trunc" round the quotient."""
    if rounding_mode == "floor":
        return floor_divide(x, other)
    quotient = _divide(x, other)
    if rounding_mode == "trunc":
        return trunc(quotient).to(result_type(x, other))
    return quotient


@public("true_divide", in_place=True)
def true_divide(x, other):
    """x / other."""
    return _divide(x, other)


@public(in_place=True)
def pow_(x, exponent):
    """x to a power."""
    x, exponent = operand(x), operand(exponent)
    if any(each._of_python and each.dtype is dtypes.bool_ for each in (x, exponent)):
        refuse("a power of or by True or False")
    whole = result_type(x, exponent).kind <= INT
    if whole and exponent._of_python and exponent.item() < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if exponent._of_python and abs(exponent.item()) == 0.5:
        if any(v == -inf or (v == 0 and math.copysign(1, v) < 0) for v in numbers(x)):
            refuse("a root of -infinity or -0.0")  # torch's square root is another one
    if whole and exponent._of_python:
        check_fits(exponent.item(), result_type(x, exponent))
    return _pow(x, exponent)


float_power = public("float_power")(lambda x, exponent: pow_(operand(x).double(), exponent))
remainder = _rem


def _bound(names, keeps):
    return _binary(
        names,
        lambda a, b: a if a != a or keeps(a, b) else b,
        (lambda a, b, y: keeps(a, b), lambda a, b, y: not keeps(a, b) and a == a and b == b),
        least=INT,
    )


clamp_min, clamp_max = _bound("clamp_min", operator.ge), _bound("clamp_max", operator.le)


@public("clamp", "clip", in_place=True)
def clamp(x, min=None, max=None):
    """No smaller than `min`, no larger than `max`."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    given = [each for each in (x, min, max) if each is not None]
    if min is not None and max is not None and isinstance(min, Tensor) != isinstance(max, Tensor):
        raise TypeError("clamp() received an invalid combination of arguments: (Tensor, Number)")
    if isinstance(min, Tensor) and isinstance(max, Tensor) and recording(min, max):
        refuse("the gradient of two bounds of clamp")
    for bound in (min, max):
        if isinstance(bound, Tensor) and bound.dtype is not x.dtype:
            refuse("clamp with a bound of another type")
        if isinstance(bound, Tensor) and tuple(broadcast(x.shape, bound.shape)) != x.shape:
            refuse("clamp with a bound of a larger shape")
        if bound is not None and not isinstance(bound, Tensor):
            check_fits(bound, result_type(*given))
    out = x.to(result_type(*given))
    out = out if min is None else clamp_min(out, min)
    out = out if max is None else clamp_max(out, max)
    return saving(out, *[each for each in given if isinstance(each, Tensor)])


@public()
def where(condition, x=None, other=None):
    """x where the condition is true, else other; of a condition alone the indices."""
    if x is None:
        from torch.indexing import nonzero

        return nonzero(condition, as_tuple=True)
    if condition.dtype not in (dtypes.bool_, dtypes.uint8):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{dtypes.CAPITAL[condition.dtype.name]}"
        )
    x, other = operand(x), operand(other)
    d, shape = result_type(x, other), broadcast(condition.shape, x.shape, other.shape)
    for each in (x, other):
        if each._of_python and d.bits != 16:  # 16 bits get an infinity
            check_fits(each.item(), d)
    choice = numbers_as(condition, shape)
    pairs = zip(choice, numbers_as(x, shape), numbers_as(other, shape))
    values = dtypes.stored([a if yes else b for yes, a, b in pairs], d)
    first = next((each for each in (condition, x, other) if each.shape == shape), None)
    out = new(values, shape, d) if first is None else beside(values, first, d)

    def vjp(g):
        values = numbers(g)
        mine = [v if yes else 0.0 for yes, v in zip(choice, values)]
        theirs = [0.0 if yes else v for yes, v in zip(choice, values)]
        return [
            unbroadcast(new(part, shape, g.dtype), each.shape).to(each.dtype)
            for part, each in ((mine, x), (theirs, other))
        ]

    return record(out, [x, other], vjp, [condition])


Tensor.where = lambda x, condition, other: where(condition, x, other)


@public(in_place=True)
def lerp(x, end, weight):
    """From x a part of the way to end."""
    if x.dtype is not end.dtype:
        raise RuntimeError(
            f"expected dtype {x.dtype.name} for `end` but got dtype {end.dtype.name}"
        )
    at_least(FLOAT, "lerp_kernel_scalar", x.dtype)
    if isinstance(weight, Tensor):
        return x + weight * (end - x)
    way = end.detach() - x.detach()
    out = x.detach() + weight * way if weight < 0.5 else end.detach() - way * (1 - weight)

    def vjp(g):
        parts = (g * (1 - weight), x), (g * weight, end)
        return [unbroadcast(part, each.shape) for part, each in parts]

    return record(out, [x, end], vjp)


@public(in_place=True)
def addcmul(x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 * tensor2."""
    if not x.dtype is tensor1.dtype is tensor2.dtype or x.dtype.kind < FLOAT:
        refuse("addcmul of whole numbers or of several types")
    return x + tensor1 * tensor2 * value


@public(in_place=True)
def addcdiv(x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 / tensor2."""
    if not x.dtype is tensor1.dtype is tensor2.dtype or x.dtype.kind < FLOAT:
        refuse("addcdiv of whole numbers or of several types")
    return x + tensor1 * value / tensor2


@public()
def isclose(x, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Is the difference at most atol + rtol * |other|?"""
    if x.dtype is not other.dtype:
        raise RuntimeError(
            f"{dtypes.CAPITAL[x.dtype.name]} did not match {dtypes.CAPITAL[other.dtype.name]}"
        )
    shape = broadcast(x.shape, other.shape)

    def close(a, b):
        if a == b or (equal_nan and a != a and b != b):
            return True
        return abs(b) < inf and abs(a - b) <= atol + rtol * abs(b)

    pairs = zip(numbers_as(x, shape), numbers_as(other, shape))
    return new([close(a, b) for a, b in pairs], shape, dtypes.bool_)


@public()
def allclose(x, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Is every element close?"""
    return all(numbers(isclose(x, other, rtol, atol, equal_nan)))


@public()
def equal(x, other):
    """Same shape, same numbers?"""
    # Not the lists themselves: of those, NaN equals itself.
    return x.shape == other.shape and all(map(operator.eq, numbers(x), numbers(other)))


# Complex numbers


@public("complex", method=False)
def complex_(real, imag):
    """Complex numbers of their parts."""
    pairs = zip(numbers(real), numbers_as(imag, real.shape))
    out = make([complex(*pair) for pair in pairs], real.shape, dtypes.COMPLEX_OF[real.dtype])
    return record(out, [real, imag], lambda g: [_part(g, "real"), _part(g, "imag")])


def _part(x, name):
    d = dtypes.REAL_OF[x.dtype]
    out = new([getattr(v, name) for v in numbers(x)], x.shape, d)
    unit = 1 if name == "real" else 1j
    return record(out, [x], lambda g: [make([v * unit for v in numbers(g)], x.shape, x.dtype)])


Tensor.real = property(lambda x: _part(x, "real") if x.is_complex() else x)
Tensor.imag = property(lambda x: _part(x, "imag"))


@public(method=False)
def polar(abs, angle):
    """Complex numbers of a length and an angle."""
    return complex_(abs * cos(angle), abs * sin(angle))


@public(method=False)
def view_as_complex(x):
    """Pairs of numbers as complex ones: a copy here, where torch has a view."""
    return complex_(x[..., 0], x[..., 1])


@public(method=False)
def view_as_real(x):
    """Complex numbers as pairs."""
    from torch.joining import stack

    return stack([x.real, x.imag], -1)


@public()
def angle(x):
    """The angle of complex numbers."""
    d = dtypes.REAL_OF.get(x.dtype, x.dtype)
    return make([cmath.phase(v) for v in numbers(x)], x.shape, d)


@public()
def conj(x):
    """The other sign of the imaginary part."""
    return make([v.conjugate() for v in numbers(x)], x.shape, x.dtype)


# Python's operators


def _operator(f, mirrored=False):
    def method(x, other):
        if not isinstance(other, (Tensor, bool, int, float, complex)):
            return NotImplemented
        return f(operand(other), x) if mirrored else f(x, other)

    return method


def _whole_quotient(x, other):
    return floor_divide(x, other)


ARITHMETIC = dict(add=add, sub=sub, mul=mul, truediv=div, pow=pow_, mod=remainder)
ARITHMETIC |= {"floordiv": _whole_quotient, "and": _and, "or": _or, "xor": _xor}
ARITHMETIC |= dict(lshift=_left, rshift=_right)
for _name, _f in ARITHMETIC.items():
    setattr(Tensor, f"__{_name}__", _operator(_f))
    setattr(Tensor, f"__r{_name}__", _operator(_f, mirrored=True))
    setattr(Tensor, f"__i{_name}__", in_place(_f))
Tensor.__rtruediv__ = _operator(lambda a, b: mul(reciprocal(b), a), mirrored=True)  # as torch
for _name, _f in dict(eq=eq, ne=ne, lt=lt, le=le, gt=gt, ge=ge).items():
    setattr(Tensor, f"__{_name}__", _operator(_f))
Tensor.__neg__, Tensor.__abs__, Tensor.__invert__ = neg, abs_, bitwise_not
Tensor.__rmatmul__ = lambda x, other: NotImplemented
