"""Sign-offs in the log: one leaf each, salted, from which nobody learns who or what.

A statement says who (as a keyed hash), what was decided, on which digest. The leaf holds its salted digest;
whoever is shown the statement with its seed computes the digest anew and finds the leaf. So an auditor sees
that two different people signed off, when, and that nothing was added later.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from sqlmodel import Session

from api.kernel.approval.rules import Decision
from api.kernel.approval.tables import ApprovalRow, SignOffRow
from chain.digests import document_digest, new_seed
from chain.entries import EVIDENCE, evidence_entry
from chain.log import Log

__all__ = ["SIGN_OFF", "record", "statement", "take_turn"]

SIGN_OFF: Final = "sign-off/1"


def take_turn(session: Session, log: Log) -> None:
    """Hold the log until the transaction ends.

    Taken before a request's row is locked: in the other order two could wait for one another.
    """
    log.append(session, EVIDENCE, [])


def statement(row: ApprovalRow, said: SignOffRow) -> dict[str, Any]:
    """What a leaf's digest is of."""
    return {
        "format": "landbridge/sign-off/1",
        "approval": row.id,
        "kind": row.kind,
        "digest": row.digest,
        "party": row.party,
        "person": said.person,
        "decision": said.decision,
        "people": row.people,
        "time": said.at,
    }


def record(
    session: Session, log: Log, row: ApprovalRow, decision: Decision, person: str, token: str, now: int
) -> SignOffRow:
    """Write a sign-off and its leaf, in the caller's transaction."""
    seed = new_seed()
    said = SignOffRow(
        approval=row.id, decision=decision, person=person, token=token, at=now, seed=seed.hex(), leaf=-1
    )
    digest = document_digest(statement(row, said), seed)
    entry = evidence_entry(row.party, SIGN_OFF, digest, secrets.token_bytes(32))
    said.leaf = log.append(session, EVIDENCE, [entry])
    session.add(said)
    session.flush()
    return said
