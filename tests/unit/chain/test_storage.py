"""Variables found in slots; that the contracts answer the same is tested with the party questions."""

from __future__ import annotations

from typing import Any

import pytest

from chain.contracts import Artifact
from chain.intents import keccak
from chain.storage import LayoutError, Storage

KEY = "0x" + "11" * 20


def word(value: int) -> bytes:
    """32 bytes."""
    return value.to_bytes(32, "big")


def storage(name: str, slots: dict[bytes, int]) -> Storage:
    """A contract's storage with these slots."""
    return Storage(Artifact.load(name).layout, lambda slot: slots.get(slot, 0))


def test_a_struct_in_a_mapping():
    slot = keccak(bytes(12) + bytes.fromhex(KEY[2:]) + word(4))
    held = 3 | 1_760_000_000 << 32 | 1_770_000_000 << 80 | 1 << 128
    found = storage("Parties", {slot: held}).read("_keys", KEY)
    assert found == {"party": 3, "since": 1_760_000_000, "until": 1_770_000_000, "custodial": True}
    nothing = storage("Parties", {}).read("_keys", KEY)
    assert nothing == {"party": 0, "since": 0, "until": 0, "custodial": False}


def test_a_struct_of_several_slots():
    first = int.from_bytes(keccak(word(9) + word(3)), "big")
    slots = {word(first): 1 | 1 << 96, word(first + 1): 7, word(first + 2): 8}
    found = storage("Parties", slots).read("_parties", 9)
    assert (found["admitted"], found["suspended"]) == (1, True)
    assert (found["profile"], found["rulebook"]) == (word(7), word(8))


def test_an_array_in_a_mapping_in_a_mapping():
    array = keccak(word(1) + keccak(word(9) + word(6)))
    first = int.from_bytes(keccak(array), "big")
    slots = {array: 2, word(first): 10 | 20 << 48, word(first + 1): 30}
    parties = storage("Parties", slots)
    assert parties.length("_earlierTenures", 9, 1) == 2
    assert parties.read("_earlierTenures", 9, 1, 0) == {"from": 10, "until": 20}
    assert parties.read("_earlierTenures", 9, 1, 1) == {"from": 30, "until": 0}


def test_plain_variables():
    log = storage("AnchorLog", {word(0): 5, word(1): 6 | 7 << 64 | 8 << 128})
    assert log.read("_root") == word(5)
    assert [log.read(name) for name in ("_size", "_block", "_time")] == [6, 7, 8]
    office = storage("Parties", {word(2): int(KEY, 16) | 4 << 160 | 5 << 192}).read("_office")
    assert office == {"administrator": KEY, "sequence": 4, "partyCount": 5}


def test_a_type_of_the_contracts_own_is_a_number():
    bill = b"\x5a" * 32
    assert storage("RailBills", {keccak(bill + word(2)): 99}).read("_words", bill) == 99


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("Parties", lambda s: s.read("_nothing")),
        ("Parties", lambda s: s.read("_office", 1)),
        ("Parties", lambda s: s.read("_keys")),
        ("Parties", lambda s: s.read("_keys", KEY, 1)),
        ("Parties", lambda s: s.read("_earlierTenures", 1, 1)),
        ("Parties", lambda s: s.length("_lastTenure", 1, 1)),
        ("Parties", lambda s: s.read("_nameFallback")),
        ("Parties", lambda s: s.length("_nothing")),
    ],
)
def test_what_is_not_there_or_not_known_is_named(name: str, ask: Any):
    with pytest.raises(LayoutError):
        ask(storage(name, {}))
