"""How a tensor is shown: as torch shows it, with four digits."""

import math

from torch import dtypes
from torch.tensors import Tensor, numbers

WIDTH, MOST, EDGE = 80, 1000, 3


def _formatter(values):
    """A function from a number to text, as wide for all of `values`."""
    if any(isinstance(v, complex) for v in values):
        parts = [_formatter([getattr(v, part) for v in values]) for part in ("real", "imag")]
        return lambda v: f"{parts[0](v.real)}{'' if v.imag < 0 else '+'}{parts[1](v.imag).strip()}j"
    if not any(isinstance(v, float) for v in values):
        width = max((len(str(v)) for v in values), default=1)
        return lambda v: str(v).rjust(width)
    finite = [abs(v) for v in values if v and math.isfinite(v)]
    whole = all(v == math.ceil(v) for v in finite)
    high, low = max(finite, default=0), min(finite, default=0)
    if finite and (high / low > 1000 or high > 1e8 or low < 1e-4):
        form = "{:.4e}"
    elif whole:
        form = "{:.0f}."
    else:
        form = "{:.4f}"
    if whole and form == "{:.4e}" and not high > 1e8 and not high / low > 1000:
        form = "{:.0f}."

    def text(v):
        return form.format(v) if math.isfinite(v) else str(v)

    width = max((len(text(v)) for v in values), default=1)
    return lambda v: text(v).rjust(width)


def _lines(values, text, depth):
    """Nested lists as torch breaks them into lines."""
    pad = " " * (depth + 1)
    if not isinstance(values, list):
        return text(values)
    if values and isinstance(values[0], list):
        dims, inner = 1, values[0]
        while inner and isinstance(inner[0], list):
            dims, inner = dims + 1, inner[0]
        rows = [_lines(each, text, depth + 1) for each in _ends(values)]
        return "[" + ("," + "\n" * dims + pad).join(rows) + "]"
    shown = [each if each == "..." else text(each) for each in _ends(values)]
    width = max(map(len, shown), default=1) + 2
    each_line = max(1, (WIDTH - depth) // width)
    rows = [shown[i : i + each_line] for i in range(0, len(shown), each_line)]
    return "[" + (",\n" + pad).join(", ".join(row) for row in rows) + "]"


_long = [False]


def _ends(values):
    if _long[0] and len(values) > 2 * EDGE:
        return [*values[:EDGE], "...", *values[-EDGE:]]
    return values


def _show(t):
    d, suffix = t.dtype, []
    if not t.numel():
        text = "[]"
        if t.dim() != 1:
            suffix.append(f"size={tuple(t.shape)}")
    else:
        _long[0] = t.numel() > MOST
        text = _lines(t.tolist(), _formatter(numbers(t)), len("tensor("))
    plain = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
    if d not in plain or (not t.numel() and d is not plain[0]):
        suffix.append(f"dtype={d}")
    if t.grad_fn is not None:
        suffix.append("grad_fn=<…>")
    elif t.requires_grad:
        suffix.append("requires_grad=True")
    shown = "tensor(" + ", ".join([text, *suffix]) + ")"
    return shown if type(t) is Tensor else f"Parameter containing:\n{shown}"


Tensor.__repr__ = _show
