"""Requests wrong in one way each: refused by their code, in two languages, and nothing is changed."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from api.app import create_app
from tests.integration.gateway import EVIDENCE, problem
from tests.ports import free_port
from tests.unit.api.domains.bills.test_document_checks import TODAY, wrong

VECTORS = Path(__file__).parents[1] / "vectors" / "bills"
WRONG = [
    case
    for case in json.loads((VECTORS / "wrong.json").read_text(encoding="utf-8"))["cases"]
    if case["finding"]["severity"] == "error" and case["finding"]["code"] != "format-unknown"
]
DIGEST = "0x" + "5a" * 32
BODIES = {
    "/v1/documents": {"document": {"format": "landbridge/rail-bill/1"}},
    "/v1/intents/prepare": {"room": "bills", "act": "Transfer", "subject": DIGEST, "fields": {"to": 3}},
    "/v1/intents/sign": {"room": "bills", "act": "Transfer", "subject": DIGEST, "fields": {"to": 3}},
    "/v1/intents": {"room": "bills", "act": "Transfer", "message": {}, "signatures": ["0x" + "11" * 65]},
    "/v1/intents/cosign": {"room": "bills", "act": "Void", "message": {}, "signatures": ["0x" + "11" * 65]},
    "/v1/bills/check": {"document": {}},
    "/v1/bills/verify": {"bill": DIGEST, "expect": {"holder": 3}, "policy": {"required": ["live"]}},
    "/v1/tokens": {"scopes": ["read"], "label": "x"},
    f"/v1/documents/{DIGEST}/readers": {"party": 3},
}
OPERATORS = {
    "/v1/parties": {"name": "N", "name_zh": "名", "country": "CN"},
    "/v1/parties/admission": {
        "name": "N",
        "name_zh": "名",
        "country": "CN",
        "key": "0x" + "1f" * 20,
        "reader_key": "5a" * 32,
    },
    "/v1/parties/admission/signed": {"message": {}, "signature": "0x" + "11" * 65},
    "/v1/parties/1/roles": {"role": "bank"},
    "/v1/parties/1/roles/end": {"role": "bank"},
    "/v1/parties/1/suspension": {"reason": EVIDENCE},
}
EVERY = {
    **{path: ("carrier", body) for path, body in BODIES.items()},
    **{p: ("operator", b) for p, b in OPERATORS.items()},
}
# Each text takes the place of a member's value in an otherwise good body.
TEXTS = {
    "duplicate": ('"room": 1, "room": 2', "json-duplicate-key"),
    "nested-duplicate": ('"x": {"a": 1, "a": 1}', "json-duplicate-key"),
    "nan": ('"x": NaN', "json-number"),
    "infinity": ('"x": -Infinity', "json-number"),
    "beyond-2^53": ('"x": 9007199254740993', "json-number"),
    "negative-beyond": ('"x": -9007199254740993', "json-number"),
    "many-digits": ('"x": ' + "9" * 5000, "json-number"),
    "fraction": ('"x": 1.5', "json-number"),
    "exponent": ('"x": 1e400', "json-number"),
    "half-surrogate": ('"x": "\\ud800"', "json-surrogate"),
    "deep": ('"x": ' + "[" * 500 + "]" * 500, "json-too-deep"),
    "very-deep": ('"x": ' + "[" * 200_000, "json-too-deep"),
    "deep-objects": ('"x": ' + '{"a":' * 60 + "1" + "}" * 60, "json-too-deep"),
    "truncated": ('"x": {"a": ', "json-truncated"),
    "truncated-text": ('"x": "a', "json-truncated"),
    "comment": ('"x": 1 /* no */', "json-syntax"),
    "single-quotes": ("'x': 1", "json-syntax"),
    "control": ('"x": "a\nb"', "json-syntax"),
}
WHOLE = {
    "nothing-but-blanks": (b"   ", "json-truncated"),
    "not-utf8": (b'{"x": "\xff"}', "json-not-utf8"),
    "utf16": ('{"x": 1}'.encode("utf-16"), "json-not-utf8"),
    "byte-order-mark": (b'\xef\xbb\xbf{"x": 1}', "json-not-utf8"),
    "trailing": (b'{"x": 1} {"y": 2}', "json-syntax"),
    "form": (b"room=bills&act=Transfer", "json-syntax"),
}


def _post(gateway, who, path, content, **headers):
    more = {"content-type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
    return gateway.client.post(path, content=content, headers=gateway.headers(who) | more)


def _spoiled(body, text):
    return (
        json.dumps(body)[:-1] + ", " + text + ("}" if text.count("{") == text.count("}") else "")
    ).encode()


@pytest.mark.parametrize("name", TEXTS)
def test_a_bad_text_is_refused_on_every_route(gateway, name):
    text, code = TEXTS[name]
    with gateway.nothing_changes():
        for path, (who, body) in EVERY.items():
            content = _spoiled(body, text)
            if code == "json-truncated":
                content = content.removesuffix(b"}")
            problem(_post(gateway, who, path, content), 400, code)


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_that_are_no_json(gateway, name):
    content, code = WHOLE[name]
    with gateway.nothing_changes():
        for path, (who, _) in EVERY.items():
            problem(_post(gateway, who, path, content), 400, code)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/JSON",
        "Application/Json; charset=utf-8",
        "application/merge-patch+json",
        "APPLICATION/PROBLEM+JSON",
    ],
)
def test_no_spelling_of_the_type_gets_around_strict_reading(gateway, content_type):
    with gateway.nothing_changes():
        for content, code in (
            (b'{"scopes":["read"],"label":"a","label":"b"}', "json-duplicate-key"),
            (b'{"lifetime":NaN}', "json-number"),
        ):
            problem(_post(gateway, "bank", "/v1/tokens", content, content_type=content_type), 400, code)


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "application/xml", ""])
def test_what_is_not_sent_as_json_is_not_read_as_json(gateway, content_type):
    content = json.dumps(BODIES["/v1/tokens"]).encode()
    with gateway.nothing_changes():
        problem(
            _post(gateway, "bank", "/v1/tokens", content, content_type=content_type), 422, "request-malformed"
        )


@pytest.mark.parametrize("content", [b"null", b"[]", b"3", b'"x"', b"{}", b"true", b""])
def test_another_kind_of_value(gateway, content):
    with gateway.nothing_changes():
        for path, (who, _) in EVERY.items():
            body = problem(_post(gateway, who, path, content), 422, "request-malformed")
            assert all(one["path"] == "" or content == b"{}" for one in body.get("findings", ())), path


@pytest.mark.parametrize("path", EVERY)
def test_an_unknown_member_is_refused_by_its_name(gateway, path):
    who, good = EVERY[path]
    with gateway.nothing_changes():
        body = problem(gateway.post(who, path, good | {"a/b~c": 1}), 422, "request-malformed")
        assert [one["path"] for one in body["findings"]] == ["/a~1b~0c"]
        assert body["findings"][0]["code"] == "extra-forbidden"
        assert body["detail"].startswith("/a~1b~0c: ")
        assert "不符合要求" in body["findings"][0]["zh"]


def test_unknown_members_further_in_are_refused_by_their_pointer(gateway):
    with gateway.nothing_changes():
        for path, change, pointer in (
            ("/v1/bills/verify", {"expect": {"holder": 3, "colour": 1}}, "/expect/colour"),
            ("/v1/bills/verify", {"policy": {"required": ["live"], "x": 1}}, "/policy/x"),
            ("/v1/bills/verify", {"policy": {"required": ["live", 3]}}, "/policy/required/1"),
            ("/v1/intents/prepare", {"subject": "0x12"}, "/subject"),
            ("/v1/intents/prepare", {"subject": -1}, "/subject"),
            ("/v1/documents", {"readers": [3, 0]}, "/readers/1"),
        ):
            body = problem(gateway.post("bank", path, BODIES[path] | change), 422, "request-malformed")
            assert {one["path"] for one in body["findings"]} == {pointer}
    missing = problem(
        gateway.post("bank", "/v1/intents/prepare", {"room": "bills"}), 422, "request-malformed"
    )
    assert [one["path"] for one in missing["findings"]] == ["/act", "/subject"]


NUMBERS = [0, -1, 2**32, 2**53 - 1, "3", True, None, [3], {"n": 3}]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_a_partys_number_that_is_none(gateway, number):
    with gateway.nothing_changes():
        for who, path, body in (
            ("bank", f"/v1/documents/{DIGEST}/readers", {"party": number}),
            ("bank", "/v1/bills/verify", {"bill": DIGEST, "expect": {"issuer": number}}),
        ):
            if number is not None or "verify" not in path:
                problem(gateway.post(who, path, body), 422, "request-malformed")
        if number is not None:
            body = {"scopes": ["read"], "label": "x", "party": number}
            problem(gateway.post("operator", "/v1/tokens", body), 422, "request-malformed")


def test_fields_of_an_act_that_are_missing_unknown_or_out_of_range(gateway):
    bill = gateway.quick_bill(holder="importer")
    cases = [
        ({}, "to"),
        ({"to": 3, "colour": 1}, "colour"),
        ({"to": -1}, "to"),
        ({"to": 2**32}, "to"),
        ({"to": 2**53 - 1}, "to"),
        ({"to": "3"}, "to"),
        ({"to": True}, "to"),
        ({"to": None}, "to"),
        ({"to": 3, "sequence": -1}, "sequence"),
        ({"to": 3, "sequence": 2**32}, "sequence"),
        ({"to": 3, "deadline": 2**48}, "deadline"),
        ({"to": 3, "bill": bill}, "bill"),
        ({"to": 3, "x" * 50_000: 1}, "x" * 50_000),
    ]
    with gateway.nothing_changes():
        for fields, named in cases:
            body = {"room": "bills", "act": "Transfer", "subject": bill, "fields": fields}
            for path in ("/v1/intents/prepare", "/v1/intents/sign"):
                answer = gateway.post("importer", path, body)
                found = problem(answer, 422, "intent-malformed")
                assert found["params"]["field"][:300] == named[:300]
                assert len(answer.content) < 2_000
        for field in ("note", "reason"):
            for value in ("0x12", "0x" + "zz" * 32, "0x" + "a " * 32, "12" * 33, 5, None):
                act = "Issue" if field == "note" else "Void"
                fields = {"holder": 3, "toOrder": True} if act == "Issue" else {}
                body = {"room": "bills", "act": act, "subject": bill, "fields": fields | {field: value}}
                found = problem(
                    gateway.post("importer", "/v1/intents/prepare", body), 422, "intent-malformed"
                )
                assert found["params"]["field"] == field


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"room": "goods"}, 422, "unknown-act"),
        ({"room": "x" * 41}, 422, "request-malformed"),
        ({"act": "Steal"}, 422, "unknown-act"),
        ({"act": "Admit"}, 422, "unknown-act"),
        ({"room": "parties", "act": "AddKey"}, 422, "intent-malformed"),
        (
            {
                "room": "parties",
                "act": "AddKey",
                "subject": 4_000_000_000,
                "fields": {"key": "0x1", "custodial": 1},
            },
            422,
            "intent-malformed",
        ),
        ({"subject": "0X" + "5a" * 32}, 422, "request-malformed"),
        ({"subject": "0x" + "5A" * 32}, 422, "request-malformed"),
        ({"subject": 0}, 422, "request-malformed"),
        ({"deadline": -1}, 422, "request-malformed"),
        ({"deadline": 2**48}, 422, "request-malformed"),
        ({"deadline": "soon"}, 422, "request-malformed"),
        ({"fields": []}, 422, "request-malformed"),
    ],
)
def test_wishes_that_are_none(gateway, change, status, code):
    with gateway.nothing_changes():
        for path in ("/v1/intents/prepare", "/v1/intents/sign"):
            problem(gateway.post("carrier", path, BODIES[path] | change), status, code)


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        ("/v1/bills/0x12", "request-malformed", 422),
        ("/v1/bills/" + "0x" + "5A" * 32, "request-malformed", 422),
        ("/v1/bills/%00", "request-malformed", 422),
        ("/v1/bills/../../etc/passwd", "not-found", 404),
        ("/v1/bills?limit=0", "request-malformed", 422),
        ("/v1/bills?limit=201", "request-malformed", 422),
        ("/v1/bills?limit=x", "request-malformed", 422),
        ("/v1/bills?state=" + "x" * 21, "request-malformed", 422),
        ("/v1/bills?after=%00", "request-malformed", 422),
        ("/v1/parties?profile=%00", "request-malformed", 422),
        ("/v1/parties/x", "request-malformed", 422),
        ("/v1/parties/0", "unknown-party", 404),
        ("/v1/parties/-1", "unknown-party", 404),
        ("/v1/parties/99999999999999999999999999", "unknown-party", 404),
        (f"/v1/intents/{DIGEST}?wait=-1", "request-malformed", 422),
        (f"/v1/intents/{DIGEST}?wait=301", "request-malformed", 422),
        (f"/v1/intents/{DIGEST}?wait=nan", "request-malformed", 422),
        (f"/v1/intents/{DIGEST}?wait=inf", "request-malformed", 422),
        (f"/v1/documents/{DIGEST}x", "request-malformed", 422),
        ("/v1/nothing", "not-found", 404),
        ("/v2/bills", "not-found", 404),
    ],
)
def test_addresses_that_are_wrong(gateway, path, code, status):
    with gateway.nothing_changes():
        problem(gateway.get("carrier", path), status, code)


@pytest.mark.parametrize(
    "query",
    ["after=-5", "after=99999999999999999999999", "limit=-5", "limit=1000000", "profile=0x" + "5a" * 32],
)
def test_odd_pages_of_parties(gateway, query):
    answer = gateway.get("carrier", f"/v1/parties?{query}")
    assert answer.status_code == 200
    assert len(answer.json()) <= 200


def test_a_method_that_is_not_there(gateway):
    with gateway.nothing_changes():
        for method, path in (
            ("PUT", "/v1/tokens"),
            ("PATCH", "/v1/bills"),
            ("DELETE", "/health"),
            ("TRACE", "/v1/parties"),
        ):
            answer = gateway.client.request(method, path, headers=gateway.headers("bank"))
            problem(answer, 405, "method-not-allowed")
            assert answer.headers["allow"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "name_zh": "名", "country": "CN"},
        {"name": "a\nb", "name_zh": "名", "country": "CN"},
        {"name": "N", "name_zh": "名", "country": "cn"},
        {"name": "N", "name_zh": "名", "country": "CHN"},
        {"name": "N" * 201, "name_zh": "名", "country": "CN"},
    ],
)
def test_profiles_that_are_none(gateway, body):
    with gateway.nothing_changes():
        problem(gateway.post("operator", "/v1/parties", body), 422, "request-malformed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"role": "king"}, 422, "unknown-role"),
        ({"role": ""}, 422, "unknown-role"),
        ({"role": "bank", "starts": 1}, 422, "bad-period"),
        ({"role": "importer", "starts": 2_000_000_000, "ends": 1_999_999_999}, 422, "bad-period"),
        ({"role": "court"}, 409, "court-notice"),
        ({"role": "bank"}, 409, "role-standing"),
        ({"role": "bank", "ends": -1}, 422, "request-malformed"),
        ({"role": "bank", "ends": 2**48}, 422, "request-malformed"),
    ],
)
def test_roles_that_cannot_be_given(gateway, body, status, code):
    with gateway.nothing_changes():
        answer = gateway.post("operator", f"/v1/parties/{gateway.party('bank')}/roles", body)
        problem(answer, status, code)


def test_what_the_operator_asks_of_a_party_that_is_not_there_or_not_so(gateway):
    with gateway.nothing_changes():
        for number in (0, 999, 2**32, -1):
            problem(
                gateway.post("operator", f"/v1/parties/{number}/roles", {"role": "bank"}),
                404,
                "unknown-party",
            )
        path = f"/v1/parties/{gateway.party('bank')}"
        problem(gateway.post("operator", path + "/roles/end", {"role": "customs"}), 409, "role-not-standing")
        problem(gateway.delete("operator", path + "/suspension"), 409, "not-suspended")
        problem(
            gateway.post("operator", path + "/suspension", {"reason": "0x" + "00" * 32}), 422, "zero-digest"
        )


# Documents


def _as_of_today(case: dict[str, Any]) -> dict[str, Any]:
    """A day that was to come when the case was written is one that is to come now."""
    if case["finding"]["code"] != "date-in-future":
        return case
    passed = datetime.now(UTC).date() - TODAY
    later = [
        step | {"value": (date.fromisoformat(step["value"]) + passed).isoformat()} for step in case["patch"]
    ]
    return case | {"patch": later}


@pytest.mark.parametrize("case", WRONG, ids=[case["name"] for case in WRONG])
def test_a_wrong_bill_is_refused_with_its_finding(gateway, case):
    """Negative and absurd quantities, unknown fields, wrong totals: each by its name and place."""
    document = wrong(_as_of_today(case))
    with gateway.nothing_changes():
        answer = gateway.post("carrier", "/v1/documents", {"document": document})
        if answer.json()["code"] == "json-number":
            problem(answer, 400, "json-number")
            return
        body = problem(answer, 422, "document-refused")
        found = {(one["code"], one["severity"], one["path"]) for one in body["findings"]}
        assert (case["finding"]["code"], "error", case["finding"]["path"]) in found
        assert all(one["en"] and one["zh"] for one in body["findings"])


@pytest.mark.parametrize(
    "document", [{}, {"format": "other/1"}, {"format": 3}, {"format": ["landbridge/rail-bill/1"]}]
)
def test_a_document_of_an_unknown_format(gateway, document):
    with gateway.nothing_changes():
        answer = gateway.post("carrier", "/v1/documents", {"document": document})
        problem(answer, 422, "document-format-unknown")


def test_too_many_readers(gateway):
    with gateway.nothing_changes():
        body = {"document": gateway.document(), "readers": [3] * 17}
        problem(gateway.post("carrier", "/v1/documents", body), 422, "request-malformed")


def test_a_verification_that_asks_for_too_little(gateway, full_bill):
    with gateway.nothing_changes():
        for body in (
            {},
            {"document": {}},
            {"document": full_bill["document"], "bill": full_bill["bill"]},
            {"seed": "5a" * 32},
        ):
            problem(gateway.post("bank", "/v1/bills/verify", body), 422, "request-malformed")
        for change in (
            {"seed": "5a"},
            {"seed": "5A" * 32},
            {"bill": "x"},
            {"policy": {"required": []}},
            {"expect": {"max_head_age": 0}},
        ):
            body = {"document": full_bill["document"], "seed": full_bill["seed"]} | change
            problem(gateway.post("bank", "/v1/bills/verify", body), 422, "request-malformed")


# Both languages


@pytest.mark.parametrize(
    "code", ["json-truncated", "request-malformed", "unauthorized", "not-found", "intent-malformed"]
)
def test_each_refusal_is_told_in_the_language_asked(gateway, code):
    def ask(language):
        headers = {"accept-language": language}
        match code:
            case "json-truncated":
                return _post(gateway, "bank", "/v1/tokens", b"{", **headers)
            case "request-malformed":
                return gateway.post("bank", "/v1/tokens", {}, **headers)
            case "unauthorized":
                return gateway.post(None, "/v1/tokens", {}, **headers)
            case "not-found":
                return gateway.client.get("/nothing", headers=headers)
            case _:
                return gateway.post(
                    "bank", "/v1/intents/prepare", BODIES["/v1/intents/prepare"] | {"fields": {}}, **headers
                )

    english, chinese = ask("en-GB,zh;q=0.1"), ask("zh-CN")
    assert (english.headers["content-language"], chinese.headers["content-language"]) == ("en", "zh")
    one, other = (problem(a, english.status_code, code) for a in (english, chinese))
    for member in ("title", "detail", "next"):
        assert not any("\u4e00" <= character <= "\u9fff" for character in one[member])
        assert any("\u4e00" <= character <= "\u9fff" for character in other[member])
    assert one["type"] == other["type"]


# Size, on a real connection


@pytest.fixture(scope="module")
def port(gateway):
    """The same house behind a real server."""
    app = create_app(gateway.house.settings, house=gateway.house)
    number = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=number, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended at its start"
        time.sleep(0.02)
    yield number
    server.should_exit = True
    thread.join(60)


def _raw(port, head, pieces):
    """Send bytes as they are; gives the answer's status and JSON."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.encode())
        try:
            for piece in pieces:
                connection.sendall(piece)
        except OSError:
            pass  # it answered and hung up before all was sent
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
            received = connection.recv(65536)
            if not received:
                break
            answer += received
    status, _, body = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1]), status.lower()


def _head(gateway, *lines):
    token = gateway.headers("bank")["authorization"]
    return "\r\n".join(
        (
            "POST /v1/tokens HTTP/1.1",
            "Host: x",
            f"Authorization: {token}",
            "Content-Type: application/json",
            *lines,
            "",
            "",
        )
    )


def test_a_body_that_says_it_is_too_large_is_refused_unread(gateway, port):
    limit = gateway.house.settings.max_body
    with gateway.nothing_changes():
        # No body is sent: whoever waited for it would never answer.
        status, body, _ = _raw(port, _head(gateway, f"Content-Length: {limit + 1}", "Connection: close"), [])
        assert (status, body["code"], body["params"]) == (413, "request-too-large", {"limit": limit})


def test_a_body_in_pieces_without_a_length_is_refused_at_the_limit(gateway, port):
    limit = gateway.house.settings.max_body
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = _head(gateway, "Transfer-Encoding: chunked", "Connection: close")
    with gateway.nothing_changes():
        status, body, raw = _raw(port, head, [piece] * (limit // 65536 + 2))
        assert (status, body["code"]) == (413, "request-too-large")
        assert b"application/problem+json" in raw


def test_a_body_in_pieces_within_the_limit_is_read(gateway, port):
    content = json.dumps({"scopes": ["read"], "label": "in pieces"}).encode()
    pieces = [
        f"{len(content[i : i + 5]):x}\r\n".encode() + content[i : i + 5] + b"\r\n"
        for i in range(0, len(content), 5)
    ]
    head = _head(gateway, "Transfer-Encoding: chunked", "Connection: close")
    status, body, _ = _raw(port, head, [*pieces, b"0\r\n\r\n"])
    assert (status, body["label"]) == (201, "in pieces")


def test_a_whole_body_of_the_size_allowed_is_read_and_one_more_is_not(gateway):
    limit = gateway.house.settings.max_body
    good = json.dumps(BODIES["/v1/tokens"] | {"colour": ""})[:-2]
    with gateway.nothing_changes():
        for size, status, code in ((limit, 422, "request-malformed"), (limit + 1, 413, "request-too-large")):
            content = good + "x" * (size - len(good) - 2) + '"}'
            assert len(content) == size
            problem(_post(gateway, "bank", "/v1/tokens", content.encode()), status, code)
