"""Where a bill stands and who may act on it: the rules of the contract, in Python, without I/O.

The contract decides; this says beforehand what it will say, so that a screen or a command offers only what
can be done. Tests hold the two together.

- A bill is issued, then surrendered by its holder, accepted or refused by its issuer, and delivered by it.
- While issued, its holder may transfer it, offer it, withdraw the offer, or surrender it; the party it is
  offered to may accept or decline.
- A surrender may be withdrawn by the holder until it is answered; a refused one leaves the bill issued.
- Holder and issuer together may void a bill that is not delivered.
- A bill not to order can be neither transferred nor offered.
- Delivered and voided are ends.

>>> may("Transfer", Standing(BillState.ISSUED, issuer=1, holder=2, to_order=True), party=2, now=0)
True
>>> may("Deliver", Standing(BillState.ISSUED, issuer=1, holder=2, to_order=True), party=1, now=0)
False
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

__all__ = ["LIVE", "UNDONE", "BillState", "Standing", "acts_open_to", "may"]


class BillState(IntEnum):
    """The state's number on the chain."""

    NONE = 0
    ISSUED = 1
    SURRENDERED = 2
    ACCEPTED = 3
    DELIVERED = 4
    VOIDED = 5


LIVE: Final = frozenset({BillState.ISSUED})
"""States in which a bill verifies as live: control of the goods can change hands by it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A bill as it stands: who issued and holds it (parties' numbers), and what is on offer."""

    state: BillState
    issuer: int
    holder: int
    to_order: bool
    offeree: int = 0
    offer_expiry: int = 0


UNDONE: Final = frozenset({BillState.ISSUED, BillState.SURRENDERED, BillState.ACCEPTED})
_Rule = Callable[[Standing, int, int], bool]


def _held(bill: Standing, party: int, state: BillState) -> bool:
    return bill.state is state and party == bill.holder


def _offered(bill: Standing, party: int) -> bool:
    return bill.state is BillState.ISSUED and bill.offeree == party != 0


_RULES: Final[dict[str, _Rule]] = {
    "Transfer": lambda b, p, _: _held(b, p, BillState.ISSUED) and b.to_order,
    "Offer": lambda b, p, _: _held(b, p, BillState.ISSUED) and b.to_order,
    "AcceptOffer": lambda b, p, now: _offered(b, p) and now <= b.offer_expiry,
    "DeclineOffer": lambda b, p, _: _offered(b, p),
    "WithdrawOffer": lambda b, p, _: _held(b, p, BillState.ISSUED) and b.offeree != 0,
    "Surrender": lambda b, p, _: _held(b, p, BillState.ISSUED),
    "WithdrawSurrender": lambda b, p, _: _held(b, p, BillState.SURRENDERED),
    "AcceptSurrender": lambda b, p, _: b.state is BillState.SURRENDERED and p == b.issuer,
    "RefuseSurrender": lambda b, p, _: b.state is BillState.SURRENDERED and p == b.issuer,
    "Deliver": lambda b, p, _: b.state is BillState.ACCEPTED and p == b.issuer,
    "Void": lambda b, p, _: b.state in UNDONE and p in (b.holder, b.issuer),
}


def may(act: str, bill: Standing, *, party: int, now: int) -> bool:
    """Whether the contract would take this act from this party now.

    ``Void`` is said possible to either of its two signers; it needs both.

    :param now: seconds of Unix time
    """
    rule = _RULES.get(act)
    return rule is not None and rule(bill, party, now)


def acts_open_to(party: int, bill: Standing, *, now: int) -> list[str]:
    """The acts that a party can take on a bill now."""
    return [act for act in _RULES if may(act, bill, party=party, now=now)]
