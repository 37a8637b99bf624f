"""A strided view: where in a flat list the numbers of a tensor are.

Element [i, j, …] is at position `offset + i * strides[0] + j * strides[1] + …`. So to transpose is
to swap two strides, to take every second row is to double one, and to repeat a row is a stride
of 0: no number moves. Everything here computes with `Geometry` alone and never sees a number.
"""

import math
import operator
from functools import lru_cache
from typing import NamedTuple


class Size(tuple):
    """The shape of a tensor: a tuple with its product."""

    def numel(self):
        """How many numbers a tensor of this shape holds."""
        return math.prod(self)

    def __repr__(self):
        return f"torch.Size({list(self)})"

    def __getitem__(self, key):
        got = tuple.__getitem__(self, key)
        return Size(got) if isinstance(key, slice) else got

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))


@lru_cache(maxsize=4096)
def row_major(shape):
    """The strides of numbers that stand in order, the last index running fastest."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


class Geometry(NamedTuple):
    """Which positions of a list a tensor sees, and in which order."""

    offset: int
    shape: tuple
    strides: tuple

    @classmethod
    def fresh(cls, shape):
        """Numbers of a list of their own, in order."""
        shape = tuple(shape)
        return cls(0, shape, row_major(shape))

    def positions(self):
        """The position of each element, in order."""
        found = [self.offset]
        for size, stride in zip(self.shape, self.strides):
            if stride:
                found = [p for at in found for p in range(at, at + size * stride, stride)]
            else:
                found = [at for at in found for _ in range(size)]
        return found

    def is_contiguous(self):
        """Do the elements stand in order, without gaps?"""
        if self.strides == row_major(self.shape) or 0 in self.shape:
            return True
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides)):
            if size != 1:
                if stride != step:
                    return False
                step *= size
        return True

    def is_dense(self):
        """Do the elements fill one stretch, in whatever order?"""
        order = sorted(range(len(self.shape)), key=lambda i: (self.strides[i], self.shape[i]))
        return self.permuted([i for i in order if self.shape[i] != 1][::-1]).is_contiguous()

    def repeats(self):
        """Does a stride of 0 show an element several times?"""
        return any(step == 0 and n > 1 for n, step in zip(self.shape, self.strides))

    def permuted(self, order):
        """The dimensions in another order."""
        return Geometry(
            self.offset, tuple(self.shape[i] for i in order), tuple(self.strides[i] for i in order)
        )

    def selected(self, dim, index):
        """One index of a dimension, which goes."""
        shape, strides = self.shape, self.strides
        return Geometry(
            self.offset + index * strides[dim],
            shape[:dim] + shape[dim + 1 :],
            strides[:dim] + strides[dim + 1 :],
        )

    def sliced(self, dim, start, count, step=1):
        """`count` indices of a dimension."""
        shape, strides = list(self.shape), list(self.strides)
        offset = self.offset + start * strides[dim]
        shape[dim], strides[dim] = count, strides[dim] * step
        return Geometry(offset, tuple(shape), tuple(strides))

    def unsqueezed(self, dim):
        """A new dimension of size 1."""
        shape, strides = self.shape, self.strides
        step = shape[dim] * strides[dim] if dim < len(shape) else 1
        return Geometry(
            self.offset, shape[:dim] + (1,) + shape[dim:], strides[:dim] + (step,) + strides[dim:]
        )

    def squeezed(self, dims):
        """Without those of `dims` that have size 1."""
        kept = [i for i, size in enumerate(self.shape) if not (i in dims and size == 1)]
        return self.permuted(kept)

    def expanded(self, shape):
        """Dimensions of size 1 repeated, new ones in front: by strides of 0. -1 keeps a size."""
        new, have = len(shape) - len(self.shape), self.shape
        if new < 0:
            raise RuntimeError(
                f"expand(torch.FloatTensor{{{list(have)}}}, size={list(shape)}): the number of "
                f"sizes provided ({len(shape)}) must be greater or equal to the number of "
                f"dimensions in the tensor ({len(have)})"
            )
        shape = [have[i - new] if i >= new and size == -1 else size for i, size in enumerate(shape)]
        strides = [0] * new
        for at, (size, stride) in enumerate(zip(have, self.strides)):
            if size not in (1, shape[new + at]):
                raise RuntimeError(
                    f"The expanded size of the tensor ({shape[new + at]}) must match the existing "
                    f"size ({size}) at non-singleton dimension {new + at}.  "
                    f"Target sizes: {list(shape)}.  Tensor sizes: {list(have)}"
                )
            strides.append(stride if size == shape[new + at] else 0)
        return Geometry(self.offset, tuple(shape), tuple(strides))

    def reshaped(self, shape):
        """Another shape over the same positions; None where no strides can say it.

        Dimensions that step as one are a chunk; each new dimension must lie within one of them.
        """
        if 0 in self.shape:
            return Geometry(self.offset, tuple(shape), row_major(tuple(shape)))
        old, steps, new = self.shape or (1,), self.strides or (1,), [0] * len(shape)
        at, step, chunk, seen = len(shape) - 1, steps[-1], 1, 1
        for dim in range(len(old) - 1, -1, -1):
            chunk *= old[dim]
            if dim and (old[dim - 1] == 1 or steps[dim - 1] == chunk * step):
                continue  # the next dimension belongs to this chunk
            while at >= 0 and (seen < chunk or shape[at] == 1):
                new[at] = seen * step
                seen *= shape[at]
                at -= 1
            if seen != chunk:
                return None
            if dim:
                step, chunk, seen = steps[dim - 1], 1, 1
        return Geometry(self.offset, tuple(shape), tuple(new)) if at == -1 else None

    def diagonal(self, shift, first, second):
        """The elements whose indices of two dimensions differ by `shift`, as a last dimension."""
        rows, columns = self.strides[first], self.strides[second]
        count = min(self.shape[first] + min(shift, 0), self.shape[second] - max(shift, 0))
        rest = self.permuted([i for i in range(len(self.shape)) if i not in (first, second)])
        start = max(shift, 0) * columns + max(-shift, 0) * rows if count > 0 else 0
        return Geometry(
            self.offset + start, rest.shape + (max(count, 0),), rest.strides + (rows + columns,)
        )

    def unfolded(self, dim, size, step):
        """Windows of `size` along a dimension, as a last dimension."""
        windows = (self.shape[dim] - size) // step + 1
        moved = self.sliced(dim, 0, windows, step)
        return Geometry(self.offset, moved.shape + (size,), moved.strides + (self.strides[dim],))


def dimension(dim, count):
    """A dimension from 0 on; -1 is the last of `count`."""
    dim, most = operator.index(dim), max(count, 1)
    if not -most <= dim < most:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-most}, {most - 1}], "
            f"but got {dim})"
        )
    return dim % most


def dimensions(dim, count):
    """A list of dimensions from 0 on; None and an empty list are all of them."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return list(range(count))
    found = [dimension(each, count) for each in (dim if isinstance(dim, (list, tuple)) else [dim])]
    for each in found:
        if found.count(each) > 1:
            raise RuntimeError(f"dim {each} appears multiple times in the list of dims")
    return found if count else []


def broadcast(*shapes):
    """The shape that all of these can be expanded to, aligned at the last dimension."""
    if shapes and all(shape == shapes[0] for shape in shapes[1:]):
        return tuple(shapes[0])
    count, out = max(map(len, shapes), default=0), []
    for i in range(-count, 0):
        sizes = [shape[i] if len(shape) >= -i else 1 for shape in shapes]
        size = next((each for each in sizes if each != 1), 1)
        if other := [each for each in sizes if each not in (1, size)]:
            raise RuntimeError(
                f"The size of tensor a ({size}) must match the size of tensor b ({other[0]}) "
                f"at non-singleton dimension {count + i}"
            )
        out.append(size)
    return tuple(out)


def sizes(given):
    """The shape that was written as `(2, 3)`, `[2, 3]` or `2, 3`."""
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        given = given[0]
    return tuple(map(operator.index, given))


def completed(shape, count):
    """A shape for `count` elements, in which one size may be -1."""
    known = math.prod(size for size in shape if size != -1)
    wrong = f"shape '{list(shape)}' is invalid for input of size {count}"
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 in shape:
        if not known:
            raise RuntimeError(
                f"cannot reshape tensor of {count} elements into shape {list(shape)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        if count % known:
            raise RuntimeError(wrong)
        return tuple(count // known if size == -1 else size for size in shape)
    if known != count:
        raise RuntimeError(wrong)
    return tuple(shape)
