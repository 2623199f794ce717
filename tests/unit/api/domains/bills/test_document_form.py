"""The form: its committed schema, its titles, its samples, and what a bill is when read back."""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from api.domains.bills.document import (
    FORMAT,
    TITLES,
    RailBill,
    check_value,
    fill,
    json_schema,
    sample,
    sample_names,
    standard_clauses,
    title,
    units,
)
from api.domains.bills.document.clauses import REQUIRED
from api.domains.bills.document.messages import FORM_CODES, PATTERN_WORDS
from api.domains.bills.document.scalars import DATE_PATTERN
from api.domains.bills.document.schema import SCHEMA_PATH, schema_text
from chain.canonical import canonical

VECTORS = Path(__file__).parents[4] / "vectors" / "bills"
EXPECTED: dict[str, Any] = json.loads((VECTORS / "samples.json").read_text(encoding="utf-8"))["samples"]
WRONG: list[dict[str, Any]] = json.loads((VECTORS / "wrong.json").read_text(encoding="utf-8"))["cases"]
SHARED = Path(os.environ.get("LANDBRIDGE_VECTORS", Path(__file__).parents[6] / "shared" / "data"))
BOXES = SHARED / "trade" / "rail" / "smgs_2015_boxes.json"


def patterns(schema: dict[str, Any], node: dict[str, Any], here: str = "") -> set[str]:
    """Every pointer pattern that a bill of this schema can have."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    found = {here}
    for name, child in node.get("properties", {}).items():
        found |= patterns(schema, child, f"{here}/{name}")
    if "items" in node:
        found |= patterns(schema, node["items"], f"{here}/*")
    return found


def test_the_committed_schema_is_the_models_schema() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), (
        "write it anew: document/schema.py says how"
    )


def test_the_schema_is_sound_and_has_no_null() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert '"null"' not in schema_text()
    assert '"default"' not in schema_text()
    assert schema["title"] == FORMAT


@pytest.mark.parametrize("name", sample_names())
def test_samples_fit_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(sample(name))


def test_what_the_form_refuses_the_schema_refuses() -> None:
    from tests.unit.api.domains.bills.test_document_checks import patched

    validator = jsonschema.Draft202012Validator(json_schema())
    # JSON Schema cannot count days in a month or tell a zero written in several ways.
    beyond = {"date-form": {"thirtieth of February"}, "decimal-zero": {"mass of zero"}}
    for case in WRONG:
        code = case["finding"]["code"]
        value = patched(sample(case["sample"]), case["patch"])
        refused = not validator.is_valid(value)
        expected = code in FORM_CODES | {"null-refused"} and case["name"] not in beyond.get(code, ())
        if code != "text-forbidden":  # a line break is outside the pattern of a text, others are inside
            assert refused == expected, case["name"]


def test_every_pattern_of_the_schema_is_told_in_words() -> None:
    told = set(re.findall(r'"pattern": (".*")', schema_text()))
    plain = {json.loads(one) for one in told} - {DATE_PATTERN}
    assert {one for one in plain if not one.startswith("^(0|")} == PATTERN_WORDS.keys()


def test_every_field_has_its_titles_and_no_title_is_left_over() -> None:
    schema = json_schema()
    assert TITLES.keys() == patterns(schema, schema)
    for pattern, one in TITLES.items():
        assert one.zh, pattern
        assert one.en, pattern
    assert schema["x-titles"]["/consignment/consignor"] == {
        "zh": "发货人",
        "en": "Consignor",
        "smgs": 1,
        "cim_smgs": 1,
    }


def test_a_title_is_found_for_a_place_in_a_list() -> None:
    assert title("/consignment/goods/12/loads/0/unit").zh == "车号或箱号"
    with pytest.raises(KeyError):
        title("/consignment/goods/12/colour")


def test_all_boxes_of_the_smgs_note_are_carried() -> None:
    assert {one.smgs for one in TITLES.values()} - {None} == set(range(1, 30))


@pytest.mark.skipif(
    not BOXES.exists(), reason="the transcription of the SMGS boxes is not beside the repository"
)
def test_box_titles_agree_with_the_transcription() -> None:
    boxes = json.loads(BOXES.read_text(encoding="utf-8"))["boxes"]
    ours: dict[int, set[str]] = {}
    for one in TITLES.values():
        if one.smgs is not None:
            ours.setdefault(one.smgs, set()).add(one.zh)
    named = {box["box"]: box["zh"] for box in boxes if box["zh"]}
    plain = {14: "件数"}  # "after transshipment" is in its own heading on the form
    for number, zh in named.items():
        wanted = plain.get(number, zh)
        assert any(set(wanted) & set(one) for one in ours[number]), (number, wanted, ours[number])


@pytest.mark.parametrize("name", sample_names())
def test_a_bill_gives_back_the_value_that_was_read(name: str) -> None:
    value = sample(name)
    bill = RailBill.model_validate(value)
    assert bill.to_value() == value
    assert hashlib.sha256(canonical(bill.to_value())).hexdigest() == EXPECTED[name]["canonical_sha256"]


def test_a_bill_is_frozen() -> None:
    bill = RailBill.model_validate(sample("astana-chengdu"))
    with pytest.raises(ValidationError):
        bill.note.number = "1"  # type: ignore[misc]
    assert isinstance(bill.consignment.wagons, tuple)


@pytest.mark.parametrize("name", sample_names())
def test_units_are_those_of_the_vectors(name: str) -> None:
    found = units(RailBill.model_validate(sample(name)))
    wanted = EXPECTED[name]["units"]
    assert list(found.wagons) == wanted["wagons"]
    assert list(found.containers) == wanted["containers"]
    assert (found.starts.isoformat(), found.ends.isoformat()) == (wanted["starts"], wanted["ends"])
    assert found.shared_with(found) == found.numbers


def test_units_are_shared_only_while_both_bills_hold_them() -> None:
    value = sample("astana-chengdu")
    held = units(RailBill.model_validate(value))
    value["consignment"]["arrived_on"] = "2026-10-02"
    assert units(RailBill.model_validate(value)).ends == date(2026, 10, 2)
    for day, overlap in ((date(2026, 10, 11), True), (date(2026, 10, 12), False)):
        later = units(
            RailBill.model_validate(fill(sample("astana-chengdu"), issuer=1, holder=2, note_date=day))
        )
        assert bool(held.shared_with(later)) is overlap
        assert bool(later.shared_with(held)) is overlap
    assert not held.shared_with(units(RailBill.model_validate(sample("chongqing-duisburg"))))


def test_the_standard_clauses_cover_what_a_bill_needs() -> None:
    assert tuple(clause["subject"] for clause in standard_clauses()) == REQUIRED
    assert sample("astana-chengdu")["clauses"] == standard_clauses()


def test_fill_sets_the_parties_and_leaves_the_sample() -> None:
    value = sample("astana-chengdu")
    filled = fill(value, issuer=17, holder=23, bill_number="LB-AS-2026-000043", note_number="31806428")
    assert value == sample("astana-chengdu")
    consignment = filled["consignment"]
    assert filled["issuer"]["party"] == consignment["consignee"]["party"] == 17
    assert consignment["contractual_carrier"]["party"] == 17
    assert filled["holder"]["party"] == 23
    assert not check_value(filled, today=date(2026, 11, 22)).findings


def test_fill_moves_every_day_of_the_bill() -> None:
    filled = fill(sample("chongqing-duisburg"), issuer=2, holder=1, note_date=date(2027, 3, 1))
    assert filled["note"]["date"] == filled["consignment"]["contract_date"] == "2027-03-01"
    assert filled["bill"]["issued_on"] == "2027-03-02"
    assert not check_value(filled, today=date(2027, 3, 2)).findings


def test_fill_knows_a_registered_delivery_agent() -> None:
    value = sample("chongqing-duisburg")
    value["delivery_agent"]["party"] = value["consignment"]["consignee"]["party"] = 3
    filled = fill(value, issuer=5, holder=6, delivery_agent=8)
    assert filled["delivery_agent"]["party"] == filled["consignment"]["consignee"]["party"] == 8
    assert "party" not in fill(value, issuer=5, holder=6)["delivery_agent"]


def test_an_unknown_sample_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        sample("../form")
