"""The gateway as one ASGI application.

>>> app = create_app(Settings(), ROOMS)  # doctest: +SKIP
>>> uvicorn.run(app)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.kernel import middleware, openapi
from api.kernel.door import Door
from api.kernel.evidence import Intake
from api.kernel.heads import Heads
from api.kernel.house import House
from api.kernel.room import Room
from api.kernel.routes import (
    approvals,
    documents,
    evidence,
    intents,
    log,
    operations,
    parties,
    scrubber,
    tokens,
    webhooks,
)
from api.kernel.schemas import Problem
from api.registry import ROOMS
from api.settings import Settings
from api.web import verifier_page
from chain.rpcserver import rpc_app

__all__ = ["create_app"]

_DESCRIPTION = """Railway bills of lading on a verifiable record.

A party's acts are signed by its own key (EIP-712): **prepare** an act, sign its `typed_data`, **submit** it,
or have a key that you entrusted to this gateway sign it. Documents are kept sealed. `POST /v1/bills/verify`
is the bank's one call.

Errors follow RFC 9457 with a stable `code`, in Chinese or English by Accept-Language. Every unsafe request
takes an Idempotency-Key.
"""


def create_app(settings: Settings, rooms: Sequence[Room] = ROOMS, *, house: House | None = None) -> FastAPI:
    """The application.

    :param house: an open house to serve; without one the application opens and closes its own
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if house is not None:
            app.state.house = house
            _settle(app, house)
            yield
            return
        opened = House.open(settings, rooms)
        app.state.house = await run_in_threadpool(opened.__enter__)
        _settle(app, app.state.house)
        try:
            yield
        finally:
            await run_in_threadpool(opened.__exit__, None, None, None)

    app = FastAPI(
        title="Landbridge",
        version="0.1.0",
        description=_DESCRIPTION,
        lifespan=lifespan,
        license_info={"name": "Apache-2.0"},
        redoc_url=None,
        docs_url="/docs",
    )
    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": text}
        for status, text in (
            (400, "Malformed request"),
            (401, "No valid token"),
            (403, "Not allowed"),
            (404, "Not found"),
            (409, "Not possible now"),
            (413, "Too large"),
            (422, "The content does not fit"),
            (500, "A defect, or a stored part that is damaged"),
            (502, "The chain's answer cannot be used"),
            (503, "A part is down; nothing was lost"),
            (507, "Storage is full"),
        )
    }
    first = APIRouter(prefix="/v1", responses=problems)
    for router in (
        evidence.router,
        intents.followed,
        intents.router,
        parties.router,
        tokens.router,
        documents.router,
        log.router,
        scrubber.router,
        approvals.followed,
        approvals.router,
        webhooks.router,
    ):
        first.include_router(router)
    for room in rooms:
        if room.router is not None:
            first.include_router(room.router)
    app.include_router(operations.router)
    app.include_router(first)
    app.mount("/verifier", verifier_page(), name="verifier")
    at_once = {("POST", "/v1/evidence"): evidence.submit, ("POST", "/v1/log/verify"): log.verify}
    middleware.install(app, max_body=settings.max_body, at_once=at_once)
    openapi.publish(app, [kind for room in rooms for kind in room.documents])
    return app


def _settle(app: FastAPI, house: House) -> None:
    """What needs the open house: metrics, and the chain's own JSON-RPC, so that nobody depends on our API."""
    app.state.metrics.watch(house)
    app.state.heads = Heads(house)
    app.state.intake = Intake(house.engine, house.logbook.log, house.logbook.wake)
    door = Door(house.chain.node, house.deployment.contracts.values())
    # A mount alone answers /rpc with a redirect to /rpc/, which JSON-RPC clients do not follow.
    app.router.routes.append(Route("/rpc", _Rpc(rpc_app(door, max_bytes=512 << 10, max_batch=20))))


class _Rpc:
    """An ASGI application as an object: a route calls functions with a request instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
