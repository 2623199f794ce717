"""A bill's history, and whether every act in it was truly signed by whose act it was.

The contract has checked each signature; here each is checked again from the transaction that carried it, so
that the answer does not rest on the contract or on this gateway's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sqlmodel import Session, col, select

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.tables import BillEventRow
from api.kernel.house import House
from chain.contracts import decode_intents
from chain.errors import LandbridgeError
from chain.intents import BadSignatureError, IntentError, act_from_wire, recover

__all__ = ["HeadMovesError", "Signatures", "check_signatures", "concerned", "events_of_bill", "visible_to"]


class HeadMovesError(LandbridgeError):
    """The chain's head did not stand still long enough to read one state."""

    code: ClassVar[str] = "node-refused"


@dataclass(frozen=True)
class Signatures:
    """Sequence numbers of the acts whose signature is wrong, and of those that could not be read again."""

    wrong: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)


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


def concerned(event: BillEventRow) -> tuple[int, int, int]:
    """The parties that a bill concerns after an act: its issuer, its holder, the one it is offered to."""
    word = BillWord.unpack(int(event.word, 16))
    return word.issuer, word.holder, word.offeree


def check_signatures(house: House, events: Sequence[BillEventRow]) -> Signatures:
    """Recover every act's signer from the calldata that carried it.

    :raises NodeDownError: the chain cannot be asked; likewise its other errors
    """
    room = house.rooms["bills"]
    domain, artifact = house.domain(room), house.artifact(room)
    found = Signatures()
    for event in events:
        transaction = house.chain.transaction(event.transaction)
        intents = decode_intents(artifact, transaction.data) if transaction else None
        signer = None
        for wire, _ in intents or ():
            try:
                act, signature, _ = act_from_wire(RAIL_BILL_ACTS, wire)
                if "0x" + act.subject.hex() == event.bill and act.sequence == event.sequence - 1:
                    candidate = recover(act.digest(domain), signature)
                    signer = (
                        candidate
                        if act.type.name == event.act and candidate == event.key
                        else signer or candidate
                    )
            except (IntentError, BadSignatureError):
                continue
        if signer is None:
            found.unread.append(event.sequence)
        elif signer != event.key or not _spoke(house, event):
            found.wrong.append(event.sequence)
    return found


def _spoke(house: House, event: BillEventRow) -> bool:
    """Whether the key spoke for the party at the act's block, by the registry's own word."""
    key = house.reader(house.rooms["parties"])("keyOf", event.key)
    ended = key["until"]
    return bool(
        key["party"] == event.party
        and key["since"] <= event.block_time
        and (ended == 0 or event.block_time <= ended)
    )
