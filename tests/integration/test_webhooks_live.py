"""The gateway's process killed while it sends, a chain that turns, and two gateways on one database.

The number of kills is ``LANDBRIDGE_WEBHOOK_KILLS`` (5 without it).
"""

# ruff: noqa: S311 - chance, not secrets

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import SQLModel, select

from api.kernel.webhooks import queue
from api.kernel.webhooks.tables import DeliveryRow, WebhookEventRow
from chain.db import reading, writing
from tests.integration.live import Client, Gateway, Story
from tests.integration.test_relayer_postgresql import server  # noqa: F401 - a fixture
from tests.webhooklab import Receiver, database, deliveries, make_sender, subscribe, tell, until

KILLS = int(os.environ.get("LANDBRIDGE_WEBHOOK_KILLS", "5"))


def hook(story: Story, party: int, url: str, **members: Any) -> tuple[Client, dict[str, Any]]:
    """A party's webhook, and a client that looks after it."""
    wish = {"party": party, "scopes": ["webhooks"], "label": "webhooks"}
    token = story.operator.post("/v1/tokens", wish).json()["token"]
    client = Client(str(story.operator.http.base_url), token)
    answer = client.post("/v1/webhooks", {"url": url, **members})
    assert answer.status_code == 201, answer.text
    return client, answer.json()


def insist(client: Client, name: str, bill: str, **fields: Any) -> None:
    """Do an act, whatever happens to the gateway meanwhile: with one key until it is taken and mined."""
    key = f"{random.getrandbits(128):032x}"
    while True:
        try:
            answer = client.try_act(name, bill, key=key, wait=20, **fields)
            if answer.status_code == 200:
                return
            assert answer.status_code == 202, answer.text
            while client.status(answer.json()["id"])["status"] not in ("mined", "done"):
                time.sleep(0.1)
            return
        except (httpx.HTTPError, AssertionError) as error:
            if isinstance(error, AssertionError) and "no such" in str(error):
                raise
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(420 + 60 * KILLS)
def test_killed_while_it_sends_every_event_arrives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At least once, none missing, under the same id with the same bytes each time; and nothing else."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway, dice = Gateway(folder, webhook_backoff="[1, 1, 2, 5, 5, 5, 5, 5, 5, 5]"), random.Random()
    operator = gateway.operator()

    def answer(got: Any) -> int:
        time.sleep(dice.uniform(0, 0.1))
        return 204 if dice.random() < 0.9 else 500

    with Receiver(answer) as receiver, gateway:
        story = Story(operator)
        bills = [story.stored() for _ in range(3)]
        secrets = {}
        for party in (1, 2, 3):
            _, made = hook(story, party, f"{receiver.url}/{party}", types=["landbridge.bills.*"])
            secrets[f"/in/{party}"] = made["secret"]
        enough, failures = threading.Event(), []

        def work(bill: str, note: str) -> None:
            try:
                insist(story.carrier, "Issue", bill, note=note, holder=2, toOrder=True)
                holder, other = 2, 3
                while not enough.is_set():
                    insist(story.clients[holder], "Transfer", bill, to=other)
                    holder, other = other, holder
                    enough.wait(0.5)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=one) for one in bills]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            seen = len(receiver.got)
            gateway.until(lambda seen=seen: len(receiver.got) > seen, 90)  # it is sending
            time.sleep(dice.uniform(0, 0.5))
            gateway.kill()
            gateway.start()
        enough.set()
        for thread in threads:
            thread.join(90)
        assert not failures, failures[0]
        # What must have come, by the rules of sight and the bills' own histories.
        wanted = set()
        for bill, _ in bills:
            for act in story.carrier.get(f"/v1/bills/{bill}/history"):
                for path, parties in (("/in/1", {1}), ("/in/2", {2}), ("/in/3", {3})):
                    if parties & {1, act["party"], act["holder"]}:
                        wanted.add((path, bill, act["sequence"]))

        def missing() -> set[Any]:
            came = {
                (got.path, got.event["subject"], got.event["data"]["sequence"]) for got in list(receiver.got)
            }
            return wanted - came

        gateway.until(lambda: not missing(), 180)
        engine = gateway.engine()
        try:

            def waiting() -> int:
                with reading(engine) as session:
                    return len(
                        session.exec(select(DeliveryRow.id).where(DeliveryRow.status == "waiting")).all()
                    )

            gateway.until(lambda: not waiting(), 180)
            with reading(engine) as session:
                stored = dict(session.exec(select(WebhookEventRow.id, WebhookEventRow.body)).all())
                assert {row.status for row in session.exec(select(DeliveryRow))} == {"delivered"}
        finally:
            engine.dispose()
        came = {(got.path, got.event["subject"], got.event["data"]["sequence"]) for got in receiver.got}
        assert came == wanted
        for got in receiver.got:
            assert stored[got.id] == got.body
        sent_twice = sum(count - 1 for count in Counter((got.path, got.id) for got in receiver.got).values())
        from api.kernel.webhooks.signing import verify

        for got in receiver.got:
            now = int(got.headers["webhook-timestamp"])
            assert verify(secrets[got.path], got.headers, got.body, now=now) == got.id
    with capsys.disabled():
        print(
            f"\nkills while sending: {KILLS}; {len(wanted)} deliveries wanted, {len(wanted)} arrived, "
            f"{sent_twice} sent again (refused by the receiver, or a kill before it was written down)"
        )


def test_its_own_address_is_a_receiver_like_any_other(tmp_path: Path) -> None:
    """A stranger's request to itself: refused, tried again as seldom, and the cause of no event."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder, webhook_backoff="[1]")
    operator = gateway.operator()
    with gateway:
        story = Story(operator, holders=1)
        own = [hook(story, 2, f"{gateway.url}{path}") for path in ("/v1/webhooks", "/rpc", "/health")]
        story.issued()
        client = own[0][0]
        places = [f"/v1/webhooks/{made['webhook']}" for _, made in own]
        gateway.until(lambda: all(client.get(place)["dead"] >= 1 for place in places), 90)
        found = [client.get(f"{place}/deliveries")[-1]["last"]["status"] for place in places]
        assert found == [401, 415, 405]
        engine = gateway.engine()
        with reading(engine) as session:
            types = Counter(session.exec(select(WebhookEventRow.type)).all())
        engine.dispose()
        assert types["landbridge.bills.issue"] == 1
        assert set(types) <= {
            "landbridge.bills.issue",
            *(f"landbridge.parties.{name}" for name in ("admitted", "key-added", "role-granted")),
        }


def test_what_the_chain_takes_back_is_taken_back(tmp_path: Path, make_anvil: Callable[..., Any]) -> None:
    """An act that was told and left the chain is retracted; when it stands again it is told anew. One that
    was not deep enough is never told before it is."""
    anvil = make_anvil()
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder, node=anvil.url, confirmations=3, independent_chain="the test")
    for account in gateway.senders():
        anvil.rpc("anvil_setBalance", account, hex(10**21))
    operator = gateway.operator()
    with gateway, Receiver() as receiver:
        story = Story(operator)
        bill, note = story.stored()
        hook(story, 1, receiver.url, types=["landbridge.bills.*"])
        issue = story.carrier.act("Issue", bill, note=note, holder=2, toOrder=True)
        anvil.rpc("anvil_mine", "0x1")
        assert receiver.got == []
        anvil.rpc("anvil_mine", "0x5")
        (told,) = receiver.wait(1)
        data = told.event["data"]
        assert (data["intent"], data["chain"]["block_hash"]) == (issue["id"], issue["block_hash"])
        assert data["chain"]["confirmations"] == 3
        anvil.rpc("evm_setAutomine", False)
        anvil.reorg(int(anvil.rpc("eth_blockNumber"), 16) - issue["block"] + 1)
        _, gone = receiver.wait(2)
        assert gone.event["type"] == "landbridge.retraction"
        assert gone.event["data"]["retracts"] == told.id
        assert gone.event["data"]["chain"] == data["chain"]
        gateway.until(lambda: int(anvil.rpc("txpool_status")["pending"], 16) >= 1)
        anvil.rpc("evm_mine")
        anvil.rpc("anvil_mine", "0x5")
        *_, again = receiver.wait(3)
        now = story.carrier.status(issue["id"])
        assert again.event["type"] == "landbridge.bills.issue"
        assert again.event["data"]["intent"] == issue["id"]
        assert again.event["data"]["chain"]["block_hash"] == now["block_hash"] != issue["block_hash"]
        assert again.id not in (told.id, gone.id)


# Several gateways on one PostgreSQL


@pytest.fixture
def engines(server: str) -> Iterator[tuple[Any, Any]]:  # noqa: F811
    """The same database, opened twice, empty."""
    first = database(server)
    yield first, database(server)
    SQLModel.metadata.drop_all(first)
    first.dispose()


def test_two_senders_never_send_one_delivery_at_the_same_time(engines: tuple[Any, Any]) -> None:
    """Each event comes to each receiver once: nothing failed, so nothing need come twice."""
    with Receiver(lambda got: time.sleep(0.005) or 204) as receiver:
        webhooks = [subscribe(engines[0], f"{receiver.url}/{number}", party=1) for number in range(6)]
        senders = [make_sender(engine) for engine in engines]
        for sender in senders:
            sender.start()
        try:
            ids = [id_ for _ in range(10) for id_ in tell(engines[0], 15)]
            until(lambda: len(receiver.got) >= len(ids) * len(webhooks))
            for webhook in webhooks:
                until(
                    lambda webhook=webhook: (
                        {row.status for row in deliveries(engines[0], webhook)} == {"delivered"}
                    )
                )
        finally:
            for sender in senders:
                sender.stop()
        by_path: dict[str, list[str]] = {}
        for got in receiver.got:
            by_path.setdefault(got.path, []).append(got.id)
        assert list(by_path.values()) == [ids] * len(webhooks)
        assert sum(sum(sender.outcomes.values()) for sender in senders) == len(ids) * len(webhooks)
        assert all(sender.health.ok for sender in senders)


def test_many_claims_at_once_share_nothing(engines: tuple[Any, Any]) -> None:
    """What one transaction has claimed and not yet committed, another passes over without waiting for it."""
    for number in range(12):
        subscribe(engines[0], f"https://a.example/{number}")
    tell(engines[0], 3)
    with writing(engines[0]) as session:
        assert queue.release(session, confirmations=1, now=queue.now_of(session)) == 3
    claimed: list[list[str]] = []
    both, lock = threading.Barrier(2), threading.Lock()

    def claim(engine: Any) -> None:
        with writing(engine) as session:
            runs = queue.claim(session, now=queue.now_of(session), room=5, most=9, seconds=60)
            both.wait(60)  # both hold what they claimed
            with lock:
                claimed.append([run.webhook for run in runs])

    threads = [threading.Thread(target=claim, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert [len(one) for one in claimed] == [5, 5]
    assert not set(claimed[0]) & set(claimed[1])
    with writing(engines[0]) as session:
        assert len(queue.claim(session, now=queue.now_of(session), room=9, most=9, seconds=60)) == 2


def test_two_gateways_give_an_event_out_once(engines: tuple[Any, Any]) -> None:
    webhook = subscribe(engines[0], "https://a.example/", paused="paused")
    ids = tell(engines[0], 300)
    start = threading.Barrier(2)

    def release(engine: Any) -> None:
        start.wait(60)
        for _ in range(5):
            with writing(engine) as session:
                queue.release(session, confirmations=1, now=queue.now_of(session))

    threads = [threading.Thread(target=release, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert len(deliveries(engines[0], webhook)) == len(ids)


def test_the_databases_clock_decides(engines: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway whose own clock is a day ahead takes nothing that another is at work on."""
    subscribe(engines[0], "https://a.example/")
    tell(engines[0])
    with writing(engines[0]) as session:
        now = queue.now_of(session)
        queue.release(session, confirmations=1, now=now)
        assert len(queue.claim(session, now=now, room=9, most=9, seconds=600)) == 1
    monkeypatch.setattr(time, "time", lambda: now + 86_400.0)
    with reading(engines[1]) as session:
        assert abs(queue.now_of(session) - now) < 300
        assert not queue.is_due(session, confirmations=1, now=queue.now_of(session))
