"""Errors as RFC 9457 problems, whatever goes wrong: by a caller, by a part, or by a defect."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException

from api.kernel.problems import TEXTS
from api.kernel.room import RefusedByChainError
from chain.contracts import Reverted
from chain.errors import LandbridgeError
from tests.integration.gateway import problem
from vault.errors import VaultError


def _raise(monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("api.kernel.routes.tokens.auth.issue", fail)


def _ask(gateway, **headers):
    return gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "x"}, **headers)


@pytest.mark.parametrize("family", [LandbridgeError, VaultError])
@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_code_is_told_in_shape_and_in_both_languages(gateway, monkeypatch, family, code):
    kind = type("SomeError", (family,), {"code": code})
    _raise(monkeypatch, kind("a sentence", params={"fact": "a fact", "number": 3}))
    english = problem(_ask(gateway), TEXTS[code].status, code)
    chinese = problem(_ask(gateway, accept_language="zh-CN"), TEXTS[code].status, code)
    assert english["detail"] == "a sentence"
    assert english["params"] == chinese["params"] == {"fact": "a fact", "number": 3}
    assert (english["title"], english["next"]) == (TEXTS[code].en, TEXTS[code].next_en)
    assert (chinese["title"], chinese["next"]) == (TEXTS[code].zh, TEXTS[code].next_zh)
    assert set(english) == {"type", "title", "status", "detail", "code", "next", "params"}


@pytest.mark.parametrize("family", [LandbridgeError, VaultError])
def test_a_code_without_a_line_is_told_as_internal(gateway, monkeypatch, family):
    kind = type("SomeError", (family,), {"code": "of-tomorrow"})
    _raise(monkeypatch, kind("a sentence with /a/path", params={"secret": "x"}))
    body = problem(_ask(gateway), 500, "internal")
    assert "params" not in body
    assert "path" not in str(body)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("/home/somebody/.landbridge/keys is not readable"),
        KeyError("lb_0123456789abcdef_secret"),
        AssertionError("x"),
        RecursionError(),
        UnicodeDecodeError("utf-8", b"secret", 0, 1, "no"),
        MemoryError(),
        StopIteration("secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_defect_tells_nothing_of_itself(gateway, monkeypatch, error):
    _raise(monkeypatch, error)
    with gateway.nothing_changes():
        for language in ("en", "zh"):
            answer = _ask(gateway, accept_language=language)
            body = problem(answer, 500, "internal")
            assert set(body) == {"type", "title", "status", "detail", "code", "next"}
            for word in ("secret", "somebody", "Traceback", type(error).__name__, "bytes"):
                assert word not in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_gateway_works_on_after_a_defect(gateway, monkeypatch):
    _raise(monkeypatch, RuntimeError("x"))
    problem(_ask(gateway), 500, "internal")
    monkeypatch.undo()
    assert _ask(gateway).status_code == 201


def test_what_the_framework_raises_is_a_problem_too(gateway, monkeypatch):
    for status, code in (
        (404, "not-found"),
        (405, "method-not-allowed"),
        (413, "request-too-large"),
        (418, "request-malformed"),
        (503, "internal"),
    ):
        _raise(monkeypatch, HTTPException(status, "words of the framework"))
        answer = _ask(gateway)
        assert "words of the framework" not in answer.text
        problem(answer, TEXTS[code].status, code)


def test_a_refusal_of_the_chain_has_the_facts_of_the_contract(gateway, monkeypatch):
    reverted = Reverted("Some", {"bill": b"\x01" * 32, "given": 2, "who": "0x12", "odd": [1], "yes": True})
    _raise(monkeypatch, RefusedByChainError("wrong-party", "a sentence", reverted))
    body = problem(_ask(gateway), 403, "wrong-party")
    assert body["params"] == {"bill": "0x" + "01" * 32, "given": 2, "who": "0x12", "yes": True}


@pytest.mark.parametrize("size", [50, 400, 5_000, 1_000_000])
def test_no_answer_sends_back_what_a_caller_sent_at_length(gateway, size):
    long = "x" * size
    requests = [
        gateway.post(
            "bank",
            "/v1/intents/prepare",
            {"room": "bills", "act": "Transfer", "subject": "0x" + "5a" * 32, "fields": {long: 1, "to": 3}},
        ),
        gateway.post("bank", "/v1/tokens", {"scopes": [long], "label": "x"}),
        gateway.post("bank", "/v1/tokens", {long: 1}),
        gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": long}),
        gateway.post("bank", "/v1/documents", {"document": {"format": long}}),
        gateway.post("operator", "/v1/parties/1/roles", {"role": long[:40]}),
        gateway.get({"authorization": "Bearer " + long[:5000]}, "/v1/bills"),
    ]
    for answer in requests:
        assert answer.status_code >= 400 or size == 50
        assert len(answer.content) < 3_000


def test_control_characters_are_not_sent_back(gateway):
    fields = {"a\x1b[2Jb\u202e": 1, "to": 3}
    body = {"room": "bills", "act": "Transfer", "subject": "0x" + "5a" * 32, "fields": fields}
    told = problem(gateway.post("bank", "/v1/intents/prepare", body), 422, "intent-malformed")
    assert told["params"]["field"] == "a?[2Jb?"
    assert told["detail"] == "the field a?[2Jb? of Transfer is unknown"


def test_a_code_unknown_to_http_is_no_problem_of_the_caller():
    """No code of a caller's own fault answers 5xx, and none of the gateway's 4xx."""
    for code, text in TEXTS.items():
        if code.startswith(
            ("json", "intent-", "request-", "unknown-", "bad-", "idempotency", "merkle", "digest")
        ):
            assert 400 <= text.status < 500, code
        if code.startswith(("node", "blob", "keystore", "database", "settings", "storage")):
            assert text.status >= 500, code
