"""The log: heads, proofs and leaves, for anybody who is admitted here to follow it (/v1/log, docs/log.md)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import col, select
from starlette.concurrency import run_in_threadpool

from api.kernel.auth import Principal
from api.kernel.deps import TOKEN_SHOWN, House_, KnownCaller, known_caller, still_known
from api.kernel.heads import Heads, Seen
from api.kernel.house import House
from api.kernel.routes.common import STREAM_HEADERS, NotFoundError, read_body
from api.kernel.schemas import HeadOut, InclusionIn, LeafOut, ProofOut, VerifiedOut
from chain.db import reading
from chain.entries import EVIDENCE, EntryError, read_entry
from chain.log import Leaf
from chain.merkle import InclusionError, TreeRangeError, leaf_hash, verify_inclusion
from chain.tables import HeadRow

__all__ = ["router", "verify"]

router = APIRouter(prefix="/log", tags=["log"])
_KEEP_ALIVE_SECONDS = 10.0
Number = Annotated[int, Query(ge=0, lt=2**53)]


@router.get("/head", summary="The newest head")
async def head(
    request: Request,
    house: House_,
    caller: KnownCaller,
    anchored: Annotated[bool, Query(description="only one that stands on the chain")] = True,
) -> HeadOut:
    """The newest head that is anchored, or that was sealed."""
    seen = await _heads(request).now()
    found = await run_in_threadpool(_borne_out, house, seen.anchored if anchored else seen.sealed)
    return HeadOut.of(found)


@router.get("/heads", summary="Heads in order")
def heads(
    house: House_,
    caller: KnownCaller,
    after: Annotated[int, Query(ge=0, lt=2**53, description="the size of the last head known")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[HeadOut]:
    """The heads larger than one, smallest first."""
    statement = select(HeadRow).where(HeadRow.size > after).order_by(col(HeadRow.size)).limit(limit)
    with reading(house.engine) as session:
        return [HeadOut.of(found) for found in session.exec(statement)]


@router.get(
    "/stream",
    summary="New heads as events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(
    request: Request,
    caller: KnownCaller,
    seconds: Annotated[float, Query(ge=0, le=86_400, description="when to end it")] = 3600,
) -> StreamingResponse:
    """``sealed`` when a head was sealed, ``anchored`` when one is anchored: the newest at once, then as they
    come. Who reads slowly is told the newest; ``/v1/log/heads`` has those between."""
    return StreamingResponse(_news(request, seconds), media_type="text/event-stream", headers=STREAM_HEADERS)


@router.get(
    "/checkpoint",
    summary="The newest anchored head as text",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def checkpoint(request: Request, house: House_, caller: KnownCaller) -> Response:
    """Origin, size and root (base64), a line each: what witnesses sign (C2SP tlog-checkpoint)."""
    found = await run_in_threadpool(_borne_out, house, (await _heads(request).now()).anchored)
    root = base64.b64encode(found.root).decode()
    text = f"{house.logbook.origin}\n{found.size}\n{root}\n"
    return Response(text, media_type="text/plain; charset=utf-8")


@router.get("/inclusion", summary="Prove that a leaf is in the log", response_model_exclude_none=True)
def inclusion(house: House_, caller: KnownCaller, leaf: Number, size: Number) -> ProofOut:
    """The hashes from a leaf to the root at a size (RFC 9162 §2.1.3.1)."""
    log = house.logbook.log
    with reading(house.engine) as session:
        root = log.root(session, size)
        if leaf >= size:
            raise TreeRangeError(
                "The tree of this size has no such leaf.", params={"size": size, "index": leaf}
            )
        found = log.leaf(session, leaf)
        path = log.prove(session, found, size, root)
    return ProofOut.of(path, size=size, root=root, leaf=found)


@router.get("/consistency", summary="Prove that the log only grew", response_model_exclude_none=True)
def consistency(
    house: House_,
    caller: KnownCaller,
    size: Number,
    older: Annotated[int, Query(alias="from", ge=0, lt=2**53)],
) -> ProofOut:
    """The hashes that show that the log at ``size`` begins with the log at ``from`` (§2.1.4.1)."""
    log = house.logbook.log
    with reading(house.engine) as session:
        path, root = log.prove_growth(session, older, size)
    return ProofOut.of(path, size=size, root=root)


@router.get(
    "/leaves",
    summary="Leaves in order",
    response_class=Response,
    responses={
        200: {"model": list[LeafOut], "description": "Leaf hashes, with the entries that you may see"}
    },
)
def leaves(
    house: House_,
    caller: KnownCaller,
    start: Number = 0,
    limit: Annotated[int, Query(ge=1, le=4096)] = 1000,
) -> Response:
    """Every leaf's hash, with its entry where all may read it, or where it is yours."""
    with reading(house.engine) as session:
        found = house.logbook.log.leaves(session, start, limit)
    # Auditors take millions: thousands of models made and read again would cost them an hour.
    return Response(json.dumps([_leaf(leaf, caller) for leaf in found]), media_type="application/json")


@router.post(
    "/verify",
    summary="Check an inclusion proof against the chain's anchor",
    response_class=Response,
    responses={200: {"model": VerifiedOut, "description": "pass, fail, or unknown"}},
    dependencies=[TOKEN_SHOWN],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/InclusionIn"}}},
        }
    },
)
async def verify(request: Request) -> Response:
    """Whether a leaf is under a head that is anchored. Unknown where no head of that size is."""
    (await known_caller(request)).needs("read")
    given = await read_body(request, InclusionIn)
    found = await _heads(request).anchored(given.size)
    if found is None:
        return _verdict("unknown", reason="head-not-anchored")
    hash_ = (
        leaf_hash(given.entry.encode())
        if given.leaf_hash is None and given.entry is not None
        else bytes.fromhex(str(given.leaf_hash)[2:])
    )
    try:
        path = [bytes.fromhex(one[2:]) for one in given.path]
        verify_inclusion(hash_, given.leaf, given.size, path, found.root)
    except InclusionError as error:
        return _verdict("fail", reason=error.code)
    return _verdict("pass", block=found.block_number, transaction=found.transaction_hash)


def _borne_out(house: House, head: HeadRow | None) -> HeadRow:
    """A head that the tree leads to.

    :raises NotFoundError: there is none yet
    :raises LogAlteredError: the tree leads to another
    """
    if head is None:
        raise NotFoundError("the log has no such head yet")
    with reading(house.engine) as session:
        house.logbook.log.root(session, head.size)
    return head


def _heads(request: Request) -> Heads:
    found: Heads = request.app.state.heads
    return found


def _verdict(result: str, **members: Any) -> Response:
    return Response(json.dumps({"result": result} | members), media_type="application/json")


def _leaf(leaf: Leaf, caller: Principal) -> dict[str, Any]:
    """A leaf in the shape of :class:`LeafOut`."""
    told: dict[str, Any] = {"leaf": leaf.index, "leaf_hash": "0x" + leaf.hash.hex(), "kind": leaf.kind}
    if leaf.kind != EVIDENCE or _is_of(leaf, caller.party):
        told["entry"] = leaf.entry.decode(errors="replace")  # damage is for auditors to see
    return told


def _is_of(leaf: Leaf, party: int | None) -> bool:
    try:
        return party is not None and read_entry(leaf.entry).party == party
    except EntryError:  # what was not written by us is shown to nobody
        return False


async def _news(request: Request, seconds: float) -> AsyncIterator[bytes]:
    heads, changes = _heads(request), request.app.state.house.changes
    end = time.monotonic() + seconds
    seen = await heads.now()
    yield _events(Seen(None, None), seen) or b": waiting\n\n"
    while (left := end - time.monotonic()) > 0 and not changes.closed:
        before, seen = seen, await heads.after(seen, min(left, _KEEP_ALIVE_SECONDS))
        if not await still_known(request):
            return
        yield _events(before, seen) or b": waiting\n\n"


def _events(before: Seen, seen: Seen) -> bytes:
    told = b""
    for name, old, new in (
        (b"sealed", before.sealed, seen.sealed),
        (b"anchored", before.anchored, seen.anchored),
    ):
        if new is not None and (old is None or (old.size, old.block_hash) != (new.size, new.block_hash)):
            told += b"event: %s\ndata: %s\n\n" % (name, HeadOut.of(new).model_dump_json().encode())
    return told
