"""A bill's history: each event tells the act that was signed, and each party sees its part."""

from __future__ import annotations

import pytest

from api.domains.bills.contract import RAIL_BILL_ACTS
from api.domains.bills.history import act_of, check_signatures, concerned, events_of_bill, visible_to
from chain.db import reading
from tests.unit.api.lab import REASON

STORIES = (
    (
        ("Offer", "holder", {"to": "bank", "expiry": 2_000_000_000}),
        ("WithdrawOffer", "holder", {}),
        ("Offer", "holder", {"to": "bank", "expiry": 2_000_000_001}),
        ("DeclineOffer", "bank", {}),
        ("Offer", "holder", {"to": "bank", "expiry": 2_000_000_002}),
        ("AcceptOffer", "bank", {}),
        ("Transfer", "bank", {"to": "holder"}),
        ("Surrender", "holder", {}),
        ("WithdrawSurrender", "holder", {}),
        ("Surrender", "holder", {}),
        ("RefuseSurrender", "carrier", {"reason": REASON}),
        ("Surrender", "holder", {}),
        ("AcceptSurrender", "carrier", {}),
        ("Deliver", "carrier", {"evidence": REASON}),
    ),
    (("Void", "holder carrier", {"reason": REASON}),),
)


@pytest.fixture(scope="module")
def told(lab):
    """Bills with their acts' digests, in order."""
    found = []
    for story in STORIES:
        bill = lab.issue()
        digests = [None]
        for name, who, fields in story:
            fields = fields | ({"to": lab.numbers[fields["to"]]} if "to" in fields else {})
            digests.append(lab.do(lab.act(name, bill, **fields), *who.split()).digest)
        found.append((bill, digests))
    return found


def _events(lab, bill):
    with reading(lab.house.engine) as session:
        return events_of_bill(session, bill)


def test_the_stories_know_every_act():
    named = {name for story in STORIES for name, _, _ in story} | {"Issue"}
    assert named == {act.name for act in RAIL_BILL_ACTS}


def test_each_event_tells_the_very_act_that_was_signed(lab, told):
    domain = lab.house.domain(lab.bills)
    for bill, digests in told:
        events = _events(lab, bill)
        assert [event.sequence for event in events] == list(range(1, len(digests) + 1))
        for event, digest in zip(events, digests, strict=True):
            if digest is not None:
                assert act_of(event).digest(domain) == digest, event.act


def test_every_signature_of_it_is_good(lab, told):
    for bill, _ in told:
        found = check_signatures(lab.house, _events(lab, bill))
        assert (found.wrong, found.unread, found.entrusted) == ([], [], [])


def test_each_party_sees_its_part(lab, told):
    bill, _ = told[0]
    events = _events(lab, bill)
    for name, count in (("carrier", 15), ("holder", 15), ("bank", 8), ("stranger", 0), ("rival", 0)):
        assert len(visible_to(lab.numbers[name], events)) == count, name
    assert visible_to(lab.numbers["bank"], events)[-1].act == "Transfer"
    assert concerned(events[0]) == (lab.numbers["carrier"], lab.numbers["holder"], 0)


def test_nobody_sees_nothing():
    assert visible_to(1, []) == []
