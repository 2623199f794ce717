"""The gateway's part in the log: acts of every room enter it, heads are sealed and anchored, callers wait.

- The scribe brings each act that took effect, once it lies as deep as the operator asks; also those that went
  past this gateway. A reorganisation deeper than that makes it look again; an act enters once in any case.
- The sealer and the anchorer do the rest (:mod:`chain.sealing`, :mod:`chain.anchor`).
- Where the chain holds a head that this log never had, nothing is added: it could never be anchored.

>>> with reading(house.engine) as session:                      # doctest: +SKIP
...     head = house.logbook.log.newest_head(session, anchored=True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from api.kernel.room import Room
from chain.anchor import Anchorer, Head
from chain.db import reading, writing
from chain.entries import ACT, act_entry
from chain.errors import LandbridgeError
from chain.indexer import ChainEvent
from chain.intents import Address, Domain
from chain.log import Log
from chain.node import Node
from chain.sealing import AnchorProjector, Sealer
from chain.signers import Signer
from chain.tables import BlockRow, LogSizeRow
from chain.worker import Health, Worker

__all__ = ["Logbook"]


class Logbook:
    """The log of a gateway, with its three workers.

    :param domains: of the rooms whose acts enter the log
    :param confirmations: blocks, its own included, after which an act enters
    :param window: seconds between two heads of the log at least
    :param changed: called from a worker's thread when something may be seen that was not there before
    """

    def __init__(
        self,
        engine: Engine,
        node: Node,
        signer: Signer,
        address: Address,
        *,
        chain_id: int,
        domains: Sequence[tuple[Room, Domain]],
        confirmations: int,
        window: float,
        changed: Callable[[], None],
    ) -> None:
        self.log = Log(may_grow=lambda: self._anchorer.require_agreement())
        self.address = address
        self.origin = f"landbridge/{chain_id}/{address}"
        self._engine = engine
        self._domains = tuple(domains)
        self._confirmations = confirmations
        self.looked_until = -1
        """The acts of all blocks up to this one are in the log, as this process knows."""
        self.turns = 0
        """How often anchors were taken back because the chain turned, as this process knows."""
        self._changed = changed
        self._scribe = Worker("scribe", self._write_acts, poll=0.5)
        self._anchorer = Anchorer(
            engine,
            node,
            signer,
            chain_id=chain_id,
            address=address,
            newest=self._newest,
            root_at=self._root_at,
            changed=changed,
        )
        self._sealer = Sealer(engine, self.log, window=window, sealed=self._sealed)
        self.workers = (self._scribe, self._sealer, self._anchorer)
        self.projector = _Projector(self)

    @property
    def health(self) -> Health:
        """How the log is: the first of its workers that is not well, else well."""
        each = [worker.health for worker in self.workers]
        return next((health for health in each if not health.ok), each[0])

    def look(self) -> None:
        """Compare the log with the chain's head before anything is added; a node that is away delays that."""
        with suppress(LandbridgeError):
            self._anchorer.look()

    def wake(self, leaves: int = 0) -> None:
        """Leaves were appended, and committed: so many, where that is known."""
        self._sealer.wake(leaves)

    def wake_scribe(self) -> None:
        """The indexer moved."""
        self._scribe.wake()

    def _newest(self) -> Head | None:
        with reading(self._engine) as session:
            head = self.log.newest_head(session)
        return Head(head.size, head.root) if head else None

    def _root_at(self, size: int) -> bytes:
        with reading(self._engine) as session:
            return self.log.root(session, size)

    def _sealed(self) -> None:
        self._anchorer.wake()
        self._changed()

    def _write_acts(self) -> bool:
        with reading(self._engine) as session:
            first, last = self._deep(session)
            first = max(first, self.looked_until + 1)
            found = any(True for _ in self._acts(session, first, last))
        if not found:
            self.looked_until = max(self.looked_until, last)
            return False
        with writing(self._engine) as session:
            first, last = self._deep(session)
            self.log.append_once(session, ACT, self._acts(session, first, last))
            state = session.get_one(LogSizeRow, 1, populate_existing=True)  # another may have come further
            state.acts_until = max(state.acts_until, last)
            session.add(state)
        self.looked_until = last
        self._sealer.wake()
        return True

    def _deep(self, session: Session) -> tuple[int, int]:
        """The blocks whose acts are to be brought."""
        state = session.get(LogSizeRow, 1)
        newest = session.exec(select(func.max(col(BlockRow.number)))).one()
        return (state.acts_until if state else -1) + 1, (newest or 0) - self._confirmations + 1

    def _acts(self, session: Session, first: int, last: int) -> Iterator[bytes]:
        for room, domain in self._domains:
            if room.acts_between is not None and first <= last:
                for act in room.acts_between(session, first, last):
                    yield act_entry(domain.verifying_contract, act.digest(domain))

    def look_again(self, session: Session, above_block: int) -> None:
        """Blocks above this one left the chain: other acts may stand in their place."""
        self.turns += 1
        self.looked_until = min(self.looked_until, above_block)
        state = session.get(LogSizeRow, 1)
        if state is not None and state.acts_until > above_block:
            state.acts_until = above_block
            session.add(state)


class _Projector(AnchorProjector):
    """Notes anchors, and lets the scribe look again where the chain turned."""

    def __init__(self, book: Logbook) -> None:
        self._book = book

    def apply(self, session: Session, event: ChainEvent) -> None:
        if event.address == self._book.address:
            super().apply(session, event)

    def rollback(self, session: Session, above_block: int) -> None:
        super().rollback(session, above_block)
        self._book.look_again(session, above_block)
