"""Several gateways on one PostgreSQL: two senders, two indexers, and nothing twice."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, select

from chain.db import open_engine, reading, writing
from chain.embedded import EmbeddedNode
from chain.indexer import ChainEvent, Indexer
from chain.outbox import by_digest, counts, enqueue
from chain.relayer import Relayer
from chain.signers import KeySigner
from chain.tables import EventRow, OutboxRow, TransactionRow, create_tables
from tests.chainlab import (
    CHAIN_ID,
    RELAYER,
    SECOND_RELAYER,
    Registry,
    SwitchedNode,
    bill,
    history,
    issue,
    settle,
    transfer,
    wait_until,
)
from tests.ports import free_port


def find_postgresql() -> Path:
    """Where its programs are; the test is skipped where there is none, and fails in CI."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    for place in places:
        if (place / "initdb").is_file() and (place / "pg_ctl").is_file():
            return place
    sentence = "PostgreSQL is not installed (Debian: postgresql)"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of our own, thrown away afterwards; it refuses to run as root."""
    programs = find_postgresql()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="lb-pg-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), *arguments],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "landbridge", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start")
    yield f"postgresql://landbridge@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def engine(server: str) -> Iterator[Engine]:
    made = open_engine(server)
    create_tables(made)
    yield made
    with made.begin() as connection:
        SQLModel.metadata.drop_all(connection)
    made.dispose()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SwitchedNode]:
    made = SwitchedNode(EmbeddedNode(tmp_path / "chain.db", CHAIN_ID))
    yield made
    made.close()


@pytest.fixture
def registry(node: SwitchedNode, tmp_path: Path) -> Registry:
    return Registry(node, tmp_path / "deployment.json")


def relayer(
    server: str, node: SwitchedNode, registry: Registry, key: KeySigner, **options: object
) -> Relayer:
    given: dict[str, object] = {"chain_id": CHAIN_ID, "artifacts": registry.artifacts, "poll": 0.02}
    return Relayer(open_engine(server), node, key, **(given | options))  # type: ignore[arg-type]


def statuses(engine: Engine, rows: list[OutboxRow]) -> list[str]:
    with reading(engine) as session:
        return [found.status for row in rows if (found := by_digest(session, row.digest))]


def senders(engine: Engine) -> set[str]:
    """Who has sent anything."""
    with reading(engine) as session:
        return set(session.exec(select(TransactionRow.sender)))


def acted(registry: Registry) -> list[bytes]:
    """The bills of all acts that took effect, in the chain's order."""
    topic = registry.artifacts[registry.bills].topic("Acted")
    logs = registry.chain.logs(0, registry.chain.block_number(), addresses=[registry.bills])
    return [log.topics[1] for log in logs if "0x" + log.topics[0].hex() == topic]


def test_two_relayers_with_two_keys_carry_each_act_once(
    server: str, engine: Engine, node: SwitchedNode, registry: Registry
) -> None:
    keys = (RELAYER, SECOND_RELAYER)
    relayers = [relayer(server, node, registry, key, batch_size=5, room=2) for key in keys]
    rows: list[OutboxRow] = []
    for one in relayers:
        one.start()
    try:
        for number in range(200):
            rows += registry.enqueue(engine, *history(number, 4))
            relayers[number % 2].wake()
            if number >= 20 and len(senders(engine)) == 2:  # until both had work, however busy the machine
                break
        wait_until(lambda: set(statuses(engine, rows)) == {"done"}, 120)
    finally:
        for one in relayers:
            one.stop()
    assert len(acted(registry)) == len(rows)
    with reading(engine) as session:
        transactions = session.exec(select(TransactionRow)).all()
        assert counts(session)["done"] == len(rows)
    assert {row.sender for row in transactions} == {key.address for key in keys}  # both had work
    for key in keys:
        nonces = sorted(row.nonce for row in transactions if row.sender == key.address)
        assert nonces == list(range(registry.chain.nonce(key.address)))


def test_a_claim_under_way_is_passed_over_with_its_lane(
    server: str, engine: Engine, node: SwitchedNode, registry: Registry
) -> None:
    """One gateway holds the first act of a bill; the other takes neither it nor the bill's next one."""
    rows = registry.enqueue(engine, issue(1), transfer(1, 1), issue(2))
    with writing(engine) as session:
        held = session.exec(select(OutboxRow).where(OutboxRow.id == rows[0].id).with_for_update()).one()
        settle(relayer(server, node, registry, SECOND_RELAYER))
        assert statuses(engine, rows) == ["pending", "pending", "done"]
        assert held.status == "pending"
    settle(relayer(server, node, registry, RELAYER))
    assert statuses(engine, rows) == ["done"] * 3


def test_one_key_in_two_processes_uses_no_nonce_twice(
    server: str, engine: Engine, node: SwitchedNode, registry: Registry
) -> None:
    relayers = [relayer(server, node, registry, RELAYER, batch_size=2, room=2) for _ in range(2)]
    rows = [row for number in range(10) for row in registry.enqueue(engine, *history(number, 2))]
    for one in relayers:
        one.start()
    try:
        wait_until(lambda: set(statuses(engine, rows)) == {"done"}, 60)
    finally:
        for one in relayers:
            one.stop()
    assert len(acted(registry)) == 20


def test_a_nonce_that_is_being_taken_is_waited_for(
    server: str, engine: Engine, node: SwitchedNode, registry: Registry
) -> None:
    """Another process with the same key stores this nonce at this very moment."""
    rows = registry.enqueue(engine, issue(1))
    answers: list[bool] = []
    late = relayer(server, node, registry, RELAYER)
    with writing(engine) as session:
        session.add(TransactionRow(sender=RELAYER.address, nonce=0, contract="0x", gas=1, created_at=0))
        session.flush()
        thread = threading.Thread(target=lambda: answers.append(late.tick()))
        thread.start()
        wait_until(lambda: "eth_gasPrice" in node.calls)
        thread.join(0.5)
        assert thread.is_alive()
    thread.join()
    assert answers == [True]
    assert statuses(engine, rows) == ["pending"]
    with reading(engine) as session:
        assert len(session.exec(select(TransactionRow)).all()) == 1


def test_acts_of_a_gateway_that_died_are_taken_over(
    server: str, engine: Engine, node: SwitchedNode, registry: Registry
) -> None:
    rows = registry.enqueue(engine, *history(1, 3))
    node.swallow = []
    settle(relayer(server, node, registry, RELAYER))
    node.swallow = None
    settle(relayer(server, node, registry, SECOND_RELAYER))
    assert statuses(engine, rows) == ["sent"] * 3
    settle(relayer(server, node, registry, SECOND_RELAYER, orphan_after=-1.0))
    assert statuses(engine, rows) == ["done"] * 3
    assert registry.sequence(bill(1)) == 3


def test_the_same_act_enqueued_at_once_is_one_row(server: str, engine: Engine, registry: Registry) -> None:
    act, (signer,) = issue(1)
    signature = signer.sign(act.digest(registry.domain))
    inside = threading.Barrier(6, timeout=60)
    found: list[int] = []

    def put() -> None:
        with writing(engine) as session:
            session.connection()
            inside.wait()
            found.append(enqueue(session, act, registry.domain, [signature], now=1).id)

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_two_indexers_apply_each_event_once(
    server: str, engine: Engine, node: SwitchedNode, registry: Registry
) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int]] = []

        def apply(self, session: Session, event: ChainEvent) -> None:
            self.seen.append((event.block_hash, event.log_index))

        def rollback(self, session: Session, above_block: int) -> None:
            raise AssertionError("nothing left the chain")

    recorders = [Recorder(), Recorder()]
    indexers = [
        Indexer(
            open_engine(server),
            node,
            chain_id=CHAIN_ID,
            artifacts=registry.artifacts,
            projectors=[recorder],
            poll=0.01,
        )
        for recorder in recorders
    ]
    for one in indexers:
        one.start()
    try:
        for number in range(15):
            registry.submit(issue(number))
        head = registry.chain.block_number()
        assert all(one.wait_for(head, timeout=60) for one in indexers)
    finally:
        for one in indexers:
            one.stop()
    with reading(engine) as session:
        events = session.exec(select(EventRow).order_by(col(EventRow.block_number))).all()
    stored = [(event.block_hash, event.log_index) for event in events]
    logs = registry.chain.logs(0, head, addresses=list(registry.artifacts))
    assert sorted(stored) == sorted((log.block_hash, log.position) for log in logs)
    # A step may be begun by both and kept by one: what was kept is complete.
    assert set(stored) <= {seen for recorder in recorders for seen in recorder.seen}
