"""What is logged: one line a request, and in no line a token, a name, a number, or a word of a document."""

from __future__ import annotations

import logging

import pytest
from structlog.testing import capture_logs

from tests.integration.gateway import EVIDENCE


@pytest.fixture
def lines(caplog):
    """Everything logged, by whichever way."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as captured:
        yield captured, caplog


def _text(captured, caplog):
    """All lines but those of the client that the tests call with."""
    records = [record for record in caplog.records if record.name.split(".")[0] not in ("httpx", "httpcore")]
    return "\n".join([*(repr(line) for line in captured), *(record.getMessage() for record in records)])


def _walk(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (str(key), *_walk(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)
    elif isinstance(value, str):
        yield value


def test_a_whole_flow_leaves_no_secret_and_no_content(gateway, lines):
    captured, caplog = lines
    made = gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "the desk of Ms Somebody"}).json()
    document = gateway.document()
    kept = gateway.store(document, readers=("bank",))
    bill = kept["digest"]
    gateway.done(
        gateway.sign(
            "carrier",
            "Issue",
            bill,
            note=kept["facts"]["note"],
            holder=gateway.party("importer"),
            toOrder=True,
        )
    )
    gateway.done(gateway.sign("importer", "Transfer", bill, to=gateway.party("bank")))
    opened = gateway.get("bank", f"/v1/documents/{bill}").json()
    gateway.get("bank", f"/v1/documents/{bill}/sealed")
    gateway.post("bank", "/v1/bills/verify", {"document": opened["document"], "seed": opened["seed"]})
    gateway.get("bank", f"/v1/bills/{bill}/history")
    gateway.sign("bank", "Void", bill, reason=EVIDENCE)
    # And what is refused, on every way.
    gateway.post("carrier", "/v1/documents", {"document": document | {"note": {"number": "SECRET-NUMBER"}}})
    gateway.post("carrier", "/v1/documents", {"document": {"format": "SECRET-FORMAT"}, "SECRET-MEMBER": 1})
    gateway.get("carrier", "/v1/bills/SECRET-PATH", state="SECRET-QUERY")
    gateway.get({"authorization": "Bearer SECRET-TOKEN"}, "/v1/bills")
    gateway.post("carrier", "/v1/tokens", {"scopes": ["SECRET-SCOPE"], "label": "x"})
    gateway.client.request("SECRETMETHOD", "/v1/SECRET-ADDRESS", headers={"idempotency-key": "SECRET-KEY"})
    gateway.settle()

    text = _text(captured, caplog)
    assert len(captured) >= 15
    words = {
        word
        for word in _walk(document)
        if len(word) > 5 and not word.isidentifier() and word not in ("landbridge/rail-bill/1",)
    }
    assert len(words) > 50
    forbidden = words | {
        made["token"],
        made["token"].rsplit("_", 1)[1],
        made["id"],
        "the desk of Ms Somebody",
        opened["seed"],
        bill,
        bill[2:],
        "SECRET",
    }
    for member in gateway.members.values():
        token = member.headers["authorization"].removeprefix("Bearer ")
        forbidden |= {token, token.split("_")[1], token.split("_")[2]}
    forbidden |= {party["name"] for party in gateway.get("bank", "/v1/parties", limit=200).json()}
    assert [word for word in forbidden if word in text] == []


def test_one_line_a_request_with_what_an_operator_needs(gateway, lines):
    captured, _ = lines
    answer = gateway.get("bank", "/v1/bills")
    gateway.get("bank", "/v1/bills/nonsense")
    gateway.client.get("/nowhere/at/all")
    requests = [line for line in captured if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("GET", "/v1/bills", 200),
        ("GET", "/v1/bills/{bill}", 422),
        ("GET", "none", 404),
    ]
    assert requests[0]["id"] == answer.headers["x-request-id"]
    assert requests[0]["ms"] >= 0
    assert {tuple(sorted(line)) for line in requests} == {
        ("event", "id", "log_level", "method", "ms", "route", "status")
    }


def test_a_defect_is_logged_by_kind_and_place_alone(gateway, lines, monkeypatch):
    captured, caplog = lines

    def defect(*arguments, **options):
        raise KeyError("lb_0123456789abcdef_SECRET of a caller")

    monkeypatch.setattr("api.kernel.routes.tokens.auth.issue", defect)
    answer = gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "x"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["x-request-id"]
    (told,) = [line for line in captured if line["event"] == "unexpected"]
    assert told["kind"] == "KeyError"
    assert told["place"].startswith("tests.integration.test_api_logs:") or "test_api_logs" in told["place"]
    assert "SECRET" not in _text(captured, caplog) + answer.text
    assert [line["status"] for line in captured if line["event"] == "request"] == [500]
