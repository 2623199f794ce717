"""The indexer: events of the contracts followed, read into tables in the order of the chain.

Rules:

- A block's events, the block itself and what projectors make of them are written in one database
  transaction. A step that dies is as if it had never begun.
- What is stored always belongs to one chain: before anything is added, and again after it was read, the
  node's hashes are compared with ours.
- Where they differ, or the node's chain is shorter than ours, the chain was reorganised: all above the last
  block that both have is taken back, projectors included, and read anew.
- Another chain (its id, its first block), or one without the contracts, is refused by name, and nothing is
  taken back for it.

Any number of processes may index into one database; each part is applied by one of them.

>>> indexer = Indexer(engine, node, chain_id=20777, artifacts={address: artifact})  # doctest: +SKIP
>>> indexer.start()                                                                # doctest: +SKIP
>>> indexer.wait_for(receipt.block_number, timeout=5)                              # doctest: +SKIP
True
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from chain.client import Block, Chain, Log
from chain.contracts import Artifact
from chain.db import reading, writing
from chain.errors import LandbridgeError
from chain.identity import Identity
from chain.intents import Address
from chain.node import Node
from chain.tables import BlockRow, ChainRow, EventRow
from chain.worker import Health, Worker

__all__ = ["ChainEvent", "Indexer", "IndexerError", "Projector"]

# A block without events is kept while it is the newest, to see a reorganisation; later, one in so many, to
# see how far that one went.
_ONE_KEPT_IN = 1024


class IndexerError(LandbridgeError):
    """The node's answers do not belong together; they are read anew."""

    code: ClassVar[str] = "indexer-inconsistent"


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """An event of a contract, decoded, with where and when it happened.

    :ivar block_time: Unix time in seconds
    :ivar name: the event's name; ``arguments`` by name
    """

    block: int
    block_hash: str
    block_time: int
    transaction_hash: str
    log_index: int
    address: Address
    name: str
    arguments: Mapping[str, Any]


class Projector(Protocol):
    """Makes something of events: rows of its own, in the indexer's database transaction.

    It must make the same of the same events, and do nothing but database work.
    """

    def apply(self, session: Session, event: ChainEvent) -> None:
        """An event happened; events come in the chain's order."""
        ...

    def rollback(self, session: Session, above_block: int) -> None:
        """All blocks above this number left the chain: undo what their events made."""
        ...


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Blocks read from the node that follow ours."""

    after: BlockRow
    blocks: Sequence[Block]  # those that hold events, and the last one
    logs: Sequence[Log]


class Indexer:
    """Follows the chain.

    :param engine: the database, with the engine's tables
    :param node: where blocks and events are read
    :param chain_id: the chain that is meant
    :param artifacts: the contracts followed, by address
    :param projectors: in the order in which they are to see each event
    :param first_block: no contract followed is older than this block
    :param chunk: blocks whose events are asked for at one time
    :param poll: seconds between looks at the node
    :param changed: called from the indexer's thread after blocks were applied or taken back
    """

    def __init__(
        self,
        engine: Engine,
        node: Node,
        *,
        chain_id: int,
        artifacts: Mapping[Address, Artifact],
        projectors: Sequence[Projector] = (),
        first_block: int = 0,
        chunk: int = 1000,
        poll: float = 0.25,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._chain = Chain(node)
        self._artifacts = dict(artifacts)
        self._projectors = tuple(projectors)
        self._first_block = first_block
        self._chunk = chunk
        self._changed = changed
        self._identity = Identity(engine, self._chain, chain_id, self._artifacts)
        self._worker = Worker("indexer", self.tick, poll=poll)
        self._moved = threading.Condition()
        self._height = -1
        self._version = 0
        self._node_height = -1

    @property
    def health(self) -> Health:
        """How the indexer is; what is wrong is named by a code."""
        return self._worker.health

    @property
    def height(self) -> int:
        """The newest block applied, as this process knows; −1 before the first."""
        return self._height

    @property
    def lag(self) -> int:
        """Blocks that the node has and we have not, at the last look."""
        return max(0, self._node_height - self._height)

    def start(self) -> None:
        """Begin working in a thread of its own."""
        self._worker.start()

    def stop(self) -> None:
        """End after the step under way; those who wait are let go."""
        self._worker.stop()
        with self._moved:
            self._moved.notify_all()

    def wake(self) -> None:
        """The chain has probably moved: look now."""
        self._worker.wake()

    def wait_for(self, block: int, timeout: float) -> bool:
        """Wait until a block is applied.

        :param timeout: seconds
        :return: whether it is
        """
        with self._moved:
            return self._moved.wait_for(lambda: self._height >= block, timeout)

    def wait_for_change(self, seen: int, timeout: float) -> int:
        """Wait until anything was applied or taken back since ``seen``: an earlier answer, at first 0.

        :param timeout: seconds
        :return: a number that is greater with each change
        """
        with self._moved:
            self._moved.wait_for(lambda: self._version != seen, timeout)
            return self._version

    def tick(self) -> bool:
        """Read what is new, one stretch of it; or take back what left the chain.

        :return: whether something changed, so that more may be to do at once
        :raises LandbridgeError: the node or its chain forbids to go on; nothing is lost
        """
        head = self._identity.check()
        self._node_height = head.number
        ours = self._newest()
        self._announce(ours.number)
        if not self._is_on_chain(ours):
            self._take_back()
            return True
        if head.number <= ours.number:
            return False
        stretch = self._read(ours, head)
        moved = self._apply(stretch)
        if moved:
            self._announce(stretch.blocks[-1].number)
        return True

    # Reading

    def _newest(self) -> BlockRow:
        with reading(self._engine) as session:
            return _newest(session) or self._origin()

    def _origin(self) -> BlockRow:
        """Before the first block: what needs no check, since the chain itself was checked."""
        return BlockRow(number=self._first_block - 1, hash="", parent="", time=0)

    def _is_on_chain(self, row: BlockRow) -> bool:
        if not row.hash:
            return True
        block = self._chain.block(row.number)
        return block is not None and block.hash == row.hash

    def _read(self, after: BlockRow, head: Block) -> _Stretch:
        last = min(head.number, after.number + self._chunk)
        end = head if last == head.number else self._block(last)
        if not self._is_on_chain(after):
            raise IndexerError("the chain turned while it was read")
        logs = self._chain.logs(after.number + 1, last, addresses=sorted(self._artifacts))
        logs = sorted(logs, key=lambda log: (log.block_number, log.position))
        blocks = {
            number: self._block(number) for number in sorted({log.block_number for log in logs} - {last})
        }
        blocks[last] = self._block(last)
        # A block stands for all before it: if the last is the same after reading as before, all is of one
        # chain, and that chain has our newest block too.
        for log in logs:
            if log.block_number not in blocks or blocks[log.block_number].hash != log.block_hash:
                raise IndexerError("an event does not belong to the chain that was read")
        if blocks[last].hash != end.hash:
            raise IndexerError("the chain turned while it was read")
        return _Stretch(after, list(blocks.values()), logs)

    def _block(self, number: int) -> Block:
        block = self._chain.block(number)
        if block is None:
            raise IndexerError("the chain turned while it was read", params={"block": number})
        return block

    # Writing

    def _apply(self, stretch: _Stretch) -> bool:
        times = {block.number: block.timestamp for block in stretch.blocks}
        counts = dict.fromkeys(times, 0)
        for log in stretch.logs:
            counts[log.block_number] += 1
        with writing(self._engine) as session:
            _lock(session)
            current = _newest(session) or self._origin()
            if (current.number, current.hash) != (stretch.after.number, stretch.after.hash):
                return False  # another process was faster
            for block in stretch.blocks:
                row = BlockRow(
                    number=block.number,
                    hash=block.hash,
                    parent=block.parent_hash,
                    time=block.timestamp,
                    events=counts[block.number],
                )
                session.add(row)
            session.flush()
            for log in stretch.logs:
                self._apply_event(session, log, times[log.block_number])
            if current.hash and not current.events and _period(current) == _period(row):
                session.delete(current)
        return True

    def _apply_event(self, session: Session, log: Log, block_time: int) -> None:
        row = EventRow(
            block_number=log.block_number,
            log_index=log.position,
            block_hash=log.block_hash,
            transaction_hash=log.transaction_hash,
            address=log.address,
            topics=b"".join(log.topics),
            data=log.data,
        )
        session.add(row)
        decoded = self._artifacts[log.address].event(log.topics, log.data)
        if decoded is None:
            return
        event = ChainEvent(
            block=log.block_number,
            block_hash=log.block_hash,
            block_time=block_time,
            transaction_hash=log.transaction_hash,
            log_index=log.position,
            address=log.address,
            name=decoded.name,
            arguments=decoded.arguments,
        )
        for projector in self._projectors:
            projector.apply(session, event)

    def _take_back(self) -> None:
        """Find the newest block that both we and the node have; take back all above it."""
        with reading(self._engine) as session:
            newest = common = _newest(session)
            while common is not None and not self._is_on_chain(common):
                common = _newest(session, below=common.number)
        height = common.number if common else self._first_block - 1
        with writing(self._engine) as session:
            _lock(session)
            current = _newest(session)
            if newest is None or current is None or current.hash != newest.hash:
                return  # another process was faster
            for projector in reversed(self._projectors):
                projector.rollback(session, height)
            session.exec(delete(EventRow).where(col(EventRow.block_number) > height))
            session.exec(delete(BlockRow).where(col(BlockRow.number) > height))
        self._announce(height)

    def _announce(self, height: int) -> None:
        with self._moved:
            if height != self._height:
                self._height = height
                self._version += 1
                self._moved.notify_all()
                self._changed()


def _newest(session: Session, below: int | None = None) -> BlockRow | None:
    statement = select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)
    if below is not None:
        statement = statement.where(col(BlockRow.number) < below)
    return session.exec(statement).first()


def _period(row: BlockRow) -> int:
    return row.number // _ONE_KEPT_IN


def _lock(session: Session) -> None:
    """One writer at a time, in whichever process."""
    session.exec(select(ChainRow).where(ChainRow.id == 1).with_for_update()).one()
