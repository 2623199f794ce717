"""A sealed body opens under its key, its context and its every bit, and is refused by name otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.context import ContextError, context_bytes
from vault.errors import VaultError
from vault.sealed import (
    DocumentKey,
    SealedError,
    SealedFormatError,
    SealedKeyError,
    SealedTamperedError,
    SealedTruncatedError,
    SealedVersionError,
    new_document_key,
    open_sealed,
    open_stream,
    seal,
    seal_stream,
)

KEY = DocumentKey(bytes(range(32)))
CONTEXT: dict[str, str | int] = {"chain": 1337, "registry": "0xab", "document": "cd" * 32, "version": 1}
HEADER, START, CHUNK, TAG = 14, 56, 16 * 1024, 16
EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 3 * CHUNK + 5]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def flipped(data: bytes, bit: int) -> bytes:
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


@pytest.mark.parametrize("length", EDGES)
def test_what_is_sealed_opens(length: int) -> None:
    data = bytes(number % 251 for number in range(length))
    sealed = seal(data, KEY, CONTEXT)
    assert len(sealed) == HEADER + START + length + TAG * (length // CHUNK + 1)
    assert open_sealed(sealed, KEY, dict(reversed(CONTEXT.items()))) == data
    assert len(data) < 8 or data not in sealed


@given(st.binary(max_size=200), st.integers(1, 64), st.integers(1, 64))
def test_pieces_of_any_size_are_the_same(data: bytes, in_pieces: int, out_pieces: int) -> None:
    sealed = b"".join(seal_stream(pieces(data, in_pieces), len(data), KEY, CONTEXT))
    assert b"".join(open_stream(pieces(sealed, out_pieces), KEY, CONTEXT)) == data


def test_no_two_sealings_are_alike() -> None:
    assert seal(b"x", KEY, CONTEXT)[HEADER:] != seal(b"x", KEY, CONTEXT)[HEADER:]
    assert new_document_key() != new_document_key()
    assert len(new_document_key()) == 32


def test_every_single_bit_of_a_sealed_body_counts() -> None:
    sealed = seal(b"forty two bytes of content, more or less..", KEY, CONTEXT)
    codes = set()
    for bit in range(8 * len(sealed)):
        with pytest.raises(SealedError) as caught:
            open_sealed(flipped(sealed, bit), KEY, CONTEXT)
        codes.add(caught.value.code)
        position = bit // 8
        if position < 4:
            assert isinstance(caught.value, SealedFormatError)
        elif position < 6:
            assert isinstance(caught.value, SealedVersionError)
        elif position < HEADER + START:
            assert isinstance(caught.value, SealedKeyError)
        else:
            assert isinstance(caught.value, SealedTamperedError)
    assert codes == {
        "sealed-format",
        "sealed-version",
        "sealed-wrong-key",
        "sealed-tampered",
    }


@settings(max_examples=200)
@given(st.integers(0, 2 * CHUNK), st.data())
def test_any_flip_in_a_body_of_several_chunks_is_refused(length: int, data: st.DataObject) -> None:
    sealed = seal(bytes(length), KEY, CONTEXT)
    bit = data.draw(st.integers(8 * (HEADER + START), 8 * len(sealed) - 1))
    with pytest.raises(SealedTamperedError):
        open_sealed(flipped(sealed, bit), KEY, CONTEXT)


@pytest.mark.parametrize("length", EDGES)
def test_every_cut_at_an_edge_is_truncated_by_name(length: int) -> None:
    sealed = seal(bytes(length), KEY, CONTEXT)
    edges = {HEADER + START + chunk * (CHUNK + TAG) for chunk in range(5)}
    cuts = {1, 3, 5, HEADER - 1, HEADER, HEADER + 1, len(sealed) - 1, len(sealed) - TAG, *edges}
    for cut in sorted(cut for cut in cuts if 0 < cut < len(sealed)):
        with pytest.raises(SealedTruncatedError) as caught:
            open_sealed(sealed[:cut], KEY, CONTEXT)
        assert caught.value.params["length"] == cut
    with pytest.raises(SealedFormatError):
        open_sealed(b"", KEY, CONTEXT)


def test_every_cut_of_a_short_body_is_truncated_by_name() -> None:
    sealed = seal(b"short", KEY, CONTEXT)
    for cut in range(1, len(sealed)):
        with pytest.raises(SealedTruncatedError):
            open_sealed(sealed[:cut], KEY, CONTEXT)


def test_chunks_cannot_be_left_out_doubled_or_exchanged() -> None:
    sealed = seal(bytes(3 * CHUNK), KEY, CONTEXT)
    head, body = sealed[: HEADER + START], sealed[HEADER + START :]
    one, two, three, last = (body[at : at + CHUNK + TAG] for at in range(0, len(body), CHUNK + TAG))
    for other in ((two, one, three, last), (one, one, three, last), (one, two, two, last)):
        with pytest.raises(SealedTamperedError):
            open_sealed(head + b"".join(other), KEY, CONTEXT)
    for longer in (sealed + b"\0", head + one + two + three + three + last, sealed + sealed):
        with pytest.raises(SealedTamperedError):
            open_sealed(longer, KEY, CONTEXT)
    with pytest.raises(SealedTruncatedError):
        open_sealed(head + one + two + last, KEY, CONTEXT)


def test_another_key_or_context_is_refused_by_name() -> None:
    sealed = seal(b"content", KEY, CONTEXT)
    for bit in range(256):
        with pytest.raises(SealedKeyError):
            open_sealed(sealed, DocumentKey(flipped(KEY, bit)), CONTEXT)
    for other in (
        {**CONTEXT, "version": 2},
        {**CONTEXT, "version": "1"},
        {**CONTEXT, "more": ""},
        {name: value for name, value in CONTEXT.items() if name != "chain"},
    ):
        with pytest.raises(SealedKeyError):
            open_sealed(sealed, KEY, other)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused_by_name(key: bytes) -> None:
    with pytest.raises(SealedKeyError):
        seal(b"", DocumentKey(key), CONTEXT)
    with pytest.raises(SealedKeyError):
        open_sealed(seal(b"", KEY, CONTEXT), DocumentKey(key), CONTEXT)


@pytest.mark.parametrize("said", [0, 6, 8, 100])
def test_a_body_of_another_length_than_said_is_refused(said: int) -> None:
    given_out: list[bytes] = []
    with pytest.raises(SealedError):
        given_out.extend(seal_stream([b"content"], said, KEY, CONTEXT))
    with pytest.raises(SealedError):
        open_sealed(b"".join(given_out), KEY, CONTEXT)


@given(st.binary(max_size=120))
def test_any_bytes_in_place_of_a_body_are_refused_by_name(data: bytes) -> None:
    for candidate in (data, b"lbsd" + data, b"lbsd\x01\x01" + data, seal(b"", KEY, CONTEXT) + data + b"x"):
        with pytest.raises(SealedError):
            open_sealed(candidate, KEY, CONTEXT)


def test_what_a_stream_gives_before_a_flip_is_authentic() -> None:
    data = bytes(number % 251 for number in range(3 * CHUNK))
    sealed = flipped(seal(data, KEY, CONTEXT), 8 * (HEADER + START + 2 * (CHUNK + TAG) + 7))
    opened: list[bytes] = []
    with pytest.raises(SealedTamperedError):
        opened.extend(open_stream(pieces(sealed, 1000), KEY, CONTEXT))
    assert b"".join(opened) == data[: 2 * CHUNK]


@pytest.mark.parametrize(
    "context", [{}, {"a": 2**53}, {"a": True}, {"a": None}, {"a": 1.5}, {"a": {}}, {"a": "\ud800"}, {1: "a"}]
)
def test_a_context_without_canonical_form_is_refused(context: Any) -> None:
    with pytest.raises(ContextError) as caught:
        seal(b"", KEY, context)
    assert caught.value.code == "vault-context"
    assert isinstance(caught.value, VaultError)


def test_a_callers_name_cannot_pass_for_the_formats() -> None:
    forms = {
        context_bytes("f", {"a": "1"}, suite="s"),
        context_bytes("f", {"a": 1}, suite="s"),
        context_bytes("f", {"a": "1", "suite": "s"}),
        context_bytes("f", {"a": "1", "format": "g"}, suite="s"),
        context_bytes("g", {"a": "1"}, suite="s"),
        context_bytes("f", {"a": "1"}, suite="t"),
    }
    assert len(forms) == 6
