"""The shared vectors of sealed bundles (tests/vectors/bundles), read with no network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.domains.bills.bundle import BillBundle
from api.domains.bills.bundle_checks import BUNDLE_POLICY, check_bundle
from api.kernel.bundles import (
    EVIDENCE_POLICY,
    EvidenceBundle,
    kind_of,
    log_checks,
    read_bundle,
    read_trust,
    whole_check,
)
from api.kernel.checks import Check, judge
from chain.errors import LandbridgeError
from tests.vectors import make_bundles

CASES: list[dict[str, Any]] = json.loads(make_bundles.CASES.read_text())


def file_of(case: dict[str, Any]) -> bytes:
    """A case's file."""
    if "file" in case:
        return (make_bundles.FOLDER / case["file"]).read_bytes()
    base = json.loads((make_bundles.FOLDER / case["base"]).read_text())
    return make_bundles.applied(base, case)


def checks_of(case: dict[str, Any]) -> tuple[list[Check], bool]:
    """What each check says, and the verdict."""
    raw = file_of(case)
    trust = read_trust((make_bundles.FOLDER / case["trust"]).read_bytes()) if case["trust"] else None
    if kind_of(raw) == "bill":
        bundle = read_bundle(raw, BillBundle)
        checks = check_bundle(bundle, trust, None, holder=case["holder"], now=case["now"])
        return checks, judge(checks, BUNDLE_POLICY).passed
    evidence = read_bundle(raw, EvidenceBundle)
    checks = [whole_check(evidence), *log_checks(evidence, trust, None, now=case["now"])]
    return checks, judge(checks, EVIDENCE_POLICY).passed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_each_check_says_what_the_vectors_expect(case):
    if "refused" in case:
        with pytest.raises(LandbridgeError) as caught:
            checks_of(case)
        assert caught.value.code == case["refused"]
        return
    checks, passed = checks_of(case)
    assert {check.name: check.result.value for check in checks} == case["result"]
    demanded = {name: one for name, one in case["result"].items() if name not in ("key-custody", "finality")}
    assert passed is (set(demanded.values()) == {"pass"})
    if case["result"]["registry"] == "fail":
        registry = next(check for check in checks if check.name == "registry")
        assert registry.en
        assert registry.zh


def test_the_cases_are_those_that_the_script_writes():
    assert make_bundles.make() == CASES
