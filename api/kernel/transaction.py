"""One request, one transaction: and an answer that a repeated request gets again.

Routes under :class:`TransactionRoute` run inside one database transaction that is committed before the
answer leaves. A writing one takes its lock at the first statement, so handlers read, check and compute
first. An unsafe request may carry an Idempotency-Key: its answer is stored in the same transaction, so a
repeat (a lost answer, an impatient client, a crash) gets the first answer and changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Session, col, delete
from starlette.concurrency import run_in_threadpool

from api.kernel.auth import Principal, authenticate
from api.kernel.house import House
from api.kernel.tables import AnsweredRequest
from chain.canonical import parse
from chain.db import reading, writing
from chain.errors import LandbridgeError

__all__ = ["AT_ONCE", "IdempotencyError", "TransactionRoute", "principal_of", "request_key", "session_of"]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_DEPTH = 40
_KEPT_SECONDS = 86_400
_NOTHING_DONE = 0
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
AT_ONCE: Final = 12
"""Unsafe requests handled at once; the others wait without a thread. All but one of them may wait for the
database's lock in a thread each, and that one needs a thread to end: so they must be fewer than there are."""


class IdempotencyError(LandbridgeError):
    """An Idempotency-Key that is malformed."""

    code: ClassVar[str] = "idempotency-key-malformed"


class KeyReusedError(LandbridgeError):
    """An Idempotency-Key that came with another request before."""

    code: ClassVar[str] = "idempotency-key-reused"


class InProgressError(LandbridgeError):
    """The first request with this key is not done."""

    code: ClassVar[str] = "idempotency-in-progress"


class NotReplayableError(LandbridgeError):
    """The first answer held a secret and was not kept."""

    code: ClassVar[str] = "idempotency-not-replayable"


def session_of(request: Request) -> Session:
    """The request's database session; the route commits it."""
    session: Session = request.state.session
    return session


def principal_of(request: Request) -> Principal:
    """The caller.

    :raises UnauthorizedError: no valid token
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        with reading(request.app.state.house.engine) as session:
            principal = authenticate(session, request.headers.get("authorization"), now=int(time.time()))
        request.state.principal = principal
    return principal


class TransactionRoute(APIRoute):
    """A route whose handler runs in one transaction and whose repeated requests get one answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def transaction(request: Request) -> Response:
            engine = request.app.state.house.engine
            await run_in_threadpool(principal_of, request)  # nothing is read from a stranger
            if request.method in _SAFE:
                with reading(engine) as session:
                    request.state.session = session
                    return await handle(request)
            await _read_json(request)
            async with request.app.state.gate:
                with Session(engine, expire_on_commit=False) as session:
                    request.state.session = session
                    response = await _unsafe(request, session, handle)
            request.app.state.house.relayer.wake()
            request.app.state.house.logbook.wake()
            request.app.state.house.signatory.wake()
            if getattr(request.state, "forget_callers", False):
                request.app.state.known.forget()
            after = getattr(request.state, "after_commit", None)
            if after is None:
                return response
            final: Response = await after(response)
            answered = getattr(request.state, "answered", None)
            if answered is not None and bytes(final.body) != bytes(response.body):
                async with request.app.state.gate:
                    await run_in_threadpool(_keep, request.app.state.house, answered, final)
            return final

        return transaction


async def _read_json(request: Request) -> None:
    """Read a JSON body strictly, once: the framework's own reader takes NaN and doubled members."""
    body = await request.body()
    if body and "json" in request.headers.get("content-type", "").lower():
        request._json = await run_in_threadpool(parse, body, max_bytes=len(body), max_depth=_DEPTH)


async def _unsafe(
    request: Request, session: Session, handle: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    given = request_key(request)
    if given is None:
        response = await handle(request)
        await run_in_threadpool(session.commit)
        return response
    key = given.decode()
    caller, body = principal_of(request), await request.body()
    fingerprint = hashlib.sha256(
        b"\n".join((request.method.encode(), str(request.url.path).encode(), body))
    ).hexdigest()
    known = await run_in_threadpool(_known, request, caller.token, key)
    if known is not None:
        if known.status != _NOTHING_DONE or known.fingerprint != fingerprint:
            return _again(request.app.state.house, known, fingerprint)
        response = await handle(request)
        await run_in_threadpool(session.commit)
        return response
    try:
        response = await handle(request)
    except Exception:
        # Where the same key came twice at once, the other one may have done what now cannot be done again.
        await run_in_threadpool(session.rollback)
        known = await run_in_threadpool(_known, request, caller.token, key)
        if known is None or known.status == _NOTHING_DONE:
            raise
        return _again(request.app.state.house, known, fingerprint)
    wrote = session.in_transaction()
    secret = response.headers.get("cache-control") == "no-store"
    house, now = request.app.state.house, int(time.time())
    row = AnsweredRequest(
        token=caller.token,
        key=key,
        fingerprint=fingerprint,
        # Where nothing was written a repeat does no harm: it is answered anew, and this answer kept nowhere.
        status=response.status_code if wrote else _NOTHING_DONE,
        content_type=response.headers.get("content-type", "application/json"),
        body=_seal(house, response.body) if wrote and not secret else b"",
        replayable=not secret,
        created=now,
    )
    try:
        await run_in_threadpool(_store, session, row)
    except IntegrityError as error:  # the same key came twice at once; the other one won
        await run_in_threadpool(session.rollback)
        known = await run_in_threadpool(_known, request, caller.token, key)
        if known is not None and known.status == _NOTHING_DONE and known.fingerprint == fingerprint:
            return response
        if known is None:
            raise InProgressError("another request with this key is being answered") from error
        return _again(house, known, fingerprint)
    if wrote:
        request.state.answered = (caller.token, key)
    return response


def request_key(request: Request) -> bytes | None:
    """The request's Idempotency-Key.

    :raises IdempotencyError: it is malformed
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise IdempotencyError("the Idempotency-Key is not 1 to 255 visible ASCII characters")
    return None if key is None else key.encode()


def _store(session: Session, row: AnsweredRequest) -> None:
    session.exec(delete(AnsweredRequest).where(col(AnsweredRequest.created) < row.created - _KEPT_SECONDS))
    session.add(row)
    session.commit()


def _keep(house: House, answered: tuple[str, str], final: Response) -> None:
    """A request that waited answers more than was known when it was taken: so does its repeat."""
    with (
        suppress(SQLAlchemyError),
        writing(house.engine) as session,
    ):  # without it the repeat gets the first word
        row = session.get_one(AnsweredRequest, answered)
        row.status, row.body = final.status_code, _seal(house, final.body)
        session.add(row)


def _known(request: Request, token: str, key: str) -> AnsweredRequest | None:
    with reading(request.app.state.house.engine) as session:
        return session.get(AnsweredRequest, (token, key))


def _seal(house: House, body: bytes | memoryview) -> bytes:
    """An answer may quote a document, so it lies here encrypted."""
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(house.answers_key).encrypt(nonce, bytes(body), None)


def _again(house: House, known: AnsweredRequest, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise KeyReusedError("this Idempotency-Key came with another request before")
    if not known.replayable:
        raise NotReplayableError("the first answer held a secret, which is shown once")
    body = AESGCM(house.answers_key).decrypt(known.body[:12], known.body[12:], None)
    return Response(
        body, known.status, headers={"idempotency-replayed": "true"}, media_type=known.content_type
    )
