"""Tries walked through pools of nodes, held against the library that builds them."""

from __future__ import annotations

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from chain.intents import keccak
from chain.witness import EMPTY_ROOT, MissingNodeError, Pool, TrieError, WitnessedLog, read_receipt

keys = st.binary(min_size=1, max_size=4)
tries = st.dictionaries(keys, st.binary(min_size=1, max_size=40), min_size=1, max_size=40)


def built(content: dict[bytes, bytes]) -> HexaryTrie:
    """A trie that holds this."""
    trie = HexaryTrie({})
    for key, value in content.items():
        trie[key] = value
    return trie


def proof(trie: HexaryTrie, key: bytes) -> list[bytes]:
    """The nodes on the way to a key."""
    return [rlp.encode(node) for node in trie.get_proof(key)]


@given(tries, keys)
@settings(deadline=None)
def test_a_pool_says_what_the_trie_holds(content, other):
    trie = built(content)
    for key in {*content, other}:
        assert Pool(proof(trie, key)).get(trie.root_hash, key) == content.get(key)
    whole = Pool(node for key in content for node in proof(trie, key))
    assert [whole.get(trie.root_hash, key) for key in content] == [*content.values()]


@given(tries, keys, st.data())
@settings(deadline=None)
def test_without_a_node_it_is_unknown_never_absent(content, other, data):
    trie = built(content)
    key = data.draw(st.sampled_from([*content, other]))
    nodes = proof(trie, key)
    hashed = [node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32]
    gone = data.draw(st.sampled_from(hashed))
    with pytest.raises(MissingNodeError):
        Pool(node for node in hashed if node != gone).get(trie.root_hash, key)


def test_an_empty_trie_holds_nothing():
    assert Pool([]).get(EMPTY_ROOT, b"key") is None
    assert HexaryTrie({}).root_hash == EMPTY_ROOT
    with pytest.raises(MissingNodeError):
        Pool([]).get(b"\x5a" * 32, b"key")


def test_a_block_of_many_transactions():
    content = {rlp.encode(place): b"transaction %d" % place * 4 for place in range(300)}
    trie = built(content)
    for place in (0, 1, 15, 16, 127, 128, 255, 256, 299):
        pool = Pool(proof(trie, rlp.encode(place)))
        assert pool.transaction(trie.root_hash, place) == content[rlp.encode(place)]
    assert Pool(proof(trie, rlp.encode(300))).transaction(trie.root_hash, 300) is None


ACCOUNT = [1, 2, b"\x03" * 32, b"\x04" * 32]
ADDRESS = "0x" + "11" * 20


def state(value: bytes) -> tuple[Pool, bytes]:
    """A state that holds one account."""
    trie = built({keccak(bytes.fromhex(ADDRESS[2:])): value})
    return Pool(proof(trie, keccak(bytes.fromhex(ADDRESS[2:])))), trie.root_hash


def test_accounts():
    pool, root = state(rlp.encode(ACCOUNT))
    account = pool.account(root, ADDRESS)
    assert (account.nonce, account.balance) == (1, 2)
    assert (account.storage_root, account.code_hash) == (b"\x03" * 32, b"\x04" * 32)
    assert pool.account(root, "0x" + "22" * 20) is None


@pytest.mark.parametrize(
    "value",
    [
        b"account",
        rlp.encode(ACCOUNT[:3]),
        rlp.encode([*ACCOUNT, b""]),
        rlp.encode([b"\0", *ACCOUNT[1:]]),
        rlp.encode([1, 2, b"\x03" * 31, b"\x04" * 32]),
        rlp.encode([[], *ACCOUNT[1:]]),
        rlp.encode(ACCOUNT) + b"\0",
    ],
)
def test_what_is_no_account_is_an_error_of_its_own(value):
    pool, root = state(value)
    with pytest.raises(TrieError):
        pool.account(root, ADDRESS)


def storage(slot: bytes, value: bytes) -> tuple[Pool, bytes]:
    """A storage that holds one slot."""
    trie = built({keccak(slot): value})
    return Pool(proof(trie, keccak(slot))), trie.root_hash


def test_slots():
    slot = b"\x07".rjust(32, b"\0")
    for number in (1, 127, 128, 2**256 - 1):
        pool, root = storage(slot, rlp.encode(number))
        assert pool.slot(root, slot) == number
    assert pool.slot(root, bytes(32)) == 0
    for value in (
        b"\x00",
        b"\x81\x05",
        rlp.encode([1]),
        rlp.encode(b"\x01" * 33),
        rlp.encode(7) + b"\0",
        b"\x81",
    ):
        pool, root = storage(slot, value)
        with pytest.raises(TrieError):
            pool.slot(root, slot)


@pytest.mark.parametrize(
    "node",
    [
        rlp.encode([b""] * 16),
        rlp.encode([b""] * 18),
        rlp.encode([b"\x20" + b"\x11" * 8]),
        rlp.encode([b"", b"value"]),  # a leaf without its flag
        rlp.encode([b"\x40", b"value"]),  # an unknown flag
        rlp.encode([b"\x2f", b"value"]),  # an even path with its half filled
        rlp.encode([b"\x00", b"\x11" * 32]),  # an extension over nothing
        rlp.encode([b"\x20" + keccak(b"key"), b""]),  # a leaf that holds nothing
        rlp.encode([b"\x20" + keccak(b"key"), [b"value"]]),
        rlp.encode([b"\x00" + keccak(b"key")[:1], b""]),  # an extension to nothing
        rlp.encode([b"\x00" + keccak(b"key")[:1], b"\x11" * 31]),
        rlp.encode([b"\x11"] * 17),
        rlp.encode([[b""]] * 17),
        rlp.encode([[], b"value"]),
        b"node",
        rlp.encode([b""] * 17) + b"\0",
        b"\xc1" * 2000 + b"\xc0",
    ],
)
def test_malformed_nodes_are_an_error_of_their_own(node):
    with pytest.raises(TrieError):
        Pool([node]).get(keccak(node), keccak(b"key"))


def test_a_walk_ends_though_nodes_are_nested():
    inner = [b"\x20" + b"\x11" * 31, b"value"]
    for _ in range(60):
        inner = [b"\x11", inner]
    node = rlp.encode(inner)
    assert Pool([node]).get(keccak(node), b"\x11" * 4) is None


BLOOM = bytes(256)
LOG = [b"\x11" * 20, [b"\x01" * 32, b"\x02" * 32], b"data"]


@pytest.mark.parametrize("kind", [b"", b"\x01", b"\x02", b"\x03", b"\x04", b"\x7f"])
def test_receipts_of_every_type(kind):
    found = read_receipt(kind + rlp.encode([1, 21_000, BLOOM, [LOG]]))
    assert found.succeeded
    assert found.logs == (WitnessedLog("0x" + "11" * 20, (b"\x01" * 32, b"\x02" * 32), b"data"),)
    assert not read_receipt(kind + rlp.encode([0, 21_000, BLOOM, []])).succeeded


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x80",
        rlp.encode([1, 21_000, BLOOM]),
        rlp.encode([1, 21_000, BLOOM, [], b""]),
        rlp.encode([b"\x5a" * 32, 21_000, BLOOM, []]),  # before Byzantium: a root where the status is
        rlp.encode([1, 21_000, BLOOM, [[*LOG, b""]]]),
        rlp.encode([1, 21_000, BLOOM, [[b"\x11" * 19, *LOG[1:]]]]),
        rlp.encode([1, 21_000, BLOOM, [[LOG[0], [b"\x01"], b""]]]),
        b"\x01\x02" + rlp.encode([1, 21_000, BLOOM, []]),
        rlp.encode([1, 21_000, BLOOM, []]) + b"\0",
    ],
)
def test_what_is_no_receipt_is_an_error_of_its_own(raw):
    with pytest.raises(TrieError):
        read_receipt(raw)
