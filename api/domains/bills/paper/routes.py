"""A bill as paper over HTTP (/v1/bills/{bill}/paper): drawn beside the requests, never many at once."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.domains.bills.bundle import build
from api.domains.bills.bundle_facts import sealed
from api.domains.bills.paper.drawing import draw
from api.domains.bills.paper.errors import PaperBusyError
from api.domains.bills.schemas import BundleIn
from api.domains.bills.service import opened_of, path_of
from api.kernel.deps import Caller, House_
from api.kernel.schemas import Digest
from api.kernel.sealing import UNSEALED
from api.kernel.transaction import TransactionRoute
from chain.db import reading

__all__ = ["router"]

router = APIRouter(tags=["bills"], route_class=TransactionRoute)

_AT_ONCE: Final = 2
_AT_MOST: Final = 32


class _Desk:
    """Where papers are drawn: two at once, in threads; a few more may wait, without one."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._asked = 0

    async def draw(self, raw: bytes) -> bytes:
        if self._asked == _AT_MOST:
            raise PaperBusyError("too many papers are being drawn: ask again in a moment")
        self._asked += 1
        try:
            async with self._free:
                return await run_in_threadpool(draw, raw)
        finally:
            self._asked -= 1


@router.post(
    "/{bill}/paper",
    summary="A bill as paper: a PDF with its proof",
    response_class=Response,
    responses={
        200: {
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The file",
        }
    },
)
def paper(request: Request, house: House_, caller: Caller, bill: Digest, body: BundleIn) -> Response:
    """A document to read and print, drawn from the bill's proof bundle, which it carries as an attached file:
    ``landbridge verify`` draws the pages anew and compares them to the byte."""
    caller.needs("read")
    with reading(house.engine) as session:
        opened = opened_of(session, house, caller, bill, body)
    fields = None if body.fields is None else [path_of(opened.document, one) for one in body.fields]
    raw, unsealed = sealed(house, build(house, opened, fields=fields))

    async def drawn(_: Response) -> Response:
        # Once the request has left the gate: drawing must not hold up acts.
        desk = getattr(request.app.state, "paper_desk", None)
        if desk is None:
            desk = request.app.state.paper_desk = _Desk()
        name = f"bill-{bill[2:14]}.pdf"
        return Response(
            await desk.draw(raw),
            media_type="application/pdf",
            headers={"content-disposition": f'attachment; filename="{name}"'}
            | ({UNSEALED: unsealed} if unsealed else {}),
        )

    request.state.after_commit = drawn
    return Response(status_code=204)
