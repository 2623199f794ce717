"""A chain as sealed headers and nodes of its tries show it: no node is asked.

The header with the highest number is the one at which contracts are read; the others hold transactions.
Whether headers are sealed is checked first (:func:`open_sealed`); everything else then follows by hashes.

>>> chain = open_sealed(raw_headers, eras, places, nodes, most=3)     # doctest: +SKIP
>>> chain.slot(contract, slot)                                        # doctest: +SKIP
>>> chain.mined("0x…", block=12).receipt.logs                         # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from chain.contracts import Artifact
from chain.intents import Address, keccak
from chain.qbft import Era, Header, HeaderError, parse_header, verify_sealed
from chain.rlpread import ProofError
from chain.storage import Storage
from chain.witness import Mined, Pool

__all__ = ["MissingHeaderError", "Placed", "SealedChain", "TransactionElsewhereError", "open_sealed"]


class MissingHeaderError(ProofError):
    """A block's header is not there: what stands in the block is unknown."""

    code: ClassVar[str] = "header-missing"


class TransactionElsewhereError(ProofError):
    """A transaction is not shown to stand in the block and at the place where it is said to be."""

    code: ClassVar[str] = "transaction-elsewhere"


@dataclass(frozen=True, slots=True)
class Placed:
    """A transaction that stands in a block: the block's header, its place there, what became of it."""

    header: Header
    position: int
    receipt: Mined


class SealedChain:
    """What sealed headers and a pool of nodes say.

    :param headers: by number; believed
    :param places: of each transaction the place in its block
    :param pool: nodes of the tries under these headers
    :ivar head: the header at which contracts are read
    """

    def __init__(self, headers: Mapping[int, Header], places: Mapping[str, int], pool: Pool) -> None:
        self._headers = headers
        self._places = places
        self._pool = pool
        self.head = headers[max(headers)]

    def header(self, number: int) -> Header:
        """A block's header.

        :raises ProofError: it is not there
        """
        header = self._headers.get(number)
        if header is None:
            raise MissingHeaderError(f"the header of block {number} is missing", params={"block": number})
        return header

    def code_hash(self, address: Address) -> bytes:
        """Keccak-256 of an account's code; of no code where there is no account.

        :raises ProofError: it cannot be read
        """
        account = self._pool.account(self.head.state_root, address)
        return keccak(b"") if account is None else account.code_hash

    def slot(self, address: Address, slot: bytes) -> int:
        """What a contract's storage slot holds; zero where nothing does.

        :param slot: its number, 32 bytes
        :raises ProofError: it cannot be read
        """
        account = self._pool.account(self.head.state_root, address)
        return 0 if account is None else self._pool.slot(account.storage_root, slot)

    def storage(self, artifact: Artifact, address: Address) -> Storage:
        """A contract's variables; reading them raises :class:`ProofError` where they cannot be read."""
        return Storage(artifact.layout, partial(self.slot, address))

    def mined(self, transaction: str, block: int) -> Placed:
        """A transaction in a block.

        :raises ProofError: it is not shown to stand there, or cannot be read
        """
        header, position = self.header(block), self._places.get(transaction)
        if position is None:
            raise _elsewhere(transaction)
        found = self._pool.transaction(header.transactions_root, position)
        if found is None or "0x" + keccak(found).hex() != transaction:
            raise _elsewhere(transaction)
        receipt = self._pool.receipt(header.receipts_root, position)
        if receipt is None:
            raise _elsewhere(transaction)
        return Placed(header, position, receipt)


def open_sealed(
    headers: Sequence[bytes],
    eras: Sequence[Era],
    places: Mapping[str, int],
    nodes: Iterable[bytes],
    *,
    most: int,
) -> SealedChain:
    """Check headers and give the chain under them.

    :param headers: RLP, ascending by number, none twice
    :param eras: who is trusted to seal, in ascending order
    :param most: how many headers there may be; more are refused unread
    :raises ProofError: a header is malformed, out of order, or not sealed
    """
    if not 0 < len(headers) <= most:
        raise HeaderError("there are no headers, or more than anything here stands in", params={"most": most})
    read = [parse_header(raw) for raw in headers]
    if any(later.number <= earlier.number for earlier, later in pairwise(read)):
        raise HeaderError("the headers are not in order")
    for header in read:
        verify_sealed(header, eras)
    return SealedChain({header.number: header for header in read}, places, Pool(nodes))


def _elsewhere(transaction: str) -> TransactionElsewhereError:
    params: dict[str, Any] = {"transaction": transaction}
    return TransactionElsewhereError("a transaction does not stand where it is said to be", params=params)
