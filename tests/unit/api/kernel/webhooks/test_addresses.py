"""No webhook leads into the operator's network, however its address is spelled."""

from __future__ import annotations

import asyncio

import pytest

from api.kernel.webhooks.addresses import (
    Addresses,
    AddressForbiddenError,
    NoAddressError,
    WebhookUrlError,
)

OUTSIDE = Addresses(development=False)
FORBIDDEN = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:db8::1",
    "2001:0:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "192.169.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_not_public_is_refused(address):
    with pytest.raises(AddressForbiddenError):
        OUTSIDE.judge(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_taken(address):
    OUTSIDE.judge(address)


def test_what_the_operator_allows_is_taken_and_no_more():
    allowed = Addresses(development=False, networks="10.1.0.0/16, fd00::/8")
    allowed.judge("10.1.2.3")
    allowed.judge("::ffff:10.1.2.3")
    allowed.judge("fd00::1")
    for address in ("10.2.0.1", "127.0.0.1", "fc00::1", "169.254.169.254"):
        with pytest.raises(AddressForbiddenError):
            allowed.judge(address)


def test_in_development_this_machine_alone_is_added():
    home = Addresses(development=True)
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        home.judge(address)
    for address in ("10.0.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0"):  # noqa: S104
        with pytest.raises(AddressForbiddenError):
            home.judge(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://bank.example/",
        "ftp://bank.example/",
        "file:///etc/passwd",
        "gopher://bank.example/",
        "https://",
        "https:///path",
        "https://user@bank.example/",
        "https://user:secret@bank.example/",
        "https://bank.example/#part",
        "https://bank.example:0/",
        "https://bank.example:99999/",
        "https://bank.example/a b",
        "https://bank.example/\r\nHost: other",
        "https://bänk.example/",
        "bank.example",
        "//bank.example/",
        "",
        "https://bank.example/" + "a" * 2000,
    ],
)
def test_addresses_to_which_nothing_is_sent(url):
    with pytest.raises(WebhookUrlError):
        OUTSIDE.normal(url)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:8443/x", "https://[::ffff:10.0.0.1]/"]
)
def test_an_address_that_spells_a_forbidden_one_is_refused_at_once(url):
    with pytest.raises(AddressForbiddenError):
        OUTSIDE.normal(url)


def test_the_normal_form():
    assert OUTSIDE.normal("HTTPS://Bank.Example/Path?a=B") == "https://bank.example/Path?a=B"
    assert OUTSIDE.normal("https://8.8.8.8:8443") == "https://8.8.8.8:8443"
    assert Addresses(development=True).normal("http://localhost:9000/x") == "http://localhost:9000/x"


def _look_up(found, **settings):
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return found

    addresses = Addresses(development=False, resolve=resolve, **settings)
    try:
        return asyncio.run(addresses.look_up("bank.example", 443)), asked
    finally:
        assert asked == [("bank.example", 443)]


def test_every_address_of_a_name_is_judged():
    assert _look_up(["8.8.8.8", "1.1.1.1"])[0] == ["8.8.8.8", "1.1.1.1"]
    for found in (["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["fe80::1%eth0"]):
        with pytest.raises(AddressForbiddenError):
            _look_up(found)
    with pytest.raises(NoAddressError):
        _look_up([])


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "0177.0.0.1", "127.1"])
def test_odd_spellings_of_this_machine_lead_nowhere(host):
    """The system reads them as 127.0.0.1, so they are judged as that."""
    with pytest.raises((AddressForbiddenError, NoAddressError)):
        asyncio.run(OUTSIDE.look_up(host, 443))
