"""RLP read strictly: one spelling for each value."""

from __future__ import annotations

from contextlib import suppress

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from chain.rlpread import RlpError, as_bytes, as_list, number, read_list

items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(st.lists(items, max_size=6))
def test_what_is_encoded_is_read(value):
    assert read_list(rlp.encode(value)) == value


@given(st.lists(items, max_size=4), st.data())
def test_another_spelling_never_reads_as_the_same(value, data):
    raw = rlp.encode(value)
    other = bytearray(raw)
    other[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(RlpError):
        assert read_list(bytes(other)) != value


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",  # no list
        "8100",  # a byte that needs no prefix
        "c28101",  # the same within a list
        "c2810000",
        "f800",  # a long prefix for a short list
        "b800",
        "f90001" + "00",  # a length with a leading zero
        "f839" + "b837" + "00" * 55,  # a long prefix for a short text
        "c3",  # cut off
        "c201",
        "c10100",  # bytes behind it
        "c201c5",  # an item that is longer than its list
        "bf" + "ff" * 8,
        "ff" + "ff" * 8,
        "f9ffff",
    ],
)
def test_what_is_not_canonical_is_refused(raw):
    with pytest.raises(RlpError):
        read_list(bytes.fromhex(raw))


def test_what_is_nested_without_end_or_too_long_is_refused():
    with pytest.raises(RlpError):
        read_list(_nested(10_000))
    with pytest.raises(RlpError):
        read_list(rlp.encode([b"x" * 100]), max_bytes=100)
    assert read_list(rlp.encode([b"x" * 100]), max_bytes=104)


def _nested(depth: int) -> bytes:
    raw = b"\xc0"
    for _ in range(depth):
        raw = rlp.codec.length_prefix(len(raw), 0xC0) + raw
    return raw


def test_items_are_of_the_shape_asked_for():
    assert as_list([b"1", b"2"], count=2) == [b"1", b"2"]
    assert as_bytes(b"12", size=2) == b"12"
    assert [number(b""), number(b"\x01"), number(b"\x01\x00")] == [0, 1, 256]
    assert number(b"\xff" * 32) == 2**256 - 1
    for refused in (
        lambda: as_list(b"12"),
        lambda: as_list([], count=1),
        lambda: as_bytes([]),
        lambda: as_bytes(b"1", size=2),
        lambda: number(b"\x00"),
        lambda: number(b"\x00\x01"),
        lambda: number(b"\xff" * 33),
        lambda: number(b"\x01\x00", bits=8),
        lambda: number([]),
    ):
        with pytest.raises(RlpError):
            refused()
