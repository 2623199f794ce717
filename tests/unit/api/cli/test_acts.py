"""A local key signs what was asked for and nothing else."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest

from api.cli.acts import act_file, act_of, check_prepared, opening
from api.cli.bill_acts import moment
from api.cli.client import Prepared
from api.cli.errors import CliError
from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from chain.digests import Seed, document_digest
from chain.intents import Act, Address, Domain

BILL = "0x" + "01" * 32
DOMAIN = Domain(RAIL_BILLS_DOMAIN, "1", 20777, Address("0x" + "1f" * 20))
OFFER = next(act for act in RAIL_BILL_ACTS if act.name == "Offer")
FIELDS = {"to": 4, "expiry": 2_000_000_000}


def _prepared(*, deadline: int | None = None, **fields: int) -> Prepared:
    values = FIELDS | fields
    act = Act(OFFER, bytes.fromhex(BILL[2:]), 3, deadline or int(time.time()) + 3600, values)
    return {"room": "bills", "digest": "0x" + act.digest(DOMAIN).hex(), "typed_data": act.typed_data(DOMAIN)}


def _check(prepared: Prepared, deadline: int | None = None) -> dict[str, Any]:
    return check_prepared(prepared, "bills", "Offer", BILL, FIELDS, deadline)


def test_what_was_asked_for_is_given_back() -> None:
    prepared = _prepared()
    assert _check(prepared) is prepared["typed_data"]
    assert _check(_prepared(deadline=1_900_000_000), 1_900_000_000)


def _named_other(prepared: Prepared) -> None:
    prepared["typed_data"]["message"]["bill"] = "0x" + "02" * 32


def _wrong_digest(prepared: Prepared) -> None:
    prepared["digest"] = "0x" + "00" * 32


@pytest.mark.parametrize(
    ("prepared", "change", "field"),
    [
        (lambda: _prepared(to=5), None, "to"),
        (lambda: _prepared(expiry=1), None, "expiry"),
        (_prepared, _named_other, "bill"),
        (_prepared, _wrong_digest, "digest"),
        (lambda: _prepared(deadline=2**47), None, "deadline"),
    ],
)
def test_another_act_is_not_signed(
    prepared: Callable[[], Prepared], change: Callable[[Prepared], None] | None, field: str
) -> None:
    content = copy.deepcopy(prepared())
    if change is not None:
        change(content)
    with pytest.raises(CliError, match="prepared-other") as caught:
        _check(content)
    assert caught.value.params["field"] == field


def test_another_kind_of_act_is_not_signed() -> None:
    prepared = _prepared()
    with pytest.raises(CliError, match="prepared-other"):
        check_prepared(prepared, "bills", "Transfer", BILL, {"to": 4}, None)
    with pytest.raises(CliError, match="prepared-other"):
        check_prepared(prepared, "parties", "Offer", BILL, FIELDS, None)
    with pytest.raises(CliError, match="prepared-other") as caught:
        check_prepared(prepared, "bills", "Offer", BILL, FIELDS, 1)
    assert caught.value.params["field"] == "deadline"


def test_an_act_file_holds_the_act() -> None:
    typed = _prepared()["typed_data"]
    content = act_file(typed, ["0x12"])
    act, message, domain = act_of(content["typed_data"])
    assert content["digest"] == "0x" + act.digest(domain).hex()
    assert (content["room"], content["signatures"]) == ("bills", ["0x12"])
    assert message["to"] == 4
    typed["domain"]["chainId"] = "20777"  # as some wallets write it
    assert act_of(typed)[2] == domain


def test_an_opening_shows_what_its_digest_stands_for() -> None:
    content = {"format": "landbridge/reason/1", "text": "storage unpaid"}
    digest, opened = opening(content)
    seed = Seed(bytes.fromhex(opened["seed"]))
    assert "0x" + document_digest(opened["document"], seed).hex() == digest == opened["digest"]
    assert opening(content)[0] != digest  # salted: the same reason twice is not seen to be the same


@pytest.mark.parametrize(
    ("value", "wanted"), [("1900000000", 1_900_000_000), ("90m", 6400), ("48h", 173_800), ("7d", 605_800)]
)
def test_moments(value: str, wanted: int) -> None:
    assert moment(value, 1000.5) == wanted


@pytest.mark.parametrize("value", ["", "soon", "-1h", "0h", "1w", "1.5h", "9999999h"])
def test_no_moments(value: str) -> None:
    with pytest.raises(CliError, match="bad-time"):
        moment(value, 0)
