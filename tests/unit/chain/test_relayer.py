"""The relayer against the real contracts on the embedded node, in memory of one process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rlp
from sqlmodel import col, select

from chain import claims
from chain.claims import gas_for
from chain.db import reading, writing
from chain.embedded import EmbeddedNode
from chain.identity import ChainChangedError, ContractMissingError
from chain.intents import keccak
from chain.node import NodeDownError, NodeHungError, NodeRefusedError, WrongChainError
from chain.outbox import counts, transactions_of
from chain.tables import (
    ActStatus,
    BatchMember,
    OutboxRow,
    TransactionAttempt,
    TransactionRow,
    TransactionStatus,
)
from tests.chainlab import (
    CHAIN_ID,
    FAR,
    HOLDER,
    ISSUE,
    RELAYER,
    RICH,
    RICH_IN_WEI,
    SECOND_RELAYER,
    STRANGER,
    Bench,
    bill,
    history,
    issue,
    settle,
    transfer,
    void,
    wait_until,
)


def test_acts_of_one_lane_are_carried_in_order_in_one_transaction(bench: Bench) -> None:
    rows = bench.enqueue(*history(1, 4), issue(2))
    settle(bench.relayer())
    assert bench.statuses(rows) == [ActStatus.DONE] * 5
    assert bench.registry.sequence(bill(1)) == 4
    (transaction,) = bench.transactions()
    assert transaction.status == TransactionStatus.FINAL
    assert [bench.row(row).position for row in rows] == [0, 1, 2, 3, 4]
    assert bench.row(rows[0]).block_hash == transaction.block_hash
    bench.check_nonces()


def test_a_refused_act_is_named_and_spares_its_neighbours(bench: Bench) -> None:
    taken, _ = issue(1)
    clash = type(taken)(ISSUE, bill(9), 0, FAR, {**taken.values})  # the same note
    rows = bench.enqueue(issue(1), (clash, issue(1)[1]), issue(2))
    settle(bench.relayer())
    assert bench.statuses(rows) == [ActStatus.DONE, ActStatus.REFUSED, ActStatus.DONE]
    refused = bench.row(rows[1])
    assert refused.reason_name == "RailBills_NoteTaken"
    assert refused.reason is not None
    assert refused.reason[4:] == taken.values["note"]
    assert bench.registry.sequence(bill(9)) == 0


def test_a_joint_act_travels_with_its_cosignatures(bench: Bench) -> None:
    rows = bench.enqueue(issue(1), void(1, 1), issue(2))
    settle(bench.relayer())
    assert bench.statuses(rows) == [ActStatus.DONE] * 3


def test_the_same_act_is_carried_once(bench: Bench) -> None:
    relayer = bench.relayer()
    (first,) = bench.enqueue(issue(1))
    (again,) = bench.enqueue(issue(1))
    settle(relayer)
    (late,) = bench.enqueue(issue(1))
    settle(relayer)
    assert first.id == again.id == late.id
    assert late.status == ActStatus.DONE
    assert len(bench.transactions()) == 1


def test_nothing_is_decided_before_the_confirmations_asked(bench: Bench) -> None:
    relayer = bench.relayer(confirmations=3)
    (row, refused) = bench.enqueue(issue(1), transfer(2, 1))
    settle(relayer)
    assert bench.row(row).status == ActStatus.MINED
    assert bench.row(refused).status == ActStatus.MINED
    bench.mine()
    settle(relayer)
    assert bench.row(row).status == ActStatus.MINED
    bench.mine()
    settle(relayer)
    assert bench.statuses([row, refused]) == [ActStatus.DONE, ActStatus.REFUSED]


def test_batches_are_bounded_by_size_and_by_gas(bench: Bench) -> None:
    rows = bench.enqueue(*(issue(number) for number in range(5)))
    settle(bench.relayer(batch_size=2, room=8))
    assert bench.statuses(rows) == [ActStatus.DONE] * 5
    assert [row.gas for row in bench.transactions()].count(bench.transactions()[0].gas) == 2
    target = claims.Target(bench.registry.artifacts[bench.registry.bills], 200_000)
    around = claims.Circumstances(chain_id=CHAIN_ID, chain_nonce=0, gas_limit=700_000, gas_price=0, now=0)
    assert len(claims._fill(rows, target, around, 64)) == 2
    assert gas_for(acts=2, calldata=420, intent_gas=200_000, attempts=0, limit=1 << 24) <= 700_000


def test_acts_of_an_unknown_contract_wait_for_a_relayer_that_knows_it(bench: Bench) -> None:
    rows = bench.enqueue(issue(1))
    only = {bench.registry.parties: bench.registry.artifacts[bench.registry.parties]}
    with writing(bench.engine) as session:
        office = bench.registry.suspend(session)
    settle(bench.relayer(artifacts=only))
    assert bench.statuses([*rows, office]) == [ActStatus.PENDING, ActStatus.DONE]
    settle(bench.relayer())
    assert bench.statuses(rows) == [ActStatus.DONE]


class TestDeadlines:
    def test_an_act_past_its_deadline_expires_unsent(self, bench: Bench) -> None:
        head = bench.registry.chain.block("latest")
        assert head is not None
        rows = bench.enqueue(issue(1, deadline=head.timestamp - 1), issue(2))
        settle(bench.relayer())
        assert bench.statuses(rows) == [ActStatus.EXPIRED, ActStatus.DONE]
        assert bench.row(rows[0]).reason_name == "Intents_DeadlinePassed"
        assert transactions_count(bench, rows[0]) == 0

    def test_the_chain_decides_whether_a_deadline_has_passed(self, bench: Bench) -> None:
        # Past by the clock, not yet by the newest block: the act is sent, and the chain says so.
        now = int(time.time())
        bench.switched.node.close()
        bench.switched.node = EmbeddedNode(
            bench.folder / "chain.db", CHAIN_ID, clock=lambda: time.time() + 1000
        )
        rows = bench.enqueue(issue(1, deadline=now + 500))
        settle(bench.relayer())
        row = bench.row(rows[0])
        assert (row.status, row.reason_name) == (ActStatus.EXPIRED, "Intents_DeadlinePassed")
        assert transactions_count(bench, row) == 1

    def test_an_act_that_was_mined_by_a_lost_transaction_does_not_expire(self, bench: Bench) -> None:
        head = bench.registry.chain.block("latest")
        assert head is not None
        rows = bench.enqueue(issue(1, deadline=head.timestamp + 300))
        relayer = bench.relayer(foreign_after=0.0)
        relayer.tick()
        bench.switched.override["eth_getTransactionReceipt"] = None
        bench.switched.fail["eth_gasPrice"] = NodeDownError("gone before it could be sent anew")
        with pytest.raises(NodeDownError):
            relayer.tick()
        assert bench.statuses(rows) == [ActStatus.PENDING]
        bench.switched.override.clear()
        bench.switched.fail.clear()
        bench.switched.node.close()
        bench.switched.node = EmbeddedNode(
            bench.folder / "chain.db", CHAIN_ID, clock=lambda: time.time() + 1000
        )
        bench.mine()
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]


def transactions_count(bench: Bench, row: OutboxRow) -> int:
    with reading(bench.engine) as session:
        return len(transactions_of(session, row))


class TestInterruptions:
    """Whatever dies between two lines, the next relayer goes on."""

    def test_stored_but_never_sent(self, bench: Bench) -> None:
        rows = bench.enqueue(*history(1, 3))
        bench.switched.fail["eth_sendRawTransaction"] = NodeDownError("the node cannot be reached")
        with pytest.raises(NodeDownError):
            bench.relayer().tick()
        assert bench.statuses(rows) == [ActStatus.SENT] * 3
        bench.switched.fail.clear()
        settle(bench.relayer())
        assert bench.statuses(rows) == [ActStatus.DONE] * 3
        assert len(bench.transactions()) == 1
        bench.check_nonces()

    def test_sent_but_the_answer_was_lost(self, bench: Bench) -> None:
        rows = bench.enqueue(*history(1, 3))
        bench.switched.fail_after["eth_sendRawTransaction"] = NodeHungError("no answer")
        with pytest.raises(NodeHungError):
            bench.relayer().tick()
        bench.switched.fail_after.clear()
        settle(bench.relayer())
        assert bench.statuses(rows) == [ActStatus.DONE] * 3
        assert len(bench.transactions()) == 1
        assert bench.registry.sequence(bill(1)) == 3

    def test_a_signer_that_fails_leaves_the_acts_pending(self, bench: Bench) -> None:
        class Broken:
            address = RELAYER.address

            def sign(self, digest: bytes) -> None:
                raise NodeDownError("the token is unplugged")

        rows = bench.enqueue(issue(1))
        with pytest.raises(NodeDownError):
            bench.relayer(Broken()).tick()
        assert bench.statuses(rows) == [ActStatus.PENDING]
        assert bench.transactions() == []
        settle(bench.relayer())
        assert bench.statuses(rows) == [ActStatus.DONE]

    def test_a_transaction_that_the_node_forgot_is_sent_again(self, bench: Bench) -> None:
        relayer = bench.relayer(resend_after=5.0)
        rows = bench.enqueue(issue(1))
        bench.switched.swallow = []
        settle(relayer)
        settle(relayer)
        assert len(bench.switched.swallow) == 1
        bench.now += 5
        settle(relayer)
        assert bench.switched.swallow[0] == bench.switched.swallow[1]
        bench.switched.swallow = None
        bench.now += 5
        settle(relayer)
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]

    def test_no_more_than_the_room_waits_on_the_node(self, bench: Bench) -> None:
        relayer = bench.relayer(batch_size=1, room=3)
        bench.enqueue(*(issue(number) for number in range(6)))
        bench.switched.swallow = []
        settle(relayer)
        assert len(bench.transactions()) == 3
        bench.switched.swallow = None
        bench.now += 10
        settle(relayer)
        settle(relayer)
        with reading(bench.engine) as session:
            assert counts(session)["done"] == 6
        bench.check_nonces()

    def test_tables_restored_from_an_older_backup(self, bench: Bench) -> None:
        relayer = bench.relayer()
        bench.enqueue(issue(1))
        settle(relayer)
        rows = bench.enqueue(*history(2, 2))
        bench.engine.dispose()
        with writing(bench.engine) as session:
            session.connection().exec_driver_sql("SELECT 1")
        backup = (bench.folder / "tables.db").read_bytes() + b""
        wal = bench.folder / "tables.db-wal"
        kept_wal = wal.read_bytes() if wal.exists() else None
        settle(relayer)
        bench.enqueue(issue(3))
        settle(relayer)
        bench.engine.dispose()
        (bench.folder / "tables.db").write_bytes(backup)
        for suffix, content in (("-wal", kept_wal), ("-shm", None)):
            (bench.folder / f"tables.db{suffix}").unlink(missing_ok=True)
            if content:
                (bench.folder / f"tables.db{suffix}").write_bytes(content)
        assert bench.statuses(rows) == [ActStatus.PENDING] * 2

        def already_done(row: OutboxRow) -> bool:
            return bench.registry.sequence(row.intent[:32]) > int.from_bytes(row.intent[32:64]) >> 16 & 0xFF

        (new,) = bench.enqueue(issue(4))
        settle(bench.relayer(already_done=already_done))
        assert bench.statuses([*rows, new]) == [ActStatus.DONE] * 3
        assert bench.registry.sequence(bill(2)) == 2
        assert max(row.nonce for row in bench.transactions()) == 3


class TestNonces:
    def test_a_nonce_taken_by_another_gives_the_acts_back(self, bench: Bench) -> None:
        relayer = bench.relayer(foreign_after=3.0)
        rows = bench.enqueue(issue(1))
        bench.switched.swallow = []
        settle(relayer)
        bench.switched.swallow = None
        bench.registry.send(RELAYER, STRANGER.address, b"")  # the same key, somewhere else
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.SENT]  # the receipt may only be late
        bench.now += 3
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]
        assert [row.status for row in bench.transactions()] == ["lost", "final"]
        assert [row.nonce for row in bench.transactions()] == [0, 1]

    def test_a_lost_transaction_that_was_mined_after_all_counts(self, bench: Bench) -> None:
        relayer = bench.relayer(foreign_after=0.0, confirmations=2)
        rows = bench.enqueue(*history(1, 2))
        relayer.tick()
        # The node does not show the receipt for a while.
        bench.switched.override["eth_getTransactionReceipt"] = None
        bench.switched.swallow = []
        relayer.tick()
        bench.switched.override.clear()
        bench.switched.swallow = None
        assert [row.status for row in bench.transactions()] == ["lost", "signed"]
        bench.now += 10
        settle(relayer)
        bench.mine(2)
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE] * 2
        assert [row.status for row in bench.transactions()] == ["final", "final"]
        assert {bench.row(row).transaction_id for row in rows} == {bench.transactions()[0].id}
        bench.check_nonces()

    def test_a_gap_is_filled(self, bench: Bench) -> None:
        rows = bench.enqueue(issue(1))
        bench.switched.swallow = []
        settle(bench.relayer())
        with writing(bench.engine) as session:  # as if the tables had lost two transactions
            transaction = session.exec(select(TransactionRow)).one()
            transaction.nonce = 2
            attempt = session.exec(select(TransactionAttempt)).one()
            fields = rlp.decode(attempt.raw)
            raw, hash_ = resigned(fields, nonce=2)
            attempt.raw, attempt.hash = raw, hash_
        bench.switched.swallow = None
        relayer = bench.relayer()
        settle(relayer)
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]
        bench.check_nonces()
        fillers = [row for row in bench.transactions() if row.contract == RELAYER.address]
        assert sorted(row.nonce for row in fillers) == [0, 1]
        assert {row.status for row in bench.transactions()} == {"final"}

    def test_two_relayers_with_one_key_use_no_nonce_twice(self, bench: Bench) -> None:
        first, second = bench.relayer(batch_size=1, room=2), bench.relayer(batch_size=1, room=2)
        rows = bench.enqueue(*(issue(number) for number in range(8)))
        for _ in range(10):
            first.tick()
            second.tick()
        assert bench.statuses(rows) == [ActStatus.DONE] * 8
        bench.check_nonces()


class TestFailures:
    def test_gas_grows_with_each_failure_up_to_the_limit(self) -> None:
        about = {"acts": 4, "calldata": 1000, "intent_gas": 200_000}
        gas = [gas_for(**about, attempts=n, limit=2_000_000) for n in range(4)]
        assert gas[0] > 4 * 200_000 * 64 // 63
        assert gas[1] == gas[0] * 3 // 2
        assert gas[2:] == [gas[0] * 2, 2_000_000]

    def test_a_batch_that_failed_is_tried_smaller_and_with_more_gas(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stingy(**about: int) -> int:
            whole = gas_for(**about)
            return whole if about["attempts"] or about["limit"] > claims.MAX_TRANSACTION_GAS else whole // 3

        monkeypatch.setattr(claims, "gas_for", stingy)
        rows = bench.enqueue(*(issue(number) for number in range(4)))
        relayer = bench.relayer(batch_size=4)
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE] * 4
        assert [bench.row(row).attempts for row in rows] == [1] * 4
        failed, *retried = bench.transactions()
        with reading(bench.engine) as session:
            sizes = [
                len(session.exec(select(BatchMember).where(BatchMember.transaction_id == row.id)).all())
                for row in (failed, *retried)
            ]
        assert sizes == [4, 2, 2]
        assert all(row.status == "final" for row in (failed, *retried))

    def test_an_act_is_given_up_by_name(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(claims, "gas_for", lambda **about: 60_000)
        rows = bench.enqueue(issue(1))
        relayer = bench.relayer(give_up_after=3)
        settle(relayer)
        row = bench.row(rows[0])
        assert (row.status, row.reason_name, row.attempts) == (
            ActStatus.REFUSED,
            "TransactionFailed",
            3,
        )
        assert len(bench.transactions()) == 3
        bench.check_nonces()

    def test_a_later_act_that_came_too_early_goes_back(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The first transaction fails for want of gas; the second, with the bill's next acts, was on its way.
        starved = iter([True])

        def first_starves(**about: int) -> int:
            whole = gas_for(**about)
            if about["limit"] > claims.MAX_TRANSACTION_GAS:
                return whole
            return 60_000 if next(starved, False) else whole

        monkeypatch.setattr(claims, "gas_for", first_starves)
        rows = bench.enqueue(*history(1, 4))
        relayer = bench.relayer(batch_size=2)
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE] * 4
        assert bench.registry.sequence(bill(1)) == 4

    def test_an_act_that_somebody_else_sent_is_done(self, bench: Bench) -> None:
        act = issue(1)
        bench.registry.submit(act)
        rows = bench.enqueue(act, transfer(5, 1))
        asked: list[bytes] = []

        def already_done(row: OutboxRow) -> bool:
            asked.append(row.digest)
            return row.digest == act[0].digest(bench.registry.domain)

        settle(bench.relayer(already_done=already_done))
        assert bench.statuses(rows) == [ActStatus.DONE, ActStatus.REFUSED]
        assert bench.row(rows[0]).reason is None
        assert asked == [row.digest for row in rows]

    def test_without_the_hook_it_is_refused(self, bench: Bench) -> None:
        bench.registry.submit(issue(1))
        rows = bench.enqueue(issue(1))
        settle(bench.relayer())
        assert bench.row(rows[0]).reason_name == "RailBills_BillExists"

    def test_a_call_that_reached_no_contract_is_no_success(self, bench: Bench) -> None:
        # A receipt that succeeded without an event is what an empty address gives.
        rows = bench.enqueue(issue(1))
        relayer = bench.relayer(give_up_after=1)
        relayer.tick()
        (transaction,) = bench.transactions()
        (hash_,) = attempts(bench, transaction)
        receipt = bench.switched.node.rpc("eth_getTransactionReceipt", [hash_])
        bench.switched.override["eth_getTransactionReceipt"] = {**receipt, "logs": []}
        settle(relayer)
        assert bench.row(rows[0]).reason_name == "TransactionFailed"


def attempts(bench: Bench, transaction: TransactionRow) -> list[str]:
    with reading(bench.engine) as session:
        statement = select(TransactionAttempt.hash).where(TransactionAttempt.transaction_id == transaction.id)
        return list(session.exec(statement.order_by(col(TransactionAttempt.id))))


def resigned(fields: list[bytes], *, nonce: int) -> tuple[bytes, str]:
    from chain.signers import Transaction, sign_transaction

    gas_price, gas, to, data = fields[1], fields[2], fields[3], fields[5]
    unsigned = Transaction(
        to="0x" + to.hex(),  # type: ignore[typeddict-item]
        value=0,
        data=data,
        gas=int.from_bytes(gas, "big"),
        gasPrice=int.from_bytes(gas_price, "big"),
        nonce=nonce,
        chainId=CHAIN_ID,
    )
    return sign_transaction(RELAYER, unsigned)


class TestPrices:
    """A node with a price and no haste: raw transactions are kept, blocks pass."""

    @pytest.fixture
    def stuck(self, bench: Bench) -> Bench:
        bench.switched.override["eth_gasPrice"] = hex(1000)
        bench.switched.swallow = []
        return bench

    def prices(self, bench: Bench) -> list[int]:
        assert bench.switched.swallow is not None
        return [int.from_bytes(rlp.decode(raw)[1], "big") for raw in bench.switched.swallow]

    def pass_blocks(self, bench: Bench, blocks: int) -> None:
        kept, bench.switched.swallow = bench.switched.swallow, None
        price = bench.switched.override.pop("eth_gasPrice")
        bench.mine(blocks)
        bench.switched.swallow, bench.switched.override["eth_gasPrice"] = kept, price

    def test_a_stuck_transaction_is_replaced_at_a_higher_price(self, stuck: Bench) -> None:
        relayer = stuck.relayer(replace_after=(30.0, 3))
        rows = stuck.enqueue(issue(1))
        settle(relayer)
        stuck.now += 31
        settle(relayer)
        assert self.prices(stuck) == [1000, 1000]  # no block passed: a higher price would help nobody
        self.pass_blocks(stuck, 3)
        settle(relayer)
        assert self.prices(stuck) == [1000, 1000, 1126]
        (transaction,) = stuck.transactions()
        assert len(attempts(stuck, transaction)) == 2
        nonces = {rlp.decode(raw)[0] for raw in stuck.switched.swallow or []}
        assert len(nonces) == 1
        assert stuck.statuses(rows) == [ActStatus.SENT]

    def test_the_replacement_is_stored_before_it_is_sent(self, stuck: Bench) -> None:
        relayer = stuck.relayer(replace_after=(30.0, 0))
        stuck.enqueue(issue(1))
        settle(relayer)
        stuck.now += 31
        stuck.switched.fail["eth_sendRawTransaction"] = NodeDownError("gone")
        with pytest.raises(NodeDownError):
            relayer.tick()
        (transaction,) = stuck.transactions()
        assert len(attempts(stuck, transaction)) == 2

    def test_whichever_form_is_mined_counts(self, stuck: Bench) -> None:
        relayer = stuck.relayer(replace_after=(30.0, 0))
        rows = stuck.enqueue(issue(1))
        settle(relayer)
        stuck.now += 31
        settle(relayer)
        first, second = stuck.switched.swallow or []
        assert first != second
        stuck.switched.swallow = None
        stuck.fund(RELAYER)
        stuck.registry.chain.send_raw(first)
        settle(relayer)
        assert stuck.statuses(rows) == [ActStatus.DONE]
        (transaction,) = stuck.transactions()
        assert transaction.gas_used

    def test_a_price_that_is_refused_is_raised_without_waiting(self, stuck: Bench) -> None:
        relayer = stuck.relayer(replace_after=(3600.0, 100))
        stuck.enqueue(issue(1))
        stuck.switched.swallow = None
        stuck.switched.override["eth_sendRawTransaction"] = NodeRefusedError("transaction underpriced")
        stuck.switched.override["eth_gasPrice"] = hex(1000)
        relayer.tick()
        stuck.switched.override["eth_gasPrice"] = hex(5000)
        del stuck.switched.override["eth_sendRawTransaction"]
        stuck.switched.swallow = []
        relayer.tick()
        assert self.prices(stuck) == [5000]

    def test_a_transaction_that_the_node_does_not_take_is_named(self, bench: Bench) -> None:
        relayer = bench.relayer(resend_after=5.0)
        rows = bench.enqueue(issue(1))
        bench.switched.override["eth_sendRawTransaction"] = NodeRefusedError("not on a Sunday")
        relayer._worker.run_step()
        assert relayer.health.code == "transaction-refused"
        assert "not on a Sunday" in relayer.health.sentence
        bench.switched.override.clear()
        bench.now += 5
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]

    def test_no_price_above_the_limit(self, stuck: Bench) -> None:
        relayer = stuck.relayer(replace_after=(30.0, 0), max_gas_price=1100)
        stuck.enqueue(issue(1))
        settle(relayer)
        stuck.now += 31
        relayer._worker.run_step()
        assert relayer.health.code == "gas-price-limit"
        assert set(self.prices(stuck)) == {1000}

    def test_acts_wait_while_gas_is_dearer_than_the_limit(self, stuck: Bench) -> None:
        relayer = stuck.relayer(max_gas_price=999)
        rows = stuck.enqueue(issue(1))
        relayer._worker.run_step()
        assert relayer.health.code == "gas-price-limit"
        assert stuck.statuses(rows) == [ActStatus.PENDING]

    def test_a_sender_without_funds_is_named_and_loses_nothing(self, bench: Bench) -> None:
        bench.switched.override["eth_gasPrice"] = hex(1000)
        relayer = bench.relayer()
        rows = bench.enqueue(issue(1))
        relayer._worker.run_step()
        assert relayer.health.code == "sender-without-funds"
        assert bench.statuses(rows) == [ActStatus.SENT]
        relayer._worker.run_step()
        assert relayer.health.code == "sender-without-funds"


class TestReorganisations:
    def test_decided_acts_come_back_and_are_done_again(self, bench: Bench) -> None:
        relayer = bench.relayer()
        settle(relayer)
        restore = bench.snapshot("before")
        rows = bench.enqueue(*history(1, 2), transfer(7, 1))
        settle(relayer)
        more = bench.enqueue(issue(2))
        settle(relayer)
        assert bench.statuses([*rows, *more]) == ["done", "done", "refused", "done"]
        restore()
        bench.mine(4)  # another chain, as high as the old one
        assert bench.registry.sequence(bill(1)) == 0
        assert relayer.tick()
        assert bench.statuses([*rows, *more]) == ["sent", "sent", "sent", "sent"]
        assert bench.row(rows[2]).reason is None
        settle(relayer)
        assert bench.statuses([*rows, *more]) == ["done", "done", "refused", "done"]
        assert bench.registry.sequence(bill(1)) == 2
        bench.check_nonces()

    def test_only_what_left_the_chain_comes_back(self, bench: Bench) -> None:
        relayer = bench.relayer()
        kept = bench.enqueue(issue(1))
        settle(relayer)
        restore = bench.snapshot("between")
        gone = bench.enqueue(issue(2))
        settle(relayer)
        restore()
        assert relayer.tick()
        assert bench.statuses([*kept, *gone]) == ["done", "sent"]
        settle(relayer)
        assert bench.statuses([*kept, *gone]) == ["done", "done"]
        bench.check_nonces()

    def test_a_transaction_noted_while_the_chain_turned_is_not_confirmed(self, bench: Bench) -> None:
        relayer = bench.relayer()
        rows = bench.enqueue(issue(1))
        relayer.tick()
        (transaction,) = bench.transactions()
        (hash_,) = attempts(bench, transaction)
        receipt = bench.switched.node.rpc("eth_getTransactionReceipt", [hash_])
        wrong = {**receipt, "blockHash": "0x" + "ab" * 32}
        bench.switched.override["eth_getTransactionReceipt"] = wrong
        relayer.tick()
        assert bench.statuses(rows) == [ActStatus.SENT]
        bench.switched.override.clear()
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]

    def test_a_lost_transaction_whose_nonce_is_free_again_is_sent_again(self, bench: Bench) -> None:
        relayer = bench.relayer(foreign_after=0.0)
        settle(relayer)
        restore = bench.snapshot("before")
        rows = bench.enqueue(issue(1))
        bench.switched.swallow = []
        settle(relayer)
        bench.switched.swallow = None
        bench.registry.send(RELAYER, STRANGER.address, b"")
        settle(relayer)
        assert bench.statuses(rows) == ["done"]
        restore()  # without the foreign transaction
        settle(relayer)
        settle(relayer)
        assert bench.statuses(rows) == ["done"]
        assert bench.registry.sequence(bill(1)) == 1
        bench.check_nonces()
        assert {row.status for row in bench.transactions()} == {"final"}


class TestOtherSenders:
    def test_a_lane_waits_for_the_sender_that_carries_its_earlier_acts(self, bench: Bench) -> None:
        mine, other = bench.relayer(), bench.relayer(SECOND_RELAYER)
        first = bench.enqueue(issue(1))
        bench.switched.swallow = []
        settle(mine)
        bench.switched.swallow = None
        later = bench.enqueue(transfer(1, 1), issue(2))
        settle(other)
        assert bench.statuses([*first, *later]) == ["sent", "pending", "done"]
        bench.now += 10
        settle(mine)
        settle(mine)
        settle(other)
        assert bench.statuses([*first, *later]) == ["done", "done", "done"]

    def test_acts_of_a_sender_that_fell_silent_are_taken_over(self, bench: Bench) -> None:
        rows = bench.enqueue(*history(1, 2))
        bench.switched.swallow = []
        settle(bench.relayer())
        silent, bench.switched.swallow = bench.switched.swallow, None
        other = bench.relayer(SECOND_RELAYER, orphan_after=3600.0)
        settle(other)
        assert bench.statuses(rows) == ["sent", "sent"]
        other = bench.relayer(SECOND_RELAYER, orphan_after=-1.0)
        settle(other)
        assert bench.statuses(rows) == ["done", "done"]
        # The first sender comes back, and what it had sent is mined after all: nothing happens twice.
        bench.registry.chain.send_raw(silent[0])
        returned = bench.relayer()
        settle(returned)
        settle(returned)
        assert bench.statuses(rows) == ["done", "done"]
        assert bench.registry.sequence(bill(1)) == 2
        bench.check_nonces()
        bench.check_nonces(SECOND_RELAYER)

    def test_what_was_taken_over_is_not_taken_over_again(self, bench: Bench) -> None:
        rows = bench.enqueue(issue(1))
        bench.switched.swallow = []
        settle(bench.relayer())
        bench.switched.swallow = None
        other = bench.relayer(SECOND_RELAYER, orphan_after=-1.0)
        settle(other)
        assert bench.statuses(rows) == ["done"]
        bench.switched.swallow = []
        settle(bench.relayer())  # its nonce is still to be used: it sends again what it had signed
        assert bench.transactions(sender=RELAYER.address)[0].status == "signed"
        assert not other.tick()
        assert bench.transactions(sender=RELAYER.address)[0].status == "signed"

    def test_what_a_silent_sender_had_mined_counts(self, bench: Bench) -> None:
        rows = bench.enqueue(issue(1))
        bench.relayer().tick()  # sent, and mined at once; then its process died
        assert bench.statuses(rows) == ["sent"]
        settle(bench.relayer(SECOND_RELAYER, orphan_after=-1.0))
        assert bench.statuses(rows) == ["done"]
        assert bench.transactions(sender=SECOND_RELAYER.address) == []


class TestWrongChains:
    def test_another_chain_id(self, bench: Bench) -> None:
        rows = bench.enqueue(issue(1))
        relayer = bench.relayer(chain_id=1)
        bench.switched.calls.clear()
        with pytest.raises(WrongChainError):
            relayer.tick()
        relayer._worker.run_step()
        assert relayer.health.code == "node-wrong-chain"
        assert bench.statuses(rows) == [ActStatus.PENDING]
        assert "eth_sendRawTransaction" not in bench.switched.calls

    def test_another_genesis(self, bench: Bench, tmp_path: Path) -> None:
        settle(bench.relayer())
        rows = bench.enqueue(issue(1))
        ours = bench.switched.node
        bench.switched.node = EmbeddedNode(tmp_path / "other.db", CHAIN_ID, alloc={STRANGER.address: 1})
        relayer = bench.relayer()
        with pytest.raises(ChainChangedError):
            relayer.tick()
        assert bench.statuses(rows) == [ActStatus.PENDING]
        assert bench.registry.chain.nonce(RELAYER.address) == 0
        bench.switched.node.close()
        bench.switched.node = ours
        settle(relayer)
        assert bench.statuses(rows) == [ActStatus.DONE]

    def test_a_wiped_chain(self, bench: Bench, tmp_path: Path) -> None:
        done = bench.enqueue(issue(1))
        relayer = bench.relayer()
        settle(relayer)
        waiting = bench.enqueue(issue(2))
        ours = bench.switched.node
        bench.switched.node = EmbeddedNode(tmp_path / "wiped.db", CHAIN_ID, alloc={RICH.address: RICH_IN_WEI})
        with pytest.raises(ContractMissingError):
            relayer.tick()
        with pytest.raises(ContractMissingError):
            bench.relayer().tick()
        assert bench.statuses([*done, *waiting]) == [ActStatus.DONE, ActStatus.PENDING]
        bench.switched.node.close()
        bench.switched.node = ours
        settle(relayer)
        assert bench.statuses(waiting) == [ActStatus.DONE]


class TestThread:
    def test_it_carries_acts_when_woken_and_survives_a_node_that_is_down(self, bench: Bench) -> None:
        relayer = bench.relayer(poll=0.02, clock=time.monotonic)
        relayer.start()
        relayer.start()  # does no harm
        try:
            rows = bench.enqueue(issue(1))
            relayer.wake()
            wait_until(lambda: bench.statuses(rows) == ["done"])
            assert relayer.health.ok
            bench.switched.fail["eth_chainId"] = NodeDownError("the node cannot be reached")
            wait_until(lambda: relayer.health.code == "node-down")
            more = bench.enqueue(issue(2))
            relayer.wake()
            assert bench.statuses(more) == ["pending"]
            bench.switched.fail.clear()
            wait_until(lambda: bench.statuses(more) == ["done"])
            assert relayer.health.ok
        finally:
            relayer.stop()
        assert relayer._worker._thread is not None
        assert not relayer._worker._thread.is_alive()

    def test_a_defect_does_not_end_the_thread(self, bench: Bench) -> None:
        bench.switched.fail["eth_chainId"] = ZeroDivisionError()
        relayer = bench.relayer()
        relayer._worker.run_step()
        assert relayer.health.code == "internal"
        bench.switched.fail.clear()
        relayer._worker.run_step()
        assert relayer.health.ok

    def test_a_database_that_fails_is_named(self, bench: Bench) -> None:
        with writing(bench.engine) as session:
            session.connection().exec_driver_sql("ALTER TABLE chain_transaction RENAME TO elsewhere")
        relayer = bench.relayer()
        relayer._worker.run_step()
        assert relayer.health.code == "database"
        assert "no such table" in str(relayer.health.params["cause"])


def test_the_holder_is_who_signs(bench: Bench) -> None:
    """A wrong signer's act is refused; the right signer's same act is then carried."""
    act, _ = issue(1)
    (spoiled,) = bench.enqueue((act, [HOLDER]))
    relayer = bench.relayer()
    settle(relayer)
    assert bench.row(spoiled).status == ActStatus.REFUSED
    (right,) = bench.enqueue(issue(1))
    assert right.id == spoiled.id
    settle(relayer)
    assert bench.row(right).status == ActStatus.DONE
    assert keccak(b"bill" + (1).to_bytes(8, "big")) == bill(1)
