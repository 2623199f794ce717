"""Claims: pending acts put into transactions, signed and stored, all in one database transaction.

- Acts of one contract go together, in the order in which they came, as many as gas allows.
- Acts of one lane keep their order: while an earlier one waits elsewhere, or travels with another sender,
  the later ones wait.
- A transaction's nonce is the sender's lowest free one, so a gap closes by itself; where no act is at hand,
  an empty transaction to the sender itself fills it.
- An act that was in transactions that failed as a whole travels in ever smaller company with more gas.

Nothing here talks to a node.

>>> gas_for(acts=1, calldata=420, intent_gas=200_000, attempts=0, limit=30_000_000)
255974
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from chain.contracts import Artifact, encode_batch
from chain.intents import Address
from chain.outbox import cosignatures_of, wire_of
from chain.signers import Signer, Transaction, sign_transaction
from chain.tables import (
    ActStatus,
    BatchMember,
    OutboxRow,
    TransactionAttempt,
    TransactionRow,
)

__all__ = ["Circumstances", "Prepared", "Target", "claim", "gas_for", "sign_attempt"]

# EIP-7825: no transaction may have more.
MAX_TRANSACTION_GAS = 1 << 24
_PER_BYTE = 40  # EIP-7623: the floor for a byte of calldata that is not zero
_PER_ACT = 15_000  # the batch's own work for an act, and the event of a refusal
_FILLER_GAS = 21_000


@dataclass(frozen=True, slots=True)
class Target:
    """A contract that acts go to: its artefact, and the gas that each act of a batch may use."""

    artifact: Artifact
    intent_gas: int


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a claim needs to know of the chain, read before its database transaction begins.

    :ivar chain_nonce: the sender's next nonce on the chain
    :ivar gas_limit: of a block
    :ivar gas_price: wei
    :ivar now: our own clock, for the books only
    """

    chain_id: int
    chain_nonce: int
    gas_limit: int
    gas_price: int
    now: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stored transaction, ready to be sent once its database transaction is committed."""

    transaction_id: int
    attempt_id: int
    nonce: int
    raw: bytes
    hash: str
    acts: int


def gas_for(*, acts: int, calldata: int, intent_gas: int, attempts: int, limit: int) -> int:
    """The gas limit of a batch: what its acts may use at most, half as much more after each failure.

    :param calldata: bytes
    :param limit: the most that the chain takes in one transaction
    """
    # A call passes on at most 63/64 of what is left (EIP-150).
    needed = 21_000 + calldata * _PER_BYTE + acts * (intent_gas * 64 // 63 + _PER_ACT)
    return min(needed * (2 + attempts) // 2, limit)


def claim(
    session: Session,
    signer: Signer,
    targets: Mapping[Address, Target],
    around: Circumstances,
    *,
    batch_size: int,
    room: int,
) -> list[Prepared]:
    """Claim pending acts for up to ``room`` transactions and store these, signed, in nonce order.

    :raises LandbridgeError: the signer failed; the caller's transaction must be undone
    """
    free = _Nonces(session, signer.address, around.chain_nonce)
    prepared: list[Prepared] = []
    waiting = _candidates(session, signer.address, targets, batch_size * room) if room > 0 else []
    while waiting and len(prepared) < room:
        contract = Address(waiting[0].contract)
        target = targets[contract]
        batch = _fill([row for row in waiting if row.contract == contract], target, around, batch_size)
        taken = {row.id for row in batch}
        waiting = [row for row in waiting if row.id not in taken]
        data = encode_batch(target.artifact, [(wire_of(row), cosignatures_of(row)) for row in batch])
        gas = gas_for(
            acts=len(batch),
            calldata=len(data),
            intent_gas=target.intent_gas,
            attempts=max(row.attempts for row in batch),
            limit=min(around.gas_limit, MAX_TRANSACTION_GAS),
        )
        prepared.append(_store(session, signer, around, free.take(), contract, data, gas, batch))
    for nonce in free.holes():
        prepared.append(_store(session, signer, around, nonce, signer.address, b"", _FILLER_GAS, []))
    return sorted(prepared, key=lambda item: item.nonce)


def sign_attempt(
    session: Session,
    signer: Signer,
    row: TransactionRow,
    data: bytes,
    *,
    gas_price: int,
    chain_id: int,
    now: int,
) -> TransactionAttempt:
    """Sign a transaction at a price and store the signed form; it is not sent here."""
    unsigned = Transaction(
        to=Address(row.contract),
        value=0,
        data=data,
        gas=row.gas,
        gasPrice=gas_price,
        nonce=row.nonce,
        chainId=chain_id,
    )
    raw, hash_ = sign_transaction(signer, unsigned)
    attempt = TransactionAttempt(
        transaction_id=row.id, raw=raw, hash=hash_, gas_price=gas_price, created_at=now
    )
    session.add(attempt)
    session.flush()
    return attempt


class _Nonces:
    """The sender's nonces that are not in use."""

    def __init__(self, session: Session, sender: Address, chain_nonce: int) -> None:
        statement = select(TransactionRow.nonce).where(
            TransactionRow.sender == sender, TransactionRow.nonce >= chain_nonce
        )
        self._used = set(session.exec(statement))
        self._first = chain_nonce

    def take(self) -> int:
        nonce = self._first
        while nonce in self._used:
            nonce += 1
        self._used.add(nonce)
        return nonce

    def holes(self) -> list[int]:
        last = max(self._used, default=self._first)
        return [nonce for nonce in range(self._first, last) if nonce not in self._used]


def _candidates(
    session: Session,
    sender: Address,
    targets: Mapping[Address, Target],
    limit: int,
) -> list[OutboxRow]:
    statement = (
        select(OutboxRow)
        .where(
            OutboxRow.status == ActStatus.PENDING,
            col(OutboxRow.contract).in_(list(targets)),
        )
        .order_by(col(OutboxRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = list(session.exec(statement))
    if not rows:
        return []
    chosen = {row.id for row in rows}
    before = (
        select(OutboxRow.id, OutboxRow.lane, TransactionRow.sender)
        .join(TransactionRow, col(OutboxRow.transaction_id) == col(TransactionRow.id), isouter=True)
        .where(
            col(OutboxRow.lane).in_({row.lane for row in rows}),
            col(OutboxRow.status).in_([ActStatus.PENDING, ActStatus.SENT]),
            col(OutboxRow.id) < max(row.id for row in rows),
        )
    )
    blocked: dict[bytes, int] = {}
    for id_, lane, carrier in session.exec(before):
        if id_ not in chosen and carrier != sender:
            blocked[lane] = min(id_, blocked.get(lane, id_))
    return [row for row in rows if row.lane not in blocked or row.id < blocked[row.lane]]


def _fill(
    rows: Sequence[OutboxRow], target: Target, around: Circumstances, batch_size: int
) -> list[OutboxRow]:
    limit = min(around.gas_limit, MAX_TRANSACTION_GAS)
    batch: list[OutboxRow] = []
    attempts, calldata = 0, 4 + 4 * 32
    for row in rows:
        attempts = max(attempts, row.attempts)
        calldata += len(row.intent) + len(row.cosignatures)
        fits = gas_for(
            acts=len(batch) + 1,
            calldata=calldata,
            intent_gas=target.intent_gas,
            attempts=0,
            limit=limit + 1,
        )
        if batch and (fits > limit or len(batch) >= max(1, batch_size >> attempts)):
            break
        batch.append(row)
    return batch


def _store(
    session: Session,
    signer: Signer,
    around: Circumstances,
    nonce: int,
    contract: Address,
    data: bytes,
    gas: int,
    batch: Sequence[OutboxRow],
) -> Prepared:
    row = TransactionRow(
        sender=signer.address, nonce=nonce, contract=contract, gas=gas, created_at=around.now
    )
    session.add(row)
    session.flush()
    attempt = sign_attempt(
        session, signer, row, data, gas_price=around.gas_price, chain_id=around.chain_id, now=around.now
    )
    for position, act in enumerate(batch):
        act.status = ActStatus.SENT
        act.transaction_id = row.id
        act.position = position
        session.add(BatchMember(transaction_id=row.id, position=position, outbox_id=act.id))
    return Prepared(row.id, attempt.id, nonce, attempt.raw, attempt.hash, len(batch))
