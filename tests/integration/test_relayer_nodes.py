"""The same relayer and indexer, the same acts, whichever node answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from chain.db import open_engine, reading
from chain.deploy import verify_deployment
from chain.embedded import EmbeddedNode
from chain.indexer import Indexer
from chain.node import HttpNode, Node
from chain.outbox import by_digest
from chain.relayer import Relayer
from chain.tables import EventRow, TransactionRow, create_tables
from tests.chainlab import (
    CHAIN_ID,
    FAR,
    PLAN,
    RELAYER,
    Registry,
    bill,
    history,
    issue,
    settle,
    transfer,
    void,
    wait_until,
)
from tests.integration.conftest import Served


@pytest.fixture(params=["embedded", "embedded over HTTP", "anvil"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    if request.param == "anvil":
        make_anvil: Callable[..., Any] = request.getfixturevalue("make_anvil")
        over_http = HttpNode(make_anvil().url, expected_chain_id=CHAIN_ID)
        yield over_http
        over_http.close()
        return
    embedded = EmbeddedNode(tmp_path / "chain.db", CHAIN_ID)
    if request.param == "embedded":
        yield embedded
    else:
        with Served(embedded) as served:
            over_http = HttpNode(served.url, expected_chain_id=CHAIN_ID)
            yield over_http
            over_http.close()
    embedded.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'tables.db'}")
    create_tables(made)
    yield made
    made.dispose()


def test_acts_from_outbox_to_tables(node: Node, engine: Engine, tmp_path: Path) -> None:
    registry = Registry(node, tmp_path / "deployment.json")
    verify_deployment(registry.chain, registry.deployment, PLAN)
    common: dict[str, Any] = {"chain_id": CHAIN_ID, "artifacts": registry.artifacts, "poll": 0.02}
    indexer = Indexer(engine, node, **common)
    relayer = Relayer(engine, node, RELAYER, changed=indexer.wake, batch_size=8, **common)
    head = registry.chain.block("latest")
    assert head is not None
    late = issue(98, deadline=head.timestamp - 1)
    indexer.start()
    relayer.start()
    try:
        done = [row for n in range(5) for row in registry.enqueue(engine, *history(n, 3), void(n, 3))]
        refused = registry.enqueue(engine, transfer(99, 1), transfer(0, 1, deadline=FAR - 1))
        (expired,) = registry.enqueue(engine, late)
        relayer.wake()

        def status(digest: bytes) -> str:
            with reading(engine) as session:
                row = by_digest(session, digest)
            assert row is not None
            return row.status

        wait_until(lambda: {status(row.digest) for row in done} == {"done"}, 60)
        wait_until(lambda: {status(row.digest) for row in refused} == {"refused"})
        wait_until(lambda: status(expired.digest) == "expired")
        assert indexer.wait_for(registry.chain.block_number(), timeout=60)
        wait_until(lambda: relayer.health.ok and indexer.health.ok and indexer.lag == 0)
    finally:
        relayer.stop()
        indexer.stop()
    assert [registry.sequence(bill(n)) for n in range(5)] == [4] * 5
    with reading(engine) as session:
        transactions = session.exec(select(TransactionRow)).all()
        events = session.exec(select(EventRow)).all()
    assert len(transactions) == registry.chain.nonce(RELAYER.address)
    logs = registry.chain.logs(0, registry.chain.block_number(), addresses=list(registry.artifacts))
    assert {(e.block_hash, e.log_index, e.data) for e in events} == {
        (log.block_hash, log.position, log.data) for log in logs
    }


def test_a_relayer_started_again_goes_on(node: Node, engine: Engine, tmp_path: Path) -> None:
    registry = Registry(node, tmp_path / "deployment.json")
    for number in range(3):
        rows = registry.enqueue(engine, *history(number, 2))
        again = Registry(node, tmp_path / "deployment.json")
        assert again.deployment == registry.deployment
        relayer = Relayer(engine, node, RELAYER, chain_id=CHAIN_ID, artifacts=again.artifacts)
        settle(relayer)
        time.sleep(0.01)
        settle(relayer)
        with reading(engine) as session:
            found = [by_digest(session, row.digest) for row in rows]
        assert [row.status for row in found if row] == ["done", "done"]
    assert registry.chain.nonce(RELAYER.address) == 3
