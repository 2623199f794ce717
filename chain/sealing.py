"""Sealing heads of the log each window, and noting where the chain says they are anchored.

- A head is sealed as soon as leaves came and a window has passed since the head before, or many have come.
- Where a head is anchored, the chain's event says it; if that event leaves the chain, so does the note.
- Heads below an anchored one that were never anchored themselves are dropped: it covers their leaves.

>>> sealer = Sealer(engine, Log(), window=0.1, sealed=anchorer.wake)  # doctest: +SKIP
>>> sealer.start(); sealer.wake()                                     # doctest: +SKIP
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, func, select, update

from chain.db import reading, writing
from chain.indexer import ChainEvent
from chain.log import Log
from chain.tables import HeadRow
from chain.worker import Health, Worker

__all__ = ["AnchorProjector", "Sealer"]

_SEALED = select(func.max(col(HeadRow.size)))


class Sealer:
    """Seals heads in a thread of its own.

    :param window: seconds between two heads at least
    :param most: leaves after which a window ends at once
    :param sealed: called from the sealer's thread after a head was sealed
    :param poll: seconds between looks for leaves that another process brought
    """

    def __init__(
        self,
        engine: Engine,
        log: Log,
        *,
        window: float = 0.1,
        most: int = 4096,
        sealed: Callable[[], None] = lambda: None,
        poll: float = 0.5,
    ) -> None:
        self._engine = engine
        self._log = log
        self._window = window
        self._most = most
        self._sealed = sealed
        self._ending = threading.Event()  # the window need not last any longer
        self._heard = 0
        self._hearing = threading.Lock()
        self._next = 0.0  # monotonic seconds: no head before it, unless many leaves have come
        self._worker = Worker("sealer", self.tick, poll=poll)

    @property
    def health(self) -> Health:
        """How the sealer is; what is wrong is named by a code."""
        return self._worker.health

    def start(self) -> None:
        """Begin working in a thread of its own."""
        self._ending.clear()
        self._worker.start()

    def stop(self) -> None:
        """End after the window under way."""
        self._ending.set()
        self._worker.stop()

    def wake(self, leaves: int = 0) -> None:
        """Leaves were appended (and committed).

        :param leaves: how many, where that is known: many end the window
        """
        with self._hearing:
            self._heard += leaves
            if self._heard >= self._most:
                self._ending.set()
        self._worker.wake()

    def tick(self) -> bool:
        """Wait for the end of the window, if one began, and seal its head.

        :return: whether a head was sealed
        """
        waiting = self._unsealed()
        if not waiting:
            return False
        if waiting < self._most:
            self._ending.wait(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._window
        with self._hearing:
            self._heard = 0
            self._ending.clear()
        with writing(self._engine) as session:
            head = self._log.seal(session, now=int(time.time()))
        if head is not None:
            self._sealed()
        return head is not None

    def _unsealed(self) -> int:
        with reading(self._engine) as session:
            sealed: int | None = session.connection().execute(_SEALED).scalar()
            return self._log.size(session) - (sealed or 0)


class AnchorProjector:
    """Notes on each head where it is anchored."""

    def apply(self, session: Session, event: ChainEvent) -> None:
        """Take one event; events of other names are not ours."""
        if event.name != "Anchored":
            return
        size, root = int(event.arguments["size"]), bytes(event.arguments["root"])
        session.exec(
            update(HeadRow)
            .where(col(HeadRow.size) == size, col(HeadRow.root) == root)
            .values(
                block_number=event.block,
                block_hash=event.block_hash,
                transaction_hash=event.transaction_hash,
            )
        )
        session.exec(delete(HeadRow).where(col(HeadRow.size) < size, col(HeadRow.block_number).is_(None)))

    def rollback(self, session: Session, above_block: int) -> None:
        """Forget the anchors above a block; their heads are anchored anew."""
        session.exec(
            update(HeadRow)
            .where(col(HeadRow.block_number) > above_block)
            .values(block_number=None, block_hash=None, transaction_hash=None)
        )
