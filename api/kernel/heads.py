"""Waiting for heads of the log in one event loop: the database is asked once at each change, whoever waits.

>>> heads = Heads(house)                        # doctest: +SKIP
>>> seen = await heads.next(heads.now(), 30.0)  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from api.kernel.house import House
from chain.db import reading
from chain.tables import HeadRow

__all__ = ["Heads", "Seen"]


_LATELY_SECONDS = 0.2
_MOST_SIZES = 4096


class Seen(NamedTuple):
    """The newest head that was sealed, and the newest that is anchored."""

    sealed: HeadRow | None
    anchored: HeadRow | None

    @property
    def covered(self) -> int:
        """How many leaves the anchored head covers."""
        return self.anchored.size if self.anchored else 0

    def key(self) -> tuple[int, int, str | None]:
        """Two of these that are the same say the same."""
        at = self.anchored.block_hash if self.anchored else None
        return self.sealed.size if self.sealed else 0, self.covered, at


class Heads:
    """Looks at the heads for all who wait."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._looking: asyncio.Task[Seen] | None = None
        self._last = Seen(None, None)
        self._fresh_until = 0.0
        self._waiting: dict[asyncio.Future[Seen], Callable[[Seen], bool]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._by_size: dict[int, HeadRow | None] = {}  # as of the last look

    async def now(self) -> Seen:
        """As it stands. Who comes while another looks at it waits for a look begun after that."""
        if self._looking is not None:
            await asyncio.wait([self._looking])
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(run_in_threadpool(self._look))
        return await asyncio.shield(self._looking)

    async def anchored(self, size: int) -> HeadRow | None:
        """The head of a size, if it is anchored, as it stood a moment ago; for callers that come by the
        thousand."""
        last = await self._lately()
        if size > last.covered:
            last = await self.now()
        if last.anchored is None or size > last.covered:
            return None
        if last.anchored.size == size:
            return last.anchored
        if size not in self._by_size:
            found = await run_in_threadpool(self._stored, size)
            if len(self._by_size) >= _MOST_SIZES:
                self._by_size.clear()
            self._by_size[size] = found
        return self._by_size[size]

    async def _lately(self) -> Seen:
        if time.monotonic() >= self._fresh_until:
            self._last = await self.now()
            self._fresh_until = time.monotonic() + _LATELY_SECONDS
            self._by_size.clear()  # the chain may have turned
        return self._last

    async def covering(self, leaf: int, seconds: float) -> Seen:
        """As it stands once a leaf is anchored, or after so many seconds."""
        return await self._until(lambda seen: seen.covered > leaf, seconds)

    async def after(self, before: Seen, seconds: float) -> Seen:
        """As it stands once it differs from what was seen before, or after so many seconds."""
        return await self._until(lambda seen: seen.key() != before.key(), seconds)

    async def reaching(self, block: int, seconds: float) -> Seen:
        """As it stands once a block was indexed, or the chain turned, or after so many seconds."""
        house, turns = self._house, self._house.logbook.turns
        return await self._until(
            lambda _: house.indexer.height >= block or house.logbook.turns != turns, seconds
        )

    async def _until(self, wanted: Callable[[Seen], bool], seconds: float) -> Seen:
        seen = await self.now()
        if wanted(seen) or seconds <= 0 or self._house.changes.closed:
            return seen
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Seen] = loop.create_future()
        self._waiting[found] = wanted
        if self._watching is None or self._watching.done():
            self._watching = loop.create_task(self._watch())
        try:
            await asyncio.wait([found], timeout=seconds)
            return found.result() if found.done() else await self.now()
        finally:
            self._waiting.pop(found, None)

    async def _watch(self) -> None:
        """Look at each change, once for all who wait, and wake those whose time has come."""
        while self._waiting:
            change = self._house.changes.waiter()  # before the look, so that no change falls between
            try:
                seen = await self.now()
            except Exception as error:
                for found in self._waiting:
                    if not found.done():
                        found.set_exception(error)
                self._waiting.clear()
                return
            closed = self._house.changes.closed
            for found, wanted in list(self._waiting.items()):
                if closed or wanted(seen):
                    del self._waiting[found]
                    if not found.done():  # who waited may have gone
                        found.set_result(seen)
            if self._waiting:
                await asyncio.wait([change])

    def _stored(self, size: int) -> HeadRow | None:
        with reading(self._house.engine) as session:
            found = session.get(HeadRow, size)
        return found if found is not None and found.block_number is not None else None

    def _look(self) -> Seen:
        log = self._house.logbook.log
        with reading(self._house.engine) as session:
            return Seen(log.newest_head(session), log.newest_head(session, anchored=True))
