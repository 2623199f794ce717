"""Each sense check against the wrong bills: each is found by its code, at its place, and nothing else is."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api.domains.bills.document import check_value, sample, sample_names
from api.domains.bills.document.checks import CHECKS
from api.domains.bills.document.form import RailBill
from api.domains.bills.document.messages import FORM_CODES, MESSAGES, TEXT_CODES

VECTORS = Path(__file__).parents[4] / "vectors" / "bills"
WRONG = json.loads((VECTORS / "wrong.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = WRONG["cases"]
TODAY = date.fromisoformat(WRONG["today"])


def patched(value: Any, patch: list[dict[str, Any]]) -> Any:
    """Apply the few operations of RFC 6902 that the vectors use; no path in them needs unescaping."""
    value = copy.deepcopy(value)
    for step in patch:
        *parents, last = step["path"].split("/")[1:]
        target = value
        for key in parents:
            target = target[int(key)] if isinstance(target, list) else target[key]
        place: Any = last
        if isinstance(target, list):
            place = len(target) if last == "-" else int(last)
        match step["op"]:
            case "remove":
                del target[place]
            case "add" if isinstance(target, list):
                target.insert(place, step["value"])
            case "add" | "replace":
                assert step["op"] == "add" or target[place] is not None
                target[place] = step["value"]
    return value


def wrong(case: dict[str, Any]) -> Any:
    return patched(sample(case["sample"]), case["patch"])


@pytest.mark.parametrize("name", sample_names())
def test_a_sample_has_no_finding(name: str) -> None:
    report = check_value(sample(name), today=TODAY)
    assert report.findings == ()
    assert report.require() is report.document


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_wrong_bill_has_its_one_finding(case: dict[str, Any]) -> None:
    found = check_value(wrong(case), today=TODAY).findings
    assert [{"code": one.code, "severity": one.severity, "path": one.path} for one in found] == [
        case["finding"]
    ]


def test_every_code_has_a_wrong_bill() -> None:
    # What is wrong with the text itself is in test_document_reading.
    text_only = {code for code in TEXT_CODES if code.startswith("json")} | {
        "document-not-object",
        "findings-cut",
    }
    assert {case["finding"]["code"] for case in CASES} == MESSAGES.keys() - text_only


def test_each_check_alone_finds_what_no_other_does() -> None:
    """Taking any check out makes a wrong bill look right."""
    by_check: defaultdict[str, set[str]] = defaultdict(set)
    for case in CASES:
        code = case["finding"]["code"]
        if code in FORM_CODES | TEXT_CODES:
            continue
        document = RailBill.model_validate(wrong(case))
        finders = [check.__name__ for check in CHECKS if list(check(document, TODAY))]
        assert len(finders) == 1, case["name"]
        by_check[finders[0]].add(code)
    assert by_check.keys() == {check.__name__ for check in CHECKS}


def test_findings_speak_both_languages() -> None:
    for case in CASES:
        (one,) = check_value(wrong(case), today=TODAY).findings
        assert one.en[-1] in ".?"
        assert one.zh[-1] in "。？"
        assert "{" not in one.en + one.zh


def test_a_sentence_shows_both_sides_of_a_sum() -> None:
    case = next(case for case in CASES if case["finding"]["code"] == "line-mass")
    (one,) = check_value(wrong(case), today=TODAY).findings
    assert one.en == (
        "800 packages of 12.6 kg make 10080.0 kg; the line says 10000 kg. Correct one of the three."
    )


def test_sums_are_exact_where_floats_are_not() -> None:
    value = sample("chongqing-duisburg")
    line = value["consignment"]["goods"][3]
    line |= {"packages": {"kind": "CS", "count": 3}, "unit_mass_kg": "0.1", "gross_mass_kg": "0.3"}
    line["loads"] = [{"unit": line["loads"][0]["unit"], "packages": 3, "gross_mass_kg": "0.3"}]
    line.pop("net_mass_kg")
    codes = {one.code for one in check_value(value, today=TODAY).findings}
    assert "line-mass" not in codes
    assert "load-mass" not in codes


def test_the_clock_decides_what_lies_ahead() -> None:
    value = sample("astana-chengdu")
    assert not check_value(value, today=date(2026, 9, 21)).findings
    found = check_value(value, today=date(2026, 9, 20)).findings
    assert [(one.code, one.path) for one in found] == [("date-in-future", "/bill/issued_on")]


def test_a_name_in_one_language_is_enough_to_know_the_holder() -> None:
    value = sample("chongqing-duisburg")
    value["consignment"]["consignee"] = {"name": {"zh": "示范出口商　丙"}}
    value["holder"]["name"] = {"zh": "示范出口商丙", "en": "Another spelling"}
    assert [one.code for one in check_value(value, today=TODAY).findings] == ["consignee-is-holder"]


def test_numbers_in_the_registry_decide_over_names() -> None:
    value = sample("astana-chengdu")
    value["consignment"]["consignee"]["name"] = value["holder"]["name"]
    assert not check_value(value, today=TODAY).findings


def test_a_bill_not_to_order_names_its_holder_too() -> None:
    value = sample("chongqing-duisburg")
    value["bill"]["to_order"] = False
    assert not check_value(value, today=TODAY).findings
    del value["holder"]
    assert [one.code for one in check_value(value, today=TODAY).findings] == ["bearer-refused"]
