"""`torch.linalg`: lengths, and systems of equations by Householder's reflections."""

import math
from collections import namedtuple

from torch import autograd, reduction
from torch.dtypes import FLOAT
from torch.names import lacking, refuse
from torch.products import cross, matmul
from torch.tensors import make

__all__ = ["cross", "matmul"]
__getattr__ = lacking("torch.linalg")
qr_type = namedtuple("qr", "Q R")
lstsq_type = namedtuple("lstsq", "solution residuals rank singular_values")


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """The length of vectors."""
    return reduction.norm(x, ord, dim, keepdim, dtype)


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """The length of vectors; of matrices the root of the sum of squares."""
    matrix = A.dim() == 2 if dim is None else isinstance(dim, (list, tuple)) and len(dim) == 2
    if matrix and ord not in (None, "fro"):
        refuse(f"torch.linalg.norm(ord={ord!r}) of matrices")
    return reduction.norm(A, "fro" if ord is None else ord, dim, keepdim, dtype)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False):
    """The root of the sum of squares of matrices."""
    return norm(A, ord, dim, keepdim)


def _matrix(name, *given):
    for A in given:
        if A.dim() != 2 or A.dtype.kind != FLOAT:
            refuse(f"torch.linalg.{name} of other than one matrix of floats")
    if autograd.recording(*given):
        refuse(f"the gradient of torch.linalg.{name}")
    return [A.double().tolist() for A in given]


def _reflected(A):
    """Q (rows x rows) and R of rows of numbers, as LAPACK signs them."""
    rows, columns = len(A), len(A[0]) if A else 0
    R = [row[:] for row in A]
    Q = [[float(i == j) for j in range(rows)] for i in range(rows)]
    for k in range(min(rows - 1, columns)):
        v = [R[i][k] for i in range(k, rows)]
        if not any(v[1:]):
            continue
        v[0] += math.copysign(math.sqrt(math.fsum(x * x for x in v)), v[0])
        size = math.fsum(x * x for x in v)
        for M, across in ((R, True), (Q, False)):
            lists = zip(*[M[i] for i in range(k, rows)]) if across else [row[k:] for row in M]
            for j, values in enumerate(lists):
                part = 2 * math.fsum(map(float.__mul__, v, values)) / size
                for i, x in enumerate(v):
                    if across:
                        M[k + i][j] -= part * x
                    else:
                        M[j][k + i] -= part * x
    return Q, [[x if j >= i else 0.0 for j, x in enumerate(row)] for i, row in enumerate(R)]


def qr(A, mode="reduced"):
    """A = Q R, Q with orthonormal columns, R triangular."""
    (rows,) = _matrix("qr", A)
    if mode not in ("reduced", "complete"):
        refuse(f"torch.linalg.qr(mode={mode!r})")
    Q, R = _reflected(rows)
    many = min(A.shape) if mode == "reduced" else A.shape[0]
    Q = make([x for row in Q for x in row[:many]], (A.shape[0], many), A.dtype)
    return qr_type(Q, make([x for row in R[:many] for x in row], (many, A.shape[1]), A.dtype))


def _solved(name, A, B):
    """X of the least squares of A X - B; A with independent columns."""
    left, right = _matrix(name, A, B)
    rows, columns = A.shape
    if rows < columns or B.shape[0] != rows:
        refuse(f"torch.linalg.{name} of these shapes")
    Q, R = _reflected(left)
    scale = max((abs(x) for row in R for x in row), default=0.0)
    found = [[0.0] * B.shape[1] for _ in range(columns)]
    for j in range(B.shape[1]):
        y = [math.fsum(Q[i][k] * right[i][j] for i in range(rows)) for k in range(columns)]
        for k in range(columns - 1, -1, -1):
            if abs(R[k][k]) <= scale * 1e-14:
                if name == "solve":
                    raise RuntimeError(
                        "torch.linalg.solve: The solver failed because the input matrix is "
                        "singular."
                    )
                refuse(f"torch.linalg.{name} of dependent columns")
            rest = math.fsum(R[k][m] * found[m][j] for m in range(k + 1, columns))
            found[k][j] = (y[k] - rest) / R[k][k]
    return make([x for row in found for x in row], (columns, B.shape[1]), A.dtype)


def lstsq(A, B, rcond=None, *, driver=None):
    """The X with the least squares of A X - B."""
    X = _solved("lstsq", A, B)
    empty = residuals = make([], (0,), A.dtype)
    if A.shape[0] > A.shape[1]:
        columns = list(zip(*X.tolist()))
        gaps = [
            [right - math.fsum(map(float.__mul__, row, column)) for row, right in zip(rows, b)]
            for column, b in zip(columns, zip(*B.tolist()))
            for rows in [A.tolist()]
        ]
        residuals = make([math.fsum(g * g for g in gap) for gap in gaps], (len(gaps),), A.dtype)
    return lstsq_type(X, residuals, make([A.shape[1]], (), A.dtype).long(), empty)


def solve(A, B):
    """The X with A X = B."""
    if B.dim() == 1:
        return _solved("solve", A, B.unsqueeze(1)).squeeze(1)
    return _solved("solve", A, B)


def inv(A):
    """The inverse of a matrix."""
    n = A.shape[0]
    return _solved("inv", A, make([i == j for i in range(n) for j in range(n)], (n, n), A.dtype))
