"""Wagons and containers in two live bills at once: found within this gateway, told without saying whose."""

from __future__ import annotations

import pytest
from sqlmodel import select

from api.domains.bills.document.form import RailBill
from api.domains.bills.document.occupancy import units
from api.domains.bills.tables import UnitTagRow
from api.domains.bills.units import overlapping
from chain.db import reading
from tests.unit.api.lab import REASON


@pytest.fixture(scope="module")
def papers(lab):
    """Two papers for the same containers at the same time; only the first is issued."""
    first, second = lab.paper(window=1), lab.paper(by="rival", window=1)
    lab.issue(bill=first.bill, note=first.note)
    yield first, second
    lab.do(lab.act("Void", first.bill, reason=REASON), "holder", "carrier")


def _overlap(lab, paper, document=None, bill=None):
    with reading(lab.house.engine) as session:
        return overlapping(session, lab.house, bill or paper.bill, document or paper.document)


def _numbers(document):
    return sorted(units(RailBill.model_validate(document)).numbers)


def test_another_live_bill_with_the_same_units_is_found(lab, papers):
    first, second = papers
    assert _overlap(lab, second) == _numbers(second.document)
    # Its own document is no conflict, and a paper that was never issued is none.
    assert _overlap(lab, first) == []


def test_the_days_decide(lab, papers):
    _, second = papers
    with reading(lab.house.engine) as session:
        known = session.exec(select(UnitTagRow).where(UnitTagRow.document == papers[0].bill)).all()
    start, end = known[0].starts, known[0].ends
    shifted = RailBill.model_validate(second.document)

    def between(starts, ends):
        document = shifted.model_dump(mode="json", exclude_none=True)
        document["note"]["date"] = starts
        document["consignment"]["expected_arrival"] = ends
        document["consignment"].pop("arrived_on", None)
        return _overlap(lab, second, document)

    assert between(end, "2099-01-01") == _numbers(second.document)
    assert between("2001-01-01", start) == _numbers(second.document)
    assert between(_next(end), _next(end)) == []
    assert between(_before(start), _before(start)) == []


def _next(day):
    from datetime import date, timedelta

    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _before(day):
    from datetime import date, timedelta

    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def test_a_bill_holds_its_units_until_it_is_delivered_or_voided(lab):
    first, second = lab.paper(window=2), lab.paper(by="rival", window=2)
    lab.issue(bill=first.bill, note=first.note)
    for name, who, fields in (
        ("Surrender", "holder", {}),
        ("AcceptSurrender", "carrier", {}),
        ("Deliver", "carrier", {"evidence": REASON}),
    ):
        assert _overlap(lab, second) == _numbers(second.document)
        lab.do(lab.act(name, first.bill, **fields), who)
    assert _overlap(lab, second) == []
    lab.issue(by="rival", bill=second.bill, note=second.note)
    assert _overlap(lab, first) == _numbers(first.document)
    lab.do(lab.act("Void", second.bill, reason=REASON), "holder", "rival")
    assert _overlap(lab, first) == []


def test_what_is_kept_tells_no_number(lab, papers):
    first, _ = papers
    with reading(lab.house.engine) as session:
        rows = session.exec(select(UnitTagRow).where(UnitTagRow.document == first.bill)).all()
    assert len(rows) == len(_numbers(first.document)) > 0
    for row in rows:
        assert len(row.tag) == 64
        assert all(number not in repr(row) for number in _numbers(first.document))
    files = [file for file in lab.house.settings.data_dir.rglob("gateway.db*") if file.is_file()]
    for number in _numbers(first.document):
        assert all(number.encode() not in file.read_bytes() for file in files)


def test_the_tags_are_keyed(lab, papers, monkeypatch):
    """A copy of the database without the key finds nothing."""
    _, second = papers
    secret = type(lab.house.settings).secret
    monkeypatch.setattr(
        type(lab.house.settings),
        "secret",
        lambda self, name: "another key" if name == "tag_key" else secret(self, name),
    )
    assert _overlap(lab, second) == []
