"""Products of matrices.

In float32 the numbers of a product are added as torch's libraries add them, each step rounded:
`_fused` rounds a product and its addition once, `_separate` rounds both, `_reversed` begins at the
end. Longer products with a vector, whose order those libraries keep to themselves, and all other
types are computed in 64 bits and rounded once.
"""

import math
import operator
from array import array

from torch import dtypes
from torch.autograd import record
from torch.elementwise import sqrt
from torch.names import public, refuse
from torch.reduction import mean, norm, sum_
from torch.strides import Size, broadcast, dimension
from torch.tensors import make, numbers_as, unbroadcast

try:
    from math import sumprod as dot_product  # Python 3.12 on
except ImportError:

    def dot_product(a, b):
        """The sum of the products of pairs."""
        return sum(map(operator.mul, a, b))


SMALL = 400  # multiplications in a product of many matrices that torch makes by a plain loop
SHORT = 3  # numbers of a product with a vector whose order is known


def _once(rows, columns):
    """In 64 bits; sumprod is for floats alone."""
    try:
        return [dot_product(row, column) for row in rows for column in columns]
    except (OverflowError, ValueError, TypeError):
        return [sum(map(operator.mul, row, column)) for row in rows for column in columns]


def _fused(rows, columns):
    total = [0.0] * (len(rows) * len(columns))
    for left, right in zip(zip(*rows), zip(*columns)):
        products = [x * y for x in left for y in right]  # exact in 64 bits
        total = array("f", map(operator.add, total, products)).tolist()
    return total


def _separate(rows, columns):
    total = [0.0] * (len(rows) * len(columns))
    for left, right in zip(zip(*rows), zip(*columns)):
        products = array("f", [x * y for x in left for y in right])
        total = array("f", map(operator.add, total, products)).tolist()
    return total


def _reversed(rows, columns):
    return _separate([row[::-1] for row in rows], [column[::-1] for column in columns])


def _transposed(t):
    return t.transpose(-2, -1)


@public()
def matmul(x, other):
    """Rows times columns; dimensions in front are broadcast, a vector is one row or one column."""
    a, b = x, other
    if a.dtype is not b.dtype:
        have, theirs = (dtypes.CAPITAL[each.dtype.name].lower() for each in (a, b))
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {have} != {theirs}"
        )
    if a.dtype is dtypes.bool_ and not (a.numel() and b.numel()):
        refuse("a product of no bools")
    dtypes.at_least(dtypes.INT, "addmm_impl_cpu_", a.dtype)
    if not a.dim() or not b.dim():
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{a.dim()}D and {b.dim()}D"
        )
    if a.dim() == 1 and b.dim() == 1 and a.shape != b.shape:
        raise RuntimeError(
            "inconsistent tensor size, expected tensor "
            f"[{a.shape[0]}] and src [{b.shape[0]}] to have the same number of elements, but got "
            f"{a.shape[0]} and {b.shape[0]} elements respectively"
        )
    short = a.shape[-1] <= SHORT
    if a.dim() == b.dim() == 1:
        way = _separate if short else _once
        return _matrices(a.unsqueeze(0), b.unsqueeze(1), way).reshape(())
    if a.dim() == 1:
        return _matrices(a.unsqueeze(0), b, _fused).squeeze(-2)
    if b.dim() == 1:
        if a.shape[-1] != b.shape[0]:
            raise RuntimeError(
                f"size mismatch, got input ({a.shape[-2]}), mat ({a.shape[-2]}x{a.shape[-1]}), "
                f"vec ({b.shape[0]})"
            )
        return _matrices(a, b.unsqueeze(-1), _reversed if short else _once).squeeze(-1)
    small = a.shape[-2] * a.shape[-1] * b.shape[-1] < SMALL
    return _matrices(a, b, _separate if small and min(a.dim(), b.dim()) > 2 else _fused)


def _matrices(a, b, way):
    (n, inner), (_, m) = a.shape[-2:], b.shape[-2:]
    if inner != b.shape[-2]:
        if a.dim() == b.dim() == 2 or b.dim() == 2:
            rows = Size(a.shape[:-1]).numel()
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and {b.shape[-2]}x{m})"
            )
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{Size(a.shape[:-2]).numel()}, {inner}] but got: "
            f"[{Size(b.shape[:-2]).numel()}, {b.shape[-2]}]."
        )
    way = way if a.dtype is dtypes.float32 else _once
    batch = broadcast(a.shape[:-2], b.shape[:-2])
    left = numbers_as(a, (*batch, n, inner))
    right = numbers_as(_transposed(b.detach()), (*batch, m, inner))
    values = []
    for i in range(Size(batch).numel()):
        rows = [
            left[at : at + inner] for at in range(i * n * inner, (i + 1) * n * inner, inner or 1)
        ]
        columns = range(i * m * inner, (i + 1) * m * inner, inner or 1)
        values += way(rows, [right[at : at + inner] for at in columns])
    out = make(values if inner else [0] * (Size(batch).numel() * n * m), (*batch, n, m), a.dtype)

    def vjp(g):
        by_a = matmul(g, _transposed(b.detach())) if a.requires_grad else None
        by_b = matmul(_transposed(a.detach()), g) if b.requires_grad else None
        pairs = (by_a, a), (by_b, b)
        return [None if by is None else unbroadcast(by, x.shape) for by, x in pairs]

    saved = [x for x, y in ((a, b), (b, a)) if y.requires_grad]
    return record(out, [a, b], vjp, saved)


@public()
def mm(x, mat2):
    """The product of two matrices."""
    if x.dim() != 2 or mat2.dim() != 2:
        raise RuntimeError("self must be a matrix" if x.dim() != 2 else "mat2 must be a matrix")
    return matmul(x, mat2)


@public()
def bmm(x, mat2):
    """Products of as many matrices."""
    if x.dim() != 3 or mat2.dim() != 3:
        raise RuntimeError(
            "batch1 must be a 3D tensor" if x.dim() != 3 else "batch2 must be a 3D tensor"
        )
    if x.shape[0] != mat2.shape[0]:
        raise RuntimeError(
            "batch1 and batch2 must have same number of batches, got "
            f"{x.shape[0]} and {mat2.shape[0]}"
        )
    return matmul(x, mat2)


@public()
def mv(x, vec):
    """A matrix times a vector."""
    return matmul(x, vec)


def _vectors(x, other):
    if x.dim() != 1 or other.dim() != 1:
        raise RuntimeError(f"1D tensors expected, but got {x.dim()}D and {other.dim()}D tensors")
    return matmul(x, other)


dot, vdot = public("dot")(_vectors), public("vdot")(lambda x, other: _vectors(x, other))


@public()
def inner(x, other):
    """Products along the last dimension of both."""
    if not x.dim() or not other.dim():
        return x * other
    return tensordot(x, other, ([-1], [-1]))


@public("outer", "ger")
def outer(x, vec2):
    """Every number of one vector times every one of the other."""
    if x.dim() != 1 or vec2.dim() != 1:
        raise RuntimeError(
            "outer: Expected 1-D argument "
            + ("self" if x.dim() != 1 else "vec2")
            + f", but got {(x if x.dim() != 1 else vec2).dim()}-D"
        )
    return x.unsqueeze(1) * vec2


@public("addmm", in_place=True)
def addmm(x, mat1, mat2, *, beta=1, alpha=1):
    """beta * x + alpha * mat1 @ mat2."""
    return _added(x, beta, mm(mat1, mat2), alpha)


@public("baddbmm", in_place=True)
def baddbmm(x, batch1, batch2, *, beta=1, alpha=1):
    """The same of many matrices."""
    return _added(x, beta, bmm(batch1, batch2), alpha)


@public("addr", in_place=True)
def addr(x, vec1, vec2, *, beta=1, alpha=1):
    """beta * x + alpha * outer(vec1, vec2)."""
    return _scaled(x, beta) + _scaled(outer(vec1, vec2), alpha)


@public("addmv", in_place=True)
def addmv(x, mat, vec, *, beta=1, alpha=1):
    """beta * x + alpha * mat @ vec."""
    return _added(x, beta, mv(mat, vec), alpha)


def _added(x, beta, product, alpha):
    if x.dtype is not product.dtype:
        raise RuntimeError("self and mat2 must have the same dtype")
    x._geometry.expanded(product.shape)  # or it says why not
    return _scaled(x, beta) + _scaled(product, alpha)


def _scaled(x, factor):
    return x if factor == 1 else x * factor


@public()
def trace(x):
    """The sum of the diagonal."""
    return sum_(x.diagonal())


@public(method=False)
def tensordot(a, b, dims=2):
    """Sums of products over several dimensions of both."""
    if isinstance(dims, int):
        dims = list(range(a.dim() - dims, a.dim())), list(range(dims))
    mine, theirs = (
        [dimension(i, t.dim()) for i in (each if isinstance(each, (list, tuple)) else [each])]
        for each, t in zip(dims, (a, b))
    )
    kept_a = [i for i in range(a.dim()) if i not in mine]
    kept_b = [i for i in range(b.dim()) if i not in theirs]
    inner_size = math.prod(a.shape[i] for i in mine)
    left = a.permute(kept_a + mine).reshape(math.prod(a.shape[i] for i in kept_a), inner_size)
    right = b.permute(theirs + kept_b).reshape(inner_size, math.prod(b.shape[i] for i in kept_b))
    shape = [a.shape[i] for i in kept_a] + [b.shape[i] for i in kept_b]
    return matmul(left, right).reshape(shape)


@public(method=False)
def einsum(equation, *operands):
    """Sums of products, dimensions named by letters: "ij,jk->ik" is a product of matrices."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    terms, result = _terms(equation, operands)
    d = operands[0].dtype
    if any(t.dtype is not d for t in operands) or (d.kind < dtypes.FLOAT and d is not dtypes.int64):
        refuse("einsum of bools, of whole numbers but int64, or of several types")
    sizes = {}
    for term, t in zip(terms, operands):
        for letter, size in zip(term, t.shape):
            if sizes.setdefault(letter, size) != size and 1 not in (size, sizes[letter]):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {size} for operand "
                    f"{terms.index(term)} which does not broadcast with previously seen size "
                    f"{sizes[letter]}"
                )
            if {size, sizes[letter]} == {0, 1}:
                refuse("einsum of one number with none")
            sizes[letter] = max(size, sizes[letter])
    parts = [_without_repeats(term, t) for term, t in zip(terms, operands)]
    term, total = parts[0]
    for i, (other, t) in enumerate(parts[1:], 1):
        later = result + "".join(each for each, _ in parts[i + 1 :])
        term, total = _contracted(term, total, other, t, later)
    gone = [i for i, letter in enumerate(term) if letter not in result]
    total = sum_(total, gone) if gone else total
    term = [letter for letter in term if letter in result]
    return total.permute([term.index(letter) for letter in result])


def _terms(equation, operands):
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        more = "more" if len(operands) > len(terms) else "fewer"
        raise ValueError(f"einsum(): {more} operands were provided than specified in the equation")
    extra = [t.dim() - len(term.replace("...", "")) for term, t in zip(terms, operands)]
    dots = "".join(chr(0x3B1 + i) for i in range(max([0, *extra])))
    for i, (term, many) in enumerate(zip(terms, extra)):
        if "..." not in term and many:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match "
                f"the number of dimensions ({len(term) + many}) for operand {i} and no ellipsis "
                "was given"
            )
        terms[i] = term.replace("...", dots[len(dots) - many :])
    letters = "".join(terms)
    if not arrow:
        once = sorted(c for c in {*letters} if letters.count(c) == 1 and c not in dots)
        result = dots + "".join(once)
    return terms, result.replace("...", dots)


def _without_repeats(term, t):
    for letter in term:
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            t = t.diagonal(0, first, second)
            rest = [c for i, c in enumerate(term) if i not in (first, second)]
            term = "".join(rest) + letter
    return term, t


def _contracted(a_term, a, b_term, b, later):
    """Two operands as one; letters that nobody needs later are summed, by a matrix product."""

    def alone(term, t, other):
        gone = [i for i, c in enumerate(term) if c not in later and c not in other]
        kept = "".join(c for i, c in enumerate(term) if i not in gone)
        return kept, sum_(t, gone) if gone else t

    a_term, a = alone(a_term, a, b_term)
    b_term, b = alone(b_term, b, a_term)
    both = [c for c in a_term if c in b_term and c in later]
    inner_ = [c for c in a_term if c in b_term and c not in later]
    mine = [c for c in a_term if c not in b_term]
    theirs = [c for c in b_term if c not in a_term]

    def size(letters, *pairs):
        return [max(t.shape[term.index(c)] for term, t in pairs if c in term) for c in letters]

    batch = size(both, (a_term, a), (b_term, b))
    middle = size(inner_, (a_term, a), (b_term, b))
    left, right = size(mine, (a_term, a)), size(theirs, (b_term, b))
    a = a.permute([a_term.index(c) for c in both + mine + inner_]).expand(batch + left + middle)
    b = b.permute([b_term.index(c) for c in both + inner_ + theirs]).expand(batch + middle + right)
    count = [math.prod(each) for each in (batch, left, middle, right)]
    product = matmul(
        a.reshape(count[0], count[1], count[2]), b.reshape(count[0], count[2], count[3])
    )
    return "".join(both + mine + theirs), product.reshape(batch + left + right)


@public()
def corrcoef(x):
    """Correlations of the rows of a matrix."""
    centred = x - mean(x, -1, True)
    products = matmul(centred, centred.transpose(0, 1))
    length = sqrt(products.diagonal())
    return products / length.unsqueeze(1) / length


@public()
def cov(x, *, correction=1):
    """Covariances of the rows of a matrix."""
    centred = x - mean(x, -1, True)
    return matmul(centred, centred.transpose(-2, -1)) / (x.shape[-1] - correction)


@public()
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between vectors along a dimension."""
    shape, common = broadcast(x1.shape, x2.shape), dtypes.promote_types(x1.dtype, x2.dtype)
    x1, x2 = x1.expand(shape), x2.expand(shape)
    if common.kind < dtypes.FLOAT:
        raise RuntimeError(
            "expected common dtype to be floating point, yet common dtype is "
            f"{dtypes.CAPITAL[common.name]}"
        )
    if x1.dtype is not x2.dtype:
        refuse("cosine_similarity of two types")
    length = [norm(x, 2, dim, True) for x in (x1, x2)]
    length = [each + (each.clamp(min=eps) - each).detach() for each in length]
    return sum_((x1 / length[0]) * (x2 / length[1]), dim)


@public()
def cdist(x1, x2, p=2.0):
    """Distances between every row of one and every row of the other."""
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


@public()
def cross(x, other, dim=-1):
    """The vector at right angles to two in space."""
    a, b = x.unbind(dim), other.unbind(dim)
    from torch.joining import stack

    pairs = ((1, 2), (2, 0), (0, 1))
    return stack([a[i] * b[j] - a[j] * b[i] for i, j in pairs], dim)
