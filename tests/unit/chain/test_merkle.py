"""The tree against the standard's own recursive definitions, known vectors, and every kind of lie."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.merkle import (
    EMPTY_ROOT,
    ConsistencyError,
    InclusionError,
    MerkleError,
    Tree,
    TreeRangeError,
    leaf_hash,
    root,
    root_of_inclusion,
    verify_consistency,
    verify_inclusion,
)

# The eight entries and the roots at each size that Certificate Transparency's first implementation
# published and that every later one repeats.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


# The recursions by which RFC 9162 §2.1.1, §2.1.3.1 and §2.1.4.1 define them: slow, plain, to compare with.


def mth(hashes: list[bytes]) -> bytes:
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = below(len(hashes))
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: list[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = below(len(hashes))
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: list[bytes], whole: bool) -> list[bytes]:
    if m == len(hashes):
        return [] if whole else [mth(hashes)]
    k = below(len(hashes))
    if m <= k:
        return [*subproof(m, hashes[:k], whole), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], False), mth(hashes[:k])]


def below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def test_the_known_roots() -> None:
    tree = Tree(leaf_hash(entry) for entry in ENTRIES)
    assert [tree.root(size).hex() for size in range(9)] == ROOTS
    assert Tree().root() == EMPTY_ROOT == root([])


def test_the_known_proofs() -> None:
    tree = Tree(leaf_hash(entry) for entry in ENTRIES)
    assert [node.hex() for node in tree.inclusion_proof(0, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [node.hex() for node in tree.consistency_proof(1, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_every_root_and_proof_up_to_forty_leaves_is_the_standards() -> None:
    all_leaves = leaves(40)
    tree = Tree(all_leaves)
    for size in range(1, 41):
        head = tree.root(size)
        assert head == mth(all_leaves[:size])
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            assert proof == path(index, all_leaves[:size])
            verify_inclusion(all_leaves[index], index, size, proof, head)
        for old in range(1, size + 1):
            proof = tree.consistency_proof(old, size)
            assert proof == subproof(old, all_leaves[:size], True)
            verify_consistency(old, size, proof, tree.root(old), head)


@given(st.lists(st.integers(0, 20), max_size=12))
def test_growing_in_steps_changes_nothing(steps: list[int]) -> None:
    all_leaves = leaves(sum(steps))
    tree = Tree()
    done = 0
    for step in steps:
        tree.extend(all_leaves[done : done + step])
        done += step
        assert tree.root() == mth(all_leaves[:done])
    other = Tree()
    assert [other.append(one) for one in all_leaves] == list(range(len(all_leaves)))
    assert other.root() == tree.root()


@settings(max_examples=300)
@given(SIZES, st.data())
def test_no_altered_inclusion_proof_passes(size: int, data: st.DataObject) -> None:
    all_leaves = leaves(size)
    tree = Tree(all_leaves)
    index = data.draw(st.integers(0, size - 1))
    proof, head, leaf = tree.inclusion_proof(index), tree.root(), all_leaves[index]
    bit = data.draw(st.integers(0, 255))
    lies: list[tuple[bytes, int, int, list[bytes], bytes]] = [
        (flipped(leaf, bit), index, size, proof, head),
        (leaf, index, size, proof, flipped(head, bit)),
        (leaf, index, size, [*proof, head], head),
        (leaf, -1, size, proof, head),
        (leaf, size, size, proof, head),
        (leaf, index, 0, proof, head),
    ]
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        lies.append((leaf, other, size, proof, head))
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        rest = proof[place + 1 :]
        lies += [
            (leaf, index, size, [*proof[:place], flipped(proof[place], bit), *rest], head),
            (leaf, index, size, [*proof[:place], proof[place][:31], *rest], head),
            (leaf, index, size, [*proof[:place], *rest], head),
            (leaf, index, size, [], head),
        ]
    for lie in lies:
        with pytest.raises(InclusionError) as caught:
            verify_inclusion(*lie)
        assert caught.value.code == "merkle-inclusion"


@settings(max_examples=300)
@given(SIZES, st.data())
def test_no_altered_consistency_proof_passes(size: int, data: st.DataObject) -> None:
    tree = Tree(leaves(size))
    old = data.draw(st.integers(1, size))
    proof, old_head, head = tree.consistency_proof(old), tree.root(old), tree.root()
    bit = data.draw(st.integers(0, 255))
    lies: list[tuple[int, int, list[bytes], bytes, bytes]] = [
        (old, size, proof, flipped(old_head, bit), head),
        (old, size, proof, old_head, flipped(head, bit)),
        (old, size, [*proof, head], old_head, head),
        (size + 1, size, proof, old_head, head),
        (-1, size, proof, old_head, head),
        (0, size, proof, old_head, head),
        (old, size, proof, old_head[:31], head),
    ]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        rest = proof[place + 1 :]
        lies += [
            (old, size, [*proof[:place], flipped(proof[place], bit), *rest], old_head, head),
            (old, size, [*proof[:place], proof[place] + b"x", *rest], old_head, head),
            (old, size, [*proof[:place], *rest], old_head, head),
            (old, size, [], old_head, head),
            (old, old, proof, old_head, head),
        ]
    for lie in lies:
        with pytest.raises(ConsistencyError) as caught:
            verify_consistency(*lie)
        assert caught.value.code == "merkle-consistency"


def test_proofs_made_to_fit_are_refused_for_their_shape() -> None:
    """Each leads to the root given with it, and is still none: it is too long, too short or ill cut."""
    a, b, c = leaves(3)
    pair = sha256(b"\x01" + a + b).digest()
    for index, size, proof, head in (
        (0, 1, [c], sha256(b"\x01" + c + a).digest()),
        (0, 4, [b], pair),
        (0, 2, [b + b"x"], sha256(b"\x01" + a + b + b"x").digest()),
        (0, 2, [b[:31]], sha256(b"\x01" + a + b[:31]).digest()),
    ):
        with pytest.raises(InclusionError):
            verify_inclusion(a, index, size, proof, head)
        with pytest.raises(InclusionError):
            root_of_inclusion(a, index, size, proof)
    with pytest.raises(InclusionError):
        verify_inclusion(a[:31], 0, 1, [], a[:31])
    d = leaves(4)[3]
    three, four = Tree([a, b, c]).root(), Tree([a, b, c, d]).root()
    verify_consistency(3, 4, [c, d, pair], three, four)
    above_three, above_four = (sha256(b"\x01" + a + one).digest() for one in (three, four))
    for old, size, proof, old_head, head in (
        (3, 4, [c, d, pair, a], above_three, above_four),
        (1, 4, [b], a, pair),
        (1, 2, [b + b"x"], a, sha256(b"\x01" + a + b + b"x").digest()),
    ):
        with pytest.raises(ConsistencyError):
            verify_consistency(old, size, proof, old_head, head)
    assert root_of_inclusion(a, 0, 2, [b]) == pair


def test_a_rewritten_past_has_no_proof() -> None:
    honest, rewritten = Tree(leaves(9)), Tree([leaf_hash(b"other"), *leaves(20)[1:]])
    with pytest.raises(ConsistencyError):
        verify_consistency(9, 20, rewritten.consistency_proof(9), honest.root(), rewritten.root())


def test_every_tree_begins_with_the_empty_one() -> None:
    tree = Tree(leaves(5))
    assert tree.consistency_proof(0) == [] == tree.consistency_proof(5)
    verify_consistency(0, 5, [], EMPTY_ROOT, tree.root())
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    for lie in ((tree.root(), tree.root()), (EMPTY_ROOT[::-1], tree.root())):
        with pytest.raises(ConsistencyError):
            verify_consistency(0, 5, [], *lie)
    with pytest.raises(ConsistencyError):
        verify_consistency(0, 0, [], EMPTY_ROOT, tree.root())
    with pytest.raises(ConsistencyError):
        verify_consistency(0, 5, [EMPTY_ROOT], EMPTY_ROOT, tree.root())


def test_a_node_never_passes_for_a_leaf() -> None:
    tree = Tree(leaves(4))
    inner = Tree(leaves(4)[:2]).root()
    verify_inclusion(leaves(4)[0], 0, 4, tree.inclusion_proof(0), tree.root())
    # The inner node with the right sibling leads to the root, but an entry with that hash cannot be given.
    entry = leaves(4)[0] + leaves(4)[1]
    assert leaf_hash(entry) != inner


def test_what_the_tree_never_had_is_refused() -> None:
    tree = Tree(leaves(3))
    for wrong in (
        lambda: tree.root(4),
        lambda: tree.root(-1),
        lambda: tree.inclusion_proof(3),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.inclusion_proof(2, 2),
        lambda: tree.inclusion_proof(0, 4),
        lambda: tree.consistency_proof(3, 2),
        lambda: tree.consistency_proof(-1),
        lambda: Tree().inclusion_proof(0),
    ):
        with pytest.raises(TreeRangeError) as caught:
            wrong()
        assert caught.value.code == "merkle-range"
    with pytest.raises(MerkleError):
        tree.extend([leaves(1)[0], b"short"])
    assert len(tree) == 3
