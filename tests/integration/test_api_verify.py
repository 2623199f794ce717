"""The bank's one call by HTTP: who may ask what, with which policy, and what comes back."""

from __future__ import annotations

import copy
import time

import pytest

from api.domains.bills.document import fill
from api.domains.bills.verify import CHECKS, DEFAULT_POLICY
from tests.integration.gateway import EVIDENCE, problem


def _ask(gateway, who, paper, **more):
    """Verify with the paper in hand."""
    body = {"document": paper["document"], "seed": paper["seed"], **more}
    answer = gateway.post(who, "/v1/bills/verify", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _results(verdict):
    return {check["name"]: check["result"] for check in verdict["checks"]}


def test_a_stranger_with_the_paper_gets_a_verdict(gateway, full_bill):
    """A bank that is no party to the bill yet, shown the paper: it names the holder that it expects."""
    expect = {"holder": gateway.party("importer"), "issuer": gateway.party("carrier")}
    verdict = _ask(gateway, "bank", full_bill, expect=expect)
    assert (verdict["verdict"], verdict["reasons"], verdict["bill"]) == ("pass", [], full_bill["bill"])
    assert verdict["format"] == "landbridge/verdict/1"
    assert verdict["policy"] == {"name": DEFAULT_POLICY.name, "required": list(DEFAULT_POLICY.required)}
    assert [check["name"] for check in verdict["checks"]] == list(CHECKS)
    results = _results(verdict)
    assert results["key-custody"] == "fail"
    assert results["finality"] == results["lien"] == "unknown"
    assert [c["name"] for c in verdict["checks"] if c["required"]] == list(DEFAULT_POLICY.required)
    assert abs(verdict["time"] - time.time()) < 60
    blocks = {(c["block"]["number"], c["block"]["hash"]) for c in verdict["checks"] if c["block"]}
    assert len(blocks) == 1


def test_the_holder_names_the_bill_alone(gateway, full_bill):
    answer = gateway.post("importer", "/v1/bills/verify", {"bill": full_bill["bill"]})
    assert answer.json()["verdict"] == "pass"
    problem(gateway.post("bank", "/v1/bills/verify", {"bill": full_bill["bill"]}), 404, "not-found")
    # Who keeps its reader key itself brings the paper.
    problem(gateway.post("owner", "/v1/bills/verify", {"bill": gateway.quick_bill()}), 404, "not-found")


def test_a_tampered_copy_fails_by_name_and_shows_nothing_of_the_bill(gateway, full_bill):
    copied = copy.deepcopy(full_bill)
    copied["document"]["consignment"]["goods"][0]["packages"]["count"] += 1
    verdict = _ask(
        gateway, "bank", copied, bill=full_bill["bill"], expect={"holder": gateway.party("importer")}
    )
    assert verdict["verdict"] == "fail"
    assert "document-intact" in verdict["reasons"]
    results = _results(verdict)
    assert (results["document-intact"], results["document-sense"]) == ("fail", "fail")
    others = set(CHECKS) - {"document-intact", "document-sense"}
    assert {results[name] for name in others} == {"unknown"}
    assert all(
        check["evidence"] == {"reason": "document-altered"}
        for check in verdict["checks"]
        if check["name"] in others
    )
    # Without the bill's name the altered paper is simply no bill of this registry.
    results = _results(_ask(gateway, "bank", copied))
    assert (results["document-intact"], results["issued"]) == ("fail", "fail")


@pytest.mark.parametrize("who", ["bank", "stranger", "rival"])
def test_a_foreign_paper_opens_no_bill_to_one_it_does_not_concern(gateway, full_bill, who):
    other = gateway.full_bill()
    one = _ask(gateway, who, other, bill=full_bill["bill"])
    none = _ask(gateway, who, other, bill="0x" + "0c" * 32)
    for verdict in (one, none):
        verdict.pop("bill")
        verdict.pop("time")
        for check in verdict["checks"]:
            check["evidence"].pop("bill", None)
    assert one == none
    # One whom the bill concerns sees it, whatever it brings.
    results = _results(_ask(gateway, "importer", other, bill=full_bill["bill"]))
    assert (results["document-intact"], results["live"]) == ("fail", "pass")


@pytest.mark.parametrize(
    ("required", "verdict"),
    [
        (["live"], "pass"),
        (["live", "finality"], "fail"),
        (["key-custody"], "fail"),
        (["lien"], "fail"),
        (["a-check-of-tomorrow"], "fail"),
        (["live", "live"], "pass"),
    ],
)
def test_the_policy_decides(gateway, full_bill, required, verdict):
    found = _ask(gateway, "bank", full_bill, policy={"name": "our desk", "required": required})
    assert found["verdict"] == verdict
    assert found["policy"] == {"name": "our desk", "required": required}
    results = _results(found)
    assert found["reasons"] == [name for name in required if results.get(name) != "pass"]


def test_what_is_expected_decides(gateway, full_bill):
    importer, bank = gateway.party("importer"), gateway.party("bank")
    for expect, name, result in (
        ({"holder": importer}, "control", "pass"),
        ({"holder": bank}, "control", "fail"),
        ({"issuer": gateway.party("carrier")}, "issuer", "pass"),
        ({"issuer": gateway.party("rival")}, "issuer", "fail"),
    ):
        assert _results(_ask(gateway, "bank", full_bill, expect=expect))[name] == result
    assert _results(_ask(gateway, "bank", full_bill))["control"] == "unknown"
    assert _results(_ask(gateway, "importer", full_bill))["control"] == "pass"


def test_the_story_of_a_bill_to_its_end(gateway):
    """Issued, refused to a rival, moved to the bank, back, surrendered, delivered: and then not live."""
    made = gateway.full_bill()
    bill = made["bill"]
    rivals = fill(made["document"], issuer=gateway.party("rival"), holder=gateway.party("importer"))
    kept = gateway.store(rivals, author="rival")
    assert kept["facts"]["note"] == made["note"]
    with gateway.nothing_changes():
        refused = gateway.sign(
            "rival",
            "Issue",
            kept["digest"],
            note=made["note"],
            holder=gateway.party("importer"),
            toOrder=True,
        )
        problem(refused, 409, "note-taken")
    gateway.done(gateway.sign("importer", "Transfer", bill, to=gateway.party("bank")))
    assert gateway.post("bank", "/v1/bills/verify", {"bill": bill}).json()["verdict"] == "pass"
    gateway.done(gateway.sign("bank", "Transfer", bill, to=gateway.party("importer")))
    gateway.done(gateway.sign("importer", "Surrender", bill))
    gateway.done(gateway.sign("carrier", "AcceptSurrender", bill))
    gateway.done(gateway.sign("carrier", "Deliver", bill, evidence=EVIDENCE))
    verdict = _ask(gateway, "bank", made, expect={"holder": gateway.party("importer")})
    assert (verdict["verdict"], verdict["reasons"]) == ("fail", ["live"])
    (live,) = [check for check in verdict["checks"] if check["name"] == "live"]
    assert live["en"] == "the bill is delivered, not live"
    # The note stays taken after delivery.
    with gateway.nothing_changes():
        again = gateway.sign(
            "rival",
            "Issue",
            kept["digest"],
            note=made["note"],
            holder=gateway.party("importer"),
            toOrder=True,
        )
        problem(again, 409, "note-taken")


def test_a_document_is_checked_without_being_kept(gateway, full_bill):
    with gateway.nothing_changes():
        sound = gateway.post("bank", "/v1/bills/check", {"document": full_bill["document"]}).json()
        assert (sound["sound"], sound["findings"]) == (True, [])
        wrong = copy.deepcopy(full_bill["document"])
        wrong["consignment"]["goods"][0]["packages"]["count"] = -1
        found = gateway.post("bank", "/v1/bills/check", {"document": wrong}).json()
        assert not found["sound"]
        assert found["findings"][0]["path"].startswith("/consignment/goods/0/packages")
