"""Documents: checked, digested, sealed to their readers, shown to more, opened.

The gateway reads a document once, when it arrives, to check and digest it. What it keeps is ciphertext under
a key of its own, and that key sealed to each reader. It can open it again only with the reader key of a
party that entrusted it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from api.kernel.house import House
from api.kernel.room import DocumentType, Finding
from api.kernel.tables import DocumentRow, WrapRow
from chain.canonical import canonical, parse
from chain.db import reading
from chain.digests import Seed, document_digest, new_seed
from chain.entries import DOCUMENT, EntryError, document_entry
from chain.errors import LandbridgeError
from chain.log import LeafMissingError
from vault.blobs import BlobId
from vault.documents import SealedDocument, add_reader, open_document, seal_document
from vault.keys import PrivateKey, PublicKey, WrapRefusedError, key_id
from vault.sealed import SealedKeyError

__all__ = [
    "DocumentRefusedError",
    "Opened",
    "ReaderKeyUnknownError",
    "Sealed",
    "keep_wrap",
    "open_for",
    "sealed_for",
    "show",
    "store",
    "wrap_for",
]


class DocumentRefusedError(LandbridgeError):
    """A document with findings of severity error."""

    code: ClassVar[str] = "document-refused"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("the document has errors; each is named in findings")
        self.findings = findings


class FormatUnknownError(LandbridgeError):
    """No room keeps documents of this format."""

    code: ClassVar[str] = "document-format-unknown"


class ReaderKeyUnknownError(LandbridgeError):
    """A party without a reader key cannot be shown a document."""

    code: ClassVar[str] = "reader-key-unknown"


class DocumentAlteredError(LandbridgeError):
    """What the database says of a document is not what the log was told when it was stored."""

    code: ClassVar[str] = "document-altered"


class NoSuchDocumentError(LandbridgeError):
    """No such document, or none that the caller may read: one answer for both."""

    code: ClassVar[str] = "not-found"


@dataclass(frozen=True)
class Opened:
    """A document with the seed that salts its fields' digests."""

    digest: str
    document: dict[str, Any]
    seed: Seed


@dataclass(frozen=True)
class Sealed:
    """A document as it lies here, and its key sealed to one reader."""

    row: DocumentRow
    wrap: bytes
    ciphertext: bytes


def type_of(house: House, document: Mapping[str, Any]) -> DocumentType:
    """The kind of a document by its ``format`` member.

    :raises FormatUnknownError: none has it
    """
    wanted = document.get("format")
    for room in house.rooms.values():
        for kind in room.documents:
            if kind.format == wanted:
                return kind
    raise FormatUnknownError("no document has this format here")


def store(
    session: Session, house: House, document: dict[str, Any], author: int, readers: Iterable[int]
) -> tuple[DocumentRow, Sequence[Finding], Mapping[str, Any]]:
    """Check, digest and seal a document to its author and readers.

    :return: the row, the findings below error, and what its room derived
    :raises DocumentRefusedError: it has errors
    :raises ReaderKeyUnknownError: a reader has no key to seal to
    """
    kind = type_of(house, document)
    findings = kind.check(document)
    if any(finding.severity == "error" for finding in findings):
        raise DocumentRefusedError(findings)
    seed = new_seed()
    digest = document_digest(document, seed)
    name = "0x" + digest.hex()
    keys = {party: _reader_key(house, party) for party in {author, *readers}}
    body = canonical({"document": document, "seed": seed.hex()})
    facts = kind.derive(document)
    sealed = seal_document(body, keys.values(), _context(house, name), house.blobs)
    now = int(time.time())
    row = DocumentRow(
        digest=name, format=kind.format, blob=sealed.blob, size=len(body), author=author, created=now
    )
    session.add(row)
    for party, key in keys.items():
        wrap = sealed.wraps[key_id(key)]
        session.add(WrapRow(document=name, party=party, wrap=wrap, shown_by=author, created=now))
    kind.stored(session, house, name, document)
    house.logbook.log.append_once(session, DOCUMENT, [document_entry(digest, sealed.blob)])
    session.flush()
    return row, findings, facts


def sealed_for(session: Session, house: House, digest: str, party: int) -> Sealed:
    """A document's ciphertext with the key sealed to a reader.

    :raises NoSuchDocumentError: it does not exist, or is not for this party
    :raises DocumentAlteredError: what is known of it here is not what the log was told
    :raises BlobError: its ciphertext is missing, altered, or cannot be read
    """
    row, wrap = _find(session, digest, party)
    _bear_out(session, house, row)
    return Sealed(row, wrap.wrap, house.blobs.get(BlobId(row.blob)))


def open_for(session: Session, house: House, digest: str, party: int) -> Opened:
    """Open a document with a party's entrusted reader key.

    :raises NoSuchDocumentError: it does not exist, or is not for this party
    :raises ReaderKeyUnknownError: the party keeps its reader key itself
    :raises DocumentAlteredError: what is known of it here is not what the log was told, or what opens is
        another document
    :raises BlobError, SealedError: its ciphertext is missing, altered, or cannot be read
    """
    row, wrap = _find(session, digest, party)
    _bear_out(session, house, row)
    reader = _entrusted(house, party)
    sealed = SealedDocument(BlobId(row.blob), {reader.id: wrap.wrap})
    content: Any = parse(open_document(sealed, reader, _context(house, digest), house.blobs))
    opened = Opened(digest, content["document"], Seed(bytes.fromhex(content["seed"])))
    # Whoever can write here could seal another document to the reader under this one's name.
    if "0x" + document_digest(opened.document, opened.seed).hex() != digest:
        raise DocumentAlteredError(
            "what opens is not the document of this digest", params={"document": digest}
        )
    return opened


def show(session: Session, house: House, digest: str, by: int, to: int, wrap: bytes | None = None) -> None:
    """Let another party read a document. Who keeps its own reader key sends the wrap it made.

    :raises LandbridgeError: as :func:`wrap_for`
    """
    keep_wrap(session, wrap_for(house, digest, by, to, wrap))


def wrap_for(house: House, digest: str, by: int, to: int, wrap: bytes | None = None) -> WrapRow | None:
    """What lets another party read a document; nothing if it can. Writes nothing: the chain is asked for the
    party's key, and the database's lock must not wait for that.

    :raises NoSuchDocumentError: it does not exist, or the one who shows cannot read it
    :raises ReaderKeyUnknownError: the party shown to has no reader key, or the one who shows keeps its own
        and sent no wrap
    :raises WrapError: the wrap sent does not open to a party whose reader key is here
    """
    key = _reader_key(house, to)
    with reading(house.engine) as known:
        row, own = _find(known, digest, by)
        if _wrap_of(known, digest, to) is not None:
            return None
    if wrap is None:
        reader = _entrusted(house, by)
        sealed = SealedDocument(BlobId(row.blob), {reader.id: own.wrap})
        wrap = add_reader(sealed, reader, key, _context(house, digest)).wraps[key_id(key)]
    elif (taker := house.entrusted_reader(key)) is not None:
        # A wrap that opens nothing would stand in the place of a good one for ever.
        sealed = SealedDocument(BlobId(row.blob), {taker.id: wrap})
        try:
            open_document(sealed, taker, _context(house, digest), house.blobs)
        except SealedKeyError as error:
            raise WrapRefusedError("the wrap holds another document's key") from error
    return WrapRow(document=digest, party=to, wrap=wrap, shown_by=by, created=int(time.time()))


def keep_wrap(session: Session, wrap: WrapRow | None) -> None:
    """Keep what :func:`wrap_for` made."""
    if wrap is None:
        return
    try:
        with session.begin_nested():
            session.add(wrap)
    except IntegrityError:
        return  # somebody else showed it at the same time


def _bear_out(session: Session, house: House, row: DocumentRow) -> None:
    """Believe a row no more than the log: it holds digest and ciphertext together."""
    try:
        house.logbook.log.leaf_of(session, document_entry(bytes.fromhex(row.digest[2:]), row.blob))
    except (LeafMissingError, EntryError):
        raise DocumentAlteredError(
            "what is known of this document here is not what the log was told",
            params={"document": row.digest},
        ) from None


def _find(session: Session, digest: str, party: int) -> tuple[DocumentRow, WrapRow]:
    row, wrap = session.get(DocumentRow, digest), _wrap_of(session, digest, party)
    if row is None or wrap is None:
        raise NoSuchDocumentError("you have no such document")
    return row, wrap


def _wrap_of(session: Session, digest: str, party: int) -> WrapRow | None:
    return session.exec(select(WrapRow).where(WrapRow.document == digest, WrapRow.party == party)).first()


def _entrusted(house: House, party: int) -> PrivateKey:
    reader = house.entrusted_reader(_reader_key(house, party))
    if reader is None:
        raise ReaderKeyUnknownError(
            "this party keeps its reader key itself: take the sealed document and open it there",
            params={"party": party},
        )
    return reader


def _reader_key(house: House, party: int) -> PublicKey:
    with reading(house.engine) as session:
        profile = house.profile(session, party)
    if profile is None:
        raise ReaderKeyUnknownError("this party has no reader key here", params={"party": party})
    return PublicKey(bytes.fromhex(profile.reader_key))


def _context(house: House, digest: str) -> dict[str, str | int]:
    return {"chain": house.chain_id, "document": digest, "registry": house.registry}
