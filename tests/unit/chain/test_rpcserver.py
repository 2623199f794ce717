"""The JSON-RPC door: what it lets in, what it answers, what it keeps out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.node import Call, NodeHungError, NodeRefusedError
from chain.rpcserver import METHODS, rpc_app


class Echo:
    """A node that answers with what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Call] = []
        self.failure: Exception | None = None

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        raise NotImplementedError

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        self.seen += calls
        if self.failure:
            raise self.failure
        return [
            NodeRefusedError("reverted: no", rpc_code=3, data="0x01")
            if method == "eth_call"
            else [method, params]
            for method, params in calls
        ]

    def close(self) -> None:
        pass


def post(
    node: Echo,
    body: object,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    portions: int = 1,
    **options: Any,
) -> tuple[int, dict[str, str], Any]:
    """Send a request through the application; JSON unless it is bytes already."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = max(1, -(-len(content) // max(portions, 1)))
    messages = [
        {"type": "http.request", "body": content[i * size : (i + 1) * size], "more_body": i < portions - 1}
        for i in range(portions)
    ]
    sent: list[dict[str, Any]] = []
    given_headers = {"content-type": "application/json"} | (headers or {})

    async def run() -> None:
        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "headers": [(name.encode(), value.encode()) for name, value in given_headers.items()],
        }
        await rpc_app(node, **options)(scope, receive, send)

    asyncio.run(run())
    start, end = sent
    answer = json.loads(end["body"]) if end["body"] else None
    return start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, answer


def call(method: str = "eth_chainId", id_: Any = 1, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, "method": method} | more


def code_of(answer: Any) -> int:
    assert answer["jsonrpc"] == "2.0"
    assert "result" not in answer
    return int(answer["error"]["code"])


def test_a_call_is_answered() -> None:
    status, headers, answer = post(Echo(), call("eth_getBalance", "seven", params=["0x1", "latest"]))
    assert (status, headers["content-type"]) == (200, "application/json")
    assert answer == {"jsonrpc": "2.0", "id": "seven", "result": ["eth_getBalance", ["0x1", "latest"]]}


def test_a_refusal_keeps_code_words_and_data() -> None:
    _, _, answer = post(Echo(), call("eth_call", 2))
    assert answer == {
        "jsonrpc": "2.0",
        "id": 2,
        "error": {"code": 3, "message": "reverted: no", "data": "0x01"},
    }


def test_a_batch_is_one_batch_of_the_node_and_answered_in_order() -> None:
    node = Echo()
    bad: list[Any] = [7, {}, call("evm_mine", 5), call(params={}, id_=6), {"jsonrpc": "1.0", "id": 8}]
    notice = {"jsonrpc": "2.0", "method": "eth_chainId"}
    quiet = {"jsonrpc": "2.0", "method": "evm_mine"}
    _, _, answers = post(node, [call(id_=1), *bad, notice, quiet, call("eth_call", 9)], portions=3)
    assert [a["id"] for a in answers] == [1, None, None, 5, 6, 8, 9]
    assert [code_of(a) for a in answers[1:]] == [-32600, -32600, -32601, -32602, -32600, 3]
    assert [method for method, _ in node.seen] == ["eth_chainId", "eth_chainId", "eth_call"]


def test_a_notification_is_done_and_not_answered() -> None:
    node = Echo()
    status, headers, answer = post(node, {"jsonrpc": "2.0", "method": "eth_chainId"})
    assert (status, headers["content-length"], answer) == (200, "0", None)
    assert len(node.seen) == 1
    assert post(node, [{"jsonrpc": "2.0", "method": "eth_chainId"}])[2] is None


def test_only_the_portable_subset_passes() -> None:
    node = Echo()
    for method in METHODS:
        assert "error" not in post(node, call(method))[2] or method == "eth_call"
    seen = len(node.seen)
    others = [
        "eth_sendTransaction",
        "eth_sign",
        "personal_unlockAccount",
        "anvil_setBalance",
        "debug_traceCall",
    ]
    for method in [*others, "admin_peers", "ETH_CALL", "", "eth_getProof"]:
        assert code_of(post(node, call(method))[2]) == -32601
    assert len(node.seen) == seen


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,",
        b"\xff\xfe",
        b'{"id":NaN}',
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    status, _, answer = post(Echo(), body)
    assert (status, answer["id"], code_of(answer)) == (200, None, -32700)


@pytest.mark.parametrize(
    "body", [7, None, "x", [], True, {"id": {}}, call(id_={}), call(id_=True), call(method=1)]
)
def test_what_is_no_request(body: Any) -> None:
    status, _, answer = post(Echo(), body)
    assert (status, answer["id"], code_of(answer)) == (200, None if not _has_id(body) else 1, -32600)


def _has_id(body: Any) -> bool:
    return isinstance(body, dict) and body.get("id") == 1 and body.get("id") is not True


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_babble_is_always_answered(body: bytes) -> None:
    status, _, _ = post(Echo(), body)
    assert status == 200


def test_size_is_bounded_told_or_not() -> None:
    node = Echo()
    body = json.dumps(call(params=["x" * 500])).encode()
    told = post(node, body, headers={"content-length": str(len(body))}, max_bytes=300)
    untold = post(node, body, portions=5, max_bytes=300)
    for status, headers, answer in (told, untold):
        assert (status, headers["connection"], code_of(answer)) == (413, "close", -32600)
    assert post(node, b"{}", headers={"content-length": "9" * 30})[0] == 413
    assert post(node, b"{}", headers={"content-length": "-1"})[0] == 413
    assert node.seen == []
    assert post(node, body, headers={"content-length": str(len(body))}, max_bytes=1000)[0] == 200


def test_a_batch_is_bounded() -> None:
    node = Echo()
    assert code_of(post(node, [call()] * 6, max_batch=5)[2]) == -32600
    assert node.seen == []
    assert len(post(node, [call()] * 5, max_batch=5)[2]) == 5


def test_only_json_by_post() -> None:
    status, headers, answer = post(Echo(), b"", method="GET")
    assert (status, headers["allow"], code_of(answer)) == (405, "POST", -32600)
    for kind in ("text/plain", "", "application/x-www-form-urlencoded"):
        assert post(Echo(), call(), headers={"content-type": kind})[0] == 415
    assert post(Echo(), call(), headers={"content-type": "Application/JSON; charset=utf-8"})[0] == 200


def test_a_request_that_ends_early() -> None:
    status, _, _ = post(Echo(), b"", portions=0)
    assert status == 400


def test_a_node_that_fails_is_named_and_nothing_leaks() -> None:
    node = Echo()
    node.failure = NodeHungError("the node gave no answer in 5 seconds")
    answer = post(node, call())[2]
    assert code_of(answer) == -32603
    assert answer["error"]["message"] == "node-hung: the node gave no answer in 5 seconds"
    node.failure = ZeroDivisionError("secret")
    answers = post(node, [call(), call(id_=2)])[2]
    assert [code_of(a) for a in answers] == [-32603] * 2
    assert "secret" not in json.dumps(answers)


def test_it_starts_and_ends_with_its_server() -> None:
    sent: list[str] = []

    async def run() -> None:
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        app = rpc_app(Echo())
        await app({"type": "lifespan"}, receive, send)
        await app({"type": "websocket"}, receive, send)

    asyncio.run(run())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
