"""Four eyes: requests that wait for sign-offs, and a party's rule (/v1/approvals, /v1/approval-rule)."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from api.kernel.approval import requests
from api.kernel.approval.rules import Status
from api.kernel.approval.schemas import ApprovalOut, ApprovalStatus, DecideIn, RuleIn, RuleOut
from api.kernel.approval.tables import ApprovalRow
from api.kernel.approval.views import approval_out, rule_out
from api.kernel.auth import Principal
from api.kernel.deps import Caller, Db, House_
from api.kernel.house import House
from api.kernel.routes.common import waiting
from api.kernel.transaction import TransactionRoute
from chain.db import reading

__all__ = ["asked", "followed", "router"]

router = APIRouter(tags=["four eyes"], route_class=TransactionRoute)
followed = APIRouter(tags=["four eyes"])
"""Waiting holds no transaction open."""
_ENDED: dict[int | str, dict[str, Any]] = {
    200: {"model": ApprovalOut, "description": "It has ended; so the request waited for it"}
}
_ON_ITS_WAY = ("pending", "sent")
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["5a" * 16], description="the request's id")]
Prefer = Annotated[str | None, Header(description="wait=SECONDS: answer when it has ended (RFC 7240)")]


@router.get("/approvals", summary="List requests")
def list_approvals(
    session: Db,
    house: House_,
    caller: Caller,
    status: Annotated[ApprovalStatus | None, Query(description="only those that stand here")] = None,
    after: Annotated[
        str, Query(pattern="^[0-9a-f]{0,32}$", description="the last id of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ApprovalOut]:
    """The requests of the caller's party, oldest first."""
    caller.needs("read")
    now = int(time.time())
    statement = select(ApprovalRow).where(ApprovalRow.party == caller.acting(), ApprovalRow.id > after)
    if status == "expired":
        late = (col(ApprovalRow.status) == Status.AWAITING) & (col(ApprovalRow.expires) < now)
        statement = statement.where((col(ApprovalRow.status) == status) | late)
    elif status is not None:
        statement = statement.where(ApprovalRow.status == status)
        if status == "awaiting-approval":
            statement = statement.where(ApprovalRow.expires >= now)
    rows = session.exec(statement.order_by(col(ApprovalRow.id)).limit(limit)).all()
    return [approval_out(session, house, row, caller) for row in rows]


@followed.get("/approvals/{approval}", summary="One request")
async def get_approval(
    house: House_,
    caller: Caller,
    approval: Id,
    wait: Annotated[float, Query(ge=0, le=300, description="seconds to wait for its end")] = 0,
) -> ApprovalOut:
    """What is to be signed or changed, whole, and who said what to it so far."""
    caller.needs("read")
    caller.acting()
    return await _wait(house, caller, approval, min(wait, house.settings.wait_limit))


@router.post("/approvals/{approval}/approve", status_code=202, summary="Sign off", responses=_ENDED)
def approve(
    request: Request,
    session: Db,
    house: House_,
    caller: Caller,
    approval: Id,
    body: DecideIn,
    prefer: Prefer = None,
) -> ApprovalOut:
    """Approve what has this digest. With the last sign-off the key signs it; nothing else, and once."""
    caller.needs("approve")
    row = requests.approve(session, house, caller, approval, body.digest)
    return asked(request, session, house, caller, row, prefer)


@router.post("/approvals/{approval}/decline", summary="Decline")
def decline(session: Db, house: House_, caller: Caller, approval: Id, body: DecideIn) -> ApprovalOut:
    """End a request: one no is enough."""
    caller.needs("approve")
    row = requests.decline(session, house, caller, approval, body.digest)
    return approval_out(session, house, row, caller)


@router.post("/approvals/{approval}/withdraw", summary="Withdraw")
def withdraw(session: Db, house: House_, caller: Caller, approval: Id) -> ApprovalOut:
    """Take back what the caller proposed."""
    caller.needs("read")
    row = requests.withdraw(session, house, caller, approval)
    return approval_out(session, house, row, caller)


@router.get("/approval-rule", summary="The party's rule")
def get_rule(session: Db, caller: Caller) -> RuleOut:
    """Which acts of the caller's entrusted key need whose sign-off."""
    caller.needs("read")
    return rule_out(session, caller.acting())


@router.put("/approval-rule", status_code=202, summary="Ask for another rule")
def put_rule(session: Db, house: House_, caller: Caller, body: RuleIn) -> ApprovalOut:
    """The rule changes like all under it: when as many people agree as it asks for, before and after."""
    caller.needs("approve")
    row = requests.propose_rule(session, house, caller, body.acts, body.people, body.lifetime)
    return approval_out(session, house, row, caller)


def asked(
    request: Request, session: Session, house: House, caller: Principal, row: ApprovalRow, prefer: str | None
) -> ApprovalOut:
    """The answer to a request that may wait for the end of what it asked for."""
    session.flush()
    id, seconds = row.id, waiting(prefer, house)

    async def after(response: Response) -> Response:
        if not seconds:
            return response
        answer = await _wait(house, caller, id, seconds)
        return Response(
            answer.model_dump_json(), 200 if _has_ended(answer) else 202, media_type="application/json"
        )

    request.state.after_commit = after
    return approval_out(session, house, row, caller)


async def _wait(house: House, caller: Principal, id: str, seconds: float) -> ApprovalOut:
    end = asyncio.get_running_loop().time() + seconds
    while True:
        waiter = house.changes.waiter()  # before the look, so that no change falls between
        answer = await run_in_threadpool(_look, house, caller, id)
        left = end - asyncio.get_running_loop().time()
        if _has_ended(answer) or left <= 0:
            waiter.cancel()
            return answer
        await asyncio.wait([waiter], timeout=left)
        waiter.cancel()


def _look(house: House, caller: Principal, id: str) -> ApprovalOut:
    with reading(house.engine) as session:
        return approval_out(session, house, requests.find(session, caller.acting(), id), caller)


def _has_ended(answer: ApprovalOut) -> bool:
    if answer.status in (Status.AWAITING, Status.APPROVED):
        return False
    return answer.intent is None or answer.intent.status not in _ON_ITS_WAY
