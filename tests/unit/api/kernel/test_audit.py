"""An audit names whatever in a log does not agree with the chain, and can be broken off and gone on with."""

from __future__ import annotations

import random
from typing import Any

import pytest

from api.kernel.audit import Anchor, Audit, Frontier, KnownAct, Progress
from chain.entries import act_entry, document_entry
from chain.intents import Address
from chain.merkle import Tree, leaf_hash

BILLS = Address("0x" + "ab" * 20)
LOG = "landbridge/20777/0x" + "cd" * 20


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _act(number: int, *, settled: bool = True) -> KnownAct:
    return KnownAct(BILLS, _digest(number), 100 + number, f"0x{number:064x}", settled)


def _leaf(index: int, kind: str, entry: bytes, *, shown: bool = True) -> dict[str, Any]:
    leaf = {"leaf": index, "kind": kind, "leaf_hash": "0x" + leaf_hash(entry).hex()}
    return leaf | ({"entry": entry.decode()} if shown else {})


def _log() -> list[dict[str, Any]]:
    """Acts 0 to 4 among documents and hidden evidence: 15 leaves."""
    leaves = []
    for number in range(5):
        leaves.append(_leaf(len(leaves), "act", act_entry(BILLS, _digest(number))))
        leaves.append(_leaf(len(leaves), "document", document_entry(_digest(number), "ab" * 32)))
        leaves.append(_leaf(len(leaves), "evidence", b"hidden %d" % number, shown=False))
    return leaves


def _heads(leaves: list[dict[str, Any]], *sizes: int) -> dict[int, list[Anchor]]:
    tree = Tree(bytes.fromhex(leaf["leaf_hash"][2:]) for leaf in leaves)
    return {size: [Anchor(size, tree.root(size), 200 + size, "0xaa")] for size in sizes}


def _audit(leaves: Any, heads: Any, acts: Any) -> list[tuple[str, int | None]]:
    work = Audit(Progress(LOG), heads, BILLS)
    work.read(leaves)
    return [(one.code, one.leaf) for one in work.finish(acts)]


ACTS = [_act(number) for number in range(5)]


def test_a_log_that_agrees_has_no_findings():
    leaves = _log()
    assert _audit(leaves, _heads(leaves, 1, 3, 8, 15), ACTS) == []


def test_the_edge_of_a_tree_has_the_trees_roots():
    frontier, tree = Frontier(), Tree()
    assert frontier.root() == tree.root()
    for number in range(300):
        frontier.append(leaf_hash(b"%d" % number))
        tree.append(leaf_hash(b"%d" % number))
        assert frontier.root() == tree.root()
        assert len(frontier.hashes) <= 9


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda leaves: leaves[4].update(leaf_hash="0x" + "5a" * 32),
            [("entry-altered", 4), ("head-differs", 14)],
        ),
        (lambda leaves: leaves[5].update(leaf_hash="0x" + "5a" * 32), [("head-differs", 14)]),
        (
            lambda leaves: leaves[3].update(entry=leaves[0]["entry"]),
            [("entry-altered", 3), ("act-missing", None)],
        ),
        (lambda leaves: leaves[3].pop("entry"), [("act-hidden", 3), ("act-missing", None)]),
        (lambda leaves: leaves[6].update(leaf=7), [("leaf-out-of-order", 6)]),
        (lambda leaves: leaves.pop(), [("leaves-missing", 14)]),
    ],
)
def test_what_was_changed_is_named(change, found):
    leaves = _log()
    heads = _heads(leaves, 15)
    change(leaves)
    assert sorted(_audit(leaves, heads, ACTS), key=str) == sorted(found, key=str)


def test_acts_are_matched_one_to_one():
    leaves = _log()
    assert _audit(leaves, {}, [*ACTS, _act(9)]) == [("act-missing", None)]
    assert _audit(leaves, {}, [*ACTS, _act(9, settled=False)]) == []  # it may be on its way
    assert _audit(leaves, {}, ACTS[:-1]) == [("act-extra", 12)]
    twice = [*leaves, _leaf(15, "act", act_entry(BILLS, _digest(2)))]
    assert _audit(twice, {}, ACTS) == [("act-twice", 15)]
    other = [*leaves, _leaf(15, "act", act_entry(Address("0x" + "ff" * 20), _digest(7)))]
    assert _audit(other, {}, ACTS) == [("entry-malformed", 15)]
    for text in (b"[]", b'{"digest":7}', b'{"digest":"0xzz"}', b"{}"):
        assert _audit([*leaves, _leaf(15, "act", text)], {}, ACTS) == [("entry-malformed", 15)]


def test_a_head_that_the_log_never_had_is_named():
    leaves = _log()
    heads = _heads(leaves, 8, 15)
    heads[8].append(Anchor(8, b"\x5a" * 32, 0, ""))  # what an auditor remembers
    assert ("head-differs", 7) in _audit(leaves, heads, ACTS)


def test_broken_off_it_goes_on_where_it_was():
    leaves, luck = _log(), random.Random(3)  # noqa: S311 - a test's order, no secret
    heads = _heads(leaves, 2, 7, 15)
    progress = Progress(LOG)
    while progress.size < len(leaves):
        work = Audit(progress, heads, BILLS)
        work.read(leaves[progress.size : progress.size + luck.randrange(1, 4)])
        progress = Progress(**progress.to_json())
    assert Audit(progress, heads, BILLS).finish(ACTS) == []
    assert progress.size == 15
