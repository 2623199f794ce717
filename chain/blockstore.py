"""Blocks, transactions, logs and state of the embedded chain, in one SQLite file.

A block and all that belongs to it (header, transactions with their results, logs, state nodes) is one SQLite
transaction with a full sync, so after a kill at any instant a block is there whole or not at all. Headers,
transactions and state nodes are stored under their own hashes and checked against them when read.

The file belongs to one process: SQLite's exclusive lock is held while the store is open and falls with the
process, however it ends.

>>> store = BlockStore(Path("chain.db"))  # doctest: +SKIP
>>> store.head()  # doctest: +SKIP
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chain.intents import keccak
from chain.node import NodeBusyError, NodeDownError, NodeStorageError

__all__ = ["BlockStore", "StoredBlock", "StoredLog", "StoredTransaction"]

_VERSION = 1
_CACHED_NODES = 1 << 16
_LAST = (1 << 63) - 1  # SQLite's integers end here; no block has such a number

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE nodes (hash BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    header BLOB NOT NULL,
    size INTEGER NOT NULL
);
CREATE TABLE transactions (
    block INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    sender BLOB NOT NULL,
    raw BLOB NOT NULL,
    succeeded INTEGER NOT NULL,
    gas_used INTEGER NOT NULL,
    cumulative_gas INTEGER NOT NULL,
    contract BLOB,
    PRIMARY KEY (block, position)
) WITHOUT ROWID;
CREATE TABLE logs (
    block INTEGER NOT NULL,
    position INTEGER NOT NULL,
    transaction_position INTEGER NOT NULL,
    address BLOB NOT NULL,
    topic0 BLOB,
    topic1 BLOB,
    topic2 BLOB,
    topic3 BLOB,
    data BLOB NOT NULL,
    PRIMARY KEY (block, position)
) WITHOUT ROWID;
CREATE INDEX logs_by_address ON logs (address, block);
CREATE INDEX logs_by_event ON logs (address, topic0, block);
CREATE INDEX logs_by_topic1 ON logs (topic1, block);
"""

_LOGS = """
SELECT l.block, l.position, l.transaction_position, l.address, l.topic0, l.topic1, l.topic2, l.topic3, l.data,
    b.hash, t.hash
FROM logs l LEFT JOIN blocks b ON b.number = l.block
LEFT JOIN transactions t ON t.block = l.block AND t.position = l.transaction_position
"""


class StoredBlock(NamedTuple):
    """A block: its header in RLP, and the size in bytes of the whole."""

    number: int
    hash: bytes
    header: bytes
    size: int


class StoredTransaction(NamedTuple):
    """A mined transaction with its result; ``contract`` is the address it made, if it made one."""

    block: int
    position: int
    hash: bytes
    sender: bytes
    raw: bytes
    succeeded: bool
    gas_used: int
    cumulative_gas: int
    contract: bytes | None


class StoredLog(NamedTuple):
    """A log; ``position`` counts within the block."""

    block: int
    position: int
    transaction_position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_hash: bytes = b""
    transaction_hash: bytes = b""


class BlockStore:
    """The file of one embedded chain. Safe for use from several threads.

    :param path: the file; it and its folder are made if absent
    :raises NodeBusyError: another process has it open
    :raises NodeStorageError: it cannot be opened, is damaged, or is no such file
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._cache: dict[bytes, bytes] = {}
        self._db: sqlite3.Connection | None = None
        with _named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                _prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        self._path = path

    def close(self) -> None:
        """Let go of the file; what comes after raises :class:`NodeDownError`."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def chain_id(self) -> int | None:
        """The chain's id; ``None`` in a file that holds no chain yet."""
        rows = self._read("SELECT value FROM meta WHERE name = 'chain_id'")
        return int(rows[0][0]) if rows else None

    def node(self, key: bytes) -> bytes:
        """A state node or a contract's code by its hash.

        :raises KeyError: there is none
        :raises NodeStorageError: what is stored has another hash
        """
        value = self._cache.get(key)
        if value is None:
            rows = self._read("SELECT value FROM nodes WHERE hash = ?", key)
            if not rows:
                raise KeyError(key)
            value = _checked(bytes(rows[0][0]), key, "a state node")
            self._remember({key: value})
        return value

    def head(self) -> StoredBlock | None:
        """The newest block."""
        return self._block("ORDER BY number DESC LIMIT 1")

    def block(self, key: int | bytes) -> StoredBlock | None:
        """A block by number or hash."""
        if isinstance(key, int):
            return self._block("WHERE number = ?", min(key, _LAST))
        return self._block("WHERE hash = ?", key)

    def block_hash(self, number: int) -> bytes:
        """The hash of a block that is there.

        :raises KeyError: it is not
        """
        rows = self._read("SELECT hash FROM blocks WHERE number = ?", number)
        if not rows:
            raise KeyError(number)
        return bytes(rows[0][0])

    def transaction(self, key: bytes) -> StoredTransaction | None:
        """A mined transaction by its hash."""
        return next(self._transactions("WHERE hash = ?", key), None)

    def transactions(self, block: int) -> list[StoredTransaction]:
        """A block's transactions in order."""
        return list(self._transactions("WHERE block = ? ORDER BY position", block))

    def transaction_hashes(self, block: int) -> list[bytes]:
        """The hashes of a block's transactions in order."""
        rows = self._read("SELECT hash FROM transactions WHERE block = ? ORDER BY position", block)
        return [bytes(row[0]) for row in rows]

    def logs(
        self,
        first: int,
        last: int,
        *,
        addresses: Sequence[bytes] = (),
        topics: Sequence[Sequence[bytes]] = (),
        transaction_position: int | None = None,
        limit: int,
    ) -> list[StoredLog]:
        """Logs of the blocks from ``first`` to ``last``, in order.

        :param addresses: any of these; any at all if empty
        :param topics: per place, any of these; any at all where empty
        :param limit: at most so many
        """
        where = ["l.block BETWEEN ? AND ?"]
        values: list[bytes | int] = [min(first, _LAST), min(last, _LAST)]
        if transaction_position is not None:
            where.append("l.transaction_position = ?")
            values.append(transaction_position)
        # SQLite cannot know which filter is sharp: a second topic names one thing of very many, so where
        # it is given the plus keeps the other columns' indexes out of the choice.
        sharp = len(topics) > 1 and len(topics[1]) > 0
        places = ((f"topic{place}", any_of) for place, any_of in enumerate(topics))
        for column, any_of in (("address", addresses), *places):
            if any_of:
                plus = "+" if sharp and column != "topic1" else ""
                where.append(f"{plus}l.{column} IN ({','.join('?' * len(any_of))})")
                values.extend(any_of)
        if len(topics) > 0:
            # a place that takes anything still asks for a topic there
            where.append(f"l.topic{len(topics) - 1} IS NOT NULL")
        rows = self._read(f"{_LOGS} WHERE {' AND '.join(where)} ORDER BY 1, 2 LIMIT ?", *values, limit)
        if any(None in row[9:] for row in rows):
            raise NodeStorageError("a log in the chain's file is of no block: the file is damaged")
        return [
            StoredLog(row[0], row[1], row[2], row[3], tuple(t for t in row[4:8] if t is not None), *row[8:])
            for row in rows
        ]

    def verify(self) -> None:
        """Read the whole file and compare its tables and indexes.

        :raises NodeStorageError: they do not agree, or a page is no page
        """
        problem = self._read("PRAGMA integrity_check(1)")[0][0]
        if problem != "ok":
            raise NodeStorageError(f"the chain's file is damaged: {problem}")

    def append(
        self,
        block: StoredBlock,
        transactions: Sequence[StoredTransaction],
        logs: Sequence[StoredLog],
        nodes: Mapping[bytes, bytes],
        *,
        chain_id: int | None = None,
    ) -> None:
        """Add a block with all that belongs to it, durably, or not at all.

        :param chain_id: given with the first block
        :raises NodeStorageError: the disk is full or broken; nothing was written
        """
        with self._lock, _named_errors(self._path):
            db = self._open()
            try:
                db.execute("BEGIN IMMEDIATE")
                if chain_id is not None:
                    db.execute("INSERT INTO meta VALUES ('chain_id', ?)", (chain_id,))
                db.executemany("INSERT OR IGNORE INTO nodes VALUES (?, ?)", nodes.items())
                db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", block)
                db.executemany("INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", transactions)
                db.executemany(
                    "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    ((*log[:4], *log.topics, *(None,) * (4 - len(log.topics)), log.data) for log in logs),
                )
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        self._remember(nodes)

    def _remember(self, nodes: Mapping[bytes, bytes]) -> None:
        if len(self._cache) + len(nodes) > _CACHED_NODES:
            self._cache = {}
        self._cache.update(nodes)

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise NodeDownError("the embedded node is closed")
        return self._db

    def _read(self, sql: str, *values: bytes | int) -> list[Any]:
        # all rows at once: a half-read cursor would hold the log open and keep checkpoints from ending
        with self._lock, _named_errors(self._path):
            return self._open().execute(sql, values).fetchall()

    def _block(self, clause: str, *values: bytes | int) -> StoredBlock | None:
        rows = self._read(f"SELECT number, hash, header, size FROM blocks {clause}", *values)  # noqa: S608
        if not rows:
            return None
        block = StoredBlock(*rows[0])
        _checked(block.header, block.hash, "a block")
        return block

    def _transactions(self, clause: str, *values: bytes | int) -> Iterator[StoredTransaction]:
        for row in self._read(f"SELECT * FROM transactions {clause}", *values):  # noqa: S608
            transaction = StoredTransaction(*row)
            _checked(transaction.raw, transaction.hash, "a transaction")
            yield transaction._replace(succeeded=bool(transaction.succeeded))


def _prepare(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # A read would leave the lock shared until the first write: take it for good now.
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise NodeStorageError("the file is another program's database, no embedded chain")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    elif version != _VERSION:
        raise NodeStorageError(
            f"the chain's file has version {version}, this program writes {_VERSION}",
            params={"version": version},
        )
    db.execute("COMMIT")


def _checked(value: bytes, hash_: bytes, what: str) -> bytes:
    if keccak(value) != hash_:
        raise NodeStorageError(f"{what} in the chain's file is not what was written: the file is damaged")
    return value


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        params = {"file": path.name, "cause": str(getattr(error, "sqlite_errorname", type(error).__name__))}
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise NodeBusyError(
                "another process runs an embedded node on this file; stop it, or connect to it",
                params={"file": path.name},
            ) from error
        raise NodeStorageError(f"the chain's file cannot be used: {error}", params=params) from error
    except OSError as error:
        raise NodeStorageError(
            f"the chain's folder cannot be used: {error.strerror}", params={"file": path.name}
        ) from error
