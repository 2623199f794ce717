"""What receipts mean for acts: the rules of settling, on tables alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_abi.abi import encode
from sqlalchemy import Engine
from sqlmodel import Session

from chain.client import Log, Receipt
from chain.contracts import Artifact
from chain.db import open_engine, writing
from chain.intents import Address, keccak
from chain.settling import confirm, lose, record_mined, reopen, revive
from chain.tables import BatchMember, OutboxRow, TransactionRow, create_tables

BILLS = Artifact.load("RailBills")
CONTRACT, SENDER = Address("0x" + "c0" * 20), Address("0x" + "5e" * 20)
STALE = keccak(b"RailBills_StaleSequence(bytes32,uint32,uint32)")[:4] + encode(
    ["bytes32", "uint32", "uint32"], [bytes(32), 1, 2]
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    engine: Engine = open_engine(f"sqlite:///{tmp_path / 'tables.db'}")
    create_tables(engine)
    with writing(engine) as made:
        yield made
    engine.dispose()


def act(session: Session, number: int, lane: bytes = b"lane") -> OutboxRow:
    row = OutboxRow(
        digest=number.to_bytes(32, "big"),
        contract=CONTRACT,
        act="Act",
        lane=lane,
        intent=bytes(160),
        deadline=1,
        created_at=1,
    )
    session.add(row)
    session.flush()
    return row


def transaction(session: Session, nonce: int, *acts: OutboxRow, charge: bool = True) -> TransactionRow:
    row = TransactionRow(sender=SENDER, nonce=nonce, contract=CONTRACT, gas=1, created_at=1)
    session.add(row)
    session.flush()
    for position, one in enumerate(acts):
        session.add(BatchMember(transaction_id=row.id, position=position, outbox_id=one.id))
        if charge:
            one.status, one.transaction_id, one.position = "sent", row.id, position
    session.flush()
    return row


def log(topics: tuple[bytes, ...], data: bytes = b"", address: Address = CONTRACT) -> Log:
    return Log(address, topics, data, 7, "0xb7", "0x", 0)


def receipt(*logs: Log, succeeded: bool = True, block: int = 7) -> Receipt:
    return Receipt("0x", block, f"0xb{block}", 0, SENDER, CONTRACT, None, succeeded, 5, logs)


DONE = log((keccak(b"SomethingDone()"),))


def refusal(position: int, reason: bytes = STALE, address: Address = CONTRACT) -> Log:
    topic = keccak(b"IntentRefused(uint256,bytes32,bytes)")
    return log((topic, position.to_bytes(32, "big"), bytes(32)), encode(["bytes"], [reason]), address)


def note(session: Session, row: TransactionRow, found: Receipt, give_up_after: int = 3) -> None:
    record_mined(session, row, found, BILLS, give_up_after=give_up_after)


def test_all_but_the_refused_took_effect(session: Session) -> None:
    acts = [act(session, n, bytes([n])) for n in range(3)]
    row = transaction(session, 0, *acts)
    note(session, row, receipt(DONE, refusal(1)))
    assert [one.status for one in acts] == ["mined"] * 3
    assert (row.status, row.block_number, row.block_hash, row.gas_used) == ("mined", 7, "0xb7", 5)
    confirm(session, row)
    assert [one.status for one in acts] == ["done", "refused", "done"]
    assert (acts[1].reason, acts[1].reason_name) == (STALE, "RailBills_StaleSequence")
    assert row.status == "final"


def test_another_contracts_refusals_say_nothing(session: Session) -> None:
    one = act(session, 1)
    row = transaction(session, 0, one)
    note(session, row, receipt(DONE, refusal(0, address=SENDER)))
    confirm(session, row)
    assert one.status == "done"


def test_a_refusal_by_an_unknown_contract_has_no_name(session: Session) -> None:
    one = act(session, 1)
    row = transaction(session, 0, one)
    record_mined(session, row, receipt(refusal(0)), None, give_up_after=3)
    confirm(session, row)
    assert (one.status, one.reason, one.reason_name) == ("refused", STALE, "Unknown")


@pytest.mark.parametrize("found", [receipt(succeeded=False), receipt(DONE, succeeded=False), receipt()])
def test_a_failure_gives_all_back_until_they_are_given_up(session: Session, found: Receipt) -> None:
    one, other = act(session, 1), act(session, 2)
    other.attempts = 2
    row = transaction(session, 0, one, other)
    note(session, row, found, give_up_after=3)
    assert (one.status, one.attempts, one.transaction_id) == ("pending", 1, None)
    assert (other.status, other.reason_name, other.attempts) == ("refused", "TransactionFailed", 3)


def test_a_failure_leaves_alone_what_another_transaction_carries(session: Session) -> None:
    one = act(session, 1)
    old = transaction(session, 0, one)
    lose(session, old)
    new = transaction(session, 1, one)
    note(session, old, receipt(succeeded=False))
    assert (one.status, one.transaction_id, one.attempts) == ("sent", new.id, 0)


def test_a_refusal_leaves_alone_what_another_transaction_carries(session: Session) -> None:
    one = act(session, 1)
    old = transaction(session, 0, one)
    lose(session, old)
    new = transaction(session, 1, one)
    note(session, old, receipt(refusal(0)))
    confirm(session, old)
    assert (one.status, one.transaction_id, one.reason) == ("sent", new.id, None)


def test_success_counts_whoever_was_in_charge(session: Session) -> None:
    one = act(session, 1)
    old = transaction(session, 0, one)
    lose(session, old)
    new = transaction(session, 1, one)
    note(session, old, receipt(DONE))
    assert (one.status, one.transaction_id) == ("mined", old.id)
    note(session, new, receipt(refusal(0), block=8))
    confirm(session, new)
    confirm(session, old)
    assert (one.status, one.transaction_id, one.block_number) == ("done", old.id, 7)


def test_what_came_too_early_goes_back(session: Session) -> None:
    first, second = act(session, 1), act(session, 2)
    row = transaction(session, 1, second)
    note(session, row, receipt(refusal(0)))
    confirm(session, row)
    assert first.status == "pending"
    assert (second.status, second.transaction_id, second.reason, second.attempts) == (
        "pending",
        None,
        None,
        0,
    )


def test_acts_are_decided_in_their_order(session: Session) -> None:
    first, second = act(session, 1), act(session, 2)
    row = transaction(session, 0, first, second)
    note(session, row, receipt(refusal(0), refusal(1)))
    confirm(session, row)
    assert [first.status, second.status] == ["refused", "refused"]


def test_what_somebody_else_did_is_done(session: Session) -> None:
    one = act(session, 1)
    row = transaction(session, 0, one)
    note(session, row, receipt(refusal(0)))
    confirm(session, row, already_done={one.id})
    assert (one.status, one.reason, one.reason_name) == ("done", None, None)


def test_a_passed_deadline_is_no_refusal(session: Session) -> None:
    one = act(session, 1)
    row = transaction(session, 0, one)
    reason = keccak(b"Intents_DeadlinePassed(uint48,uint48)")[:4] + encode(["uint48", "uint48"], [1, 2])
    note(session, row, receipt(refusal(0, reason)))
    confirm(session, row)
    assert one.status == "expired"


def test_a_block_that_left_takes_its_decisions_with_it(session: Session) -> None:
    acts = [act(session, n, bytes([n])) for n in range(3)]
    row = transaction(session, 0, *acts)
    note(session, row, receipt(DONE, refusal(1)))
    confirm(session, row)
    later = transaction(session, 1, acts[2])  # carried elsewhere by now
    reopen(session, [row])
    assert (row.status, row.block_number, row.block_hash, row.gas_used) == ("signed", None, None, None)
    assert [one.status for one in acts] == ["sent"] * 3
    assert acts[1].reason is acts[1].reason_name is acts[1].block_number is None
    assert acts[2].transaction_id == later.id


def test_a_revived_transaction_takes_what_none_else_carries(session: Session) -> None:
    acts = [act(session, n) for n in range(3)]
    row = transaction(session, 0, *acts)
    lose(session, row)
    assert (row.status, [one.status for one in acts]) == ("lost", ["pending"] * 3)
    other = transaction(session, 1, acts[0])
    acts[2].status = "expired"
    revive(session, row)
    assert row.status == "signed"
    assert [one.status for one in acts] == ["sent", "sent", "expired"]
    assert [one.transaction_id for one in acts] == [other.id, row.id, None]
    assert acts[1].position == 1


def test_what_is_mined_is_neither_lost_nor_noted_twice(session: Session) -> None:
    one = act(session, 1)
    row = transaction(session, 0, one)
    note(session, row, receipt(DONE))
    lose(session, row)
    note(session, row, receipt(refusal(0), block=9))
    assert (row.status, row.block_number, one.status, one.reason) == ("mined", 7, "mined", None)
    confirm(session, row)
    one.status = "refused"
    confirm(session, row)
    assert one.status == "refused"  # decided once


def test_losing_leaves_alone_what_is_carried_elsewhere(session: Session) -> None:
    one = act(session, 1)
    old = transaction(session, 0, one)
    new = transaction(session, 1, one)
    lose(session, old)
    assert (one.status, one.transaction_id) == ("sent", new.id)
