"""The indexer against the real contracts on the embedded node."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from chain.db import reading, writing
from chain.embedded import EmbeddedNode
from chain.identity import ChainChangedError, ContractMissingError
from chain.indexer import ChainEvent, IndexerError
from chain.node import NodeDownError, NodeRefusedError, WrongChainError
from chain.tables import BlockRow, EventRow
from tests.chainlab import (
    CHAIN_ID,
    RICH,
    RICH_IN_WEI,
    STRANGER,
    Bench,
    bill,
    history,
    issue,
    settle,
    transfer,
    wait_until,
)


class Recorder:
    """A projector that remembers what it saw, in order, and forgets what is taken back."""

    def __init__(self) -> None:
        self.events: list[ChainEvent] = []
        self.rollbacks: list[int] = []
        self.fail = False

    def apply(self, session: Session, event: ChainEvent) -> None:
        if self.fail:
            raise ZeroDivisionError
        assert session.get(BlockRow, event.block) is not None
        self.events.append(event)

    def rollback(self, session: Session, above_block: int) -> None:
        self.rollbacks.append(above_block)
        self.events = [event for event in self.events if event.block <= above_block]

    def names(self) -> list[str]:
        return [event.name for event in self.events]


def stored(bench: Bench) -> list[tuple[int, int]]:
    with reading(bench.engine) as session:
        rows = session.exec(select(EventRow).order_by(col(EventRow.block_number), col(EventRow.log_index)))
        return [(row.block_number, row.log_index) for row in rows]


def check_against_chain(bench: Bench) -> None:
    """The tables hold just the chain's events, each in the block that the chain has now."""
    chain, contracts = bench.registry.chain, list(bench.registry.artifacts)
    logs = chain.logs(0, chain.block_number(), addresses=contracts)
    with reading(bench.engine) as session:
        rows = session.exec(select(EventRow)).all()
        blocks = {row.number: row for row in session.exec(select(BlockRow))}
    ours = {(row.block_hash, row.log_index, row.transaction_hash, row.topics, row.data) for row in rows}
    assert len(rows) == len(logs)
    assert ours == {
        (log.block_hash, log.position, log.transaction_hash, b"".join(log.topics), log.data) for log in logs
    }
    for number, row in blocks.items():
        block = chain.block(number)
        assert block is not None
        assert (row.hash, row.parent, row.time) == (block.hash, block.parent_hash, block.timestamp)
        assert row.events == sum(log.block_number == number for log in logs)


def test_events_come_decoded_in_order_with_their_block(bench: Bench) -> None:
    recorder = Recorder()
    indexer = bench.indexer(projectors=[recorder])
    settle(indexer)
    admitted = ["Admitted", "KeyAdded"]
    assert recorder.names() == ["AdministrationTransferred", *admitted, *admitted, "RoleGranted"]
    bench.registry.submit(issue(1), transfer(1, 1), transfer(1, 9))
    settle(indexer)
    issued, moved, refused = recorder.events[-3:]
    assert (issued.name, moved.name, refused.name) == ("Acted", "Acted", "IntentRefused")
    assert issued.arguments["bill"] == bill(1)
    assert issued.address == bench.registry.bills
    assert refused.arguments["position"] == 2
    head = bench.registry.chain.block("latest")
    assert head is not None
    assert (issued.block, issued.block_hash, issued.block_time) == (head.number, head.hash, head.timestamp)
    assert issued.transaction_hash == head.transactions[0]
    assert [event.log_index for event in (issued, moved, refused)] == [0, 1, 2]
    assert indexer.height == head.number
    assert indexer.lag == 0
    check_against_chain(bench)


def test_a_long_chain_is_read_in_stretches(bench: Bench) -> None:
    for number in range(7):
        bench.registry.submit(issue(number))
        bench.mine(2)
    recorder = Recorder()
    indexer = bench.indexer(projectors=[recorder], chunk=4)
    assert indexer.tick()
    assert indexer.height == 3
    assert indexer.lag > 0
    settle(indexer)
    assert recorder.names().count("Acted") == 7
    check_against_chain(bench)


def test_a_restart_goes_on_where_it_was(bench: Bench) -> None:
    settle(bench.indexer())
    bench.registry.submit(issue(1))
    recorder = Recorder()
    settle(bench.indexer(projectors=[recorder]))
    assert recorder.names() == ["Acted"]
    check_against_chain(bench)


def test_a_projector_that_fails_leaves_nothing_behind(bench: Bench) -> None:
    recorder = Recorder()
    indexer = bench.indexer(projectors=[recorder])
    settle(indexer)
    before = stored(bench)
    bench.registry.submit(issue(1))
    recorder.fail = True
    indexer._worker.run_step()
    assert indexer.health.code == "internal"
    assert stored(bench) == before
    recorder.fail = False
    indexer._worker.run_step()
    assert indexer.health.ok
    assert recorder.names()[-1] == "Acted"
    check_against_chain(bench)


def test_blocks_without_events_are_not_hoarded(bench: Bench) -> None:
    indexer = bench.indexer()
    for _ in range(6):
        bench.mine()
        settle(indexer)
    with reading(bench.engine) as session:
        rows = session.exec(select(BlockRow).order_by(col(BlockRow.number))).all()
    assert [row.events > 0 for row in rows] == [True, True, False]
    assert rows[-1].number == bench.registry.chain.block_number()


class TestReorganisations:
    def test_what_left_the_chain_is_taken_back(self, bench: Bench) -> None:
        recorder = Recorder()
        indexer = bench.indexer(projectors=[recorder])
        bench.registry.submit(issue(1))
        settle(indexer)
        kept = bench.registry.chain.block_number()
        restore = bench.snapshot("before")
        bench.registry.submit(transfer(1, 1))
        bench.registry.submit(issue(2))
        settle(indexer)
        restore()
        bench.mine(3)
        bench.registry.submit(issue(3))
        settle(indexer)
        assert recorder.rollbacks == [kept]
        assert [e.arguments["bill"] for e in recorder.events if e.name == "Acted"] == [bill(1), bill(3)]
        check_against_chain(bench)

    def test_a_shorter_chain_is_a_reorganisation(self, bench: Bench) -> None:
        recorder = Recorder()
        indexer = bench.indexer(projectors=[recorder])
        settle(indexer)
        kept = bench.registry.chain.block_number()
        restore = bench.snapshot("before")
        bench.registry.submit(issue(1))
        bench.registry.submit(issue(2))
        settle(indexer)
        restore()
        assert indexer.tick()
        assert indexer.height == kept
        settle(indexer)
        assert recorder.rollbacks == [kept]
        assert "Acted" not in recorder.names()
        check_against_chain(bench)

    def test_another_block_at_the_same_height(self, bench: Bench) -> None:
        indexer = bench.indexer(projectors=[recorder := Recorder()])
        settle(indexer)
        restore = bench.snapshot("before")
        bench.registry.submit(issue(1))
        settle(indexer)
        restore()
        bench.registry.submit(issue(2))
        seen = indexer.wait_for_change(-1, 0)
        settle(indexer)
        assert [e.arguments["bill"] for e in recorder.events if e.name == "Acted"] == [bill(2)]
        assert indexer.wait_for_change(seen, 0) != seen
        check_against_chain(bench)

    def test_it_is_seen_below_blocks_without_events(self, bench: Bench) -> None:
        recorder = Recorder()
        indexer = bench.indexer(projectors=[recorder])
        settle(indexer)
        restore = bench.snapshot("before")
        for _ in range(3):
            bench.mine()
            settle(indexer)
        restore()
        bench.registry.submit(issue(1))
        bench.mine(4)
        settle(indexer)
        assert recorder.names()[-1] == "Acted"
        check_against_chain(bench)

    def test_a_chain_that_turns_while_it_is_read_is_read_anew(self, bench: Bench) -> None:
        indexer = bench.indexer()
        settle(indexer)
        before = stored(bench)
        bench.registry.submit(issue(1))
        logs = bench.switched.node.rpc(
            "eth_getLogs", [{"fromBlock": "0x1", "toBlock": "latest", "address": bench.registry.bills}]
        )
        bench.switched.override["eth_getLogs"] = [{**log, "blockHash": "0x" + "cd" * 32} for log in logs]
        with pytest.raises(IndexerError):
            indexer.tick()
        assert stored(bench) == before
        bench.switched.override.clear()
        settle(indexer)
        check_against_chain(bench)

    @pytest.mark.parametrize("moment", ["eth_getLogs", "after the newest block was compared"])
    def test_a_chain_that_turns_between_two_reads(self, bench: Bench, moment: str) -> None:
        recorder = Recorder()
        indexer = bench.indexer(projectors=[recorder], chunk=2)
        settle(indexer)
        restore = bench.snapshot("before")
        bench.registry.submit(issue(1))
        settle(indexer)
        bench.mine(4)
        asked: list[str] = []

        def turn(method: str) -> None:
            asked.append(method)
            third = asked.count("eth_getBlockByNumber") == 4  # the first block, the newest, ours; then more
            if method == moment or (moment not in asked and method == "eth_getBlockByNumber" and third):
                bench.switched.before = lambda method: None
                restore()
                bench.registry.submit(issue(2))
                bench.mine(6)

        if moment == "eth_getLogs":
            bench.switched.before = lambda method: turn(method) if method == moment else None
        else:
            bench.switched.before = turn
        with pytest.raises(IndexerError):
            indexer.tick()
        settle(indexer)
        assert [e.arguments["bill"] for e in recorder.events if e.name == "Acted"] == [bill(2)]
        check_against_chain(bench)

    def test_what_another_process_took_back_meanwhile_is_not_taken_back_again(self, bench: Bench) -> None:
        mine, others = Recorder(), Recorder()
        indexer, other = bench.indexer(projectors=[mine]), bench.indexer(projectors=[others])
        settle(indexer)
        restore = bench.snapshot("before")
        bench.registry.submit(issue(1))
        settle(indexer)
        restore()
        bench.registry.submit(issue(2))
        asked: list[str] = []

        def meanwhile(method: str) -> None:
            asked.append(method)
            if asked.count("eth_getBlockByNumber") == 5:  # ours was found gone; the one below it is asked
                bench.switched.before = lambda method: None
                settle(other)

        bench.switched.before = meanwhile
        settle(indexer)
        assert len(others.rollbacks) == 1
        assert mine.rollbacks == []
        check_against_chain(bench)


class TestWrongChains:
    def test_another_chain_id(self, bench: Bench) -> None:
        with pytest.raises(WrongChainError):
            bench.indexer(chain_id=1).tick()

    def test_another_genesis_takes_nothing_back(self, bench: Bench, tmp_path: Path) -> None:
        recorder = Recorder()
        indexer = bench.indexer(projectors=[recorder])
        settle(indexer)
        before = stored(bench)
        bench.switched.node = EmbeddedNode(tmp_path / "other.db", CHAIN_ID, alloc={STRANGER.address: 1})
        with pytest.raises(ChainChangedError) as refused:
            indexer.tick()
        assert refused.value.code == "chain-changed"
        with pytest.raises(ChainChangedError):
            bench.indexer().tick()
        assert stored(bench) == before
        assert recorder.rollbacks == []

    def test_a_wiped_chain_takes_nothing_back(self, bench: Bench, tmp_path: Path) -> None:
        recorder = Recorder()
        indexer = bench.indexer(projectors=[recorder])
        settle(indexer)
        before = stored(bench)
        bench.switched.node = EmbeddedNode(tmp_path / "wiped.db", CHAIN_ID, alloc={RICH.address: RICH_IN_WEI})
        with pytest.raises(ContractMissingError):
            indexer.tick()
        assert stored(bench) == before
        assert recorder.rollbacks == []

    def test_a_node_without_blocks(self, bench: Bench) -> None:
        bench.switched.override["eth_getBlockByNumber"] = None
        with pytest.raises(NodeRefusedError):
            bench.indexer().tick()


def test_two_processes_apply_each_event_once(bench: Bench) -> None:
    first, second = Recorder(), Recorder()
    one, two = bench.indexer(projectors=[first]), bench.indexer(projectors=[second])
    for number in range(4):
        bench.registry.submit(issue(number))
        threads = [threading.Thread(target=settle, args=(indexer,)) for indexer in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(first.events) + len(second.events) == len(stored(bench))
    settle(one)
    settle(two)
    assert one.height == two.height == bench.registry.chain.block_number()
    check_against_chain(bench)


def test_a_stretch_read_before_another_process_wrote_it_is_dropped(bench: Bench) -> None:
    indexer = bench.indexer(projectors=[recorder := Recorder()])
    head = bench.registry.chain.block("latest")
    assert head is not None
    indexer._identity.check()
    stretch = indexer._read(indexer._newest(), head)
    settle(bench.indexer())
    assert not indexer._apply(stretch)
    assert recorder.events == []
    check_against_chain(bench)


def test_waiting_for_a_block(bench: Bench) -> None:
    told = threading.Event()
    indexer = bench.indexer(poll=0.01, changed=told.set)
    assert not indexer.wait_for(0, timeout=0.01)
    indexer.start()
    try:
        assert indexer.wait_for(bench.registry.chain.block_number(), timeout=60)
        assert told.is_set()
        bench.registry.submit(issue(1))
        assert indexer.wait_for(bench.registry.chain.block_number(), timeout=60)
        bench.switched.fail["eth_chainId"] = NodeDownError("the node cannot be reached")
        wait_until(lambda: indexer.health.code == "node-down")
        bench.switched.fail.clear()
        bench.registry.submit(*history(2, 2))
        indexer.wake()
        assert indexer.wait_for(bench.registry.chain.block_number(), timeout=60)
        wait_until(lambda: indexer.health.ok)
    finally:
        indexer.stop()
    check_against_chain(bench)


def test_events_of_other_contracts_and_unknown_events_are_no_trouble(bench: Bench) -> None:
    only = {bench.registry.bills: bench.registry.artifacts[bench.registry.parties]}
    recorder = Recorder()
    bench.registry.submit(issue(1))
    settle(bench.indexer(artifacts=only, projectors=[recorder]))
    assert recorder.events == []  # the artefact of another contract knows no such event
    assert len(stored(bench)) == 1


def test_taking_back_is_all_or_nothing(bench: Bench) -> None:
    class Stubborn(Recorder):
        def rollback(self, session: Session, above_block: int) -> None:
            raise ZeroDivisionError

    indexer = bench.indexer(projectors=[Stubborn()])
    settle(indexer)
    restore = bench.snapshot("before")
    bench.registry.submit(issue(1))
    settle(indexer)
    before = stored(bench)
    restore()
    with pytest.raises(ZeroDivisionError):
        indexer.tick()
    assert stored(bench) == before
    with writing(bench.engine) as session:
        assert session.exec(select(EventRow)).all()
