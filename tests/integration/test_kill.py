"""Killed at random instants, again and again: nothing lost, nothing doubled, no gap, tables like the chain.

LANDBRIDGE_KILLS sets how often (10 if not set).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import select

from chain.client import Chain
from chain.contracts import Artifact
from chain.db import open_engine, reading
from chain.deploy import load_deployment, verify_deployment
from chain.embedded import EmbeddedNode
from chain.tables import BatchMember, BlockRow, EventRow, OutboxRow, TransactionRow
from tests.chainlab import CHAIN_ID, PLAN, RELAYER, wait_until

KILLS = int(os.environ.get("LANDBRIDGE_KILLS", "10"))
ROOT = Path(__file__).parents[2]


def start(folder: Path, what: str, output: Path) -> subprocess.Popen[bytes]:
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.killworker", str(folder), what],
            stdout=file,
            stderr=(folder / "stderr").open("ab"),
            cwd=ROOT,
        )


def wait_for_start(output: Path, process: subprocess.Popen[bytes]) -> None:
    while not output.exists() or not output.read_bytes().startswith(b"started"):
        assert process.poll() is None, "the worker ended by itself"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(600 + 30 * KILLS)
def test_killed_at_random_instants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311
    chance = random.Random(seed)  # noqa: S311
    acknowledged: set[bytes] = set()
    for kill in range(1, KILLS + 1):
        output = tmp_path / f"output-{kill}"
        process = start(tmp_path, str(kill), output)
        wait_for_start(output, process)
        # From its first instant, when it still recovers from the last kill, to well into its work.
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0.0, 0.5))
        else:
            wait_until(lambda output=output: output.read_bytes().count(b"\n") > 2)
            time.sleep(chance.uniform(0.0, 2.0))
        assert process.poll() is None, (tmp_path / "stderr").read_text()[-4000:]
        process.kill()
        process.wait()
        lines = output.read_text().split("\n")[1:-1]  # the last one may be cut
        acknowledged |= {bytes.fromhex(line) for line in lines}
    drained = start(tmp_path, "drain", tmp_path / "output-drain")
    assert drained.wait(400) == 0, (tmp_path / "stderr").read_text()[-4000:]
    acts, transactions = check(tmp_path, acknowledged)
    with capsys.disabled():
        print(
            f"\n  {KILLS} kills (seed {seed}): {len(acknowledged)} acts acknowledged, {acts} on the chain,"
            f" each once, in {transactions} transactions without a gap"
        )
    assert len(acknowledged) >= KILLS, "it was killed before it could do anything"


def check(folder: Path, acknowledged: set[bytes]) -> tuple[int, int]:
    """Compare what was acknowledged, the tables, and the chain."""
    node = EmbeddedNode(folder / "chain.db", CHAIN_ID)
    engine = open_engine(f"sqlite:///{folder / 'tables.db'}")
    chain = Chain(node)
    deployment = load_deployment(folder / "deployment.json")
    assert deployment is not None
    verify_deployment(chain, deployment, PLAN)
    bills = deployment.contracts["RailBills"]
    artifact = Artifact.load("RailBills")
    with reading(engine) as session:
        rows = session.exec(select(OutboxRow)).all()
        transactions = session.exec(select(TransactionRow)).all()
        members = session.exec(select(BatchMember)).all()
        events = session.exec(select(EventRow)).all()
        blocks = session.exec(select(BlockRow)).all()

    # Nothing lost: all that was acknowledged is there, and took effect.
    assert acknowledged <= {row.digest for row in rows}
    assert {row.status for row in rows} == {"done"}

    # Nothing doubled: on the chain, each act stands once.
    logs = chain.logs(0, chain.block_number(), addresses=list(deployment.contracts.values()))
    decoded = [artifact.event(log.topics, log.data) for log in logs if log.address == bills]
    assert all(event is not None and event.name == "Acted" for event in decoded)
    done = Counter((event.arguments["bill"], event.arguments["act"]) for event in decoded if event)
    sequences = Counter(event.arguments["bill"] for event in decoded if event)
    assert len(decoded) == len(rows)
    assert sequences == Counter(row.intent[:32] for row in rows)
    for bill, sequence in sequences.items():
        found = artifact.decode("bill", chain.call(bills, artifact.encode("bill", bill)))
        assert found["sequence"] == sequence
    assert sum(done.values()) == len(rows)

    # No gap, and no transaction more than was needed: each stored one was mined, each act in one.
    nonces = sorted(row.nonce for row in transactions)
    assert nonces == list(range(chain.nonce(RELAYER.address)))
    assert {row.status for row in transactions} == {"final"}
    assert len(members) == len(rows)
    for row in transactions:
        block = chain.block(row.block_number or 0)
        assert block is not None
        assert block.hash == row.block_hash

    # The tables are the chain.
    assert {(e.block_hash, e.log_index, e.transaction_hash, e.topics, e.data) for e in events} == {
        (log.block_hash, log.position, log.transaction_hash, b"".join(log.topics), log.data) for log in logs
    }
    assert max(row.number for row in blocks) == chain.block_number()
    node.close()
    engine.dispose()
    return len(rows), len(transactions)
