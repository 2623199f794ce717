"""Requests and rules as a caller of their party sees them."""

from __future__ import annotations

import json
import time
from typing import Any

from sqlmodel import Session

from api.kernel.answers import intent_out
from api.kernel.approval import requests, rules
from api.kernel.approval.evidence import statement
from api.kernel.approval.people import signatories
from api.kernel.approval.rules import Decision, Kind, Said, Status
from api.kernel.approval.schemas import ApprovalOut, RuleOut, SignOffOut
from api.kernel.approval.tables import ApprovalRow, ApprovalRuleRow
from api.kernel.auth import Principal
from api.kernel.house import House
from chain import outbox

__all__ = ["approval_out", "rule_out"]


def approval_out(session: Session, house: House, row: ApprovalRow, caller: Principal) -> ApprovalOut:
    """A request, whole: what is shown is what its digest is of."""
    content: dict[str, Any] = json.loads(row.content)
    said = requests.said_of(session, row.id)
    typed = None
    if row.kind in (Kind.ACT, Kind.COSIGNATURE):
        room, act = requests.act_of(house, row)
        typed = act.typed_data(house.domain(room))
    signed = row.kind == Kind.ACT and row.status == Status.SIGNED
    intent = outbox.by_digest(session, bytes.fromhex(row.digest[2:])) if signed else None
    proposed = {one.person for one in said if one.decision == Decision.PROPOSE}
    return ApprovalOut.model_validate(
        {
            "id": row.id,
            "status": requests.standing_status(row, int(time.time())),
            "reason": row.reason,
            "kind": row.kind,
            "room": row.room or None,
            "act": row.act or None,
            "digest": row.digest,
            "typed_data": typed,
            "rule": content if row.kind == Kind.RULE else None,
            "token": content if row.kind == Kind.TOKEN else None,
            "people": row.people,
            "behind": len(rules.standing_behind([Said(one.person, one.decision) for one in said])),
            "mine": caller.token == row.token or (caller.person is not None and caller.person in proposed),
            "created": row.created,
            "expires": row.expires,
            "ended": row.ended,
            "sign_offs": [
                SignOffOut.model_validate(
                    {
                        "decision": one.decision,
                        "person": one.person or None,
                        "time": one.at,
                        "leaf": one.leaf,
                        "statement": statement(row, one),
                        "seed": one.seed,
                    }
                )
                for one in said
            ],
            "signature": row.signature,
            "intent": intent_out(session, house, intent) if intent else None,
        }
    )


def rule_out(session: Session, party: int) -> RuleOut:
    """A party's rule; without acts where none stands."""
    row = session.get(ApprovalRuleRow, party)
    return RuleOut(
        party=party,
        version=row.version if row else 0,
        acts=json.loads(row.acts) if row else [],
        always=list(rules.ALWAYS),
        people=row.people if row else requests.FEWEST,
        lifetime=row.lifetime if row else 86_400,
        signatories=len(signatories(session, party, int(time.time()))),
    )
