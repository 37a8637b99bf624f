"""The three checks that test cells use. Each raises `Mistake`, whose text names what is wrong.

What a learner's function returned is only ever treated as plain data (numbers, strings, lists,
tuples, dicts, tensors): nothing here calls a method that a class of the learner's could have
written.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from exercises import feedback

LONGEST = 160  # characters of a value shown to the learner
SEQUENCES = (list, tuple)
NUMBERS = (bool, int, float)
PLAIN = (bool, int, float, str, bytes, type(None))
TENSORS = (torch.Tensor, torch.nn.Parameter)


class Mistake(AssertionError):
    """A check that failed: `claim` names the mistake, `detail` holds the values that show it. The
    claim says nothing of a hidden test's input, the detail may. IPython shows the sentence alone,
    without our frames."""

    def __init__(self, claim: str, detail: str = "") -> None:
        super().__init__(claim, detail)
        self.claim, self.detail = claim, detail

    def __str__(self) -> str:
        return f"{self.claim} ({self.detail})" if self.detail else str(self.claim)

    def _render_traceback_(self) -> list[str]:
        return [f"Mistake: {self}"]


def that(ok: Any, message: str) -> None:
    """Raise `Mistake(message)` unless `ok`, a bool, number or tensor of one element, is true."""
    if (type(ok) in TENSORS and ok.numel() == 1) or type(ok) is np.bool_:
        ok = ok.item()
    if type(ok) not in PLAIN or not ok:
        raise Mistake(message)
    feedback.count()


def equal(got: Any, want: Any, message: str) -> None:
    """Raise `Mistake` unless `got` equals `want` exactly: same kind (1.0 is 1, in tensors too, but
    True is not), same length, same elements."""
    try:
        same = _same(got, want)
    except RecursionError:  # a list that holds itself
        same = False
    if not same:
        mine, theirs = kind(got) if got is None else show(got), show(want)
        large = type(got) in TENSORS and type(want) in TENSORS and mine == kind(got)
        if large and got.shape == want.shape and torch.bool not in {got.dtype} ^ {want.dtype}:
            first = (got != want).nonzero()[0].tolist()
            mine, theirs = (show(each[tuple(first)].item()) for each in (got, want))
            mine += f" at position {first}"
        elif mine == theirs:
            mine, theirs = f"{kind(got)}: {mine}", f"{kind(want)}: {theirs}"
        raise Mistake(message, f"got {mine}, expected {theirs}")
    feedback.count()


def close(got: Any, want: Any, message: str, atol: float = 1e-5) -> None:
    """Raise `Mistake` unless every number in `got` is within `atol` of `want`'s. Shapes must agree,
    dtypes need not. `want` is a tensor, a number, or a list or tuple of those. Infinities equal
    themselves, NaN equals nothing."""
    if type(want) in SEQUENCES and any(type(item) not in NUMBERS for item in want):
        if type(got) not in SEQUENCES:
            raise Mistake(message, f"got {kind(got)}, expected {kind(want)}")
        if len(got) != len(want):
            raise Mistake(message, f"got {len(got)} items, expected {len(want)}")
        for mine, theirs in zip(got, want):
            close(mine, theirs, message, atol)
        return feedback.count()
    try:
        mine, theirs = _numbers(got), _numbers(want)
    except RecursionError:
        return equal(got, want, message)
    if theirs is None or mine is None:
        return equal(got, want, message)
    if mine.shape != theirs.shape:
        raise Mistake(message, f"got shape {list(mine.shape)}, expected shape {list(theirs.shape)}")
    # inf - inf is NaN, hence the first half
    far = ~((mine == theirs) | ((mine - theirs).abs() <= atol))
    if not far.any():
        return feedback.count()
    first = tuple(far.nonzero()[0].tolist())
    place = f" at position {list(first)}" if first else ""
    got, wanted = _digits(mine[first].item()), _digits(theirs[first].item())
    raise Mistake(message, f"got {got}{place}, expected {wanted}")


def show(value: Any) -> str:
    """One short line for `value`, bounded in length, made from plain data only."""
    try:
        text = _text(value, LONGEST)
    except RecursionError:
        text = kind(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def call(name: str, args: Iterable[Any], kwargs: dict[str, Any]) -> str:
    """A call of the check's, with its input: small values, of larger ones what they are."""
    words = [show(each) for each in args]
    words += [f"{key}={show(each)}" for key, each in kwargs.items()]
    text = f"{name}({', '.join(words)})"
    return f"the check called `{text if len(text) <= 2 * LONGEST else text[: 2 * LONGEST] + '…'}`"


def kind(value: Any) -> str:
    """What sort of thing `value` is: "a float tensor of shape [2, 3]", "a list of 4 items"."""
    if value is None:
        return "None (is there a return?)"
    if type(value) in TENSORS:
        dtype = str(value.dtype).removeprefix("torch.")
        return f"a tensor of {dtype} with shape {list(value.shape)}"
    if type(value) in SEQUENCES or type(value) in (dict, set):
        return f"a {type(value).__name__} of {len(value)} items"
    name = type(value).__name__[:40]
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _same(got: Any, want: Any) -> bool:
    if issubclass(type(got), np.generic):  # numpy's own numbers: the grader reads them as Python's
        got = got.item()
    for plain in SEQUENCES:  # and of a subclass the items
        got = plain.__getitem__(got, slice(None)) if issubclass(type(got), plain) else got
    if type(want) in TENSORS or type(got) in TENSORS:
        if type(got) in NUMBERS or type(want) in NUMBERS:  # a scalar tensor stands for its number
            got, want = _numbers(got), _numbers(want)
        if not (type(got) in TENSORS and type(want) in TENSORS) or got.shape != want.shape:
            return False
        alike = (got.dtype == torch.bool) == (want.dtype == torch.bool)  # a mask is of bools
        return alike and bool((got == want).all())
    if type(got) in SEQUENCES and type(got) is type(want):
        return len(got) == len(want) and all(_same(mine, theirs) for mine, theirs in zip(got, want))
    if type(got) is dict and isinstance(want, dict):
        return got.keys() == want.keys() and all(_same(got[key], want[key]) for key in want)
    if type(got) in (set, frozenset) and isinstance(want, (set, frozenset)):
        return got == want
    if type(got) is bool or type(want) is bool:
        return type(got) is type(want) and got == want
    return type(got) in PLAIN and got == want


def _numbers(value: Any) -> torch.Tensor | None:
    """`value` as a float64 (or complex) tensor, or None where it is not numbers."""
    if type(value) in TENSORS:
        value = value.detach().to_dense() if value.layout != torch.strided else value.detach()
        return value.cpu().to(torch.complex128 if value.is_complex() else torch.float64)
    if type(value) in (*NUMBERS, np.ndarray) or issubclass(type(value), np.number):
        try:
            return torch.as_tensor(value, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            return None
    if type(value) in SEQUENCES:
        items = [item for item in map(_numbers, value) if item is not None]
        if len(items) < len(value) or len({item.shape for item in items}) > 1:
            return None
        return torch.stack(items) if items else torch.zeros(0, dtype=torch.float64)
    return None


def _text(value: Any, room: int) -> str:
    if type(value) in TENSORS:
        if value.numel() > 12:
            return kind(value)
        return f"tensor({_text(value.detach().to_dense().cpu().tolist(), room)})"
    if type(value) in (str, bytes):
        return repr(value[: room + 1])
    if type(value) in PLAIN:
        large = type(value) is int and value.bit_length() >= 256
        return "a very large int" if large else repr(value)
    if type(value) in SEQUENCES:
        inside = _joined((_text(item, room) for item in value), room)
        left, right = ("[", "]") if type(value) is list else ("(", ",)" if len(value) == 1 else ")")
        return left + inside + right
    if type(value) is dict:
        items = (f"{_text(k, room)}: {_text(v, room)}" for k, v in value.items())
        return "{" + _joined(items, room) + "}"
    return kind(value)


def _joined(texts: Iterable[str], room: int) -> str:
    parts, length = [], 0
    for text in texts:
        parts.append(text)
        length += len(text) + 2
        if length > room:
            parts.append("…")
            break
    return ", ".join(parts)


def _digits(number: float | complex) -> str:
    return f"{number:.6g}" if type(number) is float else str(number)


# Last: the checks that a kernel runs need all of the above.
feedback.switch_on()
