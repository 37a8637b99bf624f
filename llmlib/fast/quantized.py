"""Store weights in fewer bits: matrices that multiply float32 vectors and are stored as bfloat16,
int8 or int4."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from llmlib.fast import kernels

KINDS = ("float32", "bfloat16", "int8", "int4")
FEW_ROWS = 8  # up to here one kernel: continuous_batching needs that; with more, another is faster
GROUP = 32  # numbers of a row that share a scale and an offset in int4
BLOCK = 64  # rows that the int4 kernel keeps together
PART = 1 << 24  # numbers of a matrix that are float32 at once


class Packed:
    """Hold a weight matrix [d_out, d_in] in fewer bits. To any function of torch it looks like a
    float32 tensor.

    `F.linear(x, w)` and `x @ w.T` multiply with the stored numbers; everything else gets
    `w.float()`. So a learner's function that was written for tensors runs on packed weights too.

    rows: bfloat16, or int8 with `scale` [d_out]. blocked: the bfloat16 rows once more, in the order
    in which oneDNN reads them; without it each product would put them in that order first. fours:
    the same matrix as int4 numbers, scales and offsets, read instead of rows when there are few
    vectors (memory is the limit then; with many vectors, arithmetic is).
    """

    def __init__(
        self,
        rows: Tensor,
        scale: Tensor | None = None,
        fours: tuple[Tensor, Tensor] | None = None,
        base: "Packed | None" = None,
        turned: bool = False,
        blocked: Tensor | None = None,
    ):
        self.rows, self.scale, self.fours, self.blocked = rows, scale, fours, blocked
        self._base, self._turned = base, turned

    @classmethod
    def of(cls, weight: Tensor, kind: str, name: str = "a matrix"):
        """Return `weight` as `kind` of KINDS. ValueError, with the matrix's name, if torch cannot
        multiply with it here."""
        try:
            matrix = {"bfloat16": _bfloat16, "int8": _int8, "int4": _int4}[kind](weight)
            matrix.times(torch.zeros(1, weight.shape[1], device=weight.device))
        except (RuntimeError, NotImplementedError) as error:
            raise ValueError(
                f"{name} of shape {tuple(weight.shape)} cannot be multiplied as {kind} on "
                f'{weight.device} ({str(error).splitlines()[0]}): load with weights="float32"'
            ) from None
        return matrix

    def times(self, x: Tensor):
        """Multiply: x [..., d_in] float32 -> [..., d_out] float32: the factors rounded to bfloat16,
        the sums made in float32 and, by bfloat16's kernels, rounded to it. RuntimeError for an x of
        another width."""
        if x.shape[-1] != self.rows.shape[1]:
            return F.linear(x, self.rows.float())  # says the two shapes, which the kernels do not
        flat = x.reshape(-1, x.shape[-1]).bfloat16().contiguous()  # as the kernels ask
        if len(flat) <= FEW_ROWS and self.fours:
            y = torch._weight_int4pack_mm_for_cpu(flat, self.fours[0], GROUP, self.fours[1])
        elif self.blocked is not None and kernels.enough_threads():
            y = torch.ops.mkldnn._linear_pointwise(flat, self.blocked, None, "none", [], "")
        elif self.scale is not None and len(flat) <= FEW_ROWS and self.rows.shape[1] % GROUP == 0:
            # of other widths torch 2.13 reads too far: wrong numbers, or the end of the process
            y = torch._weight_int8pack_mm(flat, self.rows, self.scale)
        else:
            slow = len(flat) > FEW_ROWS and not onednn_has_bfloat16()
            if flat.is_cpu and (slow or not kernels.enough_threads()):
                y = _in_float32(flat, self.rows)
            else:
                y = F.linear(flat, self.rows.bfloat16())
            y = y if self.scale is None else y.float() * self.scale.float()
        return y.float().view(*x.shape[:-1], y.shape[-1])

    @property
    def group_scales(self):
        """Return [d_in/32, d_out, 2]: of each row's groups of int4 the scale and the offset, in
        bfloat16; None for other kinds. A row of a block has the block's."""
        if self.fours:
            return self.fours[1]
        if self._base is None or not self._base.fours:
            return None
        return self._base.fours[1][:, slice(*self._place)]

    def float(self):
        """Return the matrix that it stands for, as a tensor of float32."""
        weight = self.rows.float()
        weight = weight if self.scale is None else weight * self.scale[:, None].float()
        return weight.T if self._turned else weight

    def split(self, sizes: list[int]):
        """Cut into blocks of rows that remember, as a tensor's views do, the whole (`_base`)."""
        ends = torch.tensor(sizes).cumsum(0).tolist()
        return [self._between(end - size, end) for size, end in zip(sizes, ends)]

    def consists_of(self, matrices: Sequence["Packed"]):
        """Tell whether these are all of its blocks of rows, in their order. Asked for each
        token."""
        end = 0
        for part in matrices:
            if part._base is not self or part._place[0] != end:
                return False
            end = part._place[1]
        return end == len(self.rows)

    def _between(self, start: int, end: int):
        scale = None if self.scale is None else self.scale[start:end]
        fours = None
        if self.fours and start % BLOCK == end % BLOCK == 0:
            numbers, scales = self.fours
            fours = numbers[start:end], scales[:, start:end].contiguous()
        part = Packed(self.rows[start:end], scale, fours, base=self)
        part._place = start, end
        return part

    def __getitem__(self, index: Any):
        """Return rows by index, as float32: what an embedding looks up."""
        if self._turned or isinstance(index, tuple):
            return self.float()[index]
        rows = self.rows[index].float()
        return rows if self.scale is None else rows * self.scale[index][..., None].float()

    @property
    def T(self):
        """Return the same matrix, turned: for `x @ w.T`."""
        return Packed(
            self.rows, self.scale, self.fours, turned=not self._turned, blocked=self.blocked
        )

    @property
    def shape(self):
        """Return [d_out, d_in]; of a turned one, [d_in, d_out]."""
        return self.rows.shape[::-1] if self._turned else self.rows.shape

    @property
    def device(self):
        """Return where the numbers are."""
        return self.rows.device

    @property
    def nbytes(self):
        """Count the bytes of the numbers read for one token."""
        if self.fours:
            return sum(t.nbytes for t in self.fours)
        return self.rows.nbytes + (0 if self.scale is None else self.scale.nbytes)

    dtype = torch.float32  # what it computes in, and gives back

    def data_ptr(self):
        """Return the address of its first number."""
        return self.rows.data_ptr()

    def __len__(self):
        return self.shape[0]

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.float(), name)

    @classmethod
    def __torch_function__(
        cls, function: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ):
        kwargs = kwargs or {}
        if function is F.linear and isinstance(args[1], cls) and not args[1]._turned:
            bias = args[2] if len(args) > 2 else kwargs.get("bias")
            y = args[1].times(args[0])
            return y if bias is None else y + bias
        if function in PRODUCTS and isinstance(args[1], cls) and args[1]._turned:
            return args[1].times(args[0])
        plain = [a.float() if isinstance(a, cls) else a for a in args]
        return function(
            *plain, **{k: v.float() if isinstance(v, cls) else v for k, v in kwargs.items()}
        )


PRODUCTS = {torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.mm, torch.Tensor.mm}


def onednn_has_bfloat16():
    """Tell whether oneDNN multiplies bfloat16 on this processor: torch's own product takes eight
    times as long as one in float32."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _in_float32(x: Tensor, rows: Tensor):
    """Return x times rows transposed, some of the rows after the other."""
    parts = rows.split(max(PART // rows.shape[1], 1))
    return torch.cat([F.linear(x.float(), part.float()) for part in parts], dim=-1)


def _bfloat16(weight: Tensor):
    rows, layout = weight.bfloat16(), None
    if onednn_has_bfloat16() and rows.device.type == "cpu":
        layout = torch.ops.mkldnn._reorder_linear_weight(rows)
    return Packed(rows, blocked=layout)


def _int8(weight: Tensor):
    """Pack with one scale a row, itself rounded first."""
    scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12).bfloat16()
    numbers = (weight / scale.float()[:, None]).round_().clamp_(-127, 127)
    return Packed(numbers.to(torch.int8), scale)


def _int4(weight: Tensor):
    """Pack into 16 evenly spaced values from the least to the largest of each group of a row:
    (number - 8) * scale + offset."""
    if weight.shape[1] % GROUP:
        raise NotImplementedError(f"its rows cannot be cut into groups of {GROUP}")
    groups = weight.view(len(weight), -1, GROUP)  # d_out d_in/32 32
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp(min=1e-12).bfloat16().float()
    offset = (low + 8 * scale).bfloat16().float()
    numbers = ((groups - offset) / scale + 8).round_().clamp_(0, 15)
    rows = ((numbers - 8) * scale + offset).view_as(weight).bfloat16()
    scales = torch.cat([scale, offset], dim=-1).transpose(0, 1).contiguous().bfloat16()
    numbers = numbers.view_as(weight).to(torch.int32)
    fours = torch.ops.aten._convert_weight_to_int4pack_for_cpu(numbers, 1), scales
    return Packed(rows, fours=fours)
