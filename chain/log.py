"""The append-only log: leaves, the tree over them, and the heads that were sealed (docs/log.md, RFC 9162).

Rules:

- A leaf's index is given in the transaction that stores it: leaf and whatever else is written there are
  durable together or not at all.
- An index is given once, a leaf is never changed, and no size of the tree ever has another root.
- An act or a document stands in the log once, however often it is brought; evidence as often as it comes.
- No proof is given that does not lead to a sealed head, and no head is sealed that the one before does not
  lead to: a tree that was altered in the database is named instead.
- Nothing grows in memory with the log.

>>> log = Log()
>>> with writing(engine) as session:                          # doctest: +SKIP
...     first = log.append(session, "evidence", [entry])
...     head = log.seal(session, now=int(time.time()))
>>> with reading(engine) as session:                          # doctest: +SKIP
...     path = log.inclusion(session, first, head.size)
>>> verify_inclusion(leaf_hash(entry), first, head.size, path, head.root)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from chain.db import insert_rows
from chain.entries import EVIDENCE
from chain.errors import LandbridgeError
from chain.merkle import (
    EMPTY_ROOT,
    ConsistencyError,
    InclusionError,
    TreeRangeError,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from chain.tables import HeadRow, LeafRow, LogSizeRow
from chain.tiles import Tiles

__all__ = ["Leaf", "LeafMissingError", "Log", "LogAlteredError"]

_HASH = 32
# Statements of every append and every proof, past the session's objects and built once.
_LEAVES = SQLModel.metadata.tables[str(LeafRow.__tablename__)]
_SIZE = select(LogSizeRow.size).where(LogSizeRow.id == 1)
_SIZE_LOCKED = _SIZE.with_for_update()
_FROM = (
    select(LeafRow.index, LeafRow.kind, LeafRow.entry, LeafRow.hash)
    .where(col(LeafRow.index) >= bindparam("start"))
    .order_by(col(LeafRow.index))
    .limit(bindparam("most"))
)
_GROW = update(LogSizeRow).where(col(LogSizeRow.id) == 1).values(size=bindparam("grown"))


class LeafMissingError(LandbridgeError):
    """The log has no such leaf."""

    code: ClassVar[str] = "log-leaf-missing"


class LogAlteredError(LandbridgeError):
    """A leaf, the tree or a sealed head was changed in the database: they do not lead to one another."""

    code: ClassVar[str] = "log-altered"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf: its place, what it says, and the hash under which the tree knows it."""

    index: int
    kind: str
    entry: bytes
    hash: bytes


class Log:
    """One log in one database. It holds no state but full tiles, so any number of them may share it.

    :param may_grow: asked before leaves are added; raises where this log must not go on
    """

    def __init__(self, may_grow: Callable[[], None] = lambda: None) -> None:
        self._tiles = Tiles()
        self._may_grow = may_grow

    def append(self, session: Session, kind: str, entries: Sequence[bytes]) -> int:
        """Add leaves, in the caller's writing transaction, which then holds the log until it ends.

        :return: the index of the first
        :raises LandbridgeError: the database was damaged, or this log must not go on
        """
        if entries:
            self._may_grow()
        first, hashes = _locked(session), [leaf_hash(entry) for entry in entries]
        if not entries:
            return first
        rows = [
            {"index": first + place, "kind": kind, "hash": hashes[place], "entry": entry}
            for place, entry in enumerate(entries)
        ]
        insert_rows(session, _LEAVES, rows)
        self._tiles.extend(session, first, hashes)
        session.connection().execute(_GROW, {"grown": first + len(rows)})
        return first

    def append_once(self, session: Session, kind: str, entries: Iterable[bytes]) -> list[int]:
        """Add leaves that stand in the log once, and find those that stand there already.

        :return: their indices, in the order given
        """
        if kind == EVIDENCE:
            raise ValueError("evidence may come again")
        _locked(session)  # before the look: else another writer might bring the same in between
        wanted = list(entries)
        found = {entry: self._index_of(session, leaf_hash(entry)) for entry in wanted}
        new = [entry for entry, index in found.items() if index is None]
        first = self.append(session, kind, new)
        found |= {entry: first + place for place, entry in enumerate(new)}
        return [index for entry in wanted if (index := found[entry]) is not None]

    def size(self, session: Session) -> int:
        """How many leaves there are."""
        size = session.connection().execute(_SIZE).scalar()
        return size or 0

    def leaf(self, session: Session, index: int) -> Leaf:
        """A leaf by its index.

        :raises LeafMissingError: there is none
        :raises LogAlteredError: what it says is not what it was hashed from
        """
        row = session.get(LeafRow, index) if 0 <= index < 1 << 63 else None
        if row is None:
            raise LeafMissingError("the log has no such leaf", params={"leaf": index})
        if leaf_hash(row.entry) != row.hash:
            raise _altered(leaf=index)
        return Leaf(row.index, row.kind, row.entry, row.hash)

    def leaf_of(self, session: Session, entry: bytes) -> Leaf:
        """The leaf of an act or a document, by what it says.

        :raises LeafMissingError: there is none
        """
        index = self._index_of(session, leaf_hash(entry))
        if index is None:
            raise LeafMissingError("this is not in the log")
        return self.leaf(session, index)

    def leaves(self, session: Session, start: int, limit: int) -> list[Leaf]:
        """Leaves in order, from one on, as they are stored: whoever audits them compares for itself.

        :raises LogAlteredError: one has no hash at all
        """
        rows = session.connection().execute(_FROM, {"start": start, "most": limit})
        return [Leaf(index, kind, entry, _sized(index, hash_)) for index, kind, entry, hash_ in rows]

    def root(self, session: Session, size: int) -> bytes:
        """The root that the tree has, or had, at a size, as a sealed head bears it out.

        :raises TreeRangeError: it never had that size
        :raises LogAlteredError: no sealed head leads to it, or it to none
        """
        self._check(session, size)
        root = self._tiles.hash_of(session, 0, size) if size else EMPTY_ROOT
        head = self.head_over(session, size - 1, anchored=False) or self.newest_head(session)
        if head is not None:
            self._bear_out(session, size, root, head)
        return root

    def prove(self, session: Session, leaf: Leaf, size: int, root: bytes) -> list[bytes]:
        """The hashes that lead from a leaf to a head, followed before they are given.

        :raises TreeRangeError: the head is older than the leaf
        :raises LogAlteredError: they do not lead there
        """
        path = self.inclusion(session, leaf.index, size)
        try:
            verify_inclusion(leaf_hash(leaf.entry), leaf.index, size, path, root)
        except InclusionError as error:
            raise _altered(leaf=leaf.index, size=size) from error
        return path

    def prove_growth(self, session: Session, old_size: int, size: int) -> tuple[list[bytes], bytes]:
        """The hashes that show that the tree at ``size`` begins with the one at ``old_size``, followed before
        they are given, and the root at ``size``.

        :raises TreeRangeError: the tree never had those sizes, or the older is the larger
        :raises LogAlteredError: they do not show it
        """
        path = self.consistency(session, old_size, size)
        root, old_root = self.root(session, size), self.root(session, old_size)
        try:
            verify_consistency(old_size, size, path, old_root, root)
        except ConsistencyError as error:
            raise _altered(size=old_size, head=size) from error
        return path, root

    def inclusion(self, session: Session, index: int, size: int) -> list[bytes]:
        """The hashes that lead from a leaf to the root at ``size`` (RFC 9162 §2.1.3.1), as the tree has them.

        :raises TreeRangeError: the tree never had that size, or had no such leaf then
        """
        self._check(session, size)
        return [self._tiles.hash_of(session, *span) for span in inclusion_spans(index, size)]

    def consistency(self, session: Session, old_size: int, size: int) -> list[bytes]:
        """The hashes that show that the tree at ``size`` begins with the one at ``old_size`` (§2.1.4.1), as
        the tree has them.

        :raises TreeRangeError: the tree never had those sizes, or the older is the larger
        """
        self._check(session, size)
        return [self._tiles.hash_of(session, *span) for span in consistency_spans(old_size, size)]

    def seal(self, session: Session, *, now: int) -> HeadRow | None:
        """Make the present tree a head, in the caller's writing transaction.

        :param now: Unix time in seconds
        :return: the new head; nothing where no leaf has come since the last
        :raises LogAlteredError: the tree does not begin with the newest head's: what would be sealed, and
            anchored, could never be proven to be this log
        """
        size = _locked(session)
        newest = self.newest_head(session)
        if size == (newest.size if newest else 0):
            return None
        head = HeadRow(size=size, root=self._tiles.hash_of(session, 0, size), sealed_at=now)
        if newest is not None:
            self._bear_out(session, size, head.root, newest)
        session.add(head)
        session.flush()
        return head

    @staticmethod
    def newest_head(session: Session, *, anchored: bool = False) -> HeadRow | None:
        """The newest head that was sealed, or that is anchored."""
        statement = select(HeadRow).order_by(col(HeadRow.size).desc()).limit(1)
        if anchored:
            statement = statement.where(col(HeadRow.block_number).is_not(None))
        return session.exec(statement).first()

    @staticmethod
    def head_over(session: Session, index: int, *, anchored: bool = True) -> HeadRow | None:
        """The first head that holds a leaf and was sealed, or is anchored."""
        statement = select(HeadRow).where(HeadRow.size > index).order_by(col(HeadRow.size)).limit(1)
        if anchored:
            statement = statement.where(col(HeadRow.block_number).is_not(None))
        return session.exec(statement).first()

    def _bear_out(self, session: Session, size: int, root: bytes, head: HeadRow) -> None:
        """Compare a root with a sealed head, of whichever is larger."""
        old, new = sorted((size, head.size))
        roots = (root, head.root) if size <= head.size else (head.root, root)
        try:
            path = self.consistency(session, old, new)
            verify_consistency(old, new, path, *roots)
        except (ConsistencyError, TreeRangeError) as error:
            raise _altered(size=size, head=head.size) from error

    def _check(self, session: Session, size: int) -> None:
        there = self.size(session)
        if not 0 <= size <= there:
            raise TreeRangeError(f"The log has {there} leaves, never {size}.", params={"size": there})

    @staticmethod
    def _index_of(session: Session, hash_: bytes) -> int | None:
        # The condition is that of the partial index, so that it is used.
        statement = select(LeafRow.index).where(LeafRow.hash == hash_, LeafRow.kind != EVIDENCE)
        return session.exec(statement).first()


def _sized(leaf: int, hash_: bytes) -> bytes:
    if len(hash_) != _HASH:
        raise _altered(leaf=leaf)
    return hash_


def _altered(**where: int) -> LogAlteredError:
    return LogAlteredError("a part of the log was altered in the database", params=where)


def _locked(session: Session) -> int:
    """The log's size, held until the transaction ends: one appends at a time, in whichever process."""
    session.info["landbridge_writing"] = True
    connection = session.connection()
    size: int | None = connection.execute(_SIZE_LOCKED).scalar()
    if size is None:
        try:
            with session.begin_nested():
                session.add(LogSizeRow(id=1))
        except IntegrityError:
            pass  # another process began the log at this moment
        size = connection.execute(_SIZE_LOCKED).scalar_one()
    return size
