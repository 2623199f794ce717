"""An audit names whatever in a log does not agree with the chain, and can be broken off and gone on with."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.kernel.audit import FINDINGS, Audit, Frontier, PageError, Report, read_page, read_proof
from api.kernel.audit_ledger import Anchor, KnownAct, Ledger
from chain.entries import act_entry, document_entry, evidence_entry
from chain.intents import Address
from chain.merkle import Tree, leaf_hash

BILLS = Address("0x" + "ab" * 20)
OTHER = Address("0x" + "ff" * 20)
LOG, GENESIS = "landbridge/20777/0x" + "cd" * 20, "0x" + "11" * 32
PAGE = 4

Leaves = list[dict[str, Any]]


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _act(number: int) -> KnownAct:
    """Act 7 is in block 107, and so on."""
    digest = _digest(number)
    return KnownAct(leaf_hash(act_entry(BILLS, digest)), digest, 100 + number, f"0x{number:064x}")


def _leaf(index: int, kind: str, entry: bytes, *, shown: bool = True) -> dict[str, Any]:
    leaf = {"leaf": index, "kind": kind, "leaf_hash": "0x" + leaf_hash(entry).hex()}
    return leaf | ({"entry": entry.decode()} if shown else {})


def _log(acts: int = 5) -> Leaves:
    """Acts 0 to 4, each followed by a document and another's evidence: 15 leaves."""
    leaves: Leaves = []
    for number in range(acts):
        digest = _digest(number)
        leaves.append(_leaf(len(leaves), "act", act_entry(BILLS, digest)))
        leaves.append(_leaf(len(leaves), "document", document_entry(digest, "ab" * 32)))
        evidence = evidence_entry(1, "a/1", digest, digest)
        leaves.append(_leaf(len(leaves), "evidence", evidence, shown=False))
    return leaves


def _heads(leaves: Leaves, *sizes: int) -> list[Anchor]:
    tree = Tree(bytes.fromhex(leaf["leaf_hash"][2:]) for leaf in leaves)
    return [Anchor(size, tree.root(size), 200 + size, f"0xaa{size}") for size in sizes]


def _read(work: Audit, leaves: Leaves, until: int, *, pages: int | None = None) -> None:
    """Read as the command does, from a gateway that shows these leaves."""
    while work.size < until and pages != 0:
        limit = min(PAGE, until - work.size)
        try:
            page = read_page(leaves[work.size : work.size + limit], work.size, limit)
        except PageError as error:
            work.stop(error.finding)
            return
        if not page:
            return
        work.take(page)
        pages = None if pages is None else pages - 1


def _finish(
    work: Audit,
    *,
    settled: Callable[[int], bool] = lambda block: True,
    prove: Callable[[int, int], list[bytes] | None] = lambda old, size: None,
    tail: Callable[[], Iterable[bytes]] = lambda: (),
) -> Report:
    return work.finish(settled=settled, prove=prove, tail=tail)


def _audit(
    leaves: Leaves, heads: list[Anchor], acts: list[KnownAct], path: Path | None = None, **how: Any
) -> Report:
    with Ledger.open(path, log=LOG, genesis=GENESIS) as ledger:
        ledger.add_anchors(heads)
        ledger.add_acts(acts)
        work = Audit(ledger, [BILLS])
        _read(work, leaves, max((head.size for head in heads), default=0))
        return _finish(work, **how)


def _named(report: Report) -> list[tuple[str, int | None]]:
    assert {one.code for one in report.findings} <= set(FINDINGS)
    return sorted(((one.code, one.leaf) for one in report.findings), key=str)


ACTS = [_act(number) for number in range(5)]


def test_a_log_that_agrees_has_no_findings():
    leaves = _log()
    report = _audit(leaves, _heads(leaves, 1, 3, 8, 15), ACTS)
    assert report == Report([], 0, 0, 0)
    assert _audit([], [], []) == Report([], 0, 0, 0)


def test_the_edge_of_a_tree_has_the_trees_roots():
    frontier, tree = Frontier(), Tree()
    assert frontier.root() == tree.root()
    for number in range(300):
        frontier.append(leaf_hash(b"%d" % number))
        tree.append(leaf_hash(b"%d" % number))
        assert frontier.root() == tree.root()
        assert len(frontier.hashes) <= 9


BAD = "0x" + "5a" * 32


@pytest.mark.parametrize(
    ("change", "found"),
    [
        # A leaf altered, its entry shown as it was: it is not the leaf's, and no later head agrees.
        (lambda leaves: leaves[4].update(leaf_hash=BAD), [("entry-altered", 4), ("head-differs", 3)]),
        # Another's evidence altered: only the heads can tell, and they say between which.
        (lambda leaves: leaves[5].update(leaf_hash=BAD), [("head-differs", 3)]),
        (
            lambda leaves: leaves[3].update(entry=leaves[0]["entry"]),
            [("act-hidden", 3), ("entry-altered", 3)],
        ),
        (lambda leaves: leaves[3].pop("entry"), [("act-hidden", 3)]),
        (lambda leaves: leaves[4].pop("entry"), [("document-hidden", 4)]),
        # An act that goes by another name is known by its leaf.
        (lambda leaves: leaves[3].update(kind="evidence"), [("kind-differs", 3)]),
        (lambda leaves: (leaves[3].update(kind="evidence"), leaves[3].pop("entry")), [("act-hidden", 3)]),
        (lambda leaves: leaves[4].update(kind="act"), [("kind-differs", 4)]),
        (lambda leaves: leaves[5].update(kind="act"), [("act-hidden", 5)]),
        (lambda leaves: leaves[6].update(leaf=7), [("leaf-out-of-order", 6), ("leaves-missing", 4)]),
        (lambda leaves: leaves[6].update(kind="thing"), [("answer-malformed", 6), ("leaves-missing", 4)]),
        (lambda leaves: leaves.pop(), [("leaves-missing", 14)]),
        (lambda leaves: leaves.pop(5), [("leaf-out-of-order", 5), ("leaves-missing", 4)]),
        # A page again, in place of the next.
        (
            lambda leaves: leaves.__setitem__(slice(4, 8), leaves[0:4]),
            [("leaf-out-of-order", 4), ("leaves-missing", 4)],
        ),
        (
            lambda leaves: leaves.__setitem__(
                slice(3, 5), [leaves[4] | {"leaf": 3}, leaves[3] | {"leaf": 4}]
            ),
            [("head-differs", 3)],
        ),
    ],
)
def test_what_was_changed_is_named(change, found):
    leaves = _log()
    heads = _heads(leaves, 1, 3, 8, 15)
    change(leaves)
    report = _audit(leaves, heads, ACTS)
    assert _named(report) == sorted(found, key=str)


def test_a_run_of_heads_that_differ_is_one_finding_that_says_between_which():
    leaves = _log()
    heads = _heads(leaves, 1, 3, 8, 10, 15)
    leaves[5].update(leaf_hash=BAD)
    (found,) = _audit(leaves, heads, ACTS).findings
    assert (found.code, found.leaf, found.block) == ("head-differs", 3, 208)
    assert found.detail == "size=8 agrees=3 differ=3 until=15"


def test_acts_are_matched_one_to_one():
    leaves = _log()
    heads = _heads(leaves, 15)
    missing = _audit(leaves, heads, [*ACTS, _act(9)])
    assert _named(missing) == [("act-missing", None)]
    assert missing.findings[0].block == 109
    assert _named(_audit(leaves, heads, ACTS[:-1])) == [("act-extra", 12)]

    def with_one(kind: str, entry: bytes, **how: Any) -> list[tuple[str, int | None]]:
        more = [*leaves, _leaf(15, kind, entry, **how)]
        return _named(_audit(more, _heads(more, 16), ACTS))

    assert with_one("act", act_entry(BILLS, _digest(2))) == [("act-twice", 15)]
    assert with_one("evidence", act_entry(BILLS, _digest(2)), shown=False) == [
        ("act-hidden", 15),
        ("act-twice", 15),
    ]
    assert with_one("document", document_entry(_digest(2), "ab" * 32)) == [("document-twice", 15)]
    assert with_one("act", act_entry(OTHER, _digest(7))) == [("act-foreign", 15)]
    for text in (b"[]", b"", b'{"digest":7}', b"{}", b"\n", act_entry(BILLS, _digest(7)) + b" "):
        assert with_one("act", text) == [("entry-malformed", 15)]


def test_an_act_may_be_on_its_way_for_a_while():
    leaves = _log()
    heads = _heads(leaves, 15)
    young = _audit(leaves, heads, [*ACTS, _act(9), _act(8)], settled=lambda block: block < 109)
    assert (_named(young), young.pending) == ([("act-missing", None)], 1)
    assert young.findings[0].block == 108
    none = _audit(leaves, heads, [*ACTS, _act(9)], settled=lambda block: False)
    assert (none.findings, none.pending) == ([], 1)
    # In the log, and under no head that the node shows: the node may be behind, or heads are held back.
    late = _audit(leaves, heads, [*ACTS, _act(9)], tail=lambda: [_act(9).leaf_hash])
    assert _named(late) == [("act-unanchored", None)]


def test_what_was_not_shown_accuses_no_act():
    leaves = _log()
    report = _audit(leaves[:4], _heads(leaves, 15), ACTS)
    assert _named(report) == [("leaves-missing", 4)]
    assert report.unmatched == 3
    assert report.findings[0].detail == "size=15"


def test_a_head_that_the_log_never_had_is_named():
    leaves = _log()
    heads = _heads(leaves, 8, 15)
    remembered = Anchor(8, b"\x5a" * 32)
    (found,) = _audit(leaves, [*heads, remembered], ACTS).findings
    assert (found.code, found.transaction, found.detail) == (
        "head-differs",
        None,
        "size=8 agrees=0 differ=1 until=8",
    )
    # A head that is larger than all that the gateway shows.
    assert _named(_audit(leaves, [*heads, Anchor(99, bytes(32))], ACTS)) == [("leaves-missing", 15)]


# Broken off, and gone on with


@pytest.mark.parametrize("spoilt", [False, True])
def test_broken_off_it_comes_to_the_same(tmp_path, spoilt):
    leaves, luck = _log(40), random.Random(3)  # noqa: S311 - a test's order, no secret
    heads = _heads(leaves, *range(2, 121, 7), 120)
    acts = [_act(number) for number in range(40)]
    if spoilt:
        leaves[7].update(leaf_hash=BAD)
        leaves[30].pop("entry")
        acts.pop(20)
        leaves[99].update(kind="evidence")
    at_once = _audit(leaves, heads, acts)
    path = tmp_path / "progress"
    for _ in range(60):
        with ExitStack() as stack:
            ledger = stack.enter_context(Ledger.open(path, log=LOG, genesis=GENESIS))
            ledger.add_anchors(heads)
            ledger.add_acts(acts)
            work = Audit(ledger, [BILLS])
            _read(work, leaves, 120, pages=luck.randrange(4))
    assert _audit(leaves, heads, acts, path) == at_once
    assert bool(at_once.findings) is spoilt


def test_heads_that_appear_behind_what_was_read_must_be_proven(tmp_path):
    """The chain turned between two runs: where heads were anchored, others are, or the same ones anew."""
    leaves = _log()
    tree = Tree(bytes.fromhex(leaf["leaf_hash"][2:]) for leaf in leaves)
    path = tmp_path / "progress"
    assert _named(_audit(leaves, _heads(leaves, 3, 15), ACTS, path)) == []

    def again(*heads: Anchor, prove: Any) -> list[tuple[str, int | None]]:
        return _named(_audit(leaves, [*heads, *_heads(leaves, 15)], ACTS, path, prove=prove))

    honest = _heads(leaves, 5)[0]
    assert again(honest, prove=tree.consistency_proof) == []
    assert again(honest, prove=lambda old, size: []) == [("head-differs", 0)]
    assert again(honest, prove=lambda old, size: None) == [("head-unproven", 4)]
    forked = Anchor(5, b"\x5a" * 32, 9, "0xbb")
    assert again(forked, prove=tree.consistency_proof) == [("head-differs", 0)]
    # A head that was compared while it was passed needs no proof, and is compared with the chain's new one.
    assert again(_heads(leaves, 3)[0], prove=lambda old, size: None) == []
    assert again(Anchor(3, b"\x5a" * 32, 9, "0xbb"), prove=tree.consistency_proof) == [("head-differs", 0)]
    # A head of just what was read needs none either.
    short = tmp_path / "short"
    _audit(leaves, _heads(leaves, 14), ACTS, short)
    assert _named(_audit(leaves, [Anchor(14, bytes(32)), *_heads(leaves, 15)], ACTS, short)) == [
        ("head-differs", 0)
    ]


def test_an_act_that_left_the_chain_is_extra_at_the_next_run(tmp_path):
    leaves, path = _log(), tmp_path / "progress"
    heads = _heads(leaves, 15)
    assert _named(_audit(leaves, heads, ACTS, path)) == []
    assert _named(_audit(leaves, heads, ACTS[:2] + ACTS[3:], path)) == [("act-extra", 6)]
    assert _named(_audit(leaves, heads, ACTS, path)) == []


def test_findings_beyond_what_can_be_told_are_counted(monkeypatch):
    monkeypatch.setattr("api.kernel.audit_ledger._MOST_FINDINGS", 3)
    monkeypatch.setattr("api.kernel.audit._MOST_TOLD", 5)
    leaves = _log()
    for leaf in leaves:
        leaf["entry"] = "x"
    report = _audit(leaves, _heads(leaves, 15), ACTS)
    assert (len(report.findings), report.dropped) == (5, 15 + 5 - 5)


# What a gateway may answer

GOOD = _leaf(0, "act", act_entry(BILLS, _digest(0)))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "leaves",
        7,
        [None],
        [[]],
        [{}],
        [GOOD, None],
        [GOOD] * 5,
        [GOOD | {"leaf": "0"}],
        [GOOD | {"leaf": False}],
        [GOOD | {"leaf": 0.0}],
        [GOOD | {"leaf": -1}],
        [GOOD | {"leaf": 1 << 60}],
        [GOOD | {"leaf_hash": None}],
        [GOOD | {"leaf_hash": "0x00"}],
        [GOOD | {"leaf_hash": "0x" + "AB" * 32}],
        [GOOD | {"leaf_hash": "0x" + "ab" * 32 + "\n"}],
        [GOOD | {"kind": None}],
        [GOOD | {"kind": ["act"]}],
        [GOOD | {"kind": "other"}],
        [GOOD | {"entry": 7}],
        [GOOD | {"entry": ["x"]}],
        [GOOD | {"entry": "x" * 4001}],
    ],
)
def test_an_answer_of_another_shape_is_named_and_not_taken(answer):
    with pytest.raises(PageError) as caught:
        read_page(answer, 0, 4)
    assert caught.value.finding.code == "answer-malformed"


def test_what_is_not_utf8_is_an_altered_entry():
    (leaf,) = read_page([GOOD | {"entry": "\ud800"}], 0, 1)
    leaves = [GOOD | {"entry": "\ud800"}]
    assert leaf.entry is not None
    assert _named(_audit(leaves, _heads(leaves, 1), [])) == [("entry-altered", 0)]


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"path": None}, {"path": ["0x00"]}, {"path": [7]}, {"path": [BAD] * 65}]
)
def test_a_proof_of_another_shape_is_none(answer):
    assert read_proof(answer) is None
    assert read_proof({"path": [BAD]}) == [b"\x5a" * 32]
