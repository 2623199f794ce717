"""The two verifiers say the same of every bundle, check by check, where both ask one node."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.domains.bills.bundle import BillBundle
from api.domains.bills.bundle_checks import check_bundle
from api.kernel.bundles import (
    BundleError,
    EvidenceBundle,
    Trust,
    log_checks,
    look_at_chain,
    read_bundle,
    read_trust,
    seal_bundle,
    whole_check,
)
from api.kernel.door import Door
from chain.canonical import canonical, parse
from tests.integration.conftest import Served
from tests.integration.gateway import Gateway, gateway  # noqa: F401 - a fixture
from tests.javascript.bridge import judge

pytestmark = pytest.mark.timeout(900)
VECTORS = Path(__file__).parents[1] / "vectors" / "bundles"


class Shown:
    """A bill's bundle, a trust root, and a node that answers over HTTP."""

    def __init__(self, gateway: Gateway, url: str) -> None:  # noqa: F811
        self.gateway, self.url = gateway, url
        made = gateway.full_bill()
        self.bill = made["bill"]
        bank = gateway.party("bank")
        gateway.done(gateway.sign("importer", "Offer", self.bill, to=bank, expiry=2_000_000_000))
        gateway.done(gateway.sign("bank", "DeclineOffer", self.bill))
        gateway.done(gateway.sign("importer", "Transfer", self.bill, to=bank))
        self.trust: bytes = gateway.get(None, "/v1/trust").content
        self.raw = self.bundle()
        self.content: Any = parse(self.raw)
        self.now = gateway.house.head().timestamp + 5

    def bundle(self, who: str = "bank", **body: Any) -> bytes:
        self.gateway.settle()
        answer = self.gateway.post(who, f"/v1/bills/{self.bill}/bundle", body)
        assert answer.status_code == 200, answer.text
        return answer.content

    def python(
        self, raw: bytes, *, trust: bytes | None = b"", node: bool = True, **options: Any
    ) -> dict[str, str]:
        """What the verifier in Python says, by name of the check; nothing where it refuses the file."""
        root = read_trust(self.trust if trust == b"" else trust) if trust is not None else None
        options = {"now": self.now} | options
        try:
            kind = EvidenceBundle if b'"kind":"evidence"' in raw else BillBundle
            bundle = read_bundle(raw, kind)
        except BundleError:
            return {}
        seen = look_at_chain(self.gateway.house.chain, bundle.chain) if node else None
        if isinstance(bundle, BillBundle):
            checks = check_bundle(bundle, root, seen, **options)
        else:
            checks = [whole_check(bundle), *log_checks(bundle, root, seen, now=options["now"])]
        return {check.name: check.result.value for check in checks}

    def case(
        self, raw: bytes, *, trust: bytes | None = b"", node: bool = True, **options: Any
    ) -> dict[str, Any]:
        return {
            "file": raw,
            "trust": self.trust if trust == b"" else trust,
            "node": self.url if node else None,
            "now": self.now,
            **options,
        }

    def agree(self, *cases: tuple[bytes, dict[str, Any]]) -> list[dict[str, Any]]:
        """Both say the same of each."""
        answers = judge([self.case(raw, **options) for raw, options in cases])
        for (raw, options), answer in zip(cases, answers, strict=True):
            expected = self.python(raw, **options)
            if expected:
                assert (answer["refusal"], answer["checks"]) == (None, expected)
            else:
                assert answer["refusal"]["code"].startswith("bundle-")
                assert set(answer["checks"].values()) == {"fail", "unknown"}
                assert answer["verdict"] == "fail"
        return answers


@pytest.fixture(scope="module")
def shown(gateway: Gateway) -> Iterator[Shown]:  # noqa: F811
    with Served(Door(gateway.house.chain.node, gateway.house.deployment.contracts.values())) as served:
        yield Shown(gateway, served.url)


def test_with_a_node_all_passes_that_can(shown):
    [answer, *_] = shown.agree((shown.raw, {"holder": shown.gateway.party("bank")}))
    assert (answer["verdict"], answer["reasons"]) == ("pass", [])
    others = {name for name, result in answer["checks"].items() if result != "pass"}
    assert others == {
        "key-custody",
        "finality",
    }  # its keys are entrusted, and an embedded chain is never final


def test_sources_that_are_missing_clocks_and_holders(shown):
    head = shown.gateway.house.head().timestamp
    other = parse(shown.trust)
    other["chain"]["id"] += 1
    final = parse(shown.trust) | {"confirmations": 1}
    deep = parse(shown.trust) | {"confirmations": 10_000}
    answers = shown.agree(
        (shown.raw, {"node": False}),
        (shown.raw, {"trust": None}),
        (shown.raw, {"node": False, "trust": None}),
        (shown.raw, {"trust": canonical(other)}),
        (shown.raw, {"trust": canonical(final)}),
        (shown.raw, {"trust": canonical(deep)}),
        (shown.raw, {"holder": 1 << 31}),
        (shown.raw, {"now": head - 86_400}),
        (shown.raw, {"now": head + 100_000_000}),
    )
    assert [answer["verdict"] for answer in answers] == ["fail"] * 4 + ["pass"] * 2 + ["fail"] * 3


def test_chosen_fields(shown):
    raw = shown.bundle(fields=["/issuer/party", "/bill/number"])
    hidden = shown.bundle(fields=["/bill/number"])
    changed = parse(raw)
    changed["document"]["fields"][1]["value"] = 7
    del changed["digest"]
    answers = shown.agree((raw, {}), (hidden, {}), (seal_bundle(changed), {}))
    assert [answer["verdict"] for answer in answers] == ["pass", "fail", "fail"]
    assert answers[1]["checks"]["issuer"] == "unknown"


def test_evidence(shown):
    body = {"type": "delivery-record/1", "digest": "0x" + "5a" * 32}
    leaf = shown.gateway.post("carrier", "/v1/evidence", body, prefer="wait=20").json()["leaf"]
    raw = shown.gateway.get("carrier", f"/v1/evidence/{leaf}/bundle").content
    content: Any = parse(raw)
    del content["digest"]
    cases = [raw]
    for path, value in _changes(content):
        cases.append(_with(content, path, value))
    answers = shown.agree(*((one, {}) for one in cases))
    assert [answer["verdict"] for answer in answers] == ["pass"] + ["fail"] * (len(cases) - 1)


def test_nothing_that_is_changed_and_digested_anew_passes_or_is_judged_otherwise(shown):
    content = copy.deepcopy(shown.content)
    del content["digest"]
    luck = random.Random(5)  # noqa: S311 - a test's order, no secret
    changes = [one for one in _changes(content) if one[0][0] != "document" or luck.random() < 0.05]
    cases = [_with(content, path, value) for path, value in luck.sample(changes, 220)]
    acts = content["acts"]
    for order in ([0, 2, 1, 3], [3, 2, 1, 0], [0, 1, 2], [1, 2, 3], [0, 0, 1, 2, 3], [0, 1, 1, 2, 3], [0]):
        cases.append(seal_bundle({**content, "acts": [acts[place] for place in order]}))
    answers = shown.agree(*((one, {}) for one in cases if one != shown.raw))
    assert {answer["verdict"] for answer in answers} == {"fail"}


def test_a_bill_that_ended_or_moved_on(shown):
    gateway_, bill = shown.gateway, shown.bill
    other = Shown(gateway_, shown.url)
    gateway_.done(gateway_.sign("bank", "Surrender", other.bill))
    surrendered = other.bundle()
    gateway_.done(gateway_.sign("bank", "WithdrawSurrender", other.bill))
    assert bill != other.bill
    answers = other.agree((surrendered, {}), (other.bundle(), {}), (other.raw, {}))
    assert [answer["verdict"] for answer in answers] == ["fail", "pass", "fail"]


def test_a_node_that_is_none(shown):
    addresses = ("http://127.0.0.1:9", "ftp://127.0.0.1", "x")
    answers = judge([{**shown.case(shown.raw), "node": address} for address in addresses])
    assert [answer["verdict"] for answer in answers] == [None] * 3
    codes = [answer["refusal"]["code"] for answer in answers]
    assert codes == ["node-down", "node-address", "node-address"]


@pytest.mark.parametrize("base", ["live", "fields", "delivered", "voided", "batch", "evidence"])
def test_sealed_bundles_changed_at_random_are_judged_alike(base):
    luck = random.Random(base)  # noqa: S311 - a test's order, no secret
    trust = (VECTORS / "trust.json").read_bytes()
    told = json.loads((VECTORS / "cases.json").read_text())
    now = next(case["now"] for case in told if case.get("file") == f"{base}.json")
    content: Any = parse((VECTORS / f"{base}.json").read_bytes())
    del content["digest"]
    changes = [(path, value) for path, value in _changes(content) if path[0] != "document"]
    chosen = [*luck.sample(changes, 30), *(_nudged(luck, content, changes) for _ in range(30))]
    cases = [_with(content, path, value) for path, value in chosen]
    answers = judge([{"file": raw, "trust": trust, "now": now} for raw in cases])
    for (path, _), raw, answer in zip(chosen, cases, answers, strict=True):
        expected = _judged(raw, read_trust(trust), now)
        if expected is None:
            assert answer["refusal"]["code"].startswith("bundle-"), path
        else:
            assert (answer["refusal"], answer["checks"]) == (None, expected), path


def _judged(raw: bytes, trust: Trust, now: int) -> dict[str, str] | None:
    try:
        if b'"kind":"evidence"' in raw:
            evidence = read_bundle(raw, EvidenceBundle)
            checks = [whole_check(evidence), *log_checks(evidence, trust, None, now=now)]
        else:
            checks = check_bundle(read_bundle(raw, BillBundle), trust, None, now=now)
    except BundleError:
        return None
    return {check.name: check.result.value for check in checks}


def _nudged(luck: random.Random, content: Any, changes: list[Any]) -> tuple[tuple[Any, ...], Any]:
    """A part that is changed a little: a digit, a number by one, the order of a list."""
    path = luck.choice(changes)[0]
    value = content
    for step in path:
        value = value[step]
    if isinstance(value, str) and len(value) > 4:
        place = luck.randrange(2, len(value))
        return path, value[:place] + luck.choice("0123456789abcdef") + value[place + 1 :]
    if isinstance(value, int) and not isinstance(value, bool):
        return path, max(0, value + luck.choice((-1, 1, 7, 2**32)))
    if isinstance(value, list):
        return path, luck.choice((value[::-1], value[1:], [*value, *value[:1]]))
    return path, ...


VALUES = (None, 0, "", "0x" + "00" * 32, {}, [], True, 2**53 - 1)


def _changes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place with every other value, and without it."""
    if path:
        yield path, ...
        yield from ((path, other) for other in VALUES if other != value)
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, child in children:
        yield from _changes(child, (*path, step))


def _with(content: dict[str, Any], path: tuple[Any, ...], value: Any) -> bytes:
    changed = copy.deepcopy(content)
    node: Any = changed
    for step in path[:-1]:
        node = node[step]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return seal_bundle(changed)
