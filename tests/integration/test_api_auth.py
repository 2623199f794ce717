"""Who may call what: every route over the whole table, every scope, every way a token can be wrong.

The tables below are compared with the application's own routes, so a route that is added without saying here
who may call it fails the first test.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any

import pytest
from fastapi.routing import APIRoute

from chain.db import writing
from tests.integration.gateway import ALL, EVIDENCE, Gateway, problem

DIGEST = "0x" + "5a" * 32
APPROVAL = "5a" * 16
SIGNATURE = "0x" + "11" * 64 + "1b"
MESSAGE = {"bill": DIGEST, "sequence": 1, "deadline": 2_000_000_000, "to": 3}
PROFILE = {"name": "A name", "name_zh": "名称", "country": "CN"}
PREPARE = {"room": "bills", "act": "Transfer", "subject": DIGEST, "fields": {"to": 3}}
SUBMIT = {"room": "bills", "act": "Transfer", "message": MESSAGE, "signatures": [SIGNATURE]}

WEBHOOK = "wh_" + "5a" * 8
OPEN = {("GET", path) for path in ("/health", "/ready", "/metrics", "/v1/registry", "/v1/trust")}
ANYBODY = "a token of anybody"
OPERATOR = "operate"
SCOPED: dict[tuple[str, str], tuple[str, Any]] = {
    ("GET", "/v1/parties"): (ANYBODY, None),
    ("GET", "/v1/parties/1"): (ANYBODY, None),
    ("POST", "/v1/parties"): (OPERATOR, PROFILE),
    ("POST", "/v1/parties/admission"): (
        OPERATOR,
        PROFILE | {"key": "0x" + "1f" * 20, "reader_key": "5a" * 32},
    ),
    ("POST", "/v1/parties/admission/signed"): (OPERATOR, {"message": {}, "signature": SIGNATURE}),
    ("POST", "/v1/parties/1/roles"): (OPERATOR, {"role": "nonsense"}),
    ("POST", "/v1/parties/1/roles/end"): (OPERATOR, {"role": "nonsense"}),
    ("POST", "/v1/parties/0/suspension"): (OPERATOR, {"reason": EVIDENCE}),
    ("DELETE", "/v1/parties/0/suspension"): (OPERATOR, None),
    ("GET", "/v1/operations/scrubber"): (OPERATOR, None),
    ("POST", "/v1/operations/scrubber"): (OPERATOR, None),
    ("POST", "/v1/tokens"): ("tokens", {"scopes": ["nonsense"], "label": "x"}),
    ("GET", "/v1/tokens"): (ANYBODY, None),
    ("DELETE", "/v1/tokens/nonsense"): ("tokens", None),
    ("POST", "/v1/documents"): ("write", {"document": {}}),
    ("GET", f"/v1/documents/{DIGEST}"): ("read", None),
    ("GET", f"/v1/documents/{DIGEST}/sealed"): ("read", None),
    ("POST", f"/v1/documents/{DIGEST}/readers"): ("write", {"party": 1}),
    ("POST", "/v1/intents/prepare"): ("write", PREPARE),
    ("POST", "/v1/intents"): ("write", SUBMIT),
    ("POST", "/v1/intents/sign"): ("sign", PREPARE),
    ("POST", "/v1/intents/cosign"): ("sign", SUBMIT),
    ("GET", f"/v1/intents/{DIGEST}"): ("read", None),
    ("POST", "/v1/evidence"): ("write", {"type": "x", "digest": DIGEST}),
    ("GET", "/v1/evidence/0"): ("read", None),
    ("GET", "/v1/evidence/0/bundle"): ("read", None),
    ("GET", "/v1/log/head"): (ANYBODY, None),
    ("GET", "/v1/log/heads"): (ANYBODY, None),
    ("GET", "/v1/log/stream?seconds=0"): (ANYBODY, None),
    ("GET", "/v1/log/checkpoint"): (ANYBODY, None),
    ("GET", "/v1/log/inclusion?leaf=0&size=1"): (ANYBODY, None),
    ("GET", "/v1/log/consistency?from=0&size=1"): (ANYBODY, None),
    ("GET", "/v1/log/leaves"): (ANYBODY, None),
    ("POST", "/v1/log/verify"): ("read", {"leaf": 0, "size": 1, "leaf_hash": DIGEST, "path": []}),
    ("GET", "/v1/bills"): ("read", None),
    ("POST", "/v1/bills/check"): ("read", {"document": {}}),
    ("POST", "/v1/bills/verify"): ("read", {"bill": DIGEST}),
    ("GET", f"/v1/bills/{DIGEST}"): ("read", None),
    ("GET", f"/v1/bills/{DIGEST}/history"): ("read", None),
    ("POST", f"/v1/bills/{DIGEST}/bundle"): ("read", {}),
    ("POST", f"/v1/bills/{DIGEST}/paper"): ("read", {}),
    ("GET", "/v1/approvals"): ("read", None),
    ("GET", f"/v1/approvals/{APPROVAL}"): ("read", None),
    ("POST", f"/v1/approvals/{APPROVAL}/approve"): ("approve", {"digest": DIGEST}),
    ("POST", f"/v1/approvals/{APPROVAL}/decline"): ("approve", {"digest": DIGEST}),
    ("POST", f"/v1/approvals/{APPROVAL}/withdraw"): ("read", None),
    ("GET", "/v1/approval-rule"): ("read", None),
    ("PUT", "/v1/approval-rule"): ("approve", {"acts": []}),
    ("POST", "/v1/webhooks"): ("webhooks", {"url": "https://10.0.0.1/"}),
    ("GET", "/v1/webhooks"): ("webhooks", None),
    ("GET", "/v1/webhooks/types"): ("webhooks", None),
    ("GET", f"/v1/webhooks/{WEBHOOK}"): ("webhooks", None),
    ("PATCH", f"/v1/webhooks/{WEBHOOK}"): ("webhooks", {}),
    ("DELETE", f"/v1/webhooks/{WEBHOOK}"): ("webhooks", None),
    ("POST", f"/v1/webhooks/{WEBHOOK}/secret"): ("webhooks", {}),
    ("POST", f"/v1/webhooks/{WEBHOOK}/ping"): ("webhooks", None),
    ("GET", f"/v1/webhooks/{WEBHOOK}/deliveries"): ("webhooks", None),
    ("GET", f"/v1/webhooks/{WEBHOOK}/deliveries/1"): ("webhooks", None),
    ("POST", f"/v1/webhooks/{WEBHOOK}/deliveries/1/replay"): ("webhooks", None),
    ("POST", f"/v1/webhooks/{WEBHOOK}/replay"): ("webhooks", {"since": 0}),
}
CASES = [pytest.param(*key, *value, id=" ".join(key)[:40]) for key, value in SCOPED.items()]
# What the operator's token may call beside its own: it follows every act, and makes a party's first token.
OF_THE_OPERATOR_TOO = {
    ("GET", f"/v1/intents/{DIGEST}"),
    ("POST", "/v1/tokens"),
    ("DELETE", "/v1/tokens/nonsense"),
}


def _call(gateway: Gateway, who: Any, method: str, path: str, body: Any = None, **headers: str):
    return gateway.client.request(method, path, json=body, headers=gateway.headers(who) | headers)


def _pattern(path: str, known: set[str]) -> str:
    """The route's own pattern for an address in the tables above."""
    steps = path.partition("?")[0].split("/")
    (found,) = [
        pattern
        for pattern in known
        if len(pattern.split("/")) == len(steps)
        and all(p == s or p.startswith("{") for p, s in zip(pattern.split("/"), steps, strict=True))
        and (pattern == path or path not in known)
    ]
    return found


def _walk(routes: Any) -> list[Any]:
    found = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        found += _walk(inner.routes) if inner is not None else [route]
    return found


def test_the_tables_name_every_route_that_there_is(gateway):
    paths = gateway.app.openapi()["paths"]
    published = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    named = {(method, _pattern(path, set(paths))) for method, path in SCOPED}
    assert published == OPEN | named


def test_no_route_is_kept_out_of_the_published_ones(gateway):
    routes = _walk(gateway.app.router.routes)
    assert len([route for route in routes if isinstance(route, APIRoute)]) == len(OPEN) + len(SCOPED)
    assert all(route.include_in_schema for route in routes if isinstance(route, APIRoute))
    others = {getattr(route, "path", None) for route in routes if not isinstance(route, APIRoute)}
    # The verifier's page is of files as they lie in the package, for everybody.
    assert others <= {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/rpc", "/verifier"}


@pytest.mark.parametrize(("method", "path"), sorted(OPEN))
def test_open_routes_ask_for_no_token(gateway, method, path):
    assert _call(gateway, None, method, path).status_code == 200
    assert _call(gateway, {"authorization": "Bearer nonsense"}, method, path).status_code == 200


@pytest.fixture(scope="module")
def wrong_tokens(gateway):
    """Headers that let nobody in."""
    good = gateway.headers("carrier")["authorization"].removeprefix("Bearer ")
    revoked = gateway.token("carrier", *ALL)
    identity = revoked["authorization"].split("_")[1]
    assert gateway.delete(revoked, f"/v1/tokens/{identity}").status_code == 200
    expired = gateway.token("carrier", *ALL, lifetime=-1)
    return [
        {},
        revoked,
        expired,
        {"authorization": good},
        {"authorization": f"Basic {base64.b64encode(good.encode()).decode()}"},
        {"authorization": f"Bearer {good[:-1]}{'0' if good[-1] != '0' else '1'}"},
        {"authorization": f"Bearer {good}, Bearer {good}"},
        {"authorization": f"Bearer lb_{secrets.token_hex(8)}_{secrets.token_hex(32)}"},
        {"authorization": "Bearer " + "lb_" * 2000},
        {"cookie": f"token={good}"},
    ]


@pytest.mark.parametrize(("method", "path", "scope", "body"), CASES)
def test_no_route_answers_without_a_valid_token(gateway, wrong_tokens, method, path, scope, body):
    for headers in wrong_tokens:
        answer = _call(gateway, headers, method, path, body)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (
        _call(
            gateway, {}, method, path + "?token=" + gateway.headers("carrier")["authorization"][7:]
        ).status_code
        == 401
    )


def test_nothing_is_read_from_a_stranger(gateway):
    for content in (b"{", b"[" * 100_000, b"\xff" * 1000):
        answer = gateway.client.post(
            "/v1/documents", content=content, headers={"content-type": "application/json"}
        )
        problem(answer, 401, "unauthorized")


@pytest.mark.parametrize(("method", "path", "scope", "body"), [c for c in CASES if c.values[2] != ANYBODY])
def test_each_route_asks_for_its_scope(gateway, method, path, scope, body):
    """All other scopes together do not do; the scope alone does."""
    others = [one for one in ALL if one != scope]
    answer = _call(gateway, gateway.token("bank", *others), method, path, body)
    assert problem(answer, 403, "forbidden")["params"] == {"scope": scope}
    alone = gateway.token(None, OPERATOR) if scope == OPERATOR else gateway.token("bank", scope)
    answer = _call(gateway, alone, method, path, body)
    assert answer.status_code not in (401, 403) or answer.json()["params"].get("scope") == "nonsense", (
        answer.text
    )


@pytest.mark.parametrize(("method", "path", "scope", "body"), CASES)
def test_the_operator_opens_nothing_and_signs_for_nobody(gateway, method, path, scope, body):
    answer = _call(gateway, "operator", method, path, body)
    if scope in (OPERATOR, ANYBODY) or (method, path) in OF_THE_OPERATOR_TOO:
        assert answer.status_code not in (401, 403)
    else:
        problem(answer, 403, "forbidden")


def test_the_operator_cannot_even_with_what_exists(gateway, full_bill):
    bill = full_bill["bill"]
    with gateway.nothing_changes():
        for path in (
            f"/v1/documents/{bill}",
            f"/v1/documents/{bill}/sealed",
            f"/v1/bills/{bill}",
            "/v1/bills",
        ):
            problem(gateway.get("operator", path), 403, "forbidden")
        problem(gateway.post("operator", "/v1/bills/verify", {"bill": bill}), 403, "forbidden")
        problem(gateway.sign("operator", "Transfer", bill, to=gateway.party("bank")), 403, "forbidden")
        body = {"party": gateway.party("stranger")}
        problem(gateway.post("operator", f"/v1/documents/{bill}/readers", body), 403, "forbidden")


# Making tokens


def _make(gateway: Gateway, who: Any, *scopes: str, **more: Any):
    return gateway.post(who, "/v1/tokens", {"scopes": list(scopes), "label": "made", **more})


def test_a_party_makes_tokens_of_its_own_scopes_at_most(gateway):
    maker = gateway.token("bank", "tokens", "read")
    with gateway.nothing_changes():
        for scopes in (["write"], ["read", "sign"], ["operate"], ["read", "operate"]):
            assert problem(_make(gateway, maker, *scopes), 403, "forbidden")["params"]["scope"] == scopes[-1]
        problem(_make(gateway, maker, "read", party=gateway.party("carrier")), 403, "forbidden")
        problem(_make(gateway, gateway.members["bank"].headers, "everything"), 403, "forbidden")
    made = _make(gateway, maker, "read")
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    body = made.json()
    assert (body["party"], body["scopes"]) == (gateway.party("bank"), ["read"])
    assert body["expires"] - body["created"] == 7_776_000
    own = {"authorization": "Bearer " + body["token"]}
    assert gateway.get(own, "/v1/bills").status_code == 200
    problem(_make(gateway, own, "read"), 403, "forbidden")


def test_the_operator_makes_a_partys_token_and_its_own_and_mixes_none(gateway):
    party = gateway.party("bank")
    with gateway.nothing_changes():
        for scopes, named in (
            (["read"], None),
            (["operate"], party),
            (["read", "operate"], party),
            (["operate", "read"], None),
        ):
            problem(
                _make(gateway, "operator", *scopes, **({"party": named} if named else {})),
                400,
                "unknown-scope",
            )
        problem(_make(gateway, "operator", "everything", party=party), 400, "unknown-scope")
        problem(_make(gateway, "operator", "read", party=4_000_000_000), 404, "unknown-party")
    assert _make(gateway, "operator", "read", "sign", party=party).json()["party"] == party
    assert _make(gateway, "operator", "operate").json()["party"] is None


@pytest.mark.parametrize("lifetime", [0, 59, -1, 366 * 86_400 + 1, 1e3, "60", True, None])
def test_lifetimes_that_nobody_can_have(gateway, lifetime):
    with gateway.nothing_changes():
        answer = gateway.client.post(
            "/v1/tokens",
            json={"scopes": ["read"], "label": "x", "lifetime": lifetime},
            headers=gateway.headers("bank"),
        )
        assert answer.status_code in (400, 422)
        assert answer.json()["code"] in ("request-malformed", "json-number")


def test_a_token_is_shown_once_and_kept_as_a_digest_alone(gateway):
    made = _make(gateway, "bank", "read").json()
    secret = made["token"].rsplit("_", 1)[1]
    shown = gateway.get("bank", "/v1/tokens").json()
    assert made["id"] in [one["id"] for one in shown]
    assert all("token" not in one and "digest" not in one for one in shown)
    secrets_known = [
        secret,
        *(m.headers["authorization"].rsplit("_", 1)[1] for m in gateway.members.values()),
    ]
    files = [file for file in gateway.house.settings.data_dir.rglob("*") if file.is_file()]
    assert any(made["id"].encode() in file.read_bytes() for file in files)
    for file in files:
        content = file.read_bytes()
        for one in secrets_known:
            assert one.encode() not in content, file.name
            assert bytes.fromhex(one) not in content, file.name


def test_nobody_sees_or_revokes_anothers_token(gateway):
    mine = _make(gateway, "bank", "read").json()
    for who in ("carrier", "operator"):
        assert mine["id"] not in [one["id"] for one in gateway.get(who, "/v1/tokens").json()]
    with gateway.nothing_changes():
        for who in ("carrier", "operator"):
            refused = problem(gateway.delete(who, f"/v1/tokens/{mine['id']}"), 404, "not-found")
            unknown = problem(gateway.delete(who, f"/v1/tokens/{'0' * 16}"), 404, "not-found")
            assert refused == unknown


def test_a_revoked_token_is_refused_at_once_and_may_revoke_itself(gateway):
    made = _make(gateway, "bank", "read").json()
    own = {"authorization": "Bearer " + made["token"]}
    assert gateway.get(own, "/v1/bills").status_code == 200
    first = gateway.delete(own, f"/v1/tokens/{made['id']}")
    assert first.status_code == 200
    assert first.json()["revoked"] <= int(time.time())
    problem(gateway.get(own, "/v1/bills"), 401, "unauthorized")
    again = gateway.delete("bank", f"/v1/tokens/{made['id']}")
    assert again.json()["revoked"] == first.json()["revoked"]


def test_a_token_ends_when_its_time_is_over(gateway, monkeypatch):
    headers = gateway.token("bank", "read", lifetime=60)
    assert gateway.get(headers, "/v1/bills").status_code == 200
    now = time.time()
    monkeypatch.setattr("api.kernel.transaction.time.time", lambda: now + 61)
    problem(gateway.get(headers, "/v1/bills"), 401, "unauthorized")


def test_a_token_of_another_gateway_is_worth_nothing(gateway):
    """Its identity may collide; its secret decides."""
    from api.kernel.auth import issue

    identity = gateway.headers("bank")["authorization"].split("_")[1]
    token, row = issue(party=1, scopes=("read",), label="x", now=int(time.time()), lifetime=60)
    with writing(gateway.house.engine) as session:
        assert session.get(type(row), identity) is not None
    forged = f"Bearer lb_{identity}_{token.rsplit('_', 1)[1]}"
    problem(gateway.get({"authorization": forged}, "/v1/bills"), 401, "unauthorized")
