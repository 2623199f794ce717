"""The Merkle tree of RFC 9162 §2.1 over SHA-256: roots, inclusion and consistency proofs. Pure, no I/O.

- A leaf hashes to SHA-256(0x00 ‖ entry), a node to SHA-256(0x01 ‖ left ‖ right): none passes for the other.
- A tree of n leaves splits at the largest power of two below n; the empty tree's root is SHA-256 of nothing.
- A tree only grows: every earlier size keeps its root and its proofs.

>>> tree = Tree([leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")])
>>> verify_inclusion(leaf_hash(b"b"), 1, 3, tree.inclusion_proof(1), tree.root())
>>> verify_consistency(2, 3, tree.consistency_proof(2), tree.root(2), tree.root())
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import ClassVar

from chain.errors import LandbridgeError

__all__ = [
    "EMPTY_ROOT",
    "ConsistencyError",
    "InclusionError",
    "MerkleError",
    "Tree",
    "TreeRangeError",
    "complete_subtrees",
    "consistency_spans",
    "fold",
    "inclusion_spans",
    "leaf_hash",
    "root",
    "root_of_inclusion",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY_ROOT = sha256(b"").digest()
_SIZE = 32


class MerkleError(LandbridgeError):
    """Base of what a tree or a proof is refused for."""

    code: ClassVar[str] = "merkle"


class InclusionError(MerkleError):
    """The proof does not show that the leaf stands at this index of the tree with this root."""

    code: ClassVar[str] = "merkle-inclusion"


class ConsistencyError(MerkleError):
    """The proof does not show that the newer tree begins with the older one."""

    code: ClassVar[str] = "merkle-consistency"


class TreeRangeError(MerkleError):
    """The tree has no such leaf or no such size; params: ``size``."""

    code: ClassVar[str] = "merkle-range"


def leaf_hash(entry: bytes) -> bytes:
    """Give the 32-byte hash of a leaf with this entry (RFC 9162 §2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Give the root of the tree over these leaf hashes, in their order."""
    return Tree(leaf_hashes).root()


class Tree:
    """A tree that grows at its right end and gives roots and proofs for its own and every earlier size.

    It keeps the hash of every complete subtree: about 130 bytes a leaf.
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        # _levels[k][i] is the root of the complete subtree over leaves [i·2^k, (i+1)·2^k).
        self._levels: list[list[bytes]] = [[]]
        self.extend(leaf_hashes)

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, hash_of_leaf: bytes) -> int:
        """Add one leaf by its hash and give its index."""
        self.extend((hash_of_leaf,))
        return len(self) - 1

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves by their hashes, in order.

        :raises MerkleError: one is not 32 bytes long; then none is added
        """
        added = list(leaf_hashes)
        if any(len(one) != _SIZE for one in added):
            raise MerkleError("A leaf hash has 32 bytes.")
        level = self._levels[0]
        level += added
        height = 0
        while len(level) >= 2:
            height += 1
            if height == len(self._levels):
                self._levels.append([])
            above = self._levels[height]
            done, pairs = len(above), len(level) // 2
            above += [
                sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(2 * done, 2 * pairs, 2)
            ]
            level = above

    def root(self, size: int | None = None) -> bytes:
        """Give the root that the tree has, or had when it held ``size`` leaves.

        :raises TreeRangeError: it never had that size
        """
        size = self._checked(size)
        return self._root_of(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Give the hashes that lead from leaf ``index`` to the root at ``size`` (RFC 9162 §2.1.3.1).

        :raises TreeRangeError: the tree never had that size, or had no such leaf then
        """
        return [self._root_of(*span) for span in inclusion_spans(index, self._checked(size))]

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """Give the hashes that show that the tree at ``size`` begins with the one at ``old_size`` (§2.1.4.1).

        It is empty for an old size of nothing and for two equal sizes.

        :raises TreeRangeError: the tree never had those sizes, or the older is the larger
        """
        return [self._root_of(*span) for span in consistency_spans(old_size, self._checked(size))]

    def _checked(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if not 0 <= size <= len(self):
            raise TreeRangeError(
                f"The tree has {len(self)} leaves, never {size}.", params={"size": len(self)}
            )
        return size

    def _root_of(self, start: int, end: int) -> bytes:
        return fold(self._levels[height][place] for height, place in complete_subtrees(start, end))


def inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Give the leaves [start, end) under each hash of the proof of leaf ``index`` at ``size``, in order.

    :raises TreeRangeError: a tree of that size has no such leaf
    """
    if not 0 <= index < size:
        raise TreeRangeError(
            f"A tree of {size} leaves has no leaf {index}.", params={"size": size, "index": index}
        )
    spans: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old_size: int, size: int) -> list[tuple[int, int]]:
    """Give the leaves [start, end) under each hash of the consistency proof between two sizes, in order.

    :raises TreeRangeError: the older size is the larger
    """
    if not 0 <= old_size <= size:
        raise TreeRangeError(
            f"A tree of {size} leaves never had {old_size}.", params={"size": size, "old_size": old_size}
        )
    spans: list[tuple[int, int]] = []
    start, end = 0, size
    while old_size not in (0, end):
        middle = start + _split(end - start)
        if old_size <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if old_size and start:
        spans.append((start, end))
    return spans[::-1]


def complete_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the complete subtrees that make up leaves [start, end), largest first: height, and place among
    those of its height. ``start`` is a multiple of the largest."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def fold(roots: Iterable[bytes]) -> bytes:
    """Give the hash over complete subtrees beside one another, by their roots, largest first (§2.1.1)."""
    parts = list(roots)
    result = parts.pop()
    while parts:
        result = sha256(b"\x01" + parts.pop() + result).digest()
    return result


def verify_inclusion(
    hash_of_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_hash: bytes
) -> None:
    """Check an inclusion proof as RFC 9162 §2.1.3.2 says.

    The root alone does not fix the size: take both from one signed or hashed head.

    :raises InclusionError: it proves nothing, for whatever reason
    """
    if root_of_inclusion(hash_of_leaf, index, size, proof) != root_hash:
        raise InclusionError("The inclusion proof does not lead to the root.")


def root_of_inclusion(hash_of_leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Give the root that an inclusion proof leads to, for a reader who holds a digest of that root.

    :raises InclusionError: the proof has not the shape of one for this index and size
    """
    if not 0 <= index < size or len(hash_of_leaf) != _SIZE:
        raise InclusionError("The inclusion proof names a leaf outside its tree.")
    node, last, current = index, size - 1, hash_of_leaf
    for sibling in proof:
        if not last or len(sibling) != _SIZE:
            raise InclusionError("The inclusion proof is malformed.")
        if node & 1 or node == last:
            current = sha256(b"\x01" + sibling + current).digest()
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            current = sha256(b"\x01" + current + sibling).digest()
        node >>= 1
        last >>= 1
    if last:
        raise InclusionError("The inclusion proof is malformed.")
    return current


def verify_consistency(
    old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root_hash: bytes
) -> None:
    """Check a consistency proof as RFC 9162 §2.1.4.2 says; every tree begins with the empty one.

    :raises ConsistencyError: it proves nothing, for whatever reason
    """
    if not 0 <= old_size <= size or any(len(one) != _SIZE for one in (*proof, old_root, root_hash)):
        raise ConsistencyError("The consistency proof is malformed.")
    if old_size in (0, size):
        expected = EMPTY_ROOT if old_size == 0 else root_hash
        if proof or old_root != expected or (size == 0 and root_hash != EMPTY_ROOT):
            raise ConsistencyError("The two roots are not those of one tree.")
        return
    # A complete older tree is itself the first node, and so is left out of the proof.
    nodes = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not nodes:
        raise ConsistencyError("The consistency proof is malformed.")
    node, last = old_size - 1, size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if not last:
            raise ConsistencyError("The consistency proof is malformed.")
        if node & 1 or node == last:
            old = sha256(b"\x01" + sibling + old).digest()
            new = sha256(b"\x01" + sibling + new).digest()
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            new = sha256(b"\x01" + new + sibling).digest()
        node >>= 1
        last >>= 1
    if last or old != old_root or new != root_hash:
        raise ConsistencyError("The newer tree does not begin with the older one.")


def _split(width: int) -> int:
    """Give the largest power of two below ``width`` (at least 2)."""
    return 1 << (width - 1).bit_length() - 1
