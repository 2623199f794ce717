"""The file of an audit's progress: whole or not at all, of one log, and damage is named."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from pathlib import Path

import pytest

from api.kernel.audit_ledger import Anchor, Finding, Ledger, LedgerError, Noted, OtherLogError

LOG, GENESIS = "landbridge/20777/0x" + "cd" * 20, "0x" + "11" * 32


def _open(path: Path | None, log: str = LOG, genesis: str = GENESIS):
    return Ledger.open(path, log=log, genesis=genesis)


def _fill(path: Path) -> None:
    with _open(path) as ledger:
        for page in range(4):
            first = page * 2
            ledger.note(
                first + 2,
                [bytes([first]) * 32] * (first + 2).bit_count(),
                entries=[Noted(first, bytes([first]) * 32, "act", True)],
                roots=[(first + 2, bytes([first]) * 32)],
                findings=[Finding("entry-altered", first, detail="x")],
            )


def test_what_was_noted_is_there_again(tmp_path):
    path = tmp_path / "progress"
    _fill(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with _open(path) as ledger:
        assert (ledger.size, ledger.edge, ledger.dropped) == (8, [bytes([6]) * 32], 0)
        assert [one.leaf for one in ledger.noted_findings()] == [0, 2, 4, 6]
        assert list(ledger.acts_extra()) == [0, 2, 4, 6]
        ledger.add_anchors([Anchor(4, b"r", 1, "0xaa"), Anchor(5, b"s", 2, "0xbb"), Anchor(9, b"t")])
        assert [(anchor.size, root) for anchor, root in ledger.anchors_in_order()] == [
            (4, bytes([2]) * 32),
            (5, None),
            (9, None),
        ]
        assert ledger.newest_anchor() == Anchor(9, b"t")
        assert ledger.newest_anchor(remembered=False) == Anchor(5, b"s", 2, "0xbb")
        assert ledger.sizes_above(4, 9) == [5, 9]
        ledger.begin_chain()
        assert (ledger.anchors, ledger.newest_anchor()) == (0, None)


def test_a_page_is_noted_whole_or_not_at_all(tmp_path):
    path = tmp_path / "progress"
    _fill(path)
    with _open(path) as ledger:
        broken = [Noted(8, bytes(32), "act", True), Noted(0, bytes(32), "act", True)]  # leaf 0 is there
        with pytest.raises(LedgerError):
            ledger.note(10, [bytes(32)] * 2, entries=broken, roots=[], findings=[])
    with _open(path) as ledger:
        assert ledger.size == 8
        assert list(ledger.acts_extra()) == [0, 2, 4, 6]


def test_it_belongs_to_one_log_on_one_chain(tmp_path):
    path = tmp_path / "progress"
    _fill(path)
    for other in ({"log": LOG[:-1] + "e"}, {"genesis": "0x" + "22" * 32}):
        with pytest.raises(OtherLogError), _open(path, **other):
            pass
    with _open(path) as ledger:
        assert ledger.size == 8


def test_two_audits_do_not_share_it(tmp_path):
    path = tmp_path / "progress"
    with _open(path) as first:
        with pytest.raises(LedgerError) as caught, _open(path):
            pass
        assert caught.value.params["reason"] == "busy"
        first.note(1, [bytes(32)], entries=[], roots=[], findings=[])


@pytest.mark.parametrize("content", [b"{}", b"x" * 5000, b"SQLite format 3\0" + bytes(4080)])
def test_another_file_is_refused_and_stays_as_it_is(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(LedgerError), _open(path):
        pass
    assert path.read_bytes() == content


def test_another_database_is_refused(tmp_path):
    path = tmp_path / "other"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE a (b)")
    database.close()
    with pytest.raises(LedgerError), _open(path):
        pass


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE state SET size = 7",
        "UPDATE state SET size = 1 << 62",
        "UPDATE state SET size = -1",
        "UPDATE state SET size = 'x'",
        "UPDATE state SET edge = NULL",
        "UPDATE state SET edge = zeroblob(32)",
        "UPDATE state SET dropped = 7",
        "UPDATE state SET log = 'landbridge/1/0x'",
        "UPDATE state SET form = 'other'",
        "UPDATE state SET seal = zeroblob(32)",
        "DELETE FROM state",
        "DELETE FROM finding",
        "DELETE FROM finding WHERE leaf = 4",
        "UPDATE finding SET code = 'head-differs' WHERE leaf = 4",
        "INSERT INTO entry VALUES (100, zeroblob(32), 'act', 1)",
        "UPDATE entry SET shown = 0 WHERE leaf = 2",
        "UPDATE entry SET hash = zeroblob(32) WHERE leaf = 2",
        "UPDATE root SET root = zeroblob(32)",
        "DROP TABLE root",
        "PRAGMA application_id = 7",
    ],
)
def test_what_was_changed_in_it_is_named(tmp_path, change):
    path = tmp_path / "progress"
    _fill(path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(change)
    database.close()
    with pytest.raises(LedgerError), _open(path):
        pass


def test_damage_is_named_or_does_no_harm(tmp_path):
    """A byte that belongs to nothing may change; nothing that is told may."""
    path, luck = tmp_path / "progress", random.Random(5)  # noqa: S311 - a test's order, no secret
    _fill(path)
    sound, named = path.read_bytes(), 0
    for _ in range(150):
        raw = bytearray(sound)
        raw[luck.randrange(len(raw))] ^= 1 << luck.randrange(8)
        path.write_bytes(raw)
        try:
            with _open(path) as ledger:
                assert (ledger.size, ledger.edge) == (8, [bytes([6]) * 32])
                assert list(ledger.acts_extra()) == [0, 2, 4, 6]
                assert [one.leaf for one in ledger.noted_findings()] == [0, 2, 4, 6]
        except LedgerError:
            named += 1
        for journal in tmp_path.glob("progress-*"):
            os.unlink(journal)
    assert named
