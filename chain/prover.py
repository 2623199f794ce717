"""What a node must give so that others need none: headers, proofs of slots, transactions and receipts.

A :class:`Prover` answers like any sealed chain and fetches on the way what is missing; what was read from it
is then exactly what another needs to read the same without a node. It needs a QBFT chain and a node that
knows ``eth_getProof``: more than the portable subset, so whoever uses it can do without.

>>> prover = open_prover(node)                               # doctest: +SKIP
>>> prover.slot(contract, slot), prover.mined("0x…", 12)     # doctest: +SKIP
>>> prover.headers, prover.places, prover.nodes              # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import rlp
from trie.hexary import HexaryTrie

from chain.hexform import data, parse_data, quantity
from chain.intents import Address
from chain.node import Node, NodeRefusedError
from chain.qbft import MIX_HASH, Header, HeaderError, parse_header
from chain.reencode import encode_header, encode_receipt, encode_transaction
from chain.rlpread import ProofError
from chain.sealedchain import Placed, SealedChain
from chain.witness import Pool

__all__ = ["CannotProveError", "Prover", "open_prover"]


class CannotProveError(ProofError):
    """The node cannot give what is needed; the sentence says what."""

    code: ClassVar[str] = "chain-cannot-prove"


class Prover(SealedChain):
    """A QBFT chain behind a node, read at one header; made by :func:`open_prover`.

    All methods raise :class:`CannotProveError` where the node cannot give something, and what
    :meth:`Node.rpc` raises where it cannot be asked.
    """

    def __init__(self, node: Node, head: Header) -> None:
        self._node = node
        self._growing: dict[int, Header] = {head.number: head}
        self._known_places: dict[str, int] = {}
        self._bytes: set[bytes] = set()
        self._asked: set[tuple[Address, bytes | None]] = set()
        self._code: dict[Address, bytes] = {}
        super().__init__(self._growing, self._known_places, Pool(()))

    @property
    def headers(self) -> list[bytes]:
        """The headers that were needed, ascending by number."""
        return [self._growing[number].encoded for number in sorted(self._growing)]

    @property
    def places(self) -> dict[str, int]:
        """Of each transaction that was asked for the place in its block."""
        return dict(self._known_places)

    @property
    def nodes(self) -> list[bytes]:
        """The nodes that were needed, ascending."""
        return sorted(self._bytes)

    def code(self, address: Address) -> bytes:
        """An account's code."""
        if address not in self._code:
            answer = self._ask("eth_getCode", [address, quantity(self.head.number)])
            self._code[address] = _read(parse_data, answer)
        return self._code[address]

    def header(self, number: int) -> Header:
        """See :class:`SealedChain`."""
        if number not in self._growing:
            self._growing[number] = read_header(self._block(number, whole=False))
        return self._growing[number]

    def code_hash(self, address: Address) -> bytes:
        """See :class:`SealedChain`."""
        self._prove(address, None)
        return super().code_hash(address)

    def slot(self, address: Address, slot: bytes) -> int:
        """See :class:`SealedChain`."""
        self._prove(address, slot)
        return super().slot(address, slot)

    def mined(self, transaction: str, block: int) -> Placed:
        """See :class:`SealedChain`."""
        if transaction not in self._known_places:
            self._fetch(transaction, block)
        return super().mined(transaction, block)

    def _prove(self, address: Address, slot: bytes | None) -> None:
        if (address, slot) in self._asked:
            return
        slots = [] if slot is None else [data(slot)]
        answer = self._ask("eth_getProof", [address, slots, quantity(self.head.number)])
        nodes = _read(_proof_nodes, answer)
        self._keep(nodes)
        self._asked.add((address, slot))

    def _fetch(self, transaction: str, block: int) -> None:
        """Both tries of a block, rebuilt from what the node tells of its transactions."""
        header, answer = self.header(block), self._block(block, whole=True)
        try:
            hashes = [one["hash"] for one in answer["transactions"]]
            transactions = [encode_transaction(one) for one in answer["transactions"]]
            told = self._node.batch([("eth_getTransactionReceipt", [one]) for one in hashes])
            receipts = [encode_receipt(one) for one in told]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CannotProveError("the node tells of a transaction or receipt of an unknown kind") from None
        if transaction not in hashes:
            raise CannotProveError("the node's block does not hold a transaction that it should")
        position = hashes.index(transaction)
        for values, root, what in (
            (transactions, header.transactions_root, "transactions"),
            (receipts, header.receipts_root, "receipts"),
        ):
            trie: Any = HexaryTrie({})
            for place, value in enumerate(values):
                trie[rlp.encode(place)] = value
            if trie.root_hash != root:
                raise CannotProveError(f"the node's {what} of block {block} do not lead to its header")
            self._keep([rlp.encode(node) for node in trie.get_proof(rlp.encode(position))])
        self._known_places[transaction] = position

    def _keep(self, nodes: list[bytes]) -> None:
        nodes = [node for node in nodes if len(node) >= 32]  # a shorter one stands in its parent itself
        self._bytes.update(nodes)
        self._pool.add(nodes)

    def _block(self, number: int, *, whole: bool) -> Mapping[str, Any]:
        answer = self._ask("eth_getBlockByNumber", [quantity(number), whole])
        if not isinstance(answer, dict):
            raise CannotProveError("the node does not have a block that it should")
        return answer

    def _ask(self, method: str, params: list[Any]) -> Any:
        try:
            return self._node.rpc(method, params)
        except NodeRefusedError as error:
            raise CannotProveError(f"the node refuses {method}", params={"method": method}) from error


def open_prover(node: Node) -> Prover:
    """A prover at the chain's newest block.

    :raises CannotProveError: the chain's headers are not QBFT's, or not told in full
    :raises NodeError: the node cannot be asked
    """
    answer = node.rpc("eth_getBlockByNumber", ["latest", False])
    if not isinstance(answer, dict) or answer.get("mixHash") != data(MIX_HASH):
        raise CannotProveError("the chain's blocks are not sealed by QBFT validators")
    return Prover(node, read_header(answer))


def read_header(answer: Mapping[str, Any]) -> Header:
    """A QBFT header from what a node tells of a block, held against the block's hash.

    :raises CannotProveError: what it tells does not make up that hash
    """
    try:
        header = parse_header(encode_header(answer))
        same = header.hash == answer["hash"]
    except (HeaderError, ValueError, KeyError, TypeError, AttributeError):
        same = False
    if not same:
        raise CannotProveError("the node does not tell a header in full: its fields do not make up its hash")
    return header


def _read(parse: Any, answer: Any) -> Any:
    try:
        return parse(answer)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CannotProveError("the node's proof is malformed") from None


def _proof_nodes(answer: Mapping[str, Any]) -> list[bytes]:
    nodes = [*answer["accountProof"], *(node for one in answer["storageProof"] for node in one["proof"])]
    return [parse_data(node) for node in nodes]
