"""A chain read from sealed headers and nodes: what is not shown to be so is refused by its own name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import rlp
from trie.hexary import HexaryTrie

from chain.intents import keccak
from chain.qbft import Era, Header, HeaderError, NotSealedError
from chain.sealedchain import MissingHeaderError, SealedChain, TransactionElsewhereError, open_sealed
from chain.witness import EMPTY_ROOT, MissingNodeError
from tests.qbftlab import FIRST, SECOND, sealed_like

CONTRACT = "0x" + "11" * 20
SLOT = bytes(31) + b"\x07"
ERAS = [Era(0, frozenset(key.address for key in FIRST))]
TRANSACTIONS = [
    b"\xf8first transaction of a block that holds a few of them",
    b"\x02" + b"second" * 9,
    b"third" * 9,
]


def trie(content: dict[bytes, bytes]) -> tuple[bytes, list[bytes]]:
    """A trie's root, and all its nodes."""
    made = HexaryTrie({}, prune=True)
    for key, value in content.items():
        made[key] = value
    return made.root_hash, [*made.db.values()]


def name(transaction: bytes) -> str:
    """A transaction's hash."""
    return "0x" + keccak(transaction).hex()


@dataclass
class World:
    """A block with a contract and three transactions, and an empty block after it."""

    headers: list[Header]
    nodes: list[bytes]

    def open(self, places: dict[str, int] | None = None) -> SealedChain:
        """The chain as it is read."""
        places = {name(one): place for place, one in enumerate(TRANSACTIONS)} if places is None else places
        return open_sealed([one.encoded for one in self.headers], ERAS, places, self.nodes, most=2)


def header(
    number: int, state: bytes, transactions: bytes = EMPTY_ROOT, receipts: bytes = EMPTY_ROOT
) -> Header:
    """A sealed header."""
    fields = [bytes(32)] * 3 + [state, transactions, receipts, bytes(256), 0, number, 1, 0, 1000 + number]
    return sealed_like(rlp.encode([*fields, b"", bytes(32), bytes(8)]), FIRST)


@pytest.fixture
def world() -> World:
    """See :class:`World`."""
    storage, nodes = trie({keccak(SLOT): rlp.encode(99), keccak(bytes(32)): rlp.encode(1)})
    account = rlp.encode([1, 0, storage, keccak(b"code")])
    state, more = trie({keccak(bytes.fromhex(CONTRACT[2:])): account})
    receipt = rlp.encode([1, 1, bytes(256), [[bytes.fromhex(CONTRACT[2:]), [b"\x01" * 32], b"said"]]])
    receipts, those = trie(
        {
            rlp.encode(0): receipt,
            rlp.encode(1): b"\x02" + receipt,
            rlp.encode(2): rlp.encode([0, 1, bytes(256), []]),
        }
    )
    transactions, these = trie({rlp.encode(place): one for place, one in enumerate(TRANSACTIONS)})
    return World(
        [header(5, b"\x5a" * 32, transactions, receipts), header(9, state)], [*nodes, *more, *those, *these]
    )


def test_all_that_is_shown_is_read(world):
    chain = world.open()
    assert (chain.head.number, chain.header(5).timestamp) == (9, 1005)
    assert chain.code_hash(CONTRACT) == keccak(b"code")
    assert chain.slot(CONTRACT, SLOT) == 99
    assert chain.slot(CONTRACT, b"\x5a" * 32) == 0
    assert chain.code_hash("0x" + "22" * 20) == keccak(b"")
    assert chain.slot("0x" + "22" * 20, SLOT) == 0
    for place, transaction in enumerate(TRANSACTIONS):
        at = chain.mined(name(transaction), 5)
        assert (at.header.number, at.position, at.receipt.succeeded) == (5, place, place < 2)
    assert chain.mined(name(TRANSACTIONS[0]), 5).receipt.logs[0].data == b"said"


def test_each_node_is_needed_for_something(world):
    def all_read(nodes: list[bytes]) -> list[object]:
        chain = World(world.headers, nodes).open()
        mined = [chain.mined(name(transaction), 5).position for transaction in TRANSACTIONS]
        return [chain.slot(CONTRACT, SLOT), chain.slot(CONTRACT, bytes(32)), *mined]

    assert all_read(world.nodes) == [99, 1, 0, 1, 2]
    for place in range(len(world.nodes)):
        with pytest.raises(MissingNodeError):
            all_read(world.nodes[:place] + world.nodes[place + 1 :])


@pytest.mark.parametrize(
    "places",
    [
        {},
        {name(TRANSACTIONS[0]): 1},
        {name(TRANSACTIONS[0]): 3},
        {name(TRANSACTIONS[0]): 2**53 - 1},
    ],
)
def test_a_transaction_that_is_not_at_its_place(world, places):
    with pytest.raises(TransactionElsewhereError):
        world.open(places).mined(name(TRANSACTIONS[0]), 5)


def test_a_transaction_in_another_block(world):
    with pytest.raises(MissingHeaderError):
        world.open().mined(name(TRANSACTIONS[0]), 6)
    with pytest.raises(TransactionElsewhereError):
        world.open().mined(name(TRANSACTIONS[0]), 9)
    with pytest.raises(TransactionElsewhereError):
        world.open({name(b"unknown"): 0}).mined(name(b"unknown"), 5)


def test_headers_must_be_sealed_in_order_and_not_too_many(world):
    raws = [one.encoded for one in world.headers]
    for wrong in (raws[::-1], [raws[0], raws[0]], [], [*raws, header(10, bytes(32)).encoded]):
        with pytest.raises(HeaderError):
            open_sealed(wrong, ERAS, {}, world.nodes, most=2)
    others = [Era(0, frozenset(key.address for key in SECOND))]
    for eras in (others, [], [Era(6, ERAS[0].validators)]):
        with pytest.raises(NotSealedError):
            open_sealed(raws, eras, {}, world.nodes, most=2)
