"""Sealed headers, held against what Besu publishes (tests/vectors/qbft.json), and unsealed ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import coincurve
import pytest
import rlp

from chain.intents import keccak
from chain.qbft import (
    MIX_HASH,
    Era,
    Header,
    HeaderError,
    NotSealedError,
    _signer,
    parse_extra,
    parse_header,
    quorum,
    verify_sealed,
)
from chain.rlpread import ProofError, RlpError
from tests.qbftlab import FIRST, ValidatorKey, seal, sealed_like

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "qbft.json").read_text())
TRUSTED = frozenset(key.address for key in FIRST)
ERAS = [Era(0, TRUSTED)]


def unhex(text: str) -> bytes:
    """Bytes of hex with 0x."""
    return bytes.fromhex(text[2:])


def plain(number: int = 7) -> bytes:
    """Some chain's header."""
    fields = [bytes(32)] * 3 + [b"\x03" * 32, b"\x04" * 32, b"\x05" * 32, bytes(256), 0, number, 1, 0, 1000]
    return rlp.encode([*fields, b"", bytes(32), bytes(8), 7])


@pytest.fixture
def header() -> Header:
    """A header that all four validators sealed."""
    return sealed_like(plain(), FIRST)


@pytest.mark.parametrize("told", VECTORS["headers"], ids=lambda told: told["name"])
def test_a_header_of_besu_is_read_and_was_sealed(told):
    header = parse_header(unhex(told["rlp"]))
    assert header.encoded == unhex(told["rlp"])
    assert (header.number, header.timestamp) == (told["number"], told["time"])
    assert header.state_root == unhex(told["state_root"])
    assert header.extra.round == told["round"]
    assert list(header.extra.validators) == told["validators"]
    assert [*header.extra.seals] == [unhex(one) for one in told["seals"]]
    assert header.sealed_hash == unhex(told["sealed_hash"])
    verify_sealed(header, [Era(0, frozenset(told["validators"]))])
    fewer = replace(header.extra, seals=header.extra.seals[1:])
    with pytest.raises(NotSealedError):
        verify_sealed(_with_extra(header, fewer.encoded()), [Era(0, frozenset(told["validators"]))])


@pytest.mark.parametrize("told", VECTORS["extra_data"], ids=lambda told: told["name"])
def test_extra_data_of_besu_is_read(told):
    extra = parse_extra(unhex(told["rlp"]))
    assert extra.vanity == unhex(told["vanity"])
    assert list(extra.validators) == told["validators"]
    assert [*extra.vote] == [unhex(one) for one in told["vote"]]
    assert extra.round == told["round"]
    assert [*extra.seals] == [unhex(one) for one in told["seals"]]
    assert extra.encoded() == unhex(told["rlp"])
    if "without_seals" in told:
        assert extra.encoded(with_seals=False) == unhex(told["without_seals"])
        without = extra.encoded(with_seals=False, with_round=False)
        assert without == unhex(told["without_seals_and_round"])


@pytest.mark.parametrize("told", VECTORS["refused_extra_data"], ids=lambda told: told["name"])
def test_extra_data_that_besu_refuses_is_refused(told):
    with pytest.raises(RlpError):
        parse_extra(unhex(told["rlp"]))


VALID = [b"\x01" * 32, [], [], b"", []]


@pytest.mark.parametrize(
    "items",
    [
        [b"\x01" * 31, *VALID[1:]],
        [b"\x01" * 33, *VALID[1:]],
        [b"", *VALID[1:]],
        [*VALID[:1], [b"\x01" * 19], *VALID[2:]],
        [*VALID[:1], b"", *VALID[2:]],
        [*VALID[:2], [b"\x01" * 20, b"\xaa"], *VALID[3:]],
        [*VALID[:2], [b"\x01" * 20, b"\xff\xff"], *VALID[3:]],
        [*VALID[:2], [b"\x01" * 19, b"\xff"], *VALID[3:]],
        [*VALID[:2], [b"\x01" * 20], *VALID[3:]],
        [*VALID[:2], [b"\x01" * 20, b"\xff", b""], *VALID[3:]],
        [*VALID[:2], b"", *VALID[3:]],
        [*VALID[:3], b"\x00", VALID[4]],
        [*VALID[:3], b"\x01" * 5, VALID[4]],
        [*VALID[:3], [], VALID[4]],
        [*VALID[:4], [b"\x01" * 64]],
        [*VALID[:4], [b"\x01" * 66]],
        [*VALID[:4], b""],
        VALID[:4],
        [*VALID, b""],
    ],
)
def test_extra_data_of_another_shape_is_refused(items):
    assert parse_extra(rlp.encode(VALID)).seals == ()
    with pytest.raises(RlpError):
        parse_extra(rlp.encode(items))


def test_a_seal_whose_v_says_that_r_overflowed_is_nobodys():
    prime, order = 2**256 - 2**32 - 977, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    x = next(x for x in range(order + 1, prime) if pow(x**3 + 7, (prime - 1) // 2, prime) == 1)
    raw = (x - order).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x02"
    assert coincurve.PublicKey.from_signature_and_message(raw, bytes(32), hasher=None)
    assert _signer(bytes(32), raw) is None


def test_quorum_and_mix_hash_are_besus():
    assert [[n, quorum(n)] for n, _ in VECTORS["quorum"]["values"]] == VECTORS["quorum"]["values"]
    assert unhex(VECTORS["mix_hash"]["value"]) == MIX_HASH


def _with_extra(header: Header, extra: bytes) -> Header:
    fields = list(header.fields)
    fields[12] = extra
    return parse_header(rlp.encode(fields))


def test_a_blocks_hash_depends_on_neither_round_nor_seals(header):
    other = sealed_like(plain(), FIRST, FIRST[:3], round_=5)
    assert other.hash == header.hash
    assert other.sealed_hash != header.sealed_hash
    assert sealed_like(plain(8), FIRST).hash != header.hash
    first = sealed_like(plain(0), FIRST)
    assert first.hash == "0x" + keccak(first.encoded).hex()  # Besu hashes the first block as it is


@pytest.mark.parametrize("signers", [FIRST, FIRST[:3], FIRST[1:], FIRST[::-1]])
def test_enough_trusted_validators_seal(signers):
    verify_sealed(sealed_like(plain(), FIRST, signers), ERAS)


@pytest.mark.parametrize("count", range(1, 12))
def test_one_seal_less_than_the_quorum_is_too_few(count):
    keys = [ValidatorKey(f"one of {number}") for number in range(count)]
    eras = [Era(0, frozenset(key.address for key in keys))]
    verify_sealed(sealed_like(plain(), keys, keys[: quorum(count)]), eras)
    with pytest.raises(NotSealedError):
        verify_sealed(sealed_like(plain(), keys, keys[: quorum(count) - 1]), eras)


def _seals(header: Header, *seals: bytes) -> Header:
    return _with_extra(header, replace(header.extra, seals=seals).encoded())


def _changed(header: Header, place: int, value: bytes) -> Header:
    fields = list(header.fields)
    fields[place] = value
    return parse_header(rlp.encode(fields))


OTHER = ValidatorKey("a stranger")


@pytest.mark.parametrize(
    "change",
    [
        lambda h: _seals(h, *h.extra.seals[:2]),
        lambda h: _seals(h, *h.extra.seals[:2], h.extra.seals[0]),
        lambda h: _seals(h, *h.extra.seals[:3], h.extra.seals[0]),
        lambda h: _seals(h, *h.extra.seals[:3], OTHER.sign(h.sealed_hash)),
        lambda h: _seals(h, *h.extra.seals, OTHER.sign(h.sealed_hash)),
        lambda h: _seals(h, *h.extra.seals[:3], bytes(65)),
        lambda h: _seals(h, *h.extra.seals[:3], b"\xff" * 65),
        lambda h: _seals(h, *h.extra.seals[:3], h.extra.seals[3][:64] + bytes([h.extra.seals[3][64] + 27])),
        lambda h: _seals(h, *h.extra.seals[:3], h.extra.seals[3][:64] + bytes([h.extra.seals[3][64] + 2])),
        lambda h: _changed(h, 3, b"\x5a" * 32),
        lambda h: _changed(h, 11, b"\x7f"),
        lambda h: seal(_changed(h, 13, bytes(32)), FIRST),
        lambda h: sealed_like(plain(), FIRST[:3]),
        lambda h: sealed_like(plain(), [*FIRST, OTHER]),
        lambda h: sealed_like(plain(), [*FIRST[:3], FIRST[0]], FIRST),
        lambda h: sealed_like(plain(), [*FIRST, FIRST[0]], FIRST),
        lambda h: sealed_like(plain(), [*FIRST[:3], OTHER], FIRST[:3]),
        lambda h: sealed_like(plain(), [], FIRST),
    ],
)
def test_a_header_that_the_trusted_did_not_seal_is_refused(header, change):
    with pytest.raises(NotSealedError):
        verify_sealed(change(header), ERAS)


def test_no_more_seals_are_looked_at_than_there_are_validators(header, monkeypatch):
    looked: list[bytes] = []
    monkeypatch.setattr("chain.qbft._signer", lambda digest, one: looked.append(one))
    with pytest.raises(NotSealedError):
        verify_sealed(_seals(header, *[header.extra.seals[0]] * 900), ERAS)
    assert looked == []


def test_each_block_has_the_validators_of_its_era():
    second = [*FIRST[1:], ValidatorKey("second 1")]
    eras = [Era(5, TRUSTED), Era(8, frozenset(key.address for key in second))]
    verify_sealed(sealed_like(plain(5), FIRST), eras)
    verify_sealed(sealed_like(plain(7), FIRST), eras)
    verify_sealed(sealed_like(plain(8), second), eras)
    for number, keys in ((4, FIRST), (8, FIRST), (9, FIRST), (7, second)):
        with pytest.raises(NotSealedError):
            verify_sealed(sealed_like(plain(number), keys), eras)
    with pytest.raises(NotSealedError):
        verify_sealed(sealed_like(plain(), FIRST), [])


def test_every_flipped_bit_is_noticed(header):
    raw = header.encoded
    for place in range(len(raw)):
        for bit in (1, 0x80):
            other = bytearray(raw)
            other[place] ^= bit
            with pytest.raises(ProofError):
                verify_sealed(parse_header(bytes(other)), ERAS)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc0",
        b"\x80",
        rlp.encode([b""] * 15),
        rlp.encode([b"", []] * 10),
        plain(),  # no QBFT chain's
        b"\xff" * 200,
        rlp.encode([b"x" * (1 << 18)]),
    ],
)
def test_what_is_no_header_is_refused(raw):
    with pytest.raises(HeaderError):
        parse_header(raw)


def test_fields_of_later_forks_are_kept():
    fields = list(sealed_like(plain(), FIRST).fields)
    later = parse_header(rlp.encode([*fields, b"\x01" * 32, b"", b"", b"\x02" * 32, b"\x03" * 32]))
    assert later.hash != sealed_like(plain(), FIRST).hash
    verify_sealed(seal(later, FIRST), ERAS)


def test_a_header_has_all_its_fields_and_is_not_longer_than_any(header):
    with pytest.raises(HeaderError):
        parse_header(rlp.encode(header.fields[:14]))
    with pytest.raises(HeaderError):
        parse_header(rlp.encode([*header.fields, b"x" * (1 << 17)]))
