"""Descriptions of remote signers: what is taken, and what is refused by the name of its member."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chain.remote import FORM, RemoteSettingsError, read_place

SOUND: dict[str, Any] = {"format": FORM, "url": "https://signer.example/rpc", "account": "0x" + "AB" * 20}


def test_a_description_is_read() -> None:
    whole = SOUND | {"timeout": 5, "ca_file": "ca.pem", "token_file": "/run/token"}
    place = read_place(whole, beside=Path("/etc/landbridge"))
    assert (place.url, place.account, place.timeout) == ("https://signer.example/rpc", "0x" + "ab" * 20, 5.0)
    assert (place.ca_file, place.token_file) == (Path("/etc/landbridge/ca.pem"), Path("/run/token"))
    assert place.certificate_file is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000", "http://localhost/x", "http://[::1]:1", "https://10.0.0.1"]
)
def test_addresses_that_are_safe(url: str) -> None:
    assert read_place(SOUND | {"url": url}, beside=Path("/")).url == url


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://signer.example"}, "url"),
        ({"url": "http://10.0.0.1"}, "url"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": "https://user:secret@signer.example"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "http://["}, "url"),
        ({"url": 5}, "url"),
        ({"format": "another"}, "url"),
        ({"account": "0x12"}, "account"),
        ({"account": None}, "account"),
        ({"account": "0x" + "zz" * 20}, "account"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": 301}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"certificate_file": "a.pem"}, "certificate_key_file"),
        ({"certificate_key_file": "a.pem"}, "certificate_key_file"),
        ({"token_file": ""}, "token_file"),
        ({"token_file": 5}, "token_file"),
        ({"token": "secret"}, "token"),
    ],
)
def test_what_cannot_be_used_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RemoteSettingsError) as caught:
        read_place(SOUND | changes, beside=Path("/"))
    assert caught.value.params == {"field": field}
    assert "secret" not in str(caught.value)
