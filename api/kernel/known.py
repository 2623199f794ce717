"""Callers known from a moment ago, so that a busy one is not looked up for each request.

A token revoked at this gateway is forgotten at once; one revoked at another that shares the database works
here for a second more at most.

>>> known = Known()
>>> known.get("Bearer lb_x") is None
True
"""

from __future__ import annotations

import time
from collections.abc import Callable

from api.kernel.auth import Principal

__all__ = ["Known"]

_SECONDS = 1.0
_MOST = 10_000


class Known:
    """Principals by the header that named them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[Principal, float]] = {}

    def get(self, header: str) -> Principal | None:
        """The caller, if the table was asked within the last second."""
        found = self._found.get(header)
        return found[0] if found is not None and self._clock() < found[1] else None

    def keep(self, header: str, principal: Principal) -> None:
        """Remember who was just looked up."""
        if len(self._found) >= _MOST:
            self._found.clear()
        self._found[header] = principal, self._clock() + _SECONDS

    def forget(self) -> None:
        """Look everybody up anew."""
        self._found.clear()
