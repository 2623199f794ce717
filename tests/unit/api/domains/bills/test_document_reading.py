"""Whatever comes in, a report comes out: bad bytes, bad characters, bad shapes, and random damage."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domains.bills.document import DocumentRefusedError, check_bytes, check_value, sample, sample_names
from api.domains.bills.document.messages import MESSAGES
from api.domains.bills.document.reading import MAX_BYTES, MAX_DEPTH, MAX_FINDINGS
from chain.canonical import canonical

TODAY = date(2026, 11, 22)
SAMPLES = {name: sample(name) for name in sample_names()}
GOOD = json.dumps(SAMPLES["chongqing-duisburg"], ensure_ascii=False).encode()


def originals(token: bytes) -> bytes:
    return GOOD.replace(b'"originals": 1', b'"originals": ' + token)


def city(name: bytes) -> bytes:
    return GOOD.replace(b'"Chongqing"', b'"' + name + b'"', 1)


BAD_BYTES = {
    "nothing": (b"", "json-truncated", ""),
    "half of a bill": (GOOD[: len(GOOD) // 2], "json-truncated", ""),
    "two bills": (GOOD + GOOD, "json-syntax", ""),
    "not JSON": (b"%PDF-1.7", "json-syntax", ""),
    "huge": (b'{"a":"' + b"x" * MAX_BYTES + b'"}', "json-too-large", ""),
    "deep": (b"[" * 500_000, "json-too-deep", ""),
    "just too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "json-too-deep", ""),
    "GB 18030": ('{"名": "示范"}'.encode("gb18030"), "json-not-utf8", ""),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "json-not-utf8", ""),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, "json-not-utf8", ""),
    "overlong encoding": (b'{"a": "\xc0\xaf"}', "json-not-utf8", ""),
    "duplicate key": (originals(b'1, "originals": 2'), "json-duplicate-key", "/bill/originals"),
    "NaN": (originals(b"NaN"), "json-number", "/bill/originals"),
    "infinity": (originals(b"-Infinity"), "json-number", "/bill/originals"),
    "2^53 + 1": (originals(b"9007199254740993"), "json-number", "/bill/originals"),
    "a float": (originals(b"1.0"), "json-number", "/bill/originals"),
    "a million digits": (originals(b"9" * 900_000), "json-number", "/bill/originals"),
    "half of a surrogate pair": (city(b"\\ud83d"), "json-surrogate", "/bill/issued_at/en"),
    "NUL": (city(b"Chong\\u0000qing"), "text-forbidden", "/bill/issued_at/en"),
    "a list": (b"[]", "document-not-object", ""),
    "a text": (b'"bill"', "document-not-object", ""),
    "null": (b"null", "document-not-object", ""),
}


@pytest.mark.parametrize(("data", "code", "path"), BAD_BYTES.values(), ids=BAD_BYTES.keys())
def test_bad_bytes_have_their_finding(data: bytes, code: str, path: str) -> None:
    report = check_bytes(data, today=TODAY)
    assert [(one.code, one.severity, one.path) for one in report.findings] == [(code, "error", path)]
    with pytest.raises(DocumentRefusedError) as caught:
        report.require()
    assert caught.value.params == {"errors": 1, "first": code, "path": path}


def test_good_bytes_have_none() -> None:
    report = check_bytes(GOOD, today=TODAY)
    assert report.findings == ()
    assert report.value == SAMPLES["chongqing-duisburg"]


def test_without_a_day_the_machine_clock_is_taken() -> None:
    value = copy.deepcopy(SAMPLES["astana-chengdu"])
    value["bill"]["issued_on"] = "2199-01-01"
    value["consignment"]["expected_arrival"] = "2199-01-02"
    codes = [one.code for one in check_bytes(json.dumps(value).encode()).findings]
    assert codes == ["date-in-future", "journey-long"]


UNSEEN = (
    "\u202e\u2066\u200f\u200b\u200d\ufeff\u00ad\u0007\u0085\n\u2028\ue000\ufffe\u0378\ufe0f\u3164\u115f\u2800"
    "\U000e0100\U000e0041\U0002fffe\ud800"
)


@pytest.mark.parametrize("character", list(UNSEEN), ids=ascii)
def test_invisible_characters_are_refused_in_texts_and_names(character: str) -> None:
    value = copy.deepcopy(SAMPLES["chongqing-duisburg"])
    value["issuer"]["name"]["en"] = f"Demo{character}Carrier A"
    found = check_value(value, today=TODAY).findings
    assert ("text-forbidden", "/issuer/name/en") in {(one.code, one.path) for one in found}
    keyed = {**SAMPLES["chongqing-duisburg"], f"is{character}suer": 1}
    found = check_value(keyed, today=TODAY).findings
    assert "text-forbidden" in {one.code for one in found}
    assert all(one.path.isprintable() for one in found)


@pytest.mark.parametrize(
    "text", ["渝新欧 𠮷 号", "Małaszewicze", "Демо Зерно", "O’Brien – Söhne & Co. № 5", "\U000323b0"]
)
def test_names_of_the_world_are_taken(text: str) -> None:
    value = copy.deepcopy(SAMPLES["chongqing-duisburg"])
    value["consignment"]["notify"][0]["name"] = {"en": text}
    assert not check_value(value, today=TODAY).findings


def test_errors_come_before_the_cut() -> None:
    value = copy.deepcopy(SAMPLES["astana-chengdu"])
    goods = value["consignment"]["goods"]
    goods += [{**goods[0], "line": number} for number in range(2, 301)]
    for line in goods:
        line["packages"] = {"kind": "9Q", "count": 0}
    report = check_value(value, today=TODAY)
    assert len(report.findings) == MAX_FINDINGS + 1
    assert report.findings[-1].code == "findings-cut"
    assert report.findings[0].severity == "error"
    unknown = {**SAMPLES["astana-chengdu"], **{f"field{number}": number for number in range(5_000)}}
    assert len(check_value(unknown, today=TODAY).findings) == MAX_FINDINGS + 1


def test_findings_of_a_hostile_key_are_bounded_and_printable() -> None:
    value = {**SAMPLES["astana-chengdu"], "x" * 50_000 + "~/\u202e": 1}
    for one in check_value(value, today=TODAY).findings:
        assert len(one.path) <= 200
        assert (one.path + one.en + one.zh).isprintable()


def paths(node: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [here, *(path for key, child in children for path in paths(child, (*here, key)))]


PATHS = {name: paths(value)[1:] for name, value in SAMPLES.items()}
HOSTILE = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "1e9",
        "NaN",
        "9" * 40,
        "2026-02-30",
        "\x00",
        "\u202e",
        "\ud800",
        "é",
        "null",
        "{}",
        "0" * 8,
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | HOSTILE
    | st.dates().map(str)
    | st.decimals(allow_nan=False, allow_infinity=False).map(str)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A sample with up to three of its parts changed, removed, doubled, or put elsewhere."""
    name = draw(st.sampled_from(sorted(SAMPLES)))
    value = copy.deepcopy(SAMPLES[name])
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(PATHS[name]))
        target: Any = value
        try:
            for key in parents:
                target = target[key]
            old = target[last]
            match draw(st.sampled_from(["replace", "remove", "double", "swap"])):
                case "replace":
                    target[last] = draw(VALUES)
                case "remove":
                    del target[last]
                case "double" if isinstance(target, list):
                    target.append(copy.deepcopy(old))
                case "double":
                    target[draw(st.text(max_size=9))] = copy.deepcopy(old)
                case "swap":
                    *elsewhere, end = draw(st.sampled_from(PATHS[name]))
                    other: Any = value
                    for key in elsewhere:
                        other = other[key]
                    target[last], other[end] = copy.deepcopy(other[end]), copy.deepcopy(old)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return value


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_damage_gives_findings_or_a_good_bill_and_never_an_exception(value: Any) -> None:
    report = check_value(value, today=TODAY)
    assert {one.code for one in report.findings} <= MESSAGES.keys()
    if not report.errors:
        assert report.require().to_value() == value
        assert check_bytes(canonical(value), today=TODAY).findings == report.findings


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_any_value_gives_a_report(value: Any) -> None:
    assert check_value(value, today=TODAY).errors


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_report(data: bytes) -> None:
    assert check_bytes(data, today=TODAY).errors


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_a_bill_with_changed_bytes_gives_a_report(place: int, new: bytes, dropped: int) -> None:
    data = GOOD[:place] + new + GOOD[place + dropped :]
    report = check_bytes(data, today=TODAY)
    if report.document is not None and not report.errors:
        assert report.document.to_value() == json.loads(data)
