"""What an audit has read and found so far, kept in a file, so that it can be broken off and gone on with.

- A page of leaves is noted in one transaction: an audit that is killed goes on after the last page noted.
- The file belongs to one log on one chain, from its first block on, and bears a seal over all that it holds:
  damage is named. It has no key, so whoever may write it may write its verdict: keep it as you keep reports.
- Acts and heads of the chain lie beside it for the time of one run; they are read anew each time, since a
  chain may turn. Memory does not grow with either.

>>> with Ledger.open(None, log="landbridge/1/0xab", genesis="0x00") as ledger:
...     ledger.size
0
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from chain.errors import LandbridgeError

__all__ = ["Anchor", "Finding", "KnownAct", "Ledger", "LedgerError", "Noted", "OtherLogError"]

_FORM: Final = "landbridge/audit-progress/1"
_APPLICATION: Final = 0x4C424131
_MOST_FINDINGS: Final = 10_000
_AT_ONCE: Final = 4096
_TABLES: Final = """
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), form TEXT, log TEXT, genesis TEXT,
                    size INTEGER, edge BLOB, dropped INTEGER, seal BLOB);
CREATE TABLE entry (leaf INTEGER PRIMARY KEY, hash BLOB, kind TEXT, shown INTEGER);
CREATE INDEX entry_by_hash ON entry (hash);
CREATE TABLE root (size INTEGER PRIMARY KEY, root BLOB);
CREATE TABLE finding (id INTEGER PRIMARY KEY, code TEXT, leaf INTEGER, detail TEXT);
"""
_BESIDE: Final = """
CREATE TEMP TABLE act (hash BLOB PRIMARY KEY, digest BLOB, block INTEGER, tx TEXT) WITHOUT ROWID;
CREATE TEMP TABLE anchor (size INTEGER, root BLOB, block INTEGER, tx TEXT);
CREATE INDEX temp.anchor_by_size ON anchor (size);
"""
_SEALED: Final = (
    "SELECT leaf, hash, kind, shown FROM entry ORDER BY leaf",
    "SELECT size, root FROM root ORDER BY size",
    "SELECT code, leaf, detail FROM finding ORDER BY id",
)


class LedgerError(LandbridgeError):
    """A file of progress that cannot be gone on with: no such file, damaged, or in use by another audit."""

    code: ClassVar[str] = "audit-progress"


class OtherLogError(LandbridgeError):
    """A file of another log, or of a log of this name on a chain that began otherwise."""

    code: ClassVar[str] = "audit-other-log"


class Anchor(NamedTuple):
    """A head that the log must have had: the chain tells of it; or, with no transaction, the auditor does."""

    size: int
    root: bytes
    block: int | None = None
    transaction: str | None = None


class KnownAct(NamedTuple):
    """An act that took effect on the chain.

    :ivar leaf_hash: of its entry
    """

    leaf_hash: bytes
    digest: bytes
    block: int
    transaction: str


class Finding(NamedTuple):
    """One thing that is wrong, by a stable code: where in the log, and where on the chain."""

    code: str
    leaf: int | None = None
    block: int | None = None
    transaction: str | None = None
    detail: str = ""


class Noted(NamedTuple):
    """An act or a document in the log; ``shown`` where its entry was."""

    leaf: int
    hash: bytes
    kind: str
    shown: bool


@dataclass(slots=True)
class _Seal:
    """Digests over the rows of each table, one after the other."""

    parts: list[bytes]

    def add(self, table: int, row: Sequence[Any]) -> None:
        self.parts[table] = sha256(self.parts[table] + repr(tuple(row)).encode()).digest()

    def over(self, *state: object) -> bytes:
        return sha256(b"".join(self.parts) + repr((_FORM, *state)).encode()).digest()


class Ledger:
    """The file. Made by :meth:`open`.

    :ivar size: leaves noted so far
    :ivar edge: the hashes of the complete subtrees over them, largest first
    """

    def __init__(self, database: sqlite3.Connection, log: str, genesis: str) -> None:
        self._database = database
        self._log, self._genesis = log, genesis
        self.size, self.edge, self.dropped = 0, list[bytes](), 0
        self._seal = _Seal([b""] * len(_SEALED))

    @classmethod
    @contextmanager
    def open(cls, path: Path | None, *, log: str, genesis: str) -> Iterator[Ledger]:
        """Go on with a file, or begin one; without a path what is noted is gone afterwards.

        :raises LedgerError: it is no such file, is damaged, or in use
        :raises OtherLogError: it is of another log, or of another chain
        """
        if path is not None:  # for the owner alone
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect("" if path is None else path, isolation_level=None, timeout=0)
        try:
            ledger = cls(database, log, genesis)
            with _named(*_STRANGE):
                ledger._begin()
            yield ledger
        finally:
            database.close()

    def _begin(self) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA synchronous = FULL")
        with self._whole():
            if not run("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                run(f"PRAGMA application_id = {_APPLICATION}")
                for statement in _TABLES.split(";")[:-1]:
                    run(statement)
                self._write_state()
            elif run("PRAGMA application_id").fetchone() != (_APPLICATION,):
                raise LedgerError("this file was not written by an audit", params={"reason": "other"})
            else:
                self._read()
        for statement in _BESIDE.split(";")[:-1]:
            run(statement)

    def _read(self) -> None:
        row = self._database.execute(
            "SELECT form, log, genesis, size, edge, dropped, seal FROM state"
        ).fetchone()
        if row is None or row[0] != _FORM:
            raise LedgerError("this file was not written by an audit", params={"reason": "other"})
        _, log, genesis, size, edge, dropped, seal = row
        for table, statement in enumerate(_SEALED):
            for found in self._database.execute(statement):
                self._seal.add(table, found)
        if seal != self._seal.over(log, genesis, size, edge, dropped) or len(edge) != 32 * size.bit_count():
            raise LedgerError("this file was damaged: its seal is not its own", params={"reason": "damaged"})
        if (log, genesis) != (self._log, self._genesis):
            raise OtherLogError("this file is of another log", params={"log": log, "genesis": genesis})
        self.size, self.dropped = size, dropped
        self.edge = [edge[i : i + 32] for i in range(0, len(edge), 32)]

    def note(
        self,
        size: int,
        edge: Sequence[bytes],
        *,
        entries: Iterable[Noted],
        roots: Iterable[tuple[int, bytes]],
        findings: Iterable[Finding],
    ) -> None:
        """Note a page of leaves, whole and durable.

        :param size: leaves read until now, and ``edge`` the edge of the tree over them
        :param entries: the acts and documents among the page's leaves
        :param roots: the roots at sizes where the log had a head
        :raises LedgerError: it cannot be written
        """
        found = list(findings)
        with _named(), self._whole():
            self.size, self.edge = size, list(edge)
            left = _MOST_FINDINGS - self._count("finding")
            self.dropped += max(0, len(found) - left)
            self._add(0, "INSERT INTO entry VALUES (?, ?, ?, ?)", entries)
            self._add(1, "INSERT INTO root VALUES (?, ?)", roots)
            told = [(one.code, one.leaf, one.detail) for one in found[: max(0, left)]]
            self._add(2, "INSERT INTO finding (code, leaf, detail) VALUES (?, ?, ?)", told)
            self._write_state()

    def _add(self, table: int, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        for row in rows:
            kept = tuple(int(value) if isinstance(value, bool) else value for value in row)
            self._database.execute(statement, kept)
            self._seal.add(table, kept)

    def _write_state(self) -> None:
        edge = b"".join(self.edge)
        state = (self._log, self._genesis, self.size, edge, self.dropped)
        self._database.execute(
            "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            (_FORM, *state, self._seal.over(*state)),
        )

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _count(self, table: str) -> int:
        return int(self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    # What the chain tells, for this run

    def begin_chain(self) -> None:
        """Forget what the chain told: it is read anew."""
        for table in ("act", "anchor"):
            self._database.execute(f"DELETE FROM temp.{table}")  # noqa: S608

    def add_anchors(self, anchors: Iterable[Anchor]) -> None:
        """Heads that the log must have had."""
        with _named(), self._whole():
            self._database.executemany("INSERT INTO anchor VALUES (?, ?, ?, ?)", anchors)

    def add_acts(self, acts: Iterable[KnownAct]) -> None:
        """Acts that took effect."""
        with _named(), self._whole():
            self._database.executemany("INSERT OR REPLACE INTO act VALUES (?, ?, ?, ?)", acts)

    @property
    def anchors(self) -> int:
        """How many heads are known."""
        return self._count("anchor")

    @property
    def acts(self) -> int:
        """How many acts are known."""
        return self._count("act")

    def newest_anchor(self, *, remembered: bool = True) -> Anchor | None:
        """The largest head known; of the chain alone without the remembered ones."""
        where = "" if remembered else "WHERE tx IS NOT NULL"
        row = self._database.execute(
            f"SELECT * FROM anchor {where} ORDER BY size DESC, tx IS NULL LIMIT 1"  # noqa: S608
        ).fetchone()
        return None if row is None else Anchor(*row)

    def anchors_in_order(self) -> Iterator[tuple[Anchor, bytes | None]]:
        """Each head known, by size, with the root that the log had then where that was noted."""
        rows = self._database.execute(
            "SELECT anchor.size, anchor.root, block, tx, root.root FROM anchor LEFT JOIN root USING (size)"
            " ORDER BY anchor.size, block, anchor.rowid"
        )
        return ((Anchor(*row[:4]), row[4]) for row in rows)

    def sizes_above(self, size: int, until: int) -> list[int]:
        """The sizes of known heads in (size, until], in order."""
        rows = self._database.execute(
            "SELECT DISTINCT size FROM anchor WHERE size > ? AND size <= ? ORDER BY size", (size, until)
        )
        return [row[0] for row in rows]

    def acts_among(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of these leaf hashes that are the chain's acts."""
        found: set[bytes] = set()
        for start in range(0, len(hashes), _AT_ONCE):
            part = hashes[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            rows = self._database.execute(f"SELECT hash FROM act WHERE hash IN ({marks})", part)  # noqa: S608
            found |= {row[0] for row in rows}
        return found

    # What follows from both

    def noted_findings(self) -> Iterator[Finding]:
        """What was wrong with leaves as they were read."""
        for code, leaf, detail in self._database.execute(
            "SELECT code, leaf, detail FROM finding ORDER BY id"
        ):
            yield Finding(code, leaf, detail=detail)

    def acts_missing(self) -> Iterator[KnownAct]:
        """The chain's acts that were not found in the log."""
        rows = self._database.execute(
            "SELECT act.hash, digest, block, tx FROM act LEFT JOIN entry USING (hash)"
            " WHERE leaf IS NULL ORDER BY block, act.hash"
        )
        return (KnownAct(*row) for row in rows)

    def acts_hidden(self) -> Iterator[tuple[int, int | None, str | None]]:
        """The leaves that are acts and were not shown as such; and where the act stands on the chain."""
        return iter(
            self._database.execute(
                "SELECT leaf, block, tx FROM entry LEFT JOIN act USING (hash)"
                " WHERE kind = 'act' AND NOT shown ORDER BY leaf"
            )
        )

    def acts_extra(self) -> Iterator[int]:
        """The leaves that are shown as acts of which the chain knows nothing."""
        rows = self._database.execute(
            "SELECT min(leaf) FROM entry LEFT JOIN act USING (hash)"
            " WHERE kind = 'act' AND shown AND digest IS NULL GROUP BY entry.hash ORDER BY 1"
        )
        return (row[0] for row in rows)

    def twice(self) -> Iterator[tuple[str, int, int]]:
        """Acts and documents that stand in the log again: their kind, the leaf, and the first one's."""
        return iter(
            self._database.execute(
                "SELECT entry.kind, entry.leaf, again.first FROM entry JOIN"
                " (SELECT hash, min(leaf) AS first FROM entry GROUP BY hash HAVING count(*) > 1) AS again"
                " USING (hash) WHERE entry.leaf > again.first ORDER BY entry.leaf"
            )
        )


_STRANGE: Final = (OverflowError, TypeError, ValueError, AttributeError)
"""What comes of values that no audit has written."""


@contextmanager
def _named(*strange: type[Exception]) -> Iterator[None]:
    other: tuple[type[Exception], ...] = (sqlite3.DatabaseError, *strange)
    try:
        yield
    except sqlite3.OperationalError as error:
        reason = "busy" if "locked" in str(error) else "storage"
        raise LedgerError(f"the progress cannot be kept: {error}", params={"reason": reason}) from None
    except other:
        raise LedgerError(
            "this file was damaged, or was not written by an audit", params={"reason": "other"}
        ) from None
