"""Tables of the engine: acts on their way to the chain, transactions that carry them, blocks and events read.

- An act (:class:`OutboxRow`) is there once, known by its EIP-712 digest.
- A transaction (:class:`TransactionRow`) has one nonce of its sender, one or more signed forms
  (:class:`TransactionAttempt`), and members (:class:`BatchMember`): which act stands where in it.
- Blocks (:class:`BlockRow`) are checkpoints: those that hold events, and the last one read.
- The log (:mod:`chain.log`) is leaves, tiles of hashes, and sealed heads.

Times are whole seconds of Unix time. Hashes and addresses are lower-case hex with 0x; digests and words are
bytes.

>>> OutboxRow.__tablename__
'outbox'
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Engine
from sqlmodel import Field, SQLModel

__all__ = [
    "ActStatus",
    "BatchMember",
    "BlockRow",
    "ChainRow",
    "EventRow",
    "HeadRow",
    "LeafRow",
    "LogSizeRow",
    "OutboxRow",
    "TileRow",
    "TransactionAttempt",
    "TransactionRow",
    "TransactionStatus",
    "create_tables",
]

# SQLite numbers rows by itself only in a column called INTEGER.
_RowId = BigInteger().with_variant(Integer, "sqlite")


class ActStatus(StrEnum):
    """Where an act stands.

    - ``pending``: taken; in no transaction.
    - ``sent``: in a stored transaction that has not been seen in a block.
    - ``mined``: in a block, not yet deep enough.
    - ``done``: took effect, deep enough.
    - ``refused``: the contract refused it, deep enough; or it was given up.
    - ``expired``: its deadline passed before it took effect.

    The last three are final for as long as their block is in the chain.
    """

    PENDING = "pending"
    SENT = "sent"
    MINED = "mined"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"


class TransactionStatus(StrEnum):
    """Where a transaction stands: ``signed`` (stored, perhaps sent), ``mined``, ``final`` (deep enough), or
    ``lost`` (its nonce went to another, or its sender fell silent: its acts went back)."""

    SIGNED = "signed"
    MINED = "mined"
    FINAL = "final"
    LOST = "lost"


class ChainRow(SQLModel, table=True):
    """The one chain that this database belongs to, as first met."""

    __tablename__ = "chain"

    id: int = Field(default=1, primary_key=True)
    chain_id: int = Field(sa_type=BigInteger)
    genesis_hash: str
    first_seen: int = Field(sa_type=BigInteger)


class TransactionRow(SQLModel, table=True):
    """A transaction of ours: one nonce of one sender.

    ``gas`` is its limit. A transaction without members fills a gap of nonces and is addressed to its sender.
    """

    __tablename__ = "chain_transaction"
    __table_args__ = (UniqueConstraint("sender", "nonce"),)

    id: int = Field(default=None, sa_column=Column(_RowId, primary_key=True))
    sender: str
    nonce: int = Field(sa_type=BigInteger)
    contract: str
    gas: int = Field(sa_type=BigInteger)
    status: str = Field(default=TransactionStatus.SIGNED, sa_type=String, index=True)
    block_number: int | None = Field(default=None, sa_type=BigInteger, index=True)
    block_hash: str | None = None
    gas_used: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class TransactionAttempt(SQLModel, table=True):
    """One signed form of a transaction, stored before it is first sent; a later one pays more (wei)."""

    __tablename__ = "chain_transaction_attempt"

    id: int = Field(default=None, sa_column=Column(_RowId, primary_key=True))
    transaction_id: int = Field(
        sa_column=Column(_RowId, ForeignKey("chain_transaction.id"), nullable=False, index=True)
    )
    raw: bytes = Field(sa_type=LargeBinary)
    hash: str = Field(unique=True)
    gas_price: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class OutboxRow(SQLModel, table=True):
    """A signed act.

    :ivar digest: its EIP-712 digest; the same act enqueued twice is one row
    :ivar lane: acts of one lane are sent in the order in which they came, by one sender at a time
    :ivar intent: the five words that travel, 160 bytes
    :ivar cosignatures: 64 bytes each, in order
    :ivar transaction_id: the transaction in charge of it, with its ``position`` there
    :ivar reason: the revert data with which the contract refused it; ``reason_name`` is its error's name
    :ivar attempts: how many transactions failed as a whole with it
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_status_id", "status", "id"),
        Index("ix_outbox_lane_id", "lane", "id"),
    )

    id: int = Field(default=None, sa_column=Column(_RowId, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, unique=True, nullable=False))
    contract: str
    act: str
    lane: bytes = Field(sa_type=LargeBinary)
    intent: bytes = Field(sa_type=LargeBinary)
    cosignatures: bytes = Field(default=b"", sa_type=LargeBinary)
    deadline: int = Field(sa_type=BigInteger)
    status: str = Field(default=ActStatus.PENDING, sa_type=String)
    reason: bytes | None = Field(default=None, sa_type=LargeBinary)
    reason_name: str | None = None
    attempts: int = 0
    transaction_id: int | None = Field(
        default=None, sa_column=Column(_RowId, ForeignKey("chain_transaction.id"), index=True)
    )
    position: int | None = None
    block_number: int | None = Field(default=None, sa_type=BigInteger)
    block_hash: str | None = None
    created_at: int = Field(sa_type=BigInteger)


class BatchMember(SQLModel, table=True):
    """That an act stands at a position of a transaction; kept when the act has moved to another one."""

    __tablename__ = "chain_batch_member"

    transaction_id: int = Field(
        sa_column=Column(_RowId, ForeignKey("chain_transaction.id"), primary_key=True)
    )
    position: int = Field(primary_key=True)
    outbox_id: int = Field(sa_column=Column(_RowId, ForeignKey("outbox.id"), nullable=False, index=True))


class BlockRow(SQLModel, table=True):
    """A block that was read; all blocks up to it were read too."""

    __tablename__ = "chain_block"

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    hash: str
    parent: str
    time: int = Field(sa_type=BigInteger)
    events: int = 0


class EventRow(SQLModel, table=True):
    """A log of one of the contracts followed; ``topics`` are 32 bytes each, joined."""

    __tablename__ = "chain_event"

    block_number: int = Field(
        sa_column=Column(BigInteger, ForeignKey("chain_block.number"), primary_key=True, autoincrement=False)
    )
    log_index: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    block_hash: str
    transaction_hash: str = Field(index=True)
    address: str
    topics: bytes = Field(sa_type=LargeBinary)
    data: bytes = Field(sa_type=LargeBinary)


class LogSizeRow(SQLModel, table=True):
    """How many leaves the log has; locked by whoever appends.

    :ivar acts_until: acts up to this block are in the log
    """

    __tablename__ = "log_size"

    id: int = Field(default=1, primary_key=True)
    size: int = Field(default=0, sa_type=BigInteger)
    acts_until: int = Field(default=-1, sa_type=BigInteger)


class LeafRow(SQLModel, table=True):
    """A leaf of the log. Acts and documents stand in it once; the same evidence may come again."""

    __tablename__ = "log_leaves"
    __table_args__ = (
        Index(
            "ix_log_leaves_once",
            "hash",
            unique=True,
            sqlite_where=text("kind <> 'evidence'"),
            postgresql_where=text("kind <> 'evidence'"),
        ),
    )

    index: int = Field(sa_column=Column(_RowId, primary_key=True, autoincrement=False))
    kind: str
    hash: bytes = Field(sa_type=LargeBinary)
    entry: bytes = Field(sa_type=LargeBinary)


class TileRow(SQLModel, table=True):
    """Up to 256 hashes of one level of the log's tree, 32 bytes each (C2SP tlog-tiles, height 8)."""

    __tablename__ = "log_tiles"

    level: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    index: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    hashes: bytes = Field(sa_type=LargeBinary)


class HeadRow(SQLModel, table=True):
    """A head of the log that was sealed; and once it is anchored, by which transaction in which block."""

    __tablename__ = "log_heads"

    size: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    root: bytes = Field(sa_type=LargeBinary)
    sealed_at: int = Field(sa_type=BigInteger)
    block_number: int | None = Field(default=None, sa_type=BigInteger, index=True)
    block_hash: str | None = None
    transaction_hash: str | None = None


_TABLES = (
    ChainRow,
    TransactionRow,
    TransactionAttempt,
    OutboxRow,
    BatchMember,
    BlockRow,
    EventRow,
    LogSizeRow,
    LeafRow,
    TileRow,
    HeadRow,
)


def create_tables(engine: Engine) -> None:
    """Create the engine's tables where they are missing (a gateway's migrations do it for themselves)."""
    tables = SQLModel.metadata.tables
    SQLModel.metadata.create_all(engine, tables=[tables[str(model.__tablename__)] for model in _TABLES])
