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

    async def now(self) -> Seen:
        """As it stands. Who comes while another looks at it waits for a look begun after that."""
        if self._looking is not None:
            await asyncio.wait([self._looking])
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(run_in_threadpool(self._look))
        return await asyncio.shield(self._looking)

    async def lately(self) -> Seen:
        """As it stood a second ago at most; for callers that come by the thousand."""
        if time.monotonic() >= self._fresh_until:
            self._last = await self.now()
            self._fresh_until = time.monotonic() + _LATELY_SECONDS
        return self._last

    async def covering(self, leaf: int, seconds: float) -> Seen:
        """As it stands once a leaf is anchored, or after so many seconds."""
        return await self._until(lambda seen: seen.covered > leaf, seconds)

    async def after(self, before: Seen, seconds: float) -> Seen:
        """As it stands once it differs from what was seen before, or after so many seconds."""
        return await self._until(lambda seen: seen.key() != before.key(), seconds)

    async def _until(self, wanted: Callable[[Seen], bool], seconds: float) -> Seen:
        end = asyncio.get_running_loop().time() + seconds
        while True:
            change = self._house.changes.waiter()  # before the look, so that no change falls between
            try:
                seen = await self.now()
                left = end - asyncio.get_running_loop().time()
                if wanted(seen) or left <= 0:
                    return seen
                await asyncio.wait([change], timeout=left)
            finally:
                change.cancel()

    async def changed(self, seconds: float) -> None:
        """Wait for any change, or so many seconds."""
        change = self._house.changes.waiter()
        try:
            await asyncio.wait([change], timeout=seconds)
        finally:
            change.cancel()

    def _look(self) -> Seen:
        log = self._house.logbook.log
        with reading(self._house.engine) as session:
            return Seen(log.newest_head(session), log.newest_head(session, anchored=True))
