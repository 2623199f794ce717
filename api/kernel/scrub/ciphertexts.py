"""Stored ciphertexts looked at one by one: missing, cut off, altered or unreadable, each told apart.

Where one cannot be read the storage itself is tried: if that does not answer either, nothing is said of any
ciphertext.

>>> Ciphertexts(engine, blobs).look(BlobId("ab" * 32), None).faults  # doctest: +SKIP
[Fault(code='blob-missing', …)]
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlmodel import select

from api.kernel.tables import DocumentRow
from chain.db import reading
from chain.logcheck import Fault
from vault.blobs import BlobId, BlobMissingError, BlobStorageError, BlobStore, Examined
from vault.sealed import SealedError, content_length, sealed_length

__all__ = ["Ciphertexts", "Look"]


@dataclass(frozen=True)
class Look:
    """What a look at a ciphertext showed; ``length`` is the bytes that were read."""

    length: int = 0
    faults: list[Fault] = field(default_factory=list)


class Ciphertexts:
    """Looks at ciphertexts by their names."""

    def __init__(self, engine: Engine, blobs: BlobStore) -> None:
        self._engine = engine
        self._blobs = blobs

    def look(self, blob: BlobId, row: DocumentRow | None) -> Look:
        """Read a document's ciphertext whole; what is wrong is looked at again before it is told.

        :param row: the document's, where it is known
        :raises BlobStorageError: the storage does not answer
        """
        seen = self._read(blob, row)
        if not seen.faults or not self._is_named(blob, row):
            return Look(seen.length)
        again = self._read(blob, row)
        return Look(seen.length + again.length, again.faults)

    def orphan(self, blob: BlobId) -> list[Fault]:
        """What there is to tell of a ciphertext that no document names."""
        seen = self._read(blob, None)
        if any(fault.code == "blob-missing" for fault in seen.faults):
            return []  # it was taken away since it was listed
        return [Fault("blob-orphan", f"blob {blob}", {"bytes": seen.length}), *seen.faults]

    def _read(self, blob: BlobId, row: DocumentRow | None) -> Look:
        place = f"blob {blob[:80]}"
        facts: dict[str, str | int] = {} if row is None else {"document": row.digest}
        try:
            found = self._blobs.examine(blob)
        except BlobMissingError:
            self._blobs.probe()
            return Look(0, [Fault("blob-missing", place, facts)])
        except BlobStorageError:
            self._blobs.probe()
            return Look(0, [Fault("blob-unreadable", place, facts)])
        if not found.right:
            wanted = _wanted(found, row)
            code = "blob-altered" if wanted is None or found.length >= wanted else "blob-truncated"
            return Look(found.length, [Fault(code, place, facts | {"bytes": found.length})])
        if row is not None and not _has_content_of(found, row.size):
            altered = Fault("document-row-altered", f"document {row.digest}", {"size": row.size})
            return Look(found.length, [altered])
        return Look(found.length)

    def _is_named(self, blob: BlobId, row: DocumentRow | None) -> bool:
        """Whether its document still names it: what was erased meanwhile is not missing."""
        if row is None:
            return True
        with reading(self._engine) as session:
            return (
                session.exec(select(DocumentRow.blob).where(DocumentRow.digest == row.digest)).first() == blob
            )


def _wanted(found: Examined, row: DocumentRow | None) -> int | None:
    """How many bytes there should be: by the document's row, else by the ciphertext's own first bytes."""
    if row is not None:
        return sealed_length(row.size)
    try:
        return sealed_length(content_length(found.head))
    except SealedError:
        return None


def _has_content_of(found: Examined, size: int) -> bool:
    try:
        return content_length(found.head) == size
    except SealedError:
        return False
