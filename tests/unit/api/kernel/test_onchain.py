"""A sealed part answers what a node would: the events of one subject and one contract alone, in order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import rlp
from trie.hexary import HexaryTrie

from api.kernel.onchain import MissingCodeError, SealedView, sealed_view
from chain.contracts import Artifact
from chain.deploy import verify_published
from chain.intents import keccak
from chain.qbft import Era
from chain.sealedchain import SealedChain, open_sealed
from tests.qbftlab import FIRST, sealed_like

BILLS, LOG, OTHER = ("0x" + digit * 40 for digit in "123")
BILL = b"\x5a" * 32
ACTED = bytes.fromhex(Artifact.load("RailBills").topic("Acted")[2:])
ANCHORED = bytes.fromhex(Artifact.load("AnchorLog").topic("Anchored")[2:])


def acted(number: int, *, by: str = BILLS, bill: bytes = BILL, topic: bytes = ACTED) -> list[object]:
    """The log of an act with this number for its word."""
    data = b"".join(value.to_bytes(32, "big") for value in (1, number, 0))
    return [bytes.fromhex(by[2:]), [topic, bill], data]


def anchored(size: int, *, by: str = LOG) -> list[object]:
    """The log of an anchor."""
    return [bytes.fromhex(by[2:]), [ANCHORED], size.to_bytes(32, "big") + bytes(32)]


@dataclass
class Block:
    """A block of transactions, each with whether it succeeded and its logs."""

    number: int
    transactions: list[tuple[int, list[object]]]

    def name(self, place: int) -> str:
        """A transaction's hash."""
        return "0x" + keccak(self.raw(place)).hex()

    def raw(self, place: int) -> bytes:
        """A transaction."""
        return f"transaction {place} of block {self.number}, and so on and on".encode()

    def header_and_nodes(self) -> tuple[bytes, list[bytes]]:
        """Its header, and its tries' nodes."""
        tries = []
        for values in (
            [self.raw(place) for place in range(len(self.transactions))],
            [rlp.encode([status, 1, bytes(256), logs]) for status, logs in self.transactions],
        ):
            trie = HexaryTrie({}, prune=True)
            for place, value in enumerate(values):
                trie[rlp.encode(place)] = value
            tries.append(trie)
        roots = [trie.root_hash for trie in tries]
        fields = [bytes(32)] * 4 + [*roots, bytes(256), 0, self.number, 1, 0, 1000 + self.number]
        header = sealed_like(rlp.encode([*fields, b"", bytes(32), bytes(8)]), FIRST)
        return header.encoded, [node for trie in tries for node in trie.db.values()]


def view(*blocks: Block) -> SealedView:
    """What a sealed part of these blocks shows."""
    headers, nodes = zip(*(block.header_and_nodes() for block in blocks), strict=True)
    places = {block.name(place): place for block in blocks for place in range(len(block.transactions))}
    eras = [Era(0, frozenset(key.address for key in FIRST))]
    flat = [node for each in nodes for node in each]
    chain = open_sealed(headers, eras, places, flat, most=len(blocks))
    return SealedView(chain, {"RailBills": BILLS, "AnchorLog": LOG})


def words(seen: SealedView, *places: tuple[int, str]) -> list[int]:
    """The words of the bill's events in these transactions."""
    return [one.arguments["word"] for one in seen.events("RailBills", "Acted", BILL, places)]


def test_events_of_the_bill_and_the_contract_alone():
    block = Block(
        5,
        [
            (
                1,
                [
                    acted(1),
                    acted(2, by=OTHER),
                    acted(3, bill=b"\x11" * 32),
                    acted(4, topic=ANCHORED),
                    acted(5),
                ],
            ),
            (1, [acted(6, by=LOG)]),
            (1, [[bytes.fromhex(BILLS[2:]), [], b""], acted(7)]),
        ],
    )
    seen = view(block)
    assert words(seen, (5, block.name(0))) == [1, 5]
    assert words(seen, (5, block.name(1))) == []
    assert words(seen, (5, block.name(2))) == [7]
    (event,) = seen.events("RailBills", "Acted", BILL, [(5, block.name(2))])
    assert (event.block, event.time, event.transaction) == (5, 1005, block.name(2))


def test_events_come_in_the_chains_order_and_once():
    first, second = Block(5, [(1, [acted(1)]), (1, [acted(2)])]), Block(9, [(1, [acted(3)])])
    seen = view(first, second)
    places = [(9, second.name(0)), (5, first.name(1)), (5, first.name(0)), (5, first.name(1))]
    assert words(seen, *places) == [1, 2, 3]


def test_what_a_transaction_left():
    block = Block(
        5, [(1, [anchored(7), anchored(8, by=OTHER), acted(1)]), (0, []), (0, [anchored(9)]), (1, [])]
    )
    seen = view(block)
    sizes = [seen.logged("AnchorLog", block.name(place), 5) for place in range(4)]
    assert [one and [event.arguments["size"] for event in one] for one in sizes] == [[7], None, None, []]


class Coded(SealedChain):
    """A chain of which only the codes are known."""

    def __init__(self, codes: dict[str, bytes]) -> None:
        self._codes = codes

    def code_hash(self, address: str) -> bytes:
        return keccak(self._codes[address])


def test_the_contracts_are_the_published_ones():
    code = Artifact.load("AnchorLog").deployed_bytecode
    verify_published("AnchorLog", LOG, code)
    assert sealed_view(Coded({LOG: code}), {"AnchorLog": LOG}, {"AnchorLog": code}).fault is None
    other = Artifact.load("Parties").deployed_bytecode
    seen = sealed_view(Coded({LOG: other}), {"AnchorLog": LOG}, {"AnchorLog": other})
    assert seen.fault == "what stands at the address is not AnchorLog"
    unknown = sealed_view(Coded({LOG: code}), {"Nothing": LOG}, {"Nothing": code})
    assert unknown.fault is not None
    for codes in ({}, {"AnchorLog": other}, {"AnchorLog": b""}):
        with pytest.raises(MissingCodeError):
            sealed_view(Coded({LOG: code}), {"AnchorLog": LOG}, codes)
