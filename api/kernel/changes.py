"""Telling waiting requests that something changed, across threads and without polling.

>>> changes = Changes()
>>> async def example() -> bool:
...     waiter = changes.waiter()
...     changes.notify()
...     await asyncio.wait([waiter], timeout=1)
...     return waiter.done()
>>> asyncio.run(example())
True
"""

from __future__ import annotations

import asyncio
import threading

__all__ = ["Changes"]


class Changes:
    """A broadcast from the relayer's and indexer's threads to coroutines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def waiter(self) -> asyncio.Future[None]:
        """A future that is done at the next change. Take it before looking, so that no change is missed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiters = [(lo, f) for lo, f in self._waiters if not f.done()]
            self._waiters.append((loop, future))
        return future

    def notify(self) -> None:
        """Wake all; from any thread."""
        with self._lock:
            waiters, self._waiters = self._waiters, []
        for loop, future in waiters:
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:  # its loop has ended, and the request with it
                continue


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
