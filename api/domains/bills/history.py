"""A bill's history, and whether every act in it was truly signed by whose act it was.

The contract has checked each signature; here each is checked again from the transaction that carried it, so
that the answer does not rest on the contract or on this gateway's tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlmodel import Session, col, select

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.tables import BillEventRow
from api.kernel.house import House
from chain import outbox
from chain.client import BlockAt
from chain.contracts import decode_intents
from chain.db import reading
from chain.errors import LandbridgeError
from chain.intents import Act, BadSignatureError, Signature, act_from_wire, recover

__all__ = [
    "HeadMovesError",
    "Signatures",
    "act_of",
    "acts_between",
    "check_signatures",
    "concerned",
    "events_of_bill",
    "signatures_of",
    "told_to",
    "visible_to",
]


class HeadMovesError(LandbridgeError):
    """The chain's head did not stand still long enough to read one state."""

    code: ClassVar[str] = "head-moves"


@dataclass(frozen=True)
class Signatures:
    """Sequence numbers of the acts whose signature is wrong, of those that could not be read again, and of
    those signed with a key entrusted to a gateway."""

    wrong: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    entrusted: list[int] = field(default_factory=list)


def events_of_bill(session: Session, bill: str) -> list[BillEventRow]:
    """All acts on a bill, in order."""
    return list(
        session.exec(
            select(BillEventRow).where(BillEventRow.bill == bill).order_by(col(BillEventRow.sequence))
        )
    )


def visible_to(party: int, events: Sequence[BillEventRow]) -> list[BillEventRow]:
    """The acts that a party may see: all while it is concerned; else those up to where its concern ended.

    A party is concerned while it is the bill's issuer, its holder, or the one it is offered to.
    """
    seen = [event.sequence for event in events if party in concerned(event)]
    last = max(seen) + 1 if seen else 0  # the act that ended the concern is its own to see
    return [event for event in events if event.sequence <= last]


def told_to(before: BillEventRow | None, event: BillEventRow) -> frozenset[int]:
    """The parties that may see an act when it happens: those that the bill concerns after it, and those whose
    concern it ended (:func:`visible_to`).

    :param before: the act before it on the same bill
    """
    ended = concerned(before) if before is not None else ()
    return frozenset({*concerned(event), *ended} - {0})


def concerned(event: BillEventRow) -> tuple[int, int, int]:
    """The parties that a bill concerns after an act: its issuer, its holder, the one it is offered to."""
    word = BillWord.unpack(int(event.word, 16))
    return word.issuer, word.holder, word.offeree


def act_of(event: BillEventRow) -> Act:
    """The act that an event tells of, as it was signed."""
    shape = next(act for act in RAIL_BILL_ACTS if act.name == event.act)
    word, detail = BillWord.unpack(int(event.word, 16)), bytes.fromhex(event.detail[2:])
    known: dict[str, Any] = {
        "holder": word.holder,
        "toOrder": word.to_order,
        "to": word.offeree if event.act == "Offer" else word.holder,
        "expiry": word.offer_expiry,
        **dict.fromkeys(("note", "reason", "evidence"), detail),
    }
    return Act(
        shape,
        bytes.fromhex(event.bill[2:]),
        sequence=event.sequence - 1,
        deadline=event.deadline,
        values={field.name: known[field.name] for field in shape.fields},
    )


def acts_between(session: Session, first: int, last: int) -> Iterator[Act]:
    """The acts that took effect in these blocks, both included, in order, as they were signed."""
    statement = (
        select(BillEventRow)
        .where(col(BillEventRow.block).between(first, last))
        .order_by(col(BillEventRow.block), col(BillEventRow.log_index))
    )
    return map(act_of, session.exec(statement))


def signatures_of(house: House, event: BillEventRow, act: Act) -> list[Signature]:
    """The signatures of an act, as they travelled; none where they cannot be read again.

    :raises NodeDownError: the chain cannot be asked; likewise its other errors
    """
    room = house.rooms["bills"]
    transaction = house.chain.transaction(event.transaction)
    for wire, further in decode_intents(house.artifact(room), transaction.data) or () if transaction else ():
        if wire[0] == act.subject and act_from_wire(RAIL_BILL_ACTS, wire)[0] == act:
            return [Signature(wire[3], wire[4]), *further]
    with reading(house.engine) as session:
        row = outbox.by_digest(session, act.digest(house.domain(room)))
    return [Signature(*outbox.wire_of(row)[3:]), *outbox.cosignatures_of(row)] if row else []


def check_signatures(house: House, events: Sequence[BillEventRow], at: BlockAt = "latest") -> Signatures:
    """Check again that every act was signed by a key of the party whose act it was.

    The signature is taken from the transaction that carried the act; where that was no direct call, from
    this gateway's outbox, if it took the act: a signature proves itself, wherever it was kept.

    :raises NodeDownError: the chain cannot be asked; likewise its other errors
    """
    room = house.rooms["bills"]
    domain, artifact = house.domain(room), house.artifact(room)
    keys = house.reader(house.rooms["parties"], at)
    found = Signatures()
    for event in events:
        digest = act_of(event).digest(domain)
        transaction = house.chain.transaction(event.transaction)
        intents = decode_intents(artifact, transaction.data) if transaction else None
        subject = bytes.fromhex(event.bill[2:])
        signatures = [Signature(wire[3], wire[4]) for wire, _ in intents or () if wire[0] == subject]
        if intents is None:
            with reading(house.engine) as session:
                row = outbox.by_digest(session, digest)
            signatures = [Signature(*outbox.wire_of(row)[3:])] if row else []
        if not signatures:
            found.unread.append(event.sequence)
            continue
        key = keys("keyOf", event.key)
        if not any(_signed(digest, one, event.key) for one in signatures) or not _spoke(key, event):
            found.wrong.append(event.sequence)
        if key["custodial"]:
            found.entrusted.append(event.sequence)
    return found


def _signed(digest: bytes, signature: Signature, key: str) -> bool:
    try:
        return recover(digest, signature) == key
    except BadSignatureError:
        return False


def _spoke(key: Mapping[str, Any], event: BillEventRow) -> bool:
    """Whether a key spoke for the party at the act's block, by the registry's own word."""
    return bool(
        key["party"] == event.party
        and key["since"] <= event.block_time
        and (key["until"] == 0 or event.block_time <= key["until"])
    )
