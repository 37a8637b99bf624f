"""Plain values across a socket: what may cross is listed here, what arrives is checked, nothing is unpickled.

A frame is two lengths, a JSON text and the raw bytes of its tensors. JSON carries None, bool, int, float and str as
they are; any other value is a list whose first item says what it is: ["list", …], ["tuple", …], ["dict", [k, v], …],
["set", …], ["bytes", length], ["tensor", dtype, shape, wants_grad].
"""

import json
import math
import select
import struct
import time

import numpy as np
import torch

MAX_TEXT = 16 << 20  # bytes of JSON in one frame
MAX_BLOBS = 64 << 20  # bytes of tensors in one frame
MAX_DEPTH = 24
MAX_BITS = 4096  # of an int
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.complex64,
        torch.complex128,
    )
    + (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
}
HEADER = struct.Struct("<II")


class Refused(Exception):
    """A value that may not cross, or a frame that is not one. The text says which and why."""


class Closed(Exception):
    """The other end is gone."""


class TooSlow(Exception):
    """No complete frame before the deadline."""


def pack(value, grads=None):
    """The frame (bytes) for `value`. Tensors that require a gradient are appended to the list `grads`, in order."""
    blobs = []
    text = json.dumps(_down(value, 0, blobs, grads)).encode()
    size = sum(map(len, blobs))
    if len(text) > MAX_TEXT or size > MAX_BLOBS:
        raise Refused(f"more than {MAX_BLOBS >> 20} MB in one value")
    return b"".join([HEADER.pack(len(text), size), text, *blobs])


def unpack(text, blob, grads=None):
    """The value in a frame's JSON text and raw bytes. With a list `grads`, tensors marked so become leaves in it."""
    try:
        tree = json.loads(text)
        cursor = [0]
        value = _up(tree, 0, memoryview(blob), cursor, grads)
    except Refused:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
        RecursionError,
        RuntimeError,
    ) as error:
        raise Refused(f"a frame that cannot be read ({type(error).__name__})") from None
    if cursor[0] != len(blob):
        raise Refused("a frame with bytes left over")
    return value


def _down(value, depth, blobs, grads):
    if depth > MAX_DEPTH:
        raise Refused(f"a value nested more than {MAX_DEPTH} deep")
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else str.__str__(value)
    if isinstance(value, int):
        if int.bit_length(value) > MAX_BITS:
            raise Refused(f"an int of more than {MAX_BITS} bits")
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (bytes, bytearray)):
        blobs.append(bytes(value))
        return ["bytes", len(blobs[-1])]
    if isinstance(value, torch.Tensor):
        return _tensor_down(value, blobs, grads)
    if isinstance(value, dict):
        items = dict.items(value)
        return [
            "dict",
            *(
                [_down(k, depth + 1, blobs, grads), _down(v, depth + 1, blobs, grads)]
                for k, v in items
            ),
        ]
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            name = "set" if kind is frozenset else kind.__name__
            return [name, *(_down(item, depth + 1, blobs, grads) for item in kind.__iter__(value))]
    raise Refused(
        f"a value of type {type(value).__name__[:40]}; tensors, numbers, strings, lists, tuples and dicts may"
    )


def _tensor_down(tensor, blobs, grads):
    name = str(tensor.dtype).removeprefix("torch.")
    if (
        name not in DTYPES
        or tensor.layout != torch.strided
        or tensor.device.type != "cpu"
        or tensor.is_quantized
    ):
        raise Refused(
            f"a tensor of dtype {name}, layout {tensor.layout}, on {tensor.device}; plain CPU tensors may"
        )
    if tensor.numel() * tensor.element_size() > MAX_BLOBS:
        raise Refused(f"more than {MAX_BLOBS >> 20} MB in one value")
    wants = grads is not None and tensor.requires_grad
    if wants:
        grads.append(tensor)
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    blobs.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return ["tensor", name, list(tensor.shape), wants]


def _up(tree, depth, blob, cursor, grads):
    if depth > MAX_DEPTH:
        raise Refused(f"a value nested more than {MAX_DEPTH} deep")
    if type(tree) is int and tree.bit_length() > MAX_BITS:
        raise Refused(f"an int of more than {MAX_BITS} bits")
    if tree is None or type(tree) in (bool, int, float, str):
        return tree
    if type(tree) is not list or not tree:
        raise Refused("a frame that cannot be read")
    kind, items = tree[0], tree[1:]
    if kind == "bytes":
        return bytes(_take(blob, cursor, *items))
    if kind == "tensor":
        return _tensor_up(blob, cursor, grads, *items)
    if kind == "dict":
        return {
            _up(k, depth + 1, blob, cursor, grads): _up(v, depth + 1, blob, cursor, grads)
            for k, v in items
        }
    kind = {"list": list, "tuple": tuple, "set": set}[kind]
    return kind(_up(item, depth + 1, blob, cursor, grads) for item in items)


def _tensor_up(blob, cursor, grads, name, shape, wants):
    dtype = DTYPES[name]
    if len(shape) > 16 or any(type(n) is not int or not 0 <= n <= MAX_BLOBS for n in shape):
        raise Refused("a tensor of an impossible shape")
    count = math.prod(shape)
    raw = bytearray(_take(blob, cursor, count * dtype.itemsize))
    if not count:
        tensor = torch.empty(shape, dtype=dtype)
    elif dtype is torch.bool:  # a byte of 2 would be a bool that is neither True nor False
        tensor = torch.frombuffer(raw, dtype=torch.uint8).ne(0).reshape(shape)
    else:
        tensor = torch.frombuffer(raw, dtype=dtype).reshape(shape)
    if wants is True and grads is not None and (dtype.is_floating_point or dtype.is_complex):
        grads.append(tensor.requires_grad_())
    return tensor


def _take(blob, cursor, length):
    start = cursor[0]
    if type(length) is not int or not 0 <= length <= len(blob) - start:
        raise Refused("a frame that is too short")
    cursor[0] = start + length
    return blob[start : start + length]


class Channel:
    """Frames over a connected stream socket."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)

    def send(self, value, deadline=None, grads=None):
        """Send one value. `deadline` is a `time.monotonic()`. Raises `Refused`, `Closed` or `TooSlow`."""
        data = memoryview(pack(value, grads))
        while data:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                self._wait(write=True, deadline=deadline)
            except OSError:
                raise Closed from None

    def receive(self, deadline=None, grads=None):
        """The next value. Raises `Refused`, `Closed` or `TooSlow`."""
        text, blob = HEADER.unpack(self._read(HEADER.size, deadline))
        if text > MAX_TEXT or blob > MAX_BLOBS:
            raise Refused(f"more than {MAX_BLOBS >> 20} MB in one value")
        return unpack(self._read(text, deadline), self._read(blob, deadline), grads)

    def _read(self, length, deadline):
        data = bytearray()
        while len(data) < length:
            try:
                part = self.sock.recv(min(length - len(data), 1 << 20))
            except BlockingIOError:
                self._wait(write=False, deadline=deadline)
                continue
            except OSError:
                raise Closed from None
            if not part:
                raise Closed
            data += part
        return bytes(data)

    def _wait(self, write, deadline):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TooSlow
        ready = select.select([] if write else [self.sock], [self.sock] if write else [], [], left)
        if not any(ready):
            raise TooSlow
