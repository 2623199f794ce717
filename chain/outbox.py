"""The outbox: signed acts waiting to be carried to the chain, written in the caller's own transaction.

The request that takes an act writes its business row and the act here in one database transaction: either
both are kept or neither. The relayer does the rest. The same signed act enqueued twice is one row.

>>> with writing(engine) as session:                      # doctest: +SKIP
...     row = enqueue(session, act, domain, [signature], now=int(time.time()))
>>> relayer.wake()                                        # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from chain.errors import LandbridgeError
from chain.intents import Act, Domain, Signature, Wire, keccak, recover
from chain.tables import ActStatus, BatchMember, OutboxRow, TransactionRow

__all__ = [
    "OutboxError",
    "by_digest",
    "by_digests",
    "cosignatures_of",
    "counts",
    "enqueue",
    "transactions_of",
    "unsettled",
    "wire_of",
]

UNSETTLED = (ActStatus.PENDING, ActStatus.SENT, ActStatus.MINED)


class OutboxError(LandbridgeError):
    """An act that cannot be taken: without a signature, or under way with other signers."""

    code: ClassVar[str] = "outbox-act"


def enqueue(
    session: Session,
    act: Act,
    domain: Domain,
    signatures: Sequence[Signature],
    *,
    now: int,
    lane: bytes | None = None,
) -> OutboxRow:
    """Take a signed act, in the caller's transaction.

    An act known already is given as it stands. One that was refused, given up or expired is not tried anew:
    sign it again with another deadline. Only where others had signed it, and were refused, it is tried with
    these signers: a wrong party cannot spoil an act by signing it first.

    :param signatures: the first signer's, then the further ones in their order
    :param now: Unix time in seconds
    :param lane: what the act's sequence number counts, if that is more than its subject on this contract:
        acts of one lane travel in the order in which they were enqueued
    :raises OutboxError: no signature; or the same act, signed by others, is under way or took effect
    :raises BadSignatureError: a signature that no key gives
    """
    if not signatures:
        raise OutboxError("an act needs a signature", params={"act": act.type.name})
    digest = act.digest(domain)
    signers = [recover(digest, signature) for signature in signatures]
    wire = act.wire(signatures[0], cosigners=len(signatures) - 1)
    intent = b"".join(word.to_bytes(32, "big") if isinstance(word, int) else word for word in wire)
    cosignatures = b"".join(s.r + s.vs for s in signatures[1:])
    contract = domain.verifying_contract.lower()
    values = {
        "digest": digest,
        "contract": contract,
        "act": act.type.name,
        "lane": _lane(contract, act.subject if lane is None else lane),
        "intent": intent,
        "cosignatures": cosignatures,
        "deadline": act.deadline,
        "status": ActStatus.PENDING.value,
        "attempts": 0,
        "created_at": now,
    }
    row = by_digest(session, digest) or _insert(session, values)
    if signers == [recover(digest, signature) for signature in _signatures_of(row)]:
        return row
    if row.status != ActStatus.REFUSED:
        raise OutboxError("the same act is under way, signed by others", params={"act": act.type.name})
    row.intent, row.cosignatures = intent, cosignatures
    row.status, row.attempts = ActStatus.PENDING, 0
    row.reason = row.reason_name = row.transaction_id = row.position = None
    row.block_number = row.block_hash = None
    return row


def _insert(session: Session, values: dict[str, Any]) -> OutboxRow:
    # Another writer may take the same act at this moment: then its row is the one.
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.exec(insert(OutboxRow).values(values).on_conflict_do_nothing(index_elements=["digest"]))
    return session.exec(select(OutboxRow).where(OutboxRow.digest == values["digest"])).one()


def _lane(contract: str, counted: bytes) -> bytes:
    return keccak(contract.encode() + counted)


def _signatures_of(row: OutboxRow) -> list[Signature]:
    _, _, _, r, vs = wire_of(row)
    return [Signature(r, vs), *cosignatures_of(row)]


def by_digest(session: Session, digest: bytes) -> OutboxRow | None:
    """The act of an EIP-712 digest."""
    return session.exec(select(OutboxRow).where(OutboxRow.digest == digest)).first()


def by_digests(session: Session, digests: Iterable[bytes]) -> dict[bytes, OutboxRow]:
    """The known acts among some digests."""
    rows = session.exec(select(OutboxRow).where(col(OutboxRow.digest).in_(list(digests))))
    return {row.digest: row for row in rows}


def unsettled(session: Session, contract: str, lane: bytes) -> list[OutboxRow]:
    """The acts of a lane that have not ended, in order.

    :param lane: what the sequence counts, as given to :func:`enqueue`
    """
    key = _lane(contract.lower(), lane)
    return list(
        session.exec(
            select(OutboxRow)
            .where(OutboxRow.lane == key, col(OutboxRow.status).in_(UNSETTLED))
            .order_by(col(OutboxRow.id))
        )
    )


def counts(session: Session) -> dict[str, int]:
    """How many acts stand where, by status."""
    rows = session.exec(select(OutboxRow.status, func.count()).group_by(col(OutboxRow.status)))
    return {str(status): 0 for status in ActStatus} | dict(rows.all())


def transactions_of(session: Session, row: OutboxRow) -> list[TransactionRow]:
    """Every transaction that has carried an act, oldest first."""
    statement = (
        select(TransactionRow)
        .join(BatchMember, col(BatchMember.transaction_id) == col(TransactionRow.id))
        .where(BatchMember.outbox_id == row.id)
        .order_by(col(TransactionRow.id))
    )
    return list(session.exec(statement))


def wire_of(row: OutboxRow) -> Wire:
    """The act's five words, as the contract takes them."""
    words = [row.intent[i : i + 32] for i in range(0, 160, 32)]
    return cast(Wire, (words[0], int.from_bytes(words[1], "big"), *words[2:]))


def cosignatures_of(row: OutboxRow) -> list[Signature]:
    """The act's further signatures, in order."""
    raw = row.cosignatures
    return [Signature(raw[i : i + 32], raw[i + 32 : i + 64]) for i in range(0, len(raw), 64)]
