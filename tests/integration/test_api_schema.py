"""The published description: whole, true to what is answered, and survived whatever is sent by it.

Every operation is called with requests generated from the description (schemathesis), in the forms that it
allows and in forms that it does not, by a party and by the operator, on things that exist and on things that
do not. No answer is a 5xx, and each fits what is published.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.domains.bills.document import check_value
from api.settings import Settings
from chain.intents import keccak
from chain.signers import KeySigner
from tests.integration.desk import Desk
from tests.integration.gateway import EVIDENCE, Gateway, Member, open_gateway
from tests.ports import free_port
from vault.keys import PrivateKey

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DESCRIPTION = create_app(Settings()).openapi()
OPERATIONS = [(method, path) for path, methods in DESCRIPTION["paths"].items() for method in methods]
BODIES = [
    (method, path) for method, path in OPERATIONS if "requestBody" in DESCRIPTION["paths"][path][method]
]


def _operation(method: str, path: str) -> dict[str, Any]:
    return DESCRIPTION["paths"][path][method]


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].rsplit("/", 1)[-1]
    return DESCRIPTION["components"]["schemas"][name]


# It is whole


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_each_operation_says_what_it_is_for(method, path):
    operation = _operation(method, path)
    assert 4 <= len(operation["summary"]) <= 60
    assert len(operation["description"]) > 15
    assert operation["tags"]
    assert all(answer["description"] for answer in operation["responses"].values())


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one[1].startswith("/v1/")])
def test_each_operation_documents_its_errors(method, path):
    operation = _operation(method, path)
    answers = operation["responses"]
    if path not in ("/v1/registry", "/v1/trust"):
        assert {"400", "401", "403", "404", "409", "413", "422", "500", "503", "507"} <= set(answers)
        assert operation["security"] == [{"token": []}]
    for status, answer in answers.items():
        if status >= "400":
            reference = answer["content"]["application/problem+json"]["schema"]
            assert reference == {"$ref": "#/components/schemas/Problem"}
            assert set(answer["content"]) == {"application/problem+json"}
        else:
            assert "content" in answer or status == "204"


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one[0] != "get"])
def test_each_unsafe_operation_takes_an_idempotency_key(method, path):
    headers = {p["name"]: p for p in _operation(method, path)["parameters"] if p["in"] == "header"}
    assert headers["Idempotency-Key"]["required"] is False
    assert "Accept-Language" in headers


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_each_body_has_examples_that_fit_it(method, path):
    content = _operation(method, path)["requestBody"]["content"]
    assert set(content) == {"application/json"}
    schema = _resolved(content["application/json"]["schema"])
    assert schema["examples"]
    assert schema["additionalProperties"] is False, "unknown members are refused"
    whole = {**schema, "components": DESCRIPTION["components"]}
    validator = jsonschema.Draft202012Validator(whole)
    for example in schema["examples"]:
        validator.validate(example)


def test_the_documents_shown_are_sound():
    schemas = DESCRIPTION["components"]["schemas"]
    for name in ("DocumentIn", "CheckIn"):
        for example in schemas[name]["examples"]:
            assert check_value(example["document"]).errors == ()


def test_every_member_that_is_not_plain_is_described():
    """A digest, an address, a time: each says what it is."""
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        assert schema.get("description"), name
    assert DESCRIPTION["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert DESCRIPTION["openapi"].startswith("3.1")
    assert DESCRIPTION["info"]["license"]["name"] == "Apache-2.0"


def test_the_description_is_what_is_served(place):
    served = place.get(None, "/openapi.json").json()
    assert served == json.loads(json.dumps(DESCRIPTION))
    assert place.get(None, "/docs").status_code == 200


# It is true, and survived


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A gateway of its own: what is generated may suspend its parties."""
    with open_gateway(tmp_path_factory.mktemp("schema")) as gateway:
        gateway.join("carrier", gateway.admit_entrusted("carrier"))
        gateway.role("carrier", "carrier")
        for name in ("haulier", "owner"):
            signer, reader = KeySigner(keccak(name.encode())), PrivateKey.generate()
            gateway.join(name, gateway.admit_own(name, signer, reader), signer, reader)
        gateway.role("haulier", "carrier")
        desk = Desk(gateway, "carrier")
        desk.hire("ada", "ben", "cao")
        desk.rule("bills/Void")
        for name, headers in desk.people.items():
            gateway.members[name] = Member(name, desk.number, headers)
        gateway.house.webhooks.sender.stop()  # nothing is sent to addresses that are made up here
        yield gateway


@pytest.fixture(scope="module")
def known(place) -> dict[str, list[Any]]:
    """Things that exist, by the name of the parameter or member that may name them."""
    bill = place.full_bill(holder="carrier")["bill"]
    quick = [place.quick_bill(holder="carrier"), place.quick_bill()]
    act = place.act("Offer", quick[1], to=place.party("carrier"), expiry=2_000_000_000)
    done = place.done(place.submit("owner", act, place.members["owner"].signer))
    token = place.post("carrier", "/v1/tokens", {"scopes": ["read"], "label": "x"}).json()["id"]
    url = f"https://127.0.0.1:{free_port()}/"
    webhook = place.post("carrier", "/v1/webhooks", {"url": url}).json()["webhook"]
    ping = place.post("carrier", f"/v1/webhooks/{webhook}/ping").json()
    digests = [bill, *quick, done["id"]]
    numbers = [member.number for member in place.members.values()]
    moves = [place.act("Transfer", one, to=numbers[0]) for one in (bill, *quick)]
    signed = place.submission(moves[2], place.members["owner"].signer)
    void = {"room": "bills", "act": "Void", "subject": quick[0], "fields": {"reason": EVIDENCE}}
    waiting = [place.post(name, "/v1/intents/sign", void).json() for name in ("ada", "ben", "carrier")]
    digests += [one["digest"] for one in waiting]
    return {
        "approval": [one["id"] for one in waiting],
        "acts": [["bills/Transfer"], ["*"], []],
        "person": ["dee"],
        "fields": [
            {},
            {"to": numbers[0]},
            {"to": 999},
            {"reason": EVIDENCE},
            {"to": 2, "expiry": 2_000_000_000},
        ],
        "message": [act.typed_data(place.domain())["message"] for act in moves],
        "signatures": [signed["signatures"], signed["signatures"] * 2],
        "document": [place.document(issuer="carrier", holder="owner"), {"format": "landbridge/rail-bill/1"}],
        "seed": ["5a" * 32],
        "bill": digests,
        "digest": digests,
        "subject": digests + numbers,
        "party": numbers,
        "token": [token],
        "webhook": [webhook],
        "delivery": [ping["delivery"]],
        "after": [ping["event"]],
        "url": [url],
        "room": ["bills", "parties"],
        "act": ["Transfer", "Surrender", "Void", "Offer", "AddKey", "Issue"],
        "role": ["carrier", "bank"],
        "scopes": [["read"], ["read", "sign"], ["operate"], ["read", "approve"]],
        "state": ["issued"],
    }


def _make_real(case: Any, known: dict[str, list[Any]], dice: random.Random) -> None:
    """Let some of what was generated name things that exist."""
    for where in (case.path_parameters, case.query, case.body):
        if isinstance(where, dict):
            for name in where.keys() & known.keys():
                if dice.random() < 0.6:
                    where[name] = dice.choice(known[name])


def _send(place: Gateway, case: Any, who: str) -> Any:
    sent = case.as_transport_kwargs(base_url="http://testserver")
    # The caller is chosen here; a generated token would let nobody in (see test_api_auth.py).
    headers = {
        n: v for n, v in dict(sent["headers"]).items() if v is not None and n.lower() != "authorization"
    }
    headers |= place.headers(who)
    content = sent.get("data")
    if "json" in sent:
        content = json.dumps(sent["json"]).encode()
        headers.setdefault("Content-Type", "application/json")
    return place.client.request(
        sent["method"],
        sent["url"],
        params=sent.get("params"),
        headers={k: v.encode("utf-8") if isinstance(v, str) else v for k, v in headers.items()},
        content=content,
    )


EXAMPLES = int(os.environ.get("LANDBRIDGE_SCHEMA_EXAMPLES", "8"))
"""Requests for each operation and mode; more than the default are drawn anew in each run."""
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(DESCRIPTION)))
FUZZED = {(found.ok().method, found.ok().path): found.ok() for found in SCHEMA.get_all_operations()}
del FUZZED["get", "/v1/log/stream"]  # it ends when its caller wishes: tests/integration/test_log_api.py
# Each makes two keys and locks them, which is slow by design.
SLOW = {("post", "/v1/parties"): 2}


def _callers(method: str, path: str) -> tuple[str | None, ...]:
    if not path.startswith("/v1/") or path in ("/v1/registry", "/v1/trust"):
        return (None,)
    if "/approval" in path:
        return ("ada", "ben", "carrier", "owner", "operator")
    return ("carrier", "operator") if "/parties" in path or "/tokens" in path else ("carrier", "owner")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), sorted(FUZZED))
def test_nothing_that_is_sent_breaks_it_and_every_answer_fits(place, known, method, path, mode):
    strategy = FUZZED[method, path].as_strategy(generation_mode=mode)

    @given(case=strategy, dice=st.randoms(use_true_random=False), who=st.sampled_from(_callers(method, path)))
    @settings(
        max_examples=SLOW.get((method, path), EXAMPLES),
        deadline=None,
        derandomize=EXAMPLES <= 8,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def check(case, dice, who):
        _make_real(case, known, dice)
        response = _send(place, case, who)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code != 401

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing can be wrong with a request that has no parts


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_the_examples_are_answered_as_published(place, method, path):
    """Whoever copies an example gets an answer, not a malformed request."""
    operation = FUZZED[method, path]
    for example in _resolved(
        operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    )["examples"]:
        case = operation.Case(
            path_parameters={
                "digest": "0x" + "5a" * 32,
                "party": 1,
                "bill": "0x" + "5a" * 32,
                "approval": "5a" * 16,
                "webhook": "wh_" + "5a" * 8,
            },
            body=example,
            media_type="application/json",
        )
        for who in _callers(method, path):
            response = _send(place, case, str(who))
            case.validate_response(response, checks=CHECKS)
            assert response.json().get("code") != "request-malformed" if response.content else True
