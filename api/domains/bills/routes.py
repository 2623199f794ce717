"""Bills: looked at, listed, verified (/v1/bills). Acts on them go through /v1/intents."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import or_
from sqlmodel import Session, col, select

from api.domains.bills import history, verify
from api.domains.bills.bundle import build
from api.domains.bills.bundle_facts import sealed
from api.domains.bills.contract import BillWord
from api.domains.bills.document import check_value
from api.domains.bills.rules import LIVE, Standing, acts_open_to
from api.domains.bills.schemas import (
    BillOut,
    BlockOut,
    BundleIn,
    CheckIn,
    CheckOut,
    EventOut,
    NamedCheck,
    PolicyIn,
    VerdictOut,
    VerifyIn,
)
from api.domains.bills.service import NotFoundError, claim_of, opened_of, path_of
from api.domains.bills.tables import BillEventRow, BillRow
from api.kernel.checks import Policy
from api.kernel.deps import Caller, Db, House_
from api.kernel.schemas import Digest, FindingOut
from api.kernel.sealing import UNSEALED, UNSEALED_HEADER
from api.kernel.transaction import TransactionRoute
from chain.db import reading

__all__ = ["router"]

router = APIRouter(prefix="/bills", tags=["bills"], route_class=TransactionRoute)


def _bill_out(events: list[BillEventRow], party: int) -> BillOut:
    last = events[-1]
    current = party in history.concerned(last)
    word = BillWord.unpack(int(last.word, 16))
    standing = Standing(word.state, word.issuer, word.holder, word.to_order, word.offeree, word.offer_expiry)
    return BillOut(
        bill=last.bill,
        state=word.state.name.lower(),
        live=word.state in LIVE,
        sequence=word.sequence,
        version=word.version,
        to_order=word.to_order,
        issuer=word.issuer,
        holder=word.holder,
        offeree=word.offeree or None,
        offer_expiry=word.offer_expiry or None,
        note=events[0].detail,
        block=last.block,
        current=current,
        open_acts=acts_open_to(party, standing, now=int(time.time())) if current else [],
    )


def _visible(session: Session, bill: str, party: int) -> list[BillEventRow]:
    events = history.visible_to(party, history.events_of_bill(session, bill))
    if not events:
        raise NotFoundError("you have no such bill")
    return events


@router.get("", summary="List bills")
def list_bills(
    session: Db,
    caller: Caller,
    state: Annotated[str | None, Query(max_length=20, examples=["issued"])] = None,
    after: Annotated[Digest | None, Query(description="the last bill of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[BillOut]:
    """The bills that the caller issued, holds, held, or is offered; each as far as it may see."""
    caller.needs("read")
    party = caller.acting()
    statement = select(BillEventRow.bill).where(
        or_(
            col(BillEventRow.party) == party,
            col(BillEventRow.bill).in_(_concerning(party)),
        )
    )
    if after is not None:
        statement = statement.where(BillEventRow.bill > after)
    found: list[BillOut] = []
    for bill in session.exec(statement.distinct().order_by(col(BillEventRow.bill))):
        out = _bill_out(_visible(session, bill, party), party)
        if state is None or out.state == state:
            found.append(out)
        if len(found) == limit:
            break
    return found


@router.post("/check", summary="Check a document for sense")
def check(caller: Caller, body: CheckIn) -> CheckOut:
    """What ``landbridge bill check`` says: totals, codes, check digits, dates. Nothing is kept."""
    caller.needs("read")
    report = check_value(body.document)
    return CheckOut(
        sound=not report.errors,
        findings=[
            FindingOut(code=f.code, severity=f.severity, path=f.path, en=f.en, zh=f.zh)
            for f in report.findings
        ],
    )


@router.post("/verify", summary="Verify a bill: the bank's one call")
def verify_bill(house: House_, caller: Caller, body: VerifyIn) -> VerdictOut:
    """Every question a named check with evidence, scope and block; the policy draws the verdict.

    Whoever has the document with its seed may ask; without it, only who may read the bill here.
    """
    caller.needs("read")
    policy = Policy(tuple(body.policy.required), body.policy.name) if body.policy else verify.DEFAULT_POLICY
    with reading(house.engine) as session:
        claim = claim_of(session, house, caller, body)
    answer = verify.verify(house, claim, policy=policy, expect=_expectations(body))
    return _verdict_out(answer)


def _expectations(body: VerifyIn) -> verify.Expectations:
    return verify.Expectations(**body.expect.model_dump()) if body.expect else verify.Expectations()


def _verdict_out(answer: verify.Answer) -> VerdictOut:
    return VerdictOut(
        bill=answer.bill,
        verdict="pass" if answer.verdict.passed else "fail",
        reasons=answer.verdict.reasons,
        policy=PolicyIn(name=answer.policy.name, required=list(answer.policy.required)),
        checks=[
            NamedCheck(
                name=c.name,
                result=c.result.value,
                required=c.name in answer.policy.required,
                en=c.en,
                zh=c.zh,
                scope=c.scope.value,
                evidence=dict(c.evidence),
                block=BlockOut(number=c.block.number, hash=c.block.hash) if c.block else None,
            )
            for c in answer.checks
        ],
        time=answer.time,
    )


@router.post(
    "/{bill}/bundle",
    summary="A bill's proof bundle",
    response_class=Response,
    responses={
        200: {
            "content": {"application/json": {"schema": {"type": "object"}}},
            "description": "The file",
            "headers": UNSEALED_HEADER,
        }
    },
)
def bundle(house: House_, caller: Caller, bill: Digest, body: BundleIn) -> Response:
    """One file that anybody can verify without this gateway: the document (or chosen fields), all acts with
    their signatures, and the way from each to the head of the log that the chain holds."""
    caller.needs("read")
    with reading(house.engine) as session:
        opened = opened_of(session, house, caller, bill, body)
    fields = None if body.fields is None else [path_of(opened.document, one) for one in body.fields]
    raw, unsealed = sealed(house, build(house, opened, fields=fields))
    return Response(raw, headers={UNSEALED: unsealed} if unsealed else {}, media_type="application/json")


@router.get("/{bill}", summary="One bill")
def get_bill(session: Db, caller: Caller, bill: Digest) -> BillOut:
    """A bill as it stands; for a past holder, as it stood when it parted with it."""
    caller.needs("read")
    party = caller.acting()
    return _bill_out(_visible(session, bill, party), party)


@router.get("/{bill}/history", summary="What happened to a bill")
def get_history(session: Db, caller: Caller, bill: Digest) -> list[EventOut]:
    """Every act that the caller may see: by whom, signed with which key, in which block."""
    caller.needs("read")
    return [_event_out(event) for event in _visible(session, bill, caller.acting())]


def _event_out(event: BillEventRow) -> EventOut:
    word = BillWord.unpack(int(event.word, 16))
    return EventOut(
        act=event.act,
        sequence=event.sequence,
        party=event.party,
        key=event.key,
        detail=event.detail,
        state=word.state.name.lower(),
        holder=word.holder,
        offeree=word.offeree or None,
        block=event.block,
        block_hash=event.block_hash,
        time=event.block_time,
        transaction=event.transaction,
    )


def _concerning(party: int) -> Any:
    return select(BillRow.id).where(
        or_(col(BillRow.issuer) == party, col(BillRow.holder) == party, col(BillRow.offeree) == party)
    )
