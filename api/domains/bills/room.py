"""The room of railway bills of lading, as the kernel sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session

from api.domains.bills import history, units
from api.domains.bills.chain_acts import chain_acts
from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILL_REFUSALS, RAIL_BILLS_DOMAIN, BillWord
from api.domains.bills.document import Finding, check_value, sample
from api.domains.bills.document.form import RailBill
from api.domains.bills.fingerprint import fingerprint
from api.domains.bills.happenings import NAMES, happening
from api.domains.bills.projector import BillProjector
from api.domains.bills.routes import router
from api.domains.bills.tables import BillEventRow
from api.kernel import documents
from api.kernel.house import House
from api.kernel.room import ContractReader, DocumentType, Room
from chain.intents import Act, Address

__all__ = ["BILLS", "FORMAT"]

FORMAT: Final = "landbridge/rail-bill/1"


def _example() -> Mapping[str, Any]:
    return sample("chongqing-duisburg")


def _check(document: Any) -> Sequence[Finding]:
    return check_value(document).findings


def _derive(document: Any) -> Mapping[str, Any]:
    return {"note": "0x" + fingerprint(RailBill.model_validate(document).note).hex()}


def _sequence(read: ContractReader, name: str, subject: bytes) -> int:
    return BillWord.unpack(read("billWord", subject)).sequence


def _lane(name: str, subject: bytes) -> bytes:
    return subject


def _took_effect(session: Session, act: Act, signer: Address) -> bool:
    event = session.get(BillEventRow, ("0x" + act.subject.hex(), act.sequence + 1))
    return event is not None and event.key == signer and history.act_of(event) == act


def _beside_signing(house: House, act: Act, party: int) -> Callable[[Session], None]:
    """Who is to hold a bill must be able to read it: the giver's entrusted key shows it to them."""
    taker = act.values.get("to", act.values.get("holder"))
    wrap = None
    if taker is not None:
        wrap = documents.wrap_for(house, "0x" + act.subject.hex(), party, int(taker))
    return lambda session: documents.keep_wrap(session, wrap)


BILLS: Final = Room(
    name="bills",
    contract="RailBills",
    domain_name=RAIL_BILLS_DOMAIN,
    acts=RAIL_BILL_ACTS,
    refusals=RAIL_BILL_REFUSALS,
    arguments=lambda administrator, made: (made["Parties"],),
    links={"parties": "Parties"},
    projector=BillProjector,
    sequence=_sequence,
    lane=_lane,
    premature=frozenset({"RailBills_StaleSequence", "RailBills_UnknownBill"}),
    took_effect=_took_effect,
    router=router,
    documents=(DocumentType(FORMAT, _check, _derive, units.remember, _example),),
    beside_signing=_beside_signing,
    acts_between=history.acts_between,
    acts_on_chain=chain_acts,
    happening=happening,
    happening_names=NAMES,
)
