"""Evidence while parts fail: what was acknowledged is in the log once, where it was told, and anchored."""

# ruff: noqa: S311 - chance, not secrets

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from chain.client import Chain
from chain.contracts import Artifact
from chain.db import reading, writing
from chain.deploy import load_deployment
from chain.embedded import EmbeddedNode
from chain.entries import EVIDENCE, evidence_entry
from chain.log import Log
from chain.merkle import Tree, leaf_hash
from chain.tables import LeafRow
from tests.integration.live import PATIENCE, Client, Gateway, Story
from tests.integration.test_gateway_faults import full, gateway_on_anvil, is_well, refused, small_disk

CHAIN_ID = 20777
KILLS = int(os.environ.get("LANDBRIDGE_KILLS", "4"))
WORKERS = 6


def wish() -> dict[str, str]:
    return {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}


class Load:
    """Callers that submit evidence until told to stop, each with its key until it is acknowledged.

    :ivar leaves: what was acknowledged: the leaf, by the key and what was sent
    :ivar heads: heads that were told to be anchored: size and root
    :ivar refusals: how often a code was answered instead
    """

    def __init__(self, client: Client, seed: int, *, bears: tuple[str, ...] = ()) -> None:
        self.leaves: dict[tuple[str, str], int] = {}
        self.heads: set[tuple[int, str]] = set()
        self.refusals: Counter[str] = Counter()
        self.retries = 0
        self.failures: list[BaseException] = []
        self._client = client
        self._bears = bears
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(seed + n),)) for n in range(WORKERS)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _work(self, dice: random.Random) -> None:
        try:
            while not self._enough.is_set():
                key, body, wait = secrets.token_hex(8), wish(), dice.choice((0, 0, 0, 10))
                told = self._insist(key, body, wait)
                self.leaves[key, body["digest"]] = told["leaf"]
                if "head" in told:
                    self.heads.add((told["head"]["size"], told["head"]["root"]))
        except BaseException as error:
            self.failures.append(error)

    def _insist(self, key: str, body: dict[str, str], wait: float) -> dict[str, Any]:
        while True:
            try:
                answer = self._client.post("/v1/evidence", body, key=key, wait=wait)
            except httpx.HTTPError:
                self.retries += 1
                time.sleep(0.1)
                continue
            if answer.status_code in (200, 202):
                return dict(answer.json())
            code = answer.json()["code"]
            assert code in self._bears, answer.text
            self.refusals[code] += 1
            time.sleep(0.05)

    def more(self, gateway: Gateway, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.leaves) + count
        gateway.until(lambda: len(self.leaves) >= wanted or self.failures, PATIENCE)
        assert not self.failures, self.failures[0]


def anchored(gateway: Gateway, client: Client) -> int:
    """How many leaves the chain's head covers, as the gateway tells."""
    answer = client.http.get("/v1/log/head")
    return int(answer.json()["size"]) if answer.status_code == 200 else 0


def all_anchored(gateway: Gateway, client: Client, load: Load) -> None:
    """Wait until everything acknowledged is under an anchored head."""
    last = max(load.leaves.values())
    gateway.until(lambda: anchored(gateway, client) > last, PATIENCE)


def is_whole(gateway: Gateway, load: Load) -> Tree:
    """The gateway's process has ended: look at its database and at its chain, past all code of its own."""
    engine = gateway.engine()
    with reading(engine) as session:
        leaves = session.exec(select(LeafRow).order_by(col(LeafRow.index))).all()
    engine.dispose()
    assert [leaf.index for leaf in leaves] == list(range(len(leaves)))
    entries = [json.loads(leaf.entry) for leaf in leaves]
    # Each is there once, where it was told, and nothing else is.
    assert {entries[leaf]["digest"]: leaf for leaf in load.leaves.values()} == {
        digest: leaf for (_, digest), leaf in load.leaves.items()
    }
    told = Counter(entry["digest"] for entry in entries if entry["kind"] == EVIDENCE)
    assert told == Counter(digest for _, digest in load.leaves)
    tree = Tree(leaf_hash(leaf.entry) for leaf in leaves)
    heads = heads_on_chain(gateway)
    assert heads[-1] == (len(tree), tree.root())
    assert all(root == tree.root(size) for size, root in heads)
    sizes = [size for size, _ in heads]
    assert sizes == sorted(set(sizes))  # each leaf under one first head
    assert load.heads <= {(size, "0x" + root.hex()) for size, root in heads}
    return tree


def heads_on_chain(gateway: Gateway) -> list[tuple[int, bytes]]:
    """Every head that the embedded chain was ever given."""
    node = EmbeddedNode(gateway.folder / "chain.db", CHAIN_ID)
    try:
        chain, artifact = Chain(node), Artifact.load("AnchorLog")
        deployment = load_deployment(gateway.folder / f"deployment-{CHAIN_ID}.json")
        assert deployment is not None
        logs = chain.logs(0, chain.block_number(), addresses=[deployment.contracts["AnchorLog"]])
        events = [event for log in logs if (event := artifact.event(log.topics, log.data))]
        return [(event.arguments["size"], event.arguments["root"]) for event in events]
    finally:
        node.close()


@pytest.mark.slow
@pytest.mark.timeout(600 + 20 * KILLS)
def test_killed_at_random_instants_under_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("LANDBRIDGE_SEED", random.randrange(1 << 32)))
    dice, folder = random.Random(seed), tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        client = Story(operator, holders=1).carrier
        with Load(client, seed) as load:
            for _ in range(KILLS):
                load.more(gateway, 10)
                time.sleep(dice.uniform(0, 0.5))
                gateway.kill()
                gateway.start(wait=False)
                if dice.random() < 0.3:  # while it starts
                    time.sleep(dice.uniform(0, 3))
                    gateway.kill()
                    gateway.start(wait=False)
                gateway.wait_alive()
            load.more(gateway, 20)
        assert not load.failures, (seed, load.failures[0])
        all_anchored(gateway, client, load)
        before = anchored(gateway, client)
        again = dice.sample(list(load.leaves.items()), min(100, len(load.leaves)))
        for (key, digest), leaf in again:
            body = {"type": "delivery-record/1", "digest": digest}
            assert client.post("/v1/evidence", body, key=key).json()["leaf"] == leaf
        proofs = {leaf: client.get("/v1/log/inclusion", leaf=leaf, size=before) for _, leaf in again[:20]}
        gateway.stop()
    tree = is_whole(gateway, load)
    for leaf, proof in proofs.items():
        path = [bytes.fromhex(one[2:]) for one in proof["path"]]
        assert path == tree.inclusion_proof(leaf, before)
    with capsys.disabled():
        print(
            f"\nkills: {KILLS}, seed {seed}; {len(load.leaves)} pieces of evidence acknowledged, "
            f"{load.retries} retries: each in the log once, where it was told, and anchored"
        )


@pytest.mark.slow
def test_a_full_disk_under_the_database_while_evidence_arrives(tmp_path: Path) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "database", "16m"))
        folder = tmp_path / "gateway"
        folder.mkdir()
        gateway = Gateway(folder, database_url=f"sqlite:///{disk / 'gateway.db'}")
        operator = gateway.operator()
        stack.enter_context(gateway)
        client = Story(operator, holders=1).carrier
        with Load(client, 1, bears=("storage-full",)) as load:
            load.more(gateway, 10)
            gateway.until(lambda: anchored(gateway, client), PATIENCE)
            with full(disk):
                gateway.until(lambda: load.refusals["storage-full"] >= 4 * WORKERS or load.failures, PATIENCE)
                # What is there can be read, and what cannot be kept is refused by name.
                assert client.http.get("/v1/log/head").status_code == 200
                assert client.http.get(f"/v1/evidence/{max(load.leaves.values())}").status_code == 200
                refused(client.post("/v1/evidence", wish()), 507, "storage-full")
                gateway.kill()  # with all it could not write
                acknowledged = dict(load.leaves)
            gateway.start()
            load.more(gateway, 20)
        assert not load.failures, load.failures[0]
        assert acknowledged.items() <= load.leaves.items()
        all_anchored(gateway, client, load)
        is_well(gateway)
        gateway.stop()
        is_whole(gateway, load)


# The node, and money


@pytest.fixture(scope="module")
def on_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Any, Client]]:
    """A gateway in front of an anvil. Each test leaves it well."""
    with gateway_on_anvil(tmp_path_factory.mktemp("log-on-anvil")) as (gateway, anvil, story):
        yield gateway, anvil, story.carrier


def waits_and_is_anchored(gateway: Gateway, client: Client, code: str, mend: Callable[[], object]) -> None:
    """Evidence is taken while the log's part names what is wrong, and anchored when it is mended."""
    leaves = [client.post("/v1/evidence", wish()) for _ in range(5)]
    assert [answer.status_code for answer in leaves] == [202] * 5
    gateway.until(lambda: gateway.parts()["log"] == code, PATIENCE)
    leaves += [client.post("/v1/evidence", wish()) for _ in range(5)]
    told = [answer.json()["leaf"] for answer in leaves]
    assert told == list(range(told[0], told[0] + 10))
    assert [client.get(f"/v1/evidence/{leaf}")["status"] for leaf in told] == ["accepted"] * 10
    refused(client.http.get(f"/v1/evidence/{told[0]}/bundle"), 409, "log-not-anchored")
    mend()
    for leaf in told:
        gateway.until(lambda leaf=leaf: client.get(f"/v1/evidence/{leaf}")["status"] != "accepted", PATIENCE)
    heads = {client.get(f"/v1/evidence/{leaf}")["head"]["transaction"] for leaf in told}
    assert len(heads) <= 2  # the newest head covers those before it
    is_well(gateway)


def test_an_anchoring_key_without_money_delays(on_anvil: tuple[Gateway, Any, Client]) -> None:
    gateway, anvil, client = on_anvil
    accounts = json.loads((gateway.folder / "keys" / "accounts.json").read_text())
    anvil.rpc("anvil_setBalance", accounts["log"], "0x0")
    waits_and_is_anchored(
        gateway,
        client,
        "sender-without-funds",
        lambda: anvil.rpc("anvil_setBalance", accounts["log"], hex(10**21)),
    )


def test_a_node_that_hangs_delays(on_anvil: tuple[Gateway, Any, Client]) -> None:
    gateway, anvil, client = on_anvil
    os.kill(anvil._process.pid, signal.SIGSTOP)
    try:
        waits_and_is_anchored(
            gateway, client, "node-hung", lambda: os.kill(anvil._process.pid, signal.SIGCONT)
        )
    finally:
        os.kill(anvil._process.pid, signal.SIGCONT)


def test_a_node_that_is_down_delays(on_anvil: tuple[Gateway, Any, Client]) -> None:
    gateway, anvil, client = on_anvil
    anvil.stop()
    waits_and_is_anchored(gateway, client, "node-down", anvil.start)


# A database put back from an old copy


def evidence(client: Client, count: int) -> list[dict[str, Any]]:
    """Evidence, each anchored."""
    told = []
    for _ in range(count):
        leaf = client.post("/v1/evidence", wish()).json()["leaf"]
        end = time.monotonic() + PATIENCE
        while (one := client.get(f"/v1/evidence/{leaf}", wait=20))["status"] == "accepted":
            assert time.monotonic() < end, one
        told.append(one)
    return told


def put_back(gateway: Gateway, copy: Path) -> None:
    """The database as a copy has it; the process has ended."""
    database = gateway.folder / "gateway.db"
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, database)


@pytest.mark.slow
def test_a_database_put_back_from_an_old_copy_anchors_nothing(tmp_path: Path) -> None:
    folder, old, right = tmp_path / "gateway", tmp_path / "old.db", tmp_path / "right.db"
    folder.mkdir()
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        story = Story(operator, holders=1)
        client = story.carrier
        before = evidence(client, 3)
        document, _ = story.stored()
        kept = evidence(client, 1)
        gateway.stop()
        shutil.copy(folder / "gateway.db", old)
        gateway.start()
        lost = evidence(client, 4)
        gateway.stop()
        shutil.copy(folder / "gateway.db", right)
        heads = heads_on_chain(gateway)

        put_back(gateway, old)
        gateway.start()
        gateway.until(lambda: gateway.parts()["log"] == "log-head-ahead", PATIENCE)
        _takes_nothing(client, story, "log-head-ahead")
        # What it has can be read and proven; what was lost with it is not there.
        for told in (*before, *kept):
            assert client.get(f"/v1/evidence/{told['leaf']}") == told
            assert client.http.get(f"/v1/evidence/{told['leaf']}/bundle").status_code == 200
        assert client.get(f"/v1/documents/{document}")["digest"] == document
        assert client.http.get(f"/v1/evidence/{lost[0]['leaf']}").status_code == 404
        assert client.get("/v1/log/head")["size"] == kept[-1]["head"]["size"]
        gateway.stop()
        assert heads_on_chain(gateway) == heads

        # The same copy, grown beyond the chain's head: any larger head would be taken by the contract.
        _grow(gateway, 50)
        gateway.start()
        gateway.until(lambda: gateway.parts()["log"] == "log-head-differs", PATIENCE)
        _takes_nothing(client, story, "log-head-differs")
        assert client.get(f"/v1/evidence/{before[0]['leaf']}")["leaf"] == before[0]["leaf"]
        gateway.stop()
        assert heads_on_chain(gateway) == heads

        put_back(gateway, right)
        gateway.start()
        is_well(gateway)
        for told in (*before, *kept, *lost):
            assert client.get(f"/v1/evidence/{told['leaf']}")["leaf_hash"] == told["leaf_hash"]
        (new,) = evidence(client, 1)
        assert new["leaf"] == lost[-1]["leaf"] + 1
        assert client.get("/v1/log/consistency", **{"from": heads[-1][0], "size": new["head"]["size"]})
        gateway.stop()
        assert heads_on_chain(gateway)[: len(heads)] == heads


def _takes_nothing(client: Client, story: Story, code: str) -> None:
    refused(client.post("/v1/evidence", wish()), 503, code)
    body = {"document": story.document(), "readers": [2]}
    refused(client.post("/v1/documents", body), 503, code)


def _grow(gateway: Gateway, count: int) -> None:
    """Leaves and a head past the gateway, as an older version of it would have taken them."""
    engine, log = gateway.engine(), Log()
    with writing(engine) as session:
        entries = [evidence_entry(1, "x", secrets.token_bytes(32), bytes(32)) for _ in range(count)]
        log.append(session, EVIDENCE, entries)
        log.seal(session, now=int(time.time()))
    engine.dispose()


# Clocks


def test_a_clock_a_day_off_delays_no_anchor(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        client = Story(operator, holders=1).carrier
        told = evidence(client, 1)
        for seconds in (-86_400, 86_400, 0):
            gateway.turn_clock(seconds)
            told += evidence(client, 2)
        leaves = [one["leaf"] for one in told]
        assert leaves == list(range(leaves[0], leaves[0] + len(leaves)))
        blocks = [one["head"]["block"] for one in told]
        assert blocks == sorted(blocks)
        sizes = [one["head"]["size"] for one in told]
        assert sizes == sorted(sizes)
        assert gateway.parts()["log"] == ""
