"""What a chain holds, read from nodes of its tries alone: accounts, slots, transactions, receipts.

A pool holds nodes of any number of tries, each found by its Keccak-256; whoever knows a root that can be
believed (chain/qbft.py) can walk from it. What is shown to be absent is absent; where a node is missing
nothing is known, and that is an error of its own (Yellow Paper, appendix D).

>>> pool = Pool(nodes)                                            # doctest: +SKIP
>>> account = pool.account(header.state_root, contract)           # doctest: +SKIP
>>> pool.slot(account.storage_root, slot)                         # doctest: +SKIP
7
>>> pool.receipt(header.receipts_root, position=0).logs           # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import rlp

from chain.intents import Address, keccak
from chain.rlpread import Item, ProofError, RlpError, as_bytes, as_list, number, read_list

__all__ = [
    "EMPTY_ROOT",
    "Account",
    "Mined",
    "MissingNodeError",
    "Pool",
    "TrieError",
    "WitnessedLog",
    "read_receipt",
]

EMPTY_ROOT: Final = keccak(b"\x80")
"""Root of a trie that holds nothing."""

_LEAF: Final = 2
_BRANCH: Final = 17


class MissingNodeError(ProofError):
    """A node that is not in the pool: what was asked is unknown, not absent."""

    code: ClassVar[str] = "trie-node-missing"


class TrieError(ProofError):
    """A node, or what a trie holds, that is not of the form that belongs there."""

    code: ClassVar[str] = "trie-malformed"


@dataclass(frozen=True, slots=True)
class Account:
    """An account in the state."""

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """An event that a contract left."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Mined:
    """What became of a transaction, as its receipt says."""

    succeeded: bool
    logs: tuple[WitnessedLog, ...]


class Pool:
    """Nodes of tries, found by their hash.

    :param nodes: the nodes' RLP, in any order
    """

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self._nodes: dict[bytes, bytes] = {}
        self.add(nodes)

    def add(self, nodes: Iterable[bytes]) -> None:
        """Take more nodes in."""
        self._nodes.update((keccak(node), node) for node in nodes)

    def get(self, root: bytes, key: bytes) -> bytes | None:
        """What a trie holds under a key; nothing if it is shown to hold nothing.

        :raises MissingNodeError: a node on the way is not in the pool
        :raises TrieError: a node on the way is malformed
        """
        if root == EMPTY_ROOT:
            return None
        try:
            return self._walk(self._node(root), _nibbles(key))
        except RlpError:
            raise TrieError("a node of a trie is malformed") from None

    def account(self, state_root: bytes, address: Address) -> Account | None:
        """An account; nothing where there is none.

        :raises ProofError: it cannot be read
        """
        raw = self.get(state_root, keccak(bytes.fromhex(address[2:])))
        if raw is None:
            return None
        try:
            nonce, balance, storage_root, code_hash = as_list(read_list(raw), count=4)
            return Account(
                number(nonce, bits=64),
                number(balance),
                as_bytes(storage_root, size=32),
                as_bytes(code_hash, size=32),
            )
        except RlpError:
            raise TrieError("an account in the state is malformed") from None

    def slot(self, storage_root: bytes, slot: bytes) -> int:
        """What a storage slot holds; zero where nothing does.

        :param slot: its number, 32 bytes
        :raises ProofError: it cannot be read
        """
        raw = self.get(storage_root, keccak(slot))
        if raw is None:
            return 0
        try:
            value = rlp.decode(raw, strict=True)
            return number(value)
        except (RlpError, rlp.exceptions.DecodingError):
            raise TrieError("a slot in a contract's storage is malformed") from None

    def transaction(self, root: bytes, position: int) -> bytes | None:
        """A block's transaction as it was hashed; nothing where the block has no such place.

        :raises ProofError: it cannot be read
        """
        return self.get(root, rlp.encode(position))

    def receipt(self, root: bytes, position: int) -> Mined | None:
        """The receipt of a block's transaction; nothing where the block has no such place.

        :raises ProofError: it cannot be read
        """
        raw = self.get(root, rlp.encode(position))
        return None if raw is None else read_receipt(raw)

    def _node(self, hash_: bytes) -> list[Item]:
        raw = self._nodes.get(hash_)
        if raw is None:
            raise MissingNodeError("a node of a trie is missing", params={"node": "0x" + hash_.hex()})
        return read_list(raw)

    def _walk(self, node: list[Item], path: list[int]) -> bytes | None:
        while True:
            if len(node) == _BRANCH:
                if not path:
                    return as_bytes(node[16]) or None
                child, path = node[path[0]], path[1:]
            else:
                part, child = as_list(node, count=_LEAF)
                steps, is_leaf = _steps(as_bytes(part))
                if is_leaf:
                    return _value(child) if steps == path else None
                if path[: len(steps)] != steps:
                    return None
                path = path[len(steps) :]
            if len(node) == _BRANCH and child == b"":
                return None
            # A node shorter than a hash stands in its parent itself.
            node = child if isinstance(child, list) else self._node(as_bytes(child, size=32))


def _value(item: Item) -> bytes:
    value = as_bytes(item)
    if not value:
        raise RlpError("the RLP has not the shape that belongs there")
    return value


def _nibbles(key: bytes) -> list[int]:
    return [half for byte in key for half in (byte >> 4, byte & 15)]


def _steps(part: bytes) -> tuple[list[int], bool]:
    """The nibbles of a leaf or an extension, and whether it is a leaf (hex-prefix encoding)."""
    flag, *rest = _nibbles(part) or [15]
    if flag > 3 or (not flag & 1 and rest[:1] != [0]):
        raise RlpError("the RLP has not the shape that belongs there")
    steps, is_leaf = rest if flag & 1 else rest[1:], bool(flag & 2)
    if not steps and not is_leaf:
        raise RlpError("the RLP has not the shape that belongs there")
    return steps, is_leaf


def read_receipt(raw: bytes) -> Mined:
    """Read a receipt: ``[status, gas, bloom, logs]``, after a type byte where there is one (EIP-2718).

    :raises TrieError: it is none
    """
    try:
        typed = bool(raw) and raw[0] < 0x80
        status, _gas, _bloom, logs = as_list(read_list(raw[typed:]), count=4)
        return Mined(number(status, bits=8) == 1, tuple(_logs(logs)))
    except RlpError:
        raise TrieError("a receipt is malformed") from None


def _logs(item: Item) -> Iterator[WitnessedLog]:
    for log in as_list(item):
        address, topics, data = as_list(log, count=3)
        yield WitnessedLog(
            Address("0x" + as_bytes(address, size=20).hex()),
            tuple(as_bytes(topic, size=32) for topic in as_list(topics)),
            as_bytes(data),
        )
