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
        self._waiters: dict[asyncio.AbstractEventLoop, asyncio.Future[None]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the gateway is about to stop: whoever waits is to answer with what there is."""
        return self._closed

    def waiter(self) -> asyncio.Future[None]:
        """A future that is done at the next change. Take it before looking, so that no change is missed.

        All who wait share it: wait with :func:`asyncio.wait`, and do not cancel it.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            future = self._waiters.get(loop)
            if future is None or future.done():
                future = self._waiters[loop] = loop.create_future()
            if self._closed:
                _wake(future)
        return future

    def notify(self) -> None:
        """Wake all; from any thread."""
        with self._lock:
            waiters, self._waiters = self._waiters, {}
        for loop, future in waiters.items():
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:  # its loop has ended, and the request with it
                continue

    def close(self) -> None:
        """Wake all, now and from now on."""
        self._closed = True
        self.notify()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
