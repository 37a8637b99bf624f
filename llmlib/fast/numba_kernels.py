"""Run one token through a Llama with int4 matrices, as loops that numba compiles for the processor
that it finds: what `forward` computes, without a thousand of torch's operations between the
products.

Threads share the rows of each matrix, and wait for each other where one needs all of them. A row is
computed by one thread, in one order: the bits do not depend on how many there are.

A product's vector is rounded to 8 bits, one step for each 32 of its numbers, as llama.cpp does. Of
the weights nothing is rounded that int4 had not rounded before.
"""

import math
import os
from typing import NamedTuple

import numba
import numpy as np
from numba.extending import intrinsic
from numpy import ndarray

ROWS = 64  # of a matrix that are multiplied side by side, in the lanes of the processor's vectors
GROUP = 32  # numbers of a row that share a scale and an offset
PART = 256  # keys that are one piece of work
LINE = 8  # numbers of 8 bytes that the processor's caches pass on together
SPINS = 2000  # looks at the others; then a waiting thread lets somebody else have its core
ALWAYS = 2**62  # in `arrived`, of a thread that will not come: nobody waits for it

compiled = numba.njit(nogil=True, cache=True, fastmath={"contract"})  # a * b + c is rounded once
reordered = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})  # sums, too

if os.name == "posix":
    let_others_run = numba.types.ExternalFunction("sched_yield", numba.int32())
else:

    @compiled
    def let_others_run():
        """Do nothing, where there is no sched_yield."""
        pass


class Int4(NamedTuple):
    """Hold a matrix [d_out, d_in] of each layer, in blocks of 64 rows, the last one filled up: a
    weight is (4 bits - 8) * scale + offset."""

    fours: np.ndarray  # n_layer blocks d_in/2 64; uint8: the 4 bits of two columns
    scales: np.ndarray  # n_layer blocks d_in/32 2 64; a group's scale and offset, bfloat16's bits


class Matrices(NamedTuple):
    """Hold the weights of all layers, stacked."""

    norms: np.ndarray  # n_layer 2 d_model
    qkv: Int4
    o: Int4
    gate: Int4
    up: Int4
    down: Int4
    last_norm: np.ndarray  # d_model
    table: np.ndarray  # vocab d_model; int8
    table_scale: np.ndarray  # vocab


class Cache(NamedTuple):
    """Locate the KV cache in memory, and its shape."""

    keys: np.ndarray  # n_layer; the address of each layer's [n_kv_head, context, head_dim]
    values: np.ndarray
    n_kv_head: int
    context: int
    head_dim: int


class Shared(NamedTuple):
    """Hold what one thread writes and others read."""

    arrived: np.ndarray  # how often each thread has waited for the others
    x: np.ndarray  # d_model
    heads: np.ndarray  # (n_head + 2 n_kv_head) * head_dim, filled up to whole blocks
    parts: np.ndarray  # context/256 n_head head_dim+2
    hidden: np.ndarray  # d_ff, filled up
    logits: np.ndarray  # vocab


@compiled
def token(
    thread: int,
    n_threads: int,
    position: int,
    turns: ndarray,
    eps: float,
    matrices: Matrices,
    cache: Cache,
    buffers: Shared,
):
    """Compute this thread's part of one token: buffers.x, the row of the embedding table ->
    buffers.logits, and the token's keys and values at `position` of the cache.

    turns [2, head_dim/2]: cosine and sine of the angle of each of RoPE's pairs.
    """
    n_layer, _, d_model = matrices.norms.shape
    n_head, n_parts, size = buffers.parts.shape[1], position // PART + 1, cache.head_dim
    n_rep, d_ff = n_head // cache.n_kv_head, matrices.down.scales.shape[2] * GROUP
    me = thread, n_threads
    vector = np.empty(d_model, np.float32)
    heads_out = np.empty(n_head * size, np.float32)
    blocks = max(matrices.o.fours.shape[1], matrices.up.fours.shape[1])
    rows = np.empty(blocks * ROWS, np.float32)
    scores = np.empty((n_rep, PART), np.float32)
    for layer in range(n_layer):
        rms_norm(buffers.x, matrices.norms[layer, 0], eps, vector)
        product(matrices.qkv, layer, vector, me, buffers.heads)
        wait(buffers.arrived, me)
        shape = cache.n_kv_head, cache.context, size
        keys = numba.carray(at_address(cache.keys[layer]), shape, np.float32)
        values = numba.carray(at_address(cache.values[layer]), shape, np.float32)
        for h in range(thread, n_head + cache.n_kv_head, n_threads):
            head = buffers.heads[h * size : (h + 1) * size]
            apply_rope(head, turns)
            if h >= n_head:
                v = h + cache.n_kv_head
                keys[h - n_head, position] = head
                values[h - n_head, position] = buffers.heads[v * size : (v + 1) * size]
        wait(buffers.arrived, me)
        q = buffers.heads[: n_head * size].reshape(cache.n_kv_head, n_rep, size)
        for work in range(*share(cache.n_kv_head * n_parts, me)):
            h, part = work // n_parts, work % n_parts
            span = part * PART, min((part + 1) * PART, position + 1)
            out = buffers.parts[part, h * n_rep : (h + 1) * n_rep]
            attention(q[h], keys[h], values[h], span, scores, out)
        wait(buffers.arrived, me)
        for h in range(n_head):
            merge(buffers.parts[:n_parts, h], heads_out[h * size : (h + 1) * size])
        add_product(matrices.o, layer, heads_out, me, rows, buffers.x)
        wait(buffers.arrived, me)
        rms_norm(buffers.x, matrices.norms[layer, 1], eps, vector)
        product(matrices.gate, layer, vector, me, buffers.hidden)
        first, last = product(matrices.up, layer, vector, me, rows)
        for i in range(first, last):  # SwiGLU
            buffers.hidden[i] *= rows[i] / (np.float32(1) + math.exp(-buffers.hidden[i]))
        wait(buffers.arrived, me)
        add_product(matrices.down, layer, buffers.hidden[:d_ff], me, rows, buffers.x)
        wait(buffers.arrived, me)
    rms_norm(buffers.x, matrices.last_norm, eps, vector)
    table_product(matrices.table, matrices.table_scale, vector, me, buffers.logits)


@compiled
def share(n: int, me: tuple[int, int]):
    """Return which of n pieces of work are this thread's: first and last + 1."""
    thread, n_threads = me
    return n * thread // n_threads, n * (thread + 1) // n_threads


@compiled
def wait(arrivals: ndarray, me: tuple[int, int]):
    """Wait until all threads are here."""
    thread, n_threads = me
    count = arrivals[thread * LINE] + 1
    write_shared(arrivals, thread * LINE, count)
    for peer in range(n_threads):
        looks = 0
        while read_shared(arrivals, peer * LINE) < count:
            looks += 1
            if looks > SPINS:
                let_others_run()


@intrinsic
def read_shared(typing_context, array, index):
    """Return array[index] as another thread left it, and with it all that it wrote before."""

    def code(context, builder, signature, arguments):
        return builder.load_atomic(_place(context, builder, signature, arguments), "acquire", 8)

    return numba.int64(array, numba.int64), code


@intrinsic
def write_shared(typing_context, array, index, value):
    """Set array[index] = value, for others to see after all that this thread wrote before."""

    def code(context, builder, signature, arguments):
        place = _place(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], place, "release", 8)
        return context.get_dummy_value()

    return numba.void(array, numba.int64, numba.int64), code


def _place(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


@intrinsic
def at_address(typing_context, address):
    """Return the pointer that `carray` makes an array of."""

    def code(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return numba.types.voidptr(numba.int64), code


@compiled
def rms_norm(x: ndarray, weight: ndarray, eps: float, out: ndarray):
    """Apply RMSNorm (Zhang & Sennrich 2019, arXiv:1910.07467) of one vector x [d_model], into
    out."""
    squares = np.float32(0)
    for i in range(len(x)):
        squares += x[i] * x[i]
    factor = np.float32(1 / math.sqrt(squares / len(x) + eps))
    for i in range(len(x)):
        out[i] = x[i] * factor * weight[i]


@compiled
def apply_rope(head: ndarray, turns: ndarray):
    """Turn a head [head_dim] in place by turns [2, head_dim/2] (Su et al. 2021, RoFormer)."""
    half = len(head) // 2
    for i in range(half):
        a, b, cos, sin = head[i], head[half + i], turns[0, i], turns[1, i]
        head[i] = a * cos - b * sin
        head[half + i] = b * cos + a * sin


@compiled
def round_to_8_bits(x: ndarray):
    """Round to 8 bits: x [d] -> numbers [d] from -127 to 127; of each 32 of them the sum, the step,
    and the sum of x itself [d/32]."""
    numbers, all_numbers = np.empty(len(x), np.int16), np.empty(len(x) // GROUP, np.int16)
    steps, sums = np.empty(len(x) // GROUP, np.float32), np.empty(len(x) // GROUP, np.float32)
    for g in range(len(steps)):
        largest, total = np.float32(0), np.float32(0)
        for i in range(g * GROUP, (g + 1) * GROUP):
            largest = max(largest, abs(x[i]))
            total += x[i]
        steps[g], sums[g] = largest / np.float32(127), total
        times = np.float32(127) / largest if largest > 0 else np.float32(0)
        for i in range(g * GROUP, (g + 1) * GROUP):
            numbers[i] = np.int16(np.rint(x[i] * times))
        all_numbers[g] = numbers[g * GROUP : (g + 1) * GROUP].sum()
    return numbers, all_numbers, steps, sums


@compiled
def product(matrix: Int4, layer: int, x: ndarray, me: tuple[int, int], out: ndarray):
    """Compute this thread's rows of matrix times x, into out: first and last + 1."""
    factors = round_to_8_bits(x)
    first, last = share(matrix.fours.shape[1], me)
    total = np.empty(ROWS, np.int16)
    for block in range(first, last):
        y = out[block * ROWS : (block + 1) * ROWS]
        rows_times(matrix.fours[layer, block], matrix.scales[layer, block], *factors, total, y)
    return first * ROWS, last * ROWS


@compiled
def rows_times(
    fours: ndarray,
    scales: ndarray,
    numbers: ndarray,
    all_numbers: ndarray,
    steps: ndarray,
    sums: ndarray,
    total: ndarray,
    y: ndarray,
):
    """Multiply 64 rows by a rounded vector.

    total: of each row's group, the sum of 32 products (4 bits - 8) * number. It is at most 32 * 8 *
    127 and fits into 16 bits, so the sum may leave them on the way: what is too much drops out.
    """
    y[:] = 0
    bits = np.empty((2, ROWS), np.uint32)
    floats = bits.view(np.float32)
    for g in range(len(steps)):
        v = numbers[g * GROUP : (g + 1) * GROUP]
        total[:] = np.int16(-8 * all_numbers[g])
        for i in range(0, GROUP, 8):
            w = fours[(g * GROUP + i) // 2 : (g * GROUP + i) // 2 + 4]
            v0, v1, v2, v3 = v[i], v[i + 1], v[i + 2], v[i + 3]
            v4, v5, v6, v7 = v[i + 4], v[i + 5], v[i + 6], v[i + 7]
            for r in range(ROWS):
                total[r] = np.int16(
                    total[r]
                    + v0 * np.int16(w[0, r] & 15)
                    + v1 * np.int16(w[0, r] >> 4)
                    + v2 * np.int16(w[1, r] & 15)
                    + v3 * np.int16(w[1, r] >> 4)
                    + v4 * np.int16(w[2, r] & 15)
                    + v5 * np.int16(w[2, r] >> 4)
                    + v6 * np.int16(w[3, r] & 15)
                    + v7 * np.int16(w[3, r] >> 4)
                )
        for r in range(ROWS):
            bits[0, r] = np.uint32(scales[g, 0, r]) << np.uint32(16)  # a bfloat16 is the first half
            bits[1, r] = np.uint32(scales[g, 1, r]) << np.uint32(16)  # of a float32
        for r in range(ROWS):
            y[r] += floats[0, r] * (steps[g] * np.float32(total[r])) + floats[1, r] * sums[g]


@compiled
def add_product(
    matrix: Int4, layer: int, x: ndarray, me: tuple[int, int], rows: ndarray, out: ndarray
):
    """Add matrix times x to out, in this thread's rows."""
    first, last = product(matrix, layer, x, me, rows)
    for i in range(first, min(last, len(out))):
        out[i] += rows[i]


@reordered
def table_product(table: ndarray, scale: ndarray, x: ndarray, me: tuple[int, int], logits: ndarray):
    """Compute this thread's rows of the int8 table [vocab, d_model], times x [d_model], into logits
    [vocab]."""
    first, last = share(len(table), me)
    for r in range(first, last):
        y = np.float32(0)
        for i in range(len(x)):
            y += np.float32(table[r, i]) * x[i]
        logits[r] = y * scale[r]


@reordered
def attention(
    q: ndarray, keys: ndarray, values: ndarray, span: tuple[int, int], scores: ndarray, out: ndarray
):
    """Compute attention over some keys: q [n_rep, head_dim], the heads that share keys and values
    [context, head_dim], of which they see some: first, last + 1 -> out [n_rep, head_dim + 2].

    Of each head: the sum of the values, each times e to its score less the largest one; that one;
    the sum of those powers. `merge` needs them (Dao et al. 2023, "Flash-Decoding").
    """
    n_rep, size = q.shape
    root = np.float32(1 / math.sqrt(size))
    first, last = span
    n = last - first
    for t in range(n):
        for h in range(n_rep):
            score = np.float32(0)
            for i in range(size):
                score += q[h, i] * keys[first + t, i]
            scores[h, t] = score * root
    for h in range(n_rep):
        largest, total = scores[h, :n].max(), np.float32(0)
        for t in range(n):
            scores[h, t] = math.exp(scores[h, t] - largest)
            total += scores[h, t]
        out[h, :size] = 0
        out[h, size], out[h, size + 1] = largest, total
    for t in range(n):
        for h in range(n_rep):
            power = scores[h, t]
            for i in range(size):
                out[h, i] += power * values[first + t, i]


@compiled
def merge(parts: ndarray, out: ndarray):
    """Merge what `attention` found in each part of the keys [n_parts, head_dim + 2] -> out
    [head_dim]."""
    size = len(out)
    largest, total = parts[:, size].max(), np.float32(0)
    out[:] = 0
    for part in parts:
        weight = np.float32(math.exp(part[size] - largest))
        total += weight * part[size + 1]
        for i in range(size):
            out[i] += weight * part[i]
    for i in range(size):
        out[i] /= total
