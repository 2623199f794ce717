"""What the bills' routes do beyond reading rows: turn a request to verify into a claim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from sqlmodel import Session

from api.domains.bills import history
from api.domains.bills.document import NoteIdentityError, check_value
from api.domains.bills.fingerprint import fingerprint
from api.domains.bills.schemas import BundleIn, VerifyIn
from api.domains.bills.verify import Claim
from api.kernel import documents
from api.kernel.auth import Principal
from api.kernel.documents import Opened
from api.kernel.house import House
from chain.canonical import pointer
from chain.digests import FieldMissingError, Path, Seed, document_digest, field_paths
from chain.errors import LandbridgeError

__all__ = ["NotFoundError", "VerifyRequestError", "claim_of", "claim_of_document", "opened_of", "path_of"]


class NotFoundError(LandbridgeError):
    """No such bill, or none that the caller may see: one answer for both."""

    code: ClassVar[str] = "not-found"


class VerifyRequestError(LandbridgeError):
    """Neither a document with its seed nor a bill's id."""

    code: ClassVar[str] = "request-malformed"


def claim_of(session: Session, house: House, caller: Principal, body: VerifyIn) -> Claim:
    """What is to be verified.

    :raises VerifyRequestError: too little was given
    :raises NotFoundError: no document was given, and the caller may not read the bill here
    """
    if body.document is not None:
        if body.seed is None:
            raise VerifyRequestError("a document is verified with its seed", params={"field": "seed"})
        claim = claim_of_document(body.document, bytes.fromhex(body.seed), body.bill)
        events = history.events_of_bill(session, claim.bill) if caller.party is not None else []
        concerned = bool(events) and caller.party in history.concerned(events[-1])
        return replace(claim, concerned=concerned, caller=caller.party)
    if body.bill is None:
        raise VerifyRequestError("send a document with its seed, or a bill's id", params={"field": "bill"})
    opened = documents.open_for(session, house, body.bill, caller.acting())
    return replace(claim_of_document(opened.document, opened.seed, body.bill), caller=caller.party)


def opened_of(session: Session, house: House, caller: Principal, bill: str, body: BundleIn) -> Opened:
    """The document that a bundle is to show.

    :raises VerifyRequestError: a document without its seed, or another bill's
    :raises NotFoundError: no document was given, and the caller may not read the bill here
    """
    if body.document is None:
        return documents.open_for(session, house, bill, caller.acting())
    if body.seed is None:
        raise VerifyRequestError("a document is shown with its seed", params={"field": "seed"})
    seed = Seed(bytes.fromhex(body.seed))
    if "0x" + document_digest(body.document, seed).hex() != bill:
        raise VerifyRequestError("the document is another bill's, or altered", params={"field": "document"})
    return Opened(bill, body.document, seed)


def path_of(document: Any, wanted: str) -> Path:
    """A field's path from its JSON Pointer (RFC 6901).

    :raises FieldMissingError: the document has no such field
    """
    found = next((path for path in field_paths(document) if pointer(path) == wanted), None)
    if found is None:
        raise FieldMissingError(f"The document has no field at {wanted}.", params={"pointer": wanted})
    return found


def claim_of_document(document: Any, seed: bytes, bill: str | None = None) -> Claim:
    """A claim from a document with its seed; without a bill's id, its own digest is the bill."""
    digest = "0x" + document_digest(document, Seed(seed)).hex()
    report = check_value(document)
    try:
        note = fingerprint(report.document.note) if report.document is not None else None
    except NoteIdentityError:  # its form is right, but it names no note that could exist
        note = None
    return Claim(
        bill=bill or digest,
        named=bill is not None,
        document=document,
        digest=digest,
        note=note,
        errors=tuple(finding.code for finding in report.errors),
    )
