"""The gateway's log: one JSON object a line on standard error, in UTC, without personal data.

An exception is told by its kind and the places it passed, never by its message or values: they may hold what
a caller sent.

>>> configure("info")  # doctest: +SKIP
>>> structlog.get_logger("landbridge").info("started", port=8600)  # doctest: +SKIP
{"port": 8600, "event": "started", "logger": "landbridge", "level": "info", "time": "2026-11-22T12:00:00Z"}
"""

from __future__ import annotations

import atexit
import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Final

import structlog
from structlog.typing import Processor

__all__ = ["LEVELS", "configure"]

LEVELS: Final = ("debug", "info", "warning", "error")
_DEEPEST = 8
_PAUSE = 0.05
"""Seconds that a line may wait for others to be written with it."""


def configure(level: str) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines."""
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _without_values,
    ]
    structlog.configure(
        processors=[*shared, _render],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "asyncio", "uvicorn.error", "eth", "web3"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, getattr(logging, level.upper())))


_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _render(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    return _encode(event)


class _Lines:
    """Where structlog's own lines end. They make no record of the standard library's first: a line a request
    took as long that way as all else that a busy route does."""

    def __init__(self, name: str = "root") -> None:
        self.name = name

    def info(self, line: str) -> None:
        """A line that may be written in a moment."""
        _WRITER.put(line)

    def error(self, line: str) -> None:
        """A line that must be there at once, whatever happens next."""
        _WRITER.put(line)
        _WRITER.flush()

    debug = msg = info
    warning = warn = critical = exception = error


class _Writer:
    """Writes lines in a thread of its own, many at a time: a write lets go of the interpreter, and a thread
    that gave it away for each request would wait for it as often."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._writing = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, line: str) -> None:
        """Have a line written soon, in its turn."""
        self._lines.append(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)
            self._thread.start()
            atexit.register(self.flush)
        self._some.set()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                sys.stderr.write("\n".join(lines) + "\n")
                sys.stderr.flush()

    def _run(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            with suppress(OSError, ValueError):  # standard error is closed or full: no reason to end
                self.flush()
            time.sleep(_PAUSE)


_WRITER = _Writer()


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
