"""The gateway's process killed at random instants under load: nothing lost, nothing doubled, no nonce gap.

The number of kills is ``LANDBRIDGE_KILLS`` (6 without it); ``LANDBRIDGE_SEED`` repeats a run's choices.

What is compared at the end never rests on the gateway's own word: the acts that took effect are read from the
chain's transactions, and its tables are made anew from the chain's events by another indexer.
"""

# ruff: noqa: S311 - chance, not secrets

from __future__ import annotations

import json
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
from sqlmodel import Session, SQLModel, select

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN, BillWord
from api.domains.bills.projector import BillProjector
from api.domains.bills.tables import BillEventRow, BillRow
from api.kernel.party_acts import PARTY_ACTS, PARTY_DOMAIN
from api.kernel.party_projector import PartyProjector
from api.kernel.tables import AnsweredRequest, DocumentRow, KeyRow, PartyRow, TenureRow, WrapRow
from chain.client import Chain
from chain.contracts import Artifact, decode_intents
from chain.db import open_engine, reading
from chain.deploy import Deployment, load_deployment
from chain.embedded import EmbeddedNode
from chain.indexer import Indexer
from chain.intents import Domain, act_from_wire
from chain.log import Log
from chain.merkle import Tree, leaf_hash
from chain.tables import ActStatus, EventRow, LeafRow, OutboxRow, TransactionRow, TransactionStatus
from tests.integration.live import EVIDENCE, Client, Gateway, Story

CHAIN_ID = 20777
KILLS = int(os.environ.get("LANDBRIDGE_KILLS", "6"))
WORKERS, BILLS_EACH = 6, 2
SHAPES = {"RailBills": (RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN), "Parties": (PARTY_ACTS, PARTY_DOMAIN)}
PROJECTED: tuple[type[SQLModel], ...] = (PartyRow, KeyRow, TenureRow, BillRow, BillEventRow, EventRow)


class Load:
    """Callers that do acts and store documents until told to stop, and retry what was not answered.

    :ivar acts: the acts acknowledged, by bill
    :ivar documents: the documents acknowledged, as they were sent
    :ivar evidence: the leaves acknowledged, by digest
    """

    def __init__(self, story: Story, seed: int) -> None:
        self.story = story
        self.acts: dict[str, list[str]] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        self.evidence: dict[str, int] = {}
        self.keys = self.retries = self.replays = 0
        self.failures: list[BaseException] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._dice = random.Random(seed + 1)
        beside = (self._store_documents, self._submit_evidence)
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in beside]
        for _ in range(WORKERS):
            bills = [story.stored() for _ in range(BILLS_EACH)]
            self.keys += BILLS_EACH
            work = self._worker(bills, random.Random(self._random.random()))
            self._threads.append(threading.Thread(target=self._guarded, args=(work,)))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(180)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.failures.append(error)

    def _insist(self, client: Client, path: str, body: Any, wait: float) -> dict[str, Any]:
        """Send with one key until it is acknowledged."""
        key = f"{self._random.getrandbits(128):032x}"
        with self._lock:
            self.keys += 1
        while True:
            try:
                answer = client.post(path, body, key=key, wait=wait)
            except httpx.HTTPError:
                self.retries += 1
                time.sleep(0.2)
                continue
            assert answer.status_code in (200, 201, 202), (path, body, answer.status_code, answer.text)
            self.replays += "idempotency-replayed" in answer.headers
            return dict(answer.json())

    def _worker(self, bills: list[tuple[str, str]], dice: random.Random) -> Callable[[], None]:
        lives = [(bill, self._life(note, dice)) for bill, note in bills]

        def work() -> None:
            while not self._enough.is_set():
                bill, life = dice.choice(lives)
                party, name, fields = next(life)
                body = {"room": "bills", "act": name, "subject": bill, "fields": fields}
                wait = dice.choice((0, 0, 20))
                answer = self._insist(self.story.clients[party], "/v1/intents/sign", body, wait)
                self.acts.setdefault(bill, []).append(answer["id"])

        return work

    def _life(self, note: str, dice: random.Random) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """A bill's acts without end: whose, which, with what."""
        holder, other = 2, 3
        yield 1, "Issue", {"note": note, "holder": holder, "toOrder": True}
        while True:
            match dice.randrange(6):
                case 0:
                    yield holder, "Offer", {"to": other, "expiry": int(time.time()) + 3600}
                    yield other, "AcceptOffer", {}
                    holder, other = other, holder
                case 1:
                    yield holder, "Surrender", {}
                    yield 1, "RefuseSurrender", {"reason": EVIDENCE}
                case _:
                    yield holder, "Transfer", {"to": other}
                    holder, other = other, holder

    def _submit_evidence(self) -> None:
        while not self._enough.is_set():
            digest = f"0x{self._dice.getrandbits(256):064x}"
            body = {"type": "delivery-record/1", "digest": digest}
            answer = self._insist(self.story.carrier, "/v1/evidence", body, self._dice.choice((0, 0, 20)))
            self.evidence[digest] = answer["leaf"]
            self._enough.wait(0.02)

    def _store_documents(self) -> None:
        while not self._enough.is_set():
            document = self.story.document()
            body = {"document": document, "readers": [2]}
            answer = self._insist(self.story.carrier, "/v1/documents", body, 0)
            self.documents[answer["digest"]] = document
            self._enough.wait(1)


def _kill_at_random(gateway: Gateway, load: Load, dice: random.Random) -> int:
    """Kill it again and again, sometimes while it starts; gives how often that was."""
    while_starting = 0
    for kill in range(KILLS):
        early = dice.random() < 0.2
        while_starting += early
        time.sleep(dice.uniform(0, 4) if early else dice.uniform(0.05, 3))
        assert not load.failures, load.failures[0]
        gateway.kill()
        gateway.start(wait=False)
        if not early or kill == KILLS - 1:
            gateway.wait_alive()
    return while_starting


@pytest.mark.slow
@pytest.mark.timeout(900 + 12 * KILLS)
def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("LANDBRIDGE_SEED", random.randrange(1 << 32)))
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        story = Story(operator)
        began = time.monotonic()
        with Load(story, seed) as load:
            early = _kill_at_random(gateway, load, random.Random(seed))
        seconds = time.monotonic() - began
        assert not load.failures, (seed, load.failures[0])
        assert load.acts, seed
        acknowledged = [act for acts in load.acts.values() for act in acts]
        last = {acts[-1] for acts in load.acts.values()}
        for act in last:
            gateway.until(lambda act=act: story.carrier.status(act)["status"] == "done", 120)
        gateway.until(lambda: _is_logged(gateway, load), 120)
        _documents_open(story, load)
        for bill, acts in load.acts.items():
            assert story.carrier.get(f"/v1/bills/{bill}")["sequence"] == len(acts), (seed, bill)
        gateway.stop()
        _compare(gateway, load, acknowledged + story.admitted, tmp_path)
        with capsys.disabled():
            print(
                f"\nkills: {KILLS} ({early} while starting), seed {seed}; {len(acknowledged)} acts, "
                f"{len(load.documents)} documents and {len(load.evidence)} pieces of evidence acknowledged "
                f"in {seconds:.0f} s, {load.retries} retries, {load.replays} answered again: none lost, "
                "none doubled, no nonce gap, all in the log once"
            )


def _documents_open(story: Story, load: Load) -> None:
    for digest, document in load.documents.items():
        for party in (1, 2):
            assert story.clients[party].get(f"/v1/documents/{digest}")["document"] == document


def _compare(gateway: Gateway, load: Load, acknowledged: list[str], scratch: Path) -> None:
    node = EmbeddedNode(gateway.folder / "chain.db", CHAIN_ID)
    engine = gateway.engine()
    try:
        node.verify()
        chain = Chain(node)
        deployment = load_deployment(gateway.folder / f"deployment-{CHAIN_ID}.json")
        assert deployment is not None
        took_effect, refused, senders = _on_chain(chain, deployment)
        # Every acknowledged act is on the chain once, and nothing else is.
        assert took_effect == Counter(acknowledged)
        assert not refused
        artifact = Artifact.load("RailBills")
        for bill, acts in load.acts.items():
            call = artifact.encode("billWord", bytes.fromhex(bill[2:]))
            answer = chain.call(deployment.contracts["RailBills"], call)
            assert BillWord.unpack(artifact.decode("billWord", answer)).sequence == len(acts)
        with reading(engine) as session:
            _books_are_whole(session, load, acknowledged, senders)
            _log_is_whole(session, load, chain, deployment)
            ours = _rows(session)
        assert ours == _replayed(node, deployment, scratch / "replayed.db")
    finally:
        engine.dispose()
        node.close()


def _on_chain(chain: Chain, deployment: Deployment) -> tuple[Counter[str], int, dict[str, int]]:
    """The acts that took effect by digest, how many were refused, and transactions by sender."""
    rooms = {deployment.contracts[name]: name for name in SHAPES}
    took_effect: Counter[str] = Counter()
    senders: Counter[str] = Counter()
    refused = 0
    for number in range(chain.block_number() + 1):
        block = chain.block(number)
        assert block is not None
        for hash_ in block.transactions:
            transaction, receipt = chain.transaction(hash_), chain.receipt(hash_)
            assert transaction is not None
            assert receipt is not None
            assert receipt.succeeded
            senders[transaction.sender] += 1
            if transaction.to is None:
                continue
            if transaction.to == deployment.contracts["AnchorLog"]:
                senders[transaction.sender] -= 1  # the log's own; it needs no books
                continue
            name = rooms[transaction.to]
            artifact = Artifact.load(name)
            failed = {
                int.from_bytes(log.topics[1], "big")
                for log in receipt.logs
                if "0x" + log.topics[0].hex() == artifact.topic("IntentRefused")
            }
            refused += len(failed)
            shapes, domain_name = SHAPES[name]
            domain = Domain(domain_name, "1", CHAIN_ID, transaction.to)
            for position, (wire, _) in enumerate(decode_intents(artifact, transaction.data) or ()):
                if position not in failed:
                    act, _, _ = act_from_wire(shapes, wire)
                    took_effect["0x" + act.digest(domain).hex()] += 1
    return took_effect, refused, {sender: count for sender, count in senders.items() if count}


def _books_are_whole(session: Session, load: Load, acknowledged: list[str], senders: dict[str, int]) -> None:
    acts = session.exec(select(OutboxRow)).all()
    assert Counter("0x" + row.digest.hex() for row in acts) == Counter(acknowledged)
    assert {row.status for row in acts} == {ActStatus.DONE}
    ((relayer, sent),) = senders.items()
    transactions = session.exec(select(TransactionRow).order_by(TransactionRow.nonce)).all()  # type: ignore[arg-type]
    assert {(row.sender, row.status) for row in transactions} == {(relayer, TransactionStatus.FINAL)}
    # The first nonces made the contracts; from there on each is a transaction known here.
    assert [row.nonce for row in transactions] == list(range(sent - len(transactions), sent))
    stored = session.exec(select(DocumentRow.digest)).all()
    assert Counter(stored) == Counter([*load.documents, *_pre_stored(session, load)])
    assert len(session.exec(select(WrapRow.document)).all()) >= 2 * len(stored)
    answered = session.exec(select(AnsweredRequest.key)).all()
    assert len(answered) == len(set(answered))


def _is_logged(gateway: Gateway, load: Load) -> bool:
    """Whether every act is in the log and the chain holds its newest head."""
    engine, log = gateway.engine(), Log()
    try:
        with reading(engine) as session:
            head, kinds = log.newest_head(session, anchored=True), session.exec(select(LeafRow.kind)).all()
            acts = sum(len(one) for one in load.acts.values())
            return kinds.count("act") == acts and head is not None and head.size == len(kinds)
    finally:
        engine.dispose()


def _log_is_whole(session: Session, load: Load, chain: Chain, deployment: Deployment) -> None:
    """Acts, documents and evidence stand in the log once; its tree is that of its entries, and every head
    that the chain ever held is one of it."""
    leaves = session.exec(select(LeafRow).order_by(LeafRow.index)).all()  # type: ignore[arg-type]
    assert [leaf.index for leaf in leaves] == list(range(len(leaves)))
    entries = [json.loads(leaf.entry) for leaf in leaves]
    told = {kind: Counter(e["digest"] for e in entries if e["kind"] == kind) for kind in ("act", "document")}
    assert told["act"] == Counter(act for acts in load.acts.values() for act in acts)
    assert told["document"] == Counter(session.exec(select(DocumentRow.digest)).all())
    assert [entries[leaf]["digest"] for leaf in load.evidence.values()] == list(load.evidence)
    assert sum(e["kind"] == "evidence" for e in entries) == len(load.evidence)
    tree = Tree(leaf_hash(leaf.entry) for leaf in leaves)
    address = deployment.contracts["AnchorLog"]
    artifact = Artifact.load("AnchorLog")
    found = chain.logs(0, chain.block_number(), addresses=[address])
    events = [event for log in found if (event := artifact.event(log.topics, log.data))]
    heads = [(event.arguments["size"], event.arguments["root"]) for event in events]
    assert heads
    assert all(root == tree.root(size) for size, root in heads)
    assert heads[-1][0] == len(tree)
    assert [size for size, _ in heads] == sorted({size for size, _ in heads})


def _pre_stored(session: Session, load: Load) -> list[str]:
    """The documents of the bills, stored before the first kill."""
    known = set(load.documents)
    others = [digest for digest in session.exec(select(DocumentRow.digest)) if digest not in known]
    assert len(others) == WORKERS * BILLS_EACH
    assert set(load.acts) <= set(others)
    return others


def _rows(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    return {
        str(table.__tablename__): sorted(
            tuple(sorted(row.model_dump().items())) for row in session.exec(select(table))
        )
        for table in PROJECTED
    }


def _replayed(node: EmbeddedNode, deployment: Deployment, path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The same tables, made anew from the chain's events."""
    engine = open_engine(f"sqlite:///{path}")
    SQLModel.metadata.create_all(engine)
    indexer = Indexer(
        engine,
        node,
        chain_id=CHAIN_ID,
        artifacts={deployment.contracts[name]: Artifact.load(name) for name in (*SHAPES, "AnchorLog")},
        projectors=[PartyProjector(), BillProjector()],
        first_block=deployment.block,
    )
    while indexer.tick():
        pass
    with reading(engine) as session:
        rows = _rows(session)
    engine.dispose()
    return rows
