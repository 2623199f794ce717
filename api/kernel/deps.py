"""What a route may ask for: the house, the caller, the session of its transaction, the caller's language."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.kernel.auth import Principal, UnauthorizedError
from api.kernel.house import House
from api.kernel.transaction import principal_of, session_of

__all__ = ["TOKEN_SHOWN", "Caller", "Db", "House_", "KnownCaller", "Operator", "known_caller", "still_known"]


# These wait for nothing, and yet are coroutines: for a plain function the framework takes a thread each time.


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


async def _session(request: Request) -> Session:
    return session_of(request)


House_ = Annotated[House, Depends(_house)]
Db = Annotated[Session, Depends(_session)]
_bearer = HTTPBearer(auto_error=False, description="An API token: lb_…", scheme_name="token")


async def _caller(request: Request, _shown: Annotated[object, Depends(_bearer)]) -> Principal:
    known: Principal | None = getattr(request.state, "principal", None)  # a route in a transaction looked
    return known if known is not None else await run_in_threadpool(principal_of, request)


async def _known_caller(request: Request, _shown: Annotated[object, Depends(_bearer)]) -> Principal:
    return await known_caller(request)


async def known_caller(request: Request) -> Principal:
    """The caller, looked up a moment ago at most; for routes that the framework gives no arguments.

    :raises UnauthorizedError: no valid token
    """
    known, header = request.app.state.known, request.headers.get("authorization", "")
    principal: Principal | None = known.get(header)
    if principal is None:
        principal = await run_in_threadpool(principal_of, request)
        known.keep(header, principal)
    return principal


async def still_known(request: Request) -> bool:
    """Whether the caller's token is still valid; for answers that take long."""
    request.state.principal = None
    try:
        await known_caller(request)
    except UnauthorizedError:
        return False
    return True


async def _operator(request: Request, _shown: Annotated[object, Depends(_bearer)]) -> Principal:
    principal = await _caller(request, _shown)
    principal.needs("operate")
    return principal


Caller = Annotated[Principal, Depends(_caller)]
KnownCaller = Annotated[Principal, Depends(_known_caller)]
"""For routes that are called thousands of times a second: see :mod:`api.kernel.known`."""
Operator = Annotated[Principal, Depends(_operator)]
TOKEN_SHOWN = Depends(_bearer)
"""Has the API's description say that a token is needed, where the framework does not look for it."""
