"""What is told of a bill's acts: to those who may see them, once, and taken back where the chain turned."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine, delete, select

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from api.domains.bills.history import act_of, visible_to
from api.domains.bills.projector import BillProjector
from api.domains.bills.room import BILLS
from api.domains.bills.tables import BillEventRow, BillRow
from api.kernel.parties import PARTIES
from api.kernel.webhooks.recorder import Recorder
from api.kernel.webhooks.tables import AudienceRow, WebhookEventRow
from chain.indexer import ChainEvent
from chain.intents import Address, Domain
from tests.unit.api.domains.bills.test_projector import STORIES, _event, _word

CONTRACT, REGISTRY = Address("0x" + "22" * 20), Address("0x" + "33" * 20)
DOMAIN = Domain(RAIL_BILLS_DOMAIN, "1", 20777, CONTRACT)
MODELS = (BillRow, BillEventRow, AudienceRow, WebhookEventRow)
_ENGINE = create_engine("sqlite://", poolclass=StaticPool)
SQLModel.metadata.create_all(_ENGINE, tables=[model.__table__ for model in MODELS])


class Chain:
    """The projector and the recorder over a fresh database, as the indexer drives them."""

    def __init__(self, confirmations=1):
        self.session = Session(_ENGINE)
        for model in MODELS:
            self.session.exec(delete(model))
        rooms = {CONTRACT: (BILLS, DOMAIN), REGISTRY: (PARTIES, Domain("x", "1", 20777, REGISTRY))}
        self.recorder = Recorder(rooms, confirmations=confirmations)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.close()

    def apply(self, *events):
        for event in events:
            if event.address == CONTRACT:
                BillProjector().apply(self.session, event)
            self.recorder.apply(self.session, event)

    def rollback(self, above):
        self.recorder.rollback(self.session, above)
        BillProjector().rollback(self.session, above)

    def release(self):
        for row in self.session.exec(select(WebhookEventRow)):
            row.released = row.released or 1
            self.session.add(row)
        self.session.flush()

    def told(self):
        """Every event with its audience, in order."""
        rows = self.session.exec(select(WebhookEventRow).order_by(WebhookEventRow.number)).all()
        return [(json.loads(row.body), self._audience(row.number)) for row in rows]

    def _audience(self, number):
        return set(self.session.exec(select(AudienceRow.party).where(AudienceRow.event == number)))


@given(STORIES)
@settings(max_examples=40, deadline=None)
def test_each_act_is_told_to_those_who_may_see_it(events):
    """The rule of sight is :func:`visible_to`, asked with what has happened until then."""
    with Chain() as chain:
        chain.apply(*events)
        told = {}
        for body, audience in chain.told():
            told[body["subject"], body["data"]["sequence"]] = (body, audience)
        histories = {}
        for row in chain.session.exec(select(BillEventRow).order_by(BillEventRow.sequence)):
            histories.setdefault(row.bill, []).append(row)
        assert len(told) == len(events) == sum(map(len, histories.values()))
        for bill, rows in histories.items():
            for number, row in enumerate(rows, 1):
                body, audience = told[bill, row.sequence]
                may = {p for p in range(1, 10) if row in visible_to(p, rows[:number])}
                assert audience == may
                # Who may see it then may see it for ever.
                assert all(row in visible_to(p, rows) for p in audience)
                assert body["data"]["intent"] == "0x" + act_of(row).digest(DOMAIN).hex()
                assert body["data"]["party"] == row.party
                assert body["data"]["chain"]["block"] == row.block


@given(STORIES)
@settings(max_examples=20, deadline=None)
def test_a_gateway_built_anew_tells_the_same_under_the_same_ids(events):
    with Chain() as chain:
        chain.apply(*events)
        first = chain.told()
    with Chain() as chain:
        chain.apply(*events)
        assert chain.told() == first
    assert len({body["id"] for body, _ in first}) == len(first)


@given(STORIES, st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_what_nobody_heard_of_leaves_no_trace(events, above):
    with Chain() as chain:
        chain.apply(*events)
        chain.rollback(above)
        kept = [event for event in events if event.block <= above]
        found = chain.told()
        assert len(found) == len(kept)
        numbers = set(chain.session.exec(select(WebhookEventRow.number)))
        assert set(chain.session.exec(select(AudienceRow.event))) <= numbers


def test_what_was_told_is_taken_back_the_last_first_and_told_anew():
    issue = _event(7, "Issue", _word(), 9)
    transfer = _event(7, "Transfer", _word(sequence=2, holder=3), 10)
    with Chain() as chain:
        chain.apply(issue, transfer)
        chain.release()
        chain.rollback(8)
        (a, seen_a), (b, seen_b), (b_gone, seen_b_gone), (a_gone, seen_a_gone) = chain.told()
        assert (seen_a, seen_b) == ({1, 2}, {1, 2, 3})
        assert (seen_b_gone, seen_a_gone) == (seen_b, seen_a)
        for gone, before in ((b_gone, b), (a_gone, a)):
            assert gone["type"] == "landbridge.retraction"
            assert gone["id"] == before["id"] + "_retracted"
            assert (gone["source"], gone["subject"]) == (before["source"], before["subject"])
            assert gone["data"] == {
                "event": "landbridge/event/1",
                "retracts": before["id"],
                "type": before["type"],
                "chain": before["data"]["chain"],
            }
        # Filters choose a retraction by what it takes back.
        rows = chain.session.exec(select(WebhookEventRow).order_by(WebhookEventRow.number)).all()
        assert [row.type for row in rows[2:]] == ["landbridge.bills.transfer", "landbridge.bills.issue"]
        # A retraction is not taken back, and what is taken back is so once.
        chain.release()
        chain.rollback(0)
        assert len(chain.told()) == 4
        # The very same block returns: a new event, with an id of its own.
        chain.apply(issue)
        back, _ = chain.told()[-1]
        assert back["id"] not in (a["id"], a_gone["id"])
        assert back["data"] == a["data"]


@pytest.mark.parametrize("act", [act.name for act in RAIL_BILL_ACTS])
def test_an_event_holds_public_facts_and_no_name(act):
    with Chain(confirmations=6) as chain:
        chain.apply(_event(7, "Issue", _word(), 8))
        if act != "Issue":
            chain.apply(_event(7, act, _word(sequence=2, offeree=4, expiry=5), 9, 3))
        body, _ = chain.told()[-1]
    data = body["data"]
    assert body["type"].startswith("landbridge.bills.")
    assert body["type"].removeprefix("landbridge.bills.").replace("-", "") == act.lower()
    assert set(data) == {
        *("event", "room", "act", "intent", "sequence", "party", "key", "detail", "state", "live"),
        *("to_order", "issuer", "holder", "offeree", "offer_expiry", "version", "note", "chain"),
    }
    assert data["note"] == "0x" + "11" * 32
    assert data["chain"]["confirmations"] == 6
    assert data["chain"]["contract"] == CONTRACT


def test_what_the_registry_tells_every_party_may_see():
    with Chain() as chain:
        granted = {"party": 4, "role": 3, "from": 5, "until": 0}
        place = ("0x" + "09" * 32, 1009, "0x" + "0a" * 32)
        for index, (name, arguments) in enumerate(
            [
                ("RoleGranted", granted),
                ("RoleGranted", granted | {"role": 99}),
                ("KeyAdded", {"party": 4, "key": "0x" + "Ab" * 20, "custodial": True}),
                ("Suspended", {"party": 4, "reason": b"\x5a" * 32}),
                ("IntentRefused", {"position": 0, "subject": b"", "reason": b""}),
            ]
        ):
            chain.apply(ChainEvent(9, *place, index, REGISTRY, name, arguments))
        told = chain.told()
    assert [body["type"] for body, _ in told] == [
        "landbridge.parties.role-granted",
        "landbridge.parties.role-granted",
        "landbridge.parties.key-added",
        "landbridge.parties.suspended",
    ]
    assert all((audience, body["subject"]) == ({0}, "4") for body, audience in told)
    facts = [
        {k: v for k, v in body["data"].items() if k not in ("event", "room", "chain")} for body, _ in told
    ]
    assert facts == [
        {"party": 4, "role": "bank", "from": 5, "until": 0},
        {"party": 4, "role": "99", "from": 5, "until": 0},
        {"party": 4, "key": "0x" + "ab" * 20, "custodial": True},
        {"party": 4, "reason": "0x" + "5a" * 32},
    ]


def test_contracts_that_are_no_rooms_tell_nothing():
    with Chain() as chain:
        event = _event(7, "Issue", _word(), 8)
        chain.recorder.apply(chain.session, event)  # the projector has not seen it
        other = ChainEvent(9, "0x", 0, "0x", 0, Address("0x" + "44" * 20), "Anchored", {"size": 1})
        chain.apply(other)
        assert chain.told() == []
