"""One pass over all that is stored, phase by phase; each phase can be left after any unit and gone on with.

- ``leaves``: each leaf against its hash and its tile; the documents among them against their rows.
- ``tiles``: each tile above against the one that it stands in.
- ``heads``: each sealed head against the tree, and its anchor against the chain's event.
- ``documents``: each document's row against its leaf; its ciphertext, read and hashed again.
- ``blobs``: what the storage holds that no row names. Nothing is ever taken away.

What looks wrong is looked at a second time before it is told: the tables move on between two statements.

>>> for unit in Pass(engine, blobs, number=1).units("leaves", ""):  # doctest: +SKIP
...     print(unit.at, unit.faults)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from api.kernel.scrub import findings
from api.kernel.scrub.ciphertexts import Ciphertexts
from api.kernel.tables import DocumentRow
from chain.canonical import parse
from chain.db import reading
from chain.entries import DOCUMENT, EVIDENCE, EntryError, document_entry, read_entry
from chain.logcheck import WIDTH, Fault, LogCheck
from chain.merkle import leaf_hash
from chain.tables import HeadRow, LeafRow
from vault.blobs import BlobId, BlobStorageError, BlobStore

__all__ = ["PHASES", "Pass", "Unit"]

PHASES: Final = ("leaves", "tiles", "heads", "documents", "blobs")
_PAGE = 64
_AFTER: Final = ">"
"""Before the digest after which the documents go on: whoever altered a row may have left it none at all."""
_ASKED_AT_ONCE = 500
_ORPHAN_SECONDS = 3600
"""A ciphertext is written before its row is: until then it is nobody's."""


@dataclass(frozen=True)
class Unit:
    """What was looked at in one go.

    :ivar at: where the phase goes on after it
    :ivar checked: how much of what was looked at
    """

    at: str
    faults: list[Fault] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)


class Pass:
    """One pass. It reads alone; who drives it keeps its place and what it found.

    :param number: of the pass, under which its findings are kept
    """

    def __init__(self, engine: Engine, blobs: BlobStore, number: int) -> None:
        self._engine = engine
        self._storage = blobs
        self._ciphertexts = Ciphertexts(engine, blobs)
        self._number = number
        self._fresh: list[Fault] = []

    def totals(self) -> dict[str, int]:
        """How much there is to look at, as far as it can be told beforehand."""
        with reading(self._engine) as session:
            return {
                "leaves": LogCheck(session).extent().size,
                "heads": session.exec(select(func.count()).select_from(HeadRow)).one(),
                "documents": session.exec(select(func.count()).select_from(DocumentRow)).one(),
            }

    def units(self, phase: str, at: str) -> Iterator[Unit]:
        """The units of a phase, from a place on; at its end the phase is over.

        :raises BlobStorageError: the storage of blobs does not answer
        """
        walks = {
            "leaves": self._leaves,
            "tiles": self._tiles,
            "heads": self._heads,
            "documents": self._documents,
            "blobs": self._blobs,
        }
        for unit in walks[phase](at):
            self._fresh += unit.faults
            yield unit

    # The log

    def _leaves(self, at: str) -> Iterator[Unit]:
        tile = int(at or 0)
        while True:
            with reading(self._engine) as session:
                size = LogCheck(session).extent().size
            if tile * WIDTH >= size:
                break
            faults = self._twice(partial(LogCheck.leaves, tile=tile, size=size))
            faults += self._documents_of(tile, {fault.place for fault in faults})
            tile += 1
            yield Unit(str(tile), faults, Counter(leaves=min(WIDTH, size - (tile - 1) * WIDTH), tiles=1))
        yield Unit(str(tile), self._twice(_look_at_extent))

    def _tiles(self, at: str) -> Iterator[Unit]:
        level, index = (int(part) for part in (at or "1/0").split("/"))
        while True:
            with reading(self._engine) as session:
                hashes = LogCheck(session).extent().size >> 8 * level
            if hashes == 0:
                return
            if index * WIDTH >= hashes:
                level, index = level + 1, 0
                continue
            faults = self._twice(partial(LogCheck.tile, level=level, index=index))
            index += 1
            yield Unit(f"{level}/{index}", faults, Counter(tiles=1))

    def _heads(self, at: str) -> Iterator[Unit]:
        last = int(at or -1)
        while True:
            with reading(self._engine) as session:
                statement = select(HeadRow.size).where(HeadRow.size > last).order_by(col(HeadRow.size))
                sizes = session.exec(statement.limit(_PAGE)).all()
            if not sizes:
                return
            for last in sizes:
                faults = self._twice(partial(_look_at_head, size=last))
                yield Unit(str(last), faults, Counter(heads=1))

    def _twice(self, look: Callable[[LogCheck], list[Fault]]) -> list[Fault]:
        """What is wrong at two looks."""
        found: list[Fault] = []
        for turn in range(2):
            with reading(self._engine) as session:
                seen = look(LogCheck(session, partial(self._is_known, session)))
            found = seen if turn == 0 else [one for one in found if one[:2] in {two[:2] for two in seen}]
            if not found:
                break
        return found

    def _is_known(self, session: Session, place: str) -> bool:
        return any(fault.place == place for fault in self._fresh) or findings.is_known(
            session, self._number, place
        )

    def _is_mentioned(self, session: Session, text: str) -> bool:
        fresh = any(text in str(fact) for fault in self._fresh for fact in fault.facts.values())
        return fresh or findings.is_mentioned(session, self._number, text)

    # Documents

    def _documents_of(self, tile: int, wrong: set[str]) -> list[Fault]:
        """The documents among the leaves of a tile against their rows."""
        with reading(self._engine) as session:
            statement = select(LeafRow.index, LeafRow.entry).where(
                *(col(LeafRow.index) >= tile * WIDTH, col(LeafRow.index) < (tile + 1) * WIDTH),
                LeafRow.kind == DOCUMENT,
            )
            told = {
                str(entry["digest"]): (index, str(entry["blob"]))
                for index, raw in session.exec(statement)
                if f"leaf {index}" not in wrong and (entry := _document(raw)) is not None
            }
            rows = session.exec(
                select(DocumentRow.digest, DocumentRow.blob).where(col(DocumentRow.digest).in_(told))
            )
            known = dict(rows.all())
        faults: list[Fault] = []
        for digest, (leaf, blob) in told.items():
            if known.get(digest) == blob:
                continue
            code = "document-row-altered" if digest in known else "document-row-missing"
            faults.append(Fault(code, f"document {digest}", {"leaf": leaf, "blob": blob}))
            # No row leads to its ciphertext, so it is looked at here.
            faults += self._ciphertexts.look(BlobId(blob), None).faults
        return faults

    def _documents(self, at: str) -> Iterator[Unit]:
        last = at.removeprefix(_AFTER) if at else None
        while True:
            with reading(self._engine) as session:
                statement = select(DocumentRow).order_by(col(DocumentRow.digest)).limit(_PAGE)
                if last is not None:
                    statement = statement.where(DocumentRow.digest > last)
                rows = session.exec(statement).all()
                unknown = {row.digest for row in self._unknown(session, rows)}
            if not rows:
                return
            for row in rows:
                last = row.digest
                if last in unknown:
                    yield Unit(_AFTER + last, self._row_fault(row), Counter(documents=1))
                    continue
                seen = self._ciphertexts.look(BlobId(row.blob), row)
                yield Unit(_AFTER + last, seen.faults, Counter(documents=1, blobs=1, bytes=seen.length))

    @staticmethod
    def _unknown(session: Session, rows: Sequence[DocumentRow]) -> list[DocumentRow]:
        """The rows of which the log was told nothing, or something else."""
        hashes = {row.digest: hash_ for row in rows if (hash_ := _leaf_of(row)) is not None}
        statement = select(LeafRow.hash).where(
            col(LeafRow.hash).in_(hashes.values()), LeafRow.kind != EVIDENCE
        )
        there = set(session.exec(statement))
        return [row for row in rows if hashes.get(row.digest) not in there]

    def _row_fault(self, row: DocumentRow) -> list[Fault]:
        place = f"document {row.digest[:80]}"
        with reading(self._engine) as session:
            now = session.get(DocumentRow, row.digest)
            if now is None or not self._unknown(session, [now]) or self._is_known(session, place):
                return []
            hash_ = _leaf_of(now)
            # The leaf itself may be what was altered: then its tile still knows the hash.
            if hash_ is not None and self._is_mentioned(session, hash_.hex()):
                return []
        return [Fault("document-row-altered", place, {"blob": now.blob[:80]})]

    # The storage

    def _blobs(self, at: str) -> Iterator[Unit]:
        for beginning in range(int(at or 0), 256):
            self._storage.probe()
            faults: list[Fault] = []
            checked = Counter(listed=0)
            try:
                for page in self._lying_long(f"{beginning:02x}", checked):
                    faults += self._orphans(page)
            except BlobStorageError:
                self._storage.probe()
                faults.append(Fault("blobs-unlisted", f"blobs {beginning:02x}", {}))
            yield Unit(str(beginning + 1), faults, checked)

    def _lying_long(self, beginning: str, checked: Counter[str]) -> Iterator[list[BlobId]]:
        """The ciphertexts that were there before any row that is yet to come could name them."""
        page: list[BlobId] = []
        for listed in self._storage.listed(beginning):
            checked["listed"] += 1
            if time.time() - listed.written > _ORPHAN_SECONDS:
                page.append(listed.blob)
            if len(page) == _ASKED_AT_ONCE:
                yield page
                page = []
        yield page

    def _orphans(self, blobs: list[BlobId]) -> list[Fault]:
        found = []
        with reading(self._engine) as session:
            known = set(session.exec(select(DocumentRow.blob).where(col(DocumentRow.blob).in_(blobs))))
            for blob in blobs:
                if blob not in known and not self._is_mentioned(session, blob):
                    found.append(blob)
        return [fault for blob in found for fault in self._ciphertexts.orphan(blob)]


def _look_at_extent(check: LogCheck) -> list[Fault]:
    return check.extent().faults


def _look_at_head(check: LogCheck, size: int) -> list[Fault]:
    head = check.session.get(HeadRow, size)
    return [] if head is None else check.head(head, check.extent().size)


def _document(raw: bytes) -> dict[str, Any] | None:
    """What the entry of a document says; nothing of any other."""
    try:
        is_document = read_entry(raw).kind == DOCUMENT
    except EntryError:
        return None
    return dict(cast(dict[str, Any], parse(raw))) if is_document else None


def _leaf_of(row: DocumentRow) -> bytes | None:
    """The hash under which the log knows a document."""
    try:
        return leaf_hash(document_entry(bytes.fromhex(row.digest[2:]), row.blob))
    except (EntryError, ValueError):
        return None
