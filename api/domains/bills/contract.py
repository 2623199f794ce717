"""The chain's side of a bill: its acts, its word, and how the contract's refusals are told.

>>> RAIL_BILL_ACTS[1].signature
'Transfer(bytes32 bill,uint32 sequence,uint48 deadline,uint32 to)'
>>> BillWord.unpack(1 | 5 << 16).sequence
5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.domains.bills.rules import BillState
from api.kernel.room import Refusal
from chain.intents import DETAIL, ActField, ActType, Bits

__all__ = ["RAIL_BILLS_DOMAIN", "RAIL_BILL_ACTS", "RAIL_BILL_REFUSALS", "BillWord"]

RAIL_BILLS_DOMAIN: Final = "Landbridge RailBills"

_BILL = ("bill", "bytes32")
_TO = ActField("to", "uint32", Bits(0, 32))
_REASON = ActField("reason", "bytes32", DETAIL)

RAIL_BILL_ACTS: Final = (
    ActType(
        "Issue",
        1,
        _BILL,
        (
            ActField("note", "bytes32", DETAIL),
            ActField("holder", "uint32", Bits(0, 32)),
            ActField("toOrder", "bool", Bits(32, 1)),
        ),
    ),
    ActType("Transfer", 2, _BILL, (_TO,)),
    ActType("Offer", 3, _BILL, (_TO, ActField("expiry", "uint48", Bits(32, 48)))),
    ActType("AcceptOffer", 4, _BILL),
    ActType("DeclineOffer", 5, _BILL),
    ActType("WithdrawOffer", 6, _BILL),
    ActType("Surrender", 7, _BILL),
    ActType("WithdrawSurrender", 8, _BILL),
    ActType("AcceptSurrender", 9, _BILL),
    ActType("RefuseSurrender", 10, _BILL, (_REASON,)),
    ActType("Deliver", 11, _BILL, (ActField("evidence", "bytes32", DETAIL),)),
    ActType("Void", 12, _BILL, (_REASON,)),
)


@dataclass(frozen=True, slots=True)
class BillWord:
    """A bill's word as the contract packs it (layout drawn in contracts/bills/RailBills.sol)."""

    state: BillState
    to_order: bool
    sequence: int
    issuer: int
    holder: int
    offeree: int
    offer_expiry: int
    version: int

    @classmethod
    def unpack(cls, word: int) -> BillWord:
        """Take a word apart.

        :raises ValueError: a state that this version does not know
        """

        def bits(offset: int, width: int) -> int:
            return word >> offset & (1 << width) - 1

        return cls(
            state=BillState(bits(0, 8)),
            to_order=bool(bits(8, 1)),
            sequence=bits(16, 32),
            issuer=bits(48, 32),
            holder=bits(80, 32),
            offeree=bits(112, 32),
            offer_expiry=bits(176, 48),
            version=bits(224, 16),
        )


RAIL_BILL_REFUSALS: Final = {
    "RailBills_ZeroDigest": Refusal("zero-digest", "the digest is zero"),
    "RailBills_BillExists": Refusal("bill-exists", "a bill with this document exists already"),
    "RailBills_UnknownBill": Refusal("unknown-bill", "this registry has no such bill"),
    "RailBills_NoteTaken": Refusal("note-taken", "another bill exists for this consignment note"),
    "RailBills_StaleSequence": Refusal("stale-sequence", "another act came first; prepare this one again"),
    "RailBills_NotEntitled": Refusal("not-entitled", "the party is no carrier now, or is suspended"),
    "RailBills_WrongParty": Refusal("wrong-party", "this act is another party's"),
    "RailBills_WrongState": Refusal("wrong-state", "the bill's state does not allow this act"),
    "RailBills_UnknownParty": Refusal("unknown-party", "no party has this number"),
    "RailBills_NotToOrder": Refusal("not-to-order", "the bill is to a named party and cannot be transferred"),
    "RailBills_AlreadyHolder": Refusal("already-holder", "this party holds the bill already"),
    "RailBills_NoOffer": Refusal("no-offer", "the bill is not on offer to this party"),
    "RailBills_OfferExpired": Refusal("offer-expired", "the offer has expired"),
    "RailBills_BadExpiry": Refusal("bad-expiry", "the offer would expire before it could be accepted"),
    "Parties_UnknownKey": Refusal(
        "unknown-key", "the signature is no admitted party's, or is for another text"
    ),
    "Parties_KeyRevokedSince": Refusal("key-revoked", "this key was revoked"),
}
