"""Compute the engine's default parts: what the taught functions compute, in fewer and larger
operations of torch. Attention is in fast/attention.py.

Each replaces the taught function of its name, takes the same arguments and returns the same
numbers up to rounding. `model.using(...)` puts a taught or a learner's function in its place.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from llmlib.fast import kernels
from llmlib.fast.quantized import Packed

SLICES = 16  # of a matrix, which the processor's cores share among them
ROWS_IN_MLP = 512
ZERO = torch.zeros((), device="cpu", dtype=torch.float32)
FEW_ROWS = 4  # with more rows than this oneDNN's product is the fastest one
onednn_linear = (
    torch.ops.mkldnn._linear_pointwise.default if torch.backends.mkldnn.is_available() else None
)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None):
    """Return x [..., d_in] times weight [d_out, d_in] transposed, plus bias -> [..., d_out], as
    fast as memory delivers the weights.

    For many rows that is oneDNN's product, for few the one that `kernels` chose.
    """
    if isinstance(weight, Packed):
        y = weight.times(x)
        return y if bias is None else y + bias
    fits = x.is_cpu and x.dtype == torch.float32 and x.size(-1) == weight.size(1)
    if not fits or torch.is_grad_enabled():  # of shapes that do not fit it says both
        return F.linear(x, weight, bias)
    if x.numel() <= FEW_ROWS * x.shape[-1] and torch.backends.mkl.is_available():
        product = _in_slices if kernels.chosen.few_rows == "slices" else F.linear
        return product(x, weight, bias)
    if onednn_linear is None or not kernels.enough_threads():
        return F.linear(x, weight, bias)
    return by_onednn(x, weight, bias)


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None):
    """Compute `linear` by oneDNN, of float32 on a processor that has it, with threads enough."""
    return onednn_linear(x, weight, bias, "none", [], "")


def _in_slices(x: Tensor, weight: Tensor, bias: Tensor | None):
    """Multiply by a batch of products: slices of the matrix, each with the same vectors."""
    d_out, d_in = weight.shape
    rows = x.numel() // d_in
    if d_out % SLICES:
        return F.linear(x, weight, bias)
    columns = x.reshape(rows, d_in).t().expand(SLICES, d_in, rows)
    y = torch.bmm(weight.view(SLICES, -1, d_in), columns)  # slices d_out/slices rows
    y = y.view(d_out, rows).t().reshape(*x.shape[:-1], d_out)
    return y if bias is None else y + bias


def linears(x: Tensor, *weights: tuple):
    """Return several products with the same x, side by side: x [..., d_in], (weight, bias or None)
    each -> [..., all their d_out].

    One product, if the weights are views of one block, one below the other, as they are loaded.
    """
    matrices, biases = zip(*weights)
    alike = len({bias is None for bias in biases}) == 1
    if not alike or (block := _block_of(matrices)) is None:
        return torch.cat([linear(x, *pair) for pair in weights], dim=-1)
    return linear(x, block, None if biases[0] is None else torch.cat(biases))


def _block_of(matrices: Sequence[Tensor | Packed]):
    """Return the block whose rows are those of the matrices, in this order and no others; or
    None."""
    block = matrices[0]._base
    if isinstance(block, Packed):
        return block if block.consists_of(matrices) else None
    if block is None or block.dim() != 2:
        return None
    strides, columns = block.stride(), block.size(1)
    row, place = strides[0] * block.element_size(), block.data_ptr()
    end = place + row * block.size(0)
    for matrix in matrices:
        looks = matrix.data_ptr(), matrix.stride(), matrix.size(1)
        if matrix._base is not block or looks != (place, strides, columns):
            return None
        place += row * matrix.size(0)
    return block if place == end else None


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5):
    """Apply RMSNorm as the taught function does. For a single vector the mean square is one
    product, and its root a plain number: fewer of torch's operations, between which a token
    waits."""
    size = weight.numel()
    is_vector = x.is_cpu and x.dtype == torch.float32 and x.numel() == size
    if is_vector and not torch.is_grad_enabled():
        flat = x.view(-1)
        if mean := flat.dot(flat).item() / size:  # zeros without eps have no root to divide by
            return torch.addcmul(ZERO, x, weight, value=(mean + eps) ** -0.5)
    return torch.rms_norm(x, weight.shape, weight, eps)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5):
    """Apply LayerNorm as the taught function does (Ba et al. 2016, arXiv:1607.06450), by torch's
    one operation."""
    return torch.layer_norm(x, weight.shape, weight, bias, eps)


def swiglu(
    x: Tensor,
    w_gate: Tensor,
    w_up: Tensor,
    w_down: Tensor,
    b_gate: Tensor | None = None,
    b_up: Tensor | None = None,
    b_down: Tensor | None = None,
):
    """Compute SwiGLU as the taught function does, a part of the rows after the other: the numbers
    between the products stay near the processor."""
    return _gated(F.silu, x, w_gate, w_up, w_down, b_gate, b_up, b_down)


def geglu(
    x: Tensor,
    w_gate: Tensor,
    w_up: Tensor,
    w_down: Tensor,
    b_gate: Tensor | None = None,
    b_up: Tensor | None = None,
    b_down: Tensor | None = None,
):
    """Compute Gemma's feed-forward: GELU (tanh) in place of SwiGLU's SiLU (Shazeer 2020,
    arXiv:2002.05202)."""
    return _gated(_gelu, x, w_gate, w_up, w_down, b_gate, b_up, b_down)


def _gelu(x: Tensor):
    return F.gelu(x, approximate="tanh")


def _gated(activation: Callable, x: Tensor, *weights: Tensor | None):
    w_gate, w_up, w_down, b_gate, b_up, b_down = weights
    if x.shape[:-1].numel() > ROWS_IN_MLP:
        blocks = x.flatten(0, -2).split(ROWS_IN_MLP)
        return torch.cat([_gated(activation, rows, *weights) for rows in blocks]).view_as(x)
    gate, up = linears(x, (w_gate, b_gate), (w_up, b_up)).chunk(2, dim=-1)
    return linear(activation(gate) * up, w_down, b_down)


def mlp(
    x: Tensor,
    w_in: Tensor,
    b_in: Tensor | None,
    w_out: Tensor,
    b_out: Tensor | None,
    approximate: str = "tanh",
):
    """Compute GPT-2's MLP as the taught function does: x [..., d_model] -> the same."""
    return linear(F.gelu(linear(x, w_in, b_in), approximate=approximate), w_out, b_out)


def apply_rope(x: Tensor, positions: Tensor, theta: float | Tensor = 10000.0):
    """Apply RoPE as the taught function does, but cosines and sines are computed once for all
    layers, as long as `positions` is the same tensor, unchanged (which one made in inference mode
    cannot tell)."""
    changes = None if positions.is_inference() else positions._version
    cos, sin = _turns(positions, changes, theta, x.shape[-1], x.dtype)
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)


@lru_cache(maxsize=2)
def _turns(
    positions: Tensor, changes: int | None, theta: float | Tensor, head_dim: int, dtype: torch.dtype
):
    """Return cos and sin of each position's angles, each twice, the first sin negative: two tensors
    [seq, head_dim]."""
    exponents = torch.arange(0, head_dim, 2, device=positions.device) / head_dim  # head_dim/2
    angles = positions[:, None] * (1.0 / theta**exponents)  # seq head_dim/2
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)
