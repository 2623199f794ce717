"""The embedded node's file: one owner, no half-written block, damage found, size without cost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import rlp

from chain.blockstore import BlockStore, StoredBlock, StoredLog, StoredTransaction
from chain.client import Chain
from chain.embedded import EmbeddedNode
from chain.intents import Address, keccak
from chain.node import NodeBusyError, NodeDownError, NodeError, NodeStorageError, WrongChainError, open_node
from tests.nodelab import CHAIN_ID, Account, deploy, word

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.db"


def grown(path: Path, blocks: int = 12) -> tuple[Account, Address]:
    """A closed chain with a contract and some blocks."""
    chain = Chain(EmbeddedNode(path, CHAIN_ID))
    account = Account()
    contract = deploy(chain, account)
    for n in range(blocks):
        chain.send_raw_many([account.put(contract, 10 * n + i, i + 1)[0] for i in range(5)])
    chain.node.close()
    return account, contract


def read_all(path: Path, contract: Address) -> list[object]:
    """Everything that a chain answers."""
    chain = Chain(EmbeddedNode(path, CHAIN_ID))
    try:
        blocks = [chain.block(number) for number in range(chain.block_number() + 1)]
        hashes = [hash_ for block in blocks if block for hash_ in block.transactions]
        return [
            blocks,
            [chain.transaction(hash_) for hash_ in hashes],
            [chain.receipt(hash_) for hash_ in hashes],
            [chain.call(contract, word(key)) for key in range(130)],
            chain.logs(0, chain.block_number()),
        ]
    finally:
        chain.node.close()


# One owner


def test_a_second_node_on_the_file_is_refused(path: Path) -> None:
    node = EmbeddedNode(path, CHAIN_ID)
    with pytest.raises(NodeBusyError) as caught:
        EmbeddedNode(path, CHAIN_ID)
    assert (caught.value.code, caught.value.params) == ("node-busy", {"file": "chain.db"})
    node.close()
    EmbeddedNode(path, CHAIN_ID).close()


def test_another_process_is_refused_and_a_killed_one_lets_go(path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from chain.embedded import EmbeddedNode\n"
        f"node = EmbeddedNode(Path(sys.argv[1]), {CHAIN_ID}); print('open', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    with pytest.raises(NodeBusyError):
        EmbeddedNode(path, CHAIN_ID)
    process.kill()
    process.wait()
    process.stdout.close()
    EmbeddedNode(path, CHAIN_ID).close()


def test_a_node_is_opened_by_its_address(path: Path) -> None:
    for address in (f"embedded:{path}", path):
        node = open_node(address, chain_id=CHAIN_ID)
        assert node.rpc("eth_chainId", []) == hex(CHAIN_ID)
        node.close()
    with pytest.raises(WrongChainError):
        open_node(f"embedded:{path}", chain_id=1)
    with pytest.raises(NodeError, match="begins with"):
        open_node("ftp://node", chain_id=1)


# No room


def test_a_full_disk_is_named_and_nothing_is_half_written(path: Path) -> None:
    account, contract = grown(path)
    node = EmbeddedNode(path, CHAIN_ID)
    chain = Chain(node)
    db = node._store._db
    assert db is not None
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 10}")
    acknowledged: list[str] = []
    with pytest.raises(NodeStorageError) as caught:  # noqa: PT012
        for n in range(1000, 2000):
            acknowledged.append(chain.send_raw(account.put(contract, n, 1)[0]))
    assert caught.value.code == "node-storage"
    assert isinstance(caught.value, NodeDownError)  # whoever waits for a node that is down waits for this one
    assert caught.value.params["cause"] == "SQLITE_FULL"
    head, nonce = chain.block("latest"), chain.nonce(account.address)
    assert head is not None
    assert nonce == account.nonce - 1
    assert all(chain.receipt(hash_) for hash_ in acknowledged)
    db.execute(f"PRAGMA max_page_count = {pages + 100_000}")
    assert chain.receipt(chain.send_raw(account.put(contract, 5, 1, nonce=nonce)[0]))
    node.close()
    read_all(path, contract)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of its own can be made by root only")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets no disk be mounted")
    try:
        path = disk / "chain.db"
        chain = Chain(EmbeddedNode(path, CHAIN_ID))
        account = Account()
        contract = deploy(chain, account)
        acknowledged: list[str] = []
        with pytest.raises(NodeStorageError):  # noqa: PT012
            for n in range(5000):
                acknowledged.append(chain.send_raw(account.put(contract, n, 1)[0]))
        assert len(acknowledged) > 10
        assert all(chain.receipt(hash_) for hash_ in acknowledged)
        chain.node.close()
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        chain.node = EmbeddedNode(path, CHAIN_ID)
        assert chain.nonce(account.address) == account.nonce - 1
        assert all(chain.receipt(hash_) for hash_ in acknowledged)
        account.nonce -= 1
        assert chain.receipt(chain.send_raw(account.put(contract, 1, 1)[0]))
        chain.node.close()
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NodeStorageError, match="folder cannot be used"):
        EmbeddedNode(tmp_path / "file" / "chain.db", CHAIN_ID)


def test_a_write_of_unknown_fate_is_looked_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account, contract = grown(path, 1)
    chain = Chain(EmbeddedNode(path, CHAIN_ID))
    append = BlockStore.append

    def breaks_after(self: BlockStore, *arguments: Any, **more: Any) -> None:
        append(self, *arguments, **more)
        raise NodeStorageError("the disk went away after it wrote")

    monkeypatch.setattr(BlockStore, "append", breaks_after)
    with pytest.raises(NodeStorageError):
        chain.send_raw(account.put(contract, 1, 9)[0])
    monkeypatch.undo()
    assert (chain.block_number(), chain.call(contract, word(1))) == (3, word(9))
    chain.send_raw(account.put(contract, 1, 10)[0])
    assert chain.call(contract, word(1)) == word(10)
    chain.node.close()


# Damage


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(os.urandom(100_000))
    before = path.read_bytes()
    with pytest.raises(NodeStorageError) as caught:
        EmbeddedNode(path, CHAIN_ID)
    assert caught.value.params["cause"] == "SQLITE_NOTADB"
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_untouched(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    with pytest.raises(NodeStorageError, match="another program"):
        EmbeddedNode(path, CHAIN_ID)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    db.close()


def test_a_newer_version_is_refused(path: Path) -> None:
    grown(path, 1)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(NodeStorageError, match="version 2"):
        EmbeddedNode(path, CHAIN_ID)


DAMAGES = {
    "a header altered": "UPDATE blocks SET header = header || x'00' WHERE number = 13",
    "transactions altered": "UPDATE transactions SET raw = raw || x'00'",
    "state altered": "UPDATE nodes SET value = value || x'00'",
    "state gone": "DELETE FROM nodes",
    "half of the state gone": "DELETE FROM nodes WHERE hex(hash) < '8'",
    "the head's parent gone": "DELETE FROM blocks WHERE number = 12",
    "a block in the middle gone": "DELETE FROM blocks WHERE number = 5",
    "a block's transactions gone": "DELETE FROM transactions WHERE block = 5",
    "all blocks gone": "DELETE FROM blocks",
    "a table gone": "DROP TABLE transactions",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(path: Path, damage: str) -> None:
    _, contract = grown(path)
    db = sqlite3.connect(path)
    db.execute(DAMAGES[damage])
    db.commit()
    db.close()
    with pytest.raises(NodeStorageError) as caught:
        read_all(path, contract)
    assert caught.value.code == "node-storage"


def test_bytes_overwritten_anywhere_are_found_or_nobodys(path: Path) -> None:
    _, contract = grown(path)
    whole = path.read_bytes()
    before = read_all(path, contract)
    found = 0
    for start in range(0, len(whole) - 2000, max(4096, len(whole) // 40)):
        path.write_bytes(whole[:start] + bytes(2000) + whole[start + 2000 :])
        try:
            node = EmbeddedNode(path, CHAIN_ID)
            try:
                node.verify()
            finally:
                node.close()
            assert read_all(path, contract) == before
        except NodeStorageError:
            found += 1
    assert found > 10


@pytest.mark.parametrize("column", ["data", "topic1", "position", "address"])
def test_a_log_altered_is_found_by_verifying(path: Path, column: str) -> None:
    grown(path, 2)
    node = EmbeddedNode(path, CHAIN_ID)
    node.verify()
    node.close()
    db = sqlite3.connect(path)
    new = "position + 100" if column == "position" else f"zeroblob(length({column}))"
    db.execute(f"UPDATE logs SET {column} = {new} WHERE block = 3 AND position = 4")  # noqa: S608
    db.commit()
    db.close()
    node = EmbeddedNode(path, CHAIN_ID)
    with pytest.raises(NodeStorageError):
        node.verify()
    node.close()


def _redate(db: sqlite3.Connection, number: int) -> None:
    """Put another sound block in a block's place."""
    header = rlp.decode(db.execute("SELECT header FROM blocks WHERE number = ?", (number,)).fetchone()[0])
    header[11] = b"\x01"
    encoded = rlp.encode(header)
    db.execute("UPDATE blocks SET header = ?, hash = ? WHERE number = ?", (encoded, keccak(encoded), number))


def test_a_transaction_of_a_block_that_is_gone(path: Path) -> None:
    account, contract = grown(path, 3)
    node = EmbeddedNode(path, CHAIN_ID)
    raw, hash_ = account.put(contract, 1, 1)
    Chain(node).send_raw(raw)
    Chain(node).send_raw(account.put(contract, 1, 2)[0])
    Chain(node).send_raw(account.put(contract, 1, 3)[0])
    db = node._store._db
    assert db is not None
    db.execute("DELETE FROM blocks WHERE number = 5")
    for ask in (Chain(node).transaction, Chain(node).receipt):
        with pytest.raises(NodeStorageError, match="the file is damaged"):
            ask(hash_)
    node.close()


def test_a_block_replaced_is_found(path: Path) -> None:
    grown(path, 4)
    for number, at_once in ((3, False), (4, True)):
        db = sqlite3.connect(path)
        _redate(db, number)
        db.commit()
        db.close()
        if at_once:  # the head's parent is looked at whenever the node starts
            with pytest.raises(NodeStorageError, match="missing from its file"):
                EmbeddedNode(path, CHAIN_ID)
        else:
            node = EmbeddedNode(path, CHAIN_ID)
            with pytest.raises(NodeStorageError, match="missing from its file"):
                node.verify()
            node.close()


def test_an_index_that_disagrees_is_found_by_verifying(path: Path) -> None:
    grown(path, 2)
    db = sqlite3.connect(path)
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'topic1,', 'topic0,') WHERE name = 'logs_by_topic1'"
    )
    db.commit()
    db.close()
    node = EmbeddedNode(path, CHAIN_ID)
    with pytest.raises(NodeStorageError, match="file is damaged: row"):
        node.verify()
    node.close()


def test_a_file_cut_short_is_named(path: Path) -> None:
    _, contract = grown(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(NodeStorageError):
        read_all(path, contract)


# Size


def test_answers_stay_quick_at_twenty_thousand_blocks(path: Path) -> None:
    account, contract = grown(path, 2)
    store = BlockStore(path)
    hot, busy = (bytes([n]) * 20 for n in (1, 2))
    head = store.head()
    assert head is not None
    raw = account.put(contract, 1, 1)[0]
    db = store._db
    assert db is not None
    db.execute("BEGIN")
    # rows as blocks leave them, without the hours of making them
    for number in range(head.number + 1, 20_001):
        db.execute(
            "INSERT INTO blocks VALUES (?, ?, ?, ?)", StoredBlock(number, word(number), head.header, 600)
        )
        fields = (number, 0, word(number), bytes(20), raw, True, 1, 1, None)
        db.execute("INSERT INTO transactions VALUES (?,?,?,?,?,?,?,?,?)", StoredTransaction(*fields))
        address = hot if number % 1000 == 0 else busy
        log = StoredLog(number, 0, 0, address, (topic(number % 7), topic(number)), b"")
        db.execute("INSERT INTO logs VALUES (?,?,?,?,?,?,NULL,NULL,?)", (*log[:4], *log.topics, log.data))
    db.execute("COMMIT")

    def quick(expected: int, first: int, last: int, **wanted: object) -> None:
        start = time.perf_counter()
        found = store.logs(first, last, limit=100_000, **wanted)  # type: ignore[arg-type]
        took = time.perf_counter() - start
        assert len(found) == expected
        assert took < 1, f"{took:.3f} s for {expected} logs"

    for _ in range(2):
        quick(20, 0, 20_000, addresses=[hot])
        quick(1, 0, 20_000, topics=[[], [topic(777)]])
        quick(1, 0, 20_000, addresses=[busy], topics=[[], [topic(777)]])
        quick(1, 0, 20_000, addresses=[busy], topics=[[topic(0)], [topic(777)]])
        quick(3, 0, 20_000, addresses=[hot], topics=[[topic(5)]])
        quick(10, 19_991, 20_000)
        quick(10, 19_982, 19_991, addresses=[busy])
        quick(19_975, 6, 20_000, addresses=[busy])
        start = time.perf_counter()
        with pytest.raises(NodeStorageError):  # found, and found to be another's bytes
            store.transaction(word(5000))
        assert time.perf_counter() - start < 1
    store.close()


def topic(number: int) -> bytes:
    return keccak(word(number))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "PRIMARY KEY (block>? AND block<?)"),
        ({"addresses": [b"a"]}, "logs_by_address (address=? AND block>? AND block<?)"),
        ({"addresses": [b"a"], "topics": [[b"t"]]}, "logs_by_event (address=? AND topic0=? AND block>?"),
        ({"topics": [[], [b"t"]]}, "logs_by_topic1 (topic1=? AND block>? AND block<?)"),
        ({"addresses": [b"a"], "topics": [[b"t"], [b"u"]]}, "logs_by_topic1 (topic1=? AND block>?"),
        ({"addresses": [b"a"], "topics": [[b"t"], [b"u", b"v"]]}, "logs_by_topic1 (topic1=? AND block>?"),
    ],
)
def test_each_filter_has_its_index(path: Path, wanted: dict[str, Any], index: str) -> None:
    store = BlockStore(path)
    db = store._db
    assert db is not None
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    store.logs(1, 1000, limit=10, **wanted)
    db.set_trace_callback(None)
    plan = db.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    assert f"SEARCH l USING {'' if index.startswith('PRIMARY') else 'INDEX '}{index}" in plan[0][3]
    store.close()
