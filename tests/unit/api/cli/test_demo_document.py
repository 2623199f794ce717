"""The demo's documents are sound, fresh in every run, and spoiled by one changed mass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.cli.demo_document import fresh, tampered
from api.domains.bills.document import check_value, identity_of, units
from api.domains.bills.document.form import RailBill

TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize("run", ["00000001", "12345678", "99999999", "00726153"])
@pytest.mark.parametrize("days", [0, 40, 400])
def test_sound_on_any_day(run: str, days: int) -> None:
    today = TODAY + timedelta(days=days)
    report = check_value(fresh(issuer=11, holder=12, today=today, run=run), today=today)
    assert report.findings == ()


def test_two_runs_share_neither_note_nor_unit() -> None:
    one, two = (
        RailBill.model_validate(fresh(issuer=1, holder=2, today=TODAY, run=run))
        for run in ("00000001", "00000002")
    )
    assert identity_of(one.note) != identity_of(two.note)
    assert not set(units(one).numbers) & set(units(two).numbers)


def test_two_bills_of_one_run_share_the_note() -> None:
    one = RailBill.model_validate(fresh(issuer=1, holder=2, today=TODAY, run="00000001"))
    two = RailBill.model_validate(fresh(issuer=3, holder=2, today=TODAY, run="00000001", suffix="-B"))
    assert identity_of(one.note) == identity_of(two.note)
    assert one.bill.number != two.bill.number


def test_one_changed_mass_is_found() -> None:
    document = fresh(issuer=1, holder=2, today=TODAY, run="00000001")
    altered, before, after = tampered(document)
    assert before != after
    assert document != altered
    assert check_value(altered).errors
