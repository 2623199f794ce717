"""Evidence: taken into the log, followed to its anchor (/v1/evidence). See docs/log.md."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.kernel.auth import Principal
from api.kernel.bundles import (
    FORM,
    EvidenceBundle,
    NotAnchoredError,
    chain_part,
    read_bundle,
    seal_bundle,
)
from api.kernel.deps import House_, KnownCaller
from api.kernel.heads import Heads
from api.kernel.house import House
from api.kernel.routes.common import NotFoundError, read_body, waiting
from api.kernel.schemas import EvidenceIn, EvidenceOut, HeadOut
from api.kernel.sealing import UNSEALED, UNSEALED_HEADER, sealed_part
from api.kernel.transaction import request_key
from chain.canonical import parse
from chain.db import reading
from chain.entries import EVIDENCE, evidence_entry

__all__ = ["router"]

router = APIRouter(prefix="/evidence", tags=["log"])
_STREAM_SECONDS = 300.0
_KEEP_ALIVE_SECONDS = 10.0
Leaf = Annotated[int, Path(ge=0, lt=2**53, examples=[0])]


@router.post(
    "",
    status_code=202,
    summary="Submit evidence",
    response_class=Response,
    responses={
        200: {"model": EvidenceOut, "description": "It is anchored; so the request waited for it"},
        202: {"model": EvidenceOut, "description": "It is in the log, durably"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EvidenceIn"}}},
        }
    },
)
async def submit(
    request: Request,
    house: House_,
    caller: KnownCaller,
    prefer: Annotated[str | None, Header(description="wait=SECONDS: answer when anchored (RFC 7240)")] = None,
) -> Response:
    """Put a digest into the log. What it is of stays with you; a salt hides it from all but you."""
    caller.needs("write")
    wish = await read_body(request, EvidenceIn)
    entry = evidence_entry(
        caller.acting(), wish.type, bytes.fromhex(wish.digest[2:]), secrets.token_bytes(32)
    )
    key = request_key(request)
    name = None if key is None else hashlib.sha256(f"{caller.token}\0".encode() + key).digest()
    fingerprint = hashlib.sha256(await request.body()).digest()
    index: int = await request.app.state.intake.take(entry, name, fingerprint)
    seconds = waiting(prefer, house)
    if not seconds:
        answer, status = b'{"leaf":%d,"status":"accepted"}' % index, 202
    else:
        heads: Heads = request.app.state.heads
        await heads.covering(index, seconds)
        out = await run_in_threadpool(_look, house, index, caller)
        answer, status = _json(out), 202 if out.status == "accepted" else 200
    return Response(answer, status, {"location": f"/v1/evidence/{index}"}, media_type="application/json")


@router.get(
    "/{leaf}",
    summary="Follow evidence",
    response_model=EvidenceOut,
    response_model_exclude_none=True,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow(
    request: Request,
    house: House_,
    caller: KnownCaller,
    leaf: Leaf,
    wait: Annotated[float, Query(ge=0, le=300, description="seconds to wait for its anchor")] = 0,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Any:
    """Where a leaf of yours stands: in the log, under an anchored head, deep enough.

    Asked for ``text/event-stream`` it tells each change as an event, until the last.
    """
    caller.needs("read")
    out = await run_in_threadpool(_look, house, leaf, caller)  # nobody waits for what is not theirs
    heads: Heads = request.app.state.heads
    if "text/event-stream" in (accept or ""):
        return StreamingResponse(_changes(house, heads, out, caller), media_type="text/event-stream")
    if wait and out.status == "accepted":
        await heads.covering(leaf, min(wait, house.settings.wait_limit))
        out = await run_in_threadpool(_look, house, leaf, caller)
    return out


@router.get(
    "/{leaf}/bundle",
    summary="Evidence's proof bundle",
    response_class=Response,
    responses={
        200: {
            "content": {"application/json": {"schema": {"type": "object"}}},
            "description": "The file",
            "headers": UNSEALED_HEADER,
        }
    },
)
def bundle(house: House_, caller: KnownCaller, leaf: Leaf) -> Response:
    """One file that shows to anybody, without this gateway, that this stands in the log."""
    caller.needs("read")
    out = _look(house, leaf, caller)
    if out.head is None or out.entry is None:
        raise NotAnchoredError("this is not anchored yet: ask again in a moment")
    with reading(house.engine) as session:
        path = house.logbook.log.inclusion(session, leaf, out.head.size)
    content: dict[str, Any] = {
        "bundle": FORM,
        "kind": "evidence",
        "chain": chain_part(house),
        "head": {name: getattr(out.head, name) for name in ("size", "root", "block", "transaction")},
        "deposit": {
            "entry": parse(out.entry.encode()),
            "index": leaf,
            "path": ["0x" + one.hex() for one in path],
        },
    }
    part, unsealed = sealed_part(house, read_bundle(seal_bundle(content), EvidenceBundle), lambda chain: None)
    raw = seal_bundle(content | ({"sealed": part} if part else {}))
    return Response(raw, headers={UNSEALED: unsealed} if unsealed else {}, media_type="application/json")


async def _changes(house: House, heads: Heads, out: EvidenceOut, caller: Principal) -> AsyncIterator[bytes]:
    yield _event(out)
    left = _STREAM_SECONDS
    while out.status != "final" and left > 0:
        before = out
        if out.status == "accepted":
            await heads.covering(out.leaf, _KEEP_ALIVE_SECONDS)
        else:
            await heads.changed(_KEEP_ALIVE_SECONDS)
        left -= _KEEP_ALIVE_SECONDS
        out = await run_in_threadpool(_look, house, out.leaf, caller)
        yield _event(out) if out != before else b": waiting\n\n"


def _look(house: House, index: int, caller: Principal) -> EvidenceOut:
    log = house.logbook.log
    with reading(house.engine) as session:
        leaf = log.leaf(session, index)
        entry: Any = parse(leaf.entry)
        if leaf.kind == EVIDENCE and entry["party"] != caller.party:
            raise NotFoundError("you have no such evidence")
        head = log.head_over(session, index)
    deep = (
        head is not None
        and house.indexer.height >= (head.block_number or 0) + house.settings.confirmations - 1
    )
    return EvidenceOut(
        leaf=index,
        status="accepted" if head is None else "final" if deep else "anchored",
        leaf_hash="0x" + leaf.hash.hex(),
        entry=leaf.entry.decode(),
        head=HeadOut.of(head) if head else None,
    )


def _json(out: EvidenceOut) -> bytes:
    return out.model_dump_json(exclude_none=True).encode()


def _event(out: EvidenceOut) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (out.status.encode(), _json(out))
