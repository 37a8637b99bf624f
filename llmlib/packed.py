"""Weights in fewer bits: a matrix stored as bfloat16, or as int8 with one scale a row, that multiplies float32 vectors."""

import torch
from torch.nn import functional as F

KINDS = ("float32", "bfloat16", "int8")
FEW_ROWS = 12  # up to here the int8 kernel is faster than widening the weights to bfloat16 first


class Packed:
    """A weight matrix [d_out, d_in] in 16 or 8 bits a number. To any function of torch it looks like a float32 tensor.

    `F.linear(x, w)` and `x @ w.T` multiply with the stored numbers; everything else gets `w.float()`. So a learner's
    function that was written for tensors runs on packed weights too.
    """

    def __init__(self, rows, scale=None, base=None, turned=False):
        self.rows, self.scale, self._base, self._turned = rows, scale, base, turned

    @classmethod
    def of(cls, weight, kind, name="a matrix"):
        """`weight` as `kind` ("bfloat16" or "int8"). ValueError, with the matrix's name, if torch cannot multiply with it here."""
        if kind == "bfloat16":
            packed = cls(weight.bfloat16())
        else:
            scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12)
            packed = cls((weight / scale[:, None]).round_().to(torch.int8), scale.bfloat16())
        try:
            packed.times(torch.zeros(1, weight.shape[1], device=weight.device))
        except (RuntimeError, NotImplementedError) as error:
            raise ValueError(
                f"{name} of shape {tuple(weight.shape)} cannot be multiplied as {kind} on {weight.device} "
                f'({str(error).splitlines()[0]}): load the model with weights="float32"'
            ) from None
        return packed

    def times(self, x):
        """x [..., d_in] float32 -> [..., d_out] float32, the product itself in bfloat16 with sums in float32."""
        flat = x.reshape(-1, x.shape[-1]).bfloat16()
        if self.scale is None:
            y = F.linear(flat, self.rows)
        elif len(flat) <= FEW_ROWS:
            y = torch._weight_int8pack_mm(flat, self.rows, self.scale)
        else:
            y = F.linear(flat, self.rows.bfloat16()) * self.scale
        return y.float().view(*x.shape[:-1], -1)

    def float(self):
        weight = self.rows.float()
        weight = weight if self.scale is None else weight * self.scale[:, None].float()
        return weight.T if self._turned else weight

    def split(self, sizes):
        """Cut into blocks of rows that remember, as a tensor's views do, the whole (`_base`)."""
        scales = [None] * len(sizes) if self.scale is None else self.scale.split(sizes)
        return [Packed(rows, s, base=self) for rows, s in zip(self.rows.split(sizes), scales)]

    def __getitem__(self, index):
        """Rows by index, as float32: what an embedding looks up."""
        if self._turned:
            return self.float()[index]
        rows = self.rows[index].float()
        return rows if self.scale is None else rows * self.scale[index][..., None].float()

    @property
    def T(self):
        return Packed(self.rows, self.scale, turned=not self._turned)

    @property
    def shape(self):
        return self.rows.shape[::-1] if self._turned else self.rows.shape

    @property
    def device(self):
        return self.rows.device

    @property
    def nbytes(self):
        return self.rows.nbytes + (0 if self.scale is None else self.scale.nbytes)

    dtype = torch.float32  # what it computes in, and gives back

    def data_ptr(self):
        return self.rows.data_ptr()

    def __len__(self):
        return self.shape[0]

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.float(), name)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
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
