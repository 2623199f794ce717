"""What several routes share."""

from __future__ import annotations

import re
from typing import ClassVar, Final, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from api.kernel.house import House
from chain.canonical import parse
from chain.errors import LandbridgeError

__all__ = ["STREAM_HEADERS", "NotFoundError", "read_body", "waiting"]

STREAM_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Of a stream of events: nothing on the way keeps it, or keeps it back."""

_PREFER = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")
_T = TypeVar("_T", bound=BaseModel)


class NotFoundError(LandbridgeError):
    """Nothing here, or nothing that the caller may see: one answer for both."""

    code: ClassVar[str] = "not-found"


def waiting(prefer: str | None, house: House) -> float:
    """The seconds that a ``Prefer`` header asks to wait (RFC 7240), as far as this gateway waits."""
    match = _PREFER.search(prefer or "")
    return min(float(match[1]), house.settings.wait_limit) if match else 0.0


async def read_body(request: Request, shape: type[_T]) -> _T:
    """A small JSON body, read strictly and at once; for routes that are called thousands of times a second.

    :raises CanonicalError: it is no JSON, or holds a member twice
    :raises RequestValidationError: it has another shape
    """
    content = parse(await request.body(), max_bytes=1 << 16, max_depth=4)
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        details = [item | {"loc": ("body", *item["loc"])} for item in error.errors()]
        raise RequestValidationError(details, body=content) from None
