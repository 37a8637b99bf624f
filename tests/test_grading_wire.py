"""What crosses between the grader and a learner's process: plain values arrive as they were,
anything else is refused."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import wire

pytestmark = pytest.mark.security


def crossed(value):
    frame = wire.pack(value)
    (text, blob), frame = wire.HEADER.unpack(frame[:8]), frame[8:]
    assert len(frame) == text + blob
    return wire.unpack(frame[:text], frame[text:])


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(PLAIN)
@settings(max_examples=200, deadline=None)
def test_plain_values_cross_unchanged(value):
    back = crossed(value)
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("dtype", wire.DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_tensors_cross_bit_by_bit(dtype, shape):
    tensor = (torch.arange(torch.Size(shape).numel()).reshape(shape) % 2).to(dtype)
    back = crossed(tensor)
    assert back.dtype == dtype and back.shape == tensor.shape and torch.equal(back, tensor)
    assert torch.equal(crossed(tensor.expand(2, *shape)), tensor.expand(2, *shape))


def test_what_is_like_a_plain_value_becomes_one():
    assert crossed(np.float64(1.5)) == 1.5 and type(crossed(np.int64(3))) is int
    assert torch.equal(crossed(np.arange(3)), torch.arange(3))
    assert torch.equal(crossed(np.arange(3)[::-1]), torch.arange(3).flip(0))
    assert torch.equal(crossed(np.broadcast_to(np.int64(1), (2, 2))), torch.ones(2, 2).long())
    assert torch.equal(crossed(np.array(7)), torch.tensor(7))
    assert type(crossed(Counter("aab"))) is dict


@pytest.mark.parametrize(
    "value",
    [object(), iter([]), range(3), lambda: 0, 1 << 9999, torch.zeros(2).to_sparse()],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_in_one_sentence(value):
    with pytest.raises(wire.UnsupportedValue):
        wire.pack(value)


def test_endless_and_deep_values_are_refused():
    deep, endless = [], []
    for _ in range(5000):
        deep = [deep]
    endless.append(endless)
    for value in (deep, endless):
        with pytest.raises(wire.UnsupportedValue):
            wire.pack(value)


FRAMES = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["tensor", "float32", "bytes", "dict", "set"]),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@given(FRAMES, st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_a_hostile_frame_is_a_value_or_is_refused(tree, blob):
    try:
        wire.unpack(json.dumps(tree).encode(), blob)
    except wire.UnsupportedValue:
        pass


@given(st.binary(max_size=200), st.binary(max_size=64))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_frame_are_refused(text, blob):
    try:
        wire.unpack(text, blob)
    except wire.UnsupportedValue:
        return
    json.loads(text)  # what was taken is a frame


IMPOSSIBLE = ("F32", [1 << 40], 16), ("F32", [-1], 16), ("F32", [4], 17), ("F4", [4], 16)


@pytest.mark.parametrize(("dtype", "shape", "size"), [*IMPOSSIBLE, ("F64", [2], -16)])
def test_impossible_tensors_are_refused(dtype, shape, size):
    with pytest.raises(wire.UnsupportedValue):
        wire.unpack(b'["tensor", "0"]', tensor_file(dtype, shape, size))


def tensor_file(dtype, shape, size, content=bytes(16)):
    """A safetensors file of one tensor that says what we want it to say."""
    entry = {"0": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}
    head = json.dumps(entry).encode()
    return len(head).to_bytes(8, "little") + head + content


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ([1] * 25, "24 dimensions"),
        ([1 << 30, 0], "300,000 rows"),
        ([0, 1 << 30], "300,000 rows"),
        ([300_001], "300,000 rows"),
        ([1, 300_001], "300,000 rows"),
        ([600, 600, 1], "300,000 rows"),
    ],
)
def test_a_tensor_that_a_test_cannot_take_apart_is_refused_on_both_sides(shape, why):
    some = torch.empty(shape, dtype=torch.uint8)
    with pytest.raises(wire.UnsupportedValue, match=why):
        wire.pack(some)
    with pytest.raises(wire.UnsupportedValue, match=why):
        file = tensor_file("U8", shape, some.numel(), bytes(some.numel()))
        wire.unpack(b'["tensor", "0"]', file)
    assert crossed(torch.empty(300_000, 2, dtype=torch.uint8)).shape == (300_000, 2)


def test_a_tensor_that_is_not_used_or_used_twice_is_refused():
    file = tensor_file("F32", [4], 16)
    for tree in (b"1", b'["list", ["tensor", "0"], ["tensor", "0"]]'):
        with pytest.raises(wire.UnsupportedValue):
            wire.unpack(tree, file)


def test_a_table_of_too_many_tensors_is_refused_before_it_is_read():
    table = b"{" + b" " * 128 * wire.MAX_TENSORS + b"}"
    with pytest.raises(wire.UnsupportedValue, match="more than 10,000 tensors"):
        wire.unpack(b"1", len(table).to_bytes(8, "little") + table)
    some = [torch.empty(0)] * (wire.MAX_TENSORS + 1)
    with pytest.raises(wire.UnsupportedValue, match="more than 10,000 tensors"):
        wire.pack(some)
    assert len(wire.pack(some[1:])) < 128 * wire.MAX_TENSORS


def test_keys_made_to_collide_are_refused_before_they_are_hashed():
    pairs = [[number * (2**61 - 1), 0] for number in range(wire.MAX_KEYS + 1)]
    with pytest.raises(wire.UnsupportedValue, match="dict of 10001 items"):
        wire.unpack(json.dumps(["dict", *pairs]).encode(), b"")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (list(range(300_002)), "300,000 values"),
        ("," * 300_001, "values or commas"),
        (dict.fromkeys(range(10_001)), "a dict of 10001 items"),
        (set(range(10_001)), "a set of 10001 items"),
        ([()] * 10_001, "10,000 tuples"),
        ([2**62] * 10_001, "10,000 whole numbers of 19 digits"),
    ],
)
def test_what_its_reader_would_refuse_is_refused_by_who_sends_it(value, why, monkeypatch):
    """So that the sentence can say whose value it was, and nothing is stopped."""
    with pytest.raises(wire.UnsupportedValue, match=why):
        wire.pack(value)
    with monkeypatch.context() as patch:  # as sent by whoever does not count
        patch.setattr(wire, "MAX_VALUES", 1 << 30)
        patch.setattr(wire, "MAX_KEYS", 1 << 30)
        frame = wire.pack(value)[wire.HEADER.size :]
    with pytest.raises(wire.UnsupportedValue, match=why):
        wire.unpack(frame, b"")


def test_so_many_numbers_are_refused_that_could_collide_in_a_set_of_a_test():
    some = [number * (2**61 - 1) for number in range(1, wire.MAX_KEYS + 1)]
    assert crossed(some) == some and crossed(some[1:] + [-some[0]])[-1] == -some[0]
    with pytest.raises(wire.UnsupportedValue, match="10,000 whole numbers of 19 digits"):
        crossed([0, *some, -some[0]])
    for space in (b",\n", b",\t", b" , \r\n"):
        frame = b'["list", ' + space.join(b"%d" % number for number in [*some, *some[:9]]) + b"]"
        with pytest.raises(wire.UnsupportedValue, match="10,000 whole numbers of 19 digits"):
            wire.unpack(frame, b"")
    pairs = [(number, number) for number in range(wire.MAX_KEYS)]
    assert crossed(pairs) == pairs
    with pytest.raises(wire.UnsupportedValue, match="10,000 tuples"):
        crossed([*pairs, (0, 0)])
    spelled = rb'["\u0074uple", 1, 1], ' * (wire.MAX_KEYS + 1)
    with pytest.raises(wire.UnsupportedValue, match="10,000 tuples"):
        wire.unpack(b'["list", ' + spelled + b"0]", b"")
    digits = [10**17] * 20_000, ["1" * 100] * 20_000, [bytes(10)] * 20_000, [0.1 + 0.2] * 20_000
    assert crossed(digits) == digits


def test_a_bool_tensor_holds_only_true_and_false():
    back = wire.unpack(b'["tensor", "0"]', tensor_file("BOOL", [2], 2, b"\x02\x00"))
    assert back.view(torch.uint8).tolist() == [1, 0]
