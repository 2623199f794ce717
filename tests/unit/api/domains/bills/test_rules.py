"""The rules in Python say what the contract says: in every state, for every act, whoever tries it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from api.domains.bills.contract import RAIL_BILL_ACTS
from api.domains.bills.rules import LIVE, BillState, Standing, acts_open_to, may
from chain.errors import LandbridgeError
from tests.unit.api.lab import REASON

ACTS = [act.name for act in RAIL_BILL_ACTS if act.name != "Issue"]
ROLES = ("issuer", "holder", "offeree", "stranger")
STATES = (
    "issued",
    "issued-to-a-named-party",
    "offered",
    "offered-too-long",
    "held-by-the-issuer",
    "surrendered",
    "refused",
    "withdrawn",
    "accepted",
    "delivered",
    "voided",
    "voided-after-surrender",
    "moved",
)


def _offer_for_a_moment(lab, bill):
    """An offer as short as this machine allows: it must be mined before it expires."""
    for seconds in (1, 5, 30):
        act = lab.act("Offer", bill, to=lab.numbers["bank"], expiry=int(time.time()) + seconds)
        try:
            lab.do(act, "holder")
        except (LandbridgeError, AssertionError):
            continue
        return
    raise AssertionError("no offer was mined before it expired")


def _make(lab, state):
    """A bill in a state; its holder is ``holder`` or, where that is the case, the issuer."""
    bill = lab.issue(
        to="carrier" if state == "held-by-the-issuer" else "holder",
        to_order=state != "issued-to-a-named-party",
    )

    def do(name, *signers, **fields):
        lab.do(lab.act(name, bill, **fields), *signers)

    if state == "offered":
        do("Offer", "holder", to=lab.numbers["bank"], expiry=int(time.time()) + 100_000)
    elif state == "offered-too-long":
        _offer_for_a_moment(lab, bill)
    elif state == "moved":
        do("Transfer", "holder", to=lab.numbers["rival"])
        do("Transfer", "rival", to=lab.numbers["holder"])
    elif state in ("surrendered", "refused", "withdrawn", "accepted", "delivered", "voided-after-surrender"):
        do("Surrender", "holder")
    if state == "refused":
        do("RefuseSurrender", "carrier", reason=REASON)
    elif state == "withdrawn":
        do("WithdrawSurrender", "holder")
    elif state in ("accepted", "delivered"):
        do("AcceptSurrender", "carrier")
        if state == "delivered":
            do("Deliver", "carrier", evidence=REASON)
    elif state.startswith("voided"):
        do("Void", "holder", "carrier", reason=REASON)
    return bill


@pytest.fixture(scope="module")
def bills(lab):
    made = {state: _make(lab, state) for state in STATES}
    expiry = _standing(lab, made["offered-too-long"]).offer_expiry
    time.sleep(max(0.0, expiry + 1.1 - time.time()))
    return made


def _standing(lab, bill):
    word = lab.word(bill)
    return Standing(word.state, word.issuer, word.holder, word.to_order, word.offeree, word.offer_expiry)


def _attempt(lab, bill, sequence, name, standing, role):
    """The contract's answer to an act of this role, with what else the act needs."""
    names = {"issuer": "carrier", "holder": "holder", "offeree": "bank", "stranger": "stranger"}
    if standing.holder == standing.issuer and role == "holder":
        names["holder"] = "carrier"
    who = names[role]
    fields = {
        "Transfer": {"to": lab.numbers["rival"]},
        "Offer": {"to": lab.numbers["rival"], "expiry": int(time.time()) + 100_000},
        "RefuseSurrender": {"reason": REASON},
        "Void": {"reason": REASON},
        "Deliver": {"evidence": REASON},
    }.get(name, {})
    signers = [who]
    if name == "Void":
        # It needs both; whether one of them may is asked with the other beside it.
        signers = ["holder" if role == "issuer" else who, "carrier"]
        if standing.holder == standing.issuer and role in ("holder", "issuer"):
            signers = ["carrier"]
    refusal = lab.refusal(
        lab.act(name, bill, sequence=sequence, **fields), *(lab.keys[one] for one in signers)
    )
    return who, refusal


@pytest.mark.parametrize("state", STATES)
def test_the_rules_say_what_the_contract_says(lab, bills, state):
    bill = bills[state]
    standing, sequence = _standing(lab, bill), lab.word(bill).sequence
    now = int(time.time())
    for role in ROLES:
        for name in ACTS:
            who, refusal = _attempt(lab, bill, sequence, name, standing, role)
            said = may(name, standing, party=lab.numbers[who], now=now)
            assert said == (refusal is None), (role, name, refusal)
            assert (name in acts_open_to(lab.numbers[who], standing, now=now)) == said


def test_every_act_is_open_to_somebody_somewhere_and_closed_to_somebody(lab, bills):
    standings = [_standing(lab, bill) for bill in bills.values()]
    parties = [lab.numbers[one] for one in ("carrier", "holder", "bank", "stranger")]
    now = int(time.time())
    for name in ACTS:
        answers = {may(name, standing, party=party, now=now) for standing in standings for party in parties}
        assert answers == {True, False}, name


def test_the_states_are_all_met_and_named(lab, bills):
    assert {lab.word(bill).state for bill in bills.values()} == set(BillState) - {BillState.NONE}
    assert {BillState.ISSUED} == LIVE


def test_of_a_bill_that_is_not_there_nothing_is_open(lab):
    nothing = Standing(BillState.NONE, issuer=0, holder=0, to_order=False)
    assert acts_open_to(0, nothing, now=0) == []
    assert acts_open_to(lab.numbers["holder"], nothing, now=0) == []


def test_nobody_is_no_party():
    """A bill without an offer is on offer to nobody, and nobody holds the number 0."""
    bill = Standing(BillState.ISSUED, issuer=1, holder=2, to_order=True)
    assert acts_open_to(0, bill, now=0) == []
    offered = replace(bill, offeree=3, offer_expiry=10)
    assert acts_open_to(3, offered, now=10) == ["AcceptOffer", "DeclineOffer"]
    assert acts_open_to(3, offered, now=11) == ["DeclineOffer"]


def test_an_act_that_is_none_is_open_to_nobody():
    bill = Standing(BillState.ISSUED, issuer=1, holder=1, to_order=True)
    assert not may("Steal", bill, party=1, now=0)
    assert not may("Issue", bill, party=1, now=0)
