"""The verifier's page as the gateway serves it: files as they lie in the package, under a strict policy.

A page served by a gateway is only as honest as that gateway, so whoever does not trust it opens a copy of
their own from disk: the same files (docs/verifier.md).

>>> page = verifier_page()  # an ASGI application, to be mounted
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["VERIFIER", "verifier_page"]

VERIFIER: Final = Path(__file__).parent / "verifier"
"""The folder of the page's files."""

# Which node is asked is the reader's to say, so connections are open to any; all else is this page's own, and
# nothing can frame it or take a form from it.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src http: https:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]


def verifier_page() -> ASGIApp:
    """The page of docs/verifier.md, to be mounted under a path of its own."""
    return _WithHeaders(StaticFiles(directory=VERIFIER, html=True))


class _WithHeaders:
    """Adds the page's headers to every answer; nosniff and no-referrer are the whole gateway's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self._app(scope, receive, noted)
