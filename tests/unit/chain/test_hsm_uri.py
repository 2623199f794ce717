"""Addresses of keys in tokens (RFC 7512), and what a token's answer must be to be a signature."""

from __future__ import annotations

import contextlib
from pathlib import Path

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.hsm import _account, _true_signature
from chain.hsm_uri import HsmUri, HsmUriError, parse_uri
from chain.intents import address_of, keccak, recover
from chain.signers import KeySigner, UntrueSignatureError, checked

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SIGNER = KeySigner(keccak(b"token"))
DIGEST = keccak(b"digest")
RAW = SIGNER.sign(DIGEST).rsv[:64]


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("pkcs11:", HsmUri()),
        ("pkcs11:token=bank", HsmUri(token="bank")),
        (
            "pkcs11:token=The%20Bank;serial=0a;manufacturer=M;model=X%3B1;object=%E7%AD%BE;type=private",
            HsmUri(token="The Bank", serial="0a", manufacturer="M", model="X;1", object="签"),
        ),
        ("pkcs11:id=%00%ff%61b", HsmUri(id=b"\x00\xffab")),
        ("pkcs11:object=a=b&c", HsmUri(object="a=b&c")),
        (
            "pkcs11:token=a?module-path=/usr/lib/x.so&pin-source=file:/run/pin",
            HsmUri(token="a", module=Path("/usr/lib/x.so"), pin_file=Path("/run/pin")),
        ),
        ("pkcs11:?pin-source=file:///run/pin", HsmUri(pin_file=Path("/run/pin"))),
        ("pkcs11:?pin-source=file://localhost/run/pin", HsmUri(pin_file=Path("/run/pin"))),
        ("pkcs11:?pin-source=/run/p%69n", HsmUri(pin_file=Path("/run/pin"))),
    ],
)
def test_what_is_taken(text: str, uri: HsmUri) -> None:
    assert parse_uri(text) == uri


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "scheme"),
        ("PKCS11:token=a", "scheme"),
        ("pkcs12:token=a", "scheme"),
        ("pkcs11:" + "a" * 5000, "scheme"),
        ("pkcs11:token", "token"),
        ("pkcs11:token=", "token"),
        ("pkcs11:token=a;token=b", "token"),
        ("pkcs11:token=a b", "token"),
        ("pkcs11:token=a%2", "token"),
        ("pkcs11:token=a%zz", "token"),
        ("pkcs11:token=%ff", "token"),
        ("pkcs11:token=a%0ab", "token"),
        ("pkcs11:token=a;", ""),
        ("pkcs11:slot-id=0", "slot-id"),
        ("pkcs11:x-vendor=1", "x-vendor"),
        ("pkcs11:type=public", "type"),
        ("pkcs11:token=a?pin-value=1234", "pin-value"),
        ("pkcs11:pin-value=1234", "pin-value"),
        ("pkcs11:token=a?module-name=x", "module-name"),
        ("pkcs11:token=a?pin-source=|cat", "pin-source"),
        ("pkcs11:token=a?pin-source=pin", "pin-source"),
        ("pkcs11:token=a?pin-source=file:pin", "pin-source"),
        ("pkcs11:token=a?pin-source=file://host", "pin-source"),
    ],
)
def test_what_is_refused_by_the_name_of_its_part(text: str, part: str) -> None:
    with pytest.raises(HsmUriError) as caught:
        parse_uri(text)
    assert caught.value.params == {"part": part}
    assert "1234" not in str(caught.value)


@given(
    st.builds(
        HsmUri,
        token=st.none() | st.text(min_size=1).filter(str.isprintable),
        serial=st.none() | st.text(min_size=1).filter(str.isprintable),
        object=st.none() | st.text(min_size=1).filter(str.isprintable),
        id=st.none() | st.binary(min_size=1, max_size=40),
    )
)
def test_an_address_is_read_as_it_is_written(uri: HsmUri) -> None:
    assert parse_uri(str(uri)) == uri


def test_an_address_that_is_shown_tells_neither_module_nor_pin() -> None:
    shown = str(parse_uri("pkcs11:token=a;object=b?module-path=/m.so&pin-source=/run/pin"))
    assert shown == "pkcs11:token=a;object=b"


@given(st.text())
def test_nothing_breaks_it(text: str) -> None:
    for given_text in (text, "pkcs11:" + text):
        with contextlib.suppress(HsmUriError):
            parse_uri(given_text)


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.booleans())
def test_a_tokens_signature_becomes_low_s_with_its_recovery_bit(digest: bytes, flip: bool) -> None:
    raw = SIGNER.sign(digest).rsv[:64]
    if flip:
        raw = raw[:32] + (ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    signature = _true_signature(raw, digest, SIGNER.address)
    assert signature == SIGNER.sign(digest)
    assert recover(digest, signature) == SIGNER.address


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(64),
        RAW[:63],
        RAW + b"\0",
        RAW[:32] + bytes(32),
        bytes(32) + RAW[32:],
        ORDER.to_bytes(32, "big") + RAW[32:],
        RAW[:32] + ORDER.to_bytes(32, "big"),
        RAW[32:] + RAW[:32],
        KeySigner(keccak(b"another")).sign(DIGEST).rsv[:64],
        SIGNER.sign(keccak(b"another digest")).rsv[:64],
        b"\xff" * 64,
    ],
)
def test_what_is_not_the_keys_signature_does_not_leave(raw: bytes) -> None:
    with pytest.raises(UntrueSignatureError):
        _true_signature(raw, DIGEST, SIGNER.address)


def test_a_signature_that_came_is_checked() -> None:
    good = SIGNER.sign(DIGEST)
    assert checked(good, DIGEST, SIGNER.address) == good
    with pytest.raises(UntrueSignatureError):
        checked(good, keccak(b"x"), SIGNER.address)


def test_accounts_of_points() -> None:
    point = coincurve.PrivateKey(keccak(b"token")).public_key.format(compressed=False)
    assert _account(b"\x04\x41" + point) == _account(point) == address_of(point) == SIGNER.address
    for odd in (b"", point[:-1], b"\x04\x41" + point[:-1], b"\x02" + point[1:33], b"\x30" + point):
        assert _account(odd) is None
