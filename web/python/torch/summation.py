"""Sums of floats in torch's own order, so that they round as torch's do.

A sum of floats depends on the order of the additions. torch adds in *lanes*: eight float32 at a
time (four float64), four such vectors side by side, and every so often it moves a partial sum to a
higher level (`cascade`), so that small numbers are not lost in a large total. Which of the
dimensions it walks along first depends on the strides. This follows `SumKernel.cpp` and the loops
of `TensorIterator`, for one thread.

Vectors here hold many sums at once: a list with one number for each lane of each sum.
"""

import operator
from array import array

from torch import dtypes
from torch.strides import Size

SIDE_BY_SIDE = 4  # vectors
LEVELS = 4


def sums(t, dims):
    """The sums of `t` over `dims`, a list in the order of the other dimensions."""
    if t.dtype not in (dtypes.float32, dtypes.float64):
        return _in_any_order(t, dims)
    geometry, values = t._geometry, t._storage.values
    lanes, add = (8, _add32) if t.dtype is dtypes.float32 else (4, _add64)
    kept = [i for i in range(t.dim()) if i not in dims]
    reduced = sorted(
        ((geometry.strides[i], geometry.shape[i]) for i in dims if geometry.shape[i] != 1),
        key=lambda each: each[0],
    )
    starts = geometry.permuted(kept).positions()
    if 0 in geometry.shape:
        return [0.0] * len(starts)
    if not reduced:
        return [values[at] for at in starts]
    (step, count), *further = _joined(reduced)
    ways = _ways(geometry, kept, step, count, further, lanes)
    totals = [0.0] * len(starts)
    for more in _offsets(further):
        for way in sorted(set(ways)):
            which = [i for i, each in enumerate(ways) if each == way]
            first = [starts[i] + more for i in which]
            if len(first) == 1 and step:
                at = first[0]
                rows = [[v] for v in values[at : at + count * step : step]]
            else:
                rows = [[values[at + n * step] for at in first] for n in range(count)]
            part = WAYS[way](rows, lanes, add)
            for i, total in zip(which, add([totals[i] for i in which], part)):
                totals[i] = total
    return totals


def _in_any_order(t, dims):
    """Whole numbers are exact in any order; 16 bits and complex numbers are added in 64."""
    kept = [i for i in range(t.dim()) if i not in dims]
    values, inner = t._storage.values, t._geometry.permuted(dims)._replace(offset=0).positions()
    starts = t._geometry.permuted(kept).positions()
    return [sum([values[at + more] for more in inner]) for at in starts]


def _joined(pairs):
    """(stride, size) of dimensions, neighbours that step as one made one."""
    out = [pairs[0]]
    for stride, size in pairs[1:]:
        last_stride, last_size = out[-1]
        if stride == last_stride * last_size:
            out[-1] = last_stride, last_size * size
        else:
            out.append((stride, size))
    return out


def _offsets(pairs):
    found = [0]
    for stride, size in pairs:
        found = [at + i * stride for i in range(size) for at in found]
    return found


def _ways(geometry, kept, step, count, further, lanes):
    """How each sum is made: "lanes" where its numbers stand side by side, "columns" where those of
    neighbouring sums do and enough of them are summed together, else "alone"."""
    total = Size(geometry.shape[i] for i in kept).numel()
    if step == 1 and count >= lanes:
        return ["lanes"] * total
    beside = [(geometry.strides[i], geometry.shape[i]) for i in reversed(kept)]
    beside = [each for each in beside if each[1] != 1]
    if further or not beside:
        return ["alone"] * total
    stride, width = _joined(beside)[0]
    if stride == 1 and width >= lanes:
        block = SIDE_BY_SIDE * lanes
    elif step < stride:
        return ["alone"] * total
    else:
        block = SIDE_BY_SIDE
    together = width - width % block
    return [("columns" if i % width < together else "alone") for i in range(total)]


def _add32(a, b):
    return array("f", map(operator.add, a, b)).tolist()


def _add64(a, b):
    return list(map(operator.add, a, b))


def cascade(rows, add):
    """The rows added one after the other, partial sums moving up through the levels."""
    bits = max(4, (len(rows) - 1).bit_length() // LEVELS)
    batch, levels, at = 1 << bits, [[0.0] * len(rows[0]) for _ in range(LEVELS)], 0
    while at + batch <= len(rows):
        for row in rows[at : at + batch]:
            levels[0] = add(levels[0], row)
        at += batch
        for level in range(1, LEVELS):
            levels[level] = add(levels[level], levels[level - 1])
            levels[level - 1] = [0.0] * len(rows[0])
            if at & (batch - 1) << level * bits:
                break
    for row in rows[at:]:
        levels[0] = add(levels[0], row)
    total = levels[0]
    for level in levels[1:]:
        total = add(total, level)
    return total


def _columns(rows, lanes, add):
    return cascade(rows, add)


def _alone(rows, lanes, add):
    """Four partial sums, of every fourth row each."""
    four, width = len(rows) // SIDE_BY_SIDE, len(rows[0])
    parts = [[0.0] * width for _ in range(SIDE_BY_SIDE)]
    if four:
        joined = [sum(rows[i * 4 : i * 4 + 4], []) for i in range(four)]
        together = cascade(joined, add)
        parts = [together[k * width : (k + 1) * width] for k in range(SIDE_BY_SIDE)]
    for row in rows[four * SIDE_BY_SIDE :]:
        parts[0] = add(parts[0], row)
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


def _in_lanes(rows, lanes, add):
    """Rows are cut into vectors of `lanes`; what is left over is added first, then lane by lane."""
    vectors = len(rows) // lanes
    joined = [sum(rows[i * lanes : (i + 1) * lanes], []) for i in range(vectors)]
    found, width = _alone(joined, lanes, add), len(rows[0])
    total = [0.0] * width
    for row in rows[vectors * lanes :]:
        total = add(total, row)
    for lane in range(lanes):
        total = add(total, found[lane * width : (lane + 1) * width])
    return total


WAYS = {"lanes": _in_lanes, "columns": _columns, "alone": _alone}
