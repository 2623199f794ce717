"""Where webhooks may go: public addresses over HTTPS, and what the operator allows beyond.

A receiver's address is chosen by a party, so it must not lead into the operator's own network. A name is
looked up once for a connection, every address found is judged, and the connection goes to an address so
judged: a name that changes between the look and the connection changes nothing. In development plain HTTP and
this machine's own addresses are allowed too.

>>> Addresses(development=False).judge("10.0.0.1")
Traceback (most recent call last):
    ...
api.kernel.webhooks.addresses.AddressForbiddenError: webhooks do not go to this address
>>> Addresses(development=False, networks="10.0.0.0/8").judge("10.0.0.1")
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import ClassVar, Final

import httpx

from chain.errors import LandbridgeError

__all__ = ["AddressForbiddenError", "Addresses", "NoAddressError", "WebhookUrlError", "networks_of"]

_LONGEST_URL: Final = 2000
_LOOKUPS: Final = 32
_LOOPBACK: Final = "127.0.0.0/8,::1/128"
_SPECIAL: Final = tuple(
    ipaddress.ip_network(one)
    for one in (
        "168.63.129.16/32",  # public by its number, and a cloud's own service on every machine in it
        "192.0.0.0/24",  # kept for protocols (RFC 6890); clouds have services there
        "192.88.99.0/24",  # relays of 6to4
        "64:ff9b:1::/48",  # translation to IPv4 within a network (RFC 8215)
        "fec0::/10",  # what came before unique local addresses (RFC 3879)
    )
)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

_Ip = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]


class WebhookUrlError(LandbridgeError):
    """An address to which nothing is sent, whatever it leads to."""

    code: ClassVar[str] = "webhook-url"


class AddressForbiddenError(LandbridgeError):
    """An address that is not public, and that the operator has not allowed."""

    code: ClassVar[str] = "webhook-address-forbidden"


class NoAddressError(LandbridgeError):
    """A name without an address."""

    code: ClassVar[str] = "webhook-no-address"


def networks_of(given: str) -> list[_Network]:
    """The networks of a list with commas.

    :raises ValueError: one is malformed
    """
    return [ipaddress.ip_network(one.strip()) for one in given.split(",") if one.strip()]


class Addresses:
    """What is allowed here.

    :param development: also ``http://`` and loopback addresses
    :param networks: what the operator allows beyond public addresses, with commas: ``10.1.0.0/16``
    :param resolve: looks a name up; without it the system does
    """

    def __init__(self, *, development: bool, networks: str = "", resolve: Resolve | None = None) -> None:
        self._plain = development
        self._allowed = networks_of(networks) + (networks_of(_LOOPBACK) if development else [])
        self._resolve = resolve or self._system
        # Threads of their own: a name server that hangs must hold up nothing else.
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="webhook-dns")

    def normal(self, url: str) -> str:
        """An address in its normal form; where it spells an IP address, that is judged, too.

        :raises WebhookUrlError: another scheme, no host, or with a user, a password or a fragment
        :raises AddressForbiddenError: it names a forbidden address
        """
        refused = WebhookUrlError(
            "a webhook's address is https://HOST/…, without user, password or fragment"
            if not self._plain
            else "a webhook's address is https://HOST/… or http://HOST/…, without user, password or fragment"
        )
        if len(url) > _LONGEST_URL or any(not "!" <= c <= "~" for c in url):
            raise refused
        try:
            parsed = httpx.URL(url)
            host, port = parsed.raw_host.decode(), parsed.port
        except (httpx.InvalidURL, ValueError):
            raise refused from None
        schemes = ("https", "http") if self._plain else ("https",)
        if parsed.scheme not in schemes or not host or parsed.userinfo or parsed.fragment:
            raise refused
        if port is not None and not 0 < port < 65_536:
            raise refused
        try:
            spelled = str(ipaddress.ip_address(host))
        except ValueError:
            return str(parsed)
        self.judge(spelled)
        return str(parsed)

    def judge(self, address: str) -> None:
        """Refuse an IP address to which nothing is sent.

        :raises AddressForbiddenError: it is such, or hides one
        """
        ip = ipaddress.ip_address(address.partition("%")[0])
        if not all(self._may(one) for one in _meant(ip)):
            raise AddressForbiddenError("webhooks do not go to this address")

    async def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a name, every one of them judged.

        :raises NoAddressError: it has none
        :raises AddressForbiddenError: one of them is forbidden: then none is taken
        """
        found = await self._resolve(host, port)
        if not found:
            raise NoAddressError("this name has no address")
        for address in found:
            self.judge(address)
        return found

    def close(self) -> None:
        """Wait for no look-up."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _may(self, ip: _Ip) -> bool:
        if any(ip in network for network in self._allowed):
            return True
        special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global
        return not special and not any(ip in network for network in _SPECIAL)

    async def _system(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._lookups, _getaddrinfo, host, port)
        except (OSError, UnicodeError):
            raise NoAddressError("this name has no address") from None
        return list(dict.fromkeys(found))


def _getaddrinfo(host: str, port: int) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _meant(ip: _Ip) -> Iterator[_Ip]:
    """An address and the IPv4 address that it stands for, if any."""
    if isinstance(ip, IPv4Address):
        yield ip
        return
    inner = ip.ipv4_mapped or ip.sixtofour
    if inner is None and (ip in _NAT64 or ip in ipaddress.ip_network("::/96")):
        inner = IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.teredo is not None:
        yield from ip.teredo
    if inner is not None and int(inner) > 1:
        yield inner
        if ip.ipv4_mapped is not None or ip in _NAT64:
            return  # a way of writing it: what it stands for decides
    yield ip
