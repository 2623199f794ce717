"""What a route may ask for: the house, the caller, the session of its transaction, the caller's language."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from sqlmodel import Session

from api.kernel.auth import Principal
from api.kernel.house import House
from api.kernel.transaction import principal_of, session_of

__all__ = ["Caller", "Db", "House_", "Operator"]


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


House_ = Annotated[House, Depends(_house)]
Db = Annotated[Session, Depends(session_of)]
_bearer = HTTPBearer(auto_error=False, description="An API token: lb_…", scheme_name="token")


def _caller(request: Request, _shown: Annotated[object, Depends(_bearer)]) -> Principal:
    return principal_of(request)


def _operator(request: Request, _shown: Annotated[object, Depends(_bearer)]) -> Principal:
    principal = principal_of(request)
    principal.needs("operate")
    return principal


Caller = Annotated[Principal, Depends(_caller)]
Operator = Annotated[Principal, Depends(_operator)]
