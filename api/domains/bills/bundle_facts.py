"""What the chain tells of a bill and its acts, asked in one go for the checks of its bundle.

Everything is asked before anything is judged: so a chain that can be read only in part (a sealed part from
which something was taken away) is one of which nothing is believed.

>>> signed = [Signed.read(bundle, part) for part in bundle.acts]  # doctest: +SKIP
>>> ask(bundle, signed, on_chain).word.sequence                   # doctest: +SKIP
4
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.domains.bills.bundle import ActPart, BillBundle
from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN, BillWord
from api.domains.bills.rules import BillState
from api.kernel.bundle_form import read_bundle, seal_bundle
from api.kernel.house import House
from api.kernel.onchain import OnChain, Question
from api.kernel.party_acts import Role
from api.kernel.party_questions import had_role_at, key_of, party_of
from api.kernel.sealing import sealed_part
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

__all__ = ["Signed", "Told", "ask", "bill_of_note", "bill_word", "domain_of", "sealed"]

_BILLS = "RailBills"


def domain_of(bundle: BillBundle) -> Domain:
    """The EIP-712 domain under which the bundle's acts were signed."""
    contract = Address(bundle.chain.contracts.get(_BILLS, "0x" + "00" * 20))
    return Domain(RAIL_BILLS_DOMAIN, "1", bundle.chain.id, contract)


def bill_word(bill: bytes) -> Question:
    """The bill's word."""
    return Question(_BILLS, "billWord", (bill,), lambda storage: storage.read("_words", bill))


def bill_of_note(note: bytes) -> Question:
    """The bill that took a note's fingerprint; read from storage also one that was voided since."""

    def stored(storage: Any) -> bytes:
        return int(storage.read("_billOfNote", note)).to_bytes(32, "big")

    return Question(_BILLS, "billOfNote", (note,), stored)


@dataclass(frozen=True)
class Signed:
    """An act as it was signed; no act where it is none, no signers where a signature is none."""

    act: Act | None
    signers: tuple[Address, ...] | None

    @classmethod
    def read(cls, bundle: BillBundle, part: ActPart) -> Signed:
        """Read an act and recover who signed it. Never raises."""
        try:
            act = act_from_message(RAIL_BILL_ACTS, part.act, {**part.message, "bill": bundle.bill})
        except IntentError:
            return cls(None, None)
        digest, signers = act.digest(domain_of(bundle)), []
        for signature in part.signatures:
            raw = bytes.fromhex(signature[2:])
            try:
                signers.append(recover(digest, Signature(raw[:32], raw[32:])))
            except BadSignatureError:
                return cls(act, None)
        return cls(act, tuple(signers))


@dataclass(frozen=True)
class Told:
    """What the chain itself tells of the bill: its word after each act, and when that was.

    :ivar word: the bill as it stands
    :ivar complete: whether the acts shown are, one by one, all that the chain tells of, and lead to the word
    :ivar keys: the standing of each key that signed an act
    :ivar entitled: whether the issuer was a carrier when it issued
    :ivar profiles: of each party shown the digest of what it was admitted as
    """

    word: BillWord
    words: list[BillWord] = field(default_factory=list)
    details: list[bytes] = field(default_factory=list)
    signers: list[Address] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    note_of: bytes = bytes(32)
    complete: bool = False
    keys: Mapping[Address, Mapping[str, Any]] = field(default_factory=dict)
    entitled: bool = False
    profiles: Mapping[int, bytes] = field(default_factory=dict)

    def spoke(self, key: Address, party: int, time: int) -> bool:
        """Whether a key spoke for a party at a time."""
        found = self.keys[key]
        begun = found["party"] == party and 0 < found["since"] <= time
        return bool(begun and (found["until"] == 0 or time <= found["until"]))


def sealed(house: House, content: dict[str, Any]) -> tuple[bytes, str]:
    """A bill's bundle with its sealed part, where the chain can give one.

    :param content: the bundle but for its digest
    :return: the file; and why it has no sealed part, or nothing
    """
    bundle = read_bundle(seal_bundle(content), BillBundle)
    signed = [Signed.read(bundle, part) for part in bundle.acts]
    part, reason = sealed_part(house, bundle, lambda chain: ask(bundle, signed, chain), acts=len(bundle.acts))
    return seal_bundle(content | ({"sealed": part} if part else {})), reason


def ask(bundle: BillBundle, signed: Sequence[Signed], on_chain: OnChain) -> Told:
    """Ask all that the checks need.

    :raises ProofError: something cannot be read
    :raises NodeError: the node cannot be asked
    """
    bill = bytes.fromhex(bundle.bill[2:])
    told = Told(BillWord.unpack(on_chain.ask(bill_word(bill))))
    places = [(part.block, part.transaction) for part in bundle.acts]
    for event in on_chain.events(_BILLS, "Acted", bill, places):
        told.words.append(BillWord.unpack(int(event.arguments["word"])))
        told.details.append(bytes(event.arguments["detail"]))
        told.signers.append(Address(f"0x{int(event.arguments['act']) >> 56 & (1 << 160) - 1:040x}"))
        told.times.append(event.time)
        told.blocks.append(event.block)
        told.transactions.append(event.transaction)
    issued = bool(told.words) and told.words[0].sequence == 1  # the first event is the bill's first
    complete = _is_history(bundle, signed, told)
    keys = dict.fromkeys(told.signers)
    if complete:  # else nobody asks who else signed
        keys |= dict.fromkeys(key for one in signed for key in (one.signers or ())[1:])
    return Told(
        word=told.word,
        words=told.words,
        details=told.details,
        signers=told.signers,
        times=told.times,
        blocks=told.blocks,
        transactions=told.transactions,
        note_of=on_chain.ask(bill_of_note(told.details[0])) if issued else bytes(32),
        complete=complete,
        keys={key: on_chain.ask(key_of(key)) for key in keys},
        entitled=bool(told.words)
        and on_chain.ask(had_role_at(told.words[0].issuer, Role.CARRIER, told.times[0])),
        profiles={
            profile.party: on_chain.ask(party_of(profile.party))["profile"] for profile in bundle.profiles
        },
    )


def _is_history(bundle: BillBundle, signed: Sequence[Signed], told: Told) -> bool:
    """Whether the acts shown are, one by one, those that the chain tells of, and lead to how it stands."""
    if told.word.state is BillState.NONE or not told.words:
        return False
    if not len(signed) == len(told.words) == told.word.sequence or told.words[-1] != told.word:
        return False
    for place, (part, one) in enumerate(zip(bundle.acts, signed, strict=True)):
        act = one.act
        if act is None or act.sequence != place or told.words[place].sequence != place + 1:
            return False
        known = (told.blocks[place], told.times[place], told.transactions[place])
        if (part.block, part.time, part.transaction) != known:
            return False
        if not _fits(act, told.words[place], told.details[place]):
            return False
    return True


def _fits(act: Act, word: BillWord, detail: bytes) -> bool:
    """Whether a signed act is the one of which the chain tells."""
    known: dict[str, Any] = {
        "holder": word.holder,
        "toOrder": word.to_order,
        "to": word.offeree if act.type.name == "Offer" else word.holder,
        "expiry": word.offer_expiry,
        **dict.fromkeys(("note", "reason", "evidence"), detail),
    }
    return all(known[name] == value for name, value in act.values.items())
