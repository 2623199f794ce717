"""Events as they travel: CloudEvents, the same bytes each time, found by their filters."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from api.domains.bills.contract import RAIL_BILL_ACTS
from api.kernel.webhooks.envelope import (
    WebhookTypeError,
    chain_facts,
    check_filters,
    envelope,
    event_id,
    event_type,
    source_of,
    wanted,
)
from chain.indexer import ChainEvent

SOURCE = source_of(20777, "0x" + "22" * 20)
EVENT = ChainEvent(7, "0x" + "07" * 32, 1_795_400_000, "0x" + "0a" * 32, 3, "0x" + "22" * 20, "Acted", {})
TYPES = [event_type("bills", act.name) for act in RAIL_BILL_ACTS] + [event_type("parties", "Suspended")]


def _told(**changes):
    given = {"id_": "evt_1", "source": SOURCE, "type_": "landbridge.bills.issue", "subject": "0x07"}
    return json.loads(envelope(**(given | {"time": 1_795_400_000, "data": {"sequence": 1}} | changes)))


def test_an_event_is_a_cloudevent():
    """CloudEvents 1.0.2: required attributes, their types, and JSON in ``data``."""
    assert _told() == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": f"landbridge/20777/0x{'22' * 20}",
        "type": "landbridge.bills.issue",
        "subject": "0x07",
        "time": "2026-11-23T02:13:20Z",
        "datacontenttype": "application/json",
        "data": {"event": "landbridge/event/1", "sequence": 1},
    }


@pytest.mark.parametrize("time", [-1, 253_402_300_800, 2**48 - 1])
def test_a_time_that_rfc_3339_does_not_have_is_left_out(time):
    assert "time" not in _told(time=time)


def test_the_same_event_is_the_same_bytes():
    first = envelope(id_="e", source=SOURCE, type_="t", subject="s", time=0, data={"b": 1, "a": "中"})
    again = envelope(subject="s", time=0, type_="t", source=SOURCE, id_="e", data={"a": "中", "b": 1})
    assert first == again


def test_an_id_says_where_the_act_stands():
    base = event_id(SOURCE, EVENT)
    assert base == event_id(SOURCE, replace(EVENT, name="other", arguments={"a": 1}))
    others = {
        event_id(source_of(20778, "0x" + "22" * 20), EVENT),
        event_id(SOURCE, replace(EVENT, block_hash="0x" + "08" * 32)),
        event_id(SOURCE, replace(EVENT, transaction_hash="0x" + "0b" * 32)),
        event_id(SOURCE, replace(EVENT, log_index=4)),
        event_id(SOURCE, EVENT, time_of_telling=1),
    }
    assert len(others - {base}) == 5
    assert base.startswith("evt_")
    assert len(base) == 36


def test_the_chains_facts():
    assert chain_facts(SOURCE, EVENT, 6) == {
        "id": 20777,
        "contract": "0x" + "22" * 20,
        "block": 7,
        "block_hash": "0x" + "07" * 32,
        "block_time": 1_795_400_000,
        "transaction": "0x" + "0a" * 32,
        "log_index": 3,
        "confirmations": 6,
    }


def test_types_are_named_after_acts():
    assert "landbridge.bills.accept-offer" in TYPES
    assert event_type("parties", "KeyRevoked") == "landbridge.parties.key-revoked"


@pytest.mark.parametrize(
    ("filters", "type_", "passes"),
    [
        (["*"], "landbridge.bills.issue", True),
        (["landbridge.*"], "landbridge.bills.issue", True),
        (["landbridge.bills.*"], "landbridge.bills.issue", True),
        (["landbridge.bill.*"], "landbridge.bills.issue", False),
        (["landbridge.bills"], "landbridge.bills.issue", False),
        (["landbridge.bills.issue"], "landbridge.bills.issue", True),
        (["landbridge.bills.issue"], "landbridge.bills.issue-more", False),
        (["landbridge.parties.*", "landbridge.bills.issue"], "landbridge.bills.issue", True),
        (["landbridge.parties.*"], "landbridge.bills.issue", False),
        ([], "landbridge.bills.issue", False),
    ],
)
def test_filters(filters, type_, passes):
    assert wanted(filters, type_) is passes


def test_a_filter_that_nothing_passes_is_refused():
    check_filters(["*", "landbridge.bills.*", "landbridge.bills.void"], TYPES)
    for wrong in ("landbridge.bills.transferred", "landbridge.goods.*", "landbridge"):
        with pytest.raises(WebhookTypeError) as refused:
            check_filters(["*", wrong], TYPES)
        assert refused.value.params == {"type": wrong}
