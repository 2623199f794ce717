"""/v1/webhooks: a party's own system follows what the party may see, and nothing else; and its rights."""

from __future__ import annotations

import time
import uuid

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import select

from api.kernel.webhooks.tables import DeliveryRow, WebhookRow
from chain.db import reading
from tests.integration.gateway import EVIDENCE, problem
from tests.webhooklab import Receiver, until

WEBHOOK = "/v1/webhooks"


@pytest.fixture
def hook(gateway):
    """Makes webhooks of parties, and deletes them afterwards."""
    made = []

    def make(who, url, **members):
        answer = gateway.post(who, WEBHOOK, {"url": url, **members})
        assert answer.status_code == 201, answer.text
        made.append((who, answer.json()["webhook"]))
        return answer.json()

    yield make
    for who, webhook in made:
        gateway.delete(who, f"{WEBHOOK}/{webhook}")


def change(gateway, who, webhook, **members):
    return gateway.client.patch(f"{WEBHOOK}/{webhook}", json=members, headers=gateway.headers(who))


def told(receiver, bill):
    """The types of what a receiver was told of a bill, in order."""
    return [got.event["type"] for got in list(receiver.got) if got.event.get("subject") == bill]


def delivered(gateway, who, webhook):
    """Whether nothing of a webhook waits."""
    return not gateway.get(who, f"{WEBHOOK}/{webhook}").json()["waiting"]


# Making and looking after


def test_a_secret_is_shown_once_and_stored_sealed(gateway, hook):
    made = hook("bank", "https://bank.example/x", types=["landbridge.bills.*"], description="desk")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "webhook": made["webhook"],
        "url": "https://bank.example/x",
        "types": ["landbridge.bills.*"],
        "description": "desk",
        "status": "active",
        "created": made["created"],
        "old_secret_until": None,
        "failures": 0,
        "waiting": 0,
        "dead": 0,
    }
    assert gateway.get("bank", f"{WEBHOOK}/{made['webhook']}").json() == made
    assert made in gateway.get("bank", WEBHOOK).json()
    with reading(gateway.house.engine) as session:
        row = session.get_one(WebhookRow, made["webhook"])
    assert secret[6:].encode() not in row.secret
    assert all(secret not in str(value) for value in row.model_dump().values())


def test_an_answer_with_a_secret_is_not_kept(gateway, hook):
    key, before = uuid.uuid4().hex, len(gateway.get("bank", WEBHOOK).json())
    body = {"url": "https://bank.example/once"}
    first = gateway.post("bank", WEBHOOK, body, idempotency_key=key)
    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    problem(gateway.post("bank", WEBHOOK, body, idempotency_key=key), 409, "idempotency-not-replayable")
    assert len(gateway.get("bank", WEBHOOK).json()) == before + 1
    gateway.delete("bank", f"{WEBHOOK}/{first.json()['webhook']}")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://10.0.0.1/"}, "webhook-address-forbidden"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "webhook-address-forbidden"),
        ({"url": "https://user:pass@bank.example/"}, "webhook-url"),
        ({"url": "https://bank.example/#x"}, "webhook-url"),
        ({"url": "https://bank.example/", "types": ["landbridge.bills.transferred"]}, "webhook-type-unknown"),
        ({"url": "ftp://bank.example/"}, "request-malformed"),
        ({"url": "https://bank.example/", "types": []}, "request-malformed"),
        ({"url": "https://bank.example/", "types": ["*.transfer"]}, "request-malformed"),
        ({"url": "https://bank.example/", "secret": "whsec_own"}, "request-malformed"),
        ({}, "request-malformed"),
    ],
)
def test_what_is_refused_is_named_in_both_languages(gateway, body, code):
    with gateway.nothing_changes():
        english = problem(gateway.post("bank", WEBHOOK, body), 422, code)
        chinese = problem(gateway.post("bank", WEBHOOK, body, accept_language="zh"), 422, code)
    assert english["title"].isascii()
    assert not chinese["title"].isascii()


def test_a_party_has_so_many_and_no_more(gateway, hook):
    for number in range(gateway.house.settings.webhook_limit):
        hook("rival", f"https://rival.example/{number}")
    answer = gateway.post("rival", WEBHOOK, {"url": "https://rival.example/more"})
    assert problem(answer, 409, "webhook-limit")["params"] == {"limit": 20}
    hook("bank", "https://bank.example/")


def test_another_partys_webhook_does_not_exist(gateway, hook):
    with Receiver() as receiver:
        webhook = hook("bank", receiver.url)["webhook"]
        delivery = gateway.post("bank", f"{WEBHOOK}/{webhook}/ping").json()["delivery"]
        receiver.wait(1)
        until(lambda: delivered(gateway, "bank", webhook))
        mine = hook("importer", receiver.url)["webhook"]
        gateway.settle()
        with gateway.nothing_changes():
            for path in (f"{WEBHOOK}/{webhook}", f"{WEBHOOK}/{mine}"):
                who = "stranger" if path.endswith(mine) else "importer"
                for method, tail, body in (
                    ("GET", "", None),
                    ("PATCH", "", {"paused": True}),
                    ("DELETE", "", None),
                    ("POST", "/secret", {}),
                    ("POST", "/ping", None),
                    ("GET", "/deliveries", None),
                    ("GET", f"/deliveries/{delivery}", None),
                    ("POST", f"/deliveries/{delivery}/replay", None),
                    ("POST", "/replay", {"since": 0}),
                ):
                    headers = gateway.headers(who)
                    answer = gateway.client.request(method, path + tail, json=body, headers=headers)
                    problem(answer, 404, "not-found")
            # Its own webhook is no way to another one's delivery.
            problem(gateway.get("importer", f"{WEBHOOK}/{mine}/deliveries/{delivery}"), 404, "not-found")
            answer = gateway.post("importer", f"{WEBHOOK}/{mine}/deliveries/{delivery}/replay")
            problem(answer, 404, "not-found")
        assert webhook not in str(gateway.get("importer", WEBHOOK).json())


def test_the_types_are_those_of_all_acts(gateway):
    types = gateway.get("bank", f"{WEBHOOK}/types").json()
    assert {"landbridge.bills.issue", "landbridge.bills.accept-offer", "landbridge.parties.suspended"} <= set(
        types
    )
    for room in gateway.house.rooms.values():
        assert room.happening_names, "a room that tells nothing"


# Following


def test_each_party_follows_what_it_may_see(gateway, hook):
    """Issuer and holders; who gave the bill away hears that, and no more of it; a stranger nothing."""
    members = ("haulier", "owner", "bank", "stranger")
    receivers = {who: Receiver() for who in members}
    for who, receiver in receivers.items():
        receiver.__enter__()
        hook(who, receiver.url, types=["landbridge.bills.*"])
    try:
        owner = gateway.members["owner"].signer
        bill = gateway.quick_bill()
        act = gateway.act("Transfer", bill, to=gateway.party("bank"))
        transfer = gateway.done(gateway.submit("owner", act, owner, prefer="wait=20"))
        surrender = gateway.done(gateway.sign("bank", "Surrender", bill))
        kinds = ["issue", "transfer", "surrender"]
        types = [f"landbridge.bills.{kind}" for kind in kinds]
        expected = {"haulier": types, "owner": types[:2], "bank": types[1:], "stranger": []}
        until(lambda: {who: told(r, bill) for who, r in receivers.items()} == expected)
        last = next(got for got in receivers["bank"].got if got.event["type"] == types[2])
        data = last.event["data"]
        history = gateway.get("bank", f"/v1/bills/{bill}/history").json()
        for name in ("act", "sequence", "party", "key", "detail", "state", "holder", "offeree"):
            assert data[name] == history[-1][name]
        for name in ("block", "block_hash", "transaction"):
            assert data["chain"][name] == history[-1][name]
        assert data["chain"]["block_time"] == history[-1]["time"]
        assert data["intent"] == surrender["id"]
        assert data["live"] is False
        by_intent = [g.event["data"]["intent"] for g in receivers["owner"].got if g.event["subject"] == bill]
        assert by_intent[1] == transfer["id"]
        # The same event is the same message, whoever gets it.
        a, b = (
            {got.id: got.body for got in receivers[who].got if got.event["subject"] == bill}
            for who in ("haulier", "bank")
        )
        assert all(a[id_] == b[id_] for id_ in a.keys() & b.keys())
        assert len(a.keys() & b.keys()) == 2
    finally:
        for receiver in receivers.values():
            receiver.__exit__()


def test_no_name_and_nothing_of_a_document_is_sent(gateway, hook):
    with Receiver() as receiver:
        hook("importer", receiver.url)
        made = gateway.full_bill()
        until(lambda: told(receiver, made["bill"]))
        bodies = b"".join(got.body for got in receiver.got).decode()
        names = [party["name"] for party in gateway.get("bank", "/v1/parties").json()]
    for name in filter(None, names):
        assert name not in bodies
    assert made["seed"] not in bodies
    assert str(made["document"]["note"]["number"]) not in bodies


def test_filters_choose_and_the_registry_is_for_all(gateway, hook):
    with Receiver() as receiver:
        kinds = ["landbridge.parties.suspended", "landbridge.parties.reinstated"]
        hook("stranger", receiver.url, types=kinds)
        party = gateway.party("rival")
        gateway.done(gateway.post("operator", f"/v1/parties/{party}/suspension", {"reason": EVIDENCE}))
        gateway.done(gateway.delete("operator", f"/v1/parties/{party}/suspension"))
        gateway.role("bank", "auditor")
        until(lambda: len(told(receiver, str(party))) == 2)
        assert told(receiver, str(party)) == kinds
        assert {got.event["type"] for got in receiver.got} == set(kinds)
        assert receiver.got[0].event["data"]["reason"] == EVIDENCE


def test_signatures_and_rotation(gateway, hook):
    with Receiver() as receiver:
        made = hook("bank", receiver.url)
        place = f"{WEBHOOK}/{made['webhook']}"
        gateway.post("bank", f"{place}/ping")
        receiver.wait(1)
        receiver.check(made["secret"])
        rotated = gateway.post("bank", f"{place}/secret", {"overlap": 3600}).json()
        assert rotated["secret"] != made["secret"]
        assert abs(rotated["old_secret_until"] - time.time() - 3600) < 120
        gateway.post("bank", f"{place}/ping")
        receiver.wait(2)
        receiver.check(made["secret"])
        assert len(receiver.got[1].headers["webhook-signature"].split(" ")) == 2
        del receiver.got[0]
        receiver.check(rotated["secret"])
        leaked = gateway.post("bank", f"{place}/secret", {"overlap": 0}).json()
        assert leaked["old_secret_until"] is None
        del receiver.got[:]
        gateway.post("bank", f"{place}/ping")
        receiver.wait(1)
        receiver.check(leaked["secret"])
        assert len(receiver.got[0].headers["webhook-signature"].split(" ")) == 1


def test_a_ping(gateway, hook):
    with Receiver() as receiver:
        webhook = hook("bank", receiver.url, types=["landbridge.parties.*"])["webhook"]
        key = uuid.uuid4().hex
        made = gateway.post("bank", f"{WEBHOOK}/{webhook}/ping", idempotency_key=key)
        again = gateway.post("bank", f"{WEBHOOK}/{webhook}/ping", idempotency_key=key)
        assert (made.status_code, again.json()) == (202, made.json())
        delivery = made.json()
        assert (delivery["type"], delivery["status"]) == ("landbridge.ping", "waiting")
        place = f"{WEBHOOK}/{webhook}/deliveries/{delivery['delivery']}"
        until(lambda: gateway.get("bank", place).json()["status"] == "delivered")
        assert receiver.ids == [delivery["event"]]
        whole = gateway.get("bank", place).json()
        assert whole["body"] == receiver.got[0].event
        assert whole["body"]["data"] == {"event": "landbridge/event/1", "webhook": webhook}
        assert (whole["attempts"], whole["next_attempt"]) == (1, None)
        assert (whole["last"]["outcome"], whole["last"]["status"], whole["last"]["answer"]) == (
            "delivered",
            204,
            "",
        )


def test_paused_events_are_kept_and_come_when_it_is_resumed(gateway, hook):
    with Receiver() as receiver:
        webhook = hook("owner", receiver.url, types=["landbridge.bills.*"])["webhook"]
        assert change(gateway, "owner", webhook, paused=True).json()["status"] == "paused"
        problem(gateway.post("owner", f"{WEBHOOK}/{webhook}/ping"), 409, "webhook-paused")
        bills = [gateway.quick_bill(), gateway.quick_bill()]
        until(lambda: gateway.get("owner", f"{WEBHOOK}/{webhook}").json()["waiting"] == 2)
        assert receiver.got == []
        assert change(gateway, "owner", webhook, paused=False).json()["status"] == "active"
        receiver.wait(2)
        assert [got.event["subject"] for got in receiver.got] == bills


def test_gone_dead_and_sent_again(gateway, hook):
    answers = [(410, {}, b"moved away")]
    with Receiver(lambda got: answers[-1]) as receiver:
        webhook = hook("bank", receiver.url)["webhook"]
        place = f"{WEBHOOK}/{webhook}"
        delivery = gateway.post("bank", f"{place}/ping").json()["delivery"]
        until(lambda: gateway.get("bank", place).json()["status"] == "gone")
        found = gateway.get("bank", f"{place}/deliveries/{delivery}").json()
        assert (found["status"], found["last"]["status"]) == ("waiting", 410)
        assert found["last"]["answer"] == "moved away"
        answers.append(204)
        change(gateway, "bank", webhook, paused=False)
        gateway.post("bank", f"{place}/deliveries/{delivery}/replay")
        until(lambda: gateway.get("bank", f"{place}/deliveries/{delivery}").json()["status"] == "delivered")
        assert [
            one["delivery"] for one in gateway.get("bank", f"{place}/deliveries", status="delivered").json()
        ] == [delivery]
        assert gateway.get("bank", f"{place}/deliveries", status="dead").json() == []
        # Delivered ones are sent again, too; the receiver knows them by their id.
        again = gateway.post("bank", f"{place}/deliveries/{delivery}/replay")
        assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "waiting", 0)
        receiver.wait(3)
        assert len(set(receiver.ids)) == 1


def test_replay_since_a_time_brings_what_the_party_may_see(gateway, hook):
    """Also what happened before there was a webhook; nothing of others; each under its own id."""
    gateway.settle()
    since = gateway.house.head().timestamp
    mine, other = gateway.quick_bill(), gateway.quick_bill(holder="haulier")
    gateway.settle()
    with Receiver() as receiver:
        webhook = hook("owner", receiver.url, types=["landbridge.bills.*"])["webhook"]
        body = {"since": since}
        answer = gateway.post("owner", f"{WEBHOOK}/{webhook}/replay", body)
        assert answer.status_code == 202
        found = answer.json()
        until(lambda: mine in [got.event["subject"] for got in receiver.got])
        until(lambda: delivered(gateway, "owner", webhook))
        subjects = [got.event["subject"] for got in receiver.got]
        assert len(receiver.got) == found["replayed"] >= 1
        assert (other in subjects, found["more"]) == (False, False)
        assert receiver.ids[-1] == found["last"]
        first = list(receiver.ids)
        gateway.post("owner", f"{WEBHOOK}/{webhook}/replay", body)
        receiver.wait(2 * len(first))
        assert receiver.ids == first * 2
        assert len({got.body for got in receiver.got}) == len(first)
        after = gateway.post("owner", f"{WEBHOOK}/{webhook}/replay", body | {"after": found["last"]}).json()
        assert after == {"replayed": 0, "last": None, "more": False}
        unknown = body | {"after": "evt_" + "0" * 32}
        problem(gateway.post("owner", f"{WEBHOOK}/{webhook}/replay", unknown), 404, "not-found")


def test_deleted_nothing_more_is_sent(gateway, hook):
    with Receiver(lambda got: 500) as receiver:
        webhook = hook("owner", receiver.url)["webhook"]
        gateway.quick_bill()
        receiver.wait(1)
        answer = gateway.delete("owner", f"{WEBHOOK}/{webhook}")
        assert (answer.status_code, answer.content) == (204, b"")
        problem(gateway.get("owner", f"{WEBHOOK}/{webhook}"), 404, "not-found")
        with reading(gateway.house.engine) as session:
            assert session.exec(select(DeliveryRow).where(DeliveryRow.webhook == webhook)).all() == []


def test_pages_of_deliveries(gateway, hook):
    with Receiver() as receiver:
        webhook = hook("bank", receiver.url)["webhook"]
        made = [gateway.post("bank", f"{WEBHOOK}/{webhook}/ping").json()["delivery"] for _ in range(5)]
        place = f"{WEBHOOK}/{webhook}/deliveries"
        first = [one["delivery"] for one in gateway.get("bank", place, limit=3).json()]
        rest = [one["delivery"] for one in gateway.get("bank", place, limit=3, before=first[-1]).json()]
        assert first + rest == made[::-1]


# Loops, and how it is


def test_who_points_elsewhere_leads_nowhere(gateway, hook):
    with Receiver() as receiver:
        looping = Receiver(lambda got: (307, {"location": receiver.url}, b""))
        with looping:
            webhook = hook("bank", looping.url)["webhook"]
            gateway.post("bank", f"{WEBHOOK}/{webhook}/ping")
            until(lambda: gateway.get("bank", f"{WEBHOOK}/{webhook}").json()["failures"] >= 1)
            assert receiver.got == []


def test_it_is_measured_and_named(gateway, hook):
    def families():
        text = gateway.get(None, "/metrics").text
        return {family.name: family for family in text_string_to_metric_families(text)}

    def attempts(outcome):
        return {s.labels["outcome"]: s.value for s in families()["landbridge_webhook_attempts"].samples}[
            outcome
        ]

    with Receiver(lambda got: 204 if got.path == "/in" else 500) as receiver:
        before = attempts("delivered"), attempts("http-status")
        good = hook("bank", receiver.url)["webhook"]
        bad = hook("bank", receiver.url + "/bad")["webhook"]
        for webhook in (good, bad):
            gateway.post("bank", f"{WEBHOOK}/{webhook}/ping")
        until(lambda: delivered(gateway, "bank", good))
        until(lambda: gateway.get("bank", f"{WEBHOOK}/{bad}").json()["failures"])
        assert attempts("delivered") > before[0]
        assert attempts("http-status") > before[1]
        found = families()
        waiting = {s.labels["status"]: s.value for s in found["landbridge_webhook_deliveries"].samples}
        assert waiting["waiting"] >= 1
        assert "dead" in waiting
        (oldest,) = found["landbridge_webhook_oldest_waiting_seconds"].samples
        assert oldest.value >= 0
    parts = {part["part"]: part["ok"] for part in gateway.get(None, "/ready").json()["parts"]}
    assert parts["webhooks"] is True
