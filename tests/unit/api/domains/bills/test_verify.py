"""Every named check passes and fails where it should, and says unknown where it could not be made.

What is wrong is made wrong for real wherever that can be done: other documents, other bills, acts signed on
the chain, rows changed in the database, another contract, a node that is away.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from api.domains.bills import verify as module
from api.domains.bills.document import check_value
from api.domains.bills.fingerprint import fingerprint
from api.domains.bills.service import claim_of_document
from api.domains.bills.tables import BillEventRow
from api.domains.bills.verify import CHECKS, DEFAULT_POLICY, Expectations, verify
from api.kernel.checks import Policy, Result
from chain.client import Chain
from chain.contracts import encode_intents
from chain.db import reading, writing
from chain.deploy import Step, deploy
from chain.digests import Seed, document_digest
from chain.intents import Address, keccak
from chain.node import NodeDownError
from chain.signers import KeySigner, Transaction, sign_transaction
from tests.chainlab import SwitchedNode
from tests.unit.api.lab import REASON, Lab, Paper

PASS, FAIL, UNKNOWN = Result.PASS, Result.FAIL, Result.UNKNOWN
NEVER_KNOWN = {"lien", "railway-consent", "note-duplicate", "finality"}
DOCUMENT_ALONE = {"document-intact", "document-sense"}
SENDER = KeySigner(keccak(b"somebody with a node of their own"))


def ask(lab: Lab, claim: Any, **expect: Any) -> dict[str, Result]:
    """The results by name."""
    answer = verify(lab.house, claim, expect=Expectations(**expect))
    assert tuple(check.name for check in answer.checks) == CHECKS
    for check in answer.checks:
        assert check.en
        assert any("\u4e00" <= character <= "\u9fff" for character in check.zh)
        json.dumps(dict(check.evidence))
    return {check.name: check.result for check in answer.checks}


def one(lab: Lab, claim: Any, name: str, **expect: Any) -> Any:
    """One check whole."""
    answer = verify(lab.house, claim, expect=Expectations(**expect))
    return next(check for check in answer.checks if check.name == name)


def not_passed(results: dict[str, Result]) -> dict[str, Result]:
    """What did not pass, beside what never can here."""
    return {
        name: result for name, result in results.items() if result is not PASS and name not in NEVER_KNOWN
    }


def issued(lab: Lab, **terms: Any) -> Paper:
    """A paper and its bill, issued as the paper says unless told otherwise."""
    paper = lab.paper(window=terms.pop("window", None))
    lab.issue(**({"bill": paper.bill, "note": paper.note} | terms))
    return paper


def end(lab: Lab, paper: Paper) -> None:
    """Void a bill, so that its containers are free for the next test."""
    lab.do(lab.act("Void", paper.bill, reason=REASON), "holder", "carrier")


def made(lab: Lab, document: dict[str, Any], **terms: Any) -> Paper:
    """A document that the gateway would not keep, with a bill that the chain takes all the same."""
    seed = Seed(secrets.token_bytes(32))
    bill = "0x" + document_digest(document, seed).hex()
    report = check_value(document)
    note = "0x" + (fingerprint(report.document.note).hex() if report.document else secrets.token_hex(32))
    lab.issue(**({"bill": bill, "note": note} | terms))
    return Paper(document, seed, bill, note)


@pytest.fixture(scope="module")
def good(lab):
    paper = issued(lab)
    yield paper
    end(lab, paper)


@pytest.fixture(scope="module")
def claim(good):
    return good.claim()


@contextmanager
def doctored(lab: Lab, bill: str, sequence: int, **changes: Any):
    """The gateway's table says something else of one act."""
    with writing(lab.house.engine) as session:
        row = session.get(BillEventRow, (bill, sequence))
        before = {name: getattr(row, name) for name in changes}
        for name, value in changes.items():
            setattr(row, name, value)
        session.add(row)
    try:
        yield
    finally:
        with writing(lab.house.engine) as session:
            row = session.get(BillEventRow, (bill, sequence))
            for name, value in before.items():
                setattr(row, name, value)
            session.add(row)


@contextmanager
def switched(lab: Lab):
    """The house's node behind a switch."""
    chain = lab.house.chain
    switch = SwitchedNode(chain.node)
    lab.house.chain = Chain(switch)
    try:
        yield switch
    finally:
        lab.house.chain = chain


# All is well


def test_a_good_bill_passes_all_that_can_be_known(lab, good, claim):
    results = ask(lab, claim, holder=lab.numbers["holder"])
    assert not_passed(results) == {}
    assert {name for name, result in results.items() if result is UNKNOWN} == NEVER_KNOWN


def test_a_bill_that_is_not_named_is_found_by_its_document(lab, good):
    assert not_passed(ask(lab, good.claim(named=False), holder=lab.numbers["holder"])) == {}


def test_each_check_says_where_it_looked_and_at_which_block(lab, claim):
    answer = verify(lab.house, claim)
    head = lab.house.head()
    for check in answer.checks:
        if check.name in DOCUMENT_ALONE:
            assert check.block is None
        else:
            assert (check.block.number, check.block.hash) == (head.number, head.hash)
    scopes = {check.name: check.scope.value for check in answer.checks}
    assert scopes["document-intact"] == scopes["document-sense"] == "document"
    assert scopes["note-single"] == scopes["registry"] == scopes["lien"] == "registry"
    assert scopes["units"] == scopes["railway-consent"] == scopes["note-duplicate"] == "gateway"
    assert abs(answer.time - time.time()) < 60


def test_the_default_policy_asks_for_what_can_be_known_and_for_nothing_else(lab, claim):
    assert set(DEFAULT_POLICY.required) == set(CHECKS) - NEVER_KNOWN - {"key-custody"}
    answer = verify(lab.house, claim, expect=Expectations(holder=lab.numbers["holder"]))
    assert answer.verdict.passed
    assert answer.verdict.reasons == []


@pytest.mark.parametrize("name", [*CHECKS, "a-check-that-nobody-makes", ""])
def test_a_required_check_that_is_not_passed_fails_the_verdict(lab, claim, name):
    answer = verify(
        lab.house, claim, policy=Policy((name,)), expect=Expectations(holder=lab.numbers["holder"])
    )
    results = {check.name: check.result for check in answer.checks}
    assert answer.verdict.passed == (results.get(name) is PASS)
    assert answer.verdict.reasons == ([] if results.get(name) is PASS else [name])


# document-intact, document-sense


@pytest.mark.parametrize(
    "change",
    [
        {"bill": {"number": "LB-CQ-2026-000118", "to_order": True, "originals": 1}},
        {"extra": 1},
        {"format": "landbridge/rail-bill/2"},
    ],
)
def test_an_altered_document_fails_by_name_and_opens_nothing(lab, good, change):
    results = ask(lab, good.claim(**change))
    assert results["document-intact"] is FAIL
    for name in set(CHECKS) - DOCUMENT_ALONE:
        assert results[name] is UNKNOWN, name


def test_one_letter_is_enough(lab, good):
    changed = json.loads(json.dumps(good.document))
    text = changed["consignment"]["goods"][0]["description"]
    key = next(iter(text)) if isinstance(text, dict) else None
    if key is None:
        changed["consignment"]["goods"][0]["description"] = text + "."
    else:
        text[key] += "."
    altered = replace(good, document=changed, _known=None)
    assert ask(lab, altered.claim(concerned=True))["document-intact"] is FAIL
    assert ask(lab, altered.claim(named=False))["document-intact"] is FAIL
    assert ask(lab, replace(good, seed=bytes(32), _known=None).claim())["document-intact"] is FAIL


def test_who_is_concerned_sees_the_bill_beside_the_altered_document(lab, good):
    results = ask(lab, good.claim(concerned=True, extra=1), holder=lab.numbers["holder"])
    assert (results["document-intact"], results["document-sense"]) == (FAIL, FAIL)
    assert (results["live"], results["control"], results["signatures"]) == (PASS, PASS, PASS)


def test_a_foreign_document_tells_nothing_of_the_bill_it_names(lab, good):
    """The answer is, to the letter, the one for a bill that does not exist."""
    other = lab.paper()

    def told(bill):
        answer = verify(lab.house, claim_of_document(other.document, other.seed, bill))
        text = repr([(c.name, c.result, c.en, c.zh, dict(c.evidence), c.block) for c in answer.checks])
        return text.replace(bill, "BILL"), answer.verdict

    nowhere = "0x" + secrets.token_hex(32)
    assert told(good.bill) == told(nowhere)
    assert not told(good.bill)[1].passed


def test_a_document_that_contradicts_itself(lab, good):
    document = json.loads(json.dumps(good.document))
    document["note"]["number"] = str(secrets.randbelow(10**12) + 10**12)
    document["consignment"]["goods"][0]["packages"]["count"] += 1
    paper = made(lab, document)
    results = ask(lab, paper.claim(), holder=lab.numbers["holder"])
    # Its units are not looked for: what it says of them is not to be believed.
    assert not_passed(results) == {"document-sense": FAIL, "units": UNKNOWN}
    assert one(lab, paper.claim(), "document-sense").evidence["findings"]


def test_a_document_of_no_known_form(lab):
    paper = made(lab, {"anything": ["at", "all"]})
    results = ask(lab, paper.claim(), holder=lab.numbers["holder"])
    assert not_passed(results) == {
        "document-sense": FAIL,
        "issued-as-written": UNKNOWN,
        "issuer": UNKNOWN,
        "note-fingerprint": UNKNOWN,
        "units": UNKNOWN,
    }
    assert ask(lab, paper.claim(), issuer=lab.numbers["carrier"])["issuer"] is PASS


# registry


def test_other_contracts_at_the_address(lab, claim, tmp_path):
    """A contract of the same code that asks another registry of parties."""
    plan = (
        Step("Parties", lambda made: (SENDER.address,)),
        Step("RailBills", lambda made: (made["Parties"],), {"parties": "Parties"}),
    )
    other = deploy(lab.house.chain, SENDER, plan, tmp_path / "other.json").contracts["RailBills"]
    known = lab.house.deployment
    lab.house.deployment = replace(
        known, contracts=dict(known.contracts) | {"RailBills": other}, creations={}
    )
    try:
        results = ask(lab, claim)
    finally:
        lab.house.deployment = known
    assert results["registry"] is FAIL
    assert ask(lab, claim)["registry"] is PASS


@pytest.mark.parametrize("contract", ["Parties", "RailBills"])
def test_no_contract_at_the_address(lab, claim, contract):
    known = lab.house.deployment
    lab.house.deployment = replace(
        known, contracts=dict(known.contracts) | {contract: Address("0x" + "33" * 20)}, creations={}
    )
    try:
        assert ask(lab, claim)["registry"] is not PASS
    finally:
        lab.house.deployment = known


# issued, issued-as-written, issuer, issuer-entitled, key-custody


def test_a_bill_of_another_registry(lab):
    paper = lab.paper()
    results = ask(lab, paper.claim())
    assert results["issued"] is FAIL
    others = set(CHECKS) - DOCUMENT_ALONE - {"registry", "issued", "freshness"}
    assert {results[name] for name in others} == {UNKNOWN}
    assert not verify(lab.house, paper.claim()).verdict.passed
    assert ask(lab, paper.claim(named=False))["document-intact"] is FAIL


@pytest.mark.parametrize("terms", [{"to": "bank"}, {"to_order": False}])
def test_a_bill_issued_on_other_terms_than_written(lab, terms):
    paper = issued(lab, **terms)
    holder = lab.numbers[terms.get("to", "holder")]
    assert not_passed(ask(lab, paper.claim(), holder=holder)) == {"issued-as-written": FAIL}
    lab.do(lab.act("Void", paper.bill, reason=REASON), terms.get("to", "holder"), "carrier")


def test_a_bill_that_moved_was_issued_as_written_all_the_same(lab):
    paper = issued(lab)
    lab.do(lab.act("Transfer", paper.bill, to=lab.numbers["bank"]), "holder")
    assert not_passed(ask(lab, paper.claim(), holder=lab.numbers["bank"])) == {}
    assert not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"])) == {"control": FAIL}
    lab.do(lab.act("Void", paper.bill, reason=REASON), "bank", "carrier")


def test_a_bill_issued_by_another_than_its_document_names(lab):
    paper = lab.paper()
    lab.issue(by="rival", bill=paper.bill, note=paper.note)
    assert not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"])) == {"issuer": FAIL}
    lab.do(lab.act("Void", paper.bill, reason=REASON), "holder", "rival")


def test_another_issuer_than_expected(lab, claim):
    holder = lab.numbers["holder"]
    assert ask(lab, claim, issuer=lab.numbers["carrier"])["issuer"] is PASS
    expected = ask(lab, claim, issuer=lab.numbers["rival"], holder=holder)
    assert not_passed(expected) == {"issuer": FAIL}


def test_who_was_entitled_then_stays_so_and_who_never_was_cannot_issue(lab):
    lab.admit("seasonal")
    act = lab.act(
        "Issue",
        "0x" + secrets.token_hex(32),
        note="0x" + secrets.token_hex(32),
        holder=lab.numbers["holder"],
        toOrder=True,
    )
    assert lab.refusal(act, lab.keys["seasonal"]) == "RailBills_NotEntitled"
    lab.role("seasonal", 1)
    paper = lab.paper(by="seasonal")
    lab.issue(by="seasonal", bill=paper.bill, note=paper.note)
    lab.administrate("EndRole", "seasonal", role=1, at=0)
    time.sleep(2.1)  # until the end, which is the second after the next
    assert lab.refusal(act, lab.keys["seasonal"]) == "RailBills_NotEntitled"
    assert not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"])) == {}
    # Suspension takes nothing back either.
    lab.administrate("Suspend", "seasonal", reason=REASON)
    assert not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"])) == {}
    # Had it issued before it was a carrier, the check would say so.
    with doctored(lab, paper.bill, 1, block_time=1_000_000_000):
        assert ask(lab, paper.claim())["issuer-entitled"] is FAIL
    lab.do(lab.act("Void", paper.bill, reason=REASON), "holder", "seasonal")


def test_a_key_entrusted_to_a_gateway_is_shown(lab, claim):
    check = one(lab, claim, "key-custody")
    assert (check.result, check.evidence) == (PASS, {"custodial": False, "entrusted_acts": []})
    lab.admit("trusting")
    lab.role("trusting", 1)
    first, entrusted = lab.keys["trusting"], KeySigner(keccak(b"kept by somebody else"))
    lab.party_act("AddKey", "trusting", first, entrusted, key=entrusted.address, custodial=True)
    paper = lab.paper(by="trusting")
    lab.keys["trusting"] = entrusted
    lab.issue(by="trusting", bill=paper.bill, note=paper.note)
    results = ask(lab, paper.claim(), holder=lab.numbers["holder"])
    assert not_passed(results) == {"key-custody": FAIL}
    assert one(lab, paper.claim(), "key-custody").evidence == {"custodial": True, "entrusted_acts": [1]}
    # It is shown, and by default not demanded.
    assert verify(lab.house, paper.claim(), expect=Expectations(holder=lab.numbers["holder"])).verdict.passed
    lab.do(lab.act("Void", paper.bill, reason=REASON), "holder", "trusting")


# signatures


@pytest.fixture(scope="module")
def travelled(lab):
    """A bill with acts of every shape, live at the end."""
    paper = issued(lab)

    def do(name, *signers, **fields):
        lab.do(lab.act(name, paper.bill, **fields), *signers)

    do("Offer", "holder", to=lab.numbers["bank"], expiry=2_000_000_000)
    do("AcceptOffer", "bank")
    do("Surrender", "bank")
    do("RefuseSurrender", "carrier", reason=REASON)
    do("Transfer", "bank", to=lab.numbers["holder"])
    yield paper
    end(lab, paper)


def test_every_act_of_a_travelled_bill_is_checked_again(lab, travelled):
    claim = travelled.claim()
    assert not_passed(ask(lab, claim, holder=lab.numbers["holder"])) == {}
    acts = one(lab, claim, "signatures").evidence["acts"]
    assert [act["act"] for act in acts] == [
        "Issue",
        "Offer",
        "AcceptOffer",
        "Surrender",
        "RefuseSurrender",
        "Transfer",
    ]
    assert [act["party"] for act in acts] == [
        lab.numbers[name] for name in ("carrier", "holder", "bank", "bank", "carrier", "bank")
    ]


@pytest.mark.parametrize(
    ("sequence", "changes"),
    [
        (1, lambda lab: {"key": lab.keys["rival"].address, "party": lab.numbers["rival"]}),
        (1, lambda lab: {"party": lab.numbers["rival"]}),
        (1, lambda lab: {"key": lab.keys["rival"].address}),
        (1, lambda lab: {"detail": "0x" + "99" * 32}),
        (1, lambda lab: {"block_time": 1_000_000_000}),
        (2, lambda lab: {"deadline": 5}),
        (2, lambda lab: {"act": "DeclineOffer"}),
        (3, lambda lab: {"key": lab.keys["holder"].address, "party": lab.numbers["holder"]}),
        (4, lambda lab: {"act": "WithdrawSurrender"}),
        (5, lambda lab: {"detail": "0x" + "99" * 32}),
        (6, lambda lab: {"party": lab.numbers["stranger"]}),
    ],
)
def test_a_history_that_was_changed_here_is_seen(lab, travelled, sequence, changes):
    claim = travelled.claim()
    with doctored(lab, travelled.bill, sequence, **changes(lab)):
        check = one(lab, claim, "signatures")
        assert (check.result, check.evidence["wrong"]) == (FAIL, [sequence])
        assert not verify(lab.house, claim).verdict.passed
    assert one(lab, claim, "signatures").result is PASS


def test_a_changed_word_is_seen(lab, travelled):
    """Of the last act by the chain's own word, of an earlier one by its signature."""
    claim = travelled.claim()
    with reading(lab.house.engine) as session:
        words = {n: session.get(BillEventRow, (travelled.bill, n)).word for n in (2, 6)}
    other = {n: f"0x{int(word, 16) ^ (1 << 112):064x}" for n, word in words.items()}
    with doctored(lab, travelled.bill, 6, word=other[6]):
        assert one(lab, claim, "signatures").result is UNKNOWN
    with doctored(lab, travelled.bill, 2, word=other[2]):
        assert one(lab, claim, "signatures").result is FAIL


def test_a_history_with_a_gap_is_not_believed(lab, travelled):
    claim = travelled.claim()
    with writing(lab.house.engine) as session:
        row = session.get(BillEventRow, (travelled.bill, 6))
        kept = BillEventRow(**row.model_dump())
        session.delete(row)
    try:
        check = one(lab, claim, "signatures")
        assert check.result is UNKNOWN
        assert (check.evidence["known"], check.evidence["acts"]) == (5, 6)
        assert not verify(lab.house, claim).verdict.passed
    finally:
        with writing(lab.house.engine) as session:
            session.add(kept)


def test_an_act_said_to_have_come_with_another_transaction(lab, travelled):
    with reading(lab.house.engine) as session:
        other = session.exec(
            select(BillEventRow.transaction).where(col(BillEventRow.bill) != travelled.bill)
        ).first()
    with doctored(lab, travelled.bill, 4, transaction=other):
        check = one(lab, travelled.claim(), "signatures")
        assert check.result is UNKNOWN
        assert check.evidence["unread"] == [4]


def _relayed_by_a_contract(lab: Lab, calldata: bytes) -> None:
    """Send an act through a contract of somebody else's, which passes on what it is given."""
    # calldata is an address in a word, then what is called; the contract calls it and reverts if that does.
    runtime = bytes.fromhex("602036038060205f375f5f825f5f5f355af115601757005b5f5ffd")
    creation = bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime
    chain = lab.house.chain

    def send(to, data):
        fields: Transaction = {
            "to": to,
            "value": 0,
            "data": data,
            "gas": 3_000_000,
            "gasPrice": 0,
            "nonce": chain.nonce(SENDER.address),
            "chainId": lab.house.chain_id,
        }
        receipt = chain.receipt(chain.send_raw(sign_transaction(SENDER, fields)[0]))
        assert receipt is not None
        assert receipt.succeeded
        return receipt

    forwarder = send(None, creation).contract
    target = bytes.fromhex(lab.house.address(lab.bills)[2:]).rjust(32, b"\0")
    receipt = send(forwarder, target + calldata)
    lab.house.indexer.wake()
    assert lab.house.indexer.wait_for(receipt.block_number, 10)


def test_an_act_that_travelled_inside_another_contracts_call(lab):
    """It took effect, but its signature cannot be read again: unknown, and so not enough."""
    paper = issued(lab)
    act = lab.act("Surrender", paper.bill)
    signature = lab.keys["holder"].sign(act.digest(lab.house.domain(lab.bills)))
    _relayed_by_a_contract(lab, encode_intents(lab.bills.artifact, [(act.wire(signature), [])]))
    assert lab.word(paper.bill).sequence == 2
    check = one(lab, paper.claim(), "signatures")
    assert (check.result, check.evidence["unread"]) == (UNKNOWN, [2])
    assert not verify(lab.house, paper.claim(), policy=Policy(("signatures",))).verdict.passed
    end(lab, paper)


# live, control


def test_only_a_live_bill_is_live(lab):
    paper = issued(lab)
    claim = paper.claim()
    holder = lab.numbers["holder"]
    steps = [
        ("Surrender", "holder", {}, "surrendered"),
        ("RefuseSurrender", "carrier", {"reason": REASON}, None),
        ("Surrender", "holder", {}, "surrendered"),
        ("WithdrawSurrender", "holder", {}, None),
        ("Surrender", "holder", {}, "surrendered"),
        ("AcceptSurrender", "carrier", {}, "accepted"),
        ("Deliver", "carrier", {"evidence": REASON}, "delivered"),
    ]
    for name, who, fields, state in steps:
        lab.do(lab.act(name, paper.bill, **fields), who)
        results = ask(lab, claim, holder=holder)
        assert not_passed(results) == ({} if state is None else {"live": FAIL}), name
        check = one(lab, claim, "live")
        assert check.evidence["state"] == (state or "issued")
        if state:
            assert state in check.en
            assert not verify(lab.house, claim).verdict.passed


def test_a_voided_bill_is_not_live_nor_its_notes_only_one(lab):
    paper = issued(lab)
    end(lab, paper)
    results = not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"]))
    assert results == {"live": FAIL, "note-single": FAIL}


def test_who_controls_it(lab, claim):
    assert one(lab, claim, "control", holder=lab.numbers["holder"]).result is PASS
    assert one(lab, claim, "control", holder=lab.numbers["bank"]).result is FAIL
    # Nobody said who should: known who does, but not whether that is well.
    check = one(lab, claim, "control")
    assert check.result is UNKNOWN
    assert check.evidence["holder"] == lab.numbers["holder"]
    assert one(lab, replace(claim, caller=lab.numbers["holder"]), "control").result is PASS
    assert one(lab, replace(claim, caller=lab.numbers["bank"]), "control").result is UNKNOWN


def test_an_offer_under_way_is_shown(lab):
    paper = issued(lab)
    lab.do(lab.act("Offer", paper.bill, to=lab.numbers["bank"], expiry=2_000_000_000), "holder")
    evidence = one(lab, paper.claim(), "control", holder=lab.numbers["holder"]).evidence
    assert (evidence["offered_to"], evidence["offer_expiry"]) == (lab.numbers["bank"], 2_000_000_000)
    end(lab, paper)


# note-fingerprint, note-single, units


def test_a_bill_issued_for_another_note_than_its_document_names(lab):
    paper = issued(lab, note="0x" + secrets.token_hex(32))
    results = not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"]))
    assert results == {"note-fingerprint": FAIL, "note-single": FAIL}
    end(lab, paper)


def test_a_note_that_another_bill_has(lab):
    """Two documents for one note: the second is issued under a made-up fingerprint."""
    first = issued(lab)
    document = first.document | {"bill": first.document["bill"] | {"number": "LB-OTHER-1"}}
    second = made(lab, document, note="0x" + secrets.token_hex(32))
    results = not_passed(ask(lab, second.claim(), holder=lab.numbers["holder"]))
    assert results == {"note-fingerprint": FAIL, "note-single": FAIL, "units": FAIL}
    check = one(lab, second.claim(), "note-single")
    assert first.bill not in repr(check), "that a conflict exists is said, not whose"
    end(lab, first)
    end(lab, second)


def test_containers_in_two_live_bills(lab):
    first, second = issued(lab, window=3), issued(lab, window=3)
    for paper in (first, second):
        assert not_passed(ask(lab, paper.claim(), holder=lab.numbers["holder"])) == {"units": FAIL}
        check = one(lab, paper.claim(), "units")
        assert check.evidence["units"]
        assert first.bill not in repr(check)
        assert second.bill not in repr(check)
    end(lab, first)
    assert not_passed(ask(lab, second.claim(), holder=lab.numbers["holder"])) == {}
    end(lab, second)


# What nobody attests yet


@pytest.mark.parametrize("name", sorted(NEVER_KNOWN))
def test_what_cannot_be_known_here_is_said_to_be_unknown(lab, claim, name):
    assert one(lab, claim, name).result is UNKNOWN
    answer = verify(lab.house, claim, policy=Policy((*DEFAULT_POLICY.required, name)))
    assert name in answer.verdict.reasons
    assert not answer.verdict.passed


# finality, freshness: on a chain that is said to be somebody else's


@pytest.fixture
def independent(lab):
    """The same chain, said to be run by others."""
    known = lab.house.settings
    lab.house.settings = known.model_copy(
        update={"node": "http://elsewhere", "independent_chain": "a consortium"}
    )
    yield
    lab.house.settings = known


def test_finality_is_a_matter_of_depth(lab, claim, independent):
    shallow = issued(lab)
    assert one(lab, shallow.claim(), "finality", confirmations=0).result is PASS
    assert one(lab, shallow.claim(), "finality", confirmations=2).result is UNKNOWN
    end(lab, shallow)
    lab.issue()
    check = one(lab, shallow.claim(), "finality", confirmations=1)
    assert check.result is PASS
    assert check.evidence["depth"] >= 1  # the log's own anchors are blocks, too
    assert check.evidence["chain_run_by"] == "a consortium"


def test_a_chain_that_nobody_independent_runs_is_never_final(lab, claim):
    known = lab.house.settings
    lab.house.settings = known.model_copy(update={"node": "http://elsewhere"})
    try:
        assert one(lab, claim, "finality", confirmations=0).result is UNKNOWN
    finally:
        lab.house.settings = known


def test_a_chain_that_stands_still_is_not_fresh(lab, claim, independent):
    lab.issue()
    assert one(lab, claim, "freshness", max_head_age=600).result is PASS
    time.sleep(2.1)
    check = one(lab, claim, "freshness", max_head_age=1)
    assert check.result is FAIL
    assert check.evidence["age"] >= 2
    assert "freshness" in verify(lab.house, claim, expect=Expectations(max_head_age=1)).verdict.reasons


def test_the_embedded_chain_stands_still_while_nothing_happens(lab, claim):
    time.sleep(1.1)
    assert one(lab, claim, "freshness", max_head_age=1).result is PASS


# The chain away, behind, or moving


@pytest.mark.parametrize(
    "method", ["eth_getBlockByNumber", "eth_call", "eth_getCode", "eth_getTransactionByHash"]
)
def test_a_chain_that_cannot_be_asked_leaves_all_of_it_unknown(lab, claim, method):
    with switched(lab) as switch:
        switch.fail[method] = NodeDownError("the node cannot be reached")
        answer = verify(lab.house, claim, expect=Expectations(holder=lab.numbers["holder"]))
    results = {check.name: check.result for check in answer.checks}
    assert {results[name] for name in set(CHECKS) - DOCUMENT_ALONE} == {UNKNOWN}
    assert {results[name] for name in DOCUMENT_ALONE} == {PASS}
    assert not answer.verdict.passed
    assert set(answer.verdict.reasons) == set(DEFAULT_POLICY.required) - DOCUMENT_ALONE
    assert {c.evidence["reason"] for c in answer.checks if c.name not in DOCUMENT_ALONE} == {"node-down"}


def test_an_unnamed_bill_whose_chain_is_away_is_not_said_to_be_intact(lab, good):
    with switched(lab) as switch:
        switch.fail["eth_call"] = NodeDownError("the node cannot be reached")
        assert ask(lab, good.claim(named=False))["document-intact"] is UNKNOWN


class _Turning(SwitchedNode):
    """The real chain, of which every block but the first has another hash each time it is asked for."""

    turns = 0

    def batch(self, calls):
        answers = super().batch(calls)
        for place, (method, _) in enumerate(calls):
            if method == "eth_getBlockByNumber" and answers[place]["number"] != "0x0":
                self.turns += 1
                answers[place] = answers[place] | {"hash": f"0x{self.turns:064x}"}
        return answers


def test_a_head_that_will_not_stand_still(lab, claim):
    """A chain reorganised under every reading is not read at all."""
    chain = lab.house.chain
    lab.house.chain = Chain(_Turning(chain.node))
    try:
        answer = verify(lab.house, claim)
    finally:
        lab.house.chain = chain
    assert {c.evidence["reason"] for c in answer.checks if c.name not in DOCUMENT_ALONE} == {"head-moves"}
    assert not answer.verdict.passed


def test_a_chain_that_grows_meanwhile_is_read_at_one_block(lab, claim):
    """An act on another bill between the readings changes nothing of what is said."""
    seen = []
    with switched(lab) as switch:

        def grow(method):
            if method == "eth_getCode" and not seen:
                seen.append(method)
                lab.issue()

        switch.before = grow
        before = lab.house.head().number
        answer = verify(lab.house, claim, expect=Expectations(holder=lab.numbers["holder"]))
    assert seen
    assert lab.house.head().number > before
    assert not_passed({check.name: check.result for check in answer.checks}) == {}
    assert {check.block.number for check in answer.checks if check.block} == {before}


def test_tables_that_are_behind_the_chain(lab, monkeypatch):
    paper = issued(lab)
    act = lab.act("Surrender", paper.bill)
    lab.house.indexer.stop()
    try:
        signature = lab.keys["holder"].sign(act.digest(lab.house.domain(lab.bills)))
        _send(lab, encode_intents(lab.bills.artifact, [(act.wire(signature), [])]))
        real = lab.house.indexer.wait_for
        monkeypatch.setattr(lab.house.indexer, "wait_for", lambda block, timeout: real(block, 0.05))
        answer = verify(lab.house, paper.claim(), expect=Expectations(holder=lab.numbers["holder"]))
        results = not_passed({check.name: check.result for check in answer.checks})
        # What the chain itself says is known; what only the tables know is not.
        assert results == {"live": FAIL, "signatures": UNKNOWN, "units": UNKNOWN}
    finally:
        monkeypatch.undo()
        lab.house.indexer.start()
    assert lab.house.indexer.wait_for(lab.house.chain.block_number(), 10)
    assert one(lab, paper.claim(), "signatures").result is PASS
    end(lab, paper)


def _send(lab: Lab, calldata: bytes) -> None:
    fields: Transaction = {
        "to": lab.house.address(lab.bills),
        "value": 0,
        "data": calldata,
        "gas": 3_000_000,
        "gasPrice": 0,
        "nonce": lab.house.chain.nonce(SENDER.address),
        "chainId": lab.house.chain_id,
    }
    lab.house.chain.send_raw(sign_transaction(SENDER, fields)[0])


def test_an_act_that_was_indexed_after_the_question_was_begun_is_seen(lab):
    """The claim is read in a transaction of its own, which may be older than the chain's head by now."""
    paper = issued(lab)
    with reading(lab.house.engine) as session:
        session.exec(select(BillEventRow)).first()
        claim = paper.claim()
        lab.do(lab.act("Transfer", paper.bill, to=lab.numbers["bank"]), "holder")
        assert not_passed(ask(lab, claim, holder=lab.numbers["bank"])) == {}
    lab.do(lab.act("Void", paper.bill, reason=REASON), "bank", "carrier")


# Whatever it is given


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["bill", "holder", "issuer", "party", "note", "to_order", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["format", "bill", "holder", "issuer", "note", "x"]), JSON, max_size=5)
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_document_is_too_odd_to_be_answered(lab, good, document):
    for bill in (good.bill, None):
        claim = claim_of_document(document, bytes(32), bill)
        for concerned in (False, True):
            answer = verify(lab.house, replace(claim, concerned=concerned))
            assert not answer.verdict.passed
            assert "document-intact" in answer.verdict.reasons


def test_the_checks_of_the_module_are_all_tested_here():
    assert set(module.CHECKS) == set(CHECKS)
    assert len(CHECKS) == len(set(CHECKS)) == 19
