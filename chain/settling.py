"""Settling: what a receipt, a reorganised chain or a lost transaction means for the acts carried.

- A mined batch names the acts it refused (``IntentRefused``); every other act of it took effect.
- A batch that failed as a whole did nothing: its acts go back, and after several such failures are given up.
- An act is decided when its block is deep enough. If it was refused there, but an earlier act of its lane is
  undecided, it came too early: it goes back.
- A block that left the chain takes its decisions with it: its transactions are sent again as they are.
- A transaction whose nonce another one took is lost, and its acts go back. Should it be mined after all,
  its receipt counts: the sequence number signed in each act makes that the second of the two does nothing.

Pure database work: nothing here talks to a node, and each function runs in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from eth_abi.abi import decode
from sqlmodel import Session, col, select

from chain.client import Receipt
from chain.contracts import Artifact
from chain.intents import keccak
from chain.outbox import UNSETTLED
from chain.tables import (
    ActStatus,
    BatchMember,
    OutboxRow,
    TransactionAttempt,
    TransactionRow,
    TransactionStatus,
)

__all__ = [
    "DEADLINE_PASSED",
    "GIVEN_UP",
    "confirm",
    "hashes_of",
    "last_attempt",
    "lose",
    "lost_carriers",
    "record_mined",
    "refused_in",
    "reopen",
    "revive",
]

GIVEN_UP = "TransactionFailed"
DEADLINE_PASSED = "Intents_DeadlinePassed"
_REFUSED_TOPIC = keccak(b"IntentRefused(uint256,bytes32,bytes)")


def record_mined(
    session: Session,
    transaction: TransactionRow,
    receipt: Receipt,
    artifact: Artifact | None,
    *,
    give_up_after: int,
) -> None:
    """A transaction is in a block: note per act whether it took effect; nothing is final yet.

    :param artifact: names the reason of a refusal, where the contract is known here
    :param give_up_after: how many failures as a whole an act may see
    """
    if transaction.status not in (TransactionStatus.SIGNED, TransactionStatus.LOST):
        return  # another worker noted it
    transaction.status = TransactionStatus.MINED
    transaction.block_number = receipt.block_number
    transaction.block_hash = receipt.block_hash
    transaction.gas_used = receipt.gas_used
    members = _members(session, transaction)
    # A contract leaves at least one event for every act of a batch. A call that "succeeds" without any
    # reached no contract of ours.
    worked = receipt.succeeded and any(log.address == transaction.contract for log in receipt.logs)
    refusals = _refusals(receipt, transaction.contract) if worked else {}
    for position, row in members:
        in_charge = row.transaction_id == transaction.id
        if not worked:
            if in_charge:
                _fail(row, give_up_after)
        elif position in refusals:
            if in_charge:
                row.status = ActStatus.MINED
                row.reason = refusals[position]
                row.reason_name = artifact.reverted(refusals[position]).name if artifact else "Unknown"
                row.block_number, row.block_hash = receipt.block_number, receipt.block_hash
        else:
            row.status = ActStatus.MINED
            row.transaction_id, row.position = transaction.id, position
            row.reason, row.reason_name = None, None
            row.block_number, row.block_hash = receipt.block_number, receipt.block_hash


def refused_in(session: Session, transaction: TransactionRow) -> list[OutboxRow]:
    """The acts that a mined transaction is in charge of and refused."""
    return [
        row
        for _, row in _members(session, transaction, lock=False)
        if row.transaction_id == transaction.id and row.reason is not None
    ]


def confirm(session: Session, transaction: TransactionRow, *, already_done: Collection[int] = ()) -> None:
    """A mined transaction is deep enough: decide its acts.

    :param already_done: ids of refused acts that took effect because somebody else sent them
    """
    if transaction.status != TransactionStatus.MINED:
        return
    transaction.status = TransactionStatus.FINAL
    for _, row in _members(session, transaction):
        if row.transaction_id != transaction.id or row.status != ActStatus.MINED:
            continue
        if row.reason is None or row.id in already_done:
            row.status, row.reason, row.reason_name = ActStatus.DONE, None, None
        elif _earlier_undecided(session, row):
            _return(row)
        elif row.reason_name == DEADLINE_PASSED:
            row.status = ActStatus.EXPIRED
        else:
            row.status = ActStatus.REFUSED
        session.flush()


def reopen(session: Session, transactions: Iterable[TransactionRow]) -> None:
    """The blocks of these transactions left the chain: all is as if they had only been sent."""
    for transaction in transactions:
        transaction.status = TransactionStatus.SIGNED
        transaction.block_number = transaction.block_hash = transaction.gas_used = None
        for position, row in _members(session, transaction):
            if row.transaction_id == transaction.id:
                _take_charge(row, transaction, position)


def revive(session: Session, transaction: TransactionRow) -> None:
    """A lost transaction's nonce is free again: it is sent as it is, with the acts that none else carries."""
    transaction.status = TransactionStatus.SIGNED
    for position, row in _members(session, transaction):
        if row.status == ActStatus.PENDING:
            _take_charge(row, transaction, position)


def lose(session: Session, transaction: TransactionRow) -> None:
    """A transaction will not be mined: its acts go back."""
    if transaction.status != TransactionStatus.SIGNED:
        return
    transaction.status = TransactionStatus.LOST
    for _, row in _members(session, transaction):
        if row.transaction_id == transaction.id and row.status == ActStatus.SENT:
            _return(row)


def lost_carriers(session: Session, rows: Iterable[OutboxRow]) -> list[tuple[TransactionRow, list[str]]]:
    """Lost transactions that carried one of these acts, each with the hashes of its signed forms."""
    statement = (
        select(TransactionRow)
        .join(BatchMember, col(BatchMember.transaction_id) == col(TransactionRow.id))
        .where(
            TransactionRow.status == TransactionStatus.LOST,
            col(BatchMember.outbox_id).in_([row.id for row in rows]),
        )
        .distinct()
    )
    return [(row, hashes_of(session, row)) for row in session.exec(statement)]


def hashes_of(session: Session, transaction: TransactionRow) -> list[str]:
    """The hashes of a transaction's signed forms, oldest first."""
    statement = (
        select(TransactionAttempt.hash)
        .where(TransactionAttempt.transaction_id == transaction.id)
        .order_by(col(TransactionAttempt.id))
    )
    return list(session.exec(statement))


def last_attempt(session: Session, transaction: TransactionRow) -> TransactionAttempt:
    """A transaction's newest signed form."""
    statement = (
        select(TransactionAttempt)
        .where(TransactionAttempt.transaction_id == transaction.id)
        .order_by(col(TransactionAttempt.id).desc())
        .limit(1)
    )
    return session.exec(statement).one()


def _members(
    session: Session, transaction: TransactionRow, *, lock: bool = True
) -> list[tuple[int, OutboxRow]]:
    statement = (
        select(BatchMember.position, OutboxRow)
        .join(OutboxRow, col(OutboxRow.id) == col(BatchMember.outbox_id))
        .where(BatchMember.transaction_id == transaction.id)
        .order_by(col(BatchMember.position))
    )
    if lock:
        statement = statement.with_for_update(of=OutboxRow)
    return [(position, row) for position, row in session.exec(statement)]


def _refusals(receipt: Receipt, contract: str) -> dict[int, bytes]:
    return {
        int.from_bytes(log.topics[1], "big"): decode(["bytes"], log.data)[0]
        for log in receipt.logs
        if log.address == contract and log.topics and log.topics[0] == _REFUSED_TOPIC
    }


def _earlier_undecided(session: Session, row: OutboxRow) -> bool:
    statement = (
        select(OutboxRow.id)
        .where(
            OutboxRow.lane == row.lane,
            col(OutboxRow.id) < row.id,
            col(OutboxRow.status).in_(UNSETTLED),
        )
        .limit(1)
    )
    return session.exec(statement).first() is not None


def _take_charge(row: OutboxRow, transaction: TransactionRow, position: int) -> None:
    row.status = ActStatus.SENT
    row.transaction_id, row.position = transaction.id, position
    row.block_number = row.block_hash = row.reason = row.reason_name = None


def _return(row: OutboxRow) -> None:
    row.status = ActStatus.PENDING
    row.transaction_id = row.position = None
    row.block_number = row.block_hash = row.reason = row.reason_name = None


def _fail(row: OutboxRow, give_up_after: int) -> None:
    attempts = row.attempts + 1
    _return(row)
    row.attempts = attempts
    if attempts >= give_up_after:
        row.status, row.reason_name = ActStatus.REFUSED, GIVEN_UP
