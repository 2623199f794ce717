"""Rows as answers: what an act on its way looks like to a caller."""

from __future__ import annotations

from sqlmodel import Session, col, func, select

from api.kernel.house import House
from api.kernel.schemas import IntentOut
from chain import outbox
from chain.tables import BatchMember, OutboxRow, TransactionAttempt, TransactionRow

__all__ = ["intent_out"]


def intent_out(session: Session, house: House, row: OutboxRow) -> IntentOut:
    """An act's status, and once mined its block and transaction."""
    room = house.room_at(row.contract)
    transaction = attempt = None
    batch = None
    if row.transaction_id is not None and row.block_number is not None:
        transaction = session.get(TransactionRow, row.transaction_id)
        attempt = session.exec(
            select(TransactionAttempt)
            .where(TransactionAttempt.transaction_id == row.transaction_id)
            .order_by(col(TransactionAttempt.id).desc())
        ).first()
        batch = session.exec(
            select(func.count()).where(BatchMember.transaction_id == row.transaction_id)
        ).one()
    reason = house.refusal(room, row.reason_name).code if row.reason_name else None
    return IntentOut(
        id="0x" + row.digest.hex(),
        room=room.name,
        act=row.act,
        subject="0x" + outbox.wire_of(row)[0].hex(),
        status=row.status,
        reason=reason,
        block=row.block_number,
        block_hash=row.block_hash,
        transaction=attempt.hash if attempt else None,
        gas_used=transaction.gas_used if transaction else None,
        batch=batch,
        deadline=row.deadline,
    )
