"""Order: sort, topk, unique, searching.

Equal numbers stand in the order in which torch leaves them. `sort` keeps theirs; `topk` does not:
it uses the C++ library's `nth_element`, `sort` and `partial_sort`, whose steps are followed here
where equal numbers make them visible.
"""

import bisect
import math
import operator
from collections import namedtuple

from torch import autograd, dtypes
from torch.autograd import saving
from torch.names import public, refuse
from torch.reduction import evenly, groups, lines
from torch.strides import dimension
from torch.tensors import Tensor, beside, make, new, numbers, operand

sort_type = namedtuple("sort", "values indices")
topk_type = namedtuple("topk", "values indices")
median_type = namedtuple("median", "values indices")
kth_type = namedtuple("kthvalue", "values indices")
mode_type = namedtuple("mode", "values indices")


def order(values, descending=False):
    """The indices in order of their values; NaN counts as larger than any number."""
    if any(map(operator.ne, values, values)):
        largest = math.inf

        def key(i):
            return (True, largest) if values[i] != values[i] else (False, values[i])

        return sorted(range(len(values)), key=key, reverse=descending)
    return sorted(range(len(values)), key=values.__getitem__, reverse=descending)


@public()
def argsort(x, dim=-1, descending=False, *, stable=False):
    """The indices that sort."""
    found, back = lines(x, dim)
    out = back([order(values, descending) for values in found], dtypes.int64)
    return beside(numbers(out), x, dtypes.int64)


def _taken(x, dim, indices):
    return saving(x.gather(dim, indices) if x.dim() else x.clone(), indices)


@public()
def sort(x, dim=-1, descending=False, *, stable=False):
    """Values in order, and where they were."""
    indices = argsort(x, dim, descending)
    return sort_type(_taken(x, dim, indices), indices)


@public()
def msort(x):
    """Sorted along the first dimension."""
    return sort(x, 0).values


@public()
def topk(x, k, dim=-1, largest=True, sorted=True):
    """The k largest, or smallest, and where they were."""
    if x.dtype is dtypes.bool_:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    size = x.size(dim) if x.dim() else 1
    if not 0 <= k <= size:
        raise RuntimeError("selected index k out of range")
    if not x.dim():
        dimension(dim, 0)
        indices = new([0], (), dtypes.int64)
        return topk_type(_taken(x, dim, indices), indices)  # the number itself, even for k = 0
    found, back = lines(x, dim)
    chosen = [_first(values, k, largest, sorted) for values in found]
    indices = back(chosen, dtypes.int64, k)
    return topk_type(_taken(x, dim, indices), indices)


def _first(values, k, largest, in_order):
    """The indices of the first k in torch's order of equal ones."""
    ranked = order(values, largest)
    key = [(v != v, 0 if v != v else v) for v in values]  # NaN is larger than infinity
    tied = any(key[a] == key[b] for a, b in zip(ranked[:k], ranked[1 : k + 1]))
    if in_order and not tied:
        return ranked[:k]
    if largest:
        before = operator.gt
    else:
        before = operator.lt
    queue = [(v, i) for i, v in enumerate(key)]
    less = lambda a, b: before(a[0], b[0])  # noqa: E731
    if not k:
        return []
    if k * 64 <= len(values):
        _partial_sort(queue, k, less)
    else:
        _nth_element(queue, k - 1, less)
        if in_order:
            _sort(queue, k - 1, less)
    return [i for _, i in queue[:k]]


# libstdc++: what <algorithm> does to q[first:last] with the comparison `less`


def _median_to_first(q, result, a, b, c, less):
    if less(q[a], q[b]):
        best = b if less(q[b], q[c]) else c if less(q[a], q[c]) else a
    else:
        best = a if less(q[a], q[c]) else c if less(q[b], q[c]) else b
    q[result], q[best] = q[best], q[result]


def _partition(q, first, last, less):
    _median_to_first(q, first, first + 1, first + (last - first) // 2, last - 1, less)
    pivot, left, right = q[first], first + 1, last
    while True:
        while less(q[left], pivot):
            left += 1
        right -= 1
        while less(pivot, q[right]):
            right -= 1
        if left >= right:
            return left
        q[left], q[right] = q[right], q[left]
        left += 1


def _insertion_sort(q, first, last, less):
    for i in range(first + 1, last):
        value = q[i]
        if less(value, q[first]):
            q[first + 1 : i + 1] = q[first:i]
            q[first] = value
        else:
            _insert(q, i, less)


def _insert(q, i, less):
    value = q[i]
    while less(value, q[i - 1]):
        q[i] = q[i - 1]
        i -= 1
    q[i] = value


def _nth_element(q, nth, less):
    first, last = 0, len(q)
    if nth == last:
        return
    depth = 2 * (last.bit_length() - 1)
    while last - first > 3:
        if depth == 0:
            _heap_select(q, first, nth + 1, last, less)
            q[first], q[nth] = q[nth], q[first]
            return
        depth -= 1
        cut = _partition(q, first, last, less)
        first, last = (cut, last) if cut <= nth else (first, cut)
    _insertion_sort(q, first, last, less)


def _sort(q, last, less):
    if not last:
        return
    _intro_sort(q, 0, last, 2 * (last.bit_length() - 1), less)
    if last > 16:
        _insertion_sort(q, 0, 16, less)
        for i in range(16, last):
            _insert(q, i, less)
    else:
        _insertion_sort(q, 0, last, less)


def _intro_sort(q, first, last, depth, less):
    while last - first > 16:
        if depth == 0:
            part = q[first:last]
            _heap_sort(part, less)
            q[first:last] = part
            return
        depth -= 1
        cut = _partition(q, first, last, less)
        _intro_sort(q, cut, last, depth, less)
        last = cut


def _heap_sort(q, less):
    _heap_select(q, 0, len(q), len(q), less)
    _sort_heap(q, len(q), less)


def _partial_sort(q, middle, less):
    _heap_select(q, 0, middle, len(q), less)
    _sort_heap(q, middle, less)


def _sift(q, first, hole, length, value, less):
    """Down to a leaf along the larger children, then up again: `std::__adjust_heap`."""
    top, child = hole, hole
    while child < (length - 1) // 2:
        child = 2 * (child + 1)
        if less(q[first + child], q[first + child - 1]):
            child -= 1
        q[first + hole] = q[first + child]
        hole = child
    if length % 2 == 0 and child == (length - 2) // 2:
        child = 2 * (child + 1)
        q[first + hole] = q[first + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and less(q[first + parent], value):
        q[first + hole] = q[first + parent]
        hole, parent = parent, (parent - 1) // 2
    q[first + hole] = value


def _heap_select(q, first, middle, last, less):
    length = middle - first
    for parent in range((length - 2) // 2, -1, -1):
        _sift(q, first, parent, length, q[first + parent], less)
    for i in range(middle, last):
        if less(q[i], q[first]):
            value, q[i] = q[i], q[first]
            _sift(q, first, 0, length, value, less)


def _sort_heap(q, length, less):
    for end in range(length - 1, 0, -1):
        value, q[end] = q[end], q[0]
        _sift(q, 0, 0, end, value, less)


@public()
def kthvalue(x, k, dim=-1, keepdim=False):
    """The k-th smallest."""
    if not x.dim() and x.dtype is dtypes.bool_:
        refuse("the kthvalue of one bool")
    dtypes.at_least(dtypes.INT, "kthvalue_cpu", x.dtype)
    found, back = lines(x, dim)
    if not 1 <= k <= (x.size(dim) if x.dim() else 1):
        raise RuntimeError("kthvalue(): selected number k out of range for dimension")
    places = [[_quick_select(values, k - 1)] for values in found]
    return kth_type(*_picked(x, dim, keepdim, back(places, dtypes.int64, 1)))


def _quick_select(values, k):
    """The index of the k-th smallest, from 0 on; of equal ones that which torch's quickselect
    finds."""
    queue = list(enumerate(values))

    def above(a, b):
        (_, a), (_, b) = a, b
        return (a != a and b == b) or a > b

    def swap(i, j):
        queue[i], queue[j] = queue[j], queue[i]

    left, right = 0, len(queue) - 1
    while right > left + 1:
        swap(left + (right - left) // 2, left + 1)
        for low, high in (left + 1, right), (left, right), (left + 1, left):
            if above(queue[low], queue[high]):
                swap(low, high)
        i, j, pivot = left + 1, right, queue[left]
        while True:
            i, j = i + 1, j - 1
            while above(pivot, queue[i]):
                i += 1
            while above(queue[j], pivot):
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(left, j)
        left, right = (i if j <= k else left), (j - 1 if j >= k else right)
    if right == left + 1 and above(queue[left], queue[right]):
        swap(left, right)
    return queue[k][0]


def _picked(x, dim, keepdim, indices):
    values = _taken(x, dim, indices)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _middle(values):
    """The place of the median; of the first NaN if there is one."""
    for i, v in enumerate(values):
        if v != v:
            return i
    return order(values)[(len(values) - 1) // 2]


@public()
def median(x, dim=None, keepdim=False):
    """The middle value, of two the lower."""
    if not x.numel() and x.dtype.kind < dtypes.FLOAT:
        refuse("the median of no whole numbers or bools")
    dtypes.at_least(dtypes.INT, "median_cpu", x.dtype)
    if dim is None and not x.numel():
        return evenly(x, *dtypes.stored([math.nan], x.dtype))
    if x.dim() and dim is not None and not x.size(dim):
        raise IndexError(
            f"median(): Expected reduction dim {dimension(dim, x.dim())} to have non-zero size."
        )
    if dim is None:
        flat = x.reshape(-1)
        return evenly(x, numbers(flat)[_middle(numbers(flat))])
    if any(step == 0 and n > 1 for n, step in zip(x.shape, x.stride())):
        refuse("the median along a dimension of an expanded tensor")  # torch gives a wrong one
    found, back = lines(x, dim)
    middle = [[_middle(v)] for v in found]
    return median_type(*_picked(x, dim, keepdim, back(middle, dtypes.int64, 1)))


@public()
def quantile(x, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The value below which a share q lies, by interpolation."""
    if interpolation != "linear":
        refuse(f"quantile(interpolation={interpolation!r})")
    many = isinstance(q, Tensor) and q.dim() > 0
    shares = numbers(q) if isinstance(q, Tensor) else [q]
    if not all(0 <= share <= 1 for share in shares):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    source = x.reshape(-1) if dim is None else x
    at = 0 if dim is None else dimension(dim, x.dim())
    ranked = sort(source, at).values

    def one(share):
        place = dtypes.stored([share], x.dtype)[0] * (ranked.size(at) - 1)
        low = math.floor(place)
        high = min(low + 1, ranked.size(at) - 1)
        below, above = ranked.select(at, low), ranked.select(at, high)
        return below + (above - below) * (place - low)

    from torch.joining import stack

    out = [one(share) for share in shares]
    if keepdim:
        out = [each.reshape([1] * x.dim()) if dim is None else each.unsqueeze(at) for each in out]
    return stack(out) if many else out[0]


def _counted(values):
    seen = {}
    for v in values:
        seen[v] = seen.get(v, 0) + 1
    return seen


@public()
def unique(x, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different values in order; their places and counts if asked for."""
    if dim is not None:
        refuse("unique(dim=…)")
    if autograd.recording(x):
        refuse("the gradient of unique")
    values = numbers(x)
    seen = _counted(values)
    ranked = [list(seen)[i] for i in order(list(seen))]
    out = [new(ranked, (len(ranked),), x.dtype)]
    if return_inverse:
        place = {v: i for i, v in enumerate(ranked)}
        out.append(new([place[v] for v in values], x.shape, dtypes.int64))
    if return_counts:
        out.append(new([seen[v] for v in ranked], (len(ranked),), dtypes.int64))
    return out[0] if len(out) == 1 else tuple(out)


@public()
def unique_consecutive(x):
    """Without repetitions of neighbours, in one dimension."""
    values = numbers(x)
    kept = [v for i, v in enumerate(values) if not i or v != values[i - 1]]
    return new(kept, (len(kept),), x.dtype)


@public()
def mode(x, dim=-1, keepdim=False):
    """The commonest value, of several the smallest, and its last place."""
    found, back = lines(x, dim)
    places = []
    for values in found:
        seen = _counted(values)
        best = min(v for v in seen if seen[v] == max(seen.values()))
        places.append([max(i for i, v in enumerate(values) if v == best)])
    return mode_type(*_picked(x, dim, keepdim, back(places, dtypes.int64, 1)))


@public()
def bincount(x, weights=None, minlength=0):
    """How often each whole number from 0 on occurs."""
    values = numbers(x)
    if any(v < 0 for v in values) or x.dim() != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    counts = [0] * max(minlength, max(values, default=-1) + 1)
    for v, weight in zip(values, [1] * len(values) if weights is None else numbers(weights)):
        counts[v] += weight
    if weights is None:
        return new(counts, (len(counts),), dtypes.int64)
    d = weights.dtype if weights.dtype is dtypes.float32 else dtypes.float64
    return make(counts, (len(counts),), d)


@public(method=False)
def searchsorted(sorted_sequence, values, *, right=False, side=None, out_int32=False):
    """Where values would have to stand."""
    find = bisect.bisect_right if right or side == "right" else bisect.bisect_left
    values = operand(values)
    if sorted_sequence.dim() == 1:
        edges = numbers(sorted_sequence)
        found = [find(edges, v) for v in numbers(values)]
    else:
        rows, width = groups(sorted_sequence, [sorted_sequence.dim() - 1]), values.size(-1)
        found = [find(rows[i // width], v) for i, v in enumerate(numbers(values))]
    return new(found, values.shape, dtypes.int32 if out_int32 else dtypes.int64)


@public(method=False)
def bucketize(values, boundaries, *, right=False):
    """In which of the intervals each value is."""
    return searchsorted(boundaries, values, right=right)


@public(method=False)
def isin(elements, test_elements, *, invert=False):
    """Is each one among the others?"""
    others = set(numbers(operand(test_elements)))
    elements = operand(elements)
    found = [(v in others) != invert for v in numbers(elements)]
    return new(found, elements.shape, dtypes.bool_)


@public()
def histc(x, bins=100, min=0, max=0):
    """How many are in each of so many equal intervals."""
    values = numbers(x)
    low, high = (min, max) if min != max else (_least(values), _most(values))
    counts = [0] * bins
    for v in values:
        if low <= v <= high:
            counts[int((v - low) / (high - low) * bins) if v < high else bins - 1] += 1
    return make(counts, (bins,), x.dtype)


_least, _most = min, max
