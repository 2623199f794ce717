"""From the contract's events to the bills' tables, and back again when the chain forks.

Each event holds the whole bill after its act, so that a rollback needs no undo: the last event that is left
is the state.
"""

from __future__ import annotations

from sqlmodel import Session, col, delete, select

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.tables import BillEventRow, BillRow
from chain.indexer import ChainEvent

__all__ = ["BillProjector"]

_NAMES = {act.kind: act.name for act in RAIL_BILL_ACTS}


class BillProjector:
    """Keeps ``bills`` and ``bill_events``."""

    def apply(self, session: Session, event: ChainEvent) -> None:
        """Take one event; events of other names are not ours."""
        if event.name != "Acted":
            return
        arguments = event.arguments
        act, word = int(arguments["act"]), int(arguments["word"])
        bill = BillWord.unpack(word)
        identity = "0x" + arguments["bill"].hex()
        name = _NAMES[act & 0xFF]
        before = session.get(BillRow, identity)
        row = BillEventRow(
            bill=identity,
            sequence=bill.sequence,
            act=name,
            key=f"0x{act >> 56 & (1 << 160) - 1:040x}",
            party=_actor(name, bill, before),
            deadline=act >> 8 & (1 << 48) - 1,
            word=f"0x{word:064x}",
            detail="0x" + arguments["detail"].hex(),
            block=event.block,
            block_hash=event.block_hash,
            block_time=event.block_time,
            transaction=event.transaction_hash,
            log_index=event.log_index,
        )
        session.merge(row)
        note = row.detail if name == "Issue" else before.note if before else ""
        session.merge(_bill_row(identity, bill, note, event.block))
        session.flush()

    def rollback(self, session: Session, above_block: int) -> None:
        """Forget what happened above a block."""
        touched = session.exec(
            select(BillEventRow.bill).where(BillEventRow.block > above_block).distinct()
        ).all()
        session.exec(delete(BillEventRow).where(col(BillEventRow.block) > above_block))
        for identity in touched:
            last = session.exec(
                select(BillEventRow)
                .where(BillEventRow.bill == identity)
                .order_by(col(BillEventRow.sequence).desc())
            ).first()
            row = session.get(BillRow, identity)
            if last is None:
                session.delete(row)
            elif row is not None:
                session.merge(_bill_row(identity, BillWord.unpack(int(last.word, 16)), row.note, last.block))
        session.flush()


def _actor(name: str, after: BillWord, before: BillRow | None) -> int:
    """Whose act it was, from the rules: the contract has checked that its key was theirs."""
    if name in ("Issue", "AcceptSurrender", "RefuseSurrender", "Deliver"):
        return after.issuer
    if before is None:
        return 0
    return before.offeree if name in ("AcceptOffer", "DeclineOffer") else before.holder


def _bill_row(identity: str, bill: BillWord, note: str, block: int) -> BillRow:
    return BillRow(
        id=identity,
        state=int(bill.state),
        to_order=bill.to_order,
        sequence=bill.sequence,
        version=bill.version,
        issuer=bill.issuer,
        holder=bill.holder,
        offeree=bill.offeree,
        offer_expiry=bill.offer_expiry,
        note=note,
        block=block,
    )
