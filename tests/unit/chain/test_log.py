"""The log in a database: the tree of RFC 9162 in whatever order it grew, durable with what came with it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from chain.db import open_engine, reading, writing
from chain.entries import ACT, EVIDENCE, EntryError, act_entry, document_entry, evidence_entry
from chain.log import LeafMissingError, Log, LogAlteredError
from chain.merkle import EMPTY_ROOT, Tree, TreeRangeError, leaf_hash, verify_consistency, verify_inclusion
from chain.tables import HeadRow, LeafRow, TileRow, create_tables
from chain.tiles import TileMissingError


@pytest.fixture
def engine(tmp_path: Path):
    """An empty database."""
    opened = open_engine(f"sqlite:///{tmp_path / 'log.db'}")
    create_tables(opened)
    yield opened
    opened.dispose()


def _entries(start: int, count: int) -> list[bytes]:
    return [f"entry {number}".encode() for number in range(start, start + count)]


def _fill(engine, log: Log, sizes: list[int]) -> Tree:
    tree = Tree()
    for count in sizes:
        entries = _entries(len(tree), count)
        with writing(engine) as session:
            assert log.append(session, EVIDENCE, entries) == len(tree)
        tree.extend(leaf_hash(entry) for entry in entries)
    return tree


@pytest.mark.parametrize("seed", range(3))
def test_roots_and_proofs_are_those_of_the_tree(engine, seed):
    luck, log = random.Random(seed), Log()  # noqa: S311 - a test's order, no secret
    sizes = [luck.choice((1, 2, 3, 7, 255, 256, 257, 600, 1000)) for _ in range(14)]
    sizes += [70_000] if seed == 0 else []
    tree = _fill(engine, log, sizes)
    with reading(engine) as session:
        assert log.size(session) == len(tree)
        for size in {0, 1, 2, 255, 256, 257, len(tree), *(luck.randrange(len(tree)) for _ in range(30))}:
            assert log.root(session, size) == tree.root(size)
            old = luck.randrange(size + 1)
            path = log.consistency(session, old, size)
            assert path == tree.consistency_proof(old, size)
            verify_consistency(old, size, path, tree.root(old), tree.root(size))
            if size:
                index = luck.randrange(size)
                path = log.inclusion(session, index, size)
                assert path == tree.inclusion_proof(index, size)
                entry = log.leaf(session, index).entry
                verify_inclusion(leaf_hash(entry), index, size, path, tree.root(size))


def test_another_process_finds_the_same(engine):
    tree = _fill(engine, Log(), [300, 5, 400])
    with reading(engine) as session:
        assert Log().root(session, 705) == tree.root()
        assert [leaf.index for leaf in Log().leaves(session, 254, 4)] == [254, 255, 256, 257]


def test_what_is_undone_leaves_no_trace(engine):
    log, tree = Log(), Tree(map(leaf_hash, _entries(0, 200)))
    with writing(engine) as session:
        log.append(session, EVIDENCE, _entries(0, 200))
    with pytest.raises(RuntimeError), writing(engine) as session:  # noqa: PT012 - the block is what is undone
        log.append(session, EVIDENCE, [b"never said"] * 400)
        log.seal(session, now=1)
        raise RuntimeError
    with writing(engine) as session:
        assert log.append(session, EVIDENCE, _entries(200, 400)) == 200
    tree.extend(map(leaf_hash, _entries(200, 400)))
    with reading(engine) as session:
        assert log.root(session, 600) == tree.root()
        assert log.inclusion(session, 3, 600) == tree.inclusion_proof(3)
        assert log.newest_head(session) is None


def test_acts_stand_once_and_evidence_as_often_as_it_comes(engine):
    log, act = Log(), act_entry("0x" + "ab" * 20, bytes(32))
    other = act_entry("0x" + "ab" * 20, bytes([1]) * 32)
    with writing(engine) as session:
        assert log.append_once(session, ACT, [act, act]) == [0, 0]
        assert log.append_once(session, ACT, [other, act]) == [1, 0]
        assert log.append(session, EVIDENCE, [b"e", b"e"]) == 2
        assert log.leaf_of(session, other).index == 1
        assert log.size(session) == 4
        with pytest.raises(ValueError, match="again"):
            log.append_once(session, EVIDENCE, [b"e"])
        with pytest.raises(LeafMissingError):
            log.leaf_of(session, b"e")


def test_heads_are_sealed_once(engine):
    log = Log()
    with writing(engine) as session:
        assert log.seal(session, now=1) is None
        log.append(session, EVIDENCE, _entries(0, 10))
        head = log.seal(session, now=2)
        assert (head.size, head.root) == (10, Tree(map(leaf_hash, _entries(0, 10))).root())
        assert log.seal(session, now=3) is None
        assert log.head_over(session, 9) is None  # not anchored
        assert log.head_over(session, 9, anchored=False).size == 10
        assert log.head_over(session, 10, anchored=False) is None


def test_what_is_not_there_is_named(engine):
    log = Log()
    with reading(engine) as session:
        assert log.root(session, 0) == EMPTY_ROOT
        for index in (-1, 0, 1 << 70):
            with pytest.raises(LeafMissingError):
                log.leaf(session, index)
        for call in (
            lambda: log.root(session, 1),
            lambda: log.inclusion(session, 0, 0),
            lambda: log.consistency(session, 1, 0),
            lambda: log.consistency(session, -1, 0),
        ):
            with pytest.raises(TreeRangeError):
                call()


def test_a_damaged_tree_is_named_and_never_extended(engine):
    log = Log()
    _fill(engine, log, [300])
    with writing(engine) as session:
        tile = session.get(TileRow, (0, 1))
        tile.hashes = tile.hashes[:-32]
        session.add(tile)
    with pytest.raises(TileMissingError), writing(engine) as session:
        log.append(session, EVIDENCE, [b"x"])
    with reading(engine) as session, pytest.raises(TileMissingError):
        Log().root(session, 300)
    with reading(engine) as session:
        assert session.get(LeafRow, 300) is None
        assert session.get(HeadRow, 300) is None


def _sealed(engine, log: Log) -> Tree:
    """Leaves with heads at 100, 300 and 700, and some that are not sealed yet."""
    tree = Tree()
    for count in (100, 200, 400, 30):
        entries = _entries(len(tree), count)
        with writing(engine) as session:
            log.append(session, EVIDENCE, entries)
            if count != 30:
                log.seal(session, now=1)
        tree.extend(map(leaf_hash, entries))
    return tree


def test_what_is_proven_was_followed_to_a_sealed_head(engine):
    log = Log()
    tree = _sealed(engine, log)
    with reading(engine) as session:
        head = log.newest_head(session)
        for index in (0, 99, 100, 299, 699):
            path = log.prove(session, log.leaf(session, index), 700, head.root)
            assert path == tree.inclusion_proof(index, 700)
        with pytest.raises(TreeRangeError):
            log.prove(session, log.leaf(session, 700), 700, head.root)
        with pytest.raises(LogAlteredError):
            log.prove(session, log.leaf(session, 3), 700, bytes(32))
        for size in (0, 1, 100, 101, 300, 512, 700, 701, 730):
            assert log.root(session, size) == tree.root(size)
            path, root = log.prove_growth(session, size, 730)
            assert (path, root) == (tree.consistency_proof(size), tree.root())


@pytest.mark.parametrize(
    ("level", "index", "at", "under", "beside"),
    [(0, 0, 0, 0, 1), (0, 1, 0, 256, 257), (0, 2, 10, 522, 523), (1, 0, 0, 5, 256), (1, 0, 1, 300, 5)],
)
def test_nothing_wrong_is_proven_or_sealed_from_an_altered_tile(engine, level, index, at, under, beside):
    tree = _sealed(engine, Log())
    with writing(engine) as session:
        tile = session.get(TileRow, (level, index))
        hashes = bytearray(tile.hashes)
        hashes[32 * at] ^= 1
        tile.hashes = bytes(hashes)
        session.add(tile)
    log = Log()
    with reading(engine) as session:
        root = log.newest_head(session).root
        with pytest.raises(LogAlteredError):
            log.prove(session, log.leaf(session, beside), 700, root)
        # The hash that was altered is no part of its own leaf's proof, which is as good as ever.
        assert log.prove(session, log.leaf(session, under), 700, root) == tree.inclusion_proof(under, 700)
        size = under + 1 if level == 0 else 512
        with pytest.raises(LogAlteredError):
            log.root(session, size)
        with pytest.raises(LogAlteredError):
            log.prove_growth(session, size, 730)
    needed = level == 1 or index == 2  # a full tile of level 0 is not read for a head beyond it
    with writing(engine) as session:
        log.append(session, EVIDENCE, [b"more"])
    tree.append(leaf_hash(b"more"))
    try:
        with writing(engine) as session:
            head = log.seal(session, now=2)
    except LogAlteredError:
        assert needed
    else:
        assert not needed
        assert (head.size, head.root) == (731, tree.root())


def test_a_leaf_that_was_altered_is_not_given(engine):
    log = Log()
    _sealed(engine, log)
    with writing(engine) as session:
        row = session.get(LeafRow, 5)
        row.entry = b"another"
        session.add(row)
    with reading(engine) as session:
        with pytest.raises(LogAlteredError):
            log.leaf(session, 5)
        assert log.leaf(session, 6).entry == b"entry 6"
    with writing(engine) as session:
        row = session.get(LeafRow, 5)
        row.hash = leaf_hash(row.entry)
        session.add(row)
    with reading(engine) as session, pytest.raises(LogAlteredError):
        log.prove(session, log.leaf(session, 5), 700, log.newest_head(session).root)


def test_a_log_that_must_not_go_on_takes_nothing_and_is_read(engine):
    _fill(engine, Log(), [10])

    def never() -> None:
        raise LogAlteredError("not this one")

    log, act = Log(may_grow=never), act_entry("0x" + "ab" * 20, bytes(32))
    for kind, method in ((EVIDENCE, log.append), (ACT, log.append_once)):
        with pytest.raises(LogAlteredError), writing(engine) as session:
            method(session, kind, [act])
    with writing(engine) as session:
        assert log.append(session, EVIDENCE, []) == 10
    with reading(engine) as session:
        assert log.size(session) == 10


@pytest.mark.parametrize(
    "make",
    [
        lambda: evidence_entry(1, "", bytes(32), bytes(32)),
        lambda: evidence_entry(1, 'a"b', bytes(32), bytes(32)),
        lambda: evidence_entry(1, "a", bytes(31), bytes(32)),
        lambda: evidence_entry(1, "a", bytes(32), bytes(33)),
        lambda: document_entry(bytes(32), 'x"'),
        lambda: act_entry("0x", b""),
    ],
)
def test_entries_of_another_form_are_refused(make):
    with pytest.raises(EntryError):
        make()


def test_entries_are_canonical():
    from chain.canonical import canonical, parse

    for entry in (
        act_entry("0x" + "ab" * 20, bytes(32)),
        document_entry(bytes(32), "ab" * 32),
        evidence_entry(7, "delivery-record/1", bytes(32), bytes(32)),
    ):
        assert canonical(parse(entry)) == entry
