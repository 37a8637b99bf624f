"""Check what crosses between a learner's process and the grader: plain values, on arrival.

A frame is two lengths, a JSON text and a safetensors file; nothing is ever unpickled. JSON carries
None, bool, int, float and str as they are. Any other value is a list that begins with its kind:
["list", …], ["tuple", …], ["set", …], ["dict", [key, value], …], ["bytes", hexadecimal digits],
["tensor", its name in the safetensors file].
"""

import json
import math
import re
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import load, save

from classroom.checking.plain_data import DTYPES, UnsupportedValue, to_plain

MAX_TEXT = 16 << 20  # bytes of JSON in one frame
MAX_BLOB = 64 << 20  # bytes of tensors in one frame
MAX_DEPTH = 24
MAX_BITS = 4096  # of an int
MAX_VALUES = 300_000  # in one frame, counted by commas, in its strings too, before it is parsed
MAX_TENSORS = 10_000  # in one frame: an empty one costs its reader kilobytes, its writer 50 bytes
MAX_KEYS = 10_000  # of a dict or set: hashes can be made to collide, which costs the square of this
Tensors = dict[str, torch.Tensor]
Left = Callable[[], float]
KINDS = {"list": list, "tuple": tuple, "set": set}
HEADER = struct.Struct("<II")
TOO_DEEP = f"a value nested more than {MAX_DEPTH} deep"
TOO_MANY = f"more than {MAX_TENSORS:,} tensors at once"
TOO_LARGE = f"more than {MAX_BLOB >> 20} MB in one value"


class Closed(Exception):
    """Report that the other end is gone."""


class TooSlow(Exception):
    """Report that no complete frame came in time."""


def pack(value: Any) -> bytes:
    """Return the frame (bytes) for `value`. Raises `UnsupportedValue`."""
    tensors: Tensors = {}
    text = json.dumps(_down(value, tensors)).encode()
    if len(tensors) > MAX_TENSORS:
        raise UnsupportedValue(TOO_MANY)
    blob = save(tensors) if tensors else b""
    if len(text) > MAX_TEXT or len(blob) > MAX_BLOB:
        raise UnsupportedValue(TOO_LARGE)
    _counted(text)
    return b"".join([HEADER.pack(len(text), len(blob)), text, blob])


def unpack(text: bytes | bytearray, blob: bytes | bytearray) -> Any:
    """Return the value in a frame. Raises `UnsupportedValue`."""
    _counted(text)
    if int.from_bytes(blob[:8], "little") > 128 * MAX_TENSORS:  # the length of its table
        raise UnsupportedValue(TOO_MANY)
    try:
        tensors = load(bytes(blob)) if blob else {}
        value = _up(json.loads(text), tensors)
    except UnsupportedValue:
        raise
    except Exception as error:  # noqa: BLE001 - whatever stops its reader, it is no frame
        raise UnsupportedValue(f"a frame that cannot be read ({type(error).__name__})") from None
    if tensors:
        raise UnsupportedValue("a frame with tensors left over")
    return value


def _counted(text: bytes | bytearray) -> None:
    """Refuse what would be too much for its reader, at either end. Raises `UnsupportedValue`."""
    if text.count(b",") > MAX_VALUES:
        raise UnsupportedValue(f"more than {MAX_VALUES:,} values or commas at once")
    if len(re.findall(rb"[\[,]\s*-?\d{19}", text)) > MAX_KEYS:  # a test may make a set of them
        raise UnsupportedValue(f"more than {MAX_KEYS:,} whole numbers of 19 digits at once")
    if text.count(b'"tuple"') + len(re.findall(rb"\\u00[67]", text)) > MAX_KEYS:  # or of those
        raise UnsupportedValue(f"more than {MAX_KEYS:,} tuples at once")


def _down(value: Any, tensors: Tensors, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise UnsupportedValue(TOO_DEEP)

    def inner(item: Any) -> Any:
        return _down(item, tensors, depth + 1)

    match value := to_plain(value):
        case None | bool() | float() | str():
            return value
        case int():
            return _bounded(value)
        case bytes():
            return ["bytes", value.hex()]
        case torch.Tensor():
            return _tensor_down(value, tensors)
        case dict() | set() if len(value) > MAX_KEYS:
            raise UnsupportedValue(f"a {type(value).__name__} of {len(value)} items")
        case dict():
            return ["dict", *([inner(key), inner(item)] for key, item in value.items())]
    return [type(value).__name__, *map(inner, value)]


def _tensor_down(tensor: torch.Tensor, tensors: Tensors) -> list:
    _countable(tensor)
    if tensor.numel() * tensor.element_size() > MAX_BLOB:
        raise UnsupportedValue(TOO_LARGE)
    values = tensor.detach().resolve_conj().resolve_neg()
    tensors[str(len(tensors))] = values.clone(memory_format=torch.contiguous_format)
    return ["tensor", str(len(tensors) - 1)]


def _up(tree: Any, tensors: Tensors, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise UnsupportedValue(TOO_DEEP)

    def inner(item: Any) -> Any:
        return _up(item, tensors, depth + 1)

    match tree:
        case None | bool() | float() | str():
            return tree
        case int():
            return _bounded(tree)
        case ["bytes", str(digits)]:
            return bytes.fromhex(digits)
        case ["tensor", str(name)]:
            tensor = tensors.pop(name)
            if tensor.dtype not in DTYPES:
                raise TypeError
            _countable(tensor)
            # a byte of 2 would be a bool that is neither True nor False
            return tensor.view(torch.uint8).ne(0) if tensor.dtype == torch.bool else tensor
        case ["dict" | "set" as kind, *items] if len(items) > MAX_KEYS:
            raise UnsupportedValue(f"a {kind} of {len(items)} items")
        case ["dict", *items]:
            return {inner(key): inner(item) for key, item in items}
        case [str(kind), *items]:
            return KINDS[kind](map(inner, items))
    raise TypeError


def _countable(tensor: torch.Tensor) -> None:
    """Refuse a tensor that a test cannot take apart: each row becomes an object, empty ones too,
    each dimension a call of a C function that calls itself. Raises `UnsupportedValue`."""
    if tensor.dim() > MAX_DEPTH:
        raise UnsupportedValue(f"a tensor of more than {MAX_DEPTH} dimensions")
    *rows, last = [1, *(size or 1 for size in tensor.shape)]
    if max(math.prod(rows), last) > MAX_VALUES:
        raise UnsupportedValue(f"a tensor of more than {MAX_VALUES:,} rows, or numbers in one")


def _bounded(number: int) -> int:
    if number.bit_length() > MAX_BITS:
        raise UnsupportedValue(f"an int of more than {MAX_BITS} bits")
    return number


def within(seconds: float) -> Left:
    """Let a `Channel` wait so many seconds by the clock, from now."""
    until = time.monotonic() + seconds

    def remaining() -> float:
        if (now := time.monotonic()) >= until:
            raise TooSlow
        return until - now

    return remaining


class Channel:
    """Send frames over a connected socket. `timeout` says how long to wait at most before it is
    asked again, in seconds, or raises what ends the waiting; None waits for ever."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, value: Any, timeout: Left | None = None) -> None:
        """Send one value. Raises `UnsupportedValue`, `Closed`, and what `timeout` raises."""
        data = memoryview(pack(value))
        while data:
            data = data[self._try(lambda: self.sock.send(data), timeout) or 0 :]

    def receive(self, timeout: Left | None = None) -> Any:
        """Return the next value. Raises `UnsupportedValue`, `Closed`, and what `timeout` raises."""
        text, blob = HEADER.unpack(self._read(HEADER.size, timeout))
        if text > MAX_TEXT or blob > MAX_BLOB:
            raise UnsupportedValue(TOO_LARGE)
        return unpack(self._read(text, timeout), self._read(blob, timeout))

    def _read(self, length: int, timeout: Left | None) -> bytearray:
        data = bytearray()
        while len(data) < length:  # `timeout` is asked in every round: a trickle is no reprieve
            part = self._try(lambda: self.sock.recv(min(length - len(data), 1 << 20)), timeout)
            if part == b"":
                raise Closed
            data += part or b""
        return data

    def _try(self, work: Callable[[], Any], timeout: Left | None) -> Any:
        """Return what `work` returns; None where it is to be tried again."""
        self.sock.settimeout(timeout() if timeout else None)
        try:
            return work()
        except TimeoutError:
            return None
        except OSError:
            raise Closed from None
