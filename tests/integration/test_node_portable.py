"""One suite for every node: embedded in the process, embedded over HTTP, and anvil."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as EthAccount
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3
from web3.exceptions import TransactionNotFound

from chain.client import Chain, Receipt
from chain.embedded import EmbeddedNode
from chain.intents import Address, keccak
from chain.node import NodeRefusedError, WrongChainError, open_node
from tests.integration.conftest import CHAIN_ID, Anvil, Served
from tests.nodelab import CREATION, RICH, RUNTIME, Account, deploy, mined, word

NODES = ["embedded", "embedded over http", "anvil"]


@dataclass
class Lab:
    """A node with a funded account and the contract."""

    kind: str
    url: str
    chain: Chain
    account: Account
    contract: Address

    @property
    def embedded(self) -> bool:
        return self.kind != "anvil"

    def put(self, key: int, value: int, to: Address | None = None) -> Receipt:
        """Store, and wait until it is mined."""
        return mined(self.chain, self.chain.send_raw(self.account.put(to or self.contract, key, value)[0]))


@pytest.fixture(params=NODES)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    kind: str = request.param
    if kind == "anvil":
        make: Callable[..., Anvil] = request.getfixturevalue("make_anvil")
        url = make().url
        yield _lab(kind, url, Chain(open_node(url, chain_id=CHAIN_ID)))
        return
    node = EmbeddedNode(tmp_path / "chain.db", CHAIN_ID, alloc={RICH.address: 10**22})
    if kind == "embedded":
        yield _lab(kind, "", Chain(node))
    else:
        with Served(node) as served:
            yield _lab(kind, served.url, Chain(open_node(served.url, chain_id=CHAIN_ID)))
    node.close()


def _lab(kind: str, url: str, chain: Chain) -> Lab:
    account = Account(gas_price=chain.gas_price() * 2)
    return Lab(kind, url, chain, account, deploy(chain, account))


def test_the_chain_says_who_it_is(lab: Lab) -> None:
    assert lab.chain.chain_id() == CHAIN_ID
    assert lab.chain.block_number() == 1
    assert lab.chain.node.rpc("net_version", []) == str(CHAIN_ID)
    assert isinstance(lab.chain.node.rpc("web3_clientVersion", []), str)
    assert lab.chain.node.rpc("eth_syncing", []) is False


def test_blocks_form_a_chain(lab: Lab) -> None:
    for n in range(3):
        lab.put(n, n)
    blocks = [lab.chain.block(n) for n in range(5)]
    for parent, block in pairwise(blocks):
        assert parent is not None
        assert block is not None
        assert block.parent_hash == parent.hash
        assert block.timestamp >= parent.timestamp
        assert lab.chain.block(block.hash) == block
        assert len(block.transactions) == 1
    assert lab.chain.block("latest") == blocks[-1]
    assert lab.chain.block("earliest") == blocks[0]
    assert lab.chain.block(1000) is None
    assert lab.chain.block("0x" + "12" * 32) is None


def test_a_block_is_dated_now(lab: Lab) -> None:
    time.sleep(2.1)
    before = int(time.time())
    lab.put(1, 1)
    block = lab.chain.block("latest")
    assert block is not None
    assert before - 1 <= block.timestamp <= time.time() + 1


def test_a_sent_transaction_is_found_with_all_it_did(lab: Lab) -> None:
    raw, hash_ = lab.account.put(lab.contract, 3, 5)
    assert lab.chain.send_raw(raw) == hash_ == "0x" + keccak(raw).hex()
    receipt = mined(lab.chain, hash_)
    transaction = lab.chain.transaction(hash_)
    block = lab.chain.block("latest")
    assert transaction is not None
    assert block is not None
    assert (receipt.succeeded, receipt.contract, receipt.to) == (True, None, lab.contract)
    assert receipt.sender == transaction.sender == lab.account.address
    assert receipt.block_number == transaction.block_number == block.number == 2
    assert receipt.block_hash == transaction.block_hash == block.hash
    assert (receipt.position, block.transactions) == (0, (hash_,))
    assert (transaction.nonce, transaction.data, transaction.value) == (1, word(3) + word(5), 0)
    assert block.gas_used == receipt.gas_used
    (log,) = receipt.logs
    assert (log.address, log.data) == (lab.contract, word(5))
    assert log.topics == (word(3), bytes(12) + bytes.fromhex(lab.account.address[2:]))
    assert (log.block_hash, log.transaction_hash, log.position) == (block.hash, hash_, 0)
    assert lab.chain.logs(2, 2) == [log]


def test_what_is_unknown_is_none(lab: Lab) -> None:
    nothing = "0x" + "ab" * 32
    assert lab.chain.receipt(nothing) is None
    assert lab.chain.transaction(nothing) is None


def test_state_is_read(lab: Lab) -> None:
    lab.put(1, 7)
    lab.put(1, 8)
    assert lab.chain.call(lab.contract, word(1)) == word(8)
    assert lab.chain.call(lab.contract, word(1), 2) == word(7)
    assert lab.chain.call(lab.contract, word(1), "pending") == word(8)
    assert lab.chain.code(lab.contract) == RUNTIME
    assert lab.chain.code(lab.account.address) == b""
    assert lab.chain.nonce(lab.account.address) == lab.chain.nonce(lab.account.address, "pending") == 3
    assert lab.chain.balance(lab.account.address) > 10**20
    assert lab.chain.node.rpc("eth_getStorageAt", [lab.contract, "0x1", "latest"]) == "0x" + word(8).hex()


def test_a_call_after_a_pause_sees_the_present(lab: Lab) -> None:
    time.sleep(2.1)
    before = int(time.time())
    seen = int.from_bytes(lab.chain.call(lab.contract, b"", "pending"), "big")
    assert before - 1 <= seen <= time.time() + 1


def test_a_revert_is_named_with_its_data(lab: Lab) -> None:
    for attempt in (
        lambda: lab.chain.call(lab.contract, bytes(1)),
        lambda: lab.chain.estimate_gas(lab.contract, bytes(1), sender=lab.account.address),
    ):
        with pytest.raises(NodeRefusedError) as caught:
            attempt()
        assert (caught.value.code, caught.value.reason, caught.value.rpc_code) == (
            "node-refused",
            "reverted",
            3,
        )
        assert caught.value.revert_data is not None
        assert caught.value.revert_data.startswith(bytes.fromhex("08c379a0"))
        assert "no such thing" in caught.value.message


def test_a_mined_revert_fails_and_spends_its_nonce(lab: Lab) -> None:
    hash_ = lab.chain.send_raw(lab.account.sign(lab.contract, bytes(1))[0])
    receipt = mined(lab.chain, hash_)
    assert (receipt.succeeded, receipt.logs) == (False, ())
    assert lab.chain.nonce(lab.account.address) == lab.account.nonce


def test_estimated_gas_is_enough(lab: Lab) -> None:
    for data in (word(9) + word(9), word(10) + word(9) + word(0)):
        gas = lab.chain.estimate_gas(lab.contract, data, sender=lab.account.address)
        receipt = mined(lab.chain, lab.chain.send_raw(lab.account.sign(lab.contract, data, gas=gas)[0]))
        assert receipt.succeeded
        assert gas < 2 * receipt.gas_used


@pytest.mark.parametrize("again", ["same", "other"])
def test_a_nonce_used_twice_is_refused(lab: Lab, again: str) -> None:
    raw, _ = lab.account.put(lab.contract, 1, 1)
    mined(lab.chain, lab.chain.send_raw(raw))
    other = raw if again == "same" else lab.account.put(lab.contract, 1, 2, nonce=1)[0]
    with pytest.raises(NodeRefusedError) as caught:
        lab.chain.send_raw(other)
    assert caught.value.reason in ("nonce-too-low", "already-known")
    assert lab.chain.call(lab.contract, word(1)) == word(1)


def test_a_gap_in_nonces_is_not_jumped(lab: Lab) -> None:
    gap = lab.account.put(lab.contract, 1, 2, nonce=2)[0]
    try:
        lab.chain.send_raw(gap)  # anvil keeps it for later, the embedded node does not take it
    except NodeRefusedError as error:
        assert error.reason == "nonce-too-high"  # noqa: PT017
    assert (lab.chain.block_number(), lab.chain.nonce(lab.account.address)) == (1, 1)


@pytest.mark.parametrize("changes", [{"gas": 10_000}, {"gas": 2**40}, {"value": 10**30}])
def test_what_cannot_be_mined_is_refused(lab: Lab, changes: dict[str, int]) -> None:
    raw, _ = lab.account.put(lab.contract, 1, 1, nonce=1, **changes)
    with pytest.raises(NodeRefusedError) as caught:
        lab.chain.send_raw(raw)
    assert caught.value.reason == ("insufficient-funds" if "value" in changes else "other")
    assert (lab.chain.block_number(), lab.chain.nonce(lab.account.address)) == (1, 1)


# Anvil 1.7.1 mines what is signed for another chain: only a node that is nobody's toy refuses it.
@pytest.mark.parametrize("lab", NODES[:2], indirect=True)
def test_a_transaction_of_another_chain_is_refused(lab: Lab) -> None:
    raw, _ = Account(chain_id=CHAIN_ID + 1).put(lab.contract, 1, 1, nonce=1)
    with pytest.raises(NodeRefusedError, match="invalid chain id"):
        lab.chain.send_raw(raw)
    assert lab.chain.block_number() == 1


@pytest.mark.parametrize("raw", [b"", b"\xc0", b"\x05" + bytes(20), b"\xff" * 100])
def test_garbage_is_refused(lab: Lab, raw: bytes) -> None:
    with pytest.raises(NodeRefusedError):
        lab.chain.send_raw(raw)


def test_log_filters(lab: Lab) -> None:
    second = deploy(lab.chain, lab.account)
    for n in range(6):
        lab.put(n % 3, n, (lab.contract, second)[n % 2])
    caller = bytes(12) + bytes.fromhex(lab.account.address[2:])

    def found(first: int, last: int, **wanted: Any) -> list[int]:
        return [int.from_bytes(log.data, "big") for log in lab.chain.logs(first, last, **wanted)]

    assert found(0, 8) == [0, 1, 2, 3, 4, 5]
    assert found(5, 6) == [2, 3]
    assert found(3, 2) == []
    assert found(0, 8, addresses=[second]) == [1, 3, 5]
    assert found(0, 8, addresses=[second, lab.contract]) == [0, 1, 2, 3, 4, 5]
    assert found(0, 8, topics=[[word(1)]]) == [1, 4]
    assert found(0, 8, topics=[[word(1), word(2)], [caller]]) == [1, 2, 4, 5]
    assert found(0, 8, topics=[[], [caller]]) == [0, 1, 2, 3, 4, 5]
    assert found(0, 8, topics=[[], [word(1)]]) == []
    assert found(0, 8, addresses=[second], topics=[[word(0)]]) == [3]


def test_a_batch_answers_each(lab: Lab) -> None:
    signed = [lab.account.put(lab.contract, n, n + 1) for n in range(5)]
    starved = lab.account.put(lab.contract, 1, 9, nonce=6, gas=10_000)[0]
    raws = [raw for raw, _ in signed]
    answers = lab.chain.send_raw_many([*raws[:3], starved, *raws[3:]])
    assert [a for a in answers if isinstance(a, str)] == [hash_ for _, hash_ in signed]
    assert isinstance(answers[3], NodeRefusedError)
    mined(lab.chain, signed[-1][1])
    receipts = lab.chain.receipts([hash_ for _, hash_ in signed] + ["0x" + "12" * 32])
    assert receipts[5] is None
    assert [r.succeeded for r in receipts if r is not None and not isinstance(r, NodeRefusedError)] == [
        True
    ] * 5
    # One block where the node lets us decide; anvil puts into one what comes close together.
    assert lab.chain.block_number() in ((2,) if lab.embedded else range(2, 7))
    answers = lab.chain.node.batch([("eth_chainId", []), ("no_such_method", []), ("eth_blockNumber", [])])
    assert answers[0] == hex(CHAIN_ID)
    assert isinstance(answers[1], NodeRefusedError)
    assert answers[1].rpc_code == -32601


@pytest.mark.parametrize("lab", NODES[1:], indirect=True)
def test_another_chain_is_refused(lab: Lab) -> None:
    node = open_node(lab.url, chain_id=CHAIN_ID + 1)
    with pytest.raises(WrongChainError):
        node.rpc("eth_blockNumber", [])
    with pytest.raises(WrongChainError):
        node.batch([("eth_blockNumber", [])])
    node.close()


@pytest.mark.parametrize("lab", NODES[1:], indirect=True)
def test_web3_as_an_independent_client(lab: Lab) -> None:
    web3 = Web3(HTTPProvider(lab.url))
    assert web3.is_connected()
    assert web3.eth.chain_id == CHAIN_ID
    key = RICH._key.secret

    def send(to: Address | None, data: bytes) -> Any:
        fields = {
            "nonce": web3.eth.get_transaction_count(to_checksum_address(RICH.address)),
            "gas": 400_000, "gasPrice": web3.eth.gas_price * 2, "value": 0, "data": data, "chainId": CHAIN_ID,
        } | ({"to": to_checksum_address(to)} if to else {})  # fmt: skip
        signed = EthAccount.sign_transaction(fields, key)
        return web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction))

    made = send(None, CREATION)
    contract = made["contractAddress"]
    assert bytes(web3.eth.get_code(contract)) == RUNTIME
    stored = send(Address(contract), word(4) + word(6))
    assert stored["status"] == 1
    assert bytes(web3.eth.call({"to": contract, "data": word(4)})) == word(6)
    (log,) = web3.eth.get_logs({"address": contract, "fromBlock": 0})
    assert bytes(log["topics"][0]) == word(4)
    block = web3.eth.get_block("latest", full_transactions=True)
    assert block["transactions"][0]["hash"] == stored["transactionHash"]
    assert web3.eth.get_transaction(stored["transactionHash"])["input"] == word(4) + word(6)
    assert web3.eth.estimate_gas({"to": contract, "data": word(5) + word(6)}) > 21_000
    with pytest.raises(Exception, match="no such thing"):
        web3.eth.call({"to": contract, "data": bytes(1)})
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction(bytes(32).hex())
