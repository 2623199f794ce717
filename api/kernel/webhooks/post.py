"""One attempt: a signed POST, bounded in time and size, to an address that was judged.

The transport is httpcore's own, below httpx: there a connection's address can be judged and then used, and
nothing follows redirects, unpacks, remembers cookies or asks a proxy of the environment.

>>> async with Post(Addresses(development=True)).to(url) as line:         # doctest: +SKIP
...     outcome = await line.send(secrets, "evt_1", body)
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpcore
import httpx

from api.kernel.webhooks.addresses import (
    Addresses,
    AddressForbiddenError,
    NoAddressError,
    WebhookUrlError,
)
from api.kernel.webhooks.envelope import CONTENT_TYPE
from api.kernel.webhooks.outcome import Outcome
from api.kernel.webhooks.signing import sign

__all__ = ["LONGEST_SECONDS", "Line", "Post"]

_log = logging.getLogger(__name__)
LONGEST_SECONDS: Final = 16.0
"""The most that an attempt takes: to a status, and to read what follows it."""
_STATUS_SECONDS: Final = 15.0
_CONNECT_SECONDS: Final = 5.0
_STEP_SECONDS: Final = 10.0
_REST_SECONDS: Final = 1.0
_READ_BYTES: Final = 4096
_KEPT_CHARACTERS: Final = 300
_TRIED: Final = 3
_KEEP_ALIVE_SECONDS: Final = 2.0


class Post:
    """Sends. Used in one event loop.

    :param addresses: judges where a connection may go
    :param ca_file: certificates to trust beside the public ones
    """

    def __init__(self, addresses: Addresses, *, ca_file: Path | None = None) -> None:
        self._addresses = addresses
        self._context = httpcore.default_ssl_context()
        if ca_file is not None:
            self._context.load_verify_locations(ca_file)

    @asynccontextmanager
    async def to(self, url: str) -> AsyncIterator[Line]:
        """Send to one receiver, over one connection where it keeps it open.

        :param url: in its normal form
        """
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._context,
            max_connections=1,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=_Judged(self._addresses),
        )
        try:
            yield Line(url, pool, self._addresses)
        finally:
            await pool.aclose()


class Line:
    """A way to one receiver. Made by :meth:`Post.to`."""

    def __init__(self, url: str, pool: httpcore.AsyncConnectionPool, addresses: Addresses) -> None:
        self._url = url
        self._pool = pool
        self._addresses = addresses
        self._host = httpx.URL(url).netloc

    async def send(self, secrets: Sequence[str], message: str, body: bytes) -> Outcome:
        """One attempt; whatever happens is an outcome.

        :param message: its id
        """
        began = time.monotonic()
        try:
            outcome = await self._attempt(secrets, message, body)
        except Exception as error:
            _log.error("webhooks: an attempt failed unexpectedly: %s", type(error).__name__)
            outcome = Outcome("internal")
        took = round((time.monotonic() - began) * 1000)
        return Outcome(outcome.code, outcome.status, outcome.answer, outcome.retry_after, took)

    async def _attempt(self, secrets: Sequence[str], message: str, body: bytes) -> Outcome:
        now = int(time.time())
        headers = [
            (b"host", self._host),
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"user-agent", b"Landbridge-Webhooks/1"),
            (b"accept", b"*/*"),
            (b"webhook-id", message.encode()),
            (b"webhook-timestamp", b"%d" % now),
            (b"webhook-signature", sign(secrets, message, now, body).encode()),
        ]
        steps = {"connect": _CONNECT_SECONDS, "pool": _STATUS_SECONDS}
        steps |= {"read": _STEP_SECONDS, "write": _STEP_SECONDS}
        try:
            self._addresses.normal(self._url)  # it may have been taken before the operator forbade such
            request = httpcore.Request(
                "POST", self._url, headers=headers, content=body, extensions={"timeout": steps}
            )
            async with asyncio.timeout(_STATUS_SECONDS):
                response = await self._pool.handle_async_request(request)
        except (AddressForbiddenError, WebhookUrlError):
            return Outcome("address-forbidden")
        except NoAddressError:
            return Outcome("dns-failed")
        except (TimeoutError, httpcore.TimeoutException):
            return Outcome("timeout")
        except httpcore.ProtocolError:
            return Outcome("not-http")
        except httpcore.NetworkError as error:
            return Outcome("tls-failed" if _is_tls(error) else "connect-failed")
        return _judged(response, await _beginning(response))


def _judged(response: httpcore.Response, beginning: bytes) -> Outcome:
    if 200 <= response.status < 300:
        return Outcome("delivered", response.status)
    text = beginning.decode("utf-8", "replace")[:_KEPT_CHARACTERS]
    answer = "".join(c if c.isprintable() else " " for c in text).strip()
    wait = {name.lower(): value for name, value in response.headers}.get(b"retry-after", b"")
    asked = int(wait) if response.status in (429, 503) and wait.isdigit() and len(wait) < 10 else None
    return Outcome("gone" if response.status == 410 else "http-status", response.status, answer, asked)


async def _beginning(response: httpcore.Response) -> bytes:
    """As much of a body as is of use; whatever else the receiver sends is not waited for."""
    read = b""
    try:
        async with asyncio.timeout(_REST_SECONDS):
            async for chunk in response.aiter_stream():
                read += chunk[: _READ_BYTES - len(read)]
                if len(read) >= _READ_BYTES:
                    break
    except (TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass  # the status was said: the rest is of no consequence
    finally:
        await response.aclose()
    return read


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Judged(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to no other. TLS still asks for the name."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in (await self._addresses.look_up(host, port))[:_TRIED]:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        assert failed is not None  # noqa: S101 - a look-up gives one address at least
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressForbiddenError("webhooks do not go to this address")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)
