"""What a bill's acts tell: each to the parties that may see it when it happens (:func:`history.told_to`).

>>> NAMES[1]
'Transfer'
"""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, select

from api.domains.bills import history
from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.rules import LIVE
from api.domains.bills.tables import BillEventRow, BillRow
from api.kernel.room import Happening
from chain.indexer import ChainEvent
from chain.intents import Domain

__all__ = ["NAMES", "happening"]

NAMES: Final = tuple(act.name for act in RAIL_BILL_ACTS)


def happening(session: Session, event: ChainEvent, domain: Domain) -> Happening | None:
    """What an event of the contract tells, once the projector has taken it."""
    row = session.exec(
        select(BillEventRow).where(
            BillEventRow.block == event.block, BillEventRow.log_index == event.log_index
        )
    ).first()
    if row is None:
        return None
    before = session.get(BillEventRow, (row.bill, row.sequence - 1))
    word, bill = BillWord.unpack(int(row.word, 16)), session.get(BillRow, row.bill)
    facts = {
        "act": row.act,
        "intent": "0x" + history.act_of(row).digest(domain).hex(),
        "sequence": row.sequence,
        "party": row.party,
        "key": row.key,
        "detail": row.detail,
        "state": word.state.name.lower(),
        "live": word.state in LIVE,
        "to_order": word.to_order,
        "issuer": word.issuer,
        "holder": word.holder,
        "offeree": word.offeree or None,
        "offer_expiry": word.offer_expiry or None,
        "version": word.version,
        "note": bill.note if bill is not None else None,
    }
    return Happening(row.act, row.bill, history.told_to(before, row), facts)
