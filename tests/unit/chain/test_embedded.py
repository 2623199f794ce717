"""The embedded node: what it answers, what it refuses, and the traps it hides."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_account import Account as EthAccount
from eth_utils.address import to_checksum_address

from chain.client import Chain, Receipt
from chain.embedded import EmbeddedNode
from chain.evm import Draft
from chain.intents import Address, keccak
from chain.node import NodeDownError, NodeRefusedError, WrongChainError
from chain.signers import KeySigner
from tests.nodelab import CHAIN_ID, RICH, RUNTIME, Account, deploy, mined, typed, word

NOW = 1_795_305_600


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "chain.db"


@pytest.fixture
def node(path: Path, clock: Clock) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(path, CHAIN_ID, alloc={RICH.address: 10**18}, clock=clock)
    yield node
    node.close()


@pytest.fixture
def chain(node: EmbeddedNode) -> Chain:
    return Chain(node)


@pytest.fixture
def account() -> Account:
    return Account()


# Genesis and restart


def test_genesis_is_the_same_for_the_same_chain(tmp_path: Path) -> None:
    def genesis(name: str, chain_id: int, alloc: dict[Address, int]) -> str:
        node = EmbeddedNode(tmp_path / name, chain_id, alloc=alloc)
        block = Chain(node).block(0)
        node.close()
        assert block is not None
        return block.hash

    rich = {RICH.address: 1}
    assert genesis("a", 1, rich) == genesis("b", 1, rich)
    assert len({genesis("c", 1, {}), genesis("d", 2, rich), genesis("e", 1, rich)}) == 3


def test_another_chain_id_is_refused(node: EmbeddedNode, path: Path) -> None:
    node.close()
    with pytest.raises(WrongChainError) as caught:
        EmbeddedNode(path, CHAIN_ID + 1)
    assert caught.value.code == "node-wrong-chain"
    assert caught.value.params == {"expected": str(CHAIN_ID + 1), "found": str(CHAIN_ID)}


def test_restart_finds_all_as_it_was(path: Path, clock: Clock, account: Account) -> None:
    node = EmbeddedNode(path, CHAIN_ID, clock=clock)
    chain = Chain(node)
    contract = deploy(chain, account)
    hashes = [chain.send_raw(account.put(contract, 7, value)[0]) for value in range(1, 4)]

    def picture() -> tuple[Any, ...]:
        return (
            chain.block("latest"),
            [chain.block(number) for number in range(chain.block_number() + 1)],
            chain.nonce(account.address),
            chain.code(contract),
            chain.call(contract, word(7)),
            chain.logs(0, 100),
            [chain.receipt(hash_) for hash_ in hashes],
            [chain.transaction(hash_) for hash_ in hashes],
            chain.node.rpc("eth_getStorageAt", [contract, "0x7", "latest"]),
        )

    before = picture()
    node.close()
    chain.node = EmbeddedNode(path, CHAIN_ID, clock=clock)
    assert picture() == before
    assert before[3] == RUNTIME
    assert before[4] == word(3)
    assert len(before[5]) == 3
    chain.send_raw(account.put(contract, 7, 9)[0])
    assert chain.call(contract, word(7)) == word(9)
    chain.node.close()


def test_closed_node_is_down(node: EmbeddedNode) -> None:
    node.close()
    node.close()
    with pytest.raises(NodeDownError):
        node.rpc("eth_getBlockByNumber", ["latest", False])


def test_blocks_hash_their_headers_and_name_their_parents(
    node: EmbeddedNode, chain: Chain, account: Account
) -> None:
    contract = deploy(chain, account)
    for value in range(3):
        chain.send_raw(account.put(contract, value, value)[0])
    parent = None
    for number in range(5):
        block = chain.block(number)
        assert block is not None
        stored = node._store.block(number)
        assert stored is not None
        assert keccak(stored.header).hex() == block.hash[2:]
        assert rlp.decode(stored.header)[0].hex() == block.parent_hash[2:]
        if parent is not None:
            assert block.parent_hash == parent.hash
        assert chain.block(block.hash) == block
        parent = block
    assert chain.block(5) is None
    assert chain.block(2**200) is None
    assert chain.block("0x" + "11" * 32) is None


# Time


def test_a_block_bears_the_time_of_its_own_making(chain: Chain, account: Account, clock: Clock) -> None:
    contract = deploy(chain, account)
    clock.now += 45
    chain.send_raw(account.put(contract, 1, 1)[0])
    block = chain.block("latest")
    assert block is not None
    assert block.timestamp == NOW + 45


def test_blocks_of_one_second_bear_that_second(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    for _ in range(5):
        chain.send_raw(account.put(contract, 1, 1)[0])
    block = chain.block("latest")
    assert block is not None
    assert block.timestamp == NOW


def test_a_clock_that_goes_back_holds_the_chains_time(
    path: Path, chain: Chain, account: Account, clock: Clock
) -> None:
    contract = deploy(chain, account)
    clock.now -= 3600
    chain.send_raw(account.put(contract, 1, 1)[0])
    assert int.from_bytes(chain.call(contract, b""), "big") == NOW
    chain.node.close()
    clock.now -= 3600
    chain.node = EmbeddedNode(path, CHAIN_ID, clock=clock)
    chain.send_raw(account.put(contract, 1, 2)[0])
    blocks = [chain.block(number) for number in range(1, 4)]
    assert [block and block.timestamp for block in blocks] == [NOW, NOW, NOW]
    clock.now = NOW + 10
    chain.send_raw(account.put(contract, 1, 3)[0])
    block = chain.block("latest")
    assert block is not None
    assert block.timestamp == NOW + 10
    chain.node.close()


def test_a_call_after_idle_hours_sees_the_time_of_now(chain: Chain, account: Account, clock: Clock) -> None:
    contract = deploy(chain, account)
    clock.now += 7200
    assert int.from_bytes(chain.call(contract, b""), "big") == NOW + 7200
    assert int.from_bytes(chain.call(contract, b"", "pending"), "big") == NOW + 7200
    assert int.from_bytes(chain.call(contract, b"", 1), "big") == NOW


def test_a_call_knows_which_block_it_is_in(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    chain.send_raw(account.put(contract, 1, 1)[0])
    number, parent = bytes(5), bytes(6)
    assert int.from_bytes(chain.call(contract, number), "big") == 2
    assert int.from_bytes(chain.call(contract, number, "pending"), "big") == 3
    assert int.from_bytes(chain.call(contract, number, 1), "big") == 1
    blocks = [chain.block(n) for n in range(3)]
    hashes = [block.hash for block in blocks if block]
    assert chain.call(contract, parent).hex() == hashes[1][2:]
    assert chain.call(contract, parent, "pending").hex() == hashes[2][2:]
    assert chain.call(contract, parent, 1).hex() == hashes[0][2:]


# Sending


def test_old_state_stays_readable(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    for value in (5, 6):
        chain.send_raw(account.put(contract, 1, value)[0])
    assert [chain.call(contract, word(1), n) for n in (1, 2, 3)] == [word(0), word(5), word(6)]
    assert chain.balance(RICH.address, 0) == 10**18
    assert chain.code(contract, 0) == b""


@pytest.mark.parametrize("chain_id", [1, CHAIN_ID + 1])
def test_a_transaction_for_another_chain_is_refused(chain: Chain, chain_id: int) -> None:
    raw, _ = Account(chain_id=chain_id).sign(RICH.address)
    with pytest.raises(NodeRefusedError, match="invalid chain id") as caught:
        chain.send_raw(raw)
    assert (caught.value.rpc_code, chain.block_number()) == (-32000, 0)


def test_a_typed_transaction_for_another_chain_is_refused(chain: Chain) -> None:
    with pytest.raises(NodeRefusedError, match="invalid chain id"):
        chain.send_raw(typed(RICH, chainId=5))


def test_an_unprotected_transaction_is_refused(chain: Chain) -> None:
    body = [0, 0, 21_000, bytes(20), 0, b""]
    rsv = RICH.sign(keccak(rlp.encode(body))).rsv
    numbers = [rsv[64], int.from_bytes(rsv[:32], "big"), int.from_bytes(rsv[32:64], "big")]
    with pytest.raises(NodeRefusedError, match="replay-protected"):
        chain.send_raw(rlp.encode([*body, *numbers]))


def test_typed_transactions_are_taken(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    dynamic = typed(
        RICH, nonce=1, maxFeePerGas=9, maxPriorityFeePerGas=2, data=word(1) + word(2), to=contract
    )
    place = to_checksum_address(contract)
    fields = {
        "type": 1, "chainId": CHAIN_ID, "nonce": 2, "to": place, "value": 0, "gas": 90_000, "gasPrice": 3,
        "data": word(1) + word(3), "accessList": [{"address": place, "storageKeys": ["0x" + "00" * 32]}],
    }  # fmt: skip
    access = EthAccount.sign_transaction(fields, RICH._key.secret)
    one = chain.send_raw(dynamic)
    two = chain.send_raw(bytes(access.raw_transaction))
    assert one == "0x" + keccak(dynamic).hex()
    assert mined(chain, one).succeeded
    assert chain.call(contract, word(1)) == word(3)
    answers = [chain.node.rpc("eth_getTransactionReceipt", [hash_]) for hash_ in (one, two)]
    assert [(a["type"], a["effectiveGasPrice"]) for a in answers] == [("0x2", "0x2"), ("0x1", "0x3")]
    answer = chain.node.rpc("eth_getTransactionByHash", [one])
    assert (answer["maxFeePerGas"], answer["maxPriorityFeePerGas"], answer["type"]) == ("0x9", "0x2", "0x2")
    assert chain.node.rpc("eth_getTransactionByHash", [two])["accessList"][0]["address"] == contract
    spent = 2 * mined(chain, one).gas_used + 3 * mined(chain, two).gas_used
    assert chain.balance(RICH.address) == 10**18 - spent


def test_a_transfer_moves_value_and_needs_funds(chain: Chain, account: Account) -> None:
    poor = Account(KeySigner(b"\x05" * 32))
    chain.send_raw(account.sign(poor.address, value=1000)[0])
    assert chain.balance(poor.address) == 1000
    with pytest.raises(NodeRefusedError) as caught:
        chain.send_raw(poor.sign(RICH.address, value=1001, nonce=0)[0])
    assert caught.value.reason == "insufficient-funds"
    with pytest.raises(NodeRefusedError) as caught:
        chain.send_raw(poor.sign(RICH.address, gasPrice=1, nonce=0)[0])
    assert caught.value.reason == "insufficient-funds"
    assert chain.nonce(poor.address) == 0


def test_one_without_funds_may_send_for_nothing(chain: Chain) -> None:
    poor = Account(KeySigner(b"\x05" * 32))
    assert mined(chain, chain.send_raw(poor.sign(RICH.address)[0])).succeeded


@pytest.mark.parametrize(
    ("nonce", "reason"), [(0, "nonce-too-low"), (3, "nonce-too-high"), (2**63, "nonce-too-high")]
)
def test_a_nonce_out_of_turn_is_refused_by_name(
    chain: Chain, account: Account, nonce: int, reason: str
) -> None:
    contract = deploy(chain, account)
    chain.send_raw(account.put(contract, 1, 1)[0])
    head = chain.block("latest")
    with pytest.raises(NodeRefusedError) as caught:
        chain.send_raw(account.put(contract, 1, 9, nonce=nonce)[0])
    assert caught.value.reason == reason
    assert (chain.block("latest"), chain.call(contract, word(1))) == (head, word(1))


def test_what_was_mined_is_already_known(chain: Chain, account: Account) -> None:
    raw, hash_ = account.sign(RICH.address)
    assert chain.send_raw(raw) == hash_
    with pytest.raises(NodeRefusedError) as caught:
        chain.send_raw(raw)
    assert (caught.value.reason, chain.block_number()) == ("already-known", 1)


def test_a_batch_is_one_block(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    signed = [account.put(contract, key, key) for key in range(20)]
    assert chain.send_raw_many([raw for raw, _ in signed]) == [hash_ for _, hash_ in signed]
    assert chain.block_number() == 2
    receipts = [mined(chain, hash_) for _, hash_ in signed]
    assert [r.position for r in receipts] == list(range(20))
    assert [log.position for r in receipts for log in r.logs] == list(range(20))
    block = chain.block(2)
    assert block is not None
    assert block.gas_used == sum(r.gas_used for r in receipts)
    assert block.transactions == tuple(hash_ for _, hash_ in signed)
    full = chain.node.rpc("eth_getBlockByNumber", ["0x2", True])["transactions"]
    assert [t["hash"] for t in full] == list(block.transactions)


def test_a_batch_may_come_in_any_order(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    signed = [account.put(contract, key, key) for key in range(6)]
    order = [3, 1, 5, 0, 4, 2]
    answers = chain.send_raw_many([signed[i][0] for i in order])
    assert answers == [signed[i][1] for i in order]
    assert chain.block_number() == 2


def test_one_bad_transaction_of_a_batch_spares_the_others(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    first = account.put(contract, 1, 1)
    gap = account.put(contract, 1, 9, nonce=7)
    foreign = Account(chain_id=1).put(contract, 1, 9, nonce=2)
    reverting = account.sign(contract, bytes(1))
    last = account.put(contract, 3, 3)
    answers = chain.send_raw_many([first[0], gap[0], first[0], foreign[0], b"", reverting[0], last[0]])
    reasons = [a.reason if isinstance(a, NodeRefusedError) else a for a in answers]
    assert reasons == [
        first[1], "nonce-too-high", "already-known", "other", "other", reverting[1], last[1]
    ]  # fmt: skip
    assert chain.block_number() == 2
    assert [mined(chain, h).succeeded for h in (first[1], reverting[1], last[1])] == [True, False, True]
    assert chain.nonce(account.address) == 4


def test_a_batch_over_the_gas_of_a_block_takes_as_few_as_it_can(path: Path, account: Account) -> None:
    chain = Chain(EmbeddedNode(path, CHAIN_ID, gas_limit=1_000_000))
    contract = deploy(chain, account)
    signed = [account.put(contract, key, key + 1) for key in range(20)]
    assert chain.send_raw_many([raw for raw, _ in signed]) == [hash_ for _, hash_ in signed]
    assert chain.block_number() == 3
    with pytest.raises(NodeRefusedError, match="exceeds block gas limit"):
        chain.send_raw(account.sign(contract, gas=1_000_001)[0])
    chain.node.close()


def test_calls_of_a_batch_are_answered_in_order(node: EmbeddedNode, chain: Chain, account: Account) -> None:
    send = [("eth_sendRawTransaction", ["0x" + account.sign(RICH.address)[0].hex()]) for _ in range(3)]
    number = ("eth_blockNumber", [])
    answers = node.batch([number, send[0], send[1], number, ("no_such", []), send[2], number])
    assert [a for a in answers if isinstance(a, str) and len(a) == 3] == ["0x0", "0x1", "0x2"]
    assert answers[4].rpc_code == -32601
    assert node.batch([]) == []


def test_a_defect_of_the_machine_costs_its_cause_alone(
    chain: Chain, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = deploy(chain, account)
    others = [Account(KeySigner(bytes([n]) * 32)) for n in (5, 6, 7)]
    signed = [other.put(contract, n, n + 1) for n, other in enumerate(others)]
    apply = Draft.apply

    def broken(self: Draft, transaction: Any) -> None:
        apply(self, transaction)
        if transaction.sender.hex() == others[1].address[2:]:
            raise RecursionError

    monkeypatch.setattr(Draft, "apply", broken)
    answers = chain.send_raw_many([raw for raw, _ in signed])
    assert [answers[0], answers[2]] == [signed[0][1], signed[2][1]]
    assert isinstance(answers[1], NodeRefusedError)
    assert answers[1].rpc_code == -32603
    assert [chain.call(contract, word(n)) for n in range(3)] == [word(1), word(0), word(3)]
    assert chain.nonce(others[1].address) == 0


def test_calls_as_deep_as_they_go(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    result: list[Receipt] = []

    def run() -> None:  # a thread has the smaller stack
        hash_ = chain.send_raw(account.sign(contract, bytes(3), gas=30_000_000)[0])
        result.append(mined(chain, hash_))
        chain.call(contract, bytes(3))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert result[0].succeeded


def test_many_threads(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    accounts = [Account(KeySigner(bytes([n]) * 32)) for n in range(1, 9)]
    problems: list[BaseException] = []
    stop = threading.Event()

    def write(who: Account, key: int) -> None:
        try:
            for value in range(1, 9):
                hash_ = chain.send_raw(who.put(contract, key, value)[0])
                assert mined(chain, hash_).succeeded
                assert chain.call(contract, word(key)) == word(value)
        except BaseException as error:
            problems.append(error)

    def read() -> None:
        try:
            while not stop.is_set():
                head = chain.block_number()
                assert len(chain.logs(2, head)) >= head - 1
        except BaseException as error:
            problems.append(error)

    writers = [threading.Thread(target=write, args=(who, key)) for key, who in enumerate(accounts)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert problems == []
    assert chain.block_number() == 65
    assert [chain.nonce(who.address) for who in accounts] == [8] * 8


# Calls


def test_a_revert_says_why(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    for attempt in (
        lambda: chain.call(contract, bytes(1)),
        lambda: chain.estimate_gas(contract, bytes(1)),
    ):
        with pytest.raises(NodeRefusedError, match="execution reverted: no such thing") as caught:
            attempt()
        assert caught.value.rpc_code == 3
        assert caught.value.reason == "reverted"
        assert caught.value.revert_data is not None
        assert caught.value.revert_data[:4].hex() == "08c379a0"
        assert b"no such thing" in caught.value.revert_data


@pytest.mark.parametrize(("size", "words"), [(2, "out of gas"), (4, "invalid opcode")])
def test_a_call_that_fails_otherwise_says_how(chain: Chain, account: Account, size: int, words: str) -> None:
    contract = deploy(chain, account)
    with pytest.raises(NodeRefusedError, match=words) as caught:
        chain.node.rpc("eth_call", [{"to": contract, "data": "0x" + "00" * size, "gas": "0xc350"}, "latest"])
    assert caught.value.rpc_code == -32000


def test_calls_change_nothing(chain: Chain, account: Account) -> None:
    contract = deploy(chain, account)
    head = chain.block("latest")
    assert chain.call(contract, word(1) + word(5)) == b""
    assert (chain.call(contract, word(1)), chain.block("latest")) == (word(0), head)


@pytest.mark.parametrize("data", [word(1) + word(5), word(1) + word(5) + word(0), b""])
def test_estimated_gas_is_enough_and_little_less_is_not(chain: Chain, account: Account, data: bytes) -> None:
    contract = deploy(chain, account)
    gas = chain.estimate_gas(contract, data, sender=account.address)
    enough = chain.send_raw(account.sign(contract, data, gas=gas)[0])
    assert mined(chain, enough).succeeded
    fresh = word(2) + data[32:] if data else data
    short = chain.node.batch(
        [("eth_sendRawTransaction", ["0x" + account.sign(contract, fresh, gas=gas * 98 // 100)[0].hex()])]
    )[0]
    assert isinstance(short, NodeRefusedError) or not mined(chain, short).succeeded


def test_a_transfer_is_estimated_to_the_unit(chain: Chain) -> None:
    assert chain.estimate_gas(Address("0x" + "11" * 20), b"") == 21_000


def test_a_call_that_sends_what_it_has_not_is_refused(node: EmbeddedNode) -> None:
    message = {"from": "0x" + "11" * 20, "to": RICH.address, "value": "0x1"}
    with pytest.raises(NodeRefusedError, match="insufficient funds for transfer"):
        node.rpc("eth_call", [message, "latest"])
