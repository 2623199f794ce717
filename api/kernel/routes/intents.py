"""Acts: prepared, signed, submitted, followed (/v1/intents)."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.kernel import intents
from api.kernel.answers import intent_out
from api.kernel.approval import requests
from api.kernel.approval.rules import Kind
from api.kernel.approval.schemas import ApprovalOut
from api.kernel.approval.views import approval_out
from api.kernel.deps import Caller, Db, House_
from api.kernel.house import House
from api.kernel.room import Room
from api.kernel.routes.common import NotFoundError, waiting
from api.kernel.schemas import Digest, IntentOut, Prepared, PrepareIn, SignIn, SubmitIn
from api.kernel.transaction import TransactionRoute
from chain import outbox
from chain.db import reading
from chain.intents import Act, act_from_message
from chain.tables import OutboxRow

__all__ = ["followed", "router"]

router = APIRouter(prefix="/intents", tags=["acts"], route_class=TransactionRoute)
followed = APIRouter(prefix="/intents", tags=["acts"])
"""Waiting holds no transaction open."""
_WAITED: dict[int | str, dict[str, Any]] = {
    200: {"model": IntentOut, "description": "It has ended; so the request waited for it"}
}
_ENDS = ("mined", "done", "refused", "expired")


def _prepare(house: House, body: PrepareIn, *, lifetime: int | None = None) -> tuple[Room, Act]:
    room = intents.room_of(house, body.room)
    deadline = body.deadline
    if deadline is None and lifetime is not None:
        deadline = int(time.time()) + lifetime
    subject = (
        body.subject.to_bytes(32, "big") if isinstance(body.subject, int) else bytes.fromhex(body.subject[2:])
    )
    return room, intents.prepare(house, room, body.act, subject, body.fields, deadline=deadline)


@router.post("/prepare", summary="Prepare an act for signing")
def prepare(house: House_, caller: Caller, body: PrepareIn) -> Prepared:
    """Fill in sequence and deadline; the answer's ``typed_data`` is what a wallet signs (EIP-712)."""
    caller.needs("write")
    room, act = _prepare(house, body)
    domain = house.domain(room)
    return Prepared(room=room.name, digest="0x" + act.digest(domain).hex(), typed_data=act.typed_data(domain))


@router.post("", status_code=202, summary="Submit a signed act", responses=_WAITED)
def submit(
    request: Request,
    session: Db,
    house: House_,
    caller: Caller,
    body: SubmitIn,
    prefer: Annotated[str | None, Header(description="wait=SECONDS: answer when mined (RFC 7240)")] = None,
) -> IntentOut:
    """Take an act signed by whoever's act it is; the same act again is the same answer."""
    caller.needs("write")
    room = intents.room_of(house, body.room)
    act = act_from_message(room.acts, body.act, body.message)
    row = intents.submit(session, house, room, act, intents.parse_signatures(body.signatures))
    return _accepted(request, session, house, row, prefer)


_SIGNED: dict[int | str, dict[str, Any]] = {
    200: _WAITED[200],
    202: {"model": IntentOut | ApprovalOut, "description": "It is taken, or waits for sign-offs"},
}


@router.post("/sign", status_code=202, summary="Have the entrusted key sign and submit", responses=_SIGNED)
def sign(
    request: Request,
    session: Db,
    house: House_,
    caller: Caller,
    body: SignIn,
    prefer: Annotated[str | None, Header(description="wait=SECONDS: answer when mined (RFC 7240)")] = None,
) -> IntentOut | ApprovalOut:
    """For a party that entrusted its key to this gateway, and only by its own token.

    An act under the party's rule of four eyes becomes a request: it is signed when others have signed it off.
    """
    caller.needs("sign")
    party = caller.acting()
    rule = requests.rule_for(house, party, body.room, body.act)
    room, act = _prepare(house, body, lifetime=rule.lifetime if rule else None)
    further = intents.parse_signatures(body.cosignatures)
    if rule is not None:
        asked = requests.propose_act(session, house, caller, room, act, rule, cosignatures=further)
        return approval_out(session, house, asked, caller)
    row = intents.sign_and_submit(session, house, room, act, party, further)
    return _accepted(request, session, house, row, prefer)


@router.post(
    "/cosign",
    summary="Have the entrusted key sign beside others",
    responses={202: {"model": ApprovalOut, "description": "It waits for sign-offs; then ask again"}},
)
def cosign(
    session: Db, house: House_, caller: Caller, response: Response, body: SubmitIn
) -> dict[Literal["signature"], str] | ApprovalOut:
    """The caller's signature over an act that another party signs first, such as voiding a bill.

    Under the party's rule of four eyes it is given once others have signed it off.
    """
    caller.needs("sign")
    room = intents.room_of(house, body.room)
    act = act_from_message(room.acts, body.act, body.message)
    rule = requests.rule_for(house, caller.acting(), room.name, act.type.name)
    if rule is not None:
        asked = requests.propose_act(session, house, caller, room, act, rule, kind=Kind.COSIGNATURE)
        if asked.signature is not None:
            return {"signature": asked.signature}
        response.status_code = 202
        return approval_out(session, house, asked, caller)
    signature = intents.sign(house, room, act, caller.acting())
    return {"signature": "0x" + signature.rsv.hex()}


def _accepted(
    request: Request, session: Session, house: House, row: OutboxRow, prefer: str | None
) -> IntentOut:
    session.flush()
    digest, seconds = row.digest, waiting(prefer, house)

    async def after(response: Response) -> Response:
        if not seconds:
            return response
        answer = await _wait(house, digest, seconds)
        status = 200 if answer.status in _ENDS else 202
        return Response(answer.model_dump_json(), status, media_type="application/json")

    request.state.after_commit = after
    return intent_out(session, house, row)


async def _wait(house: House, digest: bytes, seconds: float) -> IntentOut:
    end = asyncio.get_running_loop().time() + seconds
    while True:
        waiter = house.changes.waiter()  # before the look, so that no change falls between
        answer, settled = await run_in_threadpool(_look, house, digest)
        left = end - asyncio.get_running_loop().time()
        if settled or left <= 0 or house.changes.closed:
            return answer
        await asyncio.wait([waiter], timeout=left)


def _look(house: House, digest: bytes) -> tuple[IntentOut, bool]:
    with reading(house.engine) as session:
        row = outbox.by_digest(session, digest)
        if row is None:
            raise NotFoundError("no act has this digest")
        answer = intent_out(session, house, row)
    indexed = answer.block is None or house.indexer.height >= answer.block
    return answer, answer.status in _ENDS and indexed


@followed.get("/{digest}", summary="Follow an act")
async def get_intent(
    house: House_,
    caller: Caller,
    digest: Digest,
    wait: Annotated[float, Query(ge=0, le=300, description="seconds to wait for it to be mined")] = 0,
) -> IntentOut:
    """Where an act stands. Its digest is known only to those who signed or carried it."""
    caller.needs("operate" if caller.party is None else "read")
    return await _wait(house, bytes.fromhex(digest[2:]), min(wait, house.settings.wait_limit))
