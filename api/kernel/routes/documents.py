"""Documents: stored sealed, opened or taken away sealed by those who may read them (/v1/documents)."""

from __future__ import annotations

import base64

from fastapi import APIRouter

from api.kernel import documents
from api.kernel.deps import Caller, Db, House_
from api.kernel.schemas import (
    Digest,
    DocumentIn,
    DocumentOut,
    FindingOut,
    OpenedOut,
    SealedOut,
    ShowIn,
)
from api.kernel.transaction import TransactionRoute

__all__ = ["router"]

router = APIRouter(prefix="/documents", tags=["documents"], route_class=TransactionRoute)


@router.post("", status_code=201, summary="Check, digest and seal a document")
def store(session: Db, house: House_, caller: Caller, body: DocumentIn) -> DocumentOut:
    """The answer's digest is the document's identity on the chain. It is kept as ciphertext only, for the
    caller and the readers named."""
    caller.needs("write")
    row, findings, facts = documents.store(session, house, body.document, caller.acting(), body.readers)
    return DocumentOut(
        digest=row.digest,
        format=row.format,
        findings=[
            FindingOut(code=f.code, severity=f.severity, path=f.path, en=f.en, zh=f.zh) for f in findings
        ],
        facts=dict(facts),
    )


@router.get("/{digest}", summary="Open a document")
def open_document(session: Db, house: House_, caller: Caller, digest: Digest) -> OpenedOut:
    """Open with the caller's entrusted reader key. With its seed the document can be verified anywhere."""
    caller.needs("read")
    opened = documents.open_for(session, house, digest, caller.acting())
    return OpenedOut(digest=digest, document=opened.document, seed=opened.seed.hex())


@router.get("/{digest}/sealed", summary="Take a document sealed")
def take_sealed(session: Db, house: House_, caller: Caller, digest: Digest) -> SealedOut:
    """The ciphertext, and its key sealed to the caller's own reader key."""
    caller.needs("read")
    found = documents.sealed_for(session, house, digest, caller.acting())
    return SealedOut(
        digest=digest,
        format=found.row.format,
        wrap=found.wrap.hex(),
        ciphertext=base64.b64encode(found.ciphertext).decode(),
    )


@router.post("/{digest}/readers", status_code=204, summary="Show a document to another party")
def show(session: Db, house: House_, caller: Caller, digest: Digest, body: ShowIn) -> None:
    """The party named can read the document from now on. What it has read it has: this is not undone."""
    caller.needs("write")
    wrap = bytes.fromhex(body.wrap.removeprefix("0x")) if body.wrap else None
    documents.show(session, house, digest, caller.acting(), body.party, wrap)
