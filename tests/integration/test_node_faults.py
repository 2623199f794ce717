"""Nodes that are down, hung, of another chain, lying or babbling; and the embedded node killed at work."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chain.client import Chain
from chain.embedded import EmbeddedNode
from chain.node import HttpNode, NodeDownError, NodeHungError, NodeRefusedError, WrongChainError, open_node
from tests.integration.conftest import CHAIN_ID, Anvil, Served
from tests.nodelab import Account, deploy, mined, word
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("LANDBRIDGE_KILLS", "10"))


@contextmanager
def answering(answer: Callable[[Any], bytes], *, status: int = 200, **headers: str) -> Iterator[str]:
    """A server that says to every request what it is told to say."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = answer(request)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a caller that hangs up is what some tests are about

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def accepting(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that treats each bare connection as it is told to."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the caller gives up, as it should
                serve(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def replying(result: Any, chain_id: Any = hex(CHAIN_ID)) -> Callable[[Any], bytes]:
    """A JSON-RPC node whose every result is the same, but for its chain's id."""

    def answer(request: Any) -> bytes:
        if isinstance(request, list):
            return b"[" + b",".join(answer(item) for item in request) + b"]"
        said = chain_id if request["method"] == "eth_chainId" else result
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": said}).encode()

    return answer


def connect(url: str, **options: Any) -> HttpNode:
    return HttpNode(url, expected_chain_id=CHAIN_ID, **{"timeout": 5.0} | options)


# Down and hung


def test_a_node_that_is_down() -> None:
    node = connect(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NodeDownError) as caught:
        node.rpc("eth_blockNumber", [])
    assert caught.value.code == "node-down"
    with pytest.raises(NodeDownError):
        node.batch([("eth_blockNumber", [])])
    node.close()
    with pytest.raises(NodeDownError):
        node.rpc("eth_blockNumber", [])


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://127.0.0.1:99999", "http://"])
def test_an_address_that_leads_nowhere(url: str) -> None:
    node = connect(url)
    with pytest.raises(NodeDownError):
        node.rpc("eth_blockNumber", [])
    node.close()


def test_a_node_that_hangs() -> None:
    with accepting(lambda connection: time.sleep(30)) as url:
        node = connect(url, timeout=0.5)
        start = time.monotonic()
        with pytest.raises(NodeHungError) as caught:
            node.rpc("eth_blockNumber", [])
        assert caught.value.code == "node-hung"
        assert time.monotonic() - start < 15  # by its own limit, long before the node lets go
        node.close()


def test_a_node_that_drips() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(300):
            connection.sendall(b" ")
            time.sleep(0.1)

    with accepting(drip) as url:
        node = connect(url, timeout=0.7)
        start = time.monotonic()
        with pytest.raises(NodeHungError):
            node.rpc("eth_blockNumber", [])
        assert time.monotonic() - start < 15
        node.close()


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", b"SSH-2.0\r\n\r\n"]
)
def test_a_connection_that_breaks(said: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)
        connection.close()

    with accepting(serve) as url:
        node = connect(url)
        with pytest.raises(NodeDownError):
            node.rpc("eth_blockNumber", [])
        node.close()


def test_a_node_behind_a_proxy_that_misses_it() -> None:
    for status, error in (
        (502, NodeDownError),
        (503, NodeDownError),
        (401, NodeRefusedError),
        (404, NodeRefusedError),
    ):
        with answering(lambda _: b"<html>", status=status) as url:
            node = connect(url)
            with pytest.raises(error, match="proxy" if status > 500 else f"status {status}"):
                node.rpc("eth_blockNumber", [])
            node.close()


def test_a_node_that_comes_back(tmp_path: Path) -> None:
    port = free_port()
    node = connect(f"http://127.0.0.1:{port}")
    chain = Chain(node)
    with pytest.raises(NodeDownError):
        chain.block_number()
    embedded = EmbeddedNode(tmp_path / "chain.db", CHAIN_ID)
    for _ in range(2):
        with Served(embedded, port=port):
            assert chain.block_number() == 0
        with pytest.raises(NodeDownError):
            chain.block_number()
    node.close()
    embedded.close()


# Another chain


def test_a_node_of_another_chain_is_never_sent_anything() -> None:
    seen: list[str] = []

    def answer(request: Any) -> bytes:
        seen.append(request["method"])
        return replying(None, "0x1")(request)

    with answering(answer) as url:
        node = connect(url)
        for _ in range(2):
            with pytest.raises(WrongChainError) as caught:
                node.rpc("eth_sendRawTransaction", ["0x00"])
            assert caught.value.params == {"expected": str(CHAIN_ID), "found": "1"}
        assert set(seen) == {"eth_chainId"}
        node.close()


@pytest.mark.parametrize("gone", ["while it was asked", "while nobody asked"])
def test_a_node_replaced_by_another_chains_is_found_out(tmp_path: Path, gone: str) -> None:
    port = free_port()
    chain = Chain(connect(f"http://127.0.0.1:{port}"))
    first = EmbeddedNode(tmp_path / "a.db", CHAIN_ID)
    second = EmbeddedNode(tmp_path / "b.db", CHAIN_ID + 1)
    with Served(first, port=port):
        assert chain.block_number() == 0
    if gone == "while it was asked":
        with pytest.raises(NodeDownError):
            chain.block_number()
    with Served(second, port=port), pytest.raises(WrongChainError):
        chain.block_number()
    with Served(first, port=port):
        assert chain.block_number() == 0
    chain.node.close()
    first.close()
    second.close()


# Lies and babble


BABBLE: dict[str, Callable[[Any], bytes]] = {
    "nothing": lambda _: b"",
    "no JSON": lambda _: b"hello",
    "no UTF-8": lambda _: b'{"jsonrpc":"2.0","id":1,"result":"\xff"}',
    "NaN": lambda _: b'{"jsonrpc":"2.0","id":1,"result":NaN}',
    "deep": lambda _: b"[" * 200_000,
    "a digit storm": lambda _: b'{"jsonrpc":"2.0","id":1,"result":' + b"9" * 10_000 + b"}",
    "a number": lambda _: b"7",
    "null": lambda _: b"null",
    "a list": lambda _: b"[]",
    "a list of junk": lambda _: b'[1,null,{"id":[]},{"id":{}},{"id":1}]',
    "no result": lambda _: b'{"jsonrpc":"2.0","id":1}',
    "another's id": lambda _: b'{"jsonrpc":"2.0","id":77,"result":"0x1"}',
    "an error that is a string": lambda _: b'{"jsonrpc":"2.0","id":1,"error":"no"}',
    "an error without words": lambda _: b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
    "an error with a wrong code": lambda _: (
        b'{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"m\\u0000\\ud800"}}'
    ),
}


@pytest.mark.parametrize("babble", BABBLE)
def test_babble_is_refused_by_name(babble: str) -> None:
    def answer(request: Any) -> bytes:
        if isinstance(request, dict) and request["method"] == "eth_chainId":
            return replying(None)(request)
        return BABBLE[babble](request)

    with answering(answer) as url:
        node = connect(url)
        with pytest.raises(NodeRefusedError) as caught:
            node.rpc("eth_blockNumber", [])
        assert str(caught.value).isprintable()
        assert caught.value.code == "node-refused"
        try:
            results = node.batch([("eth_blockNumber", []), ("eth_gasPrice", [])])
        except NodeRefusedError:
            pass
        else:
            assert all(isinstance(result, NodeRefusedError) for result in results)
        node.close()
        with connect_unchecked(url) as other, pytest.raises(NodeRefusedError):
            other.rpc("eth_blockNumber", [])


@contextmanager
def connect_unchecked(url: str) -> Iterator[HttpNode]:
    node = HttpNode(url, expected_chain_id=None, timeout=5)
    yield node
    node.close()


def test_a_chain_id_that_is_none_is_refused() -> None:
    for said in ("0x", "20777", None, [], 20777, "0x051529"):
        with answering(replying(None, said)) as url:
            node = connect(url)
            with pytest.raises(NodeRefusedError, match="malformed answer"):
                node.rpc("eth_blockNumber", [])
            node.close()


def test_a_huge_answer_is_refused_early() -> None:
    with answering(replying("0x" + "00" * 2_000_000)) as url:
        node = connect(url, max_bytes=1_000_000)
        with pytest.raises(NodeRefusedError, match="longer than 1000000"):
            node.rpc("eth_getCode", [])
        node.close()


def test_an_answer_that_would_unfold_is_refused() -> None:
    bomb = gzip.compress(bytes(50_000_000))

    def answer(request: Any) -> bytes:
        return bomb

    with (
        answering(answer, content_encoding="gzip") as url,
        connect_unchecked(url) as node,
        pytest.raises(NodeRefusedError, match="malformed answer"),
    ):
        node.rpc("eth_blockNumber", [])


def test_answers_of_a_batch_may_come_in_any_order() -> None:
    def answer(request: Any) -> bytes:
        if isinstance(request, dict):
            return replying(None)(request)
        said = [{"jsonrpc": "2.0", "id": item["id"], "result": item["params"][0]} for item in request]
        said.reverse()
        return json.dumps([*said[1:], {"jsonrpc": "2.0", "id": 99, "result": 0}]).encode()

    with answering(answer) as url:
        node = connect(url)
        results = node.batch([("m", [n]) for n in range(4)])
        assert results[:3] == [0, 1, 2]
        assert isinstance(results[3], NodeRefusedError)  # the one left out
        node.close()


def test_a_long_batch_goes_in_parts() -> None:
    sizes: list[int] = []

    def answer(request: Any) -> bytes:
        if isinstance(request, list):
            sizes.append(len(request))
        return replying("0x1")(request)

    with answering(answer) as url:
        node = connect(url)
        assert node.batch([("eth_gasPrice", [])] * 2500) == ["0x1"] * 2500
        assert sizes == [1000, 1000, 500]
        node.close()


# Anvil as it is used by others' tests: restart and reorg


def test_anvil_restarts_on_its_state(anvil: Anvil) -> None:
    chain = Chain(open_node(anvil.url, chain_id=CHAIN_ID))
    account = Account(gas_price=chain.gas_price() * 2)
    contract = deploy(chain, account)
    receipt = mined(chain, chain.send_raw(account.put(contract, 1, 2)[0]))
    anvil.restart()
    assert chain.receipt(receipt.transaction_hash) == receipt
    assert chain.call(contract, word(1)) == word(2)
    anvil.kill()
    with pytest.raises(NodeDownError):
        chain.block_number()
    anvil.start()
    assert chain.nonce(account.address) == 2
    chain.node.close()


def test_anvil_reorganises(anvil: Anvil) -> None:
    chain = Chain(open_node(anvil.url, chain_id=CHAIN_ID))
    account = Account(gas_price=chain.gas_price() * 2)
    contract = deploy(chain, account)
    receipts = [mined(chain, chain.send_raw(account.put(contract, 1, n)[0])) for n in range(3)]
    anvil.reorg(2)
    assert chain.block_number() == 4
    assert chain.receipt(receipts[0].transaction_hash) == receipts[0]
    assert [chain.receipt(r.transaction_hash) for r in receipts[1:]] == [None, None]
    assert chain.nonce(account.address) == 2
    chain.node.close()


# Killed at work


WORKER = """
import sys
from pathlib import Path
from chain.client import Chain
from chain.embedded import EmbeddedNode
from tests.nodelab import CHAIN_ID, Account

chain = Chain(EmbeddedNode(Path(sys.argv[1]), CHAIN_ID))
contract, several = sys.argv[2], int(sys.argv[3])
account = Account()
account.nonce = chain.nonce(account.address)
print("ready", flush=True)
while True:
    signed = [account.put(contract, account.nonce, account.nonce + 1) for _ in range(several)]
    answers = chain.send_raw_many([raw for raw, _ in signed])
    assert answers == [hash_ for _, hash_ in signed], answers
    print(" ".join(answers), flush=True)
"""


@pytest.mark.parametrize("several", [1, 7], ids=["one by one", "in batches"])
def test_killed_at_any_instant_it_keeps_what_it_acknowledged(tmp_path: Path, several: int) -> None:
    path = tmp_path / "chain.db"
    chain = Chain(EmbeddedNode(path, CHAIN_ID))
    account = Account()
    contract = deploy(chain, account)
    chain.node.close()
    acknowledged: list[str] = []
    random_ = random.Random(several)  # noqa: S311
    kills = (KILLS + 1) // 2
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), contract, str(several)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        threading.Timer(random_.uniform(0.0, 0.6), process.send_signal, [signal.SIGKILL]).start()
        lines = process.stdout.read().decode().split("\n")
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        # the last line may be cut; whole hashes in it were acknowledged all the same
        acknowledged += [hash_ for line in lines for hash_ in line.split() if len(hash_) == 66]

        chain.node = EmbeddedNode(path, CHAIN_ID)
        _is_whole(chain, account.address, contract, acknowledged)
        chain.node.close()
    node = EmbeddedNode(path, CHAIN_ID)
    node.verify()
    node.close()
    assert len(acknowledged) > kills
    print(f"{kills} kills, {len(acknowledged)} acknowledged transactions, none missing")


def _is_whole(chain: Chain, address: Any, contract: Any, acknowledged: list[str]) -> None:
    head = chain.block_number()
    blocks = [chain.block(number) for number in range(head + 1)]
    mined_: list[str] = []
    for number, block in enumerate(blocks):
        assert block is not None
        assert number == 0 or block.parent_hash == blocks[number - 1].hash  # type: ignore[union-attr]
        mined_ += block.transactions
    assert len(mined_) == len(set(mined_)) == chain.nonce(address)
    assert set(acknowledged) <= set(mined_)
    for hash_ in acknowledged[-20:]:
        receipt = chain.receipt(hash_)
        assert receipt is not None
        assert receipt.succeeded
    logs = chain.logs(0, head, addresses=[contract])
    assert [log.transaction_hash for log in logs] == mined_[1:]
    if len(mined_) > 1:
        assert chain.call(contract, word(len(mined_) - 1)) == word(len(mined_))
