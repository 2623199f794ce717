"""Proof bundles: made by a gateway, checked without it, and never passing once anything is changed."""

from __future__ import annotations

import copy
import json
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.domains.bills.bundle import BillBundle
from api.domains.bills.bundle_checks import BUNDLE_CHECKS, BUNDLE_POLICY, check_bundle
from api.kernel.bundles import (
    EVIDENCE_POLICY,
    MAX_BYTES,
    BundleError,
    EvidenceBundle,
    Trust,
    TrustError,
    log_checks,
    look_at_chain,
    read_bundle,
    read_trust,
    seal_bundle,
    whole_check,
)
from api.kernel.checks import Result, judge
from chain.canonical import canonical, parse
from chain.errors import LandbridgeError
from tests.clilab import cli
from tests.integration.gateway import Gateway, problem

HIDDEN = ("/bill/number", "/issuer/party")


@dataclass
class Case:
    """A bill that went through hands, with its bundle."""

    gateway: Gateway
    bill: str
    raw: bytes
    content: dict[str, Any]
    trust: Trust
    holder: int

    def checks(self, raw: bytes, trust: Trust | None = None, **options: Any) -> dict[str, Result]:
        """What each check says of a bill's bundle, against the gateway's own node."""
        bundle = read_bundle(raw, BillBundle)
        on_chain = look_at_chain(self.gateway.house.chain, bundle.chain)
        found = check_bundle(bundle, trust or self.trust, on_chain, **options)
        assert tuple(check.name for check in found) == BUNDLE_CHECKS
        return {check.name: check.result for check in found}

    def passes(self, raw: bytes, **options: Any) -> bool:
        """Whether a file is a bundle that passes; every refusal must be ours."""
        try:
            bundle = read_bundle(raw, BillBundle)
            on_chain = look_at_chain(self.gateway.house.chain, bundle.chain)
            return judge(check_bundle(bundle, self.trust, on_chain, **options), BUNDLE_POLICY).passed
        except LandbridgeError:
            return False

    def changed(self, change: Callable[[dict[str, Any]], None]) -> bytes:
        """The bundle with a change, and a digest that fits."""
        content = copy.deepcopy(self.content)
        del content["digest"]
        change(content)
        return seal_bundle(content)


@pytest.fixture(scope="module")
def case(gateway: Gateway) -> Case:
    """A bill issued, transferred and offered in vain, as its holder shows it."""
    made = gateway.full_bill()
    bill = made["bill"]
    gateway.done(gateway.sign("importer", "Offer", bill, to=gateway.party("bank"), expiry=2_000_000_000))
    gateway.done(gateway.sign("bank", "DeclineOffer", bill))
    gateway.done(gateway.sign("importer", "Transfer", bill, to=gateway.party("bank")))
    gateway.settle()
    answer = gateway.post("bank", f"/v1/bills/{bill}/bundle", {})
    assert answer.status_code == 200, answer.text
    trust = read_trust(gateway.get(None, "/v1/trust").content)
    content: Any = parse(answer.content)
    return Case(gateway, bill, answer.content, content, trust, gateway.party("bank"))


def test_a_bundle_passes_every_check_that_a_node_can_answer(case):
    found = case.checks(case.raw, holder=case.holder)
    ours = {name: result for name, result in found.items() if result is not Result.PASS}
    # Entrusted keys are told, and an embedded chain is never final: neither is demanded by default.
    assert ours == {"key-custody": Result.FAIL, "finality": Result.UNKNOWN}
    assert case.passes(case.raw, holder=case.holder)
    assert case.raw == canonical(case.content)


def test_chosen_fields_alone_pass_and_hide_the_others(case):
    answer = case.gateway.post("bank", f"/v1/bills/{case.bill}/bundle", {"fields": list(HIDDEN)})
    raw = answer.content
    assert case.passes(raw)
    shown: Any = parse(raw)
    assert [field["path"] for field in shown["document"]["fields"]] == [
        ["bill", "number"],
        ["issuer", "party"],
    ]
    whole = case.content["document"]["whole"]
    assert case.content["document"]["seed"].encode() not in raw
    secret = [text for text in _texts(whole) if len(text) > 12 and text not in json.dumps(shown["profiles"])]
    number = whole["bill"]["number"]
    assert secret
    assert [text for text in secret if text != number and text.encode() in raw] == []
    problem(
        case.gateway.post("bank", f"/v1/bills/{case.bill}/bundle", {"fields": ["/no/such"]}),
        422,
        "digest-field-missing",
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str) and not value.startswith("landbridge/"):
        yield value


def test_without_a_node_or_a_trust_root_nothing_is_taken_for_granted(case):
    bundle = read_bundle(case.raw, BillBundle)
    found = {check.name: check.result for check in check_bundle(bundle, case.trust, None)}
    known = {name for name, result in found.items() if result is Result.PASS}
    assert known == {"bundle", "registry", "integrity", "inclusion"}
    assert Result.FAIL not in found.values()
    on_chain = look_at_chain(case.gateway.house.chain, bundle.chain)
    alone = {check.name: check.result for check in check_bundle(bundle, None, on_chain)}
    assert (alone["registry"], alone["freshness"], alone["state"]) == (
        Result.UNKNOWN,
        Result.UNKNOWN,
        Result.PASS,
    )
    assert not judge(check_bundle(bundle, None, on_chain), BUNDLE_POLICY).passed


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        node: Any = content
        for step in steps:
            node = node[step]
        node[last] = value(node[last]) if callable(value) else value

    return change


def _flip(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (_set("document/whole/bill/number", "ANOTHER"), {"integrity"}),
        (_set("document/seed", _flip), {"integrity"}),
        (_set("deposit/entry/digest", "0x" + "5a" * 32), {"integrity", "inclusion"}),
        (_set("deposit/index", lambda index: index + 1), {"inclusion"}),
        (_set("head/root", _flip), {"inclusion", "anchoring"}),
        (_set("head/size", lambda size: size + 1), {"anchoring"}),
        (_set("head/block", lambda block: block - 1), {"anchoring"}),
        (_set("head/transaction", _flip), {"anchoring"}),
        (_set("chain/genesis", _flip), {"registry"}),
        (_set("chain/id", 1), {"registry", "inclusion"}),
        (_set("chain/contracts/RailBills", "0x" + "5a" * 20), {"registry", "inclusion"}),
        (_set("chain/contracts/AnchorLog", "0x" + "5a" * 20), {"registry"}),
        (_set("acts/0/message/holder", 1), {"inclusion", "signatures", "history"}),
        (_set("acts/1/message/deadline", lambda deadline: deadline + 1), {"inclusion", "signatures"}),
        (_set("acts/1/signatures/0", _flip), {"signatures"}),
        (_set("acts/1/signatures", []), {"signatures"}),
        (_set("profiles/0/content/name", "Another name"), {"parties"}),
        (_set("acts/1/block", lambda block: block - 1), {"history"}),
        (_set("acts/1/time", lambda time: time + 1), {"history"}),
        (_set("acts/1/transaction", _flip), {"history"}),
        (_set("acts/3/index", 0), {"inclusion"}),
        (_set("acts/3/path", []), {"inclusion"}),
        (_set("acts/0/act", "Void"), {"bundle"}),
        (lambda content: content["acts"].pop(), {"history"}),
        (lambda content: content["acts"].pop(1), {"history"}),
        (lambda content: content["acts"].insert(1, content["acts"][1]), {"history"}),
        (lambda content: content["acts"].reverse(), {"history"}),
    ],
)
def test_a_changed_bundle_fails_by_name(case, change, failing):
    raw = case.changed(change)
    found = case.checks(raw)
    assert {name for name in failing if found[name] is not Result.FAIL} == set()
    assert not case.passes(raw)


@pytest.mark.parametrize("part", ["document", "deposit", "acts", "head", "chain", "bill", "kind", "profiles"])
def test_a_missing_part_is_no_bundle(case, part):
    with pytest.raises(BundleError):
        read_bundle(case.changed(lambda content: content.pop(part)), BillBundle)
    with pytest.raises(BundleError):
        read_bundle(case.changed(lambda content: content | {}) + b" ", BillBundle)
    with pytest.raises(BundleError):
        read_bundle(case.changed(lambda content: content.update({part + "s?": 1})), BillBundle)


def test_the_holder_expected_and_the_bills_end(case):
    assert case.checks(case.raw, holder=case.holder + 1)["state"] is Result.FAIL
    made = case.gateway.full_bill()
    case.gateway.done(case.gateway.sign("importer", "Surrender", made["bill"]))
    case.gateway.settle()
    raw = case.gateway.post("importer", f"/v1/bills/{made['bill']}/bundle", {}).content
    assert case.checks(raw)["state"] is Result.FAIL  # presented for delivery: not live
    # A file made before the bill moved on tells less than the chain knows.
    case.gateway.done(case.gateway.sign("importer", "WithdrawSurrender", made["bill"]))
    found = case.checks(raw)
    assert (found["history"], found["state"]) == (Result.FAIL, Result.PASS)


def test_clocks_off_by_a_day(case):
    case.gateway.settle()  # else an anchor on its way would make the head younger
    head = case.gateway.house.head().timestamp
    assert case.checks(case.raw, now=head + 10)["freshness"] is Result.PASS
    assert case.checks(case.raw, now=head + 86_401)["freshness"] is Result.FAIL
    assert case.checks(case.raw, now=head - 86_400)["freshness"] is Result.UNKNOWN
    final = case.trust.model_copy(update={"confirmations": 1})
    assert case.checks(case.raw, final)["finality"] is Result.PASS
    deep = case.trust.model_copy(update={"confirmations": 10_000})
    assert case.checks(case.raw, deep)["finality"] is Result.UNKNOWN


def test_every_flipped_bit_of_a_file_is_noticed(case):
    luck = random.Random(7)  # noqa: S311 - a test's order, no secret
    for _ in range(400):
        place, bit = luck.randrange(len(case.raw)), luck.randrange(8)
        raw = bytearray(case.raw)
        raw[place] ^= 1 << bit
        with pytest.raises(BundleError):
            read_bundle(bytes(raw), BillBundle)
    for _ in range(60):
        with pytest.raises(BundleError):
            read_bundle(case.raw[: luck.randrange(len(case.raw))], BillBundle)


def test_nothing_that_is_changed_and_digested_anew_passes(case):
    """Whoever changes a bundle can also write its digest: then what it shows must fail."""
    luck = random.Random(11)  # noqa: S311 - a test's order, no secret
    places = list(_places(case.content, ()))
    places = [place for place in places if place != ("digest",)]
    for place in luck.sample(places, min(150, len(places))):
        for value in (None, 0, "", "0x" + "00" * 32, secrets.token_hex(8)):
            raw = case.changed(_put(place, value))
            assert raw == case.raw or not case.passes(raw), (place, value)
        assert not case.passes(case.changed(_drop(place))), place


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from _places(child, (*path, key))


def _put(path: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        node: Any = content
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = value

    return change


def _drop(path: tuple[Any, ...]) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        node: Any = content
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]

    return change


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"bundle":"landbridge/bundle/2"}',
        b"[" * 100_000,
        b'{"bundle":"landbridge/bundle/1","bundle":"landbridge/bundle/1"}',
        b" " * (MAX_BYTES + 1),
        b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}',
    ],
)
def test_what_is_no_bundle_is_refused_by_name(raw):
    with pytest.raises(BundleError):
        read_bundle(raw, BillBundle)
    with pytest.raises(TrustError):
        read_trust(raw)


def test_evidence_has_a_bundle_of_its_own(case):
    gateway = case.gateway
    body = {"type": "delivery-record/1", "digest": "0x" + "5a" * 32}
    leaf = gateway.post("carrier", "/v1/evidence", body, prefer="wait=20").json()["leaf"]
    answer = gateway.get("carrier", f"/v1/evidence/{leaf}/bundle")
    bundle = read_bundle(answer.content, EvidenceBundle)
    on_chain = look_at_chain(gateway.house.chain, bundle.chain)
    checks = [whole_check(bundle), *log_checks(bundle, case.trust, on_chain)]
    assert judge(checks, EVIDENCE_POLICY).passed
    assert bundle.deposit.entry["digest"] == body["digest"]
    with pytest.raises(BundleError):
        read_bundle(answer.content, BillBundle)
    for place in range(0, len(answer.content)):
        raw = bytearray(answer.content)
        raw[place] ^= 1
        with pytest.raises(BundleError):
            read_bundle(bytes(raw), EvidenceBundle)
    problem(gateway.get("importer", f"/v1/evidence/{leaf}/bundle"), 404, "not-found")


def test_who_may_have_a_bundle(case):
    gateway = case.gateway
    problem(gateway.post("stranger", f"/v1/bills/{case.bill}/bundle", {}), 404, "not-found")
    # Whoever has the document with its seed may have the proofs for it.
    whole = {"document": case.content["document"]["whole"], "seed": case.content["document"]["seed"]}
    answer = gateway.post("stranger", f"/v1/bills/{case.bill}/bundle", whole)
    assert case.passes(answer.content)
    problem(
        gateway.post("stranger", f"/v1/bills/{case.bill}/bundle", whole | {"seed": "5a" * 32}),
        422,
        "request-malformed",
    )
    quick = gateway.store(gateway.document())["digest"]
    problem(gateway.post("carrier", f"/v1/bills/{quick}/bundle", {}), 409, "log-not-anchored")


def test_the_command_line_verifies_without_a_gateway(case, tmp_path):
    bundle, trust = tmp_path / "bill.json", tmp_path / "trust.json"
    bundle.write_bytes(case.raw)
    trust.write_bytes(case.gateway.get(None, "/v1/trust").content)
    # Without a node what the chain says is unknown, and so the verdict fails.
    told = cli("verify", bundle, "--trust", trust, "--json")
    assert told.code == 1
    answer = told.json()
    assert answer["verdict"] == "fail"
    assert {"state", "history", "anchoring"} <= set(answer["reasons"])
    shown = cli("verify", bundle, "--trust", trust, "--lang", "zh")
    assert (shown.code, "所示内容均在日志中" in shown.out) == (1, True)
    bundle.with_suffix(".bad").write_bytes(case.raw[:-1])
    refused = cli("verify", bundle.with_suffix(".bad"), "--json")
    assert refused.code not in (0, 1)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"name": "paper", "required": ["bundle", "integrity", "inclusion"]}))
    assert cli("verify", bundle, "--policy", policy).code == 0
    policy.write_text(json.dumps({"name": "paper", "required": []}))
    assert cli("verify", bundle, "--policy", policy).code not in (0, 1)
