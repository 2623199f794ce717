"""Looking a log over: whatever is changed in its tables is named, by the right name, and nothing else is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from chain.contracts import Artifact
from chain.db import open_engine, reading, writing
from chain.entries import ACT, DOCUMENT, EVIDENCE, act_entry, document_entry, evidence_entry
from chain.log import Log
from chain.logcheck import WIDTH, Fault, LogCheck
from chain.merkle import Tree, leaf_hash
from chain.tables import BlockRow, EventRow, HeadRow, LeafRow, TileRow, create_tables

LEAVES = 1_400
SEALED = (1, 255, 256, 300, 700, 1_024, 1_390)
MANY = 66_000  # so that level 2 has a hash


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of acts, documents and evidence with sealed heads, of which all but the last are anchored."""
    return _make(tmp_path_factory.mktemp("log") / "made.db", LEAVES)


@pytest.fixture(scope="module")
def made_large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with three levels of tiles."""
    return _make(tmp_path_factory.mktemp("log") / "large.db", MANY)


def _make(path: Path, leaves: int) -> Path:
    engine = open_engine(f"sqlite:///{path}")
    create_tables(engine)
    log, size = Log(), 0
    with writing(engine) as session:
        for block, until in enumerate((*SEALED, leaves), start=1):
            for at in range(size, until, 10_000):
                numbers = range(at, min(until, at + 10_000))
                log.append(
                    session, EVIDENCE, [evidence_entry(1, "x", _digest(n), bytes(32)) for n in numbers]
                )
            if until == 300:
                log.append_once(session, ACT, [act_entry("0x" + "ab" * 20, _digest(1))])
                log.append_once(session, DOCUMENT, [document_entry(_digest(2), "ab" * 32)])
                until += 2
            size = until
            head = log.seal(session, now=block)
            assert head is not None
            if until < leaves:
                _anchor(session, head, block)
    engine.dispose()
    return path


def _anchor(session: Session, head: HeadRow, block: int) -> None:
    topic = bytes.fromhex(Artifact.load("AnchorLog").topic("Anchored")[2:])
    session.add(BlockRow(number=block, hash=f"0x{block:064x}", parent="0x", time=0, events=1))
    session.flush()
    session.add(
        EventRow(
            block_number=block,
            log_index=0,
            block_hash=f"0x{block:064x}",
            transaction_hash=f"0x{block:064x}",
            address="0x" + "cd" * 20,
            topics=topic,
            data=head.size.to_bytes(32, "big") + head.root,
        )
    )
    head.block_number = block
    head.block_hash = head.transaction_hash = f"0x{block:064x}"
    session.add(head)


@pytest.fixture
def engine(made: Path, tmp_path: Path) -> Iterator[Engine]:
    """A copy of it to be altered."""
    shutil.copy(made, tmp_path / "log.db")
    opened = open_engine(f"sqlite:///{tmp_path / 'log.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def large(made_large: Path, tmp_path: Path) -> Iterator[Engine]:
    """The same of the large one."""
    shutil.copy(made_large, tmp_path / "large.db")
    opened = open_engine(f"sqlite:///{tmp_path / 'large.db'}")
    yield opened
    opened.dispose()


def look_over(engine: Engine) -> set[tuple[str, str]]:
    """Everything that is wrong, as a pass over the whole finds it."""
    found: list[Fault] = []
    with reading(engine) as session:
        check = LogCheck(session, lambda place: any(place == fault.place for fault in found))
        size, faults = check.extent()
        found += faults
        for tile in range(-(-size // WIDTH)):
            found += check.leaves(tile, size)
        level = 1
        while (hashes := size >> 8 * level) > 0:
            for index in range(-(-hashes // WIDTH)):
                found += check.tile(level, index)
            level += 1
        for head in session.exec(select(HeadRow).order_by(col(HeadRow.size))):
            found += check.head(head, size)
    return {(fault.code, fault.place) for fault in found}


def change(engine: Engine, statement: str, **values: object) -> None:
    """What somebody with the database in hand does."""
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount > 0


def flip(engine: Engine, level: int, index: int, at: int = 0) -> None:
    """Change one hash of a tile."""
    with writing(engine) as session:
        tile = session.get_one(TileRow, (level, index))
        hashes = bytearray(tile.hashes)
        hashes[32 * at] ^= 1
        tile.hashes = bytes(hashes)
        session.add(tile)


def test_what_was_never_altered_is_well(engine):
    assert look_over(engine) == set()


OTHER = evidence_entry(1, "x", _digest(1 << 60), bytes(32))


@pytest.mark.parametrize("leaf", [0, 255, 256, 301, 1_100, LEAVES - 1])
@pytest.mark.parametrize(
    "how",
    [
        "UPDATE log_leaves SET entry = :entry WHERE index_ = :leaf",
        "UPDATE log_leaves SET entry = :entry, hash = :hash WHERE index_ = :leaf",
        "UPDATE log_leaves SET hash = :hash WHERE index_ = :leaf",
        "UPDATE log_leaves SET kind = 'other' WHERE index_ = :leaf",
        "UPDATE log_leaves SET entry = x'00' WHERE index_ = :leaf",
    ],
)
def test_a_leaf_that_was_altered_is_named_alone(engine, leaf, how):
    values = {"entry": OTHER, "hash": leaf_hash(OTHER)}
    values = {name: value for name, value in values.items() if f":{name}" in how}
    change(engine, how.replace("index_", '"index"'), leaf=leaf, **values)
    assert look_over(engine) == {("leaf-altered", f"leaf {leaf}")}


@pytest.mark.parametrize("leaf", [0, 300, LEAVES - 1])
def test_a_leaf_that_was_taken_away_is_named_alone(engine, leaf):
    change(engine, 'DELETE FROM log_leaves WHERE "index" = :leaf', leaf=leaf)
    assert look_over(engine) == {("leaf-missing", f"leaf {leaf}")}


def test_the_last_leaves_taken_away_are_each_named(engine):
    change(engine, 'DELETE FROM log_leaves WHERE "index" >= :leaf', leaf=LEAVES - 3)
    assert look_over(engine) == {("leaf-missing", f"leaf {LEAVES - n}") for n in (1, 2, 3)}


def test_two_leaves_exchanged_are_both_named(engine):
    with writing(engine) as session:
        one, other = session.get_one(LeafRow, 4), session.get_one(LeafRow, 1_001)
        one.entry, other.entry = other.entry, one.entry
        one.hash, other.hash = other.hash, one.hash
        session.add(one)
        session.add(other)
    assert look_over(engine) == {("leaf-altered", "leaf 4"), ("leaf-altered", "leaf 1001")}


def test_a_leaf_beyond_the_end_is_named(engine):
    change(
        engine,
        """INSERT INTO log_leaves ("index", kind, hash, entry) VALUES (:leaf, 'evidence', :hash, :entry)""",
        leaf=LEAVES + 5,
        hash=leaf_hash(OTHER),
        entry=OTHER,
    )
    assert look_over(engine) == {("leaf-extra", f"leaf {LEAVES + 5}")}


@pytest.mark.parametrize(("level", "index", "at"), [(0, 0, 0), (0, 1, 255), (0, 5, 3), (1, 0, 0), (1, 0, 4)])
def test_a_hash_of_a_tile_that_was_altered_is_named_alone(engine, level, index, at):
    flip(engine, level, index, at)
    assert look_over(engine) == {("tile-altered", f"tile {level}/{index}")}


def test_hashes_and_leaves_under_three_levels_are_named(large):
    assert look_over(large) == set()
    for level, index, at in ((0, 1, 255), (1, 0, 200), (2, 0, 0)):
        flip(large, level, index, at)
        assert look_over(large) == {("tile-altered", f"tile {level}/{index}")}
        flip(large, level, index, at)
    change(large, 'UPDATE log_leaves SET entry = :entry WHERE "index" = 65535', entry=OTHER)
    assert look_over(large) == {("leaf-altered", "leaf 65535")}


@pytest.mark.parametrize(("level", "index"), [(0, 0), (0, 5), (1, 0)])
@pytest.mark.parametrize("how", ["gone", "short", "odd", "long"])
def test_a_tile_that_is_missing_or_of_another_length_is_named_alone(engine, level, index, how):
    if how == "gone":
        change(engine, 'DELETE FROM log_tiles WHERE level = :l AND "index" = :i', l=level, i=index)
    else:
        with writing(engine) as session:
            tile = session.get_one(TileRow, (level, index))
            tile.hashes = {
                "short": tile.hashes[:-32],
                "odd": tile.hashes[:-1],
                "long": tile.hashes + bytes(32),
            }[how]
            session.add(tile)
    code = "tile-missing" if how == "gone" else "tile-altered"
    assert look_over(engine) == {(code, f"tile {level}/{index}")}


@pytest.mark.parametrize(
    "how",
    [
        "root = :other",
        "block_number = 77",
        "transaction_hash = '0x00'",
        "block_hash = '0x00'",
    ],
)
@pytest.mark.parametrize("size", [1, 256, 302, 1_390])
def test_a_head_that_was_altered_is_named_alone(engine, size, how):
    values = {"other": bytes(32)} if ":other" in how else {}
    change(engine, f"UPDATE log_heads SET {how} WHERE size = :size", size=size, **values)  # noqa: S608
    assert look_over(engine) == {("head-altered", f"head {size}")}


@pytest.mark.parametrize("size", [2, LEAVES + 1, 1 << 62])
def test_a_head_of_another_size_is_named_alone(engine, size):
    change(engine, "UPDATE log_heads SET size = :new WHERE size = 256", new=size)
    assert look_over(engine) == {("head-altered", f"head {size}")}


@pytest.mark.parametrize("size", [0, 5, LEAVES - 1, LEAVES + 1, 1 << 60])
def test_another_size_of_the_log_is_named_alone(engine, size):
    change(engine, "UPDATE log_size SET size = :size", size=size)
    assert look_over(engine) == {("log-size-altered", "log")}


def test_a_leaf_rewritten_with_all_that_leads_up_from_it_is_noticed_at_every_head(engine):
    """What the best informed thief would do: only heads are left to tell, which the chain holds too."""
    leaf = 299
    with writing(engine) as session:
        row = session.get_one(LeafRow, leaf)
        row.entry, row.hash = OTHER, leaf_hash(OTHER)
        session.add(row)
        below, place = row.hash, leaf
        for level in (0, 1):
            tile = session.get_one(TileRow, (level, place // WIDTH))
            at = place % WIDTH * 32
            tile.hashes = tile.hashes[:at] + below + tile.hashes[at + 32 :]
            session.add(tile)
            if len(tile.hashes) < WIDTH * 32:
                break
            hashes = [tile.hashes[i : i + 32] for i in range(0, len(tile.hashes), 32)]
            below, place = Tree(hashes).root(), place // WIDTH
    found = look_over(engine)
    assert found == {("head-altered", f"head {size}") for size in (302, 700, 1_024, 1_390, LEAVES)}


def test_several_things_are_each_named(engine):
    change(engine, 'UPDATE log_leaves SET entry = :entry WHERE "index" = 9', entry=OTHER)
    flip(engine, 0, 3)
    change(engine, "UPDATE log_heads SET root = :root WHERE size = 1390", root=bytes(32))
    assert look_over(engine) == {
        ("leaf-altered", "leaf 9"),
        ("tile-altered", "tile 0/3"),
        ("head-altered", "head 1390"),
    }


def test_a_log_that_grows_meanwhile_is_not_blamed(engine):
    """Leaves come between two looks of one pass."""
    log = Log()
    with reading(engine) as session:
        size = LogCheck(session).extent().size
    with writing(engine) as session:
        more = [evidence_entry(1, "x", _digest(n), bytes(32)) for n in range(LEAVES, LEAVES + 2000)]
        log.append(session, EVIDENCE, more)
    with reading(engine) as session:
        check = LogCheck(session)
        for tile in range(size // WIDTH - 2, -(-size // WIDTH)):
            assert check.leaves(tile, size) == []
        assert check.tile(1, 0) == []


def test_an_empty_log_is_well(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    create_tables(engine)
    assert look_over(engine) == set()
    engine.dispose()
