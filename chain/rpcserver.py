"""A node served over HTTP as JSON-RPC 2.0, so that any tool can read it and anyone can send a signed act.

A bare ASGI application: reading and ``eth_sendRawTransaction``, nothing else, whatever the node behind it can
do. It holds no key and signs nothing.

>>> app = rpc_app(node)  # doctest: +SKIP
>>> uvicorn.run(app, host="127.0.0.1", port=8546)  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from chain.node import Node, NodeError, NodeRefusedError

__all__ = ["METHODS", "rpc_app"]

METHODS = frozenset(
    {
        "eth_accounts",
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_sendRawTransaction",
        "eth_syncing",
        "net_listening",
        "net_version",
        "web3_clientVersion",
    }
)
"""What is served: the portable subset."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_PARSE_ERROR, _INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMS, _INTERNAL = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
)
_BODY_SECONDS = 30


class _HttpError(Exception):
    def __init__(self, status: int, rpc_code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.answer = _error(None, rpc_code, message)


def rpc_app(
    node: Node, *, max_bytes: int = 4 << 20, max_batch: int = 1000, threads: int = 4
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The application.

    :param node: who answers
    :param max_bytes: a longer request is refused unread, with status 413
    :param max_batch: a batch of more calls is refused
    :param threads: how many requests are answered at once; the others wait
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="rpc")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, pool)
            return
        if scope["type"] != "http":
            return
        try:
            body = await _body(scope, receive, max_bytes)
        except _HttpError as error:
            await _respond(send, error.status, error.answer)
            return
        loop = asyncio.get_running_loop()
        await _respond(send, 200, await loop.run_in_executor(pool, _answer, node, body, max_batch))

    return app


async def _lifespan(receive: Receive, send: Send, pool: ThreadPoolExecutor) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            pool.shutdown(wait=True)
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    if scope["method"] != "POST":
        raise _HttpError(405, _INVALID_REQUEST, "send JSON-RPC by POST")
    headers = {name.lower(): value for name, value in scope["headers"]}
    # Also what keeps pages of other origins out: a browser asks before it posts JSON across origins.
    if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
        raise _HttpError(415, _INVALID_REQUEST, "the content type is application/json")
    length = headers.get(b"content-length", b"0")
    too_long = _HttpError(413, _INVALID_REQUEST, f"request longer than {max_bytes} bytes")
    if not length.isdigit() or int(length[:20]) > max_bytes:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _HttpError(400, _INVALID_REQUEST, "the request ended early")
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise too_long
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _HttpError(408, _INVALID_REQUEST, "the request takes too long") from None


async def _respond(send: Send, status: int, answer: Any) -> None:
    # only notifications were sent: there is nothing to say
    content = b"" if answer is None else json.dumps(answer, separators=(",", ":")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _answer(node: Node, body: bytes, max_batch: int) -> Any:
    """A JSON-RPC 2.0 answer; ``None`` where none is due."""
    try:
        request = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _error(None, _PARSE_ERROR, "parse error")
    if not isinstance(request, list):
        answers = _answers(node, [request])
        return answers[0] if answers else None
    if not request:
        return _error(None, _INVALID_REQUEST, "empty batch")
    if len(request) > max_batch:
        return _error(None, _INVALID_REQUEST, f"batch of more than {max_batch} calls")
    return _answers(node, request) or None


def _answers(node: Node, requests: list[Any]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any] | None] = [None] * len(requests)
    calls: list[tuple[str, list[Any]]] = []
    places: list[int] = []
    for place, request in enumerate(requests):
        problem = _problem(request)
        if problem is None:
            calls.append((request["method"], request.get("params") or []))
            places.append(place)
        elif problem[0] == _INVALID_REQUEST or "id" in request:
            id_ = request.get("id") if isinstance(request, dict) else None
            answers[place] = _error(id_ if _is_id(id_) else None, *problem)
    try:
        results = node.batch(calls) if calls else []
    except NodeError as error:
        _LOG.warning("the node cannot answer: %s", error.code)
        results = [NodeRefusedError(f"{error.code}: {error.sentence}", rpc_code=_INTERNAL)] * len(calls)
    except Exception:
        _LOG.exception("a request failed")
        results = [NodeRefusedError("internal error", rpc_code=_INTERNAL)] * len(calls)
    for place, result in zip(places, results, strict=True):
        request = requests[place]
        if "id" not in request:
            continue
        if isinstance(result, NodeRefusedError):
            answers[place] = _error(request["id"], result.rpc_code, result.message, result.data)
        else:
            answers[place] = {"jsonrpc": "2.0", "id": request["id"], "result": result}
    return [answer for answer in answers if answer is not None]


def _problem(request: Any) -> tuple[int, str] | None:
    """What keeps a request from the node: its code and words."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not _is_id(request.get("id")):
        return _INVALID_REQUEST, "invalid request"
    method = request.get("method")
    if not isinstance(method, str):
        return _INVALID_REQUEST, "invalid request"
    if method not in METHODS:
        shown = method[:64]
        return _NO_METHOD, f"the method {shown} does not exist/is not available"
    if not isinstance(request.get("params", []), list | None):
        return _INVALID_PARAMS, "params are a list"
    return None


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _error(id_: object, rpc_code: int, message: str, extra: object = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": rpc_code, "message": message}
    if extra is not None:
        error["data"] = extra
    return {"jsonrpc": "2.0", "id": id_, "error": error}
