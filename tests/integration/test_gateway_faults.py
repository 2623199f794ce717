"""The whole gateway when a part fails: each fault is told by its name, delays or refuses, loses nothing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from api.kernel.tables import AnsweredRequest, DocumentRow
from chain.db import reading
from chain.tables import OutboxRow
from tests.integration.conftest import Anvil
from tests.integration.live import EVIDENCE, PATIENCE, Client, Gateway, Story

NODE_SECONDS = 5.0
"""How long the gateway waits for its node: much longer than for anything else, also on a busy machine."""


@contextmanager
def gateway_on_anvil(folder: Path) -> Iterator[tuple[Gateway, Any, Story]]:
    """A gateway in front of an anvil that mines at once, with three parties."""
    with Anvil(folder) as anvil:
        (folder / "gateway").mkdir()
        gateway = Gateway(folder / "gateway", node=anvil.url, node_timeout=NODE_SECONDS)
        for account in gateway.senders():
            anvil.rpc("anvil_setBalance", account, hex(10**21))
        operator = gateway.operator()
        with gateway:
            yield gateway, anvil, Story(operator)


@pytest.fixture(scope="module")
def on_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Any, Story]]:
    """One for several tests. Each leaves it well."""
    with gateway_on_anvil(tmp_path_factory.mktemp("on-anvil")) as made:
        yield made


@dataclass
class Disks:
    """A gateway with its own chain whose data folder, database and blobs lie on small disks."""

    gateway: Gateway
    story: Story
    data: Path
    database: Path
    blobs: Path


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disks]:
    """A gateway with its own chain, with three parties. Each test leaves it well."""
    folder = tmp_path_factory.mktemp("embedded")
    with ExitStack() as stack:
        data, database, blobs = (
            stack.enter_context(small_disk(folder / name, size))
            for name, size in (("data", "96m"), ("database", "16m"), ("blobs", "2m"))
        )
        (blobs / "kept").mkdir()
        gateway = Gateway(
            data, database_url=f"sqlite:///{database / 'gateway.db'}", blobs_url=(blobs / "kept").as_uri()
        )
        operator = gateway.operator()
        stack.enter_context(gateway)
        yield Disks(gateway, Story(operator), data, database, blobs)


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


def is_well(gateway: Gateway) -> None:
    """Every part says so, soon."""
    gateway.until(lambda: set(gateway.parts().values()) == {""})


def in_flight(anvil: Any, story: Story, bill: str) -> str:
    """An act that was taken and sent, and that no block holds."""
    anvil.rpc("evm_setAutomine", False)
    intent = story.clients[2].act("Transfer", bill, to=3, wait=0)["id"]
    client = story.clients[2]
    end = time.monotonic() + PATIENCE
    while client.status(intent)["status"] != "sent":
        assert time.monotonic() < end
        time.sleep(0.05)
    return intent


def done(client: Client, intent: str, gateway: Gateway) -> dict[str, Any]:
    """The act, once it is done."""
    gateway.until(lambda: client.status(intent)["status"] == "done")
    return client.status(intent)


def test_a_node_that_is_down_delays(on_anvil: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = on_anvil
    bill = story.issued()
    claim = story.clients[2].claim(bill)
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
    seen = story.clients[2].verify(claim)
    assert (seen["verdict"], seen["live"]) == ("fail", "unknown")
    # A reader's key is believed only as the chain knows it.
    refused(story.clients[2].http.get(f"/v1/documents/{bill}"), 503, "node-down")

    gateway.kill()
    gateway.start()  # nor does it need its chain to start
    assert gateway.parts()["node"] == "node-down"
    assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 2
    anvil.start()
    assert done(story.clients[2], intent, gateway)["block"] is not None
    is_well(gateway)
    assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 3
    refused(story.clients[2].try_act("Surrender", **again), 403, "wrong-party")
    story.clients[3].act("Surrender", bill)


def test_a_node_that_hangs_is_named_in_time(on_anvil: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = on_anvil
    bill = story.issued()
    intent = in_flight(anvil, story, bill)
    before = count(gateway, OutboxRow)
    os.kill(anvil._process.pid, signal.SIGSTOP)
    try:
        answers: list[httpx.Response] = []
        askers = [
            threading.Thread(target=lambda: answers.append(story.clients[3].try_act("Surrender", bill)))
            for _ in range(8)
        ]
        for asker in askers:
            asker.start()
        # Meanwhile what needs no chain is served.
        made = story.operator.post("/v1/tokens", {"scopes": ["operate"], "label": "another"})
        assert made.status_code == 201, made.text
        assert not answers  # nobody waits for the node with the database's lock in hand
        assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 2
        for asker in askers:
            asker.join()
        for answer in answers:
            refused(answer, 503, "node-hung")
            assert answer.elapsed.total_seconds() < 4 * NODE_SECONDS
        assert gateway.parts()["node"] == "node-hung"
        gateway.until(lambda: gateway.parts()["relayer"] == "node-hung")
        assert count(gateway, OutboxRow) == before
    finally:
        os.kill(anvil._process.pid, signal.SIGCONT)
        anvil.rpc("evm_setAutomine", True)
    anvil.rpc("evm_mine")
    done(story.clients[2], intent, gateway)
    is_well(gateway)


@pytest.fixture
def fresh_anvil(tmp_path: Path) -> Iterator[tuple[Gateway, Any, Story]]:
    """One whose anvil was never restarted: with each restart on its state file it forgets a little more."""
    with gateway_on_anvil(tmp_path) as made:
        yield made


def test_a_node_of_another_chain_gets_nothing(fresh_anvil: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = fresh_anvil
    bill = story.issued()
    claim = story.clients[2].claim(bill)
    intent = in_flight(anvil, story, bill)
    anvil.stop()
    before = count(gateway, OutboxRow)
    ours, own_id = anvil.state, anvil.chain_id

    anvil.state, anvil.chain_id = ours.with_name("other.json"), 20778
    anvil.start()
    refused(story.clients[3].try_act("Surrender", bill), 503, "node-wrong-chain")
    workers = ("relayer", "indexer", "log")  # each looks at the node in its own time
    gateway.until(lambda: {gateway.parts()[one] for one in workers} == {"node-wrong-chain"})
    assert gateway.parts() | {"database": "", "storage": ""} == {
        "database": "",
        "storage": "",
        "node": "node-wrong-chain",
        "relayer": "node-wrong-chain",
        "indexer": "node-wrong-chain",
        "log": "node-wrong-chain",
        **dict.fromkeys(("scrubber", "signatory", "webhooks"), ""),
    }
    nothing_was_sent(anvil)
    anvil.kill()

    # The same number, and yet another chain: it begins with another block.
    anvil.state, anvil.chain_id = ours.with_name("twin.json"), own_id
    anvil.start()
    refused(story.clients[3].try_act("Surrender", bill), 502, "contract-answer")
    gateway.until(lambda: {gateway.parts()[one] for one in workers} == {"chain-changed"})
    seen = story.clients[2].verify(claim)
    assert (seen["verdict"], seen["live"]) == ("fail", "unknown")
    nothing_was_sent(anvil)
    anvil.kill()
    assert count(gateway, OutboxRow) == before

    anvil.state = ours
    anvil.start()
    done(story.clients[2], intent, gateway)
    story.clients[3].act("Surrender", bill)
    is_well(gateway)


def nothing_was_sent(anvil: Any) -> None:
    """The chain has its first block alone, and no transaction waits."""
    assert anvil.rpc("eth_blockNumber") == "0x0"
    assert anvil.rpc("txpool_status") == {"pending": "0x0", "queued": "0x0"}


# Disks


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own with little room; an ordinary folder where that is not allowed."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield path
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=True)


@contextmanager
def full(disk: Path, *, leave: int = 0) -> Iterator[None]:
    """A disk of whose room so many bytes are left."""
    if not disk.is_mount():
        pytest.skip("a small disk needs the right to mount one")
    ballast = disk / f"ballast {leave}"
    try:
        with ballast.open("wb") as file:
            taken, step = 0, _free(disk)
            while step >= 4096 and (free := _free(disk) - leave) > 0:
                # The gateway writes beside us: what was free a moment ago may not be there any more.
                step = min(step, free)
                try:
                    os.posix_fallocate(file.fileno(), taken, step)
                    taken += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
        yield
    finally:
        ballast.unlink()


def _free(disk: Path) -> int:
    room = os.statvfs(disk)
    return room.f_bavail * room.f_frsize


def to_and_fro(gateway: Gateway, story: Story, bill: str) -> Callable[[], httpx.Response | None]:
    """Transfers of a bill from one holder to the other and back, each once the one before is mined; none
    while that one waits for a part that finds no room."""
    holders, last = [2, 3], [""]

    def is_mined() -> bool:
        return not last[0] or story.carrier.status(last[0])["status"] in ("mined", "done")

    def attempt() -> httpx.Response | None:
        gateway.until(lambda: is_mined() or gateway.parts()["relayer"])
        if not is_mined():
            return None
        answer = story.clients[holders[0]].try_act("Transfer", bill, to=holders[1], wait=2)
        if answer.status_code < 400:
            holders.reverse()
            last[0] = answer.json()["id"]
        return answer

    return attempt


_LONG_TOKEN = {"scopes": ["operate"], "label": "x" * 200}


def all_done(gateway: Gateway, story: Story, bill: str, taken: list[str]) -> None:
    """What was acknowledged is done, each once."""
    for intent in taken:
        done(story.carrier, intent, gateway)
    gateway.until(lambda: story.carrier.get(f"/v1/bills/{bill}")["sequence"] == 1 + len(taken))
    assert len(set(taken)) == len(taken)


def test_a_full_disk_under_the_database(embedded: Disks) -> None:
    gateway, story = embedded.gateway, embedded.story
    bill = story.issued()
    before = count(gateway, OutboxRow)
    transfer = to_and_fro(gateway, story, bill)
    taken: list[str] = []
    with full(embedded.database, leave=40_000):
        for _ in range(400):  # what room the files have in themselves is used first
            answer = transfer()
            if answer is None or answer.status_code >= 400:
                break
            taken.append(answer.json()["id"])
        else:
            raise AssertionError("the disk was never full")
        if answer is not None:
            refused(answer, 507, "storage-full")
        with full(embedded.database):
            answer = transfer()
            while answer is None or answer.status_code == 201:  # an act waits: another write tells the same
                answer = story.operator.post("/v1/tokens", _LONG_TOKEN)
            refused(answer, 507, "storage-full")
            assert story.carrier.get(f"/v1/bills/{bill}")["live"]  # it can be read
            gateway.kill()
    gateway.start()
    assert count(gateway, OutboxRow) == before + len(taken)
    answer = transfer()
    assert answer is not None
    assert answer.status_code in (200, 202), answer.text
    all_done(gateway, story, bill, [*taken, answer.json()["id"]])
    is_well(gateway)


def test_a_full_disk_under_the_blobs(embedded: Disks) -> None:
    gateway, story = embedded.gateway, embedded.story
    kept, _ = story.stored()
    before = count(gateway, DocumentRow), count(gateway, AnsweredRequest)
    blobs = {path for path in embedded.blobs.rglob("*") if path.is_file()}
    body = {"document": story.document(), "readers": [2]}
    with full(embedded.blobs):
        refused(story.carrier.post("/v1/documents", body, key="the-same-again"), 507, "storage-full")
        assert story.clients[2].get(f"/v1/documents/{kept}")["digest"] == kept
    assert (count(gateway, DocumentRow), count(gateway, AnsweredRequest)) == before
    assert {path for path in embedded.blobs.rglob("*") if path.is_file()} == blobs
    answer = story.carrier.post("/v1/documents", body, key="the-same-again")
    assert answer.status_code == 201, answer.text
    opened = story.clients[2].get(f"/v1/documents/{answer.json()['digest']}")
    assert opened["document"] == body["document"]


def test_a_full_disk_under_the_embedded_chain(embedded: Disks) -> None:
    gateway, story = embedded.gateway, embedded.story
    bill = story.issued()
    taken: list[str] = []
    with full(embedded.data):
        assert gateway.parts()["storage"] == "storage-full"
        name = {"name": "Nobody", "name_zh": "无", "country": "CN"}
        refused(story.operator.post("/v1/parties", name), 507, "storage-full")  # its keys find no room
        end = time.monotonic() + PATIENCE
        while gateway.parts()["relayer"] != "node-storage":  # what room the file has in itself is used first
            assert time.monotonic() < end
            giver, taker = (3, 2) if len(taken) % 2 else (2, 3)
            taken.append(story.clients[giver].act("Transfer", bill, to=taker, wait=0)["id"])
        # Taken and durable, for the database lies elsewhere; it waits.
        assert story.carrier.status(taken[-1])["status"] in ("pending", "sent")
    all_done(gateway, story, bill, taken)
    is_well(gateway)


# Clocks and keys


def test_a_clock_that_goes_back(embedded: Disks) -> None:
    gateway, story = embedded.gateway, embedded.story
    bill = story.issued()
    first = story.clients[2].act("Transfer", bill, to=3)
    try:
        # By less than a deadline's hour: the chain's time stands still, acts go on.
        gateway.turn_clock(-1800)
        second = story.clients[3].act("Transfer", bill, to=2)
        assert second["block"] > first["block"]
        times = [event["time"] for event in story.carrier.get(f"/v1/bills/{bill}/history")]
        assert times == sorted(times)
        assert story.clients[2].verify(story.clients[2].claim(bill))["live"] == "pass"
        # By more: what would be prepared has passed already by the chain's time; it is refused by name.
        gateway.turn_clock(-90_000)
        before = count(gateway, OutboxRow)
        refused(story.clients[2].try_act("Transfer", bill, to=3), 409, "intent-expired")
        assert count(gateway, OutboxRow) == before
    finally:
        gateway.turn_clock(0)
    story.clients[2].act("Transfer", bill, to=3)


def test_many_ask_at_once_after_a_start(embedded: Disks) -> None:
    """Entrusted reader keys are unlocked one after the other, whoever asks: each takes 64 MiB and threads."""
    gateway, story = embedded.gateway, embedded.story
    bill, _ = story.stored()
    answer = story.carrier.post(f"/v1/documents/{bill}/readers", {"party": 3})
    assert answer.status_code == 204, answer.text
    gateway.kill()
    gateway.start()
    answers: list[int] = []

    def ask(client: Client) -> None:
        answers.append(client.http.get(f"/v1/documents/{bill}").status_code)

    askers = [threading.Thread(target=ask, args=(client,)) for client in [*story.clients.values()] * 2]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == [200] * len(askers)
