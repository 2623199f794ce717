"""The relayer and the indexer against anvil: a real mempool, real prices, reorganisations, and a node that
is stopped, frozen, killed or wiped."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from chain.db import open_engine, reading
from chain.indexer import Indexer
from chain.node import HttpNode
from chain.outbox import by_digest, counts
from chain.relayer import Relayer
from chain.signers import KeySigner
from chain.tables import EventRow, OutboxRow, TransactionAttempt, TransactionRow, create_tables
from tests.chainlab import (
    CHAIN_ID,
    RELAYER,
    SECOND_RELAYER,
    STRANGER,
    Registry,
    bill,
    history,
    issue,
    settle,
    transfer,
    wait_until,
)


class Setting:
    """A registry on anvil, a database, and workers made on them."""

    def __init__(self, anvil: Any, folder: Path, *, timeout: float = 10.0) -> None:
        self.anvil = anvil
        self.node = HttpNode(anvil.url, expected_chain_id=CHAIN_ID, timeout=timeout)
        self.registry = Registry(self.node, folder / "deployment.json")
        self.engine: Engine = open_engine(f"sqlite:///{folder / 'tables.db'}")
        create_tables(self.engine)
        self.workers: list[Relayer | Indexer] = []

    def relayer(self, signer: KeySigner = RELAYER, **options: object) -> Relayer:
        given: dict[str, object] = {"chain_id": CHAIN_ID, "artifacts": self.registry.artifacts, "poll": 0.05}
        made = Relayer(self.engine, self.node, signer, **(given | options))  # type: ignore[arg-type]
        self.workers.append(made)
        return made

    def indexer(self, **options: object) -> Indexer:
        given: dict[str, object] = {"chain_id": CHAIN_ID, "artifacts": self.registry.artifacts, "poll": 0.05}
        made = Indexer(self.engine, self.node, **(given | options))  # type: ignore[arg-type]
        self.workers.append(made)
        return made

    def enqueue(self, *acts: object) -> list[OutboxRow]:
        return self.registry.enqueue(self.engine, *acts)  # type: ignore[arg-type]

    def statuses(self, rows: list[OutboxRow]) -> list[str]:
        with reading(self.engine) as session:
            return [found.status for row in rows if (found := by_digest(session, row.digest))]

    def transactions(self) -> list[TransactionRow]:
        with reading(self.engine) as session:
            return list(session.exec(select(TransactionRow).order_by(col(TransactionRow.id))))

    def check_tables(self) -> None:
        """Every act that is done is on the chain once, and the events in the tables are the chain's."""
        chain = self.registry.chain
        logs = chain.logs(0, chain.block_number(), addresses=list(self.registry.artifacts))
        with reading(self.engine) as session:
            events = session.exec(select(EventRow)).all()
            acts = session.exec(select(OutboxRow)).all()
        assert {(e.block_hash, e.log_index, e.transaction_hash) for e in events} == {
            (log.block_hash, log.position, log.transaction_hash) for log in logs
        }
        done = [log for log in logs if "0x" + log.topics[0].hex() == self.topic("Acted")]
        assert len(done) == sum(act.status == "done" for act in acts)

    def topic(self, event: str) -> str:
        return self.registry.artifacts[self.registry.bills].topic(event)


@pytest.fixture
def make_setting(tmp_path: Path) -> Iterator[Callable[..., Setting]]:
    made: list[Setting] = []

    def make(anvil: Any, **options: Any) -> Setting:
        folder = tmp_path / f"setting-{len(made)}"
        folder.mkdir()
        made.append(Setting(anvil, folder, **options))
        return made[-1]

    yield make
    for setting in made:
        for worker in setting.workers:
            worker.stop()
        setting.engine.dispose()
        setting.node.close()


@pytest.fixture
def setting(anvil: Any, make_setting: Callable[..., Setting]) -> Setting:
    return make_setting(anvil)


def test_acts_are_carried_by_threads(setting: Setting) -> None:
    relayer, indexer = setting.relayer(), setting.indexer()
    relayer.start()
    indexer.start()
    rows = [row for number in range(20) for row in setting.enqueue(*history(number, 3))]
    refused = setting.enqueue(transfer(99, 1))
    relayer.wake()
    wait_until(lambda: set(setting.statuses(rows)) == {"done"})
    wait_until(lambda: setting.statuses(refused) == ["refused"])
    assert indexer.wait_for(setting.registry.chain.block_number(), timeout=60)
    setting.check_tables()
    assert setting.registry.chain.nonce(RELAYER.address) == len(setting.transactions())


class TestReorganisations:
    @pytest.mark.parametrize("depth", [1, 4, 8])
    def test_deeper_than_the_confirmations_asked(self, setting: Setting, depth: int) -> None:
        relayer, indexer = setting.relayer(confirmations=2), setting.indexer()
        early = setting.enqueue(*history(1, 2))
        settle(relayer)
        setting.anvil.rpc("anvil_mine", "0x10")
        settle(relayer)
        assert setting.statuses(early) == ["done", "done"]
        late = [row for number in range(2, 6) for row in setting.enqueue(issue(number))]
        for _ in range(4):
            settle(relayer)
            setting.anvil.rpc("anvil_mine", "0x1")
        more = setting.enqueue(transfer(1, 2))
        settle(relayer)
        settle(indexer)
        assert "done" in setting.statuses(late)
        setting.anvil.reorg(depth)
        for _ in range(6):
            settle(indexer)
            settle(relayer)
            setting.anvil.rpc("anvil_mine", "0x1")
        settle(indexer)
        assert set(setting.statuses([*early, *late, *more])) == {"done"}
        setting.check_tables()
        assert setting.registry.sequence(bill(1)) == 3
        nonces = sorted(row.nonce for row in setting.transactions())
        assert nonces == list(range(setting.registry.chain.nonce(RELAYER.address)))

    def test_again_and_again_under_load(self, setting: Setting) -> None:
        setting.anvil.rpc("anvil_mine", "0x4")  # what was set up stays
        relayer, indexer = setting.relayer(resend_after=1.0), setting.indexer()
        relayer.start()
        indexer.start()
        rows: list[OutboxRow] = []
        for number in range(12):
            rows += setting.enqueue(*history(number, 3))
            relayer.wake()
            time.sleep(0.15)
            if number % 3 == 2:
                setting.anvil.reorg(3)
        wait_until(lambda: set(setting.statuses(rows)) == {"done"}, 60)
        setting.anvil.rpc("anvil_mine", "0x1")
        assert indexer.wait_for(setting.registry.chain.block_number(), timeout=60)
        wait_until(lambda: set(setting.statuses(rows)) == {"done"}, 60)
        setting.check_tables()
        assert [setting.registry.sequence(bill(number)) for number in range(12)] == [3] * 12


class TestPrices:
    def test_a_stuck_transaction_is_replaced_and_mined_once(self, setting: Setting) -> None:
        setting.anvil.rpc("evm_setAutomine", False)
        relayer = setting.relayer(replace_after=(0.2, 1), resend_after=60.0)
        rows = setting.enqueue(*history(1, 2))
        settle(relayer)
        (row,) = setting.transactions()
        with reading(setting.engine) as session:
            first = session.exec(select(TransactionAttempt)).one()
        # Dearer than what was offered: blocks pass it by.
        setting.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(first.gas_price * 2))
        setting.anvil.rpc("anvil_mine", "0x1")
        assert setting.registry.chain.receipt(first.hash) is None
        time.sleep(0.3)
        relayer.tick()
        with reading(setting.engine) as session:
            attempts = session.exec(select(TransactionAttempt).order_by(col(TransactionAttempt.id))).all()
        assert [attempt.transaction_id for attempt in attempts] == [row.id, row.id]
        assert attempts[1].gas_price * 8 >= attempts[0].gas_price * 9
        setting.anvil.rpc("anvil_mine", "0x2")
        settle(relayer)
        assert setting.statuses(rows) == ["done", "done"]
        assert setting.registry.chain.receipt(attempts[1].hash) is not None
        assert setting.registry.chain.nonce(RELAYER.address) == 1

    def test_a_price_below_the_base_fee_is_raised_at_once(self, setting: Setting) -> None:
        relayer = setting.relayer(replace_after=(3600.0, 100))
        rows = setting.enqueue(issue(1))
        price = setting.registry.chain.gas_price()
        setting.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(price * 3))
        wait_until(lambda: relayer.tick() or setting.statuses(rows) == ["done"])
        settle(relayer)
        setting.anvil.rpc("anvil_mine", "0x1")
        settle(relayer)
        assert setting.statuses(rows) == ["done"]

    def test_a_sender_without_funds_is_named_until_it_has_some(self, setting: Setting) -> None:
        setting.anvil.rpc("anvil_setBalance", RELAYER.address, "0x0")
        relayer = setting.relayer(resend_after=0.1)
        relayer.start()
        rows = setting.enqueue(issue(1))
        relayer.wake()
        wait_until(lambda: relayer.health.code == "sender-without-funds")
        setting.anvil.rpc("anvil_setBalance", RELAYER.address, hex(10**20))
        wait_until(lambda: setting.statuses(rows) == ["done"])
        wait_until(lambda: relayer.health.ok)


class TestNonces:
    def test_one_used_by_somebody_else(self, setting: Setting) -> None:
        setting.anvil.rpc("evm_setAutomine", False)
        relayer = setting.relayer(foreign_after=0.2)
        rows = setting.enqueue(*history(1, 2))
        settle(relayer)
        price = setting.registry.chain.gas_price()
        setting.registry.send(RELAYER, STRANGER.address, b"", gas=21_000, gasPrice=price * 3)
        setting.anvil.rpc("evm_setAutomine", True)
        setting.anvil.rpc("anvil_mine", "0x1")
        wait_until(lambda: relayer.tick() or setting.statuses(rows) == ["done", "done"])
        settle(relayer)
        assert [row.status for row in setting.transactions()] == ["lost", "final"]
        assert setting.registry.sequence(bill(1)) == 2

    def test_a_dropped_transaction_is_sent_again(self, setting: Setting) -> None:
        setting.anvil.rpc("evm_setAutomine", False)
        relayer = setting.relayer(resend_after=0.1)
        rows = setting.enqueue(issue(1))
        settle(relayer)
        with reading(setting.engine) as session:
            hash_ = session.exec(select(TransactionAttempt.hash)).one()
        setting.anvil.rpc("anvil_dropTransaction", hash_)
        assert setting.registry.chain.transaction(hash_) is None
        setting.anvil.rpc("evm_setAutomine", True)
        time.sleep(0.15)
        settle(relayer)
        assert setting.statuses(rows) == ["done"]
        assert len(setting.transactions()) == 1


class TestNodes:
    def test_killed_and_started_again(self, setting: Setting) -> None:
        relayer, indexer = setting.relayer(resend_after=0.5), setting.indexer()
        relayer.start()
        indexer.start()
        before = setting.enqueue(*history(1, 2))
        relayer.wake()
        wait_until(lambda: setting.statuses(before) == ["done", "done"])
        assert indexer.wait_for(setting.registry.chain.block_number(), timeout=60)
        setting.anvil.stop()
        setting.anvil.start()
        lost = setting.enqueue(transfer(1, 2))
        relayer.wake()
        wait_until(lambda: setting.statuses(lost) == ["done"])
        # Killed without saving: all since it was last stopped has left the chain.
        setting.anvil.kill()
        during = setting.enqueue(transfer(1, 3))
        relayer.wake()
        wait_until(lambda: relayer.health.code == "node-down")
        wait_until(lambda: indexer.health.code == "node-down")
        assert setting.statuses(during) == ["pending"]
        setting.anvil.start()
        wait_until(lambda: setting.statuses([*before, *lost, *during]) == ["done"] * 4, 60)
        assert setting.registry.sequence(bill(1)) == 4
        wait_until(lambda: relayer.health.ok and indexer.health.ok)
        assert indexer.wait_for(setting.registry.chain.block_number(), timeout=60)
        setting.check_tables()

    def test_hung(self, anvil: Any, make_setting: Callable[..., Setting]) -> None:
        setting = make_setting(anvil, timeout=8.0)
        relayer = setting.relayer(resend_after=0.5)
        relayer.start()
        settled = setting.enqueue(issue(1))
        relayer.wake()
        wait_until(lambda: setting.statuses(settled) == ["done"])
        process: subprocess.Popen[bytes] = anvil._process
        process.send_signal(signal.SIGSTOP)
        try:
            rows = setting.enqueue(transfer(1, 1))
            relayer.wake()
            wait_until(lambda: relayer.health.code == "node-hung")
            time.sleep(0.2)  # it asks again, and hangs again
            # Writers of the database are not held up meanwhile.
            began = time.monotonic()
            setting.enqueue(issue(2))
            assert time.monotonic() - began < 4  # half of what one call waits for the node
        finally:
            process.send_signal(signal.SIGCONT)
        wait_until(lambda: setting.statuses(rows) == ["done"])
        wait_until(lambda: relayer.health.ok)

    def test_wiped(self, setting: Setting) -> None:
        relayer, indexer = setting.relayer(), setting.indexer()
        relayer.start()
        indexer.start()
        rows = setting.enqueue(issue(1))
        relayer.wake()
        wait_until(lambda: setting.statuses(rows) == ["done"])
        assert indexer.wait_for(setting.registry.chain.block_number(), timeout=60)
        setting.anvil.kill()
        setting.anvil.state.unlink(missing_ok=True)
        setting.anvil.start()
        refusals = ("chain-changed", "contract-missing")
        wait_until(lambda: relayer.health.code in refusals and indexer.health.code in refusals)
        waiting = setting.enqueue(issue(2))
        relayer.wake()
        time.sleep(0.5)
        assert setting.statuses([*rows, *waiting]) == ["done", "pending"]
        assert setting.registry.chain.nonce(RELAYER.address) == 0
        with reading(setting.engine) as session:
            assert session.exec(select(EventRow)).all()

    def test_of_another_chain(
        self, setting: Setting, make_anvil: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = make_anvil(chain_id=1)
        rows = setting.enqueue(issue(1))
        relayer = setting.relayer()
        with monkeypatch.context() as patch:
            patch.setattr(relayer._chain, "node", HttpNode(other.url, expected_chain_id=None))
            relayer._worker.run_step()
            assert relayer.health.code == "node-wrong-chain"
        assert setting.statuses(rows) == ["pending"]
        settle(relayer)
        assert setting.statuses(rows) == ["done"]


def test_too_little_gas(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    from chain import claims

    whole = claims.gas_for

    def stingy(**about: int) -> int:
        starved = not about["attempts"] and about["limit"] <= claims.MAX_TRANSACTION_GAS
        return whole(**about) // (3 if starved else 1)

    monkeypatch.setattr(claims, "gas_for", stingy)
    rows = setting.enqueue(*(issue(number) for number in range(4)))
    relayer = setting.relayer()
    settle(relayer)
    assert setting.statuses(rows) == ["done"] * 4
    failed = setting.transactions()[0]
    receipt = setting.anvil.rpc("eth_getBlockReceipts", hex(failed.block_number or 0))[0]
    assert receipt["status"] == "0x0"


def test_a_batch_with_a_refused_member(setting: Setting) -> None:
    rows = setting.enqueue(issue(1), transfer(1, 7), transfer(1, 1))
    settle(setting.relayer())
    settle(setting.indexer())
    assert setting.statuses(rows) == ["done", "refused", "done"]
    with reading(setting.engine) as session:
        row = by_digest(session, rows[1].digest)
        assert row is not None
        assert row.reason_name == "RailBills_StaleSequence"
        assert session.exec(select(EventRow)).all()
    setting.check_tables()


def test_two_senders_on_one_database(setting: Setting) -> None:
    relayers = [setting.relayer(signer, batch_size=4) for signer in (RELAYER, SECOND_RELAYER)]
    rows: list[OutboxRow] = []
    for relayer in relayers:
        relayer.start()
    for number in range(15):
        rows += setting.enqueue(*history(number, 3))
        for relayer in relayers:
            relayer.wake()
    wait_until(lambda: set(setting.statuses(rows)) == {"done"}, 60)
    with reading(setting.engine) as session:
        assert counts(session)["done"] == 45
    assert {row.sender for row in setting.transactions()} <= {RELAYER.address, SECOND_RELAYER.address}
