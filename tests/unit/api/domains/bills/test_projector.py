"""The tables are what the events make them, whatever was taken back on the way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine, delete, select

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.history import concerned, visible_to
from api.domains.bills.projector import BillProjector
from api.domains.bills.tables import BillEventRow, BillRow
from chain.indexer import ChainEvent

KINDS = {act.name: act.kind for act in RAIL_BILL_ACTS}
PARTIES = (1, 2, 3)
TABLES = (BillRow.__table__, BillEventRow.__table__)


def _word(state=1, sequence=1, issuer=1, holder=2, offeree=0, expiry=0, to_order=True):
    return (
        state
        | to_order << 8
        | sequence << 16
        | issuer << 48
        | holder << 80
        | offeree << 112
        | expiry << 176
        | 1 << 224
    )


def _event(
    bill, act, word, block, index=0, *, detail=b"\x11" * 32, key=0xAB, deadline=2**48 - 1, name="Acted"
):
    arguments = {
        "bill": bytes([bill]) * 32,
        "act": KINDS[act] | deadline << 8 | key << 56,
        "word": word,
        "detail": detail,
    }
    return ChainEvent(
        block,
        f"0x{block:064x}",
        1000 + block,
        f"0x{block:032x}{index:032x}",
        index,
        "0x" + "22" * 20,
        name,
        arguments,
    )


def _story(choices):
    """A lawful history of a few bills, one or two events a block: choices decide what happens to which."""
    events, bills, block, index = [], {}, 1, 0
    for bill, choice, same_block in choices:
        if not same_block or not events:
            block, index = block + 1 + choice % 2, 0
        state = bills.get(bill)
        detail = bytes([bill, choice]) * 16
        if state is None:
            act, new = "Issue", {"state": 1, "sequence": 1, "issuer": 1 + choice % 3, "holder": 1 + bill % 3}
        else:
            new = dict(state, sequence=state["sequence"] + 1)
            if state["state"] == 1 and state.get("offeree"):
                act = ("AcceptOffer", "DeclineOffer", "WithdrawOffer")[choice % 3]
                if act == "AcceptOffer":
                    new["holder"] = state["offeree"]
                new["offeree"] = 0
            elif state["state"] == 1:
                act = ("Transfer", "Offer", "Surrender", "Void")[choice % 4]
                if act == "Transfer":
                    new["holder"] = state["holder"] % 3 + 1
                elif act == "Offer":
                    new["offeree"], new["expiry"] = state["holder"] % 3 + 1, 99
                else:
                    new["state"] = 2 if act == "Surrender" else 5
            elif state["state"] == 2:
                act = ("AcceptSurrender", "RefuseSurrender", "WithdrawSurrender")[choice % 3]
                new["state"] = 3 if act == "AcceptSurrender" else 1
            elif state["state"] == 3:
                act, new["state"] = "Deliver", 4
            else:
                continue
        bills[bill] = new
        events.append(_event(bill, act, _word(**new), block, index, detail=detail, key=choice + 1))
        index += 1
    return events


_ENGINES = [create_engine("sqlite://", poolclass=StaticPool) for _ in range(2)]
for _engine in _ENGINES:
    SQLModel.metadata.create_all(_engine, tables=TABLES)


def _open(engine=_ENGINES[0]):
    session = Session(engine)
    for table in TABLES:
        session.exec(delete(table))
    return session


def _rows(session):
    session.expire_all()
    return [
        sorted(tuple(sorted(row.model_dump().items())) for row in session.exec(select(table)))
        for table in (BillRow, BillEventRow)
    ]


def _replay(events):
    with _open(_ENGINES[1]) as session:
        for event in events:
            BillProjector().apply(session, event)
        return _rows(session)


STORIES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 11), st.booleans()), min_size=1, max_size=25
).map(_story)


@given(STORIES, st.lists(st.tuples(st.integers(0, 60), STORIES), max_size=4))
@settings(max_examples=40, deadline=None)
def test_what_was_taken_back_leaves_no_trace(events, forks):
    """Events, a rollback to some block, other events on top of what was left, and so on."""
    projector = BillProjector()
    with _open() as session:
        kept = list(events)
        for event in kept:
            projector.apply(session, event)
        for above, further in forks:
            projector.rollback(session, above)
            kept = [event for event in kept if event.block <= above]
            assert _rows(session) == _replay(kept)
            # The other branch: the events that could follow what is left.
            sequences = {}
            for event in kept:
                sequences[event.arguments["bill"]] = BillWord.unpack(event.arguments["word"]).sequence
            top = max((event.block for event in kept), default=0)
            for event in further:
                expected = sequences.get(event.arguments["bill"], 0) + 1
                if BillWord.unpack(event.arguments["word"]).sequence == expected and event.block > top:
                    sequences[event.arguments["bill"]] = expected
                    projector.apply(session, event)
                    kept.append(event)
        assert _rows(session) == _replay(kept)


@given(STORIES)
@settings(max_examples=40, deadline=None)
def test_each_act_is_its_partys(events):
    """Whose act it was follows from the rules and the bill before it."""
    with _open() as session:
        before = {}
        for event in events:
            BillProjector().apply(session, event)
            word = BillWord.unpack(event.arguments["word"])
            identity = "0x" + event.arguments["bill"].hex()
            row = session.get(BillEventRow, (identity, word.sequence))
            old = before.get(identity)
            expected = {
                "Issue": word.issuer,
                "AcceptOffer": old and old.offeree,
                "DeclineOffer": old and old.offeree,
                "AcceptSurrender": word.issuer,
                "RefuseSurrender": word.issuer,
                "Deliver": word.issuer,
            }.get(row.act, old and old.holder)
            assert row.party == expected
            before[identity] = word


@given(STORIES, st.sampled_from((*PARTIES, 9)))
@settings(max_examples=40, deadline=None)
def test_a_party_sees_up_to_where_its_concern_ended(events, party):
    with _open() as session:
        for event in events:
            BillProjector().apply(session, event)
        for bill in session.exec(select(BillRow)).all():
            rows = session.exec(
                select(BillEventRow).where(BillEventRow.bill == bill.id).order_by(BillEventRow.sequence)
            ).all()
            seen = visible_to(party, rows)
            assert seen == rows[: len(seen)]
            concerns = [party in concerned(row) for row in rows]
            if not any(concerns):
                assert seen == []
            elif concerns[-1]:
                assert seen == rows
            else:
                # One more than the last that concerned it: the act that ended its concern.
                assert len(seen) == max(i for i, yes in enumerate(concerns) if yes) + 2


def test_one_event_row_by_row():
    with _open() as session:
        BillProjector().apply(
            session, _event(7, "Issue", _word(expiry=5, offeree=4, sequence=2**32 - 1), 9, 3)
        )
        (bill,), (event,) = _rows(session)
        assert dict(bill) == {
            "id": "0x" + "07" * 32,
            "state": 1,
            "to_order": True,
            "sequence": 2**32 - 1,
            "version": 1,
            "issuer": 1,
            "holder": 2,
            "offeree": 4,
            "offer_expiry": 5,
            "note": "0x" + "11" * 32,
            "block": 9,
        }
        assert dict(event) == {
            "bill": "0x" + "07" * 32,
            "sequence": 2**32 - 1,
            "act": "Issue",
            "key": "0x" + "00" * 19 + "ab",
            "party": 1,
            "deadline": 2**48 - 1,
            "word": f"0x{_word(expiry=5, offeree=4, sequence=2**32 - 1):064x}",
            "detail": "0x" + "11" * 32,
            "block": 9,
            "block_hash": f"0x{9:064x}",
            "block_time": 1009,
            "transaction": f"0x{9:032x}{3:032x}",
            "log_index": 3,
        }


def test_events_of_other_names_are_not_ours():
    with _open() as session:
        BillProjector().apply(session, _event(7, "Issue", _word(), 9, name="IntentRefused"))
        assert _rows(session) == [[], []]


@pytest.mark.parametrize("table", TABLES)
def test_a_databases_columns_hold_what_the_chain_may_say(table):
    """48-bit times and 32-bit numbers are wider than PostgreSQL's INTEGER."""
    for column in table.columns:
        if column.type.python_type is int and column.name not in ("state", "version", "log_index"):
            assert column.type.__class__.__name__ == "BigInteger", column.name
