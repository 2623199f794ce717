"""What the acts of a bundle tell: who acted, signed with which keys, and how the bill stands after the last.

It is retold from the signed acts alone, for print. Whether it is true is asked of the chain, elsewhere.

>>> told = Story.of(bundle, view)             # doctest: +SKIP
>>> told.state, told.holder, told.steps[0].by  # doctest: +SKIP
('issued', 4, (1,))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from api.domains.bills.bundle import ActPart, BillBundle
from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from api.domains.bills.paper.errors import PaperDocumentError
from api.domains.bills.paper.view import View
from chain.intents import (
    Act,
    Address,
    BadSignatureError,
    Domain,
    IntentError,
    Signature,
    act_from_message,
    recover,
)

__all__ = ["TOLD", "Step", "Story"]

_LAST_TIME: Final = 253_402_300_799  # the last second of the year 9999

TOLD: Final[dict[str, tuple[str, str | None]]] = {
    "Issue": ("issuer", "issued"),
    "Transfer": ("holder", None),
    "Offer": ("holder", None),
    "AcceptOffer": ("offeree", None),
    "DeclineOffer": ("offeree", None),
    "WithdrawOffer": ("holder", None),
    "Surrender": ("holder", "surrendered"),
    "WithdrawSurrender": ("holder", "issued"),
    "AcceptSurrender": ("issuer", "accepted"),
    "RefuseSurrender": ("issuer", "issued"),
    "Deliver": ("issuer", "delivered"),
    "Void": ("both", "voided"),
}
"""Whose each act is, and the state that it leaves where it changes it."""


@dataclass(frozen=True)
class Step:
    """An act as it is printed.

    :ivar by: numbers of the parties whose act it was; nothing stands for an issuer that is not shown
    :ivar keys: the accounts whose signatures it bears
    """

    act: str
    values: dict[str, Any]
    by: tuple[int | None, ...]
    keys: tuple[str, ...]
    block: int
    time: int


@dataclass(frozen=True)
class Story:
    """All acts, and how the bill stands after them."""

    steps: tuple[Step, ...]
    state: str
    holder: int
    offeree: int | None
    to_order: bool

    @classmethod
    def of(cls, bundle: BillBundle, view: View) -> Story:
        """Tell it from a bundle.

        :raises PaperDocumentError: an act or a signature is none
        """
        shown = view.leaf("issuer", "party")
        issuer = shown if isinstance(shown, int) else None
        domain = _domain(bundle)
        steps: list[Step] = []
        state, holder, offeree, to_order = "issued", 0, None, False
        for part in bundle.acts:
            act = _act(bundle, part)
            whose, leaves = TOLD[part.act]
            by: dict[str, tuple[int | None, ...]] = {
                "issuer": (issuer,),
                "holder": (holder,),
                "offeree": (offeree,),
                "both": (holder,) if holder == issuer else (holder, issuer),
            }
            steps.append(
                Step(part.act, dict(act.values), by[whose], _keys(part, act, domain), part.block, part.time)
            )
            state = leaves or state
            if part.act == "Issue":
                holder, to_order = act.values["holder"], act.values["toOrder"]
            elif part.act == "Transfer":
                holder = act.values["to"]
            elif part.act == "AcceptOffer" and offeree is not None:
                holder = offeree
            offeree = act.values["to"] if part.act == "Offer" else None
        return cls(tuple(steps), state, holder, offeree, to_order)


def _domain(bundle: BillBundle) -> Domain:
    contract = bundle.chain.contracts.get("RailBills")
    if contract is None:
        raise PaperDocumentError("the bundle names no contract of bills", params={"where": "/chain"})
    return Domain(RAIL_BILLS_DOMAIN, "1", bundle.chain.id, Address(contract))


def _act(bundle: BillBundle, part: ActPart) -> Act:
    try:
        act = act_from_message(RAIL_BILL_ACTS, part.act, {**part.message, "bill": bundle.bill})
    except IntentError:
        act = None
    if act is None or part.act not in TOLD or part.time > _LAST_TIME:
        raise PaperDocumentError("an act of the bundle is none", params={"where": "/acts"})
    return act


def _keys(part: ActPart, act: Act, domain: Domain) -> tuple[str, ...]:
    digest, found = act.digest(domain), []
    for signature in part.signatures:
        raw = bytes.fromhex(signature[2:])
        try:
            found.append(recover(digest, Signature(raw[:32], raw[32:])))
        except BadSignatureError:
            raise PaperDocumentError("a signature of the bundle is none", params={"where": "/acts"}) from None
    return tuple(found)
