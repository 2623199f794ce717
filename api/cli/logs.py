"""The gateway's log: one JSON object a line on standard error, in UTC, without personal data.

An exception is told by its kind and the places it passed, never by its message or values: they may hold what
a caller sent.

>>> configure("info")  # doctest: +SKIP
>>> structlog.get_logger("landbridge").info("started", port=8600)  # doctest: +SKIP
{"port": 8600, "event": "started", "logger": "landbridge", "level": "info", "time": "2026-11-22T12:00:00Z"}
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

__all__ = ["LEVELS", "configure"]

LEVELS: Final = ("debug", "info", "warning", "error")
_DEEPEST = 8


def configure(level: str) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines."""
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _without_values,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "asyncio", "uvicorn.error", "eth", "web3"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, getattr(logging, level.upper())))


def _dumps(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **options)


def _without_values(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
        event["error"] = type(error).__name__
        event["places"] = [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in frames]
    return event
