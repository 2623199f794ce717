"""What several routes share."""

from __future__ import annotations

from typing import ClassVar

from chain.errors import LandbridgeError

__all__ = ["NotFoundError"]


class NotFoundError(LandbridgeError):
    """Nothing here, or nothing that the caller may see: one answer for both."""

    code: ClassVar[str] = "not-found"
