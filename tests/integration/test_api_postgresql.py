"""The gateway on PostgreSQL: the same answers, and numbers as large as the chain may say them."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Iterator

import pytest

from tests.integration.desk import Desk
from tests.integration.gateway import EVIDENCE, Gateway, open_gateway, populate, problem
from tests.integration.test_relayer_postgresql import server  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def place(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:  # noqa: F811
    """A gateway with its members on a PostgreSQL of its own."""
    with open_gateway(tmp_path_factory.mktemp("postgresql"), database_url=server) as opened:
        populate(opened)
        yield opened


def test_a_bill_from_issue_to_delivery(place):
    made = place.full_bill()
    bill = made["bill"]
    place.done(place.sign("importer", "Transfer", bill, to=place.party("bank")))
    verdict = place.post("bank", "/v1/bills/verify", {"bill": bill}).json()
    assert (verdict["verdict"], verdict["reasons"]) == ("pass", [])
    place.done(place.sign("bank", "Surrender", bill))
    place.done(place.sign("carrier", "AcceptSurrender", bill))
    place.done(place.sign("carrier", "Deliver", bill, evidence=EVIDENCE))
    past = place.get("importer", f"/v1/bills/{bill}").json()
    assert (past["sequence"], past["current"]) == (2, False)
    assert len(place.get("bank", f"/v1/bills/{bill}/history").json()) == 5


def test_times_and_numbers_as_large_as_the_chain_takes_them(place):
    """An act that may execute for ever must not stop whoever reads the chain."""
    last, owner = 2**48 - 1, place.members["owner"].signer
    bill = place.quick_bill()
    offer = place.act("Offer", bill, to=place.party("bank"), expiry=last, deadline=last)
    place.done(place.submit("owner", offer, owner))
    found = place.get("owner", f"/v1/bills/{bill}").json()
    assert (found["offer_expiry"], found["offeree"]) == (last, place.party("bank"))
    place.role("bank", "auditor", starts=last - 1, ends=last)
    roles = place.get("bank", f"/v1/parties/{place.party('bank')}").json()["roles"]
    assert {"role": "auditor", "starts": last - 1, "ends": last} in roles
    assert place.get(None, "/ready").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/parties/4294967295", 404),
        ("/v1/parties/99999999999999999999", 404),
        ("/v1/parties?after=4294967295", 200),
        ("/v1/parties?after=99999999999999999999", 200),
        ("/v1/parties?profile=%00", 422),
        ("/v1/bills?after=%00", 422),
        ("/v1/bills/%00", 422),
        ("/v1/bills?state=%00", 200),
    ],
)
def test_odd_addresses(place, path, status):
    assert place.get("bank", path).status_code == status


def test_odd_bodies(place):
    problem(place.delete("bank", "/v1/tokens/%00"), 422, "request-malformed")
    problem(
        place.post("operator", "/v1/tokens", {"scopes": ["read"], "label": "x", "party": 2**32 - 1}),
        404,
        "unknown-party",
    )
    answer = place.post("bank", f"/v1/documents/{EVIDENCE}/readers", {"party": 2**32 - 1})
    problem(answer, 409, "reader-key-unknown")
    problem(
        place.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "a\x00b"}), 422, "request-malformed"
    )


def test_many_at_once_with_one_key_are_one(place):
    bill, key, answers = place.quick_bill(holder="importer"), str(uuid.uuid4()), []
    body = {"room": "bills", "act": "Surrender", "subject": bill, "fields": {}}
    start = threading.Barrier(6)

    def call():
        start.wait()
        answers.append(place.post("importer", "/v1/intents/sign", body, idempotency_key=key))

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    place.settle()
    assert place.sequence(bill) == 2


def test_showing_a_document_many_times_at_once(place):
    bill, answers = place.full_bill()["bill"], []

    def call():
        body = {"party": place.party("bank")}
        answers.append(place.post("importer", f"/v1/documents/{bill}/readers", body).status_code)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [204] * 4
    assert place.get("bank", f"/v1/documents/{bill}").status_code == 200


def test_a_refusal_changes_nothing(place):
    place.settle()
    before = place.counts()
    act = place.act("Surrender", "0x" + secrets.token_hex(32), sequence=1)
    problem(place.submit("owner", act, place.members["owner"].signer), 404, "unknown-bill")
    problem(place.post("carrier", "/v1/documents", {"document": {}}), 422, "document-format-unknown")
    assert place.counts() == before


def test_four_eyes_with_many_who_approve_at_once(place):
    """Rows are locked here by the database: no sign-off is counted twice, and the key signs once."""
    desk = Desk(place, "stranger")
    names = [f"person {number}" for number in range(6)]
    desk.hire(*names)
    desk.rule("bills/Surrender", people=3)
    bill = place.quick_bill(holder="stranger")
    request, answers = desk.propose(names[0], "Surrender", bill), []

    def approve(name):
        answers.append(desk.say(name, "approve", request).status_code)

    threads = [threading.Thread(target=approve, args=(name,)) for name in names[1:] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [202] * 2 + [409] * 8
    found = desk.signed(names[0], request)
    assert (found["behind"], len(found["sign_offs"])) == (3, 3)
    place.settle()
    assert place.sequence(bill) == 2
    problem(desk.say(names[5], "approve", request), 409, "approval-ended")
    made = desk.token("somebody new", "read", "approve").json()
    waiting = desk.get(names[0], {"id": made["awaits"]})
    for name in names[:3]:
        assert desk.say(name, "approve", waiting).status_code == 202
    assert (
        place.get({"authorization": f"Bearer {made['token']}"}, "/v1/approval-rule").json()["signatories"]
        == 7
    )
