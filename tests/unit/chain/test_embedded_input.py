"""The embedded node: filters of logs, bad input, and the machinery beneath."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import rlp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.client import Chain
from chain.embedded import EmbeddedNode
from chain.intents import Address, keccak
from chain.node import NodeRefusedError
from tests.nodelab import CHAIN_ID, RICH, Account, deploy, mined, topic, typed, word


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path / "chain.db", CHAIN_ID)
    yield node
    node.close()


@pytest.fixture
def chain(node: EmbeddedNode) -> Chain:
    return Chain(node)


# Logs


def brute(chain: Chain, first: int, last: int, address: Any, topics: list[Any]) -> list[tuple[int, int]]:
    """The logs that a filter means, found by looking at every receipt."""
    found = []
    for number in range(first, last + 1):
        block = chain.block(number)
        for hash_ in block.transactions if block else ():
            for log in mined(chain, hash_).logs:
                if address and log.address not in address:
                    continue
                places = [set(p) if p else None for p in topics]
                if len(places) <= len(log.topics) and all(
                    p is None or log.topics[i] in p for i, p in enumerate(places)
                ):
                    found.append((log.block_number, log.position))
    return found


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chain, list[Address]]]:
    chain = Chain(EmbeddedNode(tmp_path_factory.mktemp("logged") / "chain.db", CHAIN_ID))
    account = Account()
    contracts = [deploy(chain, account) for _ in range(2)]
    for block in range(4):
        chain.send_raw_many(
            [account.put(contracts[n % 2], n % 3, block, gas=100_000)[0] for n in range(5)]
            + [account.sign(contracts[0], bytes(64) + bytes(32), gas=200_000)[0]]
        )
    yield chain, contracts
    chain.node.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.data())
def test_log_filters_find_what_is_there(logged: tuple[Chain, list[Address]], choice: st.DataObject) -> None:
    chain, contracts = logged
    callers = [bytes(12) + bytes.fromhex(a[2:]) for a in (RICH.address, *contracts)]
    first = choice.draw(st.integers(0, 7))
    last = choice.draw(st.integers(first, 8))
    addresses = choice.draw(st.lists(st.sampled_from([*contracts, Address("0x" + "11" * 20)]), max_size=3))
    places = [st.sampled_from([word(n) for n in range(4)]), st.sampled_from(callers), st.just(topic("none"))]
    topics = [choice.draw(st.lists(p, max_size=2)) for p in places[: choice.draw(st.integers(0, 3))]]
    logs = chain.logs(first, last, addresses=addresses, topics=topics)
    assert [(log.block_number, log.position) for log in logs] == brute(chain, first, last, addresses, topics)


def test_logs_of_a_block_by_its_hash(logged: tuple[Chain, list[Address]]) -> None:
    chain, _ = logged
    block = chain.block(4)
    assert block is not None
    answer = chain.node.rpc("eth_getLogs", [{"blockHash": block.hash}])
    assert [log["blockNumber"] for log in answer] == ["0x4"] * 6
    with pytest.raises(NodeRefusedError, match="unknown block"):
        chain.node.rpc("eth_getLogs", [{"blockHash": "0x" + "11" * 32}])


def test_a_receipt_blooms_with_its_logs(logged: tuple[Chain, list[Address]]) -> None:
    from eth_bloom.bloom import BloomFilter

    chain, contracts = logged
    answer = chain.node.rpc("eth_getBlockByNumber", ["0x3", False])
    whole = BloomFilter(int(answer["logsBloom"], 16))
    assert bytes.fromhex(contracts[0][2:]) in whole
    union = 0
    for hash_ in answer["transactions"]:
        union |= int(chain.node.rpc("eth_getTransactionReceipt", [hash_])["logsBloom"], 16)
    assert union == int(answer["logsBloom"], 16)


# Bad input


METHODS = ["eth_getBalance", "eth_getCode", "eth_getStorageAt", "eth_getTransactionCount", "eth_call"]
METHODS += ["eth_estimateGas", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getTransactionByHash"]
METHODS += ["eth_getTransactionReceipt", "eth_getLogs", "eth_sendRawTransaction", "eth_chainId"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(
        ["latest", "pending", "0x", "0x0", "0x00", "0x1", "0xg", "-0x1", "0x" + "f" * 64, "0x" + "f" * 65]
    ),
    st.binary(max_size=40).map(lambda b: "0x" + b.hex()),
)
NAMES = st.sampled_from(
    ["from", "to", "data", "input", "gas", "value", "gasPrice", "chainId", "fromBlock", "toBlock", "address",
     "topics", "blockHash", "x"]
)  # fmt: skip
NESTED = st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=5)
OBJECTS = st.dictionaries(NAMES, st.one_of(SCALARS, NESTED))
PARAMS = st.lists(st.one_of(SCALARS, OBJECTS, st.lists(SCALARS, max_size=2)), max_size=4)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chain, Address]]:
    chain = Chain(EmbeddedNode(tmp_path_factory.mktemp("fuzzed") / "chain.db", CHAIN_ID))
    yield chain, deploy(chain, Account())
    chain.node.close()


@settings(max_examples=400, deadline=None)
@given(method=st.sampled_from(METHODS), params=PARAMS)
def test_wrong_parameters_are_refused_by_name(
    fuzzed: tuple[Chain, Address], method: str, params: list[Any]
) -> None:
    chain, _ = fuzzed
    (answer,) = chain.node.batch([(method, params)])
    if isinstance(answer, NodeRefusedError):
        assert answer.rpc_code in (-32602, -32000, 3)
    assert chain.nonce(RICH.address) == 1


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x11"]),
        ("eth_getBalance", [RICH.address, "newest"]),
        ("eth_getBlockByNumber", ["0x01", False]),
        ("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x0"}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"topics": "0x"}]),
        ("eth_getLogs", [{"address": ["0x" + "11" * 20] * 1001}]),
        ("eth_getLogs", [{"topics": [None, ["0x" + "11" * 32] * 1001]}]),
        ("eth_call", [{"chainId": "0x1"}, "latest"]),
        ("eth_call", ["0x"]),
        ("eth_chainId", ["surplus"]),
        ("eth_sendRawTransaction", []),
        ("eth_sendRawTransaction", ["0xg"]),
    ],
)
def test_each_wrong_parameter(node: EmbeddedNode, method: str, params: list[Any]) -> None:
    with pytest.raises(NodeRefusedError, match="invalid params") as caught:
        node.rpc(method, params)
    assert caught.value.rpc_code == -32602


def test_numbers_beyond_the_head_are_no_error(node: EmbeddedNode) -> None:
    most = "0x" + "f" * 64
    assert node.rpc("eth_getLogs", [{"fromBlock": most, "toBlock": most}]) == []
    assert node.rpc("eth_getLogs", [{"fromBlock": "0x0", "toBlock": most}]) == []
    assert node.rpc("eth_getBlockByNumber", [most, False]) is None


def test_state_of_a_block_to_come_is_refused(node: EmbeddedNode) -> None:
    with pytest.raises(NodeRefusedError, match="header not found"):
        node.rpc("eth_getBalance", [RICH.address, "0x9"])


def test_an_unknown_method_is_refused(node: EmbeddedNode) -> None:
    for method in ("evm_mine", "debug_traceTransaction", "eth_getProof", "eth_feeHistory", "__init__", ""):
        with pytest.raises(NodeRefusedError, match="does not exist") as caught:
            node.rpc(method, [])
        assert caught.value.rpc_code == -32601


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=200))
def test_garbage_is_no_transaction(fuzzed: tuple[Chain, Address], raw: bytes) -> None:
    chain, _ = fuzzed
    with pytest.raises(NodeRefusedError):
        chain.send_raw(raw)
    assert chain.nonce(RICH.address) == 1


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10_000), change=st.integers(1, 255), kind=st.integers(0, 1))
def test_a_bent_transaction_is_never_the_senders(
    fuzzed: tuple[Chain, Address], place: int, change: int, kind: int
) -> None:
    chain, contract = fuzzed
    nonce = 77  # out of turn for whomever the bent signature names, unless the nonce itself is bent
    good = Account().put(contract, 1, 1, nonce=nonce)[0] if kind else typed(RICH, nonce=nonce)
    bent = bytearray(good)
    bent[place % len(bent)] ^= change
    (answer,) = chain.send_raw_many([bytes(bent)])
    if not isinstance(answer, NodeRefusedError):
        transaction = chain.transaction(answer)
        assert transaction is not None
        assert transaction.sender != RICH.address
    assert chain.nonce(RICH.address) == 1


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "type not supported"),
        (b"\x03" + bytes(40), "type not supported"),
        (b"\x7f" + bytes(40), "type not supported"),
        (b"\xc0", "cannot be read"),
        (b"\xf8" * 1000, "cannot be read"),
        (bytes([0xC1]) * 100_000, "cannot be read"),
        (b"\xc0" * 200_000, "oversized data"),
    ],
)
def test_each_malformed_transaction(chain: Chain, raw: bytes, words: str) -> None:
    with pytest.raises(NodeRefusedError, match=words):
        chain.send_raw(raw)


def spelled(parts: Sequence[bytes]) -> bytes:
    body = b"".join(parts)
    return bytes([0xF8, len(body)]) + body


FIELDS = Account().put(Address("0x" + "11" * 20), 1, 1)[0]
PARTS = [rlp.encode(field) for field in rlp.decode(FIELDS)]


@pytest.mark.parametrize(
    "raw",
    [
        spelled([b"\x00", *PARTS[1:]]),
        spelled([b"\x81\x05", *PARTS[1:]]),
        spelled([b"\x82\x00\x05", *PARTS[1:]]),
        spelled([b"\xb8\x01\x85", *PARTS[1:]]),
        spelled([*PARTS[:5], b"\xb9\x00\x40" + PARTS[5][2:], *PARTS[6:]]),
        spelled([*PARTS, b"\x80"]),
        b"\xf9\x00" + FIELDS[1:],
        FIELDS + b"\x00",
    ],
)
def test_one_transaction_has_one_spelling(chain: Chain, raw: bytes) -> None:
    assert spelled(PARTS) == FIELDS
    with pytest.raises(NodeRefusedError, match="cannot be read"):
        chain.send_raw(raw)


def legacy(**changes: Any) -> bytes:
    """A legacy transaction with numbers that a careful signer would not sign."""
    body = {"nonce": 0, "price": 0, "gas": 21_000, "to": bytes(20), "value": 0, "data": b""} | changes
    fields = [body[name] for name in ("nonce", "price", "gas", "to", "value", "data")]
    rsv = RICH.sign(keccak(rlp.encode([*fields, CHAIN_ID, 0, 0]))).rsv
    r, s = int.from_bytes(rsv[:32], "big"), int.from_bytes(rsv[32:64], "big")
    v = rsv[64] - 27 + 35 + 2 * CHAIN_ID
    if changes.get("high_s"):
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        v, s = v ^ 1 if v % 2 else v - 1, order - s
        v = (rsv[64] - 27 ^ 1) + 35 + 2 * CHAIN_ID
    return bytes(rlp.encode([*fields, v, r, s]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gas": 20_999}, "intrinsic gas too low"),
        ({"gas": 2**64}, "more than 64 bits"),
        ({"nonce": 2**64 - 1}, "more than 64 bits"),
        ({"value": 2**256}, "more than 256 bits"),
        ({"price": 2**256}, "more than 256 bits"),
        ({"to": bytes(19)}, "cannot be read"),
        ({"to": b"", "data": bytes(49_153), "gas": 9_000_000}, "max initcode size exceeded"),
        ({"high_s": True}, "upper half"),
    ],
)
def test_each_absurd_transaction(chain: Chain, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NodeRefusedError, match=words):
        chain.send_raw(legacy(**changes))
    assert chain.block_number() == 0


def test_a_tip_over_the_whole_price_is_refused(chain: Chain) -> None:
    body = [CHAIN_ID, 0, 2, 1, 50_000, bytes(20), 0, b"", []]
    rsv = RICH.sign(keccak(b"\x02" + rlp.encode(body))).rsv
    numbers = [rsv[64] - 27, int.from_bytes(rsv[:32], "big"), int.from_bytes(rsv[32:64], "big")]
    with pytest.raises(NodeRefusedError, match="higher than max fee"):
        chain.send_raw(b"\x02" + rlp.encode([*body, *numbers]))


# The machinery


def test_asking_for_a_node_imports_no_machine() -> None:
    program = (
        "import sys, chain.node, chain.client, chain.rpcserver\n"
        "assert not {'eth', 'eth_tester', 'trie', 'sqlite3'} & sys.modules.keys(), 'imported'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


def test_a_deep_text_does_not_kill_the_process() -> None:
    program = (
        "import chain.embedded, json, threading\n"
        "def run():\n"
        "    try: json.loads('[' * 200_000)\n"
        "    except RecursionError: print('refused')\n"
        "run(); thread = threading.Thread(target=run); thread.start(); thread.join()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3], capture_output=True
    )
    assert done.stdout == b"refused\n" * 2


def test_the_fast_libraries_are_in_use() -> None:
    program = (
        "import chain.evm\n"
        "from eth_hash.auto import keccak; keccak(b'')\n"
        "import eth_keys\n"
        "import sys; assert 'eth_hash.backends.pysha3' in sys.modules\n"
        "assert 'eth_hash.backends.pycryptodome' not in sys.modules\n"
        "from eth_keys.backends import CoinCurveECCBackend, get_backend\n"
        "assert isinstance(get_backend(), CoinCurveECCBackend)"
    )
    environment = {"PATH": ""}
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3], env=environment
    )
