"""Four eyes over HTTP: who may propose, approve, decline and withdraw what, and what then is signed."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import select

from api.kernel.approval import requests
from api.kernel.approval.rules import Status
from api.kernel.approval.tables import ApprovalRow, ApprovalRuleRow, SignOffRow
from api.kernel.tables import KeyRow
from chain.db import reading, writing
from chain.digests import Seed, document_digest
from chain.intents import Signature, keccak, recover
from chain.outbox import by_digest, wire_of
from chain.signers import KeySigner
from chain.tables import OutboxRow
from tests.integration.desk import Desk
from tests.integration.gateway import EVIDENCE, Gateway, open_gateway, populate, problem

NOWHERE = "5a" * 16


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of its own: some of its parties come under rules."""
    with open_gateway(tmp_path_factory.mktemp("four-eyes")) as opened:
        populate(opened)
        yield opened


@pytest.fixture(scope="module")
def desk(place: Gateway) -> Desk:
    """The bank: three people, and two of them must stand behind a transfer and a voiding."""
    made = Desk(place, "bank")
    made.hire("ada", "ben", "cao")
    made.rule("bills/Transfer", "bills/Void")
    return made


@pytest.fixture(scope="module")
def other(place: Gateway) -> Desk:
    """The importer: two people, and no rule."""
    made = Desk(place, "importer")
    made.hire("ada", "ben")
    return made


def new_desk(place: Gateway, *people: str) -> Desk:
    """A party of its own with people."""
    name = f"party-{uuid.uuid4().hex[:8]}"
    place.join(name, place.admit_entrusted(name))
    made = Desk(place, name)
    made.hire(*people)
    return made


def held(place: Gateway, who: str = "bank") -> str:
    """A bill with its document in a party's hands."""
    return str(place.full_bill(holder=who)["bill"])


def row_of(place: Gateway, request: dict[str, Any]) -> ApprovalRow:
    with reading(place.house.engine) as session:
        return session.get_one(ApprovalRow, request["id"])


# One act


def test_the_second_person_makes_the_key_sign_exactly_what_was_shown(place, desk):
    bill = held(place)
    request = desk.propose("ada", "Transfer", bill, to=place.party("importer"))
    assert (request["people"], request["behind"], request["mine"]) == (2, 1, True)
    assert request["typed_data"]["message"] == {
        "bill": bill,
        "sequence": 1,
        "deadline": request["expires"],
        "to": place.party("importer"),
    }
    assert request["expires"] - request["created"] == 86_400
    shown = desk.get("ben", request)
    assert (shown["digest"], shown["mine"]) == (request["digest"], False)
    answer = desk.say("ben", "approve", shown, prefer="wait=30")
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["status"], done["intent"]["status"]) == ("signed", "mined") or done["intent"][
        "status"
    ] == "done"
    assert done["intent"]["id"] == request["digest"]
    assert place.sequence(bill) == 2
    with reading(place.house.engine) as session:
        row = by_digest(session, bytes.fromhex(request["digest"][2:]))
        key = session.exec(select(KeyRow).where(KeyRow.party == desk.number)).one()
    _, _, _, r, vs = wire_of(row)
    assert recover(bytes.fromhex(request["digest"][2:]), Signature(r, vs)) == key.address


def test_until_then_nothing_is_signed(place, desk):
    bill = held(place)
    request = desk.propose("ada", "Transfer", bill, to=place.party("importer"))
    with reading(place.house.engine) as session:
        assert by_digest(session, bytes.fromhex(request["digest"][2:])) is None
    problem(place.get("bank", f"/v1/intents/{request['digest']}"), 404, "not-found")
    assert place.sequence(bill) == 1


def test_what_the_rule_does_not_name_is_signed_at_once(place, desk):
    bill = place.quick_bill(holder="bank")
    place.done(place.sign("bank", "Surrender", bill))


def test_a_systems_token_proposes_and_counts_for_nobody(place, desk):
    bill = held(place)
    body = {"room": "bills", "act": "Transfer", "subject": bill, "fields": {"to": place.party("importer")}}
    request = desk.taken(place.post("bank", "/v1/intents/sign", body))
    assert (request["behind"], request["sign_offs"][0]["person"]) == (0, None)
    first = desk.say("ada", "approve", request).json()
    assert (first["status"], first["behind"]) == ("awaiting-approval", 1)
    problem(desk.say("ada", "approve", request), 409, "already-signed-off")
    assert desk.say("ben", "approve", request).status_code == 202
    desk.signed("ada", request)


def test_three_where_three_are_asked_for(place):
    desk = new_desk(place, "ada", "ben", "cao")
    desk.rule("*", people=3)
    bill = place.quick_bill(holder=desk.who)
    request = desk.propose("ada", "Surrender", bill)
    assert desk.say("ben", "approve", request).json()["status"] == "awaiting-approval"
    assert place.sequence(bill) == 1
    assert desk.say("cao", "approve", request).status_code == 202
    desk.signed("ada", request)


def test_a_cosignature_is_given_once_it_is_signed_off(place):
    desk = new_desk(place, "ada", "ben")
    desk.rule("bills/Void")
    place.role(desk.who, "carrier")
    made = place.full_bill(issuer=desk.who, holder="importer")
    wish = {"room": "bills", "act": "Void", "subject": made["bill"], "fields": {"reason": EVIDENCE}}
    prepared = place.post("importer", "/v1/intents/prepare", wish).json()
    body = {"room": "bills", "act": "Void", "message": prepared["typed_data"]["message"]}
    body["signatures"] = ["0x" + "11" * 64 + "1b"]
    request = desk.taken(place.post(desk.people["ada"], "/v1/intents/cosign", body))
    assert (request["kind"], request["digest"]) == ("cosignature", prepared["digest"])
    assert desk.taken(place.post(desk.people["ada"], "/v1/intents/cosign", body))["id"] == request["id"]
    assert desk.say("ben", "approve", request).status_code == 202
    found = desk.get("ben", request, wait=30)
    assert (found["status"], found["intent"]) == ("signed", None)
    again = place.post(desk.people["ada"], "/v1/intents/cosign", body)
    assert (again.status_code, again.json()) == (200, {"signature": found["signature"]})
    wish["fields"] |= {name: prepared["typed_data"]["message"][name] for name in ("sequence", "deadline")}
    wish["cosignatures"] = [found["signature"]]
    place.done(place.post("importer", "/v1/intents/sign", wish, prefer="wait=20"))


# Who may


@pytest.fixture
def request_(place, desk) -> dict[str, Any]:
    """A transfer that ada proposed."""
    return desk.propose("ada", "Transfer", held(place), to=place.party("importer"))


@pytest.mark.parametrize(
    ("who", "approve", "withdraw", "look"),
    [
        ("nobody", (401, "unauthorized"), (401, "unauthorized"), (401, "unauthorized")),
        ("operator", (403, "forbidden"), (403, "forbidden"), (403, "forbidden")),
        ("a person of another party", (404, "not-found"), (404, "not-found"), (404, "not-found")),
        ("the party's own system", (403, "forbidden"), (403, "own-request"), None),
        ("a person without the scope", (403, "forbidden"), (403, "own-request"), None),
        ("the proposer", (403, "own-request"), None, None),
        ("the proposer with another token", (403, "own-request"), None, None),
        ("another person", None, (403, "own-request"), None),
    ],
)
def test_who_may_do_what(place, desk, other, request_, who, approve, withdraw, look):
    callers: dict[str, Any] = {
        "nobody": lambda: {},
        "operator": lambda: place.operator,
        "a person of another party": lambda: other.people["ben"],
        "the party's own system": lambda: place.members["bank"].headers,
        "a person without the scope": lambda: _granted(desk, "dee", "read", "sign"),
        "the proposer": lambda: desk.people["ada"],
        "the proposer with another token": lambda: _granted(desk, " ADA", "read", "approve"),
        "another person": lambda: desk.people["ben"],
    }
    headers = callers[who]()
    path, body = f"/v1/approvals/{request_['id']}", {"digest": request_["digest"]}
    for what, given, wanted in (
        ("decline", body, approve),
        ("approve", body, approve),
        ("withdraw", None, withdraw),
    ):
        if wanted is not None:
            problem(place.post(headers, f"{path}/{what}", given), *wanted)
    found = place.get(headers, path)
    if look is not None:
        problem(found, *look)
    else:
        assert found.json()["status"] == "awaiting-approval"
        assert request_["id"] in str(place.get(headers, "/v1/approvals", after="", limit=200).json())
    assert row_of(place, request_).status == "awaiting-approval"
    if approve is None:
        assert place.post(headers, f"{path}/approve", body).status_code == 202
    elif withdraw is None:
        assert place.post(headers, f"{path}/withdraw").json()["status"] == "withdrawn"


def _granted(desk: Desk, person: str, *scopes: str) -> dict[str, str]:
    """A further token for a person, signed off by ben and cao."""
    made = desk.token(person, *scopes).json()
    waiting = {"id": made["awaits"], "digest": _digest(desk, made["awaits"])}
    for name in ("ben", "cao"):
        assert desk.say(name, "approve", waiting).status_code == 202
    return {"authorization": f"Bearer {made['token']}"}


def _digest(desk: Desk, id: str) -> str:
    return str(desk.get("ben", {"id": id})["digest"])


def test_another_partys_request_is_as_none(place, other, request_):
    for path in ("", "/approve", "/decline", "/withdraw"):
        call = place.get if not path else lambda who, at: place.post(who, at, {"digest": EVIDENCE})
        answers = [call(other.people["ada"], f"/v1/approvals/{id}{path}") for id in (request_["id"], NOWHERE)]
        assert problem(answers[0], 404, "not-found") == problem(answers[1], 404, "not-found")
    assert request_["id"] not in str(place.get(other.people["ada"], "/v1/approvals", limit=200).json())


def test_only_what_was_shown_is_approved(place, desk, request_):
    path = f"/v1/approvals/{request_['id']}"
    with place.nothing_changes():
        for what in ("approve", "decline"):
            answer = place.post(desk.people["ben"], f"{path}/{what}", {"digest": EVIDENCE})
            problem(answer, 409, "approval-other-digest")
            problem(place.post(desk.people["ben"], f"{path}/{what}", {}), 422, "request-malformed")
    chinese = place.post(
        desk.people["ben"], f"{path}/approve", {"digest": EVIDENCE}, accept_language="zh-CN"
    ).json()
    assert chinese["title"] == "摘要与该申请不符"


@pytest.mark.parametrize(
    ("by", "what", "status"), [("ben", "decline", "declined"), ("ada", "withdraw", "withdrawn")]
)
def test_one_no_ends_it(place, desk, request_, by, what, status):
    answer = desk.say(by, what, request_)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    with place.nothing_changes():
        for name, again in (("cao", "approve"), ("cao", "decline"), ("ada", "withdraw")):
            ended = problem(desk.say(name, again, request_), 409, "approval-ended")
            assert ended["params"] == {"status": status}
    said = desk.get("cao", request_)["sign_offs"]
    assert [one["decision"] for one in said] == ["propose", what]
    # The same wish can be proposed anew.
    bill = request_["typed_data"]["message"]["bill"]
    again = desk.propose("ada", "Transfer", bill, to=place.party("importer"))
    assert again["id"] != request_["id"]


def test_a_request_expires_unsigned(place, desk):
    bill = held(place)
    fields = {"to": place.party("importer")}
    body = {"room": "bills", "act": "Transfer", "subject": bill, "fields": fields}
    request = desk.taken(
        place.post(desk.people["ada"], "/v1/intents/sign", body | {"deadline": int(time.time()) + 1})
    )
    assert request["expires"] == request["typed_data"]["message"]["deadline"]
    end = time.monotonic() + 60
    while desk.get("ben", request)["status"] != "expired":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert problem(desk.say("ben", "approve", request), 409, "approval-ended")["params"] == {
        "status": "expired"
    }
    while row_of(place, request).status != "expired":
        assert time.monotonic() < end, "it is written down, too"
        time.sleep(0.1)
    listed = place.get(desk.people["ben"], "/v1/approvals", status="expired", limit=200).json()
    assert request["id"] in [one["id"] for one in listed]
    problem(
        place.post(desk.people["ada"], "/v1/intents/sign", body | {"deadline": int(time.time()) - 5}),
        409,
        "intent-expired",
    )
    assert place.sequence(bill) == 1


# What came first


def test_a_stale_request_ends_by_name(place, desk):
    bill = held(place)
    first = desk.propose("ada", "Transfer", bill, to=place.party("importer"))
    second = desk.propose("ben", "Transfer", bill, to=place.party("carrier"))
    assert desk.say("ben", "approve", first).status_code == 202
    desk.signed("ada", first)
    problem(desk.say("ada", "approve", second), 409, "stale-sequence")
    found = desk.get("ada", second)
    assert (found["status"], found["reason"]) == ("refused", "stale-sequence")
    assert [one["decision"] for one in found["sign_offs"]] == ["propose"]
    problem(desk.say("cao", "approve", second), 409, "approval-ended")
    assert place.sequence(bill) == 2


def test_two_approved_at_once_of_which_one_can_be_done(place, desk):
    bill = held(place)
    place.house.signatory.stop()
    try:
        first = desk.propose("ada", "Transfer", bill, to=place.party("importer"))
        second = desk.propose("ada", "Transfer", bill, to=place.party("carrier"))
        for request in (first, second):
            assert desk.say("ben", "approve", request).json()["status"] == "approved"
        problem(desk.say("cao", "approve", first), 409, "approval-ended")
        problem(desk.say("ada", "withdraw", first), 409, "approval-ended")
    finally:
        place.house.signatory.start()
    desk.signed("ada", first)
    found = desk.get("ada", second, wait=30)
    # Refused when it was tried, or, as the chain had not moved then, by the chain itself.
    intent = found["intent"] or {}
    assert (found["status"], found["reason"] or intent["reason"]) in (
        ("refused", "stale-sequence"),
        ("signed", "stale-sequence"),
        ("signed", "wrong-party"),
    )
    place.settle()
    assert place.sequence(bill) == 2


def test_an_act_that_cannot_be_meant_is_refused_when_it_is_proposed(place, desk):
    bill, to = held(place), place.party("importer")
    reads_only = place.token("bank", "read", "approve")
    with place.nothing_changes():
        body = {"room": "bills", "act": "Transfer", "subject": bill, "fields": {"to": to, "sequence": 0}}
        problem(place.post(desk.people["ada"], "/v1/intents/sign", body), 409, "stale-sequence")
        body["fields"] = {"to": "x"}
        problem(place.post(desk.people["ada"], "/v1/intents/sign", body), 422, "intent-malformed")
        body["fields"] = {"to": to}
        problem(place.post(reads_only, "/v1/intents/sign", body), 403, "forbidden")


# Once


def test_the_same_request_again_changes_nothing(place, desk):
    bill, key = held(place), str(uuid.uuid4())
    body = {"room": "bills", "act": "Transfer", "subject": bill, "fields": {"to": place.party("importer")}}
    first = place.post(desk.people["ada"], "/v1/intents/sign", body, idempotency_key=key)
    again = place.post(desk.people["ada"], "/v1/intents/sign", body, idempotency_key=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    request, key = first.json(), str(uuid.uuid4())
    answers = [desk.say("ben", "approve", request, idempotency_key=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(desk.signed("ada", request)["sign_offs"]) == 2


def test_many_who_approve_at_once(place):
    names = [f"person {number}" for number in range(7)]
    desk = new_desk(place, *names)
    desk.rule("bills/Surrender", people=3)
    bill = place.quick_bill(holder=desk.who)
    request, answers = desk.propose(names[0], "Surrender", bill), []
    threads = [
        threading.Thread(target=lambda name=name: answers.append(desk.say(name, "approve", request)))
        for name in names[1:] * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [202] * 2 + [409] * 10, [answer.text for answer in answers]
    found = desk.signed(names[0], request)
    assert (found["behind"], len(found["sign_offs"])) == (3, 3)
    place.settle()
    with reading(place.house.engine) as session:
        rows = session.exec(select(OutboxRow).where(OutboxRow.act == "Surrender")).all()
        assert len([row for row in rows if "0x" + row.digest.hex() == request["digest"]]) == 1
    assert place.sequence(bill) == 2


# What the log knows


def test_an_auditor_sees_that_two_people_signed_off_and_not_who(place, desk):
    desk.hire()
    request = desk.propose("ada", "Transfer", held(place), to=place.party("importer"))
    assert desk.say("ben", "approve", request).status_code == 202
    found = desk.signed("ada", request)
    people = set()
    for said in found["sign_offs"]:
        leaf = place.get(desk.people["ada"], f"/v1/evidence/{said['leaf']}").json()
        entry = json.loads(leaf["entry"])
        digest = document_digest(said["statement"], Seed(bytes.fromhex(said["seed"])))
        assert (entry["digest"], entry["type"]) == ("0x" + digest.hex(), "sign-off/1")
        assert (entry["party"], said["statement"]["digest"]) == (desk.number, request["digest"])
        people.add(said["statement"]["person"])
        # A stranger sees the leaf's hash and nothing else.
        leaves = place.get("stranger", "/v1/log/leaves", start=said["leaf"], limit=1).json()
        assert (leaves[0]["leaf_hash"], leaves[0].get("entry")) == (leaf["leaf_hash"], None)
    assert len(people) == 2
    assert all(person.startswith("p") and len(person) == 25 for person in people)


def test_no_persons_name_is_kept(place, desk):
    desk.rule("bills/Transfer", "bills/Void")
    name = "Zhang-San-the-checker"
    made = desk.token(name, "read", "approve")
    assert made.status_code == 201
    listed = place.get("bank", "/v1/tokens").json()
    assert next(one for one in listed if one["id"] == made.json()["id"])["person"].startswith("p")
    for file in place.house.settings.data_dir.rglob("*"):
        if file.is_file():
            assert name.encode() not in file.read_bytes(), file.name


def test_a_person_is_the_same_by_any_spelling_and_another_at_another_party(place, desk, other):
    from api.kernel.approval.people import person_id

    house = place.house
    assert person_id(house, 3, "Ada  B") == person_id(house, 3, " aDA b ") == person_id(house, 3, "Ａda B")
    assert person_id(house, 3, "ada") != person_id(house, 4, "ada") != person_id(house, 3, "ben")


# People


def test_a_token_that_signs_off_stands_for_a_person_of_a_party(place):
    with place.nothing_changes():
        body = {"scopes": ["approve"], "label": "x"}
        problem(place.post("importer", "/v1/tokens", body), 422, "person-needed")
        body = {"scopes": ["operate"], "label": "x", "person": "ada"}
        problem(place.post("operator", "/v1/tokens", body), 422, "person-needed")
        body = {"scopes": ["approve"], "label": "x", "person": ""}
        problem(place.post("importer", "/v1/tokens", body), 422, "request-malformed")


@pytest.mark.parametrize("by", ["the party", "the operator"])
def test_under_a_rule_a_new_persons_token_waits_for_the_others(place, desk, by):
    """Else one person made himself a second one."""
    body = {"scopes": ["read", "approve"], "label": "new", "person": f"new by {by}"}
    if by == "the operator":
        body["party"] = desk.number
    made = place.post("operator" if by == "the operator" else "bank", "/v1/tokens", body).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    problem(place.get(headers, "/v1/approvals"), 401, "unauthorized")
    asked = desk.get("ada", {"id": made["awaits"]})
    assert (asked["kind"], asked["behind"]) == ("token", 0)
    assert asked["token"] == {
        "token": made["id"],
        "person": made["person"],
        "scopes": ["approve", "read"],
        "label": "new",
        "expires": made["expires"],
    }
    digest = document_digest(
        {"format": "landbridge/person-token/1", "party": desk.number, **asked["token"]}, Seed(bytes(32))
    )
    assert asked["digest"] == "0x" + digest.hex()
    assert desk.say("ada", "approve", asked).json()["status"] == "awaiting-approval"
    problem(place.get(headers, "/v1/approvals"), 401, "unauthorized")
    assert desk.say("ben", "approve", asked).json()["status"] == "applied"
    assert place.get(headers, "/v1/approvals").status_code == 200
    listed = place.get("bank", "/v1/tokens").json()
    assert next(one for one in listed if one["id"] == made["id"])["awaits"] is None


def test_a_token_that_was_declined_never_lets_anybody_in(place, desk):
    made = desk.token("eve", "read", "approve").json()
    asked = desk.get("ada", {"id": made["awaits"]})
    assert desk.say("ben", "decline", asked).json()["status"] == "declined"
    problem(place.get({"authorization": f"Bearer {made['token']}"}, "/v1/approvals"), 401, "unauthorized")


def test_without_a_rule_a_persons_token_is_good_at_once(place, other):
    made = other.token("cao").json()
    assert made["awaits"] is None
    headers = {"authorization": f"Bearer {made['token']}"}
    assert place.get(headers, "/v1/approvals").json() == []


# Rules


def test_a_rule_is_seen_with_what_is_always_under_it(place, desk):
    rule = place.get(desk.people["ada"], "/v1/approval-rule").json()
    assert rule["acts"] == ["bills/Transfer", "bills/Void"]
    assert rule["always"] == ["parties/AddKey", "parties/RotateKey", "parties/RevokeKey"]
    assert (rule["people"], rule["version"] >= 1, rule["signatories"] >= 3) == (2, True, True)
    problem(place.get("operator", "/v1/approval-rule"), 403, "forbidden")


def test_no_key_is_changed_past_a_rule(place, desk):
    """With a key of his own one person could do all that the rule forbids him."""
    new, number = KeySigner(keccak(uuid.uuid4().bytes)), desk.number
    for act in ("AddKey", "RotateKey"):
        fields = {"key": new.address, "custodial": False}
        body = {"room": "parties", "act": act, "subject": number, "fields": fields}
        body["cosignatures"] = ["0x" + "11" * 64 + "1b"]
        desk.taken(place.post(desk.people["ada"], "/v1/intents/sign", body))
        message = {"party": number, "sequence": 99, "deadline": 2_000_000_000} | fields
        cosign = {"room": "parties", "act": act, "message": message, "signatures": body["cosignatures"]}
        desk.taken(place.post(desk.people["ada"], "/v1/intents/cosign", cosign))


def test_a_rule_begins_changes_and_ends_by_as_many_as_it_asks_for(place):
    desk = new_desk(place, "ada", "ben", "cao")
    none = place.get(desk.people["ada"], "/v1/approval-rule").json()
    assert (none["acts"], none["version"], none["signatories"]) == ([], 0, 3)
    asked = desk.ask_rule("ada", "bills/Transfer", people=3).json()
    assert (asked["kind"], asked["people"]) == ("rule", 3)
    assert asked["rule"] == {
        "acts": ["bills/Transfer"],
        "people": 3,
        "lifetime": 86_400,
        "replaces": 0,
    }
    problem(desk.say("ada", "approve", asked), 403, "own-request")
    assert desk.say("ben", "approve", asked).json()["status"] == "awaiting-approval"
    assert place.get(desk.people["ada"], "/v1/approval-rule").json()["acts"] == []
    assert desk.say("cao", "approve", asked).json()["status"] == "applied"
    assert place.get(desk.people["ada"], "/v1/approval-rule").json()["people"] == 3
    # To need fewer, as many as before must agree; and so to need none.
    fewer = desk.ask_rule("ada", "bills/Transfer", people=2).json()
    assert fewer["people"] == 3
    lifted = desk.ask_rule("ben").json()
    assert lifted["people"] == 3
    for name in ("ben", "cao"):
        last = desk.say(name, "approve", fewer).json()
    assert last["status"] == "applied"
    # What was proposed under the old rule cannot be completed under the new one.
    found = desk.get("ada", lifted)
    assert (found["status"], found["reason"]) == ("refused", "approval-rule-changed")
    end = desk.ask_rule("ada").json()
    assert desk.say("ben", "approve", end).json()["status"] == "applied"
    bill = held(place, desk.who)
    place.done(place.sign(desk.who, "Transfer", bill, to=place.party("carrier")))


def test_acts_proposed_under_an_old_rule_end_with_it(place):
    desk = new_desk(place, "ada", "ben", "cao")
    desk.rule("bills/Surrender")
    request = desk.propose("ada", "Surrender", place.quick_bill(holder=desk.who))
    desk.rule("bills/Surrender", people=3)
    assert problem(desk.say("ben", "approve", request), 409, "approval-ended")["params"] == {
        "status": "refused"
    }
    assert desk.get("ada", request)["reason"] == "approval-rule-changed"


def test_a_rule_replaces_the_one_it_was_proposed_for(place):
    desk = new_desk(place, "ada", "ben")
    desk.rule("bills/Surrender")
    asked = desk.ask_rule("ada").json()
    with writing(place.house.engine) as session:
        session.get_one(ApprovalRuleRow, desk.number).version += 1
    found = desk.say("ben", "approve", asked).json()
    assert (found["status"], found["reason"]) == ("refused", "approval-rule-changed")
    assert place.get(desk.people["ada"], "/v1/approval-rule").json()["acts"] == ["bills/Surrender"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"acts": ["bills/Steal"]}, 422, "approval-rule-malformed"),
        ({"acts": ["parties/Admit"]}, 422, "approval-rule-malformed"),
        ({"acts": ["bills/Transfer"], "people": 4}, 409, "too-few-people"),
        ({"acts": ["bills/Transfer"], "people": 1}, 422, "request-malformed"),
        ({"acts": ["bills/Transfer"], "people": 11}, 422, "request-malformed"),
        ({"acts": ["Transfer"]}, 422, "request-malformed"),
        ({"acts": ["bills/Transfer"], "lifetime": 299}, 422, "request-malformed"),
        ({}, 422, "request-malformed"),
    ],
)
def test_rules_that_are_none(place, other, body, status, code):
    with place.nothing_changes():
        answer = place.client.put("/v1/approval-rule", json=body, headers=other.people["ada"])
        problem(answer, status, code)
        problem(place.client.put("/v1/approval-rule", json={"acts": []}), 401, "unauthorized")
        own = place.members["importer"].headers
        problem(place.client.put("/v1/approval-rule", json={"acts": []}, headers=own), 403, "forbidden")


def test_the_operator_lifts_a_rule_whose_people_are_lost(place):
    desk = new_desk(place, "ada", "ben")
    desk.rule("bills/Surrender")
    bill = place.quick_bill(holder=desk.who)
    request = desk.propose("ada", "Surrender", bill)
    with writing(place.house.engine) as session:
        told = requests.lift(session, place.house.logbook.log, desk.number, int(time.time()))
        assert requests.lift(session, place.house.logbook.log, 4_000_000, int(time.time())) is None
    assert told.status == Status.APPLIED
    found = place.get(desk.people["ada"], f"/v1/approvals/{told.id}").json()
    assert [one["decision"] for one in found["sign_offs"]] == ["lift"]
    assert desk.get("ada", request)["reason"] == "approval-rule-changed"
    place.done(place.sign(desk.who, "Surrender", bill))


# What the database says is not believed


def test_a_request_that_was_altered_is_not_signed(place, desk):
    """Neither one that nobody signed off, nor one whose content is another."""
    bill, to = held(place), place.party("importer")
    unsigned = desk.propose("ada", "Transfer", bill, to=to)
    altered = desk.propose("ben", "Transfer", bill, to=to)
    with writing(place.house.engine) as session:
        session.get_one(ApprovalRow, unsigned["id"]).status = Status.APPROVED
        row = session.get_one(ApprovalRow, altered["id"])
        row.content = row.content.replace(f'"to": {to}', f'"to": {place.party("rival")}')
        assert row.content != json.dumps(altered)
        session.add(
            SignOffRow(
                approval=row.id, decision="approve", person="p" + "0" * 24, token="", at=1, seed="", leaf=0
            )
        )
        row.status = Status.APPROVED
    place.house.signatory.wake()
    for request in (unsigned, altered):
        end = time.monotonic() + 60
        while row_of(place, request).status == Status.APPROVED:
            assert time.monotonic() < end
            time.sleep(0.05)
        row = row_of(place, request)
        assert (row.status, row.reason) == ("refused", "approval-altered")
    place.settle()
    assert place.sequence(bill) == 1


def test_lists_are_cut_and_filtered(place):
    desk = new_desk(place, "ada", "ben")
    desk.rule("bills/Surrender")
    made = [desk.propose("ada", "Surrender", place.quick_bill(holder=desk.who)) for _ in range(3)]
    desk.say("ben", "decline", made[1])
    listed = place.get(desk.people["ada"], "/v1/approvals").json()
    assert [one["id"] for one in listed][-3:] == [one["id"] for one in made]
    assert place.get(desk.people["ada"], "/v1/approvals", limit=2).json() == listed[:2]
    assert place.get(desk.people["ada"], "/v1/approvals", after=listed[1]["id"]).json() == listed[2:]
    waiting = place.get(desk.people["ada"], "/v1/approvals", status="awaiting-approval").json()
    assert [one["id"] for one in waiting] == [made[0]["id"], made[2]["id"]]
    problem(place.get(desk.people["ada"], "/v1/approvals", status="x"), 422, "request-malformed")
    for odd in ("..", "%00", "5a", "g" * 32):
        assert place.get(desk.people["ada"], f"/v1/approvals/{odd}").status_code in (404, 422)
