"""Parties and their roles (/v1/parties)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlmodel import Session, col, select

from api.kernel import parties
from api.kernel.answers import intent_out
from api.kernel.deps import Caller, Db, House_, Operator
from api.kernel.intents import parse_signatures
from api.kernel.party_acts import Role
from api.kernel.schemas import (
    AdmissionPrepareIn,
    AdmissionSignedIn,
    AdmitIn,
    Digest,
    IntentOut,
    KeyOut,
    PartyOut,
    Prepared,
    RoleEndIn,
    RoleIn,
    SuspendIn,
    TenureOut,
)
from api.kernel.tables import PartyRow
from api.kernel.transaction import TransactionRoute
from chain.intents import Address, act_from_message

__all__ = ["router"]

router = APIRouter(prefix="/parties", tags=["parties"], route_class=TransactionRoute)
_MAX = 2**32 - 1


def _out(session: Session, number: int) -> PartyOut:
    view = parties.view(session, number)
    profile = view.profile
    return PartyOut(
        party=view.row.number,
        name=profile.name if profile else None,
        name_zh=profile.name_zh if profile else None,
        country=profile.country if profile else None,
        profile=view.row.profile,
        reader_key=profile.reader_key if profile else None,
        rulebook=view.row.rulebook,
        admitted=view.row.admitted,
        suspended=view.row.suspended,
        keys=[
            KeyOut(address=k.address, custodial=k.custodial, since=k.since, until=k.until) for k in view.keys
        ],
        roles=[
            TenureOut(role=Role(t.role).name.lower().replace("_", "-"), starts=t.starts, ends=t.ends)
            for t in view.tenures
        ],
    )


@router.get("", summary="List parties")
def list_parties(
    session: Db, caller: Caller, profile: Digest | None = None, after: int = 0, limit: int = 50
) -> list[PartyOut]:
    """Admitted parties by number; with ``profile``, the one admitted under that digest."""
    statement = select(PartyRow.number).where(PartyRow.number > max(0, min(after, _MAX)))
    if profile is not None:
        statement = statement.where(PartyRow.profile == profile)
    numbers = session.exec(statement.order_by(col(PartyRow.number)).limit(max(1, min(limit, 200)))).all()
    return [_out(session, number) for number in numbers]


@router.get("/{party}", summary="One party")
def get_party(session: Db, caller: Caller, party: int) -> PartyOut:
    """A party with its keys and roles, past ones too."""
    return _out(session, party if 0 < party <= _MAX else 0)


@router.post("", status_code=202, summary="Admit a party with an entrusted key")
def admit(session: Db, house: House_, operator: Operator, body: AdmitIn) -> IntentOut:
    """Make the party's keys here, marked custodial on the chain. ``subject`` of the answer is its profile."""
    profile = parties.Profile(body.name, body.name_zh, body.country)
    key = Address(body.key.lower()) if body.key else None
    row, _ = parties.admit_custodial(session, house, profile, key=key)
    return intent_out(session, house, row)


@router.post("/admission", summary="Prepare the admission of a party that keeps its keys")
def prepare_admission(session: Db, house: House_, operator: Operator, body: AdmissionPrepareIn) -> Prepared:
    """The act that the party's first key is to sign; send it back to ``/v1/parties/admission/signed``."""
    profile = parties.Profile(body.name, body.name_zh, body.country)
    act, _ = parties.prepare_admission(
        session,
        house,
        profile,
        key=Address(body.key.lower()),
        custodial=False,
        reader_key=body.reader_key,
    )
    domain = house.domain(parties.PARTIES)
    return Prepared(room="parties", digest="0x" + act.digest(domain).hex(), typed_data=act.typed_data(domain))


@router.post("/admission/signed", status_code=202, summary="Admit a party that keeps its keys")
def admit_signed(session: Db, house: House_, operator: Operator, body: AdmissionSignedIn) -> IntentOut:
    """Take the party's signature under its admission; the administrator signs beside it."""
    act = act_from_message(parties.PARTIES.acts, "Admit", body.message)
    (signature,) = parse_signatures([body.signature])
    return intent_out(session, house, parties.admit(session, house, act, signature))


def _administrate(session: Session, house: Any, name: str, party: int, fields: dict[str, Any]) -> IntentOut:
    parties.known(house, party)
    return intent_out(session, house, parties.administrate(session, house, name, party, fields))


@router.post("/{party}/roles", status_code=202, summary="Give a role")
def grant_role(session: Db, house: House_, operator: Operator, party: int, body: RoleIn) -> IntentOut:
    """Give a role for a time. A court's begins after its public notice."""
    fields = {"role": parties.role_number(body.role), "from": body.starts or 0, "until": body.ends or 0}
    return _administrate(session, house, "GrantRole", party, fields)


@router.post("/{party}/roles/end", status_code=202, summary="End a role")
def end_role(session: Db, house: House_, operator: Operator, party: int, body: RoleEndIn) -> IntentOut:
    """End a role now; that it was held until now stays known."""
    fields = {"role": parties.role_number(body.role), "at": 0}
    return _administrate(session, house, "EndRole", party, fields)


@router.post("/{party}/suspension", status_code=202, summary="Suspend a party's new issues")
def suspend(session: Db, house: House_, operator: Operator, party: int, body: SuspendIn) -> IntentOut:
    """Stop new issues. What the party holds it can still transfer and surrender."""
    return _administrate(session, house, "Suspend", party, {"reason": body.reason})


@router.delete("/{party}/suspension", status_code=202, summary="End a suspension")
def reinstate(session: Db, house: House_, operator: Operator, party: int) -> IntentOut:
    """Let the party issue again."""
    return _administrate(session, house, "Reinstate", party, {})
