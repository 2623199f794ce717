"""API tokens (/v1/tokens)."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlmodel import Session, col, select

from api.kernel import auth, parties
from api.kernel.approval import requests
from api.kernel.approval.tables import PersonRow
from api.kernel.deps import Caller, Db, House_
from api.kernel.routes.common import NotFoundError
from api.kernel.schemas import TokenIn, TokenMade, TokenOut
from api.kernel.tables import TokenRow
from api.kernel.transaction import TransactionRoute

__all__ = ["router"]

router = APIRouter(prefix="/tokens", tags=["tokens"], route_class=TransactionRoute)


def _out(session: Session, row: TokenRow) -> TokenOut:
    person = session.get(PersonRow, row.id)
    return TokenOut(
        id=row.id,
        party=row.party,
        scopes=row.scopes.split(),
        label=row.label,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        person=person.person if person else None,
        awaits=person.approval if person else None,
    )


@router.post("", status_code=201, summary="Make a token")
def make(session: Db, house: House_, caller: Caller, response: Response, body: TokenIn) -> TokenMade:
    """A party's token makes tokens of its own scopes at most; the operator makes a party's first.

    Where the party's rule stands, one for a person is refused until others of the party have signed it off.
    """
    response.headers["cache-control"] = "no-store"
    if caller.party is None:
        caller.needs("operate")
        if body.party is not None:
            parties.known(house, body.party)
        party = body.party
    else:
        caller.needs("tokens")
        if body.party not in (None, caller.party):
            raise auth.ForbiddenError("a token is made by its own party", params={"scope": "tokens"})
        for scope in body.scopes:
            if scope != "approve":  # who hands out tokens need not be one of those who sign off
                caller.needs(scope)
        party = caller.party
    token, row = auth.issue(
        party=party, scopes=body.scopes, label=body.label, now=int(time.time()), lifetime=body.lifetime
    )
    requests.propose_token(session, house, caller, row, body.person)
    session.add(row)
    return TokenMade(**_out(session, row).model_dump(), token=token)


@router.get("", summary="List tokens")
def list_tokens(session: Db, caller: Caller) -> list[TokenOut]:
    """The tokens of the caller's party; the operator sees its own."""
    rows = session.exec(
        select(TokenRow).where(TokenRow.party == caller.party).order_by(col(TokenRow.created))
    )
    return [_out(session, row) for row in rows]


@router.delete("/{token}", summary="Revoke a token")
def revoke(
    request: Request,
    session: Db,
    caller: Caller,
    token: Annotated[str, Path(pattern="^[0-9a-z]{1,32}$", examples=["5a" * 8])],
) -> TokenOut:
    """From now on the token is refused."""
    if caller.token != token:
        caller.needs("operate" if caller.party is None else "tokens")
    row = session.get(TokenRow, token)
    if row is None or row.party != caller.party:
        raise NotFoundError("you have no such token")
    if row.revoked is None:
        row.revoked = int(time.time())
        session.add(row)
        request.state.forget_callers = True
    return _out(session, row)
