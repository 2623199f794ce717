"""The outbox, and the database under it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from chain import outbox
from chain.db import DatabaseUrlError, open_engine, reading, writing
from chain.intents import Address, BadSignatureError, Domain, Signature
from chain.outbox import OutboxError, enqueue
from chain.signers import KeySigner
from chain.tables import ActStatus, OutboxRow, create_tables
from tests.chainlab import CARRIER, HOLDER, STRANGER, issue, transfer, void

DOMAIN = Domain("Landbridge RailBills", "1", 20777, Address("0x" + "aB" * 20))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'tables.db'}")
    create_tables(made)
    yield made
    made.dispose()


def signed(act_and_signers: tuple[object, list[KeySigner]]) -> tuple[object, Domain, list[Signature]]:
    act, signers = act_and_signers
    return act, DOMAIN, [signer.sign(act.digest(DOMAIN)) for signer in signers]  # type: ignore[attr-defined]


def put(engine: Engine, act_and_signers: object, **options: object) -> OutboxRow:
    with writing(engine) as session:
        return enqueue(session, *signed(act_and_signers), now=7, **options)  # type: ignore[arg-type]


class TestEnqueue:
    def test_what_is_kept_is_what_was_signed(self, engine: Engine) -> None:
        act, signers = void(1, 3)
        row = put(engine, (act, signers))
        with reading(engine) as session:
            found = outbox.by_digest(session, act.digest(DOMAIN))
        assert found is not None
        assert (found.id, found.act, found.deadline, found.created_at) == (row.id, "Void", act.deadline, 7)
        assert found.contract == DOMAIN.verifying_contract.lower()
        first, second = (signer.sign(act.digest(DOMAIN)) for signer in signers)
        assert outbox.wire_of(found) == act.wire(first, cosigners=1)
        assert outbox.cosignatures_of(found) == [second]

    def test_it_is_the_callers_transaction(self, engine: Engine) -> None:
        def fails() -> None:
            with writing(engine) as session:
                enqueue(session, *signed(issue(1)), now=7)  # type: ignore[arg-type]
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fails()
        with reading(engine) as session:
            assert outbox.counts(session)["pending"] == 0

    def test_the_same_act_twice_is_one_row(self, engine: Engine) -> None:
        assert put(engine, issue(1)).id == put(engine, issue(1)).id
        with writing(engine) as session:
            both = [enqueue(session, *signed(issue(2)), now=7) for _ in range(2)]  # type: ignore[arg-type]
        assert both[0] is both[1]
        with reading(engine) as session:
            assert len(session.exec(select(OutboxRow)).all()) == 2

    def test_two_at_once_are_one_row(self, engine: Engine) -> None:
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(put(engine, issue(1)).id)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1

    def test_without_a_signature_it_is_refused(self, engine: Engine) -> None:
        with pytest.raises(OutboxError), writing(engine) as session:
            enqueue(session, issue(1)[0], DOMAIN, [], now=7)

    def test_a_signature_of_no_key_is_refused(self, engine: Engine) -> None:
        with pytest.raises(BadSignatureError), writing(engine) as session:
            enqueue(session, issue(1)[0], DOMAIN, [Signature(b"\xff" * 32, bytes(32))], now=7)

    def test_others_signing_the_same_act_do_not_spoil_it(self, engine: Engine) -> None:
        act, signers = issue(1)
        spoiled = put(engine, (act, [STRANGER]))
        with pytest.raises(OutboxError) as refused:
            put(engine, (act, signers))
        assert refused.value.code == "outbox-act"
        with writing(engine) as session:
            row = session.get_one(OutboxRow, spoiled.id)
            row.status, row.reason, row.reason_name, row.attempts = "refused", b"\1", "Why", 3
        again = put(engine, (act, [STRANGER]))
        assert (again.status, again.reason_name) == (ActStatus.REFUSED, "Why")
        taken = put(engine, (act, signers))
        assert (taken.id, taken.status, taken.reason, taken.attempts) == (spoiled.id, "pending", None, 0)
        assert outbox.wire_of(taken) == act.wire(CARRIER.sign(act.digest(DOMAIN)))

    def test_lanes(self, engine: Engine) -> None:
        same = [put(engine, issue(1)), put(engine, transfer(1, 1))]
        other = put(engine, issue(2))
        assert same[0].lane == same[1].lane != other.lane
        named = [put(engine, issue(n), lane=b"office") for n in (3, 4)]
        assert named[0].lane == named[1].lane != other.lane
        with reading(engine) as session:
            waiting = outbox.unsettled(session, DOMAIN.verifying_contract, b"office")
            assert [row.id for row in waiting] == [row.id for row in named]


class TestLookUps:
    def test_counts_name_every_status(self, engine: Engine) -> None:
        put(engine, issue(1))
        with reading(engine) as session:
            assert outbox.counts(session) == {
                "pending": 1,
                "sent": 0,
                "mined": 0,
                "done": 0,
                "refused": 0,
                "expired": 0,
            }

    def test_by_digests(self, engine: Engine) -> None:
        row = put(engine, issue(1))
        with reading(engine) as session:
            found = outbox.by_digests(session, [row.digest, bytes(32)])
        assert {digest: one.id for digest, one in found.items()} == {row.digest: row.id}


class TestDatabase:
    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "nonsense"])
    def test_other_databases_are_refused_by_name(self, url: str) -> None:
        with pytest.raises(DatabaseUrlError):
            open_engine(url)

    def test_postgresql_is_reached_by_psycopg(self) -> None:
        assert open_engine("postgresql://nobody@127.0.0.1:1/none").driver == "psycopg"

    def test_sqlite_is_durable_and_checks_its_keys(self, engine: Engine) -> None:
        with reading(engine) as session:
            for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
                assert session.connection().exec_driver_sql(f"PRAGMA {pragma}").scalar() == value

    def test_a_writer_that_reads_first_is_not_refused(self, engine: Engine) -> None:
        """Two transactions that read, then write: without the lock at their beginning one is refused."""
        put(engine, issue(1))
        both_ready = threading.Barrier(2, timeout=60)
        errors: list[Exception] = []

        def bump() -> None:
            try:
                for _ in range(25):
                    with writing(engine) as session:
                        row = session.exec(select(OutboxRow)).one()
                        row.attempts += 1
            except Exception as error:
                errors.append(error)

        def run() -> None:
            both_ready.wait()
            bump()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        with reading(engine) as session:
            assert session.exec(select(OutboxRow)).one().attempts == 50

    def test_readers_hold_up_no_writer(self, engine: Engine) -> None:
        with reading(engine) as session:
            assert session.exec(select(OutboxRow)).all() == []
            put(engine, issue(1))
            assert session.exec(select(OutboxRow)).all() == []  # it sees one moment
        with reading(engine) as session:
            assert len(session.exec(select(OutboxRow)).all()) == 1

    def test_what_a_reader_changes_is_undone(self, engine: Engine) -> None:
        put(engine, issue(1))
        with reading(engine) as session:
            row = session.exec(select(OutboxRow)).one()
            row.attempts = 9
            session.flush()
        assert row.digest  # still readable
        with reading(engine) as session:
            assert session.exec(select(OutboxRow)).one().attempts == 0

    def test_a_second_process_may_open_it(self, engine: Engine, tmp_path: Path) -> None:
        put(engine, issue(1))
        with sqlite3.connect(tmp_path / "tables.db") as other:
            assert other.execute("SELECT count(*) FROM outbox").fetchone() == (1,)

    def test_a_full_disk_is_an_error_and_changes_nothing(self, engine: Engine) -> None:
        put(engine, issue(1))

        def fill() -> None:
            with writing(engine) as session:
                pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar()
                session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
                for number in range(2, 200):
                    enqueue(session, *signed(issue(number)), now=7)  # type: ignore[arg-type]

        with pytest.raises(OperationalError, match="full"):
            fill()
        with reading(engine) as session:
            assert outbox.counts(session)["pending"] == 1


def test_the_holder_and_the_carrier_are_two(engine: Engine) -> None:
    assert CARRIER.address != HOLDER.address
