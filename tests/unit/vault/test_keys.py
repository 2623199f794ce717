"""Wraps: RFC 9180 to the letter, for one reader and one context, and no bit of them spare."""

from __future__ import annotations

import hmac
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from vault.context import ContextError
from vault.keys import (
    LockedKeyError,
    PrivateKey,
    PublicKey,
    ReaderKeyError,
    WrapError,
    WrapFormatError,
    WrapRefusedError,
    WrapVersionError,
    key_id,
    unwrap,
    wrap,
)
from vault.sealed import DocumentKey

VECTORS = Path(os.environ.get("LANDBRIDGE_VECTORS", Path(__file__).parents[4] / "shared" / "data")) / "vault"
RAW = bytes(range(1, 33))
READER = PrivateKey(X25519PrivateKey.from_private_bytes(RAW))
KEY = DocumentKey(bytes(range(100, 132)))
CONTEXT: dict[str, str | int] = {"document": "cd" * 32, "version": 1}


def flipped(data: bytes, bit: int) -> bytes:
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


def outside(*path: str) -> Any:
    file = VECTORS.joinpath(*path)
    if not file.is_file():
        pytest.skip("the outside vectors are not here: set LANDBRIDGE_VECTORS to their folder")
    return json.loads(file.read_bytes())


# RFC 9180 §4, §5.1 and §5.2 for DHKEM(X25519), HKDF-SHA256, AES-256-GCM, written out plainly.

KEM_SUITE, HPKE_SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"


def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    # No output here is longer than one block.
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\x01", "sha256")[:length]


def plain_hpke_open(raw: bytes, encapsulated: bytes, info: bytes, aad: bytes, sealed: bytes) -> bytes:
    private = X25519PrivateKey.from_private_bytes(raw)
    secret = private.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    both = encapsulated + private.public_key().public_bytes_raw()
    shared = expand(KEM_SUITE, extract(KEM_SUITE, b"", b"eae_prk", secret), b"shared_secret", both, 32)
    schedule = (
        b"\x00" + extract(HPKE_SUITE, b"", b"psk_id_hash", b"") + extract(HPKE_SUITE, b"", b"info_hash", info)
    )
    main = extract(HPKE_SUITE, shared, b"secret", b"")
    key = expand(HPKE_SUITE, main, b"key", schedule, 32)
    nonce = expand(HPKE_SUITE, main, b"base_nonce", schedule, 12)
    return AESGCM(key).decrypt(nonce, sealed, aad)


def test_the_plain_hpke_is_that_of_the_standards_vectors() -> None:
    matching = [
        one
        for one in outside("hpke", "rfc9180-all-suites-6-encryptions.json")
        if (one["mode"], one["kem_id"], one["kdf_id"], one["aead_id"])
        in ((0, 32, 1, 2), ("0", "32", "1", "2"))
    ]
    assert len(matching) == 1
    [vector] = matching
    first = vector["encryptions"][0]
    opened = plain_hpke_open(
        *(bytes.fromhex(vector[name]) for name in ("skRm", "enc", "info")),
        *(bytes.fromhex(first[name]) for name in ("aad", "ct")),
    )
    assert opened == bytes.fromhex(first["pt"])


def test_a_wrap_is_standard_hpke_with_the_info_written_down() -> None:
    """What docs/decisions/0005 says is enough to open a wrap without this software."""
    wrapped = wrap(KEY, READER.public, CONTEXT)
    info = (
        f'{{"context":{{"document":"{"cd" * 32}","version":1}},"format":"landbridge/wrap/1",'
        f'"reader":"{READER.id}","suite":"hpke-x25519-sha256-aes256gcm"}}'
    ).encode()
    assert wrapped[:2] == b"\x01\x01"
    assert len(wrapped) == 82
    assert plain_hpke_open(RAW, wrapped[2:34], info, b"", wrapped[34:]) == KEY


def test_a_wrap_opens_for_its_reader_and_differs_each_time() -> None:
    one, other = wrap(KEY, READER.public, CONTEXT), wrap(KEY, READER.public, CONTEXT)
    assert one[2:34] != other[2:34]
    assert unwrap(one, READER, CONTEXT) == unwrap(other, READER, CONTEXT) == KEY


def test_every_single_bit_of_a_wrap_counts() -> None:
    wrapped = wrap(KEY, READER.public, CONTEXT)
    for bit in range(8 * len(wrapped)):
        wanted = WrapVersionError if bit < 16 else WrapRefusedError
        with pytest.raises(wanted):
            unwrap(flipped(wrapped, bit), READER, CONTEXT)
    for cut in range(len(wrapped)):
        with pytest.raises(WrapFormatError):
            unwrap(wrapped[:cut], READER, CONTEXT)
    with pytest.raises(WrapFormatError):
        unwrap(wrapped + b"\0", READER, CONTEXT)


def test_another_reader_or_context_is_refused_by_name() -> None:
    wrapped = wrap(KEY, READER.public, CONTEXT)
    with pytest.raises(WrapRefusedError) as caught:
        unwrap(wrapped, PrivateKey.generate(), CONTEXT)
    assert caught.value.code == "wrap-refused"
    for other in ({**CONTEXT, "version": 2}, {**CONTEXT, "more": 1}, {"document": "cd" * 32}):
        with pytest.raises(WrapRefusedError):
            unwrap(wrapped, READER, other)
    with pytest.raises(ContextError):
        unwrap(wrapped, READER, {})


@given(st.binary(max_size=100))
def test_any_bytes_in_place_of_a_wrap_are_refused_by_name(data: bytes) -> None:
    for candidate in (data, (b"\x01\x01" + data).ljust(82, b"\0")[:82]):
        with pytest.raises(WrapError):
            unwrap(candidate, READER, CONTEXT)


def test_points_of_small_order_are_refused_by_name() -> None:
    groups = outside("wycheproof", "x25519_test.json")["testGroups"]
    zero = [one for group in groups for one in group["tests"] if "ZeroSharedSecret" in one["flags"]]
    assert len(zero) >= 5
    for one in zero:
        public = bytes.fromhex(one["public"])
        with pytest.raises(ReaderKeyError):
            wrap(KEY, PublicKey(public), CONTEXT)
        with pytest.raises(WrapRefusedError):
            unwrap(b"\x01\x01" + public + bytes(48), READER, CONTEXT)


def test_the_key_exchange_is_that_of_the_outside_vectors() -> None:
    valid = [
        one
        for group in outside("wycheproof", "x25519_test.json")["testGroups"]
        for one in group["tests"]
        if one["result"] == "valid"
    ]
    assert len(valid) >= 100
    for one in valid:
        private = X25519PrivateKey.from_private_bytes(bytes.fromhex(one["private"]))
        public = X25519PublicKey.from_public_bytes(bytes.fromhex(one["public"]))
        assert private.exchange(public).hex() == one["shared"]


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_keys_of_another_length_are_refused_by_name(wrong: bytes) -> None:
    with pytest.raises(ReaderKeyError):
        wrap(KEY, PublicKey(wrong), CONTEXT)
    with pytest.raises(WrapFormatError):
        wrap(DocumentKey(wrong), READER.public, CONTEXT)
    with pytest.raises(ReaderKeyError):
        key_id(PublicKey(wrong))


def test_a_key_id_is_the_digest_written_down() -> None:
    assert READER.id == sha256(b"landbridge/reader-key/1\x00" + READER.public).hexdigest()
    assert READER.public == X25519PrivateKey.from_private_bytes(RAW).public_key().public_bytes_raw()
    assert PrivateKey.generate().id != PrivateKey.generate().id


def test_a_private_key_shows_its_secret_to_nobody() -> None:
    assert repr(READER) == f"PrivateKey(id='{READER.id}')"
    assert RAW.hex() not in repr(vars(READER))
    locked = READER.lock("correct horse")
    assert RAW not in locked
    assert len(locked) == 113


def test_a_locked_key_opens_by_its_passphrase_alone() -> None:
    locked = READER.lock("caf\u00e9")
    again = PrivateKey.unlock(locked, "cafe\u0301")  # the same to its typist
    assert again.id == READER.id
    assert unwrap(wrap(KEY, READER.public, CONTEXT), again, CONTEXT) == KEY
    assert READER.lock("caf\u00e9") != locked
    for wrong in ("cafe", ""):
        with pytest.raises(LockedKeyError) as caught:
            PrivateKey.unlock(locked, wrong)
        assert caught.value.code == "reader-key-locked"
    with pytest.raises(LockedKeyError):
        READER.lock("")


def test_an_altered_locked_key_does_not_open() -> None:
    locked = READER.lock("x")
    # Each try costs 64 MiB and a tenth of a second by design, so one bit of each part, and its edges.
    for at in (0, 4, 5, 20, 21, 32, 33, 64, 65, 96, 97, 112):
        with pytest.raises(LockedKeyError):
            PrivateKey.unlock(flipped(locked, 8 * at), "x")
    for other in (b"", locked[:-1], locked + b"\0", b"lblk\x02" + locked[5:]):
        with pytest.raises(LockedKeyError, match="known version"):
            PrivateKey.unlock(other, "x")


def test_the_key_at_rest_is_locked_as_written_down() -> None:
    locked = READER.lock("x")
    assert locked[:5] == b"lblk\x01"
    assert locked[33:65] == READER.public
    stretched = Argon2id(salt=locked[5:21], length=32, iterations=3, lanes=4, memory_cost=65536).derive(b"x")
    assert AESGCM(stretched).decrypt(locked[21:33], locked[65:], locked[:65]) == RAW
    with pytest.raises(InvalidTag):
        AESGCM(stretched).decrypt(locked[21:33], locked[65:], None)
