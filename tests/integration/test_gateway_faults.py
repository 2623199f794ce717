"""The whole gateway when a part fails: each fault is told by its name, delays or refuses, and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from live import EVIDENCE, Client, Gateway, Story
from sqlmodel import func, select

from api.kernel.tables import AnsweredRequest, DocumentRow
from chain.db import reading
from chain.tables import OutboxRow

NODE_SECONDS = 2.0
FREE = ("--block-base-fee-per-gas", "0", "--gas-price", "0")
"""An anvil on which the gateway's own sender needs no money."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "gateway"
    path.mkdir()
    return path


@pytest.fixture
def on_anvil(folder: Path, make_anvil: Callable[..., Any]) -> Iterator[tuple[Gateway, Any, Story]]:
    """A gateway in front of an anvil that mines at once, with three parties."""
    anvil = make_anvil(options=FREE)
    gateway = Gateway(folder, node=anvil.url, node_timeout=NODE_SECONDS)
    operator = gateway.operator()
    with gateway:
        yield gateway, anvil, Story(operator)


def count(gateway: Gateway, table: Any) -> int:
    """Rows of a table, past the gateway."""
    engine = gateway.engine()
    with reading(engine) as session:
        found = session.exec(select(func.count()).select_from(table)).one()
    engine.dispose()
    return int(found)


def refused(answer: httpx.Response, status: int, *codes: str) -> None:
    """The answer is a problem with this status and one of these codes."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert (answer.status_code, answer.json()["code"] in codes) == (status, True), answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


def in_flight(anvil: Any, story: Story, bill: str) -> str:
    """An act that was taken and sent, and that no block holds."""
    anvil.rpc("evm_setAutomine", False)
    intent = story.clients[2].act("Transfer", bill, to=3, wait=0)["id"]
    client = story.clients[2]
    end = time.monotonic() + 10
    while client.status(intent)["status"] != "sent":
        assert time.monotonic() < end
        time.sleep(0.05)
    return intent


def done(client: Client, intent: str, gateway: Gateway) -> dict[str, Any]:
    """The act, once it is done."""
    gateway.until(lambda: client.status(intent)["status"] == "done", 40)
    return client.status(intent)


def test_a_node_that_is_down_delays(on_anvil: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = on_anvil
    bill = story.issued()
    intent = in_flight(anvil, story, bill)
    anvil.stop()
    before = count(gateway, OutboxRow), count(gateway, AnsweredRequest)

    again = {"bill": bill, "key": "one-and-the-same"}
    refused(story.clients[2].try_act("Surrender", **again), 503, "node-down")
    body = {"room": "bills", "act": "Surrender", "subject": bill}
    refused(story.clients[2].post("/v1/intents/prepare", body), 503, "node-down")
    refused(story.operator.post("/v1/parties/1/suspension", {"reason": EVIDENCE}), 503, "node-down")
    assert (count(gateway, OutboxRow), count(gateway, AnsweredRequest)) == before
    gateway.until(lambda: set(gateway.parts().values()) == {"", "node-down"})
    # What needs no chain goes on; what is said of the chain is said to be unknown.
    assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 2
    assert story.clients[2].status(intent)["status"] == "sent"
    seen = story.clients[2].verify(bill)
    assert (seen["verdict"], seen["results"]["live"]) == ("fail", "unknown")
    other, _ = story.stored()
    assert story.carrier.get(f"/v1/documents/{other}")["digest"] == other

    gateway.kill()
    gateway.start(wait=False)
    gateway.until(lambda: not gateway.alive)  # without its chain it does not start: it says why
    assert "node-down" in gateway.last_words()
    anvil.start()
    gateway.start()
    assert done(story.clients[2], intent, gateway)["block"] is not None
    gateway.until(lambda: set(gateway.parts().values()) == {""})
    assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 2  # as it parted with it
    refused(story.clients[2].try_act("Surrender", **again), 403, "wrong-party")
    assert story.clients[3].act("Surrender", bill)["status"] == "done"


def test_a_node_that_hangs_is_named_in_time(on_anvil: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = on_anvil
    bill = story.issued()
    intent = in_flight(anvil, story, bill)
    before = count(gateway, OutboxRow)
    os.kill(anvil._process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answers: list[httpx.Response] = []
        askers = [
            threading.Thread(target=lambda: answers.append(story.clients[3].try_act("Surrender", bill)))
            for _ in range(8)
        ]
        for asker in askers:
            asker.start()
        # Meanwhile what needs no chain is served.
        story.stored()
        assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 2
        for asker in askers:
            asker.join()
        assert time.monotonic() - began < 4 * NODE_SECONDS
        for answer in answers:
            refused(answer, 503, "node-hung")
        assert gateway.parts()["node"] == "node-hung"
        gateway.until(lambda: gateway.parts()["relayer"] == "node-hung")
        assert count(gateway, OutboxRow) == before
    finally:
        os.kill(anvil._process.pid, signal.SIGCONT)
    anvil.rpc("evm_setAutomine", True)
    anvil.rpc("evm_mine")
    done(story.clients[2], intent, gateway)
    gateway.until(lambda: set(gateway.parts().values()) == {""})


def test_a_node_of_another_chain_gets_nothing(on_anvil: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = on_anvil
    bill = story.issued()
    intent = in_flight(anvil, story, bill)
    anvil.stop()
    before = count(gateway, OutboxRow)
    ours, own_id = anvil.state, anvil.chain_id

    anvil.state, anvil.chain_id = ours.with_name("other.json"), 20778
    anvil.start()
    refused(story.clients[3].try_act("Surrender", bill), 503, "node-wrong-chain")
    gateway.until(lambda: gateway.parts()["relayer"] == "node-wrong-chain")
    assert gateway.parts() | {"database": "", "storage": ""} == {
        "database": "",
        "storage": "",
        "node": "node-wrong-chain",
        "relayer": "node-wrong-chain",
        "indexer": "node-wrong-chain",
    }
    nothing_was_sent(anvil)
    anvil.kill()

    # The same number, and yet another chain: it begins with another block.
    anvil.state, anvil.chain_id = ours.with_name("twin.json"), own_id
    anvil.start()
    refused(story.clients[3].try_act("Surrender", bill), 503, "chain-changed")
    gateway.until(lambda: gateway.parts()["relayer"] == "chain-changed")
    assert gateway.parts()["indexer"] == "chain-changed"
    seen = story.clients[2].verify(bill)
    assert (seen["verdict"], seen["results"]["live"]) == ("fail", "unknown")
    nothing_was_sent(anvil)
    anvil.kill()
    assert count(gateway, OutboxRow) == before

    anvil.state = ours
    anvil.start()
    done(story.clients[2], intent, gateway)
    assert story.clients[3].act("Surrender", bill)["status"] == "done"
    gateway.until(lambda: set(gateway.parts().values()) == {""})


def nothing_was_sent(anvil: Any) -> None:
    """The chain has its first block alone, and no transaction waits."""
    assert anvil.rpc("eth_blockNumber") == "0x0"
    assert anvil.rpc("txpool_status") == {"pending": "0x0", "queued": "0x0"}


# Disks


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own with little room."""
    path.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small file system needs the right to mount one")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Take all the room but so many bytes."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    with ballast.open("wb") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - leave)))
    return ballast


def until_refused(attempt: Callable[[], httpx.Response], taken: list[str]) -> httpx.Response:
    """Repeat until it is refused; what was taken is noted."""
    for _ in range(200):
        answer = attempt()
        if answer.status_code >= 400:
            return answer
        taken.append(answer.json()["id"])
    raise AssertionError("it is never refused")


def to_and_fro(story: Story, bill: str) -> Callable[[], httpx.Response]:
    """Transfers of a bill from one holder to the other and back."""
    holders = [2, 3]

    def attempt() -> httpx.Response:
        answer = story.clients[holders[0]].try_act("Transfer", bill, to=holders[1], wait=10)
        if answer.status_code < 400:
            holders.reverse()
        return answer

    return attempt


def all_done(gateway: Gateway, story: Story, bill: str, taken: list[str]) -> None:
    """What was acknowledged is done, each once."""
    for intent in taken:
        done(story.carrier, intent, gateway)
    gateway.until(lambda: story.carrier.get(f"/v1/bills/{bill}")["sequence"] == 1 + len(taken))
    assert len(set(taken)) == len(taken)


def test_a_full_disk_under_the_database(folder: Path) -> None:
    with small_disk(folder.with_name("database"), "12m") as disk:
        gateway = Gateway(folder, database_url=f"sqlite:///{disk / 'gateway.db'}")
        operator = gateway.operator()
        with gateway:
            story = Story(operator)
            bill = story.issued()
            transfer = to_and_fro(story, bill)
            taken = [transfer().json()["id"]]
            ballast = fill(disk, leave=40_000)
            refused(until_refused(transfer, taken), 507, "storage-full")
            fill(disk)
            refused(transfer(), 507, "storage-full")
            acts = count(gateway, OutboxRow)
            assert acts == len(taken) + 1 + len(story.admitted)
            assert story.carrier.get(f"/v1/bills/{bill}")["holder"] in (2, 3)  # it can be read
            ballast.unlink()
            answer = transfer()
            assert answer.status_code in (200, 202), answer.text
            taken.append(answer.json()["id"])
            all_done(gateway, story, bill, taken)
            # Nor does a process that ends then lose anything.
            fill(disk)
            gateway.kill()
            (disk / "ballast").unlink()
            gateway.start()
            all_done(gateway, story, bill, taken)


def test_a_full_disk_under_the_blobs(folder: Path) -> None:
    with small_disk(folder.with_name("blobs"), "1m") as disk:
        (disk / "blobs").mkdir()
        gateway = Gateway(folder, blobs_url=(disk / "blobs").as_uri())
        operator = gateway.operator()
        with gateway:
            story = Story(operator)
            kept, _ = story.stored()
            ballast = fill(disk)
            before = count(gateway, DocumentRow), count(gateway, AnsweredRequest)
            body = {"document": story.document(), "readers": [2]}
            answer = story.carrier.post("/v1/documents", body, key="the same again")
            refused(story.carrier.post("/v1/documents", body, key="the-same-again"), 507, "storage-full")
            assert answer.status_code == 400  # a key has no spaces
            assert (count(gateway, DocumentRow), count(gateway, AnsweredRequest)) == before
            assert not [path for path in (disk / "blobs").rglob("*") if path.is_file() and not path.stat().st_size]
            assert story.clients[2].get(f"/v1/documents/{kept}")["digest"] == kept
            ballast.unlink()
            answer = story.carrier.post("/v1/documents", body, key="the-same-again")
            assert answer.status_code == 201, answer.text
            digest = answer.json()["digest"]
            assert story.clients[2].get(f"/v1/documents/{digest}")["document"] == body["document"]


def test_a_full_disk_under_the_embedded_chain(tmp_path: Path, folder: Path) -> None:
    with small_disk(folder, "8m") as disk:
        gateway = Gateway(
            disk, database_url=f"sqlite:///{tmp_path / 'gateway.db'}", blobs_url=(tmp_path / "blobs").as_uri()
        )
        operator = gateway.operator()
        with gateway:
            story = Story(operator)
            bill = story.issued()
            transfer = to_and_fro(story, bill)
            ballast = fill(disk)
            taken: list[str] = []
            for _ in range(200):  # what room the file has in itself is used first
                answer = story.clients[2 + len(taken) % 2].try_act("Transfer", bill, to=3 - len(taken) % 2)
                assert answer.status_code == 202, answer.text  # taken, and durable elsewhere
                taken.append(answer.json()["id"])
                time.sleep(0.02)
                if gateway.parts()["relayer"] == "node-storage":
                    break
            assert gateway.parts()["relayer"] == "node-storage"
            assert story.carrier.status(taken[-1])["status"] in ("pending", "sent")
            assert httpx.get(f"{gateway.url}/ready", trust_env=False).status_code == 503
            gateway.kill()
            ballast.unlink()
            gateway.start()
            all_done(gateway, story, bill, taken)
            if len(taken) % 2:
                transfer = to_and_fro(story, bill)
            assert story.carrier.get(f"/v1/bills/{bill}")["live"]


# Clocks


def test_a_clock_that_goes_back(folder: Path) -> None:
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        story = Story(operator)
        bill = story.issued()
        first = story.clients[2].act("Transfer", bill, to=3)
        # By less than a deadline's hour: the chain's time stands still, acts go on.
        gateway.turn_clock(-1800)
        second = story.clients[3].act("Transfer", bill, to=2)
        assert second["status"] == "done"
        assert second["block"] > first["block"]
        times = [event["time"] for event in story.carrier.get(f"/v1/bills/{bill}/history")]
        assert times == sorted(times)
        assert story.clients[2].verify(bill)["verdict"] == "pass"
        # By more: what would be prepared has passed already by the chain's time; it is refused by name.
        gateway.turn_clock(-90_000)
        before = count(gateway, OutboxRow)
        refused(story.clients[2].try_act("Transfer", bill, to=3), 409, "intent-expired")
        assert count(gateway, OutboxRow) == before
        gateway.turn_clock(0)
        assert story.clients[2].act("Transfer", bill, to=3)["status"] == "done"


# Keys


def test_many_ask_at_once_after_a_start(folder: Path) -> None:
    """Entrusted reader keys are unlocked one after the other, whoever asks: each takes 64 MiB and threads."""
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        story = Story(operator)
        bill, _ = story.stored()
        story.carrier.post(f"/v1/documents/{bill}/readers", {"party": 3})
        gateway.kill()
        gateway.start()
        answers: list[int] = []

        def ask(client: Client) -> None:
            answers.append(client.http.get(f"/v1/documents/{bill}").status_code)

        askers = [threading.Thread(target=ask, args=(client,)) for client in story.clients.values()] * 1
        askers += [threading.Thread(target=ask, args=(client,)) for client in story.clients.values()]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert answers == [200] * len(askers)
